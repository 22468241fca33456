"""Records: structs as bytes with a checksum, and the rows of one transaction.

SQLite's pages carry no checksum, so a flipped bit inside a record would be read back as a fact. The checksum covers
the record's id too: a record cannot be mistaken for its neighbour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar
from zlib import crc32

import msgspec

from cube.core.effects import Writes
from cube.model.allocation import Allocation
from cube.model.audit import AuditEntry
from cube.model.event import TaskEvent
from cube.model.ids import NodeId
from cube.model.lineage import Lineage
from cube.model.membership import Credential, JoinToken
from cube.model.node import Node
from cube.model.task import Task
from cube.model.token import Token, TokenId
from cube.store.failures import Unusable

T = TypeVar("T")
Id = TypeVar("Id", bound=str)

EventRow = tuple[int, int, str, str | None, str | None, bytes]
RequestRow = tuple[int, bytes]

_CHECKSUM_BYTES = 4
_encode = msgspec.msgpack.Encoder().encode
_encode_entry = msgspec.json.Encoder().encode  # whoever reads an audit should be able to


class RequestRecord(msgspec.Struct, frozen=True):
    """The answer to a mutation, kept under the idempotency key it came with.

    `fingerprint` tells whether the same key came with the same request.
    """

    key: str
    fingerprint: str
    status: int
    body: bytes
    at_ms: int


TASKS = msgspec.msgpack.Decoder(Task)
ALLOCATIONS = msgspec.msgpack.Decoder(Allocation)
NODES = msgspec.msgpack.Decoder(Node)
JOIN_TOKENS = msgspec.msgpack.Decoder(JoinToken)
CREDENTIALS = msgspec.msgpack.Decoder(Credential)
EVENTS = msgspec.msgpack.Decoder(TaskEvent)
REQUESTS = msgspec.msgpack.Decoder(RequestRecord)
TOKENS = msgspec.msgpack.Decoder(Token)


def seal(id: str, record: msgspec.Struct) -> bytes:
    """Return the record as it is stored under this id."""
    body = _encode(record)
    return crc32(body, crc32(id.encode())).to_bytes(_CHECKSUM_BYTES) + body


def unseal(id: str, sealed: bytes, decoder: msgspec.msgpack.Decoder[T]) -> T:
    """Return the record that was sealed under this id. Unusable when it is not what was stored."""
    body = sealed[_CHECKSUM_BYTES:]
    if sealed[:_CHECKSUM_BYTES] != crc32(body, crc32(id.encode())).to_bytes(_CHECKSUM_BYTES):
        raise Unusable(f"is damaged: the record {id} is not what was stored")
    try:
        return decoder.decode(body)
    except msgspec.MsgspecError as error:
        raise Unusable(
            f"holds the record {id} that this version of cube does not understand: {error}",
            hint="start the version of cube that wrote it, or one after it",
        ) from error


def seal_lineage(lineage: Lineage) -> str:
    """Return the lineage as text with a checksum: people who look into a ledger can read it."""
    text = msgspec.json.encode(lineage)
    return f"{crc32(text):08x} {text.decode()}"


def unseal_lineage(sealed: str) -> Lineage:
    """Return the lineage that was sealed. Unusable when it is not what was stored."""
    checksum, _, text = sealed.partition(" ")
    if checksum != f"{crc32(text.encode()):08x}":
        raise Unusable("is damaged: what it says of its lost history is not what was stored")
    return msgspec.json.decode(text, type=Lineage)


class Rows(msgspec.Struct):
    """What one transaction stores: sealed records by id (None: deleted) and new events, oldest first."""

    tasks: dict[str, bytes | None] = {}
    allocations: dict[str, bytes | None] = {}
    nodes: dict[str, bytes | None] = {}
    join_tokens: dict[str, bytes | None] = {}
    credentials: dict[str, bytes | None] = {}
    requests: dict[str, RequestRow] = {}
    tokens: dict[str, bytes | None] = {}
    events: list[EventRow] = []
    audit: list[bytes] = []
    lineage: Lineage | None = None

    def __len__(self) -> int:
        return (
            len(self.tasks)
            + len(self.allocations)
            + len(self.nodes)
            + len(self.join_tokens)
            + len(self.credentials)
            + len(self.requests)
            + len(self.tokens)
            + len(self.audit)
            + len(self.events)
            + (self.lineage is not None)
        )

    def absorb(self, later: Rows) -> None:
        """Become the rows of one transaction that does what this and then the later one do."""
        self.tasks.update(later.tasks)
        self.allocations.update(later.allocations)
        self.nodes.update(later.nodes)
        self.join_tokens.update(later.join_tokens)
        self.credentials.update(later.credentials)
        self.requests.update(later.requests)
        self.tokens.update(later.tokens)
        self.audit.extend(later.audit)
        self.events.extend(later.events)
        if later.lineage is not None:
            self.lineage = later.lineage


def rows_of(
    writes: Writes, request: RequestRecord | None = None, audit: Iterable[AuditEntry] = ()
) -> Rows:
    """Return the rows of these writes. Shares nothing with them that can change."""
    rows = Rows(
        tasks=_seal_all(writes.tasks),
        allocations=_seal_all(writes.allocations),
        nodes=_seal_all(writes.nodes),
        events=[_event_row(event) for event in writes.events],
        lineage=writes.lineage,
        audit=encode_entries(audit),
    )
    if request is not None:
        rows.requests[request.key] = (request.at_ms, seal(request.key, request))
    return rows


def membership_rows(
    tokens: Mapping[str, JoinToken | None],
    credentials: Mapping[NodeId, Credential | None],
    audit: Iterable[AuditEntry],
) -> Rows:
    """Return the rows of a change of who may join and who has."""
    return Rows(
        join_tokens=_seal_all(tokens),
        credentials=_seal_all(credentials),
        audit=[_encode_entry(entry) for entry in audit],
    )


def rows_of_tokens(tokens: Mapping[TokenId, Token | None], audit: Iterable[AuditEntry]) -> Rows:
    """Return the rows of these tokens, None for one that is no more."""
    return Rows(tokens=_seal_all(tokens), audit=encode_entries(audit))


def encode_entries(audit: Iterable[AuditEntry]) -> list[bytes]:
    """Return the entries as they stand in the chain."""
    return [_encode_entry(entry) for entry in audit]


def _seal_all(records: Mapping[Id, msgspec.Struct | None]) -> dict[str, bytes | None]:
    return {id: None if record is None else seal(id, record) for id, record in records.items()}


def _event_row(event: TaskEvent) -> EventRow:
    sealed = seal(str(event.revision), event)
    # `.value`: sqlite3 looks for an adapter of each argument that is not exactly a str.
    return (event.revision, event.at_ms, event.kind.value, event.task_id, event.node_id, sealed)
