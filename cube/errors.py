"""The errors cube raises. Expected outcomes are return values; these are for what should not have happened.

CubeError
├── InvalidInput            a person's mistake: one or more objections, each with a path     exit 2
├── NotFound                no such task, node, …                                            exit 3
├── Ambiguous               a prefix that fits several                                       exit 1
├── Conflict                the name is taken, the revision moved on                         exit 6
│   └── KeyReused           an Idempotency-Key came with two different requests              exit 6
├── TooLarge                more than is read                                                exit 2
├── NotAllowed              not enough rights                                                exit 8
│   └── Unauthenticated     no valid token or certificate came along                         exit 8
├── Overloaded              the manager has too much to do; later it may not                 exit 1
│   └── TooOften            this caller asks for more than is its share                      exit 1
├── Recovering              the ledger was put back and is not complete again yet            exit 1
├── ManagerAway             nobody answers at that address                                   exit 7
├── TimedOut                waited as long as was asked                                      exit 124
├── LedgerHeld              another manager owns the data directory                          exit 1
├── LedgerFull              no room to record the change; nothing was changed                exit 1
├── LedgerBroken            the ledger does not read as it was written                       exit 1
├── PeerFault               the other side broke the protocol                                exit 1
└── RuntimeFailure          the container engine could not (cube.runtime.contract)           exit 1
"""

from __future__ import annotations

import msgspec


class CubeError(Exception):
    """Root of all errors of cube. `str()` is a sentence for people; `hint` the command or edit that helps."""

    code = "error"
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class Objection(msgspec.Struct, frozen=True):
    """One thing that is wrong with an input: where (`ports[0].host_port`) and what, with the fix."""

    path: str
    message: str


class InvalidInput(CubeError):
    """The input cannot be accepted; every objection is named."""

    code = "invalid_input"
    exit_code = 2

    def __init__(
        self, objections: tuple[Objection, ...], *, hint: str = "", what: str = "the input"
    ) -> None:
        lines = "; ".join(
            f"{objection.path}: {objection.message}" if objection.path else objection.message
            for objection in objections
        )
        super().__init__(lines or f"{what} is not valid", hint=hint)
        self.objections = objections


class NotFound(CubeError):
    """There is no such thing."""

    code = "not_found"
    exit_code = 3


class Ambiguous(CubeError):
    """Several things fit."""

    code = "ambiguous"


class Conflict(CubeError):
    """What was asked contradicts what is there."""

    code = "conflict"
    exit_code = 6


class KeyReused(Conflict):
    """One Idempotency-Key came with two different requests."""

    code = "key_reused"


class NotAllowed(CubeError):
    """The caller may not do this."""

    code = "not_allowed"
    exit_code = 8


class Unauthenticated(NotAllowed):
    """Nobody knows who the caller is."""

    code = "unauthenticated"


class TooLarge(CubeError):
    """The input is longer than anybody honest would send."""

    code = "too_large"
    exit_code = 2


class Overloaded(CubeError):
    """Turned away because too much is going on; the same may be asked again later."""

    code = "overloaded"


class TooOften(Overloaded):
    """The caller, or whoever uses its address, asks for more than is its share. `retry_after`: seconds."""

    code = "too_often"

    def __init__(self, message: str, *, hint: str = "", retry_after: int = 1) -> None:
        super().__init__(message, hint=hint or f"ask again in {retry_after} s")
        self.retry_after = retry_after


class Recovering(CubeError):
    """The ledger was put back to an earlier state, and what runs is still being put on record."""

    code = "recovering"


class ManagerAway(CubeError):
    """No manager answers."""

    code = "manager_away"
    exit_code = 7


class TimedOut(CubeError):
    """The wait is over, the thing has not happened."""

    code = "timed_out"
    exit_code = 124


class LedgerHeld(CubeError):
    """Another process has the ledger."""

    code = "ledger_held"


class LedgerFull(CubeError):
    """The disk has no room; the change was not made."""

    code = "ledger_full"


class LedgerBroken(CubeError):
    """The ledger cannot be trusted."""

    code = "ledger_broken"


class PeerFault(CubeError):
    """The other side of a connection broke the protocol."""

    code = "peer_fault"
