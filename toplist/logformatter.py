"""Log lines of a crawl: a list is one line, not its rows."""

from __future__ import annotations

import logging
from typing import Any

from scrapy import Spider
from scrapy.http import Response
from scrapy.logformatter import LogFormatter as StockLogFormatter
from scrapy.logformatter import LogFormatterResult
from twisted.python.failure import Failure

from toplist.items import RankList, Status
from toplist.summary import NO_GRANT


class LogFormatter(StockLogFormatter):
    """Scrapy's lines; the line of a list says how it ended."""

    def dropped(
        self, item: Any, exception: BaseException, response: Response | Failure | None, spider: Spider
    ) -> LogFormatterResult:
        result = super().dropped(item, exception, response, spider)
        if isinstance(item, RankList):
            result["msg"] = "Dropped %(item)s: %(exception)s"
            result["args"] = {"item": _name(item), "exception": exception}
        return result

    def item_error(
        self, item: Any, exception: BaseException, response: Response | Failure | None, spider: Spider
    ) -> LogFormatterResult:
        result = super().item_error(item, exception, response, spider)
        if isinstance(item, RankList):
            result["args"] = {"item": _name(item)}
        return result

    def scraped(self, item: Any, response: Response | Failure | None, spider: Spider) -> LogFormatterResult:
        if not isinstance(item, RankList):
            return super().scraped(item, response, spider)
        failed = item.status is Status.FAILED
        return {
            "level": logging.WARNING if failed and item.code != NO_GRANT else logging.DEBUG,
            "msg": "%(status)s: %(rank_type)s in %(category_id)s, %(rows)d rows%(why)s",
            "args": {
                "status": item.status,
                "rank_type": item.key.rank_type,
                "category_id": item.key.category_id or "all",
                "rows": len(item.entries),
                "why": f" ({': '.join(part for part in (item.code, item.message) if part)})" if item.message else "",
            },
        }


def _name(item: RankList) -> str:
    """A list in a few words."""
    return f"{item.status} list {item.key.rank_type} in {item.key.category_id or 'all'}, {len(item.entries)} rows"
