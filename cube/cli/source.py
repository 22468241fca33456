"""Where a task comes from: a file, stdin, or an image and flags. Checked before it is sent."""

from __future__ import annotations

import os
import re
import sys
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from cube.core.admission import admit
from cube.errors import InvalidInput, Objection
from cube.model.ids import TaskId
from cube.model.spec import TaskSpec
from cube.wire.taskfile import Incoming, decode_task, encode_task, load_file

SUFFIXES = (".json", ".toml", ".yaml", ".yml")


def tasks_from(what: str, file: str, changes: dict[str, Any]) -> list[Incoming]:
    """Return the tasks that were named, changed by the flags. InvalidInput names every objection."""
    if file and what:
        raise _usage(what, "was given beside --file; name one")
    if not file and not what:
        raise _usage("", "name a task file, - for stdin, or an image")
    source = file or what
    if not file and not is_file(source):
        return [_checked(_of_image(what, changes), "")]
    tasks = _read(source)
    if len(tasks) > 1 and changes:
        raise _usage(source, f"holds {len(tasks)} tasks; flags can change only one")
    return [_checked(_changed(task, changes), source) for task in tasks]


def is_file(text: str) -> bool:
    """Whether a word names a task file and not an image."""
    return text == "-" or text.lower().endswith(SUFFIXES) or Path(text).is_file()


def name_for(image: str) -> str:
    """Return a fresh name made from the image's: running an image twice makes two tasks."""
    stem = image.rpartition("/")[2].partition("@")[0].partition(":")[0].lower()
    return f"{re.sub('[^a-z0-9]+', '-', stem).strip('-') or 'task'}-{os.urandom(2).hex()}"


def document_to_send(task: Incoming) -> dict[str, Any]:
    """Return the task's document. It gets an id here, so that sending it twice makes one task."""
    return encode_task(task.spec, task.task_id or TaskId(str(uuid.uuid4())))


def _of_image(image: str, changes: dict[str, Any]) -> Incoming:
    return decode_task({"name": name_for(image), **changes, "image": image})


def _read(source: str) -> list[Incoming]:
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        return [decode_task(document) for document in load_file(source, data)]
    except InvalidInput as err:
        raise InvalidInput(_located(err.objections, source), hint=err.hint) from err
    except OSError as err:
        raise _usage(source, f"cannot be read: {(err.strerror or str(err)).lower()}") from err


def _checked(task: Incoming, source: str) -> Incoming:
    objections = admit(task.spec)
    if objections:
        raise InvalidInput(_located(objections, source))
    return task


def _changed(task: Incoming, changes: dict[str, Any]) -> Incoming:
    if not changes:
        return task
    spec = task.spec
    plain = TaskSpec(name=spec.name, image=spec.image)
    flagged = decode_task({"name": spec.name, "image": spec.image, **changes}).spec
    given = {
        field: getattr(flagged, field)
        for field in TaskSpec.__struct_fields__
        if getattr(flagged, field) != getattr(plain, field)
    }
    for mapping in {"env", "labels", "extras_millis"} & given.keys():
        given[mapping] = {**getattr(spec, mapping), **given[mapping]}
    return msgspec.structs.replace(task, spec=msgspec.structs.replace(spec, **given))


def _located(objections: Iterable[Objection], source: str) -> tuple[Objection, ...]:
    place = "stdin" if source == "-" else source
    return tuple(
        Objection(": ".join(filter(None, (place, one.path))), one.message) for one in objections
    )


def _usage(path: str, message: str) -> InvalidInput:
    return InvalidInput((Objection(path, message),))
