"""`scrapy backtest`: how well the breakout picks would have come true."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from toplist.backtesting import Proof, prove
from toplist.config import Places, sale_count_covers
from toplist.errors import InputError
from toplist.product_settings import ProductSettings
from toplist.storage.database import open_database
from toplist.trends.table import as_json, as_table


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
        parser.add_argument("--days", type=_at_least(1), default=90, help="days of history to look at (%(default)s)")
        parser.add_argument("--lists", type=_at_least(1), default=300, help="the most lists to look at (%(default)s)")
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
            proofs = prove(
                engine, days=opts.days, most_lists=opts.lists, k=opts.k, horizons=(7, 30), count_covers=covers
            )
        finally:
            engine.dispose()
        if not proofs:
            print("toplist: There is no history yet: crawl first, on several days.", file=sys.stderr)
            self.exitcode = 3
            return
        print(json.dumps(as_data(proofs), ensure_ascii=False, indent=2) if opts.json else as_text(proofs))


def as_text(proofs: Sequence[Proof]) -> str:
    """For people: a heading and a table for each source and protocol."""
    return "\n\n".join(
        f"{proof.source} {proof.protocol}, {proof.first_date} to {proof.last_date}, {proof.lists} of"
        f" {proof.lists_there} lists; intervals are 95 %\n\n{as_table(proof.results)}"
        for proof in proofs
    )


def as_data(proofs: Sequence[Proof]) -> list[dict[str, object]]:
    """For machines: the same, as plain values."""
    return [
        {
            "source": proof.source,
            "protocol": proof.protocol,
            "first_date": str(proof.first_date),
            "last_date": str(proof.last_date),
            "lists": proof.lists,
            "lists_there": proof.lists_there,
            "horizons": as_json(proof.results),
        }
        for proof in proofs
    ]


def _at_least(low: int) -> type[int]:
    def read(text: str) -> int:
        if not text.isdecimal() or int(text) < low:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of {low} and more")
        return int(text)

    return read  # type: ignore[return-value]
