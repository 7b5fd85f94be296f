"""Every figure on the page is the feed's."""

from __future__ import annotations

import base64
import gzip
import json
import re
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from playwright.sync_api import expect
from sqlalchemy import Engine

from tests.report.conftest import Visit
from tests.report.made_history import TODAY, Market, make_history
from toplist.items import Entry, Source
from toplist.report.build import build_report
from toplist.storage.database import open_database
from toplist.storage.history import History
from toplist.storage.ledger import Ledger

MARKET = Market(lists=12, rows=40, missing_days=(3, 4, 12))
RAW = (
    "rank",
    "price",
    "sale_count",
    "repurchase_rate",
    "trend_score",
    "heat_index",
    "sale_growth",
    "sale_growth_per_day",
    "sale_growth_adjusted",
    "price_change",
    "price_volatility",
    "rank_change",
    "breakout_score",
    "breakout_probability",
)


def carried(page: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What the page carries: its data and its past days."""
    text = page.read_text(encoding="utf-8")

    def part(name: str) -> Any:
        found = re.search(rf'id="packed-{name}">([^<]*)<', text)
        assert found is not None
        return json.loads(gzip.decompress(base64.b64decode(found.group(1))))

    return part("data"), part("past")


def column(coded: Any, length: int) -> list[Any]:
    if isinstance(coded, list):
        return coded
    return [coded["v"]] * length if "v" in coded else [coded["d"][at] for at in coded["i"]]


def entries_of(data: dict[str, Any]) -> list[dict[str, Any]]:
    """The page's entries under the feed's names."""
    parts = data["table"]
    lists, offers, entries = parts["lists"], parts["offers"], parts["entries"]
    count, offers_count, lists_count = len(entries["list"]), parts["offers_count"], len(lists["category_id"])
    of_list = {name: column(coded, lists_count) for name, coded in lists.items()}
    of_offer = {name: column(coded, offers_count) for name, coded in offers.items()}
    of_entry = {name: column(coded, count) for name, coded in entries.items()}
    return [
        {name: values[of_entry["list"][at]] for name, values in of_list.items()}
        | {name: values[of_entry["offer"][at]] for name, values in of_offer.items()}
        | {name: values[at] for name, values in of_entry.items()}
        for at in range(count)
    ]


def feed_of(engine: Engine) -> list[Entry]:
    return list(History(engine, Ledger(engine, TODAY)).entries(TODAY, Source.SANDBOX))


def test_every_field_of_every_entry_is_the_feeds(
    report: Callable[..., tuple[Path, Any]], histories: Callable[[Market], Engine]
) -> None:
    data, _ = carried(report(MARKET)[0])
    shown = {(each["rank_type"], each["category_id"], each["rank"]): each for each in entries_of(data)}
    feed = feed_of(histories(MARKET))
    assert len(shown) == len(feed) == 480
    for entry in feed:
        mine = shown[entry.rank_type, entry.category_id, entry.rank]
        for name, value in entry.model_dump(mode="json").items():
            if name in mine and name != "collected_at":
                assert mine[name] == (pytest.approx(value, rel=1e-6) if isinstance(value, float) else value), name


def test_past_days_are_what_the_feeds_of_those_days_said(
    report: Callable[..., tuple[Path, Any]], histories: Callable[[Market], Engine]
) -> None:
    data, past = carried(report(MARKET)[0])
    engine = histories(MARKET)
    before = TODAY.replace(day=20)
    feed = {
        (e.rank_type, e.category_id, e.offer_id): e
        for e in History(engine, Ledger(engine, before)).entries(before, Source.SANDBOX)
    }
    days, number = len(data["dates"]), data["dates"].index(str(before))
    missing = data["dates"].index(str(TODAY.replace(day=23)))
    counts = summed(past["sale_count"])
    prices = summed(past["price"])
    seen = 0
    for at, each in enumerate(entries_of(data)):
        cell = at * days + number
        entry = feed.get((each["rank_type"], each["category_id"], each["offer_id"]))
        assert past["rank"][cell] == (entry.rank if entry else None)
        assert counts[cell] == (entry.sale_count if entry else None)
        if entry is not None:
            seen += 1
            assert prices[cell] / past["price_scale"] == entry.price
        assert past["rank"][at * days + missing] is None
    assert seen > 300


def summed(differences: list[int | None]) -> list[Any]:
    last, found = 0, []
    for each in differences:
        last += each or 0
        found.append(None if each is None else last)
    return found


def test_fifty_offers_drawn_at_random_read_as_on_the_feed(
    report: Callable[..., tuple[Path, Any]], histories: Callable[[Market], Engine], visit: Callable[..., Visit]
) -> None:
    feed = feed_of(histories(MARKET))
    page = visit(report(MARKET)[0], locale="en-US").open()
    for entry in Random(50).sample(feed, 50):
        page.evaluate(f"location.hash = 'lang=en&offer={entry.offer_id}'")
        dialog = page.locator("#offer")
        expect(dialog).to_contain_text(entry.offer_id)
        assert dialog.locator("h2").inner_text() == entry.title
        raw = dict(
            dialog.locator(".raw td").evaluate_all("all => all.map(each => [each.dataset.field, each.textContent])")
        )
        for name in RAW:
            value = getattr(entry, name)
            assert (None if raw[name] == "–" else float(raw[name])) == (
                None if value is None else pytest.approx(float(value), rel=1e-6)
            ), name
        assert raw["movement"] == entry.movement
        terms = dialog.locator(".terms").inner_text()
        assert f"¥{entry.price:.2f}" in terms
        assert f"{entry.sale_count:,}" in terms
        for tier in entry.price_tiers or []:
            assert f"¥{tier.price:.2f}" in terms


def test_the_same_page_from_postgresql(postgres: Callable[[], str], tmp_path: Path) -> None:
    market = Market(lists=3, rows=25, days=12)
    pages = []
    for url in (f"sqlite:///{tmp_path / 'a.db'}", postgres()):
        engine = open_database(url)
        make_history(engine, market)
        build_report(engine, "sandbox", TODAY, "p.html", lambda _, text: pages.append(text))
        engine.dispose()
    found = []
    for number, text in enumerate(pages):
        path = tmp_path / f"{number}.html"
        path.write_text(text, encoding="utf-8")
        found.append(carried(path))
    assert found[0] == found[1]
