"""What differs between two specs, by path."""

from __future__ import annotations

from cube.core.diff import FieldChange, differences
from cube.model.spec import HealthCheck, Port, ProbeKind, RestartPolicy
from tests.builders import a_spec


def test_equal_specs_differ_in_nothing() -> None:
    assert differences(a_spec(), a_spec()) == ()


def test_each_value_is_named_by_its_path() -> None:
    before = a_spec(env={"A": "1", "B": "2"}, ports=(Port(80, 8080),), command=("a", "b"))
    after = a_spec(
        env={"B": "3", "C": "4"},
        ports=(Port(80, 8081), Port(9000)),
        command=("a",),
        restart=RestartPolicy.ALWAYS,
        health=HealthCheck(ProbeKind.TCP, port=80),
    )
    assert differences(before, after) == (
        FieldChange("command[1]", "b", None),
        FieldChange("env.A", "1", None),
        FieldChange("env.B", "2", "3"),
        FieldChange("env.C", None, "4"),
        FieldChange("ports[0].host_port", 8080, 8081),
        FieldChange("ports[1]", None, {"container_port": 9000}),
        FieldChange("restart", "on-failure", "always"),
        FieldChange("health", None, {"kind": "tcp", "port": 80}),
    )


def test_a_key_that_is_no_word_is_quoted() -> None:
    assert differences(a_spec(), a_spec(env={"a b": "1"})) == (
        FieldChange("env['a b']", None, "1"),
    )
