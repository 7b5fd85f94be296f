"""The breakout score of a list's rows and its notes: what decides them, at the borders."""

from __future__ import annotations

from math import log, sqrt

import numpy as np
import pytest
from trend_rows import at, checked, day, growth_of_week, history, scored, seen, snapshot

from toplist.trends.bootstrap import Interval
from toplist.trends.breakout import (
    BY_HAND,
    BreakoutModels,
    noise_per_day,
    usual_growth,
)
from toplist.trends.calibration import Bin
from toplist.trends.coverage import UNKNOWN_COVERAGE, Coverage
from toplist.trends.features import RANKED, compute_features, hand_score
from toplist.trends.growth import Growth, sale_growth, von_neumann_sd
from toplist.trends.lists import compute_trends
from toplist.trends.model import WEIGHTS, Model, Record
from toplist.trends.panel import Panel
from toplist.trends.reasons import Reason

TOTAL, WINDOW = Coverage(total=True), Coverage(window_days=30)
CHANGES = [0.1, 0.3, 0.1, 0.3, 0.1]


def model(threshold: float | None = 0.3, worst: Bin | None = None, record: bool = True) -> Model:
    ranked = dict.fromkeys(RANKED, ((0.0,), (0.0,))) | {"last_growth": ((-1.0, 1.0), (-1.0, 1.0))}
    weights = tuple(10.0 if name == "last_growth" else 0.0 for name in WEIGHTS)
    kept = Record(30, 900, 0.1, Interval(0.5, 0.4, 0.6), threshold, worst_bin=worst) if record else None
    return Model(7, "total", 1, 1, 1, 900, 0.1, weights, ranked, record=kept)


ROUGH = Bin(700, 0.35, 0.25)


@pytest.mark.parametrize(
    ("models", "missing"),
    [
        (BY_HAND, ("too_little_history", "too_little_history", "too_little_history")),
        (BreakoutModels(model(), model()), (None, None, None)),
        (BreakoutModels(model(), None), (None, "too_little_history", None)),
        (BreakoutModels(None, model()), ("too_little_history", None, "too_little_history")),
        (BreakoutModels(model(None), model()), (None, None, "no_threshold")),
        (BreakoutModels(model(worst=ROUGH), model(None, ROUGH)), ("not_calibrated", "not_calibrated", None)),
        (BreakoutModels(model(record=False), model()), ("not_calibrated", None, "no_threshold")),
    ],
)
def test_a_figure_that_no_offer_has_today_says_why(models: BreakoutModels, missing: tuple[str | None, ...]) -> None:
    names = ("breakout_probability", "breakout_probability_30d", "is_breakout")
    expected = {name: Reason(word) for name, word in zip(names, missing, strict=True) if word}
    assert models.missing() == expected


def test_a_list_without_rows_has_no_trends() -> None:
    found = compute_trends(snapshot(1), [], history(snapshot(0), seen("a", 0, sale_count=5)))
    assert (found.offers, [each.offer_id for each in found.dropped_out]) == ([], ["a"])


def test_an_offer_without_a_score_says_why() -> None:
    past = history(*(seen(name, 0, rank, sale_count=100) for rank, name in enumerate("abc", 1)))
    rows = [seen("a", 1, 1, sale_count=120), seen("b", 1, 2), seen("c", 1, 3, sale_count=0)]
    found = scored(snapshot(1), rows, past, WINDOW, BreakoutModels(model(), model()))
    assert [each.reason for each in found] == [None, Reason.NO_COUNT, Reason.ZERO_COUNT]
    assert found[0].score == pytest.approx(10 * log(1.2))
    assert all(each == (None, None, None, None, each.reason) for each in found[1:])
    (alone,) = scored(snapshot(1), [seen("a", 1, sale_count=120)], history(), WINDOW, BY_HAND)
    assert alone == (None, None, None, None, Reason.NO_GROWTH)


@pytest.mark.parametrize("count", [1, 120])
def test_one_unit_is_a_count(count: int) -> None:
    past = history(seen("a", 0, sale_count=1))
    (found,) = scored(snapshot(1), [seen("a", 1, sale_count=count)], past, WINDOW, BY_HAND)
    assert found.score == pytest.approx(log(count))


@pytest.mark.parametrize(("models", "of"), [(BY_HAND, ()), (BreakoutModels(model(), None), (7,)),
                                            (BreakoutModels(None, model()), (30,))])  # fmt: skip
def test_each_horizon_has_the_probability_of_its_model(models: BreakoutModels, of: tuple[int, ...]) -> None:
    past = history(seen("a", 0, sale_count=100))
    (found,) = scored(snapshot(1), [seen("a", 1, sale_count=120)], past, WINDOW, models)
    chance = pytest.approx(1 / (1 + 1.2**-10))
    assert found.probability == (chance if 7 in of else None)
    assert found.probability_30d == (chance if 30 in of else None)
    assert found.is_breakout == (True if 7 in of else None)
    assert found.score == pytest.approx(log(1.2) * (10 if 7 in of else 1))


def test_scores_come_in_the_order_of_the_rows() -> None:
    past = history(*(seen(name, 0, rank, sale_count=100) for rank, name in enumerate("abcd", 1)))
    counts = {"d": 110, "b": 140, "a": 120, "c": 130}
    rows = [seen(name, 1, rank, sale_count=count) for rank, (name, count) in enumerate(counts.items(), 1)]
    found = scored(snapshot(1), rows, past, WINDOW, BY_HAND)
    assert [each.score for each in found] == [pytest.approx(log(count / 100)) for count in counts.values()]


@pytest.mark.parametrize("given", [None, -200])
def test_a_crawl_scores_as_its_history_of_33_days_does(given: int | None) -> None:
    """Rows that are older do not count, and an offer is as old as is known."""
    random = np.random.default_rng(1)
    counts = 1000 * np.exp(random.normal(0.01, 0.05, (50, 6)).cumsum(axis=0))
    past = [
        seen(str(offer), number, offer + 1, sale_count=round(counts[number, offer]))
        for number in range(50)
        for offer in range(6)
    ]
    rows = [row._replace(snapshot_date=day(50), collected_at=at(50)) for row in past[-6:]]
    first = {} if given is None else {"2": day(given), "4": day(40)}
    found = scored(snapshot(50), rows, history(*past, first_seen=first), TOTAL, BY_HAND)
    kept = [row for row in [*past, *rows] if row.snapshot_date >= day(17)]
    columns = {
        "list_id": np.zeros(len(kept)),
        "offer": np.array([int(row.offer_id) for row in kept]),
        "day": np.array([row.snapshot_date.toordinal() for row in kept]),
        "at": np.array([row.collected_at.timestamp() / 86400 for row in kept]),
        "rank": np.array([row.rank for row in kept]),
        "count": np.array([row.sale_count for row in kept]),
    }
    known = np.array([first.get(row.offer_id, day(17)) for row in kept])
    ages = np.array([min(each, day(17)).toordinal() for each in known])
    expected = hand_score(compute_features(Panel.of(columns, ages)), TOTAL)
    assert [each.score for each in found] == pytest.approx(expected[33::34])


def test_an_offer_that_was_in_the_list_before_the_window_is_as_new() -> None:
    """Its growth is then at least that from the lowest count of the day before; 33 days ago it is in the window."""
    others = [
        seen(name, 39, rank, sale_count=count) for rank, (name, count) in enumerate({"b": 90, "c": 50}.items(), 1)
    ]
    for number, score in ((6, log(2)), (7, None)):
        past = history(seen("a", number, sale_count=10), *others)
        (found,) = scored(snapshot(40), [seen("a", 40, sale_count=100)], past, WINDOW, BY_HAND)
        assert found.score == (None if score is None else pytest.approx(score))


@pytest.mark.parametrize(
    ("changes", "usual"),
    [([0.1] * 4, None), ([0.1] * 5, 0.1), (CHANGES, 0.1), ([-0.2] * 5, 0.0), ([-0.2, 0.0, 0.3, 0.4, 0.5], 0.3)],
)
def test_a_usual_growth_is_the_median_of_five_changes_or_more(changes: list[float], usual: float | None) -> None:
    assert usual_growth(changes) == usual


@pytest.mark.parametrize(
    ("coverage", "count", "changes", "counting"),
    [
        (WINDOW, 1000, CHANGES, 2 / 30 / 1000),
        (Coverage(window_days=7), 1000, CHANGES, 2 / 7 / 1000),
        (UNKNOWN_COVERAGE, 1000, CHANGES, 2 / 30 / 1000),
        (TOTAL, 1000, CHANGES, 0.1 / 1000),
        (TOTAL, 1000, [-0.1, -0.3, -0.1, -0.3, -0.1], 1 / 1000 / 1000),
        (TOTAL, 1000, CHANGES[:4], 2 / 30 / 1000),
        (WINDOW, 0, CHANGES, 2 / 30),
        (WINDOW, 1, CHANGES, 2 / 30),
        (WINDOW, 2, [], 1 / 30),
    ],
)
def test_the_noise_of_a_day_is_its_own_past_shrunk_by_five_changes_to_what_counting_makes(
    coverage: Coverage, count: int, changes: list[float], counting: float
) -> None:
    own = von_neumann_sd(changes)
    variance = counting if own is None else max(counting, (5 * counting + len(changes) * own**2) / (5 + len(changes)))
    assert noise_per_day(count, changes, coverage) == pytest.approx(sqrt(variance))


@pytest.mark.parametrize(("days", "is_held"), [(7.5, True), (7.51, False)])
def test_a_week_is_seven_days_and_a_half_at_most(days: float, is_held: bool) -> None:
    now, base = seen("a", 8, sale_count=160), seen("a", 7, sale_count=150)
    last = Growth(log(160 / 150), log(160 / 150), 1.0, base)
    oldest = seen("a", 0, sale_count=80, collected_at=at(8 - days))
    found = growth_of_week(now, [oldest, base], last)
    assert found == (Growth(pytest.approx(log(2)), pytest.approx(log(2) / 7.5), 7.5, oldest) if is_held else last)


def test_a_week_passes_over_days_without_sales() -> None:
    now, base = seen("a", 8, sale_count=160), seen("a", 7, sale_count=150)
    last = Growth(log(160 / 150), log(160 / 150), 1.0, base)
    past = [seen("a", 2, sale_count=0), seen("a", 3), seen("a", 4, sale_count=80), seen("a", 5), base]
    assert growth_of_week(now, past, last) == Growth(log(160) - log(80), (log(160) - log(80)) / 4, 4.0, past[2])


def notes(before: dict[str, int], after: dict[str, int], market: float | None = None, days: int = 1) -> list[Reason]:
    now, past = seen("a", days, **after), [seen("a", 0, **before)]
    return checked(now, past, sale_growth(now, past, WINDOW), market, WINDOW)


@pytest.mark.parametrize(("count", "is_low"), [(9, True), (10, False), (11, False)])
def test_fewer_than_10_units_are_too_few(count: int, is_low: bool) -> None:
    assert (Reason.LOW_VOLUME in notes({"sale_count": 1}, {"sale_count": count})) is is_low


@pytest.mark.parametrize(("market", "is_noted"), [(0.0, True), (log(5) - 0.001, True), (log(5), False), (2.0, False)])
def test_only_a_growth_above_the_markets_has_notes(market: float, is_noted: bool) -> None:
    assert (notes({"sale_count": 1}, {"sale_count": 5}, market) != []) is is_noted


def test_without_a_growth_of_the_market_any_rise_has_notes() -> None:
    assert notes({"sale_count": 4}, {"sale_count": 5}) == [Reason.LOW_VOLUME, Reason.NOISE]
    assert notes({"sale_count": 4}, {"sale_count": 4}) == []
    assert notes({"sale_count": 4}, {"sale_count": 3}) == []
    assert checked(seen("a", 1), [seen("a", 0, sale_count=4)], Growth(), 0.0, WINDOW) == []


@pytest.mark.parametrize(
    ("days", "count", "is_noise"), [(1, 10_051, True), (1, 10_052, False), (4, 10_103, True), (4, 10_104, False)]
)
def test_a_growth_below_two_deviations_is_noise(days: int, count: int, is_noise: bool) -> None:
    """Counting alone makes a deviation of sqrt(2 / 30 / 10,000) = 0.0026 a day."""
    assert (Reason.NOISE in notes({"sale_count": 10_000}, {"sale_count": count}, days=days)) is is_noise


def test_a_growth_is_held_against_the_noise_beyond_that_of_the_market() -> None:
    before, after = {"sale_count": 10_000}, {"sale_count": 10_200}
    assert Reason.NOISE not in notes(before, after, 0.0)
    assert Reason.NOISE in notes(before, after, 0.018)


@pytest.mark.parametrize(
    ("before", "after", "is_flat"),
    [
        ((5, 1000), (5, 2001), True),  # 5 buyers, and 5 more due
        ((4, 1000), (4, 2500), False),  # 4 buyers are luck
        ((5, 1000), (5, 1990), False),  # fewer than 5 more due
        ((100, 1000), (110, 1110), False),
        ((100, 1000), (129, 2000), True),  # 29 of 100 due
        ((100, 1000), (131, 2000), False),
        ((100, 1000), (90, 2000), True),
    ],
)
def test_a_rise_of_sales_without_its_buyers_is_noted(
    before: tuple[int, int], after: tuple[int, int], is_flat: bool
) -> None:
    found = notes(*({"buyer_count": buyers, "sale_count": sales} for buyers, sales in (before, after)))
    assert (Reason.FLAT_BUYERS in found) is is_flat


def test_buyers_that_are_not_known_are_not_missing() -> None:
    for before, after in (({}, {"buyer_count": 100}), ({"buyer_count": 100}, {})):
        assert notes({"sale_count": 1000, **before}, {"sale_count": 2000, **after}) == []
