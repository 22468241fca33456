"""`cube plan` as in a pipe."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from cube.errors import InvalidInput, Objection
from cube.model.spec import TaskSpec
from cube.wire.placement_views import FieldChangeView, PlanView, SlotPlanView
from tests.cli.conftest import Cube
from tests.cli.fake_manager import FakeManager, json, refusal

FIELDS = (
    FieldChangeView(path="image", before="nginx:1", after="nginx:2"),
    FieldChangeView(path="memory_bytes", before=256 * 1024**2, after=1024**3),
    FieldChangeView(path="health", before=None, after={"kind": "tcp"}),
)
SLOTS = (
    SlotPlanView(name="web.1", slot=1, action="replace", step=2, before="w1", after="w1"),
    SlotPlanView(name="web.2", slot=2, action="create", step=1, after="w2"),
    SlotPlanView(name="web.3", slot=3, action="keep", step=0, before="w3", after="w3"),
)


def made(**changes: Any) -> PlanView:
    fields: dict[str, Any] = {
        "task": "web", "revision": 3, "new": False, "changed": True, "fits": True,
        "spec": TaskSpec(name="web", image="nginx:2"), "fields": FIELDS, "slots": SLOTS,
    }  # fmt: skip
    return PlanView(**fields | changes)


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "web.toml"
    path.write_text('name = "web"\nimage = "nginx:2"\n')
    return str(path)


def test_it_shows_fields_and_steps_and_changes_nothing(
    manager: FakeManager, cube: Cube, file: str
) -> None:
    manager.answer("PUT", "/task/web", json(made()))

    assert cube("plan", file) == (
        1,
        "web: revision 3 would become 4: 1 replace, 1 create, 1 keep\n"
        "\n"
        "FIELD         FROM     TO\n"
        "image         nginx:1  nginx:2\n"
        "memory_bytes  256 MiB  1 GiB\n"
        'health        -        {"kind":"tcp"}\n'
        "\n"
        "STEP  SLOT   ACTION   FROM  TO  REASON\n"
        "1     web.2  create   -     w2\n"
        "2     web.1  replace  w1    w1\n"
        "-     web.3  keep     w3    w3\n",
        f"nothing was changed; to do it: cube apply {file}\n",
    )
    [asked] = manager.asked
    assert (asked.query, asked.body["image"]) == ({"dry_run": "1"}, "nginx:2")


def test_no_change_is_0_and_no_room_is_4(manager: FakeManager, cube: Cube, file: str) -> None:
    manager.answer("PUT", "/task/web", json(made(changed=False, fields=(), slots=())))
    assert cube("plan", "-f", file) == (0, "web: nothing would change\n", "nothing to do\n")
    manager.answer(
        "PUT", "/task/web", json(made(new=True, fields=(), fits=False, slots=SLOTS[1:2]))
    )
    code, out, _ = cube("plan", file)
    assert (code, out.splitlines()[0]) == (4, "web: would be created: 1 create")
    # What waits already and would not change is no news.
    manager.answer("PUT", "/task/web", json(made(changed=False, fits=False)))
    assert cube("plan", file).code == 0


def test_objections_are_a_usage_error(manager: FakeManager, cube: Cube, file: str) -> None:
    objections = (Objection("strategy", "'nix' is none"),)
    manager.answer("PUT", "/task/web", refusal(InvalidInput(objections)))
    assert cube("plan", file) == (2, "", "cube: strategy: 'nix' is none\n")
    assert cube("plan", "/nowhere/web.toml").code == 2
    assert cube("plan").code == 2


def test_every_task_of_a_file_is_planned_and_json_is_always_a_list(
    manager: FakeManager, cube: Cube, tmp_path: Path
) -> None:
    path = tmp_path / "two.json"
    path.write_text('[{"name": "web", "image": "a"}, {"name": "db", "image": "b"}]')
    two = (json(made(task="web")), json(made(task="db", changed=False, fields=(), slots=())))
    for format, shown in (("name", "web\n"), ("table", "\n\ndb: nothing would change\n")):
        manager.answer("PUT", "/task/web", two[0])
        manager.answer("PUT", "/task/db", two[1])
        code, out, _ = cube("plan", str(path), "-o", format)
        assert code == 1
        assert shown in out
    manager.answer("PUT", "/task/web", two[0])
    manager.answer("PUT", "/task/db", two[1])
    plans = msgspec.json.decode(cube("plan", str(path), "-o", "json").out, type=list[PlanView])
    assert [one.task for one in plans] == ["web", "db"]
