"""Connections to the gateway: one is open before a slot is reserved, and a request uses that one and no other.

A request that has to open its connection first arrives one to three round trips late, so that the gap to the next one
shrinks: with every tenth request on a new connection, 14 of 130 windows of one second held three requests instead of
two. With the connection opened ahead: none, also behind TLS, where the handshake is waited for as well.

Only Twisted's public interfaces are used: `HTTPConnectionPool.getConnection` takes a connection out of the pool, and
`Agent` asks its pool for one by the same method.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any

from OpenSSL.SSL import Error as OpenSSLError
from scrapy.exceptions import (
    CannotResolveHostError,
    DownloadConnectionRefusedError,
    DownloadFailedError,
    DownloadTimeoutError,
    ResponseDataLossError,
)
from service_identity import VerificationError
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectionLost, ConnectionRefusedError, DNSLookupError, TimeoutError
from twisted.internet.interfaces import IHandshakeListener, IStreamClientEndpoint
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import URI, Agent, BrowserLikePolicyForHTTPS, HTTPConnectionPool, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer  # type: ignore[import-untyped]

_KEY = ("gateway",)  # all connections of a pool go to one gateway


class AnswerTooLarge(ResponseDataLossError):
    """An answer is larger than the bound; the rest of it was not read."""


class GatewayConnections(HTTPConnectionPool):
    """The connections to one gateway. `prepare` sets one aside, and the next request is sent on it.

    Twisted's automatic resending is off: a request that is sent twice breaks the limit and replays a signature.
    """

    retryAutomatically = False

    def __init__(self, reactor: Any, url: str, *, size: int, connect_timeout: float, tls: Any = None):
        super().__init__(reactor, persistent=True)  # type: ignore[no-untyped-call]
        self.maxPersistentPerHost = size
        self._endpoint = _endpoint(reactor, url, connect_timeout, tls)
        self._agent: Any = Agent(reactor, pool=self)  # type: ignore[no-untyped-call]
        self._prepared: Any = None
        self._refusal: Exception | None = None

    def is_ready(self) -> bool:
        """Whether an open connection is set aside for the next request."""
        return self._prepared is not None and self._prepared.state == "QUIESCENT"

    @property
    def has_failed(self) -> bool:
        """Whether the last `prepare` failed: the next request raises what it met."""
        return self._refusal is not None

    async def prepare(self) -> None:
        """Set an idle connection aside, or open one. An error is kept for the next request, which reports it."""
        if self.is_ready():
            return
        self._prepared = self._refusal = None
        try:
            taken = super().getConnection(_KEY, self._endpoint)
            self._prepared = await taken.asFuture(asyncio.get_running_loop())
        except Exception as error:
            self._refusal = error

    def getConnection(self, key: Hashable, endpoint: IStreamClientEndpoint) -> Deferred[Any]:
        """The prepared connection, for `Agent`. Without one the request fails, so that it never waits here."""
        prepared, self._prepared = self._prepared, None
        refusal, self._refusal = self._refusal, None
        if prepared is not None and prepared.state == "QUIESCENT":
            return succeed(prepared)
        return fail(refusal or ConnectionLost())

    async def post(
        self, url: str, headers: dict[str, str], body: bytes, *, max_size: int, on_write: Callable[[], None]
    ) -> tuple[Any, Deferred[bytes]]:
        """Send a POST on the prepared connection. Returns the answer's head (an `IResponse`) and its body.

        `on_write` is called at the moment the request is written. Raises Scrapy's download exceptions, with a message
        that holds no address; so does the body's Deferred, and `AnswerTooLarge`.
        """
        connection = self._prepared
        fields = Headers({name: [value] for name, value in headers.items()})
        try:
            request = self._agent.request(b"POST", url.encode(), fields, _Form(body, on_write))
            head = await request.asFuture(asyncio.get_running_loop())
        except Exception as error:
            raise download_error(error) from None
        done: Deferred[bytes] = Deferred(lambda _: connection.transport.abortConnection())
        head.deliverBody(_Body(max_size, done, connection.transport.abortConnection))
        return head, done

    async def close(self) -> None:
        """Close every idle connection. Does not wait for the gateway to agree."""
        if self.is_ready():
            self._prepared.transport.abortConnection()
        self.closeCachedConnections()  # type: ignore[no-untyped-call]


def download_error(error: Exception) -> Exception:
    """What a failed download is to Scrapy, which decides by the type whether it is tried again."""
    reasons = getattr(error, "reasons", None) or []
    causes = [error, *(each.value for each in reasons if isinstance(each, Failure))]
    for cause in causes:
        if isinstance(cause, ConnectionRefusedError):
            return DownloadConnectionRefusedError("the gateway refused the connection")
        if isinstance(cause, DNSLookupError):
            return CannotResolveHostError("the gateway's host name has no address")
        if isinstance(cause, TimeoutError):
            return DownloadTimeoutError("the gateway did not accept the connection in time")
        if isinstance(cause, OpenSSLError | VerificationError):
            return DownloadFailedError(f"the TLS connection was refused: {cause}")
    return DownloadFailedError("the connection was closed before an answer came")


def _endpoint(reactor: Any, url: str, timeout: float, tls: Any) -> Any:
    uri = URI.fromBytes(url.encode())  # type: ignore[no-untyped-call]
    endpoint: Any = HostnameEndpoint(reactor, uri.host.decode(), uri.port, timeout=timeout)
    if uri.scheme != b"https":
        return endpoint
    policy: Any = tls or BrowserLikePolicyForHTTPS()  # type: ignore[no-untyped-call]
    creator = policy.creatorForNetloc(uri.host, uri.port)
    return _HandshakenEndpoint(wrapClientTLS(creator, endpoint), timeout, reactor)


@implementer(IStreamClientEndpoint)
class _HandshakenEndpoint:
    """An endpoint whose connection is there when the TLS handshake is over, not when TCP is connected."""

    def __init__(self, endpoint: Any, timeout: float, reactor: Any):
        self._endpoint = endpoint
        self._timeout = timeout
        self._reactor = reactor

    def connect(self, protocolFactory: Any) -> Deferred[Any]:
        ready: Deferred[Any] = Deferred()
        factory = Factory.forProtocol(lambda: _AfterHandshake(protocolFactory.buildProtocol(None), ready))
        factory.noisy = False
        connected: Deferred[Any] = self._endpoint.connect(factory).addCallback(lambda _: ready)
        connected.addTimeout(self._timeout, self._reactor, lambda *_: fail(TimeoutError()))  # type: ignore[no-untyped-call]
        return connected


@implementer(IHandshakeListener)
class _AfterHandshake(Protocol):
    """Passes everything on to the HTTP protocol, and says when the handshake is over or has failed."""

    def __init__(self, inner: Any, ready: Deferred[Any]):
        self._inner = inner
        self._ready = ready

    def connectionMade(self) -> None:
        self._inner.makeConnection(self.transport)

    def dataReceived(self, data: bytes) -> None:
        self._inner.dataReceived(data)

    def handshakeCompleted(self) -> None:
        if not self._ready.called:
            self._ready.callback(self._inner)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._inner.connectionLost(reason)
        if not self._ready.called:
            self._ready.errback(reason)


@implementer(IBodyProducer)
class _Form:
    """A request's body, written at once."""

    def __init__(self, body: bytes, on_write: Callable[[], None]):
        self.length = len(body)
        self._body = body
        self._on_write = on_write

    def startProducing(self, consumer: Any) -> Deferred[None]:
        consumer.write(self._body)
        self._on_write()
        return succeed(None)

    def pauseProducing(self) -> None:
        """Nothing is produced later."""

    resumeProducing = stopProducing = pauseProducing


class _Body(Protocol):
    """Collects an answer's body, up to `max_size` bytes (0: any number)."""

    def __init__(self, max_size: int, done: Deferred[bytes], abort: Callable[[], None]):
        self._max_size = max_size
        self._done = done
        self._abort = abort
        self._parts: list[bytes] = []
        self._size = 0

    def dataReceived(self, data: bytes) -> None:
        if self._done.called:
            return
        self._size += len(data)
        self._parts.append(data)
        if self._max_size and self._size > self._max_size:
            self._parts.clear()
            self._done.errback(AnswerTooLarge(f"the answer is larger than {self._max_size} bytes"))
            self._abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._done.called:
            return
        if reason.check(ResponseDone, PotentialDataLoss):  # type: ignore[no-untyped-call]
            self._done.callback(b"".join(self._parts))
        elif reason.check(ResponseFailed):  # type: ignore[no-untyped-call]
            self._done.errback(ResponseDataLossError("the answer was cut off"))
        else:
            self._done.errback(reason)
