"""Stories with known truth, and the sandbox's hidden market: the figures of single days, and what the flag is worth."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from functools import cache
from statistics import median

import pytest
from hidden_market import market_panel
from panels import complete
from scenarios import scenario

from toplist.ranktypes import Protocol
from toplist.trends.backtest import FLAG, Backtest, HorizonResult
from toplist.trends.count_kind import CountEvidence
from toplist.trends.coverage import OPENPLATFORM_COVERAGE, Coverage
from toplist.trends.features import compute_features
from toplist.trends.lists import OfferTrends, TrendConfig, compute_trends
from toplist.trends.observation import ListHistory, Observation, Snapshot
from toplist.trends.outcomes import outcomes
from toplist.trends.panel import Panel
from toplist.trends.walk_forward import Labeled, walk_forward

TURN, SEEDS = 30, range(1, 21)
DAY0 = date(2026, 3, 1)


@cache
def told(name: str, seed: int, day: int) -> OfferTrends:
    """A day of a story's trends, as a list of its own would have them."""
    observations, snapshots = [], []
    for lived in scenario(name, turns_on=TURN, seed=seed)[: day + 1]:
        on = DAY0 + timedelta(days=lived.day)
        at = datetime(on.year, on.month, on.day, 16, tzinfo=UTC)
        observations.append(Observation("x", on, at, 1, lived.price, lived.sold_30, lived.buyers_30))
        snapshots.append(Snapshot(on, "complete", at))
    past = ListHistory.of(observations[:-1], snapshots[:-1])
    return compute_trends(snapshots[-1], observations[-1:], past, TrendConfig(OPENPLATFORM_COVERAGE)).offers[0]


def test_a_bulk_order_with_flat_buyers_says_so() -> None:
    assert all(told("bulk", seed, TURN).reasons["breakout_score"] == "flat_buyers" for seed in SEEDS)


def test_a_doubling_raises_the_score_at_once() -> None:
    before = median(told("step", seed, TURN - 1).breakout_score or 0.0 for seed in SEEDS)
    assert median(told("step", seed, TURN + 1).breakout_score or 0.0 for seed in SEEDS) > before + 0.02


def test_a_price_cut_shows_as_one_and_turns_the_sales_up() -> None:
    day = told("cut", 1, TURN)
    assert day.price_change == pytest.approx(-0.25)
    assert day.price_volatility is not None
    assert told("cut", 1, TURN + 29).sale_growth_30d == pytest.approx(0.34, abs=0.12)  # ln 1.4


def test_a_doubling_is_ln_2_after_30_days_between_disjoint_windows() -> None:
    found = [told("step", seed, TURN + 29).sale_growth_30d for seed in SEEDS]
    assert median(value for value in found if value is not None) == pytest.approx(0.693, abs=0.05)


def coverage_of(protocol: Protocol) -> Coverage:
    return OPENPLATFORM_COVERAGE if protocol is Protocol.OPENPLATFORM else Coverage(total=True)


@cache
def market_backtest(protocol: Protocol) -> HorizonResult:
    panel, coverage = market_panel(protocol), coverage_of(protocol)
    rows = Labeled.of(compute_features(panel), panel.day, outcomes(panel, complete(panel), 7))
    backtest = Backtest(7, coverage, walk_forward(rows, coverage, 7, int(panel.day.max())))
    backtest.add(panel, complete(panel))
    return backtest.result()


@pytest.mark.parametrize("protocol", Protocol)
def test_on_the_hidden_market_flagged_rows_come_true_three_times_as_often(protocol: Protocol) -> None:
    result = market_backtest(protocol)
    flag = result.named(FLAG)
    assert flag.picks > 500
    assert flag.lift.value is not None
    assert flag.lift.value >= 3
    assert flag.lift.low is not None
    assert flag.lift.low > 1


@pytest.mark.parametrize("protocol", Protocol)
def test_on_the_hidden_market_breakout_is_not_behind_last_growth(protocol: Protocol) -> None:
    result = market_backtest(protocol)
    assert result.paired.value is not None
    assert result.paired.value >= 0, result.paired
    assert result.brier_skill.low is not None
    assert result.brier_skill.low > 0


@pytest.mark.parametrize("protocol", Protocol)
def test_on_the_hidden_market_the_kind_of_count_is_found_out_after_14_days(protocol: Protocol) -> None:
    panel = market_panel(protocol)
    kept = panel.day < panel.day.min() + 14
    names = ("list_id", "offer", "day", "at", "rank", "count")
    found = CountEvidence.of(Panel.of({name: getattr(panel, name)[kept] for name in names}))
    assert found.coverage == coverage_of(protocol), str(found)
