"""JSON for a schema: right, nearly right, and what no reader of JSON should take."""

from __future__ import annotations

import json
from collections.abc import Mapping
from random import Random
from typing import Any

from tests.fuzz import texts

DEEPEST = 6  # of what is drawn; what is nested deeper on purpose is written by hand
WRONG = 0.04  # how often a value is not what its schema asks for
RAW = (
    "NaN", "-Infinity", "1e999", "-1e999", "1E-999", "-0", "0.0", "01", "1.", ".5", "+1", "9" * 40,
    "9" * 5_000, "-" + "9" * 400, "1" + "0" * 400 + ".5", '"\\ud800"', '"\\udc00\\ud800"',
    '"\\u0000"', '"\\x"', '"\t"', "'a'", "tru", "nul", "[]", "{}", "[" * 40 + "]" * 40,
    '{"a":' * 40 + "1" + "}" * 40, "[" * 30_000, '{"a":' * 5_000, '{"a":1,"a":2}', '{"":{}}',
    '{"__proto__":{}}', "[1,]", "{,}", '"' + "a" * 5_000 + '"', "[" + "0," * 12_000 + "0]", "//x",
    "/**/1", "\ufeff1",
)  # fmt: skip
GOOD: dict[str, tuple[Any, ...]] = {
    "name": ("web", "fuzz-1", "fuzz-2", "fuzz-3", "fuzz-4"),
    "image": ("busybox", "nginx:1.27", "registry.local:5000/a/b@sha256:" + "a" * 64),
    "replicas": (0, 1, 2, 3),
    "command": (["sleep", "1"], [], "sleep 1"),
    "env": ({"A": "1"}, {}),
    "ports": (["8080:80"], [80], []),
    "restart": ("always", "on-failure", "never"),
    "role": ("viewer", "operator", "shell", "admin"),
    "memory": ("64Mi", 1 << 26),
    "cpu": (0.1, "100m"),
    "constraints": (["zone==eu"], []),
    "platform": ("", "linux/amd64"),
    "stop_signal": ("", "SIGTERM"),
    "health": ({"http": {"port": 80, "path": "/"}}, {"tcp": {"port": 80}}, None),
}  # fmt: skip
FORMS: tuple[Any, ...] = (
    {"name": "fuzz-1", "image": "busybox", "replicas": 2, "cpu": 0.1, "memory": "32Mi", "ports": ["8080:80"]},
    {"ID": "266592cd-960d-4091-981c-8c25c44b1018", "State": 2, "Task": {
        "State": 1, "ID": "266592cd-960d-4091-981c-8c25c44b1018", "Name": "fuzz-2", "Image": "busybox",
        "ExposedPorts": {"80/tcp": {}}, "PortBindings": {"80/tcp": "8081"}, "HealthCheck": "/"}},
    {"Name": "fuzz-3", "Image": "busybox", "Cpu": 1, "Memory": 1000, "Disk": 1, "RestartPolicy": "always"},
    {"name": "fuzz-4", "image": "busybox", "env": {"A": "b"}, "labels": {"a": "b"}, "health": {"tcp": {"port": 80}}},
)  # fmt: skip


def value(
    schema: Mapping[str, Any], all: Mapping[str, Any], dice: Random, name: str = "", depth: int = 0
) -> Any:
    """Return what fits the schema, nearly always. `all` are the schemas that references name."""
    if dice.random() < WRONG or depth > DEEPEST:
        return anything(dice)
    if name in GOOD and dice.random() < 0.7:
        return dice.choice(GOOD[name])
    if "$ref" in schema:
        schema = all[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        return value(dice.choice(schema["anyOf"]), all, dice, name, depth + 1)
    if "enum" in schema:
        return dice.choice(schema["enum"])
    match schema.get("type"):
        case "object":
            return _object(schema, all, dice, depth)
        case "array":
            items = schema.get("items") or {}
            return [
                value(items, all, dice, name, depth + 1)
                for _ in range(dice.choice((0, 1, 1, 2, 5)))
            ]
        case "string":
            return dice.choice(texts.NAMES) if dice.random() < 0.6 else texts.text(dice)
        case "integer":
            return dice.randint(0, 5) if dice.random() < 0.6 else texts.number(dice)
        case "number":
            return dice.choice((0.0, 0.5, -1.5, 1e308, 1e-320, 3))
        case "boolean":
            return dice.random() < 0.5
        case "null":
            return None
    return anything(dice)


def anything(dice: Random) -> Any:
    """Return a value of any type; as `_Raw` one that JSON does not have."""
    match dice.randrange(7):
        case 0:
            return texts.text(dice)
        case 1:
            return texts.number(dice)
        case 2:
            return dice.choice((None, True, False, 1.5, -0.0, [], {}, "", [None], {"": None}))
        case 3:
            return [texts.text(dice), texts.number(dice)]
        case 4:
            return {texts.text(dice): texts.text(dice)}
        case _:
            return f"{_MARK}{dice.randrange(len(RAW))}{_MARK}"


def written(document: Any, dice: Random) -> bytes:
    """Return the document as text, at times with a flaw in the text itself."""
    text = json.dumps(document, ensure_ascii=dice.random() < 0.5)
    while _MARK in text:
        before, which, text = text.split(_MARK, 2)
        text = before.removesuffix('"') + RAW[int(which)] + text.removeprefix('"')
    if dice.random() < 0.85:
        return text.encode("utf-8", "surrogatepass")
    match dice.randrange(6):
        case 0:
            return text.encode(dice.choice(("utf-16", "utf-32", "utf-8-sig")), "surrogatepass")
        case 1:
            return text.encode("latin-1", "replace")
        case 2:
            return (text + dice.choice((text, "}", "]", ",", "\0", " " * 100, "#"))).encode(
                "utf-8", "surrogatepass"
            )
        case 3:
            return dice.choice(RAW).encode()
        case _:
            return texts.spoilt(text.encode("utf-8", "surrogatepass"), dice)


def mutated(document: Any, dice: Random) -> Any:
    """Return the document with one value somewhere in it that is another, missing or too much."""
    if isinstance(document, dict) and document and dice.random() < 0.9:
        changed = dict(document)
        key = dice.choice(list(changed))
        match dice.randrange(5):
            case 0:
                del changed[key]
            case 1:
                changed[texts.text(dice)] = anything(dice)
            case _:
                changed[key] = mutated(changed[key], dice)
        return changed
    if isinstance(document, list) and document and dice.random() < 0.8:
        return [mutated(one, dice) if dice.random() < 0.5 else one for one in document]
    return anything(dice)


def _object(
    schema: Mapping[str, Any], all: Mapping[str, Any], dice: Random, depth: int
) -> dict[str, Any]:
    required = set(schema.get("required", ()))
    drawn: dict[str, Any] = {}
    for name, kind in schema.get("properties", {}).items():
        if dice.random() < (0.97 if name in required else 0.12):
            drawn[name] = value(kind, all, dice, name, depth + 1)
    more = schema.get("additionalProperties", True)
    if more or dice.random() < WRONG:
        kind = more if isinstance(more, Mapping) else {}
        for _ in range(dice.randrange(3)):
            key = dice.choice(texts.NAMES) if dice.random() < 0.7 else texts.text(dice)
            drawn[key] = value(kind, all, dice, "", depth + 1)
    return drawn


_MARK = "@raw@"
