from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cube.errors import PeerFault
from cube.model.allocation import Observed, Phase
from cube.model.event import EventKind, TaskEvent
from cube.model.ids import AllocationId, NodeId
from cube.model.node import Facts
from cube.model.orders import Holding, Remove, Run
from cube.model.usage import AllocationUsage
from cube.wire.codec import (
    decode_event,
    decode_from_manager,
    decode_from_worker,
    decode_view,
    encode_event,
    encode_message,
    encode_view,
)
from cube.wire.messages import (
    MAX_MESSAGE_BYTES,
    Acknowledge,
    FromManager,
    FromWorker,
    Hello,
    Instruct,
    Lease,
    LeaseHeld,
    Observe,
    OpenStream,
    Refuse,
    Report,
    Sample,
    Sampled,
    StreamRefused,
    Welcome,
)
from cube.wire.views import EventView, VersionView
from tests.builders import a_spec, node_id, task_id
from tests.wire.specs import SPECS

WEB1 = AllocationId(f"{task_id('web')}.1.1")

FROM_WORKER: list[FromWorker] = [
    Hello(
        protocol=1,
        node_id=node_id("w1"),
        cluster_id="",
        facts=Facts(name="w1", labels={"zone": "eu-1"}),
        holding=(Holding(id=WEB1, restart=2),),
    ),
    Lease(number=1, runtime_error="away"),
    Observe(number=7, reports=(Report(WEB1, Observed(phase=Phase.RUNNING, epoch=3)),)),
    StreamRefused(stream_id="s", reason="no such allocation"),
    Sampled(
        number=1, allocations=(AllocationUsage(id=WEB1, cpu_millis=500, memory_bytes=1 << 20),)
    ),
]
FROM_MANAGER: list[FromManager] = [
    Welcome(cluster_id="c", epoch=1, heartbeat=1.0, lease=4.0),
    Refuse(reason="another cluster", final=True),
    LeaseHeld(number=1),
    Acknowledge(number=2),
    Instruct(
        number=1,
        orders=(
            Run(id=WEB1, task_id=task_id("web"), slot=1, generation=1, spec=a_spec(replicas=2)),
            Remove(id=WEB1, reason="scaled down"),
        ),
    ),
    OpenStream(stream_id="s", id=WEB1, follow=True, tail=10),
    Sample(number=1),
]
EVENT = TaskEvent(revision=5, at_ms=1, kind=EventKind.TASK_CREATED, node_id=NodeId("n"), slot=3)


@pytest.mark.parametrize("message", FROM_WORKER, ids=lambda message: type(message).__name__)
def test_what_a_worker_says_arrives_as_it_was_sent(message: FromWorker) -> None:
    assert decode_from_worker(encode_message(message)) == message


@pytest.mark.parametrize("message", FROM_MANAGER, ids=lambda message: type(message).__name__)
def test_what_the_manager_says_arrives_as_it_was_sent(message: FromManager) -> None:
    assert decode_from_manager(encode_message(message)) == message


@given(SPECS)
def test_every_spec_arrives_as_it_was_sent(spec: object) -> None:
    order = Run(id=WEB1, task_id=task_id("web"), slot=1, generation=1, spec=spec)  # type: ignore[arg-type]
    message = Instruct(number=1, orders=(order,))

    assert decode_from_manager(encode_message(message)) == message


@given(st.binary(max_size=200))
@example(b"\x91" * 100_000)  # lists in lists
@example(
    b"\x82\xa4type\xa5lease\xa1x" + b"\x91" * 100_000
)  # the same where a field unknown to us is skipped
@example(b"\x82\xa4type\xa5lease\xa1x\xa1\xff")  # no UTF-8
def test_no_bytes_raise_anything_but_peer_fault(data: bytes) -> None:
    for decode in (decode_from_worker, decode_from_manager, decode_event):
        with pytest.raises(PeerFault):
            decode(data)
    with pytest.raises(PeerFault):
        decode_view(data, VersionView)


def test_neither_side_says_what_the_other_side_says() -> None:
    with pytest.raises(PeerFault, match="the worker sent a message that cannot be read"):
        decode_from_worker(encode_message(FROM_MANAGER[0]))
    with pytest.raises(PeerFault, match="the manager sent a message that cannot be read"):
        decode_from_manager(encode_message(FROM_WORKER[0]))


def test_an_unknown_field_is_ignored_and_an_unknown_order_is_not() -> None:
    acknowledge = msgspec.msgpack.encode({"type": "acknowledge", "number": 1, "mood": "good"})
    instruct = msgspec.msgpack.encode(
        {"type": "instruct", "number": 1, "orders": [{"type": "freeze", "id": "x"}]}
    )

    assert decode_from_manager(acknowledge) == Acknowledge(number=1)
    with pytest.raises(PeerFault, match="freeze"):
        decode_from_manager(instruct)


def test_a_message_that_is_too_long_is_not_read() -> None:
    with pytest.raises(PeerFault, match="bytes at once"):
        decode_from_worker(b"\x00" * (MAX_MESSAGE_BYTES + 1))


def test_an_event_is_read_as_it_was_recorded() -> None:
    assert decode_event(encode_event(EVENT)) == EVENT


def test_views_are_json_with_times_in_utc() -> None:
    view = EventView(
        revision=1, at=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), kind=EventKind.TASK_CREATED
    )

    encoded = encode_view(view)
    assert b'"at":"2026-01-02T03:04:05Z"' in encoded
    assert decode_view(encoded, EventView) == view
    assert decode_view(encode_view([view]), list[EventView]) == [view]


def test_an_answer_of_another_server_is_a_peers_fault() -> None:
    with pytest.raises(PeerFault, match="no VersionView"):
        decode_view(b"<html>", VersionView)
