"""A connection pool that can open a connection ahead of the request that will use it.

A request on a new connection arrives later than one on an idle connection, by a round trip or three, and so shrinks
the gap to the next. The gate therefore opens the connection first and reserves its slot then.
"""

from __future__ import annotations

from collections.abc import Hashable
from contextlib import suppress
from typing import Any

from scrapy.utils.defer import maybe_deferred_to_future
from twisted.internet.defer import Deferred, fail
from twisted.internet.interfaces import IStreamClientEndpoint
from twisted.web._newclient import HTTP11ClientProtocol
from twisted.web.client import HTTPConnectionPool


class _Route(Exception):
    """Carries where a request would go: the pool's key, and the endpoint behind it."""

    def __init__(self, key: Hashable, endpoint: IStreamClientEndpoint):
        super().__init__("only asking for the way")
        self.key = key
        self.endpoint = endpoint


class WarmPool(HTTPConnectionPool):
    """Twisted's pool, without its resending of requests, and with a way to look and to open ahead."""

    retryAutomatically = False  # a request that is sent twice breaks the limit and replays a signature

    def __init__(self, reactor: Any, *, size: int, factory: Any):
        super().__init__(reactor, persistent=True)  # type: ignore[no-untyped-call]
        self.maxPersistentPerHost = size
        self._factory = factory
        self._asking = False

    def getConnection(self, key: Hashable, endpoint: IStreamClientEndpoint) -> Deferred[HTTP11ClientProtocol]:
        """As Twisted's; while `route` asks, the answer is the way itself, and nothing is opened."""
        if self._asking:
            return fail(_Route(key, endpoint))
        return super().getConnection(key, endpoint)

    async def route(self, request: Any) -> _Route:
        """Where a request goes, proxies included. `request` is called and must start the request at once."""
        self._asking = True
        try:
            started = request()
            started.send(None)
        except _Route as route:
            return route
        except StopIteration:
            pass
        finally:
            self._asking = False
        raise AssertionError("the request did not ask for a connection")

    def is_idle(self, route: _Route) -> bool:
        """Whether a connection stands ready on that way."""
        return any(each.state == "QUIESCENT" for each in self._connections.get(route.key, ()))

    async def open(self, route: _Route) -> None:
        """Open a connection and lay it by. A failure is left for the request to meet, which knows what it means."""
        with suppress(Exception):
            connection = await maybe_deferred_to_future(self._newConnection(route.key, route.endpoint))
            self._putConnection(route.key, connection)  # type: ignore[no-untyped-call]
