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

from scrapy.exceptions import ResponseDataLossError
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.internet.protocol import Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, HTTPConnectionPool, ResponseDone, ResponseFailed
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IBodyProducer
from zope.interface import implementer  # type: ignore[import-untyped]

from toplist.ratelimit.endpoints import download_error, endpoint, is_tls_refusal, tls_refusal

_KEY = ("gateway",)  # all connections of a pool go to one gateway


class AnswerTooLarge(ResponseDataLossError):
    """An answer is larger than the bound; the rest of it was not read."""


class GatewayConnections(HTTPConnectionPool):
    """The connections to one gateway. `prepare` sets one aside, and the next request is sent on it.

    Twisted's automatic resending is off: a request that is sent twice breaks the limit and replays a signature.
    """

    retryAutomatically = False

    def __init__(self, reactor: Any, url: str, *, size: int, connect_timeout: float):
        super().__init__(reactor, persistent=True)  # type: ignore[no-untyped-call]
        self.maxPersistentPerHost = size
        self._url = url
        self._timeout = connect_timeout
        self._endpoint = endpoint(reactor, url, connect_timeout)
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
            self._refusal = await tls_refusal(self._url, self._timeout) if is_tls_refusal(error) else error

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
