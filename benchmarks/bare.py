"""The bare Scrapy spider of benchmarks.cpu: sign, ask, parse, export; `python -m benchmarks.bare items|dicts …`."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from typing import Any

import scrapy
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.http import Response

from toplist.api.calls import list_call, sign
from toplist.api.credentials import Credentials
from toplist.api.responses import read_list_page
from toplist.api.rows import Rows
from toplist.items import Entry, ListKey, Source
from toplist.ranktypes import RANK_TYPES, Protocol

URL = os.environ["TOPLIST_GATEWAY_URL"]
CREDENTIALS = Credentials(os.environ["TOPLIST_APP_KEY"], os.environ["TOPLIST_APP_SECRET"])


class BareSpider(scrapy.Spider):
    """Lists of categories and rank types, one page each."""

    name = "bare"

    async def start(self) -> AsyncIterator[Any]:
        for rank_type in self.rank_types.split(","):
            for category in self.categories.split(","):
                signed = sign(list_call(Protocol.BASE64, rank_type, category, 1, 20), CREDENTIALS, _now())
                key = ListKey(Source.GATEWAY, Protocol.BASE64, rank_type, category)
                headers = {"Content-Type": "application/x-www-form-urlencoded"}
                url = f"{URL}/{signed.path}"
                yield scrapy.Request(url, method="POST", body=signed.form_body, headers=headers, cb_kwargs={"key": key})

    def parse(self, response: Response, key: ListKey) -> Iterator[Any]:
        answer = read_list_page(key.protocol, RANK_TYPES[key.rank_type].endpoint, response.status, response.body)
        rows = Rows()
        now = datetime.now(UTC)
        rows.add_page(key.protocol, answer.rows or [], 1, 20, now)
        place = {**key._asdict(), "snapshot_date": now.date(), "total": answer.total, "collected_at": now}
        for rank, offer, _ in rows.arranged():
            entry = Entry(**place, rank=rank, **offer.model_dump())
            yield entry if self.items == "items" else entry.model_dump(mode="json")


def _now() -> int:
    return round(time.time() * 1000)


if __name__ == "__main__":
    items, categories, rank_types = sys.argv[1:]
    settings = {
        "FEEDS": {os.environ["BARE_FEED"]: {"format": "jsonlines", "overwrite": True}},
        "LOG_LEVEL": "INFO",
        "DOWNLOAD_DELAY": 0,
        "TELNETCONSOLE_ENABLED": False,
        "REMOTE_CONTROL_ENABLED": False,
    }
    process = AsyncCrawlerProcess(settings)
    process.crawl(BareSpider, items=items, categories=categories, rank_types=rank_types)
    process.start()
