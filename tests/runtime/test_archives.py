"""How an engine is asked for an archive. What comes of it is in `test_contract_inside.py`."""

from __future__ import annotations

from pathlib import Path

from cube.runtime.archives import read_archive
from cube.runtime.engine import Engine
from tests.runtime.fake_engine import FakeEngine


async def test_an_archive_is_asked_for_as_it_is(tmp_path: Path) -> None:
    fake = FakeEngine(tmp_path / "docker.sock")
    await fake.open()
    fake.stream("GET", "containers/c1/archive", b"a tar", b" in pieces")
    engine = Engine(fake.url)
    try:
        async with read_archive(engine, "c1", "/x") as archive:
            assert archive is not None
            assert b"".join([piece async for piece in archive.chunks()]) == b"a tar in pieces"
    finally:
        await engine.close()
        await fake.close()

    # An engine that may pack does so on one core: 11 MB/s instead of 97.
    assert [one.headers["Accept-Encoding"] for one in fake.asked] == ["identity"]
