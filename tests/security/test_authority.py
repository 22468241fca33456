from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from cube.core.rotation import Stage
from cube.errors import CubeError, InvalidInput
from cube.model.ids import NodeId
from cube.security.authority import Authority, key_of_request, make_key, make_request
from cube.security.pins import issuer_pin, pins_in, validity

NOW = 1_800_000_000_000
LIFE = timedelta(days=30)
A = NodeId("node-a")


def opened(path: Path) -> Authority:
    return Authority(path / "ca", "cluster-1", NOW)


def worker(authority: Authority, era: int = 1) -> str:
    return authority.issue_worker(make_request(make_key()), A, era, NOW, LIFE)


def test_the_root_is_made_once_and_closed_to_others(tmp_path: Path) -> None:
    pin = opened(tmp_path).signer.pin
    assert opened(tmp_path).signer.pin == pin
    assert (tmp_path / "ca/root.pem").stat().st_mode & 0o777 == 0o600
    root = opened(tmp_path).signer.certificate
    assert root.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    assert (root.not_valid_after_utc - root.not_valid_before_utc).days in (3652, 3653)


def test_a_workers_certificate_says_who_and_until_when_and_its_era(tmp_path: Path) -> None:
    authority = opened(tmp_path)
    text = worker(authority, era=7)
    certificate = x509.load_pem_x509_certificate(text.encode())
    assert certificate.serial_number >> 64 == 7
    issued, ends = validity(text)
    assert issued.timestamp() * 1000 == NOW
    assert ends - issued == LIFE
    assert issuer_pin(text, authority.bundle) == authority.signer.pin


def test_the_managers_certificate_is_for_the_names_it_was_told(tmp_path: Path) -> None:
    path = opened(tmp_path).issue_manager(["10.0.0.1", "fd00::1", "cube.example"], NOW, LIFE)
    certificate = x509.load_pem_x509_certificate(path.read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [str(one.value) for one in names] == [
        "10.0.0.1", "fd00::1", "cube.example", "cube://cluster-1/manager",
    ]  # fmt: skip


def test_a_rotation_goes_on_where_it_was_after_a_restart(tmp_path: Path) -> None:
    authority = opened(tmp_path)
    first = authority.signer.pin
    authority.begin_rotation(NOW)
    authority.begin_rotation(NOW)
    second = authority.newest.pin
    assert (authority.stage, authority.signer.pin) == (Stage.ANNOUNCING, first)
    assert opened(tmp_path).stage is Stage.ANNOUNCING
    assert set(pins_in(opened(tmp_path).bundle)) == {first, second}

    authority.switch()
    assert (authority.stage, authority.signer.pin) == (Stage.REISSUING, second)
    again = opened(tmp_path)
    assert (again.stage, again.signer.pin) == (Stage.REISSUING, second)
    assert set(pins_in(again.bundle)) == {first, second}

    again.drop_old()
    assert list(pins_in(opened(tmp_path).bundle)) == [second]
    assert opened(tmp_path).stage is Stage.QUIET


def test_a_crash_in_the_middle_of_the_switch_ends_in_the_switch(tmp_path: Path) -> None:
    authority = opened(tmp_path)
    authority.begin_rotation(NOW)
    second = authority.newest.pin
    (tmp_path / "ca/root.pem").rename(tmp_path / "ca/old.pem")
    again = opened(tmp_path)
    assert (again.stage, again.signer.pin) == (Stage.REISSUING, second)


def test_a_root_that_does_not_read_stops_the_start(tmp_path: Path) -> None:
    opened(tmp_path)
    (tmp_path / "ca/root.pem").write_text("nonsense")
    with pytest.raises(CubeError, match=r"root\.pem cannot be read"):
        opened(tmp_path)


@pytest.mark.parametrize(
    "text", ["", "nonsense", "-----BEGIN CERTIFICATE REQUEST-----\n", "x" * 5000]
)
def test_what_is_no_signing_request_is_an_objection(text: str) -> None:
    with pytest.raises(InvalidInput, match="no signing request"):
        key_of_request(text)


def test_a_request_names_nobody_and_its_key_is_known_again(tmp_path: Path) -> None:
    key = make_key()
    request = x509.load_pem_x509_csr(make_request(key).encode())
    assert list(request.subject) == list(request.extensions) == []
    assert key_of_request(make_request(key)) == key_of_request(make_request(key))
    assert key_of_request(make_request(make_key())) != key_of_request(make_request(key))
