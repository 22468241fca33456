"""A manager process: the product's core, its commit loop, its workers, and the users' requests."""

from __future__ import annotations

from collections.abc import Callable

from cube.core.effects import Accepted, Answer, Rejected, Snapshot
from cube.core.inputs import Input
from cube.core.manager import ManagerCore
from cube.model.timing import Instant, Timing
from tests.simulation.conversation import Conversations
from tests.simulation.decider import Decider
from tests.simulation.ledger import Ledger, Reply
from tests.simulation.schedule import Process
from tests.simulation.witness import Witness

FULL = Reply(507)
REFUSED = Reply(409)
RECOVERING = Reply(503)


class Manager:
    """One process, begun from what the ledger holds."""

    def __init__(
        self,
        process: Process,
        ledger: Ledger,
        *,
        timing: Timing,
        strategy: str,
        witness: Witness,
        core: type[ManagerCore],
        decider: type[Decider],
    ) -> None:
        self.process = process
        self.ledger = ledger
        self._timing = timing
        self._strategy = strategy
        self._under_way: dict[str, list[Callable[[], None]]] = {}  # waiting, by key
        self.conversations = Conversations(process, witness)
        self._core_class = core
        self.decider = decider(
            process,
            ledger,
            self._build,
            witness,
            deliver=self.conversations.deliver,
            start_over=self.conversations.end_all,
        )
        self.conversations.decider = self.decider

    @property
    def core(self) -> ManagerCore:
        """What decides now."""
        return self.decider.core

    def _build(self, snapshot: Snapshot, now: Instant) -> ManagerCore:
        return self._core_class(snapshot, timing=self._timing, strategy=self._strategy, now=now)

    def kill(self) -> None:
        """The process dies."""
        self.process.kill()
        self.conversations.die()

    # -- requests, after `cube.manager.idempotency` -----------------------------------------------------------------

    def request(self, key: str, wish: Input, reply: Callable[[Reply], None]) -> None:
        """Do what the user wishes, once for a key however often it is asked for, and tell how it went."""
        if key in self._under_way:
            self._under_way[key].append(lambda: self.request(key, wish, reply))
            return
        self._under_way[key] = []

        def answer(said: Reply) -> None:
            waiting = self._under_way.pop(key, [])
            reply(said)
            for again in waiting:
                self.process.after(0.0, again)

        def look() -> None:
            known = self.ledger.requests.get(key)
            if known is not None:
                return answer(known)
            return self._decide(key, wish, answer)

        self.decider.settled(look, lambda: answer(FULL))

    def _decide(self, key: str, wish: Input, answer: Callable[[Reply], None]) -> None:
        said: list[Reply] = []

        def record(answers: list[Answer]) -> tuple[str, Reply] | None:
            said.append(_reply(answers[0]))
            return (key, said[0]) if said[0].status < 300 else None

        self.decider.post(
            [wish],
            record=record,
            told=lambda _: answer(said[0]),
            failed=lambda: answer(FULL),
            cause=key,
        )


def _reply(answer: Answer) -> Reply:
    match answer:
        case Rejected(code="recovering"):
            return RECOVERING
        case Rejected():
            return REFUSED
        case Accepted(task=task):
            return Reply(200, task.id, task.revision)
        case _:
            return Reply(200)
