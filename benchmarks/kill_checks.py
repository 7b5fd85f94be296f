"""What killed crawls left: the database, the feed and the files, beside those of a crawl that nothing disturbed."""

from __future__ import annotations

import gzip
import json
from collections import Counter
from datetime import date
from typing import Any

from sqlalchemy import create_engine, text

from tests.harness import Project

TIMES = ("collected_at",)


def wrong_in_database(url: str, today: date, lists: int, entries: int) -> list[str]:
    """Whether every list of the day is complete and each entry stored once; a sentence for each that is not so."""
    engine = create_engine(url)
    with engine.connect() as connection:
        day = {"day": str(today)}
        of_today = "FROM ledger WHERE snapshot_date = CAST(:day AS date)"
        if engine.dialect.name == "sqlite":
            of_today = "FROM ledger WHERE snapshot_date = :day"
        statuses = connection.execute(text(f"SELECT status {of_today}"), day).scalars().all()
        of_today = of_today.replace("ledger", "entries")
        place = "rank_type || '/' || category_id || '/' || rank"
        stored, distinct = connection.execute(text(f"SELECT count(*), count(DISTINCT {place}) {of_today}"), day).one()
    engine.dispose()
    found = []
    if Counter(statuses) != {"complete": lists}:
        found.append(f"lists are {dict(Counter(statuses))}")
    if (stored, distinct) != (entries, entries):
        found.append(f"{stored} entries are stored, {distinct} different, not {entries}")
    return found


def feed_of(project: Project) -> list[dict[str, Any]]:
    """The feed's entries without the times; none where there is no feed."""
    if not list((project.folder / "exports").glob("toplist-2*.jsonl")):
        return []
    return [{name: value for name, value in entry.items() if name not in TIMES} for entry in project.feed()]


def differences(feed: list[dict[str, Any]], plain: list[dict[str, Any]]) -> list[str]:
    """Where a feed differs from that of an undisturbed crawl, in one sentence; none where it does not."""
    if len(feed) != len(plain):
        return [f"the feed has {len(feed)} entries, an undisturbed crawl's {len(plain)}"]
    fields = Counter(
        name
        for entry, other in zip(feed, plain, strict=True)
        for name in entry | other
        if entry.get(name) != other.get(name)
    )
    if not fields:
        return []
    entry, other = next(pair for pair in zip(feed, plain, strict=True) if pair[0] != pair[1])
    shown = {name: (entry.get(name), other.get(name)) for name in entry | other if entry.get(name) != other.get(name)}
    return [f"the feed differs from an undisturbed crawl's in {dict(fields)}; first (feed, undisturbed): {shown}"]


def half_written(project: Project) -> list[str]:
    """A feed or a page that is there after a kill is whole."""
    wrong = []
    for path in (project.folder / "exports").glob("toplist-*"):
        content = (gzip.open if path.suffix == ".gz" else open)(path, "rt", encoding="utf-8").read()
        if ".jsonl" in path.name:
            lines = content.splitlines()
            is_feed = "dropped-out" not in path.name
            if (is_feed and len(lines) % 20) or not content.endswith("\n") or not all(map(json.loads, lines)):
                wrong.append(f"{path.name} is half written: {len(lines)} lines")
        elif path.suffix == ".html" and "</html>" not in content[-100:]:
            wrong.append(f"{path.name} is half written")
    return wrong
