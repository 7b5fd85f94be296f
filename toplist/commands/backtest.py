"""`scrapy backtest`: how well the breakout picks would have come true."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import date
from math import expm1
from unicodedata import east_asian_width

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from toplist.backtesting import NAMED, Pick, Proof, prove
from toplist.config import Places, sale_count_covers
from toplist.errors import InputError
from toplist.product_settings import ProductSettings
from toplist.storage.database import open_database
from toplist.trends.table import as_json, as_table, in_words

_TITLE_WIDTH = 48


class Command(ScrapyCommand):
    """Picks of each past day, from what was known that day, held against what came after.

    Exit status 0: it says what it could, or that there is too little history. 3: there is none. 2: bad input.
    """

    requires_project = True
    requires_crawler_process = False

    def short_desc(self) -> str:
        return "How well the breakout score would have predicted, beside simpler scores"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--gateway", choices=["sandbox"], help="sandbox: the sandbox's history")
        parser.add_argument("--days", type=_at_least(1), default=180, help="days of history to look at (%(default)s)")
        parser.add_argument("-k", type=_at_least(1), default=20, help="picks a day (%(default)s)")
        parser.add_argument("--json", action="store_true", help="for machines")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise UsageError(f"scrapy backtest takes options only, not {args[0]!r}")
        assert self.settings is not None
        try:
            sandbox = opts.gateway == "sandbox"
            given = ProductSettings.read(self.settings)
            engine = open_database(Places.of(given, sandbox=sandbox).database_url)
        except InputError as error:
            print(f"toplist: {error}", file=sys.stderr)
            self.exitcode = 2
            return
        try:
            covers = sale_count_covers(given, sandbox=sandbox)
            proofs = prove(engine, days=opts.days, k=opts.k, horizons=(7, 30), count_covers=covers)
        finally:
            engine.dispose()
        if not proofs:
            print("toplist: There is no history yet: crawl first, on several days.", file=sys.stderr)
            self.exitcode = 3
            return
        print(json.dumps(as_data(proofs), ensure_ascii=False, indent=2) if opts.json else as_text(proofs))


def as_text(proofs: Sequence[Proof]) -> str:
    """For people: for each source and protocol five lines, the picks by name, and the tables."""
    return "\n\n".join(f"{summary_text(proof)}\n\n{as_table(proof.results)}" for proof in proofs)


def summary_text(proof: Proof) -> str:
    """Five lines and the picks by name."""
    return "\n".join((*_summary(proof), "", *picks_in_words(proof)))


def _summary(proof: Proof) -> Iterator[str]:
    week, month = proof.results
    days = (proof.last_date - proof.first_date).days + 1
    yield f"{proof.source} {proof.protocol}: {proof.lists} lists, {days} days, {proof.first_date} to {proof.last_date}"
    yield in_words(week)
    yield in_words(month)
    flag = week.named("is_breakout")
    if flag.picks and week.enough:
        came = f"{flag.precision.value:.0%} were in the top tenth a week later"
        yield f"Of {flag.picks} rows flagged as breakouts, {came}."
    else:
        yield "No row was flagged as a breakout yet: a flag needs a model with a record, about 4 weeks of days."
    kind = {"total": "running totals", "unknown": "not known yet"}.get(str(proof.coverage), "units of the last 30 days")
    changes = proof.evidence.rises + proof.evidence.falls
    falls = f"{proof.evidence.falls / changes:.1%} of their changes were falls" if changes else "none has changed yet"
    yield f"Sale counts are {kind}: {falls}. In brackets: 95 % intervals."


def picks_in_words(proof: Proof) -> Iterator[str]:
    """The picks of a week ago and what became of them, and the newest ones."""
    for day, picks in proof.picks.items():
        if not picks:
            continue
        is_newest = day == proof.last_date
        yield f"Picked on {day}:" if is_newest else f"Picked on {day}, and what became of them in 7 days:"
        for number, pick in enumerate(picks[:NAMED], 1):
            became = "" if is_newest else f"  {_became(pick)}"
            yield f"  {number}. {_cut(pick.title or '(no title)')}  {pick.offer_id}{became}"


def _became(pick: Pick) -> str:
    if pick.vanished:
        return "left its list"
    return "not known" if pick.growth is None else f"sale count {expm1(pick.growth):+.0%}"


def _cut(title: str) -> str:
    """At most so many columns wide, filled up; a Chinese character takes two."""
    kept, width = "", 0
    for character in title:
        wide = 2 if east_asian_width(character) in "WF" else 1
        if width + wide > _TITLE_WIDTH:
            break
        kept, width = kept + character, width + wide
    return kept + " " * (_TITLE_WIDTH - width)


def as_data(proofs: Sequence[Proof]) -> list[dict[str, object]]:
    """For machines: the same, as plain values."""
    return [
        {
            "source": proof.source,
            "protocol": proof.protocol,
            "first_date": str(proof.first_date),
            "last_date": str(proof.last_date),
            "lists": proof.lists,
            "count_covers": str(proof.coverage),
            "summary": list(_summary(proof)),
            "picks": {_iso(day): [pick._asdict() for pick in picks] for day, picks in proof.picks.items()},
            "horizons": as_json(proof.results),
        }
        for proof in proofs
    ]


def _iso(day: date) -> str:
    return day.isoformat()


def _at_least(low: int) -> type[int]:
    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < low:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {low} and more")
        return int(text)

    return read  # type: ignore[return-value]
