from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cube.errors import InvalidInput
from cube.model.ids import TaskId
from cube.model.spec import (
    HealthCheck,
    OnDisconnect,
    Port,
    Preference,
    ProbeKind,
    PullPolicy,
    RestartPolicy,
    Spread,
    TaskSpec,
    Tmpfs,
    Ulimit,
    Volume,
)
from cube.wire import taskfile
from cube.wire.taskfile import Incoming, decode_task, dump_file, encode_task, load_file
from tests.wire.specs import KEYS, PLAIN_VALUES, SPECS, TEXT

ID = TaskId("21b23589-5d2d-4731-b5c9-a97e9832d021")
LEAST: dict[str, Any] = {"name": "web", "image": "nginx:1.27"}


def objections_to(document: object) -> dict[str, str]:
    with pytest.raises(InvalidInput) as caught:
        decode_task(document)
    return {objection.path: objection.message for objection in caught.value.objections}


def test_every_short_form_stands_for_the_full_one() -> None:
    document = LEAST | {
        "id": ID.upper(),
        "replicas": 3,
        "command": "sh -c 'echo hello; sleep 1'",
        "entrypoint": ["/bin/env"],
        "env": ["A=b", "PORT=8080"],
        "user": 1000,
        "labels": {"tier": 1},
        "cpu": "0.5",
        "memory": "1.5GiB",
        "disk": "1g",
        "ulimits": {"nofile": 1024},
        "cap_drop": ["ALL"],
        "read_only": True,
        "ports": ["8080:80", 443],
        "volumes": ["data:/var/lib/data:ro"],
        "tmpfs": ["/run:64m"],
        "pull": "always",
        "restart": "on-failure:5",
        "stop_signal": 15,
        "stop_grace": "30s",
        "health": {"http": "/health", "interval": "5s"},
        "on_disconnect": "stop",
        "constraints": ["zone==eu-1"],
        "strategy": "binpack",
    }

    assert decode_task(document) == Incoming(
        ID,
        TaskSpec(
            name="web",
            image="nginx:1.27",
            replicas=3,
            command=("sh", "-c", "echo hello; sleep 1"),
            entrypoint=("/bin/env",),
            env={"A": "b", "PORT": "8080"},
            user="1000",
            labels={"tier": "1"},
            cpu_millis=500,
            memory_bytes=1536 * 1024**2,
            disk_bytes=1024**3,
            ulimits=(Ulimit("nofile", 1024, 1024),),
            cap_drop=("ALL",),
            read_only=True,
            ports=(Port(80, 8080), Port(443)),
            volumes=(Volume("data", "/var/lib/data", True),),
            tmpfs=(Tmpfs("/run", 64 * 1024**2),),
            pull=PullPolicy.ALWAYS,
            restart=RestartPolicy.ON_FAILURE,
            max_restarts=5,
            stop_signal="15",
            stop_grace_ms=30_000,
            health=HealthCheck(ProbeKind.HTTP, path="/health", interval_ms=5_000),
            on_disconnect=OnDisconnect.STOP,
            constraints=("zone==eu-1",),
            strategy="binpack",
        ),
    )


@given(SPECS)
def test_a_spec_survives_becoming_a_document(spec: TaskSpec) -> None:
    assert decode_task(encode_task(spec)) == Incoming(None, spec)
    assert decode_task(encode_task(spec, ID)) == Incoming(ID, spec)


@given(st.lists(SPECS, min_size=1, max_size=3), st.sampled_from(["json", "yaml", "toml"]))
def test_specs_survive_becoming_a_file(specs: list[TaskSpec], kind: str) -> None:
    text = dump_file([encode_task(spec) for spec in specs], kind)

    documents = load_file(f"task.{kind}", text.encode())
    assert [decode_task(document).spec for document in documents] == specs


@given(SPECS)
def test_the_quick_way_reads_what_the_full_way_reads(spec: TaskSpec) -> None:
    document = encode_task(spec)

    assert taskfile._full_form(document) == spec
    assert decode_task(document | {"id": ID}).spec == spec  # an id is read the full way only


@given(st.dictionaries(KEYS | TEXT, PLAIN_VALUES, max_size=6) | PLAIN_VALUES)
def test_no_document_raises_anything_but_invalid_input(document: object) -> None:
    try:
        decode_task(document)
    except InvalidInput as refusal:
        assert refusal.objections


@given(st.dictionaries(KEYS, PLAIN_VALUES, max_size=6))
def test_what_is_accepted_is_of_the_right_types(document: dict[str, object]) -> None:
    try:
        spec = decode_task(LEAST | document).spec
    except InvalidInput:
        return
    assert decode_task(json.loads(json.dumps(encode_task(spec)))).spec == spec


@pytest.mark.parametrize(
    ("key", "advice"),
    [
        ("replica", "did you mean `replicas`?"),
        ("Replicas", "did you mean `replicas`?"),
        ("memoryBytes", "did you mean `memory_bytes`?"),
        ("imag", "did you mean `image`?"),
        ("environment", "did you mean `env`?"),
        ("working_dir", "did you mean `workdir`?"),
        ("interval", "it belongs under `health`"),
        ("host_port", "it belongs in an entry of `ports`"),
        ("sysctls", "cube gives no container this; remove it"),
        ("services", "this looks like a compose file"),
        ("apiVersion", "this looks like a Kubernetes manifest"),
        ("xyzzy", "remove it"),
        ("x" * 5_000, "remove it"),
        ("na\u0000me\r\n", "did you mean `name`?"),
    ],
)
def test_an_unknown_key_is_refused_with_what_to_do(key: str, advice: str) -> None:
    [(path, message)] = objections_to(LEAST | {key: 5}).items()

    assert message.startswith(f"unknown key; {advice}")
    assert path.isascii()
    assert path.isprintable()
    assert len(path) < 100


def test_an_unknown_key_further_down_is_named_by_its_whole_path() -> None:
    ports = [80, {"container_port": 80, "hostport": 8080}]

    assert objections_to(LEAST | {"ports": ports}) == {
        "ports[1].hostport": "unknown key; did you mean `host_port`?"
    }


def test_everything_that_is_wrong_is_told_at_once() -> None:
    document = {
        "id": "web-1",
        "image": 5,
        "replicas": "3",
        "cpu": 1,
        "cpu_millis": 1000,
        "env": {"A": None, "B": []},
        "ports": ["web", {"host_port": 1}],
        "restart": "on-failure:5",
        "max_restarts": 4,
        "pull": "sometimes",
        "health": {"http": "/", "tcp": 5},
        "read_only": "yes",
        "stop_grace": 30,
        "volume": [],
    }

    assert list(objections_to(document)) == [
        "id",
        "image",
        "replicas",
        "cpu_millis",
        "env.A",
        "env.B",
        "ports[0]",
        "ports[1].container_port",
        "pull",
        "health",
        "read_only",
        "stop_grace",
        "volume",
        "name",
        "max_restarts",
    ]


def test_null_says_nothing() -> None:
    document = dict.fromkeys(["command", "env", "health", "max_restarts", "ports", "id"])

    assert decode_task(LEAST | document) == decode_task(LEAST)


@pytest.mark.parametrize("document", [None, 5, "web", [], True])
def test_a_task_is_a_mapping(document: object) -> None:
    assert list(objections_to(document)) == [""]


def test_a_hostile_document_is_refused_quickly_and_briefly() -> None:
    document = LEAST | {f"replica{number}": number for number in range(10_000)}

    began = time.process_time()
    objections = objections_to(document)

    assert time.process_time() - began < 1.0  # a hundredth of it, were it not for slow machines
    assert len(objections) <= 51


TOML = b'# a comment\nname = "web"\nimage = "a"\nenv = {V = 1.10, N = 5}\n'
YAML = b"# a comment\nname: web\nimage: a\nenv: {V: 1.10, N: 5}\n"
JSON = b'{"name": "web", "image": "a", "env": {"V": 1.10, "N": 5}}'


@pytest.mark.parametrize(
    ("name", "data"),
    [("t.json", JSON), ("t.toml", TOML), ("t.yaml", YAML), ("T.YML", YAML)]
    + [(name, data) for name in ("-", "", "task", "a.txt") for data in (JSON, TOML, YAML)],
)
def test_every_format_says_the_same_by_name_or_by_looks(name: str, data: bytes) -> None:
    [document] = load_file(name, data)

    assert decode_task(document).spec == TaskSpec(
        name="web", image="a", env={"V": "1.10", "N": "5"}
    )


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("-", b'[{"name": "a"}, {"name": "b"}]'),
        ("-", b"name: a\n---\nname: b\n---\n"),
        ("-", b"- name: a\n- name: b\n"),
        ("-", b'[[task]]\nname = "a"\n[[task]]\nname = "b"\n'),
        ("t.toml", b'task = [{name = "a"}, {name = "b"}]\n'),
    ],
)
def test_a_file_may_hold_several_tasks(name: str, data: bytes) -> None:
    assert load_file(name, data) == [{"name": "a"}, {"name": "b"}]


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("t.json", b'{"a": 1, "a": 2}', "a: is given twice"),
        ("t.yaml", b"a: 1\na: 2\n", "a: line 2: is given twice"),
        ("t.toml", b"a = 1\na = 2\n", "not TOML: Cannot overwrite a value"),
        ("t.toml", b"a = inf\n", "not TOML: inf is not a finite number"),
        ("t.toml", b"a = 2024-01-01\n", 'a: is a date; put "2024-01-01" in quotes'),
        ("t.toml", b"a = " + b"1" * 5_000, "not TOML"),
        ("t.toml", b"a = " + b"1" * 31, "a: has more than 30 digits"),
        ("t.toml", b"a = " + b"[" * 100_000, "not TOML"),
        ("t.yaml", b"a: [" * 100, "nested deeper"),
        ("t.yaml", b"", "holds no task"),
        ("t.json", b"[]", "holds no task"),
        ("t.yaml", b"\xff", "is not UTF-8"),
        ("t.toml", b"\xef\xbb\xbfa = 1", "byte order mark"),
        ("t.json", b" " * (1024 * 1024 + 1), "is 1048577 bytes long"),
    ],
)
def test_what_is_no_task_file_is_refused_with_the_place(name: str, data: bytes, words: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        load_file(name, data)

    assert words in str(caught.value)


@given(st.sampled_from(["t.json", "t.toml", "t.yaml", "-"]), st.binary(max_size=100))
def test_no_bytes_raise_anything_but_invalid_input(name: str, data: bytes) -> None:
    try:
        load_file(name, data)
    except InvalidInput as refusal:
        assert refusal.objections


def test_a_yaml_bomb_costs_nothing() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    for level in range(1, 12):
        lines.append(f"a{level}: &a{level} [{', '.join([f'*a{level - 1}'] * 9)}]")

    with pytest.raises(InvalidInput, match="more than 10000 keys and list items"):
        load_file("bomb.yaml", "\n".join(lines).encode())


def test_extras_are_read_as_devices_and_kept_as_thousandths() -> None:
    (document,) = load_file("t.json", b'{"name":"a","image":"b","extras":{"gpu":0.5,"tpu":2}}')
    assert decode_task(document).spec.extras_millis == {"gpu": 500, "tpu": 2000}


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (b'{"gpu":0.0001}', "extras.gpu"),
        (b'{"gpu":"two"}', "extras.gpu"),
        (b'{"gpu":true}', "extras.gpu"),
        (b"3", "extras"),
    ],
)
def test_extras_that_are_no_amounts_are_objected_to_by_path(given: bytes, path: str) -> None:
    (document,) = load_file("t.json", b'{"name":"a","image":"b","extras":' + given + b"}")
    with pytest.raises(InvalidInput) as refused:
        decode_task(document)
    assert [one.path for one in refused.value.objections] == [path]


def test_spread_and_preferences_have_short_forms() -> None:
    text = """
name: a
image: b
spread: [zone, {label: rack, weight: 10}]
prefer: [disk==ssd, {near: db, weight: -20}, {when: gpu, weight: 5}]
"""
    (document,) = load_file("t.yaml", text.encode())
    spec = decode_task(document).spec
    assert spec.spread == (Spread("zone"), Spread("rack", 10))
    assert spec.prefer == (
        Preference("disk==ssd"),
        Preference(near="db", weight=-20),
        Preference("gpu", weight=5),
    )


def test_a_spread_without_a_label_says_where() -> None:
    with pytest.raises(InvalidInput) as refused:
        decode_task({"name": "a", "image": "b", "spread": [{"weight": 5}]})
    assert [one.path for one in refused.value.objections] == ["spread[0].label"]
