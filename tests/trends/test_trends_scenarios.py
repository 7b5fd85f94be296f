"""Stories with known truth: how soon a doubling at 600 units is flagged, and how often something else is, wrongly."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from random import Random
from statistics import median

import pytest
from hidden_market import START, days_from, one_list
from toplist.trends.replay import replay, scored_rows

from toplist.items import ListKey, Source
from toplist.ranktypes import Protocol
from toplist.sandbox.catalogue import catalogue
from toplist.sandbox.market import Market
from toplist.sandbox.scenarios import scenario
from toplist.trends.backtest import HorizonResult, backtest
from toplist.trends.coverage import OPENPLATFORM_COVERAGE, Coverage
from toplist.trends.lists import OfferTrends, TrendConfig
from toplist.trends.observation import Observation, Snapshot

TURN, SEEDS = 30, range(1, 21)
DAY0 = date(2026, 3, 1)
NEVER = 999


@cache
def told(name: str, seed: int, field: str = "sold_30") -> list[OfferTrends]:
    """A story's trends, day by day, as a list of its own would have them."""
    window = field == "sold_30"
    observations, snapshots = [], []
    for lived in scenario(name, turns_on=TURN, seed=seed):
        day = DAY0 + timedelta(days=lived.day)
        at = datetime(day.year, day.month, day.day, 16, tzinfo=UTC)
        buyers = lived.buyers_30 if window else None
        observations.append(Observation("x", day, at, 1, lived.price, getattr(lived, field), buyers))
        snapshots.append(Snapshot(day, "complete", at))
    rules = TrendConfig(OPENPLATFORM_COVERAGE if window else Coverage(total=True))
    return [trends.offers[0] for _, _, trends in replay(observations, snapshots, rules)]


def delay(name: str, seed: int, field: str = "sold_30") -> int:
    """Days from the turn to the first flag; 0 is the first count that holds the turn."""
    days = told(name, seed, field)
    return next((at - TURN for at in range(TURN, TURN + 30) if days[at].flagged), NEVER)


def flagged_share(name: str, field: str = "sold_30", first: int = 1, last: int = 90) -> float:
    """Share of an offer's days that are flagged, over 20 offers."""
    flags = [told(name, seed, field)[at].flagged for seed in SEEDS for at in range(first, last)]
    return sum(flags) / len(flags)


def test_a_doubling_at_600_units_is_flagged_within_days() -> None:
    delays = [delay("step", seed) for seed in SEEDS]
    assert median(delays) <= 1
    assert max(delays) <= 5


def test_a_doubling_of_a_running_total_is_flagged_within_a_week_or_so() -> None:
    assert median(delay("step", seed, "total_sold") for seed in SEEDS) <= 4


@pytest.mark.parametrize(("name", "most"), [("spike", 1), ("surge", 7), ("ramp", 12)])
def test_other_rises_are_flagged_as_they_show(name: str, most: int) -> None:
    assert median(delay(name, seed) for seed in SEEDS) <= most


@pytest.mark.parametrize("field", ["sold_30", "total_sold"])
def test_steady_offers_are_flagged_wrongly_on_fewer_than_one_day_of_a_hundred(field: str) -> None:
    assert flagged_share("steady", field) < 0.01


@pytest.mark.parametrize(("name", "share"), [("season", 0.01), ("fall", 0.01), ("noise", 0.15)])
def test_what_is_no_breakout_is_rarely_flagged(name: str, share: float) -> None:
    assert flagged_share(name) < share


def test_a_bulk_order_with_flat_buyers_is_never_flagged_and_says_why() -> None:
    assert flagged_share("bulk", first=TURN) == 0
    assert all(told("bulk", seed)[TURN].reasons["breakout_score"] == "flat_buyers" for seed in SEEDS)


def test_a_price_cut_shows_as_one_and_turns_the_sales_up() -> None:
    day = told("cut", 1)[TURN]
    assert day.price_change == pytest.approx(-0.25)
    assert day.price_volatility is not None
    assert told("cut", 1)[TURN + 29].sale_growth_30d == pytest.approx(0.34, abs=0.12)  # ln 1.4


def test_a_doubling_is_ln_2_after_30_days_between_disjoint_windows() -> None:
    found = [told("step", seed)[TURN + 29].sale_growth_30d for seed in SEEDS]
    assert median(value for value in found if value is not None) == pytest.approx(0.693, abs=0.05)


@cache
def market_backtest(protocol: Protocol) -> HorizonResult:
    """Four weeks of 45 lists of the hidden market."""
    market, snapshots, rows = Market(1), {}, []
    categories = [each.category_id for each in catalogue() if each.category_id and not each.is_retired]
    for category_id in Random(1).sample(categories, 15):
        for rank_type in ("hot", "complex", "goodPrice"):
            name = f"{rank_type}:{category_id}"
            observations, ended = one_list(market, rank_type, category_id, days_from(START, 28), protocol)
            key = ListKey(Source.SANDBOX, protocol, rank_type, category_id)
            rows += scored_rows(name, observations, ended, TrendConfig.of(key, "total"))
            snapshots.update({(name, snapshot.snapshot_date): snapshot for snapshot in ended})
    return backtest(rows, snapshots, Random(1), horizons=(7,))[0]


@pytest.mark.parametrize("protocol", Protocol)
def test_on_the_hidden_market_breakout_is_not_behind_last_growth(protocol: Protocol) -> None:
    result = market_backtest(protocol)
    assert result.enough
    assert result.paired.value is not None
    assert result.paired.value >= 0, result.paired
    breakout = next(score for score in result.scores if score.name == "breakout_score")
    assert breakout.lift.low is not None
    assert breakout.lift.low > 3
    assert breakout.brier_gain.low is not None
    assert breakout.brier_gain.low > 0
