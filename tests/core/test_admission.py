from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given

from cube.core.admission import MAX_LABELS, MAX_LONG_TEXT, MAX_OBJECTIONS, MAX_TEXT, admit
from cube.core.scheduler.strategies import STRATEGIES
from cube.model.spec import (
    HealthCheck,
    Port,
    Preference,
    ProbeKind,
    Protocol,
    RestartPolicy,
    Spread,
    TaskSpec,
    Tmpfs,
    Ulimit,
    Volume,
)
from tests.builders import a_spec
from tests.wire.specs import SPECS

MIB = 1024**2
HTTP, TCP, COMMAND = ProbeKind


def objections_to(**fields: Any) -> dict[str, str]:
    objections = admit(a_spec(**fields), strategies=STRATEGIES)
    return {objection.path: objection.message for objection in objections}


def test_a_task_with_everything_is_admitted() -> None:
    assert not objections_to(
        name="test-chapter-9.1",
        image="registry.example.com:5000/team/web:1.0@sha256:" + "a" * 64,
        replicas=10_000,
        command=("sh", "-c", "echo one\necho two"),
        env={"PATH": "/bin", "A.B-C": "line\nline"},
        workdir="/srv/app",
        user="1000:www-data",
        labels={"traefik.http.routers/x": "Host(`a`)", "a": ""},
        cpu_millis=1,
        memory_bytes=6 * MIB,
        disk_bytes=1,
        pids_limit=-1,
        ulimits=(Ulimit("nofile", 1024, 4096), Ulimit("core", 0, -1), Ulimit("nproc", -1, -1)),
        cap_add=("NET_ADMIN",),
        cap_drop=("ALL",),
        ports=(Port(80, 80), Port(80, 80, Protocol.UDP), Port(443)),
        volumes=(Volume("data", "/var/lib/data"),),
        tmpfs=(Tmpfs("/run", MIB),),
        max_restarts=0,
        stop_signal="SIGRTMIN+3",
        health=HealthCheck(HTTP, path="/health?deep=1"),
        constraints=("zone==eu-1", "node.name != w3"),
        max_per_node=1,
        strategy="binpack",
        priority=100,
        preempt=True,
    )


@pytest.mark.parametrize("name", ["a", "0", "web", "web.2", "my_app-1", "a" * 63])
def test_names_of_small_letters_digits_and_inner_signs_are_admitted(name: str) -> None:
    assert not objections_to(name=name)


@pytest.mark.parametrize(
    "name",
    ["", "Web", "-web", "web-", ".", "..", "a/b", "../a", "a%2fb", "a b", "a\0", "a\r\nb", "web\n"]
    + ["w\u0435b", "\u202eweb", "web\u200b", "\uff57eb", "a" * 64, "a" * 10_000, "\ud800"],
    ids=ascii,
)
def test_any_other_name_is_refused_in_a_line_that_is_safe_to_show(name: str) -> None:
    [(path, message)] = objections_to(name=name).items()

    assert path == "name"
    assert "is no task name; use up to 63 of a-z, 0-9" in message
    assert message.isascii()
    assert message.isprintable()
    assert len(message) < 300


def test_a_name_close_by_is_proposed() -> None:
    assert objections_to(name="My Web App")["name"].endswith("for example my-web-app")


@pytest.mark.parametrize(
    "image",
    [
        "nginx",
        "nginx:1.27",
        "library/nginx",
        "a/b/c/d",
        "localhost/x",
        "localhost:5000/x:y",
        "[::1]:5000/x",
    ]
    + ["ghcr.io/A".lower(), "Registry.example.com/x", "a__b", "a.b-c---d", "x@sha256:" + "0" * 64]
    + ["x:1@sha256:" + "f" * 64, "sha256:" + "a" * 64, "x:" + "t" * 128],
)
def test_image_references_of_dockers_grammar_are_admitted(image: str) -> None:
    assert not objections_to(image=image)


@pytest.mark.parametrize(
    "image",
    [
        "",
        "Nginx",
        "nginx:",
        "nginx latest",
        "/nginx",
        "nginx/",
        "a//b",
        "a___b",
        "-a",
        "a-",
        "nginx:-1",
    ]
    + ["https://example.com/x", "x@sha256", "x@sha256:123", "a" * 64, "a" * 256, "x:" + "t" * 129]
    + [
        "x\n",
        "x\0",
        "../x",
        "user:pass@host/x",
        "$(id)",
        "--privileged",
        "exämple/x",
        "a/" * 9_000,
    ],
    ids=ascii,
)
def test_any_other_image_reference_is_refused_with_an_example(image: str) -> None:
    [(path, message)] = objections_to(image=image).items()

    assert path == "image"
    assert message.endswith("write it like nginx:1.27 or registry.example.com:5000/team/web:1")
    assert len(message) < 300


@pytest.mark.parametrize(
    ("field", "good", "bad", "unit"),
    [
        ("replicas", [0, 1, 10_000], [-1, 10_001, 10**40], "0 to 10000"),
        ("cpu_millis", [0, 1, 1_000_000], [-1, 1_000_001], "thousandths of a core"),
        ("memory_bytes", [0, 6 * MIB, 2**50], [-1, 1, 6 * MIB - 1, 2**50 + 1], "6 MiB"),
        ("disk_bytes", [0, 2**50], [-1, 2**50 + 1], "bytes"),
        ("pids_limit", [-1, 1, 4_194_304], [-2, 0, 4_194_305], "processes"),
        ("stop_grace_ms", [0, 3_600_000], [-1, 3_600_001], "ms"),
        ("max_per_node", [0, 10_000], [-1, 10_001], "replicas"),
        ("priority", [1, 100], [-1, 0, 101], "50 is the default"),
        ("max_restarts", [None, 0, 1_000_000], [-1, 1_000_001], "no end"),
    ],
)
def test_numbers_have_ranges_and_the_message_has_the_unit(
    field: str, good: list[int], bad: list[int], unit: str
) -> None:
    for value in good:
        assert not objections_to(**{field: value}), value
    for value in bad:
        objections = objections_to(**{field: value})
        assert list(objections) == [field], value
        assert "; write " in objections[field]
        assert unit in objections[field]
        assert len(objections[field]) < 200


@pytest.mark.parametrize(
    ("field", "good", "bad"),
    [
        ("interval_ms", [100, 86_400_000], [0, 99, 86_400_001]),
        ("timeout_ms", [100, 3_600_000], [0, 99, 3_600_001]),
        ("grace_ms", [0, 86_400_000], [-1, 86_400_001]),
        ("failures", [1, 1_000], [0, 1_001]),
        ("successes", [1, 1_000], [0, 1_001]),
        ("port", [0, 1, 65_535], [-1, 65_536]),
    ],
)
def test_numbers_of_a_health_check_have_ranges(field: str, good: list[int], bad: list[int]) -> None:
    def objections(value: int) -> list[str]:
        check = HealthCheck(HTTP, **{field: value})  # type: ignore[arg-type]
        return list(objections_to(health=check, ports=(Port(80),)))

    assert [objections(value) for value in good] == [[]] * len(good)
    assert [objections(value) for value in bad] == [[f"health.{field}"]] * len(bad)


@pytest.mark.parametrize(
    ("ports", "paths"),
    [
        ((Port(0),), ["ports[0].container_port"]),
        ((Port(65_536, 65_536),), ["ports[0].container_port", "ports[0].host_port"]),
        ((Port(80, -1),), ["ports[0].host_port"]),
        ((Port(80, 8080), Port(81, 8080)), ["ports[1]"]),
        ((Port(80, 8080), Port(81, 8080, Protocol.UDP)), []),
        ((Port(80, 8080, host_ip="127.0.0.1"), Port(81, 8080)), ["ports[1]"]),
        ((Port(80, 8080), Port(81, 8080, host_ip="127.0.0.1")), ["ports[1]"]),
        ((Port(80, 8080, host_ip="127.0.0.1"), Port(81, 8080, host_ip="10.0.0.1")), []),
        ((Port(80, 8080, host_ip="::"), Port(81, 8080, host_ip="0.0.0.0")), ["ports[1]"]),
        ((Port(80), Port(80)), ["ports[1]"]),
        ((Port(80), Port(81)), []),
        ((Port(80), Port(80, 8080)), []),
        ((Port(80, host_ip="localhost"),), ["ports[0].host_ip"]),
        ((Port(80, host_ip="fe80::1%eth0"),), ["ports[0].host_ip"]),
    ],
)
def test_ports_are_in_range_and_published_once(ports: tuple[Port, ...], paths: list[str]) -> None:
    assert list(objections_to(ports=ports)) == paths


def test_replicas_with_a_fixed_host_port_are_for_the_scheduler_to_spread() -> None:
    assert not objections_to(replicas=2, ports=(Port(80, 8080),))


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("data", "must be an absolute path"),
        ("", "must be an absolute path"),
        ("/a/../b", "contains .."),
        ("/proc", "belongs to the kernel"),
        ("//proc/1", "belongs to the kernel"),
        ("/./sys", "belongs to the kernel"),
        ("/dev/shm", "belongs to the kernel"),
        ("/a:b", "colon"),
        ("/a\nb", "invisible"),
        ("/a\0", "invisible"),
        ("/a\u202eb", "invisible"),
        ("/" + "a" * 4095, "longer than 4095"),
    ],
)
def test_paths_are_absolute_and_away_from_the_kernel(place: str, words: str) -> None:
    assert words in objections_to(volumes=(Volume("data", place),))["volumes[0].path"]
    assert words in objections_to(tmpfs=(Tmpfs(place),))["tmpfs[0].path"]
    if place:  # an empty one is the image's own
        assert words in objections_to(workdir=place)["workdir"]


def test_the_root_may_be_worked_in_and_not_mounted_over() -> None:
    assert not objections_to(workdir="/")
    assert "the root" in objections_to(tmpfs=(Tmpfs("//"),))["tmpfs[0].path"]


def test_one_place_is_mounted_once() -> None:
    objections = objections_to(
        volumes=(Volume("data", "/data"), Volume("more", "/data/")),
        tmpfs=(Tmpfs("/./data"), Tmpfs("/data/inner")),
    )

    assert objections == {
        "volumes[1].path": "'/data' is taken by volumes[0]; mount elsewhere",
        "tmpfs[0].path": "'/data' is taken by volumes[0]; mount elsewhere",
    }


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("/data", "path of the host"),
        ("../data", "path of the host"),
        ("~", "path of the host"),
        ("d", "is no volume"),
        ("a/b", "is no volume"),
        ("a" * 256, "is no volume"),
    ],
)
def test_volumes_have_names_and_are_no_paths_of_the_host(name: str, words: str) -> None:
    assert words in objections_to(volumes=(Volume(name, "/x"),))["volumes[0].name"]


@pytest.mark.parametrize(
    ("env", "path"),
    [
        ({"": "x"}, "env['']"),
        ({"A=B": "x"}, "env['A=B']"),
        ({"A\0": "x"}, "env['A\\x00']"),
        ({"A\nB": "x"}, "env['A\\nB']"),
        ({"A": "x\0"}, "env.A"),
        ({"A": "x" * (MAX_LONG_TEXT + 1)}, "env.A"),
        ({"A" * (MAX_TEXT + 1): "x"}, f"env[{'A' * 60!r}...]"),
    ],
)
def test_variables_are_what_the_kernel_can_take(env: dict[str, str], path: str) -> None:
    assert list(objections_to(env=env)) == [path]


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ({"cube.task": "x"}, "cube's own"),
        ({"Cube.x": "x"}, "cube's own"),
        ({"": "x"}, "is no label"),
        ({"a b": "x"}, "is no label"),
        ({"a" * 129: "x"}, "is no label"),
        ({"a": "x\ny"}, "invisible character"),
        ({"a": "\u202e"}, "invisible character"),
        ({"a": "x" * (MAX_TEXT + 1)}, "4096 is the most"),
        ({f"l{number}": "" for number in range(MAX_LABELS + 1)}, "64 is the most"),
    ],
)
def test_labels_are_few_short_and_not_cubes(labels: dict[str, str], words: str) -> None:
    [message] = objections_to(labels=labels).values()

    assert words in message


def test_many_small_texts_are_one_large_text() -> None:
    assert "65536 is the most" in objections_to(command=("",) * 70_000)[""]
    assert "65536 is the most" in objections_to(env={f"E{n}": "x" * 30_000 for n in range(3)})[""]


@pytest.mark.parametrize("field", ["command", "entrypoint"])
def test_arguments_are_bounded_and_hold_no_nul(field: str) -> None:
    objections = objections_to(**{field: ("a\0b", "x" * (MAX_LONG_TEXT + 1))})

    assert list(objections) == [f"{field}[0]", f"{field}[1]"]


@pytest.mark.parametrize("user", ["root", "1000", "1000:1000", "www-data:www-data", "_apt"])
def test_users_go_by_name_or_number(user: str) -> None:
    assert not objections_to(user=user)


@pytest.mark.parametrize("user", [":0", "a b", "a:b:c", "-1", "root\n", "a" * 100])
def test_what_is_no_user_is_refused(user: str) -> None:
    assert "write it like www-data, 1000 or 1000:1000" in objections_to(user=user)["user"]


@pytest.mark.parametrize(
    "signal", ["SIGTERM", "TERM", "SIGINT", "QUIT", "1", "15", "64", "RTMIN", "SIGRTMAX-2"]
)
def test_signals_go_by_name_or_number(signal: str) -> None:
    assert not objections_to(stop_signal=signal)


@pytest.mark.parametrize(
    "signal", ["0", "65", "-9", "SIGFOO", "sigterm", "RTMIN+", "TERM+1", "KILL ", "9" * 99]
)
def test_what_is_no_signal_is_refused(signal: str) -> None:
    assert "write it like SIGTERM, TERM or 15" in objections_to(stop_signal=signal)["stop_signal"]


@pytest.mark.parametrize(
    ("added", "words"),
    [
        ("ALL", "name those it needs"),
        ("CAP_NET_ADMIN", "write NET_ADMIN"),
        ("net_admin", "write NET_ADMIN"),
        ("NET_FOO", "is no capability"),
        ("x" * 10_000, "is no capability"),
    ],
)
def test_capabilities_go_by_the_kernels_names(added: str, words: str) -> None:
    assert words in objections_to(cap_add=(added,))["cap_add[0]"]


def test_a_capability_is_given_or_taken() -> None:
    objections = objections_to(cap_add=("KILL", "CHOWN"), cap_drop=("KILL",))

    assert objections == {"cap_drop": "'KILL' is in cap_add, too; keep one of the two"}


@pytest.mark.parametrize(
    ("limits", "paths"),
    [
        ((Ulimit("files", 1, 1),), ["ulimits[0].name"]),
        ((Ulimit("nofile", 1, 1), Ulimit("nofile", 2, 2)), ["ulimits[1].name"]),
        ((Ulimit("nofile", 2, 1),), ["ulimits[0].soft"]),
        ((Ulimit("nofile", -1, 1),), ["ulimits[0].soft"]),
        ((Ulimit("nofile", 1, -2),), ["ulimits[0].hard", "ulimits[0].soft"]),
    ],
)
def test_ulimits_are_the_kernels_and_soft_is_below_hard(
    limits: tuple[Ulimit, ...], paths: list[str]
) -> None:
    assert list(objections_to(ulimits=limits)) == paths


def test_a_task_that_is_never_restarted_has_no_number_of_restarts() -> None:
    assert list(objections_to(restart=RestartPolicy.NEVER, max_restarts=1)) == ["max_restarts"]
    assert not objections_to(restart=RestartPolicy.NEVER)


@pytest.mark.parametrize(
    ("check", "ports", "paths"),
    [
        (HealthCheck(HTTP), (), ["health.port"]),
        (HealthCheck(TCP), (), ["health.port"]),
        (HealthCheck(TCP), (Port(80),), []),
        (HealthCheck(HTTP), (Port(53, 0, Protocol.UDP), Port(80)), ["health.port"]),
        (HealthCheck(HTTP, port=80), (Port(53, 0, Protocol.UDP),), []),
        (HealthCheck(HTTP, port=80), (), []),
        (HealthCheck(HTTP, port=80, path="health"), (), ["health.path"]),
        (HealthCheck(HTTP, port=80, path="/a b"), (), ["health.path"]),
        (HealthCheck(HTTP, port=80, path="/\r\nHost: x"), (), ["health.path"]),
        (HealthCheck(HTTP, port=80, path="/" + "a" * 2048), (), ["health.path"]),
        (HealthCheck(HTTP, port=80, command=("a",)), (), ["health.command"]),
        (HealthCheck(COMMAND), (), ["health.command"]),
        (HealthCheck(COMMAND, command=("",)), (), ["health.command"]),
        (HealthCheck(COMMAND, command=("a",), port=80), (), ["health.port"]),
        (HealthCheck(COMMAND, command=("a\0",)), (), ["health.command[0]"]),
        (HealthCheck(COMMAND, command=("pg_isready",)), (), []),
    ],
)
def test_a_health_check_says_all_it_needs_and_no_more(
    check: HealthCheck, ports: tuple[Port, ...], paths: list[str]
) -> None:
    assert list(objections_to(health=check, ports=ports)) == paths


@pytest.mark.parametrize(
    "text", ["my zone", "zone=eu", "==eu", "zone==", "x" * 257, "zone==\u202eeu"]
)
def test_a_constraint_that_cannot_be_read_is_refused_by_its_place(text: str) -> None:
    objections = objections_to(constraints=("zone==eu-1", text))

    assert list(objections) == ["constraints[1]"]
    assert "zone==" in objections["constraints[1]"]


def test_constraints_are_few() -> None:
    assert list(objections_to(constraints=("a==b",) * 33)) == ["constraints"]


def test_extras_are_parts_of_one_device_or_whole_ones() -> None:
    assert not objections_to(extras_millis={"gpu": 500, "nvme-disk": 2000, "tpu": 1000})
    assert objections_to(
        extras_millis={"gpu": 1500, "tpu": 0, "fpga": -1, "GPU": 1000, "a": 10**40}
    ) == {
        "extras_millis.gpu": "is 1.5 devices; a replica gets a part of one, below 1, or whole ones",
        "extras_millis.tpu": "is 0; write 1 to 64000 thousandths",
        "extras_millis.fpga": "is -1; write 1 to 64000 thousandths",
        "extras_millis.GPU": "is no kind of devices; use up to 32 of a-z, 0-9, '-', a letter first",
        "extras_millis.a": "is far too large; write 1 to 64000 thousandths",
    }
    assert "extras_millis" in objections_to(extras_millis={f"e{n}": 1000 for n in range(9)})


def test_a_platform_is_written_as_images_write_it() -> None:
    assert not objections_to(platform="linux/arm64")
    assert not objections_to(platform="linux/arm/v7")
    assert "linux/arm64" in objections_to(platform="arm64")["platform"]


def test_what_is_spread_over_is_a_label_with_a_weight() -> None:
    assert not objections_to(spread=(Spread("zone"), Spread("node.name", 100)))
    assert set(objections_to(spread=(Spread("my zone", 0), Spread("node.role", 101)))) == {
        "spread[0].label",
        "spread[0].weight",
        "spread[1].label",
        "spread[1].weight",
    }
    assert list(objections_to(spread=(Spread("zone"),) * 9)) == ["spread"]


def test_a_preference_is_one_condition_or_one_other_task() -> None:
    assert not objections_to(
        prefer=(Preference("disk==ssd", weight=-100), Preference(near="db", weight=1))
    )
    wrong = (
        Preference(),
        Preference("disk==ssd", near="db"),
        Preference("disk=ssd"),
        Preference(near="no name"),
        Preference(near="web"),
        Preference("disk", weight=0),
        Preference("disk", weight=-101),
    )
    assert list(objections_to(name="web", prefer=wrong)) == [
        "prefer[0]",
        "prefer[1]",
        "prefer[2].when",
        "prefer[3].near",
        "prefer[4].near",
        "prefer[5].weight",
        "prefer[6].weight",
    ]


def test_the_strategy_is_one_there_is() -> None:
    assert "binpack" in objections_to(strategy="greedy")["strategy"]
    assert admit(a_spec(strategy="greedy"), strategies={"greedy"}) == ()
    assert admit(a_spec(strategy="greedy")) == ()  # left to the manager, which knows its own


def test_everything_that_is_wrong_is_told_at_once() -> None:
    objections = objections_to(
        name="Web",
        image="",
        replicas=-1,
        memory_bytes=1,
        env={"": ""},
        labels={"cube.x": ""},
        user=" ",
        cap_add=("ALL",),
        ulimits=(Ulimit("x", 0, 0),),
        ports=(Port(0),),
        volumes=(Volume("/", "/"),),
        max_restarts=-1,
        health=HealthCheck(COMMAND),
        constraints=("x=",),
        strategy="x",
    )

    assert list(objections) == [
        "name",
        "image",
        "replicas",
        "memory_bytes",
        "env['']",
        "labels.cube.x",
        "user",
        "cap_add[0]",
        "ulimits[0].name",
        "ports[0].container_port",
        "volumes[0].name",
        "volumes[0].path",
        "max_restarts",
        "health.command",
        "constraints[0]",
        "strategy",
    ]


@given(SPECS)
def test_any_spec_is_judged_in_words_that_are_safe_to_show(spec: TaskSpec) -> None:
    for objection in admit(spec):
        assert objection.message
        assert (objection.path + objection.message).isprintable()


def test_a_hostile_spec_is_judged_quickly_and_briefly() -> None:
    spec = a_spec(
        name="a" * 1_000_000,
        image="a-" * 500_000,
        ports=(Port(0, 1, host_ip="x" * 100),) * 10_000,
        labels={"cube." + "x" * 100 + str(number): "\0" for number in range(10_000)},
        constraints=("x" * 10_000,) * 1_000,
    )

    began = time.process_time()
    objections = admit(spec)

    assert time.process_time() - began < 1.0
    assert len(objections) == MAX_OBJECTIONS
    assert sum(len(objection.message) for objection in objections) < 20_000
