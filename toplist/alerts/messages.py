"""The message of a snapshot, and its delivery through apprise (DingTalk, WeCom, Feishu, mail, Slack, JSON, …)."""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import apprise

from toplist.alerts.monitors import MonitorResult
from toplist.alerts.watching import Trigger, WatchHit
from toplist.errors import InputError
from toplist.language import Language, said_in

logger = logging.getLogger(__name__)

SETTING = "TOPLIST_NOTIFY_URLS"
_MIN_TOKEN = 8  # shorter parts of an address are words and ports
MAX_HITS = 20  # lines of hits in a message; chat services cut longer ones

# Apprise logs addresses, which hold tokens, at DEBUG and on errors; what failed is said here, without them.
logging.getLogger("apprise").setLevel(logging.CRITICAL)
# At DEBUG it logs the path of each request, and Feishu's and DingTalk's paths hold the token.
logging.getLogger("urllib3").setLevel(logging.INFO)


@dataclass(frozen=True, slots=True)
class SnapshotNews:
    """What a message tells. `statuses` counts lists by status; `page` is where the page is, None without one."""

    snapshot_date: date
    source: str
    is_complete: bool
    complaints: Sequence[str]
    statuses: Mapping[str, int]
    rows: int
    hits: Sequence[WatchHit] = ()
    warnings: Sequence[MonitorResult] = field(default_factory=tuple)
    page: str | None = None


def write_message(news: SnapshotNews, language: Language) -> tuple[str, str]:
    """Title and body, plain text."""
    words = _WORDS[language]
    verdict = words["complete" if news.is_complete else "incomplete"]
    title = words["title"].format(date=news.snapshot_date, source=news.source, verdict=verdict)
    counts = words["comma"].join(f"{status} {count}" for status, count in news.statuses.items() if count)
    lines = [words["counts"].format(counts=counts, rows=news.rows)]
    lines += [f"✗ {said_in(language, complaint)}" for complaint in news.complaints]
    lines += [words["warning"].format(name=each.name, text=each.text) for each in news.warnings]
    if news.hits:
        lines.append(words["hits"].format(count=len(news.hits)))
        lines += [_hit_line(hit, language) for hit in news.hits[:MAX_HITS]]
    if len(news.hits) > MAX_HITS:
        lines.append(words["more"].format(count=len(news.hits) - MAX_HITS))
    if news.page:
        lines.append(words["page"].format(page=news.page))
    return title, "\n".join(lines)


def check_addresses(urls: Sequence[str]) -> None:
    """Raises InputError for an address that apprise does not know; the address itself is not shown."""
    for number, url in enumerate(urls, 1):
        if not apprise.Apprise().add(url):
            raise InputError(
                f"{SETTING}: address {number} is not accepted: it takes apprise addresses separated by spaces, such as"
                " dingtalk://token, feishu://token or json://host/path."
            )


def address_secrets(urls: Sequence[str]) -> list[str]:
    """What must not be read in a log: the addresses, and their parts that may be a token or a password."""
    parts = [part for url in urls for part in re.split(r"[^\w.-]+", url.partition("://")[2])]
    return [*urls, *(part for part in parts if len(part) >= _MIN_TOKEN and "." not in part)]


def send_message(urls: Sequence[str], title: str, body: str) -> int:
    """Send to every address. Returns how many could not be reached; they are logged without the address. Blocking."""
    failed = 0
    for number, url in enumerate(urls, 1):
        notifier = apprise.Apprise()
        service = url.partition(":")[0]
        if notifier.add(url) and notifier.notify(title=title, body=body, body_format=apprise.NotifyFormat.TEXT):
            logger.info("Message sent to address %d (%s)", number, service)
        else:
            failed += 1
            logger.warning("The message could not be delivered to address %d (%s) of %s", number, service, SETTING)
    return failed


def _hit_line(hit: WatchHit, language: Language) -> str:
    entry = hit.entry
    triggers = _TRIGGERS[language]
    met = _WORDS[language]["comma"].join(triggers[trigger] for trigger in hit.triggers)
    title = (entry.title or entry.offer_id).replace("\n", " ")[:60]
    place = f"{entry.rank_type} #{entry.rank}"
    price = "" if entry.price is None else f" ¥{entry.price:g}"
    return f"- [{hit.watch}] {title} ({entry.category_name or entry.category_id}, {place}{price}): {met}"


_WORDS = {
    Language.ENGLISH: {
        "title": "1688 ranking lists {date} ({source}): {verdict}",
        "complete": "complete",
        "incomplete": "incomplete",
        "comma": ", ",
        "counts": "Lists: {counts}. Entries: {rows}.",
        "warning": "Warning, {name}: {text}",
        "hits": "{count} watched entries met a threshold:",
        "more": "… and {count} more, on the page and in the watch feed",
        "page": "Page: {page}",
    },
    Language.CHINESE: {
        "title": "1688 榜单 {date}（{source}）：{verdict}",
        "complete": "完整",
        "incomplete": "不完整",
        "comma": "，",
        "counts": "榜单：{counts}。条目：{rows}。",
        "warning": "警告 {name}：{text}",
        "hits": "关注的商品有 {count} 条达到阈值：",
        "more": "……另有 {count} 条，见页面和关注数据文件",
        "page": "页面：{page}",
    },
}
_TRIGGERS = {
    Language.ENGLISH: {
        Trigger.PRICE_DOWN: "price down",
        Trigger.RANK_WITHIN: "reached the watched ranks",
        Trigger.NEW_ON_LIST: "new on the list",
        Trigger.SALES_GROWTH: "sales grew",
        Trigger.BREAKOUT_PROBABILITY: "likely breakout",
    },
    Language.CHINESE: {
        Trigger.PRICE_DOWN: "降价",
        Trigger.RANK_WITHIN: "进入关注名次",
        Trigger.NEW_ON_LIST: "新上榜",
        Trigger.SALES_GROWTH: "销量增长",
        Trigger.BREAKOUT_PROBABILITY: "爆款预判",
    },
}
