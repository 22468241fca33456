"""Task files: a document of any accepted form becomes a `TaskSpec`, and a `TaskSpec` a document again.

Forms are canonical (the fields of `TaskSpec`, with short forms beside them) or the ancestors'. Decoding settles what
was meant and objects to what cannot be understood; whether it is allowed is for `core.admission`.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from cube.model.ids import TaskId
from cube.model.spec import TaskSpec
from cube.wire.ancestors import decode_ancestral, is_ancestral
from cube.wire.canonical import FIELDS, HINTS, build_spec
from cube.wire.fields import Table, mapping, read_fields
from cube.wire.objections import Objections, is_list, wrong
from cube.wire.strict import decode, examine, fraction, text_of

MAX_FILE_BYTES = 1024 * 1024  # a large task is a few kB

_TABLE = Table(FIELDS, HINTS)


class Incoming(msgspec.Struct, frozen=True):
    """A task as it was sent: what is asked for, and the id if the sender brought one."""

    task_id: TaskId | None
    spec: TaskSpec


def decode_task(document: object) -> Incoming:
    """Return what a document of plain values asks for. Raises InvalidInput with every objection at once."""
    fields = mapping(document, "")
    if is_ancestral(fields):
        return Incoming(*decode_ancestral(fields))
    if (spec := _full_form(fields)) is not None:
        return Incoming(None, spec)
    objections = Objections()
    values = read_fields(fields, "", _TABLE, objections)
    task_id = values.pop("id", None)
    return Incoming(task_id, build_spec(values, "", objections))


def encode_task(spec: TaskSpec, task_id: TaskId | None = None) -> dict[str, Any]:
    """Return the canonical document; decoding it gives the same spec and id. What has its default is left out."""
    document: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(spec))
    return {"id": task_id, **document} if task_id else document


def load_file(name: str, data: bytes) -> list[object]:
    """Return the documents in a JSON, TOML or YAML file, one a task, for `decode_task`.

    The name's ending tells the format; without one (standard input) the text does. Several tasks in one file: a list
    in JSON, documents or a list in YAML, tables `[[task]]` in TOML.
    """
    if len(data) > MAX_FILE_BYTES:
        raise wrong("", f"is {len(data)} bytes long; a task file has at most {MAX_FILE_BYTES}")
    kind = _FORMATS.get(name.rpartition(".")[2].lower()) or _sniff(data)
    documents = _READERS[kind](data)
    if not documents:
        raise wrong("", "holds no task")
    return documents


def dump_file(documents: list[dict[str, Any]], kind: str) -> str:
    """Return the text of a file that `load_file` reads as these documents; `kind` is json, yaml or toml."""
    if kind == "yaml":
        import yaml

        # Escaped beyond ASCII: PyYAML writes some line separators so that no reader gets them back.
        return yaml.safe_dump_all(documents, sort_keys=False)
    if kind == "toml":
        import tomli_w

        return tomli_w.dumps(documents[0] if len(documents) == 1 else {"task": documents})
    whole = documents[0] if len(documents) == 1 else documents
    return msgspec.json.format(msgspec.json.encode(whole), indent=2).decode() + "\n"


def _full_form(fields: dict[str, object]) -> TaskSpec | None:
    """Return the spec of a document without id and short forms, as programs send them, ten times as fast.

    Both ways agree wherever this one succeeds; it says too little about what is wrong to be the only one.
    """
    try:
        return msgspec.convert(fields, TaskSpec)
    except msgspec.ValidationError:
        return None


def _read_json(data: bytes) -> list[object]:
    value = decode(data)
    return value if is_list(value) else [value]


def _read_toml(data: bytes) -> list[object]:
    import tomllib  # here, because every start of the command would pay for a format that is seldom used

    text = text_of(data)
    try:
        document = tomllib.loads(text, parse_float=fraction)
    except (ValueError, RecursionError) as error:
        raise wrong("", f"not TOML: {error}") from None
    examine(document)
    several = document.get("task")
    return several if is_list(several) and len(document) == 1 else [document]


def _read_yaml(data: bytes) -> list[object]:
    from cube.wire.yaml_text import read_yaml  # imports PyYAML: as above

    documents = read_yaml(text_of(data))
    examine(documents)
    return [
        task
        for document in documents
        for task in (document if is_list(document) else [document])
        if task is not None
    ]


_READERS = {"json": _read_json, "toml": _read_toml, "yaml": _read_yaml}
_FORMATS = {"json": "json", "toml": "toml", "yaml": "yaml", "yml": "yaml"}

_TOML_LINE = re.compile(
    rb"\[\[?\s*[A-Za-z0-9_]|[A-Za-z0-9_.-]+\s*="
)  # `[table]`, `[[table]]`, `key = …`


def _sniff(data: bytes) -> str:
    lines = (line.strip() for line in data.splitlines())
    first = next((line for line in lines if line and not line.startswith(b"#")), b"")
    if _TOML_LINE.match(first):
        return "toml"
    return "json" if first.startswith((b"{", b"[")) else "yaml"
