"""A page's data: the blocks as one JSON object, which the scripts of the page read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from toplist.report.facts import STATUSES, ListFacts, ListId, SnapshotFacts
from toplist.report.heatmap import HeatMap
from toplist.report.moves import Block
from toplist.report.table import EntryTable

#: Days that the page draws.
SHOWN_DAYS = 30


@dataclass(frozen=True, slots=True)
class PageLink:
    """A link from the index to a page, or from a page to its index. `href` is relative."""

    name: str
    href: str
    entries: int
    part: int = 1
    parts: int = 1


@dataclass(frozen=True, slots=True)
class Highlights:
    """What stands first, where the crawl found it: monitors that failed, in a line each, and watched offers.

    A watched offer is its id, the watch's name and the names of the thresholds that it met.
    """

    monitors: Sequence[str] = ()
    watched: Sequence[tuple[str, str, Sequence[str]]] = ()


@dataclass(frozen=True, slots=True)
class PageBlocks:
    """What stands on a page besides the facts of its snapshot."""

    table: EntryTable
    moves: Mapping[str, Block]
    heat_map: HeatMap
    record: Mapping[str, Any]
    rank_titles: Mapping[str, str]
    offers: Mapping[str, int]
    links: Sequence[PageLink] = ()
    index: PageLink | None = None
    name: str | None = None
    highlights: Highlights = Highlights()


def page_data(facts: SnapshotFacts, lists: Sequence[ListFacts], blocks: PageBlocks) -> dict[str, Any]:
    """What the first screen needs. `lists` are those that the page is about: the index is about all."""
    ids = {each.id for each in lists}
    return {
        "source": facts.source,
        "snapshot_date": facts.snapshot_date.isoformat(),
        "first_date": facts.first_date.isoformat() if facts.first_date else None,
        "dates": [day.isoformat() for day in shown_dates(facts.snapshot_date)],
        "days": _days(facts),
        "verdict": _verdict(lists),
        "moves": {name: block.entries for name, block in blocks.moves.items()},
        "offers_moved": dict(blocks.offers),
        "dropped_out": _dropped_out(facts, ids),
        "dropped_out_total": facts.dropped_out_total,
        "monitors": list(blocks.highlights.monitors),
        "watched": [
            {"offer_id": offer_id, "watch": watch, "triggers": list(triggers)}
            for offer_id, watch, triggers in blocks.highlights.watched
        ],
        "heat_map": blocks.heat_map.as_json(),
        "record": dict(blocks.record),
        "counts": [asdict(each) for each in facts.counts],
        "rank_titles": dict(blocks.rank_titles),
        "name": blocks.name,
        "entries_total": sum(each.entries for each in lists),
        "links": [_link(each) for each in blocks.links],
        "index": _link(blocks.index) if blocks.index else None,
        "table": blocks.table.as_json(),
    }


def shown_dates(snapshot_date: date) -> list[date]:
    """The days that the page draws, oldest first, this one included; each of them, with a snapshot or not."""
    return [snapshot_date - timedelta(days=back) for back in reversed(range(SHOWN_DAYS))]


def _days(facts: SnapshotFacts) -> list[dict[str, Any] | None]:
    """One for each shown day; null is a day without a snapshot."""
    known = {each.day: {"statuses": each.statuses, "received": each.received} for each in facts.days}
    return [known.get(day) for day in shown_dates(facts.snapshot_date)]


def _verdict(lists: Sequence[ListFacts]) -> dict[str, Any]:
    counts = Counter(each.status for each in lists)
    return {
        "planned": len(lists),
        "counts": {status: counts[status] for status in STATUSES},
        "rows": sum(each.received for each in lists),
        "rejected": sum(each.rejected for each in lists),
        "duplicates": sum(each.duplicates for each in lists),
        "problems": _problems(lists),
    }


def _problems(lists: Sequence[ListFacts]) -> list[dict[str, Any]]:
    """Every list that did not end complete, empty or absent, by name; those of one reason together, worst first."""
    groups: dict[tuple[Any, ...], list[str]] = {}
    for each in lists:
        if each.status in ("failed", "pending", "partial"):
            missing_grant = each.code == "no grant"
            key = (
                missing_grant,
                ("failed", "pending", "partial").index(each.status),
                each.id.rank_type if missing_grant else "",
                each.code or "",
                each.message or "",
            )
            groups.setdefault(key, []).append(each.id.rank_type + "\t" + " > ".join(each.path))
    return [
        {
            "status": ("failed", "pending", "partial")[key[1]],
            "code": key[3] or None,
            "message": key[4] or None,
            "lists": [name.split("\t", 1) for name in sorted(names)],
        }
        for key, names in sorted(groups.items())
    ]


def _dropped_out(facts: SnapshotFacts, ids: set[ListId]) -> list[dict[str, Any]]:
    paths = {each.id: list(each.path) for each in facts.lists}
    return [
        {
            "offer_id": each.offer_id,
            "title": each.title,
            "rank_type": each.list.rank_type,
            "path": paths.get(each.list, []),
            "base_date": each.base_date.isoformat(),
            "rank": each.rank,
            "sale_count": each.sale_count,
        }
        for each in facts.dropped_out
        if each.list in ids
    ]


def _link(link: PageLink) -> dict[str, Any]:
    return {"name": link.name, "href": link.href, "entries": link.entries, "part": link.part, "parts": link.parts}
