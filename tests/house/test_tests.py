"""The rules of the tests themselves: each module has its own, and none of them waits for time to pass."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.house.checkout import MODULES, ROOT, TESTS, name_of, parsed

# Modules whose promises cannot be seen from outside of another one: tested through it, in the file named.
TESTED_THROUGH = {
    "cube/manager/sending.py": "tests/manager/test_event_api.py",
    "cube/manager/hearers.py": "tests/manager/test_watch_api.py",
    "cube/worker/reporting.py": "tests/worker/test_session.py",
    "cube/wire/placement_views.py": "tests/manager/test_placement_api.py",
    "cube/runtime/ending.py": "tests/runtime/test_contract.py",
    "cube/cli/placement_tables.py": "tests/cli/test_why.py",
    "cube/core/agenda.py": "tests/core/test_manager.py",
    "cube/core/reconcile/rolling.py": "tests/core/reconcile/test_slots.py",
    "cube/core/answer.py": "tests/core/test_why.py",
    "cube/manager/api/page.py": "tests/manager/test_page_api.py",
    "cube/manager/api/placement.py": "tests/manager/test_placement_api.py",
    "cube/manager/concerns.py": "tests/manager/test_watch_api.py",
    "cube/manager/placement_views.py": "tests/manager/test_placement_api.py",
    "cube/core/scheduler/binpack.py": "tests/core/scheduler/test_strategies.py",
    "cube/core/scheduler/demand.py": "tests/core/scheduler/test_place.py",
    "cube/core/scheduler/filters/avoided.py": "tests/core/scheduler/test_filters.py",
    "cube/core/scheduler/filters/constrained.py": "tests/core/scheduler/test_filters.py",
    "cube/core/paths.py": "tests/core/test_admission.py",
    "cube/core/whereabouts.py": "tests/core/test_admission.py",
    "cube/core/scheduler/counts.py": "tests/core/scheduler/test_inventory.py",
    "cube/core/scheduler/filters/extras.py": "tests/properties/test_placement.py",
    "cube/core/scheduler/filters/filter.py": "tests/core/scheduler/test_filters.py",
    "cube/core/scheduler/filters/host_ports.py": "tests/core/scheduler/test_filters.py",
    "cube/core/scheduler/filters/max_per_node.py": "tests/core/scheduler/test_filters.py",
    "cube/core/scheduler/lookups.py": "tests/core/scheduler/test_inventory.py",
    "cube/core/scheduler/facts.py": "tests/core/scheduler/test_constraints.py",
    "cube/core/scheduler/filters/platform.py": "tests/core/scheduler/test_filters.py",
    "cube/core/scheduler/filters/volumes.py": "tests/core/reconcile/test_needs.py",
    "cube/manager/api/accounts.py": "tests/manager/test_accounts.py",
    "cube/wire/account_views.py": "tests/manager/test_accounts.py",
    "cube/model/account.py": "tests/manager/test_accounts.py",
    "cube/store/accounts.py": "tests/manager/test_accounts.py",
    "cube/worker/asking.py": "tests/worker/test_secrets.py",
    "cube/cli/private.py": "tests/cli/test_secret.py",
    "cube/manager/api/secrets.py": "tests/manager/test_secrets.py",
    "cube/wire/secret_views.py": "tests/manager/test_secrets.py",
    "cube/core/scheduler/filters/policy.py": "tests/core/scheduler/test_filters.py",
    "cube/model/policy.py": "tests/worker/test_policy_file.py",
    "cube/core/scheduler/filters/ready.py": "tests/core/scheduler/test_filters.py",
    "cube/core/scheduler/filters/room.py": "tests/core/scheduler/test_filters.py",
    "cube/core/scheduler/epvm.py": "tests/core/scheduler/test_strategies.py",
    "cube/core/scheduler/remedies.py": "tests/core/scheduler/test_explain.py",
    "cube/core/scheduler/node_states.py": "tests/core/scheduler/test_filters.py",
    "cube/core/scheduler/round_robin.py": "tests/core/scheduler/test_strategies.py",
    "cube/core/scheduler/trial.py": "tests/core/reconcile/test_slots.py",
    "cube/core/scheduler/spread.py": "tests/core/scheduler/test_strategies.py",
    "cube/cli/cp.py": "tests/scenarios/test_exec.py",
    "cube/cli/terminal.py": "tests/scenarios/test_exec.py",
    "cube/client/copy.py": "tests/worker/test_tunnels.py",
    "cube/client/exec.py": "tests/worker/test_tunnels.py",
    "cube/client/tunnel.py": "tests/worker/test_tunnels.py",
    "cube/manager/api/tunnels.py": "tests/manager/test_tunnels.py",
    "cube/runtime/docker_inside.py": "tests/runtime/test_contract_inside.py",
    "cube/runtime/execs.py": "tests/runtime/test_contract_inside.py",
    "cube/runtime/hijack.py": "tests/runtime/test_contract_inside.py",
    "cube/runtime/simulated_inside.py": "tests/runtime/test_contract_inside.py",
    "cube/worker/copies.py": "tests/worker/test_tunnels.py",
    "cube/worker/execs.py": "tests/worker/test_tunnels.py",
    "cube/core/worker/alarms.py": "tests/core/worker/test_core.py",
    "cube/core/worker/course.py": "tests/core/worker/test_core.py",
    "cube/core/worker/lease.py": "tests/core/worker/test_core.py",
    "cube/core/worker/outcome.py": "tests/core/worker/test_core.py",
    "cube/core/worker/plan.py": "tests/core/worker/test_core.py",
    "cube/core/worker/report.py": "tests/core/worker/test_core.py",
    "cube/core/worker/sight.py": "tests/core/worker/test_core.py",
    "cube/core/worker/workload.py": "tests/core/worker/test_core.py",
    "cube/manager/api/documents.py": "tests/manager/test_task_api.py",
    "cube/manager/api/events.py": "tests/manager/test_event_api.py",
    "cube/manager/api/discovery.py": "tests/manager/test_discovery_api.py",
    "cube/manager/api/listing.py": "tests/manager/test_task_api.py",
    "cube/manager/api/logs.py": "tests/manager/test_logs.py",
    "cube/manager/api/metrics.py": "tests/manager/test_metrics.py",
    "cube/manager/log_sources.py": "tests/manager/test_logs.py",
    "cube/manager/api/names.py": "tests/manager/test_names_usage_samples.py",
    "cube/manager/api/nodes.py": "tests/manager/test_node_api.py",
    "cube/manager/api/rebalance.py": "tests/manager/test_rebalance_api.py",
    "cube/manager/api/status.py": "tests/manager/test_status_api.py",
    "cube/manager/api/tasks.py": "tests/manager/test_task_api.py",
    "cube/manager/api/upkeep.py": "tests/manager/test_upkeep_api.py",
    "cube/manager/metric_table.py": "tests/house/test_monitoring.py",
    "cube/manager/readings.py": "tests/manager/test_metrics.py",
    "cube/manager/access.py": "tests/attacks/test_roles.py",
    "cube/manager/api/audit.py": "tests/attacks/test_audit.py",
    "cube/manager/api/tokens.py": "tests/attacks/test_tokens.py",
    "cube/manager/auditor.py": "tests/attacks/test_audit.py",
    "cube/manager/callers.py": "tests/attacks/test_audit.py",
    "cube/manager/recognition.py": "tests/attacks/test_roles.py",
    "cube/manager/token_book.py": "tests/attacks/test_tokens.py",
    "cube/wire/access_views.py": "tests/attacks/test_tokens.py",
    "cube/model/token.py": "tests/attacks/test_tokens.py",
    "cube/worker/metric_table.py": "tests/house/test_monitoring.py",
    "cube/manager/api/watch.py": "tests/manager/test_watch_api.py",
    "cube/cli/ca.py": "tests/cli/test_join_token.py",
    "cube/cli/joining.py": "tests/cli/test_join_token.py",
    "cube/client/trust.py": "tests/attacks/test_joining.py",
    "cube/manager/api/certificates.py": "tests/attacks/test_joining.py",
    "cube/manager/api/join.py": "tests/attacks/test_joining.py",
    "cube/manager/entrance.py": "tests/attacks/test_joining.py",
    "cube/client/access.py": "tests/cli/test_join_token.py",
    "cube/security/certificates.py": "tests/attacks/test_joining.py",
    "cube/security/pins.py": "tests/security/test_authority.py",
    "cube/worker/joining.py": "tests/attacks/test_joining.py",
    "cube/manager/api/usage.py": "tests/manager/test_names_usage_samples.py",
}

# Modules with nothing to test, each with the reason.
NOTHING_TO_TEST = {
    "cube/__main__.py": "one line; tests/house/test_documents.py runs it",
    "cube/errors.py": "words and numbers; seen through every test of an error",
    "cube/settings.py": "defaults only; seen through the commands that show them",
    "cube/core/changes.py": "structs without behaviour",
    "cube/core/moves.py": "structs without behaviour",
    "cube/core/scheduler/columns.py": "types only",
    "cube/core/scheduler/strategy.py": "types only",
    "cube/core/inputs.py": "structs without behaviour",
    "cube/core/worker/inputs.py": "structs without behaviour",
    "cube/core/worker/steps.py": "structs without behaviour",
    "cube/manager/doors.py": "protocols only: what others keep",
    "cube/model/audit.py": "structs without behaviour",
    "cube/model/concern.py": "structs without behaviour",
    "cube/model/container.py": "structs without behaviour",
    "cube/model/event.py": "structs without behaviour",
    "cube/model/membership.py": "structs whose questions tests/core/test_joining.py asks",
    "cube/wire/membership.py": "structs without behaviour; tested through what shows them",
    "cube/model/orders.py": "structs without behaviour",
    "cube/model/task.py": "structs whose questions the tests of core ask",
    "cube/model/timing.py": "numbers only",
    "cube/wire/messages.py": "structs without behaviour; tested through the codec",
    "cube/wire/operation.py": "structs; what they say is asked by tests/wire/test_operations.py",
    "cube/wire/routes.py": "names only",
    "cube/wire/watch.py": "structs without behaviour; tested through what shows them",
    "cube/wire/views.py": "structs without behaviour; tested through what shows them",
}

# Files that may leave a test out, each with the reason that its message gives too.
MAY_SKIP = {
    "tests/attacks/test_roles.py": "only root can become another user",
    "tests/worker/test_policy_file.py": "only root gives files away",
    "tests/worker/test_secrets.py": "only root gives files away",
    "tests/cli/test_completion_shells.py": "scripts/test installs the shells, --quick does not",
}


def mirrors(module: Path) -> list[Path]:
    """The test files of a module: tests/<package>/test_<module>.py, or with more words before or after."""
    folder = ROOT / "tests" / module.relative_to(ROOT / "cube").parent
    return [path for path in folder.glob("test_*.py") if f"_{module.stem}_" in f"{path.stem}_"]


def test_every_module_has_a_test_file_of_its_own() -> None:
    modules = [path for path in MODULES if path.name != "__init__.py"]
    alone = {name_of(path) for path in modules if not mirrors(path)}

    assert sorted(alone - TESTED_THROUGH.keys() - NOTHING_TO_TEST.keys()) == []


def test_the_exceptions_name_files_that_exist_and_modules_that_need_one() -> None:
    named = [*TESTED_THROUGH, *NOTHING_TO_TEST]
    stale = [name for name in named if not (ROOT / name).is_file() or mirrors(ROOT / name)]
    missing = [name for name in TESTED_THROUGH.values() if not (ROOT / name).is_file()]

    assert stale + missing == []


def lets_time_pass(call: ast.Call) -> bool:
    """Whether it sleeps for longer than one turn of the loop, or for a computed time."""
    if ast.unparse(call.func) not in ("time.sleep", "asyncio.sleep", "sleep"):
        return False
    return not (call.args and isinstance(call.args[0], ast.Constant) and call.args[0].value == 0)


def pauses(tree: ast.Module) -> list[str]:
    """The calls that sleep for a time of their own. In a `while` it is a look at a state, again and again."""
    in_loops = {
        call for loop in ast.walk(tree) if isinstance(loop, ast.While) for call in ast.walk(loop)
    }
    return [
        f"{call.lineno}: {ast.unparse(call)}"
        for call in ast.walk(tree)
        if isinstance(call, ast.Call) and lets_time_pass(call) and call not in in_loops
    ]


def test_no_test_waits_for_time_to_pass() -> None:
    found = [f"{name_of(path)}:{pause}" for path in TESTS for pause in pauses(parsed(path))]

    assert found == []


def test_a_pause_is_told_from_a_look_at_a_state() -> None:
    looking = ast.parse("while not done():\n    await asyncio.sleep(0.01)")
    waiting = ast.parse("await asyncio.sleep(0)\nawait asyncio.sleep(0.5)")

    assert pauses(looking) == []
    assert pauses(waiting) == ["2: asyncio.sleep(0.5)"]


def skips(tree: ast.Module) -> bool:
    """Whether the file can leave one of its tests out."""
    marks = ("pytest.skip", "pytest.mark.skip", "pytest.mark.skipif", "pytest.mark.xfail")
    return any(
        ast.unparse(node) in marks for node in ast.walk(tree) if isinstance(node, ast.Attribute)
    )


def test_no_test_is_left_out_without_a_reason_given_here() -> None:
    skipping = {name_of(path) for path in TESTS if skips(parsed(path))}

    assert skipping == MAY_SKIP.keys()
