"""`cube cp`: files into a container, or out of one, by the rules of `docker cp`."""

from __future__ import annotations

import os
import posixpath
import stat
import sys
import tarfile
from pathlib import Path
from typing import IO, Annotated, cast

import typer

from cube.cli.exits import Exit
from cube.cli.landing import Landing, Place, contents_only, landing, place_of, without_dot
from cube.cli.output import note, one_line
from cube.cli.target import ManagerOption, resolve
from cube.client.transport import Address
from cube.errors import CubeError, InvalidInput, NotFound, Objection
from cube.wire.tunnels import PathInfo

app = typer.Typer(add_completion=False, rich_markup_mode=None)

BLOCK = 256 * 1024
LEFT_OUT_SHOWN = 10


@app.command()
def cp(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="TASK[.SLOT]:PATH, a local path, or - (a tar).")
    ],
    target: Annotated[
        str, typer.Argument(metavar="TARGET", help="A local path, TASK[.SLOT]:PATH, or - (a tar).")
    ],
    manager: ManagerOption = "",
    quiet: Annotated[bool, typer.Option("-q", "--quiet", help="Only errors.")] = False,
) -> int:
    """Copy files into a container, or out of one.

    A folder goes into a folder that is there, and is made where none is; `FOLDER/.` copies what is in it.
    With - as the local side a tar is read from stdin or written to stdout.

    \b
    Examples:
      cube cp web.1:/var/log/app.log .
      cube cp ./conf/. web.1:/etc/app
      cube cp web:/data - | tar -tv
    """
    address = resolve(manager, os.environ)
    here, there = place_of(source), place_of(target)
    if bool(here.slot) is bool(there.slot):
        raise InvalidInput(
            (Objection("", "exactly one of the two is in a container, written TASK:PATH"),),
            hint="a local path with a colon in it begins with ./ or /",
        )
    if here.slot:
        left_out = _out(address, here, target)
    else:
        left_out = _into(address, source, there)
    for line in left_out[:LEFT_OUT_SHOWN]:
        note(f"cube: left out {one_line(line)}")
    if len(left_out) > LEFT_OUT_SHOWN:
        note(f"cube: left out {len(left_out) - LEFT_OUT_SHOWN} more")
    if not quiet and "-" not in (source, target) and sys.stderr.isatty():
        note(f"copied {source} to {target}")
    return Exit.FAILED if left_out else Exit.DONE


def _out(address: Address, source: Place, target: str) -> list[str]:
    from cube.cli.unpack import unpack
    from cube.client.copy import Source, read_archive  # aiohttp, which takes a while

    def take(info: PathInfo, tar: Source) -> list[str]:
        if target == "-":
            return _pour(tar)
        folder, name = _landing_here(source.path, info, target)
        return unpack(tar, Path(folder), root=info.name, name=name)

    if target == "-" and sys.stdout.isatty():
        raise InvalidInput((Objection("-", "a tar is nothing for a terminal; redirect it"),))
    return read_archive(address, source.slot, without_dot(source.path), take)


def _pour(tar: object) -> list[str]:
    from cube.client.copy import Source

    assert isinstance(tar, Source)
    while data := tar.read(BLOCK):
        sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()
    return []


def _landing_here(path: str, info: PathInfo, target: str) -> Landing:
    there = "folder" if Path(target).is_dir() else "file" if Path(target).exists() else ""
    parent = Path(target.rstrip("/") or "/").parent
    return landing(
        path,
        info.name,
        folder=info.kind == "folder",
        target=target,
        there=there,
        parent_is_folder=parent.is_dir(),
    )


def _into(address: Address, source: str, target: Place) -> list[str]:
    from cube.client.copy import Sink, write_archive

    if source == "-":
        write_archive(address, target.slot, target.path, lambda sink: _feed(sink.write))
        return []
    path = Path(without_dot(source))
    if not os.path.lexists(path):
        raise NotFound(f"there is nothing at {source}")
    follow = contents_only(source) or source.endswith("/")
    folder, name = _landing_there(
        address, source, path, target, is_folder=follow or _is_folder(path)
    )
    path = path.resolve() if follow else path

    def pack(sink: Sink) -> None:
        _pack(cast("IO[bytes]", sink), path, name)

    write_archive(address, target.slot, folder, pack)
    return []


def _feed(write: object) -> None:
    assert callable(write)
    while data := sys.stdin.buffer.read(BLOCK):
        write(data)


def _is_folder(path: Path) -> bool:
    return stat.S_ISDIR(path.lstat().st_mode)


def _landing_there(
    address: Address, source: str, path: Path, target: Place, *, is_folder: bool
) -> Landing:
    from cube.client.copy import stat_path

    where = target.path if target.path.startswith("/") else f"/{target.path}"
    info = stat_path(address, target.slot, where)
    if info is not None and info.kind == "link":
        # By one step, as docker follows it; the engine itself keeps to what is inside the container.
        where = posixpath.join(posixpath.dirname(where), info.link)
        info = stat_path(address, target.slot, where)
    there = "" if info is None else "folder" if info.kind == "folder" else "file"
    parent = None
    if not there:
        parent = stat_path(address, target.slot, posixpath.dirname(where.rstrip("/")) or "/")
    name = path.name or Path(os.path.realpath(path)).name
    return landing(
        source,
        name,
        folder=is_folder,
        target=where,
        there=there,
        parent_is_folder=parent is not None and parent.kind in ("folder", "link"),
    )


def _pack(sink: IO[bytes], path: Path, name: str) -> None:
    """Write a local path as a tar under this name; without one, what is in the folder."""
    try:
        with tarfile.open(fileobj=sink, mode="w|", bufsize=BLOCK) as tar:
            if name:
                tar.add(path, name, filter=_owned)
            else:
                for child in sorted(path.iterdir()):
                    tar.add(child, child.name, filter=_owned)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        raise CubeError(f"{where}{(error.strerror or str(error)).lower()}") from error


def _owned(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    """Give it to root: the caller's user means nothing in the container."""
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = ""
    return entry
