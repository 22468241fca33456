"""The cluster's own certificate authority: its roots, in files that nobody else reads, and what they sign.

    root.pem   the root that signs, certificate and key
    next.pem   a root to come, trusted already                   (a rotation that is announcing)
    old.pem    the root before, trusted still                    (a rotation that is reissuing)
    manager.pem  the manager's own certificate and key, made anew at each start

The files are all the state a rotation has: whatever was going on is taken up again after a restart.
"""

from __future__ import annotations

import ipaddress
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from cube.core.rotation import Stage
from cube.errors import CubeError, InvalidInput, Objection
from cube.model.ids import NodeId
from cube.security.certificates import ERA_SHIFT, manager_identity, worker_identity
from cube.security.keyfiles import (
    private_directory,
    read_private,
    sync_directory,
    write_private,
)
from cube.security.pins import BACKDATED, key_hash, pin_of

ROOT_LIFE = timedelta(days=3652)  # ten years; `cube ca rotate` ends it sooner

MOST_REQUEST_BYTES = 4096  # a signing request for a P-256 key has 400


class Root:
    """One root: its certificate and its key."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey) -> None:
        self.certificate = certificate
        self.key = key
        self.pem = certificate.public_bytes(serialization.Encoding.PEM).decode()
        self.pin = pin_of(certificate.public_key())

    @classmethod
    def make(cls, cluster_id: str, now: datetime) -> Root:
        """Return a new one. P-256: every TLS library knows it, and signing is quick."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"cube {cluster_id[:40]}")])
        usage = x509.KeyUsage(
            key_cert_sign=True, crl_sign=False, digital_signature=False, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        public = key.public_key()
        built = (
            x509.CertificateBuilder(name, name, public, x509.random_serial_number())
            .not_valid_before(now - BACKDATED)
            .not_valid_after(now + ROOT_LIFE)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(usage, critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(
                x509.AuthorityKeyIdentifier.from_issuer_public_key(public), critical=False
            )
        )
        return cls(built.sign(key, hashes.SHA256()), key)

    @classmethod
    def read(cls, path: Path) -> Root | None:
        """Return the root in the file, None when there is none."""
        data = read_private(path)
        if data is None:
            return None
        try:
            key = serialization.load_pem_private_key(data, None)
            certificate = x509.load_pem_x509_certificate(data)
        except ValueError as error:
            raise CubeError(
                f"{path} cannot be read: {error}", hint="put it back from a copy of the directory"
            ) from error
        return cls(certificate, cast(ec.EllipticCurvePrivateKey, key))

    def write(self, path: Path) -> None:
        """Keep it in the file."""
        write_private(path, _pem(self.key) + self.pem.encode())

    def sign(
        self,
        public: Any,
        common_name: str,
        names: list[x509.GeneralName],
        usage: x509.ObjectIdentifier,
        serial: int,
        now: datetime,
        life: timedelta,
    ) -> x509.Certificate:
        """Return a certificate of somebody who is no authority, for one purpose."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
        key_usage = x509.KeyUsage(
            digital_signature=True, key_cert_sign=False, crl_sign=False, content_commitment=False,
            key_encipherment=False, data_encipherment=False, key_agreement=False,
            encipher_only=False, decipher_only=False,
        )  # fmt: skip
        issuer_key = x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())
        built = (
            x509.CertificateBuilder(self.certificate.subject, subject, public, serial)
            .not_valid_before(now - BACKDATED)
            .not_valid_after(min(now + life, self.certificate.not_valid_after_utc))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(key_usage, critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
            .add_extension(issuer_key, critical=False)
        )
        return built.sign(self.key, hashes.SHA256())


class Authority:
    """The roots of one cluster and what they sign. All methods that write are blocking, for some milliseconds."""

    def __init__(self, directory: Path, cluster_id: str, now_ms: int) -> None:
        """Read the roots in the directory, or make the first one. CubeError when its files cannot be trusted."""
        self._directory = directory
        self._cluster_id = cluster_id
        private_directory(directory)
        self._finish_rename()
        found = Root.read(directory / "root.pem")
        self._root = found if found is not None else self._make("root.pem", now_ms)
        self._next = Root.read(directory / "next.pem")
        self._old = Root.read(directory / "old.pem")

    @property
    def stage(self) -> Stage:
        """How far a rotation of the root is."""
        if self._next is not None:
            return Stage.ANNOUNCING
        return Stage.QUIET if self._old is None else Stage.REISSUING

    @property
    def signer(self) -> Root:
        """The root that signs."""
        return self._root

    @property
    def newest(self) -> Root:
        """The root that signs in the end: the one to come while a rotation is announcing."""
        return self._next or self._root

    @property
    def roots(self) -> list[Root]:
        """Those to be trusted now."""
        return [root for root in (self._root, self._next, self._old) if root is not None]

    @property
    def bundle(self) -> str:
        """The certificates of those, in PEM."""
        return "".join(root.pem for root in self.roots)

    def begin_rotation(self, now_ms: int) -> None:
        """Make a root that is to take the place of this one. Nothing while a rotation is going on."""
        if self.stage is Stage.QUIET:
            self._next = self._make("next.pem", now_ms)

    def switch(self) -> None:
        """Have the new root sign from now on."""
        if self._next is not None:
            (self._directory / "root.pem").replace(self._directory / "old.pem")
            self._finish_rename()
            self._root, self._old, self._next = self._next, self._root, None

    def drop_old(self) -> None:
        """Trust the root before no more."""
        if self._old is not None:
            (self._directory / "old.pem").unlink(missing_ok=True)
            sync_directory(self._directory)
            self._old = None

    def issue_worker(
        self, request: str, node_id: NodeId, era: int, now_ms: int, life: timedelta
    ) -> str:
        """Return a certificate in PEM that makes the key of this signing request the node's."""
        certificate = self._root.sign(
            _requested(request).public_key(),
            "cube worker",
            [x509.UniformResourceIdentifier(worker_identity(self._cluster_id, node_id))],
            ExtendedKeyUsageOID.CLIENT_AUTH,
            era << ERA_SHIFT | secrets.randbits(ERA_SHIFT),
            _time(now_ms),
            life,
        )
        return certificate.public_bytes(serialization.Encoding.PEM).decode()

    def issue_manager(self, names: list[str], now_ms: int, life: timedelta) -> Path:
        """Make the manager's own certificate, for these names and addresses; return the file with it and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        known_as: list[x509.GeneralName] = [_general(name) for name in names]
        known_as.append(x509.UniformResourceIdentifier(manager_identity(self._cluster_id)))
        certificate = self._root.sign(
            key.public_key(),
            "cube manager",
            known_as,
            ExtendedKeyUsageOID.SERVER_AUTH,
            x509.random_serial_number(),
            _time(now_ms),
            life,
        )
        path = self._directory / "manager.pem"
        write_private(path, _pem(key) + certificate.public_bytes(serialization.Encoding.PEM))
        return path

    def _make(self, name: str, now_ms: int) -> Root:
        root = Root.make(self._cluster_id, _time(now_ms))
        root.write(self._directory / name)
        return root

    def _finish_rename(self) -> None:
        """Bring the second half of `switch` about, also after a crash between the two."""
        root, following = self._directory / "root.pem", self._directory / "next.pem"
        if not root.exists() and following.exists():
            following.replace(root)
        sync_directory(self._directory)


def key_of_request(request: str) -> str:
    """Return the fingerprint of the key in a signing request. InvalidInput when it is none."""
    return key_hash(_requested(request).public_key())


def make_key() -> bytes:
    """Return a new private key in PEM."""
    return _pem(ec.generate_private_key(ec.SECP256R1()))


def make_request(key_pem: bytes) -> str:
    """Return a signing request for the key, in PEM. It names nobody: who that is is for the manager to say."""
    key = cast(ec.EllipticCurvePrivateKey, serialization.load_pem_private_key(key_pem, None))
    request = x509.CertificateSigningRequestBuilder(x509.Name([])).sign(key, hashes.SHA256())
    return request.public_bytes(serialization.Encoding.PEM).decode()


def _requested(text: str) -> x509.CertificateSigningRequest:
    """Return a signing request whose sender has the key."""
    try:
        if len(text) > MOST_REQUEST_BYTES:
            raise ValueError("too long")
        request = x509.load_pem_x509_csr(text.encode())
        good = request.is_signature_valid
        key = request.public_key()
    except (ValueError, InvalidSignature, TypeError) as error:
        raise _no_request("is no signing request in PEM") from error
    if not good:
        raise _no_request("is not signed by the key it holds")
    if not isinstance(key, ec.EllipticCurvePublicKey) or key.curve.name != "secp256r1":
        raise _no_request("must be for a key on the curve P-256")
    return request


def _no_request(problem: str) -> InvalidInput:
    return InvalidInput((Objection("request", problem),))


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _time(now_ms: int) -> datetime:
    return datetime.fromtimestamp(now_ms / 1000, UTC)
