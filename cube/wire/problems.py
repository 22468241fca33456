"""Errors on the wire: what a `CubeError` looks like as an RFC 9457 problem, and the way back.

One table holds both directions, so a client catches the same class that the manager raised.
"""

from __future__ import annotations

from typing import NamedTuple

from cube import errors
from cube.errors import CubeError, InvalidInput, Objection
from cube.wire.views import Problem

CONTENT_TYPE = "application/problem+json"


class _Kind(NamedTuple):
    """How one class of errors is told over HTTP."""

    error: type[CubeError]
    status: int
    title: str


# Statuses follow RFC 9110 and 4918 (507). LedgerHeld and LedgerBroken never leave the manager's start.
_KINDS = (
    _Kind(CubeError, 500, "Something went wrong"),
    _Kind(errors.InvalidInput, 400, "The input is not valid"),
    _Kind(errors.Ambiguous, 400, "Several things fit"),
    _Kind(errors.Unauthenticated, 401, "Who is asking is not known"),
    _Kind(errors.NotAllowed, 403, "Not allowed"),
    _Kind(errors.NotFound, 404, "No such thing"),
    _Kind(errors.Conflict, 409, "It contradicts what is there"),
    _Kind(errors.KeyReused, 422, "The key names another request"),
    _Kind(errors.TooLarge, 413, "Too large"),
    _Kind(errors.LedgerHeld, 500, "Another manager has the ledger"),
    _Kind(errors.LedgerBroken, 500, "The ledger cannot be trusted"),
    _Kind(errors.PeerFault, 502, "The other side broke the protocol"),
    _Kind(errors.ManagerAway, 503, "No manager answers"),
    _Kind(errors.Overloaded, 503, "Too much to do at present"),
    _Kind(errors.TooOften, 429, "Too many requests"),
    _Kind(errors.Recovering, 503, "The ledger is being recovered"),
    _Kind(errors.TimedOut, 504, "It took too long"),
    _Kind(errors.LedgerFull, 507, "No room to record the change"),
)
_BY_CODE = {kind.error.code: kind for kind in _KINDS}
_UNKNOWN = _BY_CODE[CubeError.code]


def problem_of(error: CubeError) -> Problem:
    """Return the problem document that tells of the error, status included."""
    kind = _BY_CODE.get(error.code, _UNKNOWN)
    return Problem(
        type=f"urn:cube:problem:{error.code}",
        title=kind.title,
        status=kind.status,
        detail=error.message,
        code=error.code,
        hint=error.hint,
        errors=error.objections if isinstance(error, InvalidInput) else (),
    )


def error_of(problem: Problem) -> CubeError:
    """Return the error the problem tells of. A code from a newer manager becomes a plain `CubeError` with it."""
    kind = _BY_CODE.get(problem.code)
    if kind is None:
        unknown = CubeError(problem.detail, hint=problem.hint)
        unknown.code = problem.code
        return unknown
    if issubclass(kind.error, InvalidInput):
        objections = problem.errors or (Objection("", problem.detail),)
        return InvalidInput(objections, hint=problem.hint)
    return kind.error(problem.detail, hint=problem.hint)
