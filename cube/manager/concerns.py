"""What is wrong in the whole cluster now, gathered without keeping anybody waiting."""

from __future__ import annotations

import asyncio

from cube.core.attention import about_manager, about_task
from cube.manager.decider import Decider
from cube.manager.doors import Core
from cube.manager.watch_views import attention_view, node_concern
from cube.model.concern import Concern
from cube.model.ids import TaskId
from cube.wire.watch import AttentionView

TASKS_AT_ONCE = 1000  # judged in one go: a few ms


async def all_concerns(decider: Decider) -> AttentionView:
    """Return everything that is wrong, the worst first."""
    tasks, concerns = await decider.read(lambda core: _wide(decider, core))
    for start in range(0, len(tasks), TASKS_AT_ONCE):
        some = tasks[start : start + TASKS_AT_ONCE]
        concerns += await decider.read(lambda core, some=some: _of(decider, core, some))  # type: ignore[misc]
        await asyncio.sleep(0)
    return attention_view(concerns)


def _wide(decider: Decider, core: Core) -> tuple[list[TaskId], list[Concern]]:
    """Return the tasks to look at, and what is wrong beside them."""
    doubt = decider.doubt
    concerns = about_manager(recovering=core.recovering, trouble=doubt.message if doubt else "")
    for node in core.cluster.nodes.values():
        if concern := node_concern(node, core):
            concerns.append(concern)
    return list(core.cluster.tasks), concerns


def _of(decider: Decider, core: Core, task_ids: list[TaskId]) -> list[Concern]:
    now_ms, tasks = decider.now().wall_ms, core.cluster.tasks
    found = [
        about_task(task, core.cluster, now_ms)
        for key in task_ids
        if (task := tasks.get(key)) is not None
    ]
    return [concern for concern in found if concern is not None]
