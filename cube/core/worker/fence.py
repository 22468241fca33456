"""Which containers must not outlive the lease, also when this process can no longer see to it by itself."""

from __future__ import annotations

from cube.core.worker.lease import bound
from cube.core.worker.workload import Workload
from cube.model.container import ContainerState, Fence
from cube.model.ids import AllocationId


class Fenced:
    """The bound containers that run or may be about to. Looks at a workload only when it was touched."""

    def __init__(self) -> None:
        self._live: dict[AllocationId, tuple[str, ...]] = {}
        self._container_ids: tuple[str, ...] = ()
        self._told = Fence((), 0.0)

    def note(self, workload: Workload) -> None:
        """Take in what this workload has now."""
        # One that is made counts already: it may be started before the engine's answer is heard.
        live = tuple(
            seen.id for seen in workload.containers if seen.state is not ContainerState.EXITED
        )
        live = live if bound(workload) else ()
        if live == self._live.get(workload.id, ()):
            return
        self._live[workload.id] = live
        if not live:
            del self._live[workload.id]
        self._container_ids = tuple(id for ids in self._live.values() for id in ids)

    def news(self, kill_at: float) -> Fence | None:
        """Return the fence as it stands if it is another than was told last; None: nothing is new."""
        fence = Fence(self._container_ids, kill_at if self._container_ids else 0.0)
        if fence == self._told:
            return None
        self._told = fence
        return fence
