from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from cube.errors import CubeError
from cube.model.ids import NodeId
from cube.security.authority import Authority, make_request
from cube.security.join import mint_secret
from cube.wire.membership import Certified
from cube.worker.credentials import Credentials
from cube.worker.joining import has_joined

NOW = 1_800_000_000_000


def test_what_was_joined_with_is_kept_for_its_user_and_read_again(tmp_path: Path) -> None:
    authority, kept = Authority(tmp_path / "ca", "c", NOW), Credentials(tmp_path / "w")
    assert kept.joined() is None
    request = make_request(kept.key())
    issued = authority.issue_worker(request, NodeId("n"), 1, NOW, timedelta(hours=1))
    certified = Certified(certificate=issued, roots=authority.bundle, cluster_id="c", node_id="n")
    joined = kept.keep("10.0.0.1", 5555, certified, "t1")
    assert (joined.issued, joined.expires) == (NOW / 1000, NOW / 1000 + 3600)
    assert Credentials(tmp_path / "w").joined() == joined
    assert kept.certificate().strip() == issued.strip()
    kept.context()
    for path in (tmp_path / "w/tls").iterdir():
        assert path.stat().st_mode & 0o777 == 0o600


def test_the_key_is_made_once(tmp_path: Path) -> None:
    assert Credentials(tmp_path).key() == Credentials(tmp_path).key()


def test_without_having_joined_there_is_nothing_to_show(tmp_path: Path) -> None:
    with pytest.raises(CubeError, match="has not joined") as refused:
        Credentials(tmp_path).context()
    assert "--join" in refused.value.hint


def test_a_token_is_used_again_only_when_it_is_another_or_the_certificate_has_expired(
    tmp_path: Path,
) -> None:
    authority, kept = Authority(tmp_path / "ca", "c", NOW), Credentials(tmp_path / "w")
    request = make_request(kept.key())
    issued = authority.issue_worker(request, NodeId("n"), 1, NOW, timedelta(hours=1))
    certified = Certified(certificate=issued, roots=authority.bundle, cluster_id="c", node_id="n")
    token, other = mint_secret("a" * 52), mint_secret("a" * 52)
    joined = kept.keep("h", 1, certified, token.id)
    now = NOW / 1000
    assert has_joined(joined, "h", 1, token, now + 3599)
    assert not has_joined(joined, "h", 1, token, now + 3600)
    assert not has_joined(joined, "h", 2, token, now)
    assert not has_joined(joined, "h", 1, other, now)
    assert not has_joined(None, "h", 1, token, now)
