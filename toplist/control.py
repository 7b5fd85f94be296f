"""Stops a crawl in order, and says whether it is stopping."""

from __future__ import annotations

import asyncio

from scrapy.crawler import Crawler

from toplist.compat import is_closing
from toplist.errors import InputError


class CrawlControl:
    """Ends the crawl and remembers why. `bad_input` is an argument that proved wrong after the crawl had begun."""

    def __init__(self, crawler: Crawler):
        self._crawler = crawler
        self._closing: asyncio.Future[None] | None = None
        self.stopped: str | None = None
        self.bad_input: InputError | None = None

    def is_stopping(self) -> bool:
        """Whether the crawl was told to stop, by us, by a signal or by an extension: nothing more is sent then."""
        return self.stopped is not None or is_closing(self._crawler.engine)

    def stop(self, reason: str, why: str) -> None:
        """Close the spider with `reason`; the verdict says `why`. Only the first call counts."""
        if self.stopped is None:
            self.stopped = why
            self._closing = asyncio.ensure_future(self._crawler.engine.close_spider_async(reason=reason))

    def stop_if(self, reason: str, why: str | None) -> bool:
        """Stop if there is a `why`; returns whether there is."""
        if why is not None:
            self.stop(reason, why)
        return why is not None

    def refuse(self, error: InputError) -> None:
        """Stop because of an argument; the command says which."""
        self.bad_input = error
        self.stop("bad_input", str(error))
