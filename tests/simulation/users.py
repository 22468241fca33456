"""People who want things, ask until they are answered, and remember what they were told."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from cube.core.inputs import Apply, Input, Restart, Scale, Stop, Submit
from cube.model.ids import TaskId
from cube.model.spec import HealthCheck, OnDisconnect, Port, ProbeKind, RestartPolicy, TaskSpec
from tests.simulation.faults import Air, Fault, Wish
from tests.simulation.ledger import Reply
from tests.simulation.manager import Manager
from tests.simulation.schedule import Schedule
from tests.simulation.witness import Witness

PATIENCE = 3.0  # with an answer; then the same is asked again under the same key
MIB = 1024**2


def spec_of(name: str, draws: tuple[float, ...]) -> TaskSpec:
    """Return the spec that these draws mean."""
    kind, replicas, bound, port, size, restart, health = draws[:7]
    ends = OnDisconnect.STOP if bound < 0.3 else OnDisconnect.KEEP
    priority, preempt = _RANKS[int(health * 997) % len(_RANKS)]
    policies = (RestartPolicy.ON_FAILURE, RestartPolicy.ALWAYS, RestartPolicy.NEVER)
    return TaskSpec(
        name=name,
        image=_pick(
            kind, ("app", 0.75), ("job", 0.1), ("crash", 0.06), ("new", 0.07), ("nowhere", 1)
        ),
        replicas=1 + int(replicas * 3),
        on_disconnect=ends,
        ports=(Port(80, 8080),) if port < 0.15 else (),
        cpu_millis=(0, 300, 700)[int(size * 3)],
        memory_bytes=(0, 100 * MIB, 300 * MIB)[int(size * 9) % 3],
        restart=policies[0 if restart < 0.7 else 1 if restart < 0.85 else 2],
        max_restarts=3 if restart > 0.95 else None,
        stop_grace_ms=(300, 1_000, 3_000)[int(bound * 30) % 3],
        health=HealthCheck(kind=ProbeKind.TCP, port=80) if health < 0.12 else None,
        priority=priority,
        preempt=preempt,
    )


_RANKS = ((50, False), (50, False), (20, False), (50, True), (90, True))


def _pick(draw: float, *choices: tuple[str, float]) -> str:
    for chosen, share in choices:
        if draw < share:
            return chosen
        draw -= share
    return choices[-1][0]


class User:
    """One person, who asks for one thing after the other and owns a few tasks."""

    def __init__(
        self,
        name: str,
        tasks: tuple[str, ...],
        schedule: Schedule,
        air: Air,
        witness: Witness,
        *,
        manager: Callable[[], Manager | None],
    ) -> None:
        self.name = name
        self._ids = {task: TaskId(f"{task}-1") for task in tasks}
        self._tasks = tasks
        self._made = 1
        self._asked = 0
        self._waiting: deque[Wish] = deque()
        self._key = ""  # of the request that is not answered yet
        self._try = 0
        self._refused: set[str] = set()
        self._schedule = schedule
        self._air = air
        self._witness = witness
        self._manager = manager

    @property
    def content(self) -> bool:
        """Whether nothing is left to be asked or answered."""
        return not self._key and not self._waiting

    def wish(self, wish: Wish) -> None:
        """Want something, now or when the former wish was granted."""
        self._waiting.append(wish)
        if not self._key:
            self._next()

    def _next(self) -> None:
        if not self._waiting:
            return
        wish = self._waiting.popleft()
        self._asked += 1
        self._key = f"{self.name}-{self._asked}"
        asked = self._input(wish.draws)
        if isinstance(asked, Submit | Apply):  # nothing else may start what was stopped
            self._witness.asked(asked.task_id)
            for id in self._ids.values():
                if isinstance(asked, Apply) and id.startswith(asked.spec.name):
                    self._witness.asked(id)
        self._send(asked, self._key)

    def _input(self, draws: tuple[float, ...]) -> Input:
        task = self._tasks[int(draws[0] * len(self._tasks))]
        id = self._ids[task]
        spec = spec_of(task, draws[4:])
        kind = draws[1]
        if kind < 0.3:
            if draws[2] < 0.2:
                id = self._ids[task] = self._new_id(task)
            return Submit(id, spec)
        if kind < 0.5:
            return Apply(self._new_id(task), spec)
        if kind < 0.7:
            return Stop(id)
        if kind < 0.85:
            return Scale(id, int(draws[3] * 4))
        return Restart(id)

    def _new_id(self, task: str) -> TaskId:
        self._made += 1
        return TaskId(f"{task}-{self._made}")

    # -- asking until it is answered ----------------------------------------------------------------------------

    def _send(self, asked: Input, key: str) -> None:
        if key != self._key:
            return
        self._try += 1
        attempt = self._try
        self._witness.story.tell(self.name, "asks ({}): {}", key, asked)
        if not self._air.strikes(Fault.USER_ANSWERS):
            self._schedule.after(self._delay(), self._arrive, asked, key, attempt)
        self._schedule.after(PATIENCE, self._again, asked, key, attempt)

    def _again(self, asked: Input, key: str, attempt: int) -> None:
        if attempt == self._try:
            self._send(asked, key)

    def _arrive(self, asked: Input, key: str, attempt: int) -> None:
        manager = self._manager()
        if key in self._refused:
            return  # its connection was closed; a refusal is not remembered, so it would be looked at again
        if manager is None or not manager.process.alive:
            self._schedule.after(0.2, self._again, asked, key, attempt)
            return

        def reply(said: Reply) -> None:
            if not self._air.strikes(Fault.USER_ANSWERS):
                self._schedule.after(self._delay(), self._answered, asked, key, said)

        manager.process.call(manager.request, key, asked, reply)

    def _delay(self) -> float:
        random = self._air.random
        return random.uniform(0.5, 5.0) if self._air.strikes(Fault.SLOW) else 0.02 * random.random()

    def _answered(self, asked: Input, key: str, said: Reply) -> None:
        if key != self._key:
            return
        if said.status >= 500:
            self._schedule.after(1.0, self._again, asked, key, self._try)
            return
        self._witness.story.tell(self.name, "is answered ({}): {}", key, said)
        self._key = ""
        self._try += 1
        if said.status >= 300:
            self._refused.add(key)
        if said.status < 300:
            if isinstance(asked, Apply):
                self._ids[asked.spec.name] = TaskId(said.task_id)
            stopped = isinstance(asked, Stop)
            self._witness.acknowledged(key, TaskId(said.task_id), said, stopped=stopped)
        self._next()
