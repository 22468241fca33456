"""The JSON schema of a task file: for editors, which complete its keys and underline what cannot be.

Made from the types of the spec, with the short forms beside them. It is wider than the reader: what a text means, and
what two keys say together, only `cube plan FILE` tells. The ancestors' forms are not in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from cube.model.spec import TaskSpec
from cube.wire.canonical import FIELDS

Schema = dict[str, Any]

_TEXT: Schema = {"type": "string"}
_COUNT: Schema = {"type": "integer"}
_AMOUNT: Schema = {"type": ["number", "string"]}
_SCALAR: Schema = {"type": ["string", "number", "boolean"]}
_WORDS: Schema = {"anyOf": [_TEXT, {"type": "array", "items": _SCALAR}]}
_BY_NAME: Schema = {"type": "object", "additionalProperties": _SCALAR}
_PAIRS: Schema = {"anyOf": [_BY_NAME, {"type": "array", "items": _TEXT}]}

_WIDER: dict[str, Schema] = {
    "command": _WORDS,
    "entrypoint": _WORDS,
    "env": _PAIRS,
    "labels": _PAIRS,
    "user": _SCALAR,
    "stop_signal": _SCALAR,
    "cpu": _AMOUNT,
    "cpus": _AMOUNT,
    "memory": _AMOUNT,
    "disk": _AMOUNT,
    "extras": {"type": "object", "additionalProperties": {"type": "number"}},
    "stop_grace": _TEXT,
}
"""By key: what may stand there, the full form included where the key has one."""

_SHORT: dict[str, Schema] = {"ulimits": {"type": "object"}, "restart": _TEXT, "health": _TEXT}
"""By key: what may stand there beside the full form."""

_SHORT_ITEMS: dict[str, Schema] = {
    "ports": {"type": ["integer", "string"]},
    "volumes": _TEXT,
    "tmpfs": _TEXT,
    "spread": _TEXT,
    "prefer": _TEXT,
}
"""By key of a list: what an item may be beside the full form."""

_SHORT_KEYS: dict[str, dict[str, Schema]] = {
    "HealthCheck": {
        "http": _TEXT,
        "tcp": _COUNT,
        "command": _WORDS,
        "interval": _TEXT,
        "timeout": _TEXT,
        "grace": _TEXT,
        "retries": _COUNT,
    },
    "Tmpfs": {"size": _AMOUNT},
}
"""By type: the short keys of its full form."""


def task_schema(meanings: Mapping[str, str]) -> Schema:
    """Return the schema of one task. `meanings`: what an editor shows of a key, by key; others have none."""
    _, types = msgspec.json.schema_components([TaskSpec], ref_template="#/$defs/{name}")
    spec = types.pop("TaskSpec")
    for name, keys in _SHORT_KEYS.items():
        types[name]["properties"].update(keys)
    types["HealthCheck"]["required"] = []  # `http` or `tcp` stands for `kind`
    keys = {key: _key(key, spec["properties"].get(key)) for key in FIELDS}
    for key, schema in keys.items():
        if key in meanings:
            schema["description"] = meanings[key]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "cube task",
        "type": "object",
        "properties": keys,
        "required": ["name", "image"],
        "additionalProperties": False,
        "$defs": types,
    }


def _key(key: str, full: Schema | None) -> Schema:
    """Return the schema of one key: its full form, its short forms, or either. `id` is a UUID."""
    if key == "id":
        return {"type": "string", "format": "uuid"}
    if full is None:
        return dict(_WIDER[key])
    default = {"default": full["default"]} if "default" in full else {}
    if key in _WIDER:
        return {**_WIDER[key], **default}
    if key in _SHORT_ITEMS:
        return {**full, "items": {"anyOf": [_SHORT_ITEMS[key], full["items"]]}}
    if key in _SHORT:
        plain = {name: value for name, value in full.items() if name != "default"}
        return {"anyOf": [_SHORT[key], plain], **default}
    return dict(full)
