"""Reading what a container wrote, line by line, with the time of each."""

from __future__ import annotations

import codecs
from collections.abc import AsyncGenerator, Iterator
from functools import lru_cache

from cube.model.allocation import Failure, FailureKind
from cube.runtime.contract import LogLine, LogOptions, RuntimeFailure
from cube.runtime.engine import Engine, container_path
from cube.runtime.failures import Asked, Verb
from cube.runtime.streams import BrokenStream, Frames
from cube.runtime.translate import nanoseconds

LINE_LONGEST = 16 * 1024  # the engine cuts its own entries at the same length
OPEN_SECONDS = 30.0
FIRST_TEXT = 31  # behind the engine's own form of the time
STAMP_LONGEST = 40  # "2026-01-02T03:04:05.000000000Z " is 31
ENTRY_LONGEST = STAMP_LONGEST + LINE_LONGEST


class LineAssembler:
    """Makes the lines of one output stream from pieces that begin and end anywhere.

    Each entry of the engine begins with its time; a long line comes as several entries, each but the last without a
    line end. A character cut in two by the engine is put together again.
    """

    def __init__(self, stream: str, *, terminal: bool = False) -> None:
        self._stream = stream
        self._terminal = terminal
        self._buffer = bytearray()
        self._at_ns = 0
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._goes_on = False  # the decoder may have the first bytes of a character

    def feed(self, data: bytes) -> Iterator[LogLine]:
        """Yield the lines, and the 16 KiB pieces of longer ones, that are complete with `data`."""
        self._buffer += data
        while True:
            # Only as far as the engine's own cut: what follows that begins with a time of its own.
            end = self._buffer.find(b"\n", 0, ENTRY_LONGEST)
            if end >= 0:
                entry = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                yield from self._entry(entry, ended=True)
            elif len(self._buffer) >= ENTRY_LONGEST:
                at_ns, text = self._split(bytes(self._buffer[:ENTRY_LONGEST]))
                del self._buffer[: ENTRY_LONGEST - len(text[LINE_LONGEST:])]
                yield self._line(at_ns, text[:LINE_LONGEST], partial=True)
            else:
                return

    def whole(self, entry: bytes) -> LogLine | None:
        """Return the line of an entry that is nothing but one whole line: what nearly all are, in a third of the time.

        None when it is to be fed. Only between entries.
        """
        # The engine's stamps are of one length: "2026-01-02T03:04:05.000000000Z ".
        if self._goes_on or entry[29:31] != b"Z " or not FIRST_TEXT < len(entry) <= LINE_LONGEST:
            return None
        if entry.find(b"\n") != len(entry) - 1:
            return None
        try:
            self._at_ns = _seconds_of(entry[:19]) * 1_000_000_000 + int(entry[20:29])
        except ValueError:
            return None
        text = entry[FIRST_TEXT:-1].decode("utf-8", "replace")
        return LogLine(at_ns=self._at_ns, stream=self._stream, text=text)

    def flush(self) -> Iterator[LogLine]:
        """Yield what is left: an entry without line end.

        It is a piece of a longer line if it has the length at which the engine cuts, else the last thing written.
        """
        entry, self._buffer = bytes(self._buffer), bytearray()
        if entry:
            yield from self._entry(entry, ended=False)

    def _entry(self, entry: bytes, *, ended: bool) -> Iterator[LogLine]:
        at_ns, text = self._split(entry)
        while len(text) > LINE_LONGEST:
            yield self._line(at_ns, text[:LINE_LONGEST], partial=True)
            text = text[LINE_LONGEST:]
        if self._terminal:
            text = text.removesuffix(b"\r")
        yield self._line(at_ns, text, partial=not ended and len(text) == LINE_LONGEST)

    def _split(self, entry: bytes) -> tuple[int, bytes]:
        stamp, space, _ = entry[:STAMP_LONGEST].partition(b" ")
        try:
            self._at_ns = nanoseconds(stamp.decode("ascii")) or self._at_ns
        except ValueError:
            return self._at_ns, entry  # goes on from the piece before
        return self._at_ns, entry[len(stamp) + len(space) :] if stamp else entry

    def _line(self, at_ns: int, text: bytes, *, partial: bool) -> LogLine:
        decoded = self._decoder.decode(text, final=not partial)
        self._goes_on = partial
        return LogLine(at_ns=at_ns, stream=self._stream, text=decoded, partial=partial)


async def read_log(
    engine: Engine, container_id: str, options: LogOptions, *, terminal: bool
) -> AsyncGenerator[list[LogLine], None]:
    """Yield the lines of a container's log that the options ask for, as many at once as came at once."""
    asked = Asked(Verb.LOGS, container_id)
    path = container_path(container_id, "logs")
    silence = None if options.follow else OPEN_SECONDS  # a container may be silent for days
    async with engine.open(asked, "GET", path, OPEN_SECONDS, params=_parameters(options)) as stream:
        reader = _Terminal() if terminal else _Multiplexed()
        try:
            while data := await stream.read(silence):
                if lines := list(reader.feed(data)):
                    yield lines
        except BrokenStream as error:
            raise RuntimeFailure(
                Failure(FailureKind.ENGINE_ERROR, f"the container's log is not readable: {error}")
            ) from error
        if lines := list(reader.flush()):
            yield lines


class _Terminal:
    """One raw stream, as a container with a terminal has it."""

    def __init__(self) -> None:
        self._lines = LineAssembler("stdout", terminal=True)

    def feed(self, data: bytes) -> Iterator[LogLine]:
        return self._lines.feed(data)

    def flush(self) -> Iterator[LogLine]:
        return self._lines.flush()


class _Multiplexed:
    """Frames of stdout and stderr. A frame is one entry: its end is the entry's end."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._lines = {name: LineAssembler(name) for name in ("stdout", "stderr")}

    def feed(self, data: bytes) -> Iterator[LogLine]:
        for stream, content in self._frames.feed(data):
            assembler = self._lines[stream]
            line = assembler.whole(content)
            if line is not None:
                yield line
            else:
                yield from assembler.feed(content)
                yield from assembler.flush()

    def flush(self) -> Iterator[LogLine]:
        return iter(())


@lru_cache(maxsize=64)  # the lines of a log share their seconds
def _seconds_of(stamp: bytes) -> int:
    return nanoseconds(stamp.decode("ascii") + "Z") // 1_000_000_000


def _parameters(options: LogOptions) -> dict[str, str]:
    params = {
        "stdout": str(int(options.stdout)),
        "stderr": str(int(options.stderr)),
        "follow": str(int(options.follow)),
        "timestamps": "1",
        "tail": "all" if options.tail is None else str(options.tail),
    }
    if options.since_ns:
        params["since"] = _seconds(options.since_ns)
    if options.until_ns:
        params["until"] = _seconds(options.until_ns)
    return params


def _seconds(nanos: int) -> str:
    return f"{nanos // 1_000_000_000}.{nanos % 1_000_000_000:09d}"
