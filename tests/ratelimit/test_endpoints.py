"""Connections through a real proxy and to real TLS servers: what is used, what is refused, and in which words."""

from __future__ import annotations

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from scrapy.exceptions import DownloadFailedError
from twisted.internet.asyncioreactor import AsyncioSelectorReactor

from toplist.ratelimit.connections import GatewayConnections
from toplist.ratelimit.endpoints import proxy_for

NOW = datetime.datetime.now(datetime.UTC)
DAY = datetime.timedelta(days=1)
Key = ec.EllipticCurvePrivateKey


def certificate(
    name: str, key: Key, issuer: str, issuer_key: Key, *, ca: bool = False, ends: datetime.datetime = NOW + DAY
) -> x509.Certificate:
    made = x509.CertificateBuilder(
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]),
        subject_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]),
        public_key=key.public_key(),
        serial_number=x509.random_serial_number(),
        not_valid_before=NOW - 10 * DAY,
        not_valid_after=ends,
    )
    made = made.add_extension(x509.BasicConstraints(ca=ca, path_length=None), critical=True)
    alternative = x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
    return made.add_extension(x509.SubjectAlternativeName([alternative]), critical=False).sign(
        issuer_key, hashes.SHA256()
    )


class Authority:
    """Issues certificates, and is trusted through SSL_CERT_FILE."""

    def __init__(self, folder: Path):
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        own = certificate("authority.test", self._key, "authority.test", self._key, ca=True)
        self.file = folder / "authority.pem"
        self.file.write_bytes(own.public_bytes(serialization.Encoding.PEM))

    def context(self, kind: str) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        name = "elsewhere.test" if kind == "wrong name" else "localhost"
        issuer, issuer_key = (name, key) if kind == "self-signed" else ("authority.test", self._key)
        ends = NOW - DAY if kind == "expired" else NOW + DAY
        own = certificate(name, key, issuer, issuer_key, ends=ends)
        file = self._folder / f"{kind}.pem"
        plain = serialization.NoEncryption()
        secret = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
        file.write_bytes(secret + own.public_bytes(serialization.Encoding.PEM))
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


class Server:
    """Answers every request with 200, over TLS."""

    def __init__(self) -> None:
        self.requests: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                self.requests.append(await reader.readuntil(b"\r\n\r\nx=1"))
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


class Proxy:
    """Opens tunnels, or refuses with a status. `heads` are what it was asked."""

    def __init__(self, refuses: bytes | None = None):
        self._refuses = refuses
        self.heads: list[bytes] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        if self._refuses:
            writer.write(b"HTTP/1.1 %s\r\n\r\n" % self._refuses)
            writer.close()
            return
        port = int(head.split()[1].rsplit(b":", 1)[1])
        there, back = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await asyncio.gather(self._copy(reader, back), self._copy(there, writer))

    @staticmethod
    async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            target.write(data)
        target.close()


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Authority:
    made = Authority(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(made.file))
    for name in ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    return made


async def listen(serve: Callable[..., Awaitable[None]], context: ssl.SSLContext | None = None) -> tuple[Any, int]:
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    return server, server.sockets[0].getsockname()[1]


async def post(url: str) -> int:
    """Send a request; returns the answer's status, or raises as a crawl's request would."""
    reactor = AsyncioSelectorReactor(asyncio.get_running_loop())
    reactor.startRunning(installSignalHandlers=False)
    connections = GatewayConnections(reactor, url, size=2, connect_timeout=5)
    try:
        await connections.prepare()
        head, body = await connections.post(f"{url}/x", {}, b"x=1", max_size=0, on_write=lambda: None)
        assert await body.asFuture(asyncio.get_running_loop()) == b"{}"
        return int(head.code)
    finally:
        await connections.close()
        reactor.getThreadPool().stop()


def ask(context: ssl.SSLContext, server: Server, *, proxy: Proxy | None = None, **environment: Any) -> int:
    """A request to `server` at https://localhost, with a proxy beside it."""

    async def scenario() -> int:
        monkeypatch: pytest.MonkeyPatch | None = environment.get("monkeypatch")
        listening, port = await listen(server, context)
        beside, proxy_port = await listen(proxy or Proxy())
        if monkeypatch is not None:
            monkeypatch.setenv("https_proxy", environment["address"].format(port=proxy_port))
        try:
            return await asyncio.wait_for(post(f"https://{environment.get('host', 'localhost')}:{port}"), 20)
        finally:
            listening.close()
            beside.close()

    return asyncio.run(scenario())


def test_a_good_certificate_is_accepted(authority: Authority) -> None:
    server = Server()
    assert ask(authority.context("good"), server) == 200
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        ("self-signed", "the gateway's certificate is self-signed"),
        ("expired", "the gateway's certificate has expired"),
        ("wrong name", "the gateway's certificate is for another host name"),
    ],
)
def test_a_bad_certificate_is_refused_in_one_sentence_and_nothing_is_sent(
    authority: Authority, kind: str, says: str
) -> None:
    server = Server()
    with pytest.raises(DownloadFailedError) as refused:
        ask(authority.context(kind), server)
    assert str(refused.value) == f"the TLS connection to localhost was not made: {says}"
    assert server.requests == []


def test_a_loopback_gateway_is_never_proxied(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    server, proxy = Server(), Proxy()
    status = ask(
        authority.context("good"), server, proxy=proxy, monkeypatch=monkeypatch, address="http://127.0.0.1:{port}"
    )
    assert status == 200
    assert proxy.heads == []


def test_the_gateway_is_asked_inside_a_tunnel_which_the_proxy_can_not_read(
    authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("toplist.ratelimit.endpoints.is_loopback", lambda host: False)
    server, proxy = Server(), Proxy()
    address = "http://user:p%40ss@127.0.0.1:{port}"
    assert ask(authority.context("good"), server, proxy=proxy, monkeypatch=monkeypatch, address=address) == 200
    (head,) = proxy.heads
    assert head.startswith(b"CONNECT localhost:")
    assert b"Proxy-Authorization: Basic dXNlcjpwQHNz\r\n" in head
    assert b"Proxy-Authorization" not in server.requests[0]


def test_a_proxy_that_opens_no_tunnel_is_named(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("toplist.ratelimit.endpoints.is_loopback", lambda host: False)
    proxy = Proxy(refuses=b"407 Proxy Authentication Required")
    with pytest.raises(DownloadFailedError, match="the proxy did not open a tunnel to the gateway: it answered 407"):
        ask(
            authority.context("good"),
            Server(),
            proxy=proxy,
            monkeypatch=monkeypatch,
            address="http://127.0.0.1:{port}",
        )


def test_no_proxy_is_honoured(authority: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.test:3128")
    assert proxy_for("gw.open.1688.com") == "http://proxy.test:3128"
    monkeypatch.setenv("no_proxy", ".1688.com")
    assert proxy_for("gw.open.1688.com") is None
    assert proxy_for("127.0.0.1") is None
