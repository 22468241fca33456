from __future__ import annotations

import re

import pytest

from cube.errors import InvalidInput
from cube.model.spec import Port, Protocol, RestartPolicy, Tmpfs, Ulimit, Volume
from cube.wire.objections import MAX_OBJECTIONS, Reader
from cube.wire.shorthand import (
    Restart,
    command,
    environment,
    port,
    restart,
    tmpfs,
    ulimits,
    volume,
)
from cube.wire.strict import fraction

UDP = Protocol.UDP


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (80, Port(80)),
        ("80", Port(80)),
        ("53/udp", Port(53, 0, UDP)),
        ("8080:80", Port(80, 8080)),
        ("8080:80/udp", Port(80, 8080, UDP)),
        ("127.0.0.1:8080:80", Port(80, 8080, host_ip="127.0.0.1")),
        ("127.0.0.1:8080:80/udp", Port(80, 8080, UDP, "127.0.0.1")),
        ("127.0.0.1::80", Port(80, 0, host_ip="127.0.0.1")),
        ("[::1]:8080:80", Port(80, 8080, host_ip="::1")),
        ({"container_port": 80}, Port(80)),
        (
            {"container_port": 80, "host_port": 1, "protocol": "udp", "host_ip": "::1"},
            Port(80, 1, UDP, "::1"),
        ),
    ],
)
def test_a_port_is_written_as_in_docker_or_in_full(written: object, meant: Port) -> None:
    assert port(written, "ports[0]") == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "web",
        "80-90",
        "1:2:3",
        "80/sctp",
        "80/",
        " 80",
        "80:",
        "8080:80:tcp",
        "٨٠",
        "123456",
        "a:80",
    ],
)
def test_text_that_is_no_port_is_refused_with_examples(written: str) -> None:
    with pytest.raises(InvalidInput, match=r'ports\[0\]: .* is no port; write "80", "8080:80"'):
        port(written, "ports[0]")


@pytest.mark.parametrize("written", [True, None, 8.5, ["80"]])
def test_what_cannot_be_a_port_is_refused(written: object) -> None:
    with pytest.raises(InvalidInput, match=r"ports\[0\]: expected a mapping"):
        port(written, "ports[0]")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("data:/var/lib/data", Volume("data", "/var/lib/data")),
        ("data:/var/lib/data:rw", Volume("data", "/var/lib/data")),
        ("data:/var/lib/data:ro", Volume("data", "/var/lib/data", True)),
        ({"name": "data", "path": "/x"}, Volume("data", "/x")),
        ({"name": "data", "path": "/x", "read_only": True}, Volume("data", "/x", True)),
    ],
)
def test_a_volume_is_written_as_in_docker_or_in_full(written: object, meant: Volume) -> None:
    assert volume(written, "volumes[0]") == meant


@pytest.mark.parametrize("written", ["data", "data:", "data:/x:z", "data:/x:ro:ro", ""])
def test_text_that_is_no_volume_is_refused_with_an_example(written: str) -> None:
    with pytest.raises(InvalidInput, match="is no volume; write"):
        volume(written, "volumes[0]")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("/run", Tmpfs("/run")),
        ("/run:64m", Tmpfs("/run", 64 * 1024**2)),
        ("/run:size=64m", Tmpfs("/run", 64 * 1024**2)),
        ({"path": "/run", "size": "1k"}, Tmpfs("/run", 1024)),
        ({"path": "/run", "size_bytes": 5}, Tmpfs("/run", 5)),
    ],
)
def test_a_file_system_in_memory_may_have_a_size(written: object, meant: Tmpfs) -> None:
    assert tmpfs(written, "tmpfs[0]") == meant


@pytest.mark.parametrize(
    ("read", "needed"),
    [(port, ["container_port"]), (volume, ["name", "path"]), (tmpfs, ["path"])],
)
def test_every_key_that_is_missing_is_named(read: Reader[object], needed: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        read({}, "x[1]")

    assert [objection.path for objection in caught.value.objections] == [
        f"x[1].{n}" for n in needed
    ]
    assert all(
        objection.message.startswith("is missing; ") for objection in caught.value.objections
    )


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("sh -c 'echo \"a  b\"; exit 1'", ("sh", "-c", 'echo "a  b"; exit 1')),
        ("echo $HOME *", ("echo", "$HOME", "*")),
        ("", ()),
        (["sleep", 3600, fraction("1.10"), True], ("sleep", "3600", "1.10", "true")),
    ],
)
def test_a_command_is_a_list_or_split_like_a_shells(
    written: object, words: tuple[str, ...]
) -> None:
    assert command(written, "command") == words


@pytest.mark.parametrize(
    ("written", "where", "what"),
    [
        ("echo 'a", "command", "cannot be split like a shell command"),
        ("a" * 20_000, "command", "write it as a list"),
        ({"a": 1}, "command", "expected a list"),
        (["a", None], "command[1]", "expected text, got nothing"),
        (["a", []], "command[1]", "expected text, got a list"),
    ],
)
def test_what_is_no_command_is_refused(written: object, where: str, what: str) -> None:
    with pytest.raises(InvalidInput, match=re.escape(f"{where}: ") + ".*" + what):
        command(written, "command")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"A": "b", "E": ""}, {"A": "b", "E": ""}),
        (
            {"A": 8080, "B": fraction("1.10"), "C": True, "D": False},
            {"A": "8080", "B": "1.10"} | {"C": "true", "D": "false"},
        ),
        (["A=b", "C=d=e", "E="], {"A": "b", "C": "d=e", "E": ""}),
    ],
)
def test_environment_values_become_the_text_they_were_written_with(
    written: object, meant: dict[str, str]
) -> None:
    assert environment(written, "env") == meant


@pytest.mark.parametrize(
    ("written", "where"),
    [
        (["A"], "env[0]"),
        (["A=1", "A=2"], "env[1]"),
        ([5], "env[0]"),
        ({"A": None}, "env.A"),
        ({"A": {}}, "env.A"),
        ("A=b", "env"),
    ],
)
def test_what_is_no_environment_is_refused(written: object, where: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        environment(written, "env")

    assert [objection.path for objection in caught.value.objections] == [where]


def test_ulimits_go_by_name() -> None:
    assert ulimits({"nofile": 1024, "nproc": {"soft": 1, "hard": -1}}, "ulimits") == (
        Ulimit("nofile", 1024, 1024),
        Ulimit("nproc", 1, -1),
    )
    assert ulimits([{"name": "nofile", "soft": 1, "hard": 2}], "ulimits") == (
        Ulimit("nofile", 1, 2),
    )


@pytest.mark.parametrize(
    ("written", "where"),
    [
        ({"nofile": {"soft": 1}}, ["ulimits.nofile.hard"]),
        ({"nofile": "many"}, ["ulimits.nofile.soft", "ulimits.nofile.hard"]),
        ([{}], ["ulimits[0].name", "ulimits[0].soft", "ulimits[0].hard"]),
        (5, ["ulimits"]),
    ],
)
def test_what_is_no_ulimit_is_refused(written: object, where: list[str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        ulimits(written, "ulimits")

    assert [objection.path for objection in caught.value.objections] == where


@pytest.mark.parametrize(
    ("read", "document"),
    [
        (environment, {f"k{number}": None for number in range(10_000)}),
        (environment, [None] * 10_000),
        (ulimits, {f"k{number}": "x" for number in range(10_000)}),
    ],
)
def test_a_document_of_nothing_but_mistakes_is_not_read_to_its_end(
    read: Reader[object], document: object
) -> None:
    with pytest.raises(InvalidInput) as caught:
        read(document, "x")

    assert len(caught.value.objections) <= MAX_OBJECTIONS + 1


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("no", Restart(RestartPolicy.NEVER)),
        ("never", Restart(RestartPolicy.NEVER)),
        ("always", Restart(RestartPolicy.ALWAYS)),
        ("unless-stopped", Restart(RestartPolicy.ALWAYS)),
        ("on-failure", Restart(RestartPolicy.ON_FAILURE)),
        ("on-failure:5", Restart(RestartPolicy.ON_FAILURE, 5)),
    ],
)
def test_restart_policies_have_cubes_and_dockers_names(written: str, meant: Restart) -> None:
    assert restart(written, "restart") == meant


@pytest.mark.parametrize(
    "written", ["", "Always", "always:5", "on-failure:", "on-failure:-1", False, 5]
)
def test_what_is_no_restart_policy_is_refused(written: object) -> None:
    with pytest.raises(InvalidInput, match="expected always, on-failure, on-failure:5 or never"):
        restart(written, "restart")
