"""What those who only look do not see: values of env, whatever they stand in."""

from __future__ import annotations

import json

from cube.manager.disclosure import veiled, veiled_events

SPEC = {"name": "web", "spec": {"env": {"A": "secret", "B": ""}, "labels": {"env": "prod"}}}
HIDDEN = {"name": "web", "spec": {"env": {"A": "***", "B": "***"}, "labels": {"env": "prod"}}}


def test_values_are_hidden_and_names_are_not() -> None:
    assert json.loads(veiled(json.dumps([SPEC, {"task": SPEC}]).encode())) == [
        HIDDEN,
        {"task": HIDDEN},
    ]


def test_what_holds_none_is_left_as_it_is() -> None:
    assert veiled(b'{"a":  1}\n') == b'{"a":  1}\n'


def test_it_repeats_safely_and_keeps_the_end_of_the_line() -> None:
    once = veiled(json.dumps(SPEC).encode() + b"\n")
    assert veiled(once) == once and once.endswith(b"}\n")


def test_events_keep_their_frames() -> None:
    data = (
        b"id: 1\nevent: task\ndata: " + json.dumps(SPEC).encode() + b"\n\nevent: beat\ndata: {}\n\n"
    )
    shown = veiled_events(data)
    assert b"secret" not in shown
    assert shown.startswith(b"id: 1\nevent: task\ndata: {") and shown.endswith(b"data: {}\n\n")
