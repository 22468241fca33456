"""Fingerprints of public keys: by its pin a root is known, whatever certificate it comes in."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization

from cube.errors import NotAllowed
from cube.security.join import base32

BACKDATED = timedelta(minutes=5)  # clocks of one cluster are that far apart at most
_CERTIFICATE = re.compile(
    r"-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\n?"
)


def pin_of(public: Any) -> str:
    """Return the SHA-256 of a public key (SubjectPublicKeyInfo) in base32."""
    return base32(hashlib.sha256(_spki(public)).digest())


def key_hash(public: Any) -> str:
    """Return the same in hex, by which keys of workers are known."""
    return hashlib.sha256(_spki(public)).hexdigest()


def pins_in(bundle: str) -> dict[str, str]:
    """Return the certificates of a bundle in PEM, by their pins. NotAllowed when it does not read."""
    try:
        texts = [found[0] for found in _CERTIFICATE.finditer(bundle)]
        return {pin_of(x509.load_pem_x509_certificate(t.encode()).public_key()): t for t in texts}
    except ValueError as error:
        raise NotAllowed(f"what was sent as the cluster's roots does not read: {error}") from error


def pinned(bundle: str, pin: str) -> str:
    """Return the root with this pin, in PEM. NotAllowed when it is not among them: somebody else answers there."""
    found = pins_in(bundle).get(pin)
    if found is None:
        raise NotAllowed(
            "whoever answers there has not the authority that was named: it is another cluster, or somebody between",
            hint="nothing secret was sent; check the address, and take the token or CA from `cube manager start` there",
        )
    return found


def validity(certificate_pem: str) -> tuple[datetime, datetime]:
    """Return when a certificate was issued, which is a little after it became good, and until when it is good."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    return certificate.not_valid_before_utc + BACKDATED, certificate.not_valid_after_utc


def issuer_pin(certificate_pem: str, bundle: str) -> str:
    """Return the pin of the root in the bundle that signed a certificate, empty when none of them did."""
    certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    for pin, text in pins_in(bundle).items():
        try:
            certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(text.encode()))
        except (ValueError, TypeError, InvalidSignature):
            continue
        return pin
    return ""


def _spki(public: Any) -> bytes:
    return bytes(
        public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
