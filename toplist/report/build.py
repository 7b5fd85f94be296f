"""All of it, streaming: page after page, one in memory at a time. Blocking."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any
from urllib.parse import quote

from sqlalchemy import Engine

from toplist.ranktypes import RANK_TYPES
from toplist.report.assemble import SHOWN_DAYS, Highlights, PageBlocks, PageLink, page_data
from toplist.report.facts import ListFacts, SnapshotFacts
from toplist.report.heatmap import HeatMap
from toplist.report.html import plotting_library_soon, render_page
from toplist.report.moves import find_moves, merge_totals
from toplist.report.pages import MAX_ENTRIES, PagePlan, page_name, plan_pages
from toplist.report.reader import SnapshotReader
from toplist.report.record import DAYS, TrackRecord
from toplist.report.table import EntryTable

#: Takes a page's file name and its text. A page comes before the index that links to it.
Write = Callable[[str, str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """What was written: the page or the index, and the pages below it. `moved` counts the offers of each block."""

    name: str
    pages: int
    facts: SnapshotFacts
    moved: Mapping[str, int]
    record: Mapping[str, Any]


def build_report(
    engine: Engine,
    source: str,
    snapshot_date: date,
    name: str,
    write: Write,
    *,
    highlights: Highlights = Highlights(),  # noqa: B008  frozen
    max_entries: int = MAX_ENTRIES,
) -> Built:
    """Make the page of a snapshot, or its pages and their index, and hand each to `write`.

    Memory holds one page of `max_entries` at a time; the record of past picks is made on a sample of as many entries.
    """
    builder = _Builder(SnapshotReader(engine, source, snapshot_date, DAYS), name, write, highlights)
    plotting_library_soon()
    plans = plan_pages(builder.facts.lists, max_entries)
    offers = builder.write_pages(plans, max_entries) if plans else builder.write_one()
    return Built(name, len(plans), builder.facts, offers, builder.shown_record)


class _Builder:
    def __init__(self, reader: SnapshotReader, name: str, write: Write, highlights: Highlights):
        self._reader = reader
        self._name = name
        self._write = write
        self._highlights = highlights
        self.facts = reader.facts()
        self.record = TrackRecord()

    @cached_property
    def shown_record(self) -> dict[str, Any]:
        """The record of past picks, as the page shows it: used when every past day has been added."""
        return self.record.as_json()

    def write_one(self) -> dict[str, int]:
        """One page with everything. Returns how many offers each block has."""
        facts = self.facts
        table = self._table(facts.lists, self.record)
        moves = find_moves(table)
        offers = merge_totals([moves])
        heat_map = _heat_map(facts.lists, table)
        blocks = PageBlocks(
            table, moves, heat_map, self.shown_record, _rank_titles(facts), offers, highlights=self._highlights
        )
        self._render(self._name, facts.lists, blocks)
        return offers

    def write_pages(self, plans: Sequence[PagePlan], max_entries: int) -> dict[str, int]:
        """The pages, then their index with what is most remarkable of each. Returns as `write_one`."""
        facts = self.facts
        step = -(-facts.entries // max_entries)
        for past in self._reader.past([each.id for each in facts.lists][::step]):
            self.record.add(past)
        record = self.shown_record
        top = EntryTable(facts.lists, SHOWN_DAYS)
        heat_map = HeatMap()
        blocks_of_pages = []
        links = [_link(plan, page_name(self._name, plan.suffix)) for plan in plans]
        index = PageLink("", quote(self._name), facts.entries)
        for plan in plans:
            table = self._table(plan.lists, None)
            moves = find_moves(table)
            blocks_of_pages.append(moves)
            offers = merge_totals([moves])
            own = _heat_map(plan.lists, table)
            heat_map.add_page(own)
            blocks = PageBlocks(
                table, moves, own, record, _rank_titles(facts), offers, links=links, index=index, name=plan.name
            )
            self._render(page_name(self._name, plan.suffix), plan.lists, blocks)
            top.copy_from(table, sorted({at for block in moves.values() for at in block.entries}))
        offers = merge_totals(blocks_of_pages)
        blocks = PageBlocks(
            top,
            find_moves(top),
            heat_map,
            record,
            _rank_titles(facts),
            offers,
            links=links,
            highlights=self._highlights,
        )
        self._render(self._name, facts.lists, blocks)
        return offers

    def _table(self, lists: Sequence[ListFacts], record: TrackRecord | None) -> EntryTable:
        table = EntryTable(lists, SHOWN_DAYS)
        ids = [each.id for each in lists]
        with _without_cycle_search():
            for lists_of, entries in self._reader.entries(ids):
                table.add(lists_of, entries)
            for past in self._reader.past(ids):
                if record is not None:
                    record.add(past)
                table.add_past(past, DAYS - SHOWN_DAYS)  # the record looks further back
        return table

    def _render(self, name: str, lists: Sequence[ListFacts], blocks: PageBlocks) -> None:
        self._write(name, render_page(page_data(self.facts, lists, blocks), blocks.table.past_as_json()))


@contextmanager
def _without_cycle_search() -> Iterator[None]:
    """A page is a million tuples without a cycle; Python's search for cycles among them took a fifth of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _heat_map(lists: Sequence[ListFacts], table: EntryTable) -> HeatMap:
    heat_map = HeatMap()
    for each in lists:
        heat_map.add_list(each)
    heat_map.add_entries(table)
    return heat_map


def _rank_titles(facts: SnapshotFacts) -> Mapping[str, str]:
    """The Chinese name of each rank type of the snapshot, in the order of the product's table."""
    there = {each.id.rank_type for each in facts.lists}
    known = {name: rank_type.title for name, rank_type in RANK_TYPES.items() if name in there}
    return known | {name: name for name in sorted(there - known.keys())}


def _link(plan: PagePlan, name: str) -> PageLink:
    return PageLink(plan.name, quote(name), plan.entries, plan.part, plan.parts)
