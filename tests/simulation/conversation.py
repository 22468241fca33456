"""The manager's side of one worker's connection, after `cube.manager.conversation` and `cube.manager.session`."""

from __future__ import annotations

from collections.abc import Callable

from cube.core.effects import Answer, Effects, Held, TurnedAway, Welcomed
from cube.core.inputs import Connect, Disconnect, Renew
from cube.core.inputs import Described as DescribedInput
from cube.core.inputs import Observe as ObserveInput
from cube.manager.conversation import HELLO_SECONDS, SILENT_LEASES
from cube.manager.session import ORDERS_AT_ONCE
from cube.model.ids import NodeId
from cube.model.orders import Order
from cube.wire.messages import (
    Acknowledge,
    Described,
    FromManager,
    Hello,
    Instruct,
    Lease,
    LeaseHeld,
    Observe,
    Refuse,
    Welcome,
)
from tests.simulation.decider import Decider
from tests.simulation.ledger import CLUSTER_ID
from tests.simulation.network import Connection, Side
from tests.simulation.schedule import Process
from tests.simulation.witness import Witness


class Conversations:
    """The present conversation with each connected node."""

    def __init__(self, process: Process, witness: Witness) -> None:
        self.process = process
        self.witness = witness
        self.decider: Decider
        self._by_node: dict[NodeId, Conversation] = {}
        self._all: list[Conversation] = []

    def accept(self, connection: Connection) -> None:
        """A worker has dialled."""
        self._all = [one for one in self._all if not one.ended]
        self._all.append(Conversation(self, connection))

    def enter(self, node_id: NodeId, conversation: Conversation) -> None:
        """Make it the node's present one; an older one ends."""
        before = self._by_node.get(node_id)
        self._by_node[node_id] = conversation
        if before is not None:
            before.end()

    def leave(self, node_id: NodeId, conversation: Conversation) -> None:
        """Forget it, unless another has taken its place."""
        if self._by_node.get(node_id) is conversation:
            del self._by_node[node_id]

    def deliver(self, node_id: NodeId, orders: list[Order]) -> None:
        """Send orders to the node, if it has a session."""
        if (conversation := self._by_node.get(node_id)) is not None:
            conversation.instruct(orders)

    def unread(self) -> set[NodeId]:
        """The nodes whose leases wait to be read while this process is paused."""
        return {
            node_id
            for node_id, conversation in self._by_node.items()
            if conversation.has_unread_lease
        }

    def end_all(self) -> None:
        """Decisions were taken back: let the workers come again."""
        for conversation in list(self._by_node.values()):
            conversation.end()

    def die(self) -> None:
        """The process is gone; the kernel closes its sockets."""
        for conversation in self._all:
            conversation.connection.close(Side.MANAGER)


class Conversation:
    """One connection, from Hello to the end."""

    def __init__(self, all: Conversations, connection: Connection) -> None:
        self.connection = connection
        self.ended = False
        self._all = all
        self._node_id: NodeId | None = None
        self._welcomed: Welcomed | None = None
        self._early: list[object] = []  # came before the Hello was decided on
        self._instructed = 0
        self._heard = 0
        connection.hears(Side.WORKER, lambda message: all.process.call(self._hear, message))
        all.process.after(HELLO_SECONDS, self._still_silent, 0)

    @property
    def has_unread_lease(self) -> bool:
        """Whether a lease waits in the socket of a paused process."""
        return any(
            action == self._hear and isinstance(told[0], Lease)
            for action, told in self._all.process.held
        )

    def say(self, message: FromManager) -> None:
        """Send a message."""
        if not self.ended:
            self.connection.say(Side.MANAGER, message)

    def instruct(self, orders: list[Order]) -> None:
        """Send orders, numbered without gaps. None at all is a message too: the answer to a Hello."""
        for start in range(0, max(1, len(orders)), ORDERS_AT_ONCE):
            if self.ended:
                return
            self._instructed += 1
            some = tuple(orders[start : start + ORDERS_AT_ONCE])
            assert self._node_id is not None
            self._all.witness.ordered(self._node_id, some)
            self.say(Instruct(number=self._instructed, orders=some))

    def end(self, *, refusal: Refuse | None = None) -> None:
        """End it and let the core know."""
        if self.ended:
            return
        if refusal is not None:
            self.say(refusal)
        self.ended = True
        self.connection.close(Side.MANAGER)
        if self._node_id is not None:
            self._all.leave(self._node_id, self)
            if self._welcomed is not None:
                gone = Disconnect(self._node_id, self._welcomed.epoch)
                self._all.process.after(0.0, self._all.decider.post, [gone])

    def _still_silent(self, heard: int) -> None:
        """One timer for many messages: they come every second."""
        if heard == self._heard:
            self.end()
        elif not self.ended and self._welcomed is not None:
            seconds = SILENT_LEASES * self._welcomed.lease
            self._all.process.after(seconds, self._still_silent, self._heard)

    def _hear(self, message: object) -> None:
        if self.ended:
            return None
        self._heard += 1
        if self._node_id is not None and self._welcomed is None:
            self._early.append(message)
            return None
        if self._welcomed is None:
            return self._greet(message)
        match message:
            case Lease():
                self._renew(message, self._welcomed.epoch)
            case Observe():
                self._observe(message, self._welcomed.epoch)
            case Described():
                self._describe(message, self._welcomed.epoch)
            case _:
                self.end()

    def _greet(self, message: object) -> None:
        if not isinstance(message, Hello):
            return self.end()
        self._node_id = message.node_id
        connect = Connect(
            node_id=message.node_id,
            cluster_id=message.cluster_id,
            facts=message.facts,
            incarnation=message.incarnation,
            holding=message.holding,
            blind=message.blind,
            runtime_error=message.runtime_error,
        )
        self._all.decider.post(
            [connect],
            told=self._answered,
            failed=lambda: self.end(refusal=Refuse(reason="the disk is full")),
            then=self._enter,
        )

    def _answered(self, answers: list[Answer]) -> None:
        answer = answers[0]
        if isinstance(answer, TurnedAway):
            return self.end(refusal=Refuse(reason=answer.reason, final=answer.final))
        assert isinstance(answer, Welcomed)
        self._welcomed = answer

    def _enter(self, effects: Effects) -> None:
        welcomed, node_id = self._welcomed, self._node_id
        if welcomed is None or node_id is None or self.ended:
            return
        self._all.enter(node_id, self)
        self.say(
            Welcome(
                cluster_id=CLUSTER_ID,
                epoch=welcomed.epoch,
                heartbeat=welcomed.heartbeat,
                lease=welcomed.lease,
                revision=welcomed.revision,
            )
        )
        if node_id not in effects.orders:
            self.instruct([])
        self._all.process.after(0.0, self._listen)

    def _listen(self) -> None:
        early, self._early = self._early, []
        for message in early:
            self._hear(message)

    def _renew(self, lease: Lease, epoch: int) -> None:
        assert self._node_id is not None
        if self._all.decider.renew(Renew(self._node_id, epoch, lease.runtime_error, lease.usage)):
            self.say(LeaseHeld(number=lease.number))
        else:
            self.end()

    def _observe(self, said: Observe, epoch: int) -> None:
        def acknowledge(effects: Effects) -> None:
            if isinstance(effects.answer, Held) and effects.answer.current:
                self.say(Acknowledge(number=said.number))
            else:
                self.end()

        assert self._node_id is not None
        reports = tuple((report.id, report.observed) for report in said.reports)
        self._all.decider.post([ObserveInput(self._node_id, epoch, reports)], then=acknowledge)

    def _describe(self, said: Described, epoch: int) -> None:
        assert self._node_id is not None
        self._all.decider.post([DescribedInput(self._node_id, epoch, said.allocations)])


Accept = Callable[[Connection], None]
