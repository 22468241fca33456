"""Attacks on joining and on certificates: A11, A12, A14, A15 and A16 of the attack table."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID

from cube.errors import NotAllowed
from cube.model.ids import NodeId
from cube.security.authority import Root, make_key, make_request
from cube.security.certificates import worker_identity
from cube.security.join import JoinSecret
from cube.security.tls import client_context
from cube.wire.codec import encode_message
from cube.wire.messages import PROTOCOL, Hello, Refuse
from cube.wire.routes import CERTIFICATE, JOIN, JOIN_TOKENS, ROOTS, SESSION
from tests.manager.conftest import until
from tests.manager.fake_worker import FakeWorker
from tests.manager.reached import OUTSIDE, Reached, reached_manager

A, B = NodeId("node-a"), NodeId("node-b")


@pytest.fixture
async def reached(tmp_path: Path) -> AsyncIterator[Reached]:
    async with reached_manager(tmp_path) as one:
        yield one


# -- A11: somebody between


class Between:
    """A proxy with an authority of its own. It answers for the roots truthfully, or with its own."""

    def __init__(self, roots: str, directory: Path, *, own_roots: bool) -> None:
        self.heard = bytearray()
        root = Root.make("cluster", datetime.now(UTC))
        self._roots = root.pem if own_roots else roots
        self._file = directory / "between.pem"
        self._file.write_bytes(leaf(root, usage=ExtendedKeyUsageOID.SERVER_AUTH))

    async def __aenter__(self) -> int:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._file)
        self._server = await asyncio.start_server(self._answer, OUTSIDE, 0, ssl=context)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def __aexit__(self, *_: object) -> None:
        self._server.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.heard += await reader.read(65536)
            body = json.dumps({"roots": self._roots}).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            writer.write(head.encode() + body)
            await writer.drain()
            self.heard += await reader.read(65536)
        except (OSError, ssl.SSLError):
            pass
        finally:
            writer.close()


@pytest.mark.parametrize("own_roots", [True, False])
async def test_a11_who_stands_between_never_hears_the_secret(
    reached: Reached, tmp_path: Path, own_roots: bool
) -> None:
    token = await reached.token()
    between = Between(reached.secure.authority.bundle, tmp_path, own_roots=own_roots)
    async with between as port:
        with pytest.raises(NotAllowed):
            await reached.join(A, token, port)
    assert f"GET {ROOTS}".encode() in between.heard
    assert token.secret.encode() not in between.heard
    assert b"POST" not in between.heard
    assert reached.credentials(A).joined() is None


# -- A12: tokens that are no good, and requests that claim to be somebody


async def asked(reached: Reached, token: JoinSecret, **changed: str) -> tuple[int, Any]:
    """Join by hand."""
    wish = {
        "id": token.id,
        "secret": token.secret,
        "request": make_request(make_key()),
        "node_id": A,
    }
    return await reached.ask("POST", JOIN, reached.stranger(), json=wish | changed)


async def test_a12_a_token_is_good_for_one_key_only(reached: Reached) -> None:
    token = await reached.token()
    await reached.join(A, token)
    await reached.join(A, token)  # the answer may have been lost
    status, problem = await asked(reached, token, node_id=B)
    assert (status, problem["detail"]) == (403, "the join token is used up")


async def test_a12_a_token_is_worth_nothing_when_it_is_removed_expired_or_misspelt(
    reached: Reached,
) -> None:
    token = await reached.token()
    wrong = token.secret[:-1] + ("a" if token.secret[-1] != "a" else "b")
    status, misspelt = await asked(reached, token, secret=wrong)
    assert status == 403
    await reached.api.ask("DELETE", f"{JOIN_TOKENS}/{token.id}")
    status, removed = await asked(reached, token)
    assert (status, removed["detail"]) == (403, misspelt["detail"])
    short, request = await reached.token(ttl_ms=1000), make_request(make_key())
    async with asyncio.timeout(10):
        status, expired = 200, dict[str, str]()
        while status == 200:
            status, expired = await asked(reached, short, request=request)
            await asyncio.sleep(0.1)
    assert (status, expired["detail"]) == (403, "the join token expired 0 s ago")


async def test_a12_a_request_that_claims_another_identity_gets_its_own(reached: Reached) -> None:
    token = await reached.token()
    key = ec.generate_private_key(ec.SECP256R1())
    cluster = (await reached.api.get("/version"))["cluster_id"]
    claims: list[x509.GeneralName] = [
        x509.UniformResourceIdentifier(worker_identity(cluster, B)),
        x509.UniformResourceIdentifier(f"cube://{cluster}/manager"),
        x509.DNSName(OUTSIDE),
    ]
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "manager")])
    request = (
        x509.CertificateSigningRequestBuilder(name)
        .add_extension(x509.SubjectAlternativeName(claims), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    text = request.public_bytes(serialization.Encoding.PEM).decode()
    status, certified = await asked(reached, token, request=text)
    assert status == 200
    issued = x509.load_pem_x509_certificate(certified["certificate"].encode())
    names = issued.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert [one.value for one in names] == [worker_identity(cluster, A)]
    assert issued.subject.rfc4514_string() == "CN=cube worker"
    assert not issued.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    usage = issued.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert list(usage) == [ExtendedKeyUsageOID.CLIENT_AUTH]


async def test_a12_a_token_does_not_give_another_workers_node_away(reached: Reached) -> None:
    await reached.join(A)
    status, problem = await asked(reached, await reached.token(uses=5), node_id=A)
    assert status == 403
    assert "there is a node node-a already" in problem["detail"]
    status, _ = await asked(reached, await reached.token(node=A), node_id=A)
    assert status == 200


# -- A14: one worker in another's name


async def test_a14_a_certificate_is_good_for_its_own_node_only(reached: Reached) -> None:
    mine = (await reached.join(A)).context()
    theirs = await reached.join(B)
    for method, path in (("GET", "/task"), ("POST", "/task"), ("GET", "/node"), ("POST", "/ca/rotation"),
                         ("GET", "/join-token"), ("POST", "/backup")):  # fmt: skip
        status, problem = await reached.ask(method, path, mine)
        assert (status, problem["code"]) == (403, "not_allowed"), path
    request = {"request": make_request(theirs.key())}
    status, problem = await reached.ask("POST", CERTIFICATE, mine, json=request)
    assert status == 403
    assert "another key" in problem["detail"]


async def test_a14_a_session_is_that_of_the_certificates_node(reached: Reached) -> None:
    mine = (await reached.join(A)).context()
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(reached.base + SESSION, ssl=mine) as socket,
    ):
        facts = FakeWorker("", "w").hello.facts
        hello = Hello(protocol=PROTOCOL, node_id=B, cluster_id="", facts=facts)
        await socket.send_bytes(encode_message(hello))
        worker = FakeWorker("", "w")
        worker.socket = socket
        refused = await worker.expect(Refuse)
    assert refused.final
    assert "its certificate is that of node-a" in refused.reason


# -- A15: certificates that are no good


def leaf(
    root: Root,
    *,
    usage: x509.ObjectIdentifier = ExtendedKeyUsageOID.CLIENT_AUTH,
    identity: str = "cube://cluster/worker/node-a",
    shift: timedelta = timedelta(0),
) -> bytes:
    """A key and its certificate by this root, valid for an hour, so much later than now."""
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [
        x509.UniformResourceIdentifier(identity),
        x509.DNSName(OUTSIDE),
    ]
    made = root.sign(
        key.public_key(), "x", names, usage, 1 << 64, datetime.now(UTC) + shift, timedelta(hours=1)
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return pem + made.public_bytes(serialization.Encoding.PEM)


FORGED = {
    "of another authority": lambda own: leaf(Root.make("cluster", datetime.now(UTC))),
    "expired": lambda own: leaf(own, shift=timedelta(hours=-2)),
    "not yet valid": lambda own: leaf(own, shift=timedelta(hours=2)),
    "for servers only": lambda own: leaf(own, usage=ExtendedKeyUsageOID.SERVER_AUTH),
}


@pytest.mark.parametrize("kind", FORGED)
async def test_a15_the_handshake_fails_with_a_certificate(
    reached: Reached, tmp_path: Path, kind: str
) -> None:
    file = tmp_path / "forged.pem"
    file.write_bytes(FORGED[kind](reached.secure.authority.signer))
    context = client_context(reached.secure.authority.bundle, file)
    with pytest.raises((aiohttp.ClientError, OSError)):
        await reached.ask("GET", "/healthz", context)


async def test_a15_a_good_certificate_of_no_worker_is_nobodys(
    reached: Reached, tmp_path: Path
) -> None:
    file = tmp_path / "forged.pem"
    own = reached.secure.authority.signer
    for identity in ("cube://cluster/manager", "cube://cluster/worker/", "spiffe://x/worker/a"):
        file.write_bytes(leaf(own, identity=identity))
        context = client_context(reached.secure.authority.bundle, file)
        status, _ = await reached.ask("GET", "/task", context)
        assert status == 401


async def test_a15_older_tls_is_not_spoken(reached: Reached) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(aiohttp.ClientError):
        await reached.ask("GET", "/healthz", context)


async def test_strangers_get_nothing_but_health_and_what_joining_takes(reached: Reached) -> None:
    stranger = reached.stranger()
    for path in ("/healthz", "/readyz", "/version", ROOTS):
        assert (await reached.ask("GET", path, stranger))[0] == 200
    for path in ("/task", "/node", "/event", "/metrics", "/worker/session"):
        assert (await reached.ask("GET", path, stranger))[0] == 401, path


# -- A16: revoked while connected


async def test_a16_a_revoked_worker_is_cut_within_a_second(reached: Reached) -> None:
    mine = (await reached.join(A)).context()
    facts = FakeWorker("", "w").hello.facts
    async with (
        aiohttp.ClientSession() as http,
        http.ws_connect(reached.base + SESSION, ssl=mine) as socket,
    ):
        hello = Hello(protocol=PROTOCOL, node_id=A, cluster_id="", facts=facts)
        await socket.send_bytes(encode_message(hello))
        await socket.receive()
        status, _, _ = await reached.api.ask("POST", f"/node/{A}/revoke")
        assert status == 204
        async with asyncio.timeout(1):
            while (await socket.receive()).type is aiohttp.WSMsgType.BINARY:
                pass
    status, problem = await reached.ask("GET", SESSION, mine)
    assert (status, problem["code"]) == (401, "unauthenticated")
    status, _ = await reached.ask(
        "POST", CERTIFICATE, mine, json={"request": make_request(make_key())}
    )
    assert status == 401
    await reached.join(A)  # a token is the way back in, for the same key and node
    status, _ = await reached.ask("GET", SESSION, reached.credentials(A).context())
    assert status == 400  # no WebSocket, and let in


async def test_a16_an_idle_connection_of_a_revoked_worker_is_cut(reached: Reached) -> None:
    mine = (await reached.join(A)).context()
    where = (OUTSIDE, reached.manager.port)
    reader, writer = await asyncio.open_connection(*where, ssl=mine)
    try:
        writer.write(f"GET /healthz HTTP/1.1\r\nHost: {OUTSIDE}:{where[1]}\r\n\r\n".encode())
        assert b" 200 " in await reader.readline()
        status, _, _ = await reached.api.ask("POST", f"/node/{A}/revoke")
        assert status == 204
        async with asyncio.timeout(1):
            with suppress(ConnectionResetError, ssl.SSLError):
                await reader.read()
    finally:
        writer.close()


async def test_a_key_that_is_replaced_is_cut_like_a_revoked_one(reached: Reached) -> None:
    mine = (await reached.join(A)).context()
    reader, writer = await asyncio.open_connection(OUTSIDE, reached.manager.port, ssl=mine)
    try:
        status, _ = await asked(reached, await reached.token(node=A))
        assert status == 200
        async with asyncio.timeout(1):
            with suppress(ConnectionResetError, ssl.SSLError):
                await reader.read()
    finally:
        writer.close()


# -- A33: what is on record of it


async def test_joining_revoking_and_rotating_are_in_the_audit(reached: Reached) -> None:
    token = await reached.token()
    await reached.join(A, token)
    await reached.api.ask("POST", f"/node/{A}/revoke")
    await reached.api.ask("POST", "/ca/rotation")
    told = [(one["action"], one["object"]) for one in await reached.api.get("/audit")]
    assert told == [
        ("makeJoinToken", f"{token.id}, for 1 machine"),
        ("join", f"node {A} by join token {token.id}"),
        ("revokeNode", A),
        ("rotateRoot", "begin"),
    ]
    check = await reached.api.get("/audit/check")
    assert check["whole"] and token.secret not in str(told)


async def test_who_was_not_let_in_is_in_the_audit(reached: Reached) -> None:
    token = await reached.token()
    wrong = token.secret[:-1] + ("a" if token.secret[-1] != "a" else "b")
    assert (await asked(reached, token, secret=wrong))[0] == 403

    async def denied() -> bool:
        entries = await reached.api.get("/audit")
        return ("join", 403) in {(one["action"], one["outcome"]) for one in entries}

    await until(denied)
