"""Orders for one small task."""

from __future__ import annotations

from cube.model.ids import AllocationId, TaskId
from cube.model.orders import Run
from cube.model.spec import TaskSpec

ID = AllocationId("t.1.1")
SPEC = TaskSpec(name="web", image="nginx")


def run(id: AllocationId = ID, spec: TaskSpec = SPEC) -> Run:
    """An order to run it."""
    return Run(id=id, task_id=TaskId("t"), slot=1, generation=1, spec=spec)
