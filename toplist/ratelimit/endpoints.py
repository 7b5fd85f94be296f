"""How a connection to the gateway is opened: TCP, a proxy's tunnel, TLS; and what a failure means, in one sentence."""

from __future__ import annotations

import asyncio
import base64
import socket
import ssl
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

from OpenSSL.SSL import Error as OpenSSLError
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
)
from service_identity import VerificationError
from twisted.internet.defer import Deferred, fail
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.error import ConnectionRefusedError, DNSLookupError, TimeoutError
from twisted.internet.interfaces import IHandshakeListener, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure
from twisted.web.client import BrowserLikePolicyForHTTPS
from zope.interface import implementer  # type: ignore[import-untyped]

from toplist.product_settings import is_loopback

_MAX_HEAD = 16_384  # bytes of a proxy's answer


class TunnelRefused(Exception):
    """The proxy did not open a tunnel to the gateway."""


def endpoint(reactor: Any, url: str, timeout: float) -> Any:
    """The endpoint of a gateway, through the environment's proxy for https; a loopback gateway is never proxied."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if parts.scheme != "https":
        return HostnameEndpoint(reactor, host, port, timeout=timeout)
    proxy = proxy_for(host)
    if proxy is None:
        tcp: Any = HostnameEndpoint(reactor, host, port, timeout=timeout)
    else:
        tcp = _TunnelEndpoint(reactor, proxy, f"{host}:{port}", timeout)
    policy: Any = BrowserLikePolicyForHTTPS()  # type: ignore[no-untyped-call]
    return _TLSEndpoint(reactor, tcp, policy.creatorForNetloc(host.encode(), port), timeout)


def proxy_for(host: str) -> str | None:
    """The proxy that the environment names for https (`https_proxy`, `no_proxy`), or None."""
    if is_loopback(host) or proxy_bypass(host):
        return None
    return getproxies().get("https")


def is_tls_refusal(error: Exception) -> bool:
    """Whether this side did not accept the gateway's certificate, or TLS failed otherwise."""
    return any(isinstance(each, OpenSSLError | VerificationError) for each in _causes(error))


def download_error(error: Exception) -> Exception:
    """What a failed download is to Scrapy, which decides by the type whether it is tried again."""
    if isinstance(error, DownloadFailedError):
        return error
    for cause in _causes(error):
        if isinstance(cause, ConnectionRefusedError):
            return DownloadConnectionRefusedError("the gateway refused the connection")
        if isinstance(cause, DNSLookupError):
            return CannotResolveHostError("the gateway's host name has no address")
        if isinstance(cause, TimeoutError):
            return DownloadTimeoutError("the gateway did not accept the connection in time")
        if isinstance(cause, TunnelRefused):
            return DownloadFailedError(str(cause))
    return DownloadFailedError("the connection was closed before an answer came")


def _causes(error: Exception) -> list[BaseException]:
    reasons: list[Failure] = getattr(error, "reasons", None) or []
    return [error, *(each.value for each in reasons if each.value is not None)]


async def tls_refusal(url: str, timeout: float) -> DownloadFailedError:
    """Why TLS failed, in one sentence. Twisted does not tell, so the standard library asks once more for the
    certificate, and sends nothing.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or 443
    if proxy_for(host) is not None:
        return DownloadFailedError(f"the gateway's certificate for {host} was not accepted, through the proxy")
    why = await asyncio.to_thread(_certificate_problem, host, port, timeout)
    return DownloadFailedError(f"the TLS connection to {host} was not made: {why}")


def _certificate_problem(host: str, port: int, timeout: float) -> str:
    try:
        with (
            socket.create_connection((host, port), timeout=timeout) as tcp,
            ssl.create_default_context().wrap_socket(tcp, server_hostname=host),
        ):
            return "the gateway closed it"
    except ssl.SSLCertVerificationError as error:
        problem = _CERTIFICATE_PROBLEMS.get(error.verify_code, error.verify_message)
        return f"the gateway's certificate {problem}"
    except OSError:
        return "the gateway does not speak TLS as this computer does"


_CERTIFICATE_PROBLEMS = {  # OpenSSL's X509_V_ERR_ numbers
    9: "is not valid yet; is this computer's clock right?",
    10: "has expired",
    18: "is self-signed",
    19: "is self-signed",
    20: "is from an authority that this computer does not know",
    21: "is from an authority that this computer does not know",
    62: "is for another host name",
    64: "is for another address",
}


@implementer(IStreamClientEndpoint)
class _TunnelEndpoint:
    """TCP to the gateway through a proxy's CONNECT."""

    def __init__(self, reactor: Any, proxy: str, target: str, timeout: float):
        parts = urlsplit(proxy if "//" in proxy else f"//{proxy}")
        self._proxy: Any = HostnameEndpoint(reactor, parts.hostname or "", parts.port or 80, timeout=timeout)
        lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
        if parts.username is not None:
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
            lines.append(f"Proxy-Authorization: Basic {base64.b64encode(user.encode()).decode()}")
        self._request = "\r\n".join([*lines, "", ""]).encode()

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        return _connected(self._proxy, lambda ready: _Tunnel(self._request, protocolFactory, ready))


@implementer(IStreamClientEndpoint)
class _TLSEndpoint:
    """TLS over `tcp`. Its connection is there when the handshake is over; Twisted's is when TCP is connected."""

    def __init__(self, reactor: Any, tcp: Any, creator: Any, timeout: float):
        self._reactor = reactor
        self._tcp = tcp
        self._creator = creator
        self._timeout = timeout

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        def over_tls(factory: Any) -> Any:
            return TLSMemoryBIOFactory(self._creator, True, factory, self._reactor)

        connected = _connected(
            self._tcp, lambda ready: _AfterHandshake(protocolFactory.buildProtocol(None), ready), over_tls
        )
        return connected.addTimeout(self._timeout, self._reactor, lambda *_: fail(TimeoutError()))  # type: ignore[no-untyped-call]


def _connected(tcp: Any, make: Any, wrap: Callable[[Factory], Any] = lambda factory: factory) -> Deferred[Any]:
    """Connect to the protocol that `make` makes, and wait until that calls `ready`."""
    made: list[Any] = []

    def abort(_: Any) -> None:
        for protocol in made:
            if protocol.transport is not None:
                protocol.transport.abortConnection()

    ready: Deferred[Any] = Deferred(abort)

    def build() -> Any:
        made.append(make(ready))
        return made[-1]

    factory = Factory.forProtocol(build)
    factory.noisy = False
    connecting: Deferred[Any] = tcp.connect(wrap(factory))
    return connecting.addCallback(lambda _: ready)


class _Relay(Protocol):
    """Passes what comes on to the protocol above it."""

    inner: Any = None

    def __init__(self, ready: Deferred[Any]):
        self.ready = ready

    def dataReceived(self, data: bytes) -> None:
        self.inner.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self.inner is not None:
            self.inner.connectionLost(reason)
        if not self.ready.called:
            self.ready.errback(reason)


@implementer(IHandshakeListener)
class _AfterHandshake(_Relay):
    """Between TLS and HTTP: says when the handshake is over or has failed."""

    def __init__(self, inner: Any, ready: Deferred[Any]):
        super().__init__(ready)
        self.inner = inner

    def connectionMade(self) -> None:
        self.inner.makeConnection(self.transport)

    def handshakeCompleted(self) -> None:
        if not self.ready.called:
            self.ready.callback(self.inner)


class _Tunnel(_Relay):
    """Between a proxy and TLS: asks for the tunnel first."""

    def __init__(self, request: bytes, factory: Any, ready: Deferred[Any]):
        super().__init__(ready)
        self._request = request
        self._factory = factory
        self._head = b""

    def connectionMade(self) -> None:
        transport: Any = self.transport
        transport.write(self._request)

    def dataReceived(self, data: bytes) -> None:
        if self.inner is not None:
            super().dataReceived(data)
            return
        self._head += data
        head, end, rest = self._head.partition(b"\r\n\r\n")
        if not end and len(self._head) < _MAX_HEAD:
            return
        status = head.split(b" ", 2)[1:2]
        if status == [b"200"]:
            self.inner = self._factory.buildProtocol(None)
            self.inner.makeConnection(self.transport)
            self.ready.callback(self.inner)
            if rest:
                self.inner.dataReceived(rest)
        else:
            said = status[0].decode("latin-1")[:3] if status else "nothing readable"
            self.ready.errback(TunnelRefused(f"the proxy did not open a tunnel to the gateway: it answered {said}"))
            self.transport.abortConnection()  # type: ignore[union-attr]
