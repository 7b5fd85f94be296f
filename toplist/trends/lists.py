"""All trends of one list on one day: the formulas put together.

`compute_trends` is what an item pipeline calls, and what a replay of the history calls, with the same result.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from toplist.items import ListKey
from toplist.ranktypes import Protocol
from toplist.trends import growth as growths
from toplist.trends.breakout import BY_HAND, WEEK_DAYS, Breakout, BreakoutModels, breakouts, checks, week_growth
from toplist.trends.coverage import UNKNOWN_COVERAGE, Coverage
from toplist.trends.growth import Growth
from toplist.trends.heat import Reference, heat_index, load_reference
from toplist.trends.list_columns import ListColumns
from toplist.trends.observation import ListHistory, Observation, Snapshot
from toplist.trends.price import price_change, price_volatility
from toplist.trends.ranks import Baseline, Dropout, Movement, dropped_out, find_base, first_seen, rank_change
from toplist.trends.reasons import Reason
from toplist.trends.score import trend_score


@dataclass(frozen=True, slots=True)
class TrendConfig:
    """What holds for a list whatever its rows. `max_gap_days`: days between two snapshots when none was missed."""

    coverage: Coverage = UNKNOWN_COVERAGE
    reference: Reference = field(default_factory=lambda: load_reference(Protocol.BASE64))
    max_gap_days: int = 1

    @classmethod
    def of(
        cls, key: ListKey, coverage: Coverage, max_gap_days: int = 1, reference: Reference | None = None
    ) -> TrendConfig:
        """The rules of a list, by its protocol and what its counts cover; without an own reference, the shipped one."""
        return cls(coverage, reference or load_reference(key.protocol), max_gap_days)


@dataclass(slots=True)
class OfferTrends:
    """One row's trends. Units, sources and worked numbers: docs/metrics.md. A null has its word in `reasons`."""

    offer_id: str
    trend_score: float | None = None
    heat_index: float | None = None
    heat_parts: tuple[str, ...] = ()
    sale_growth: float | None = None
    sale_growth_per_day: float | None = None
    sale_growth_adjusted: float | None = None
    sale_growth_30d: float | None = None
    units_since: int | None = None
    price_change: float | None = None
    price_change_per_day: float | None = None
    price_volatility: float | None = None
    rank_change: int | None = None
    movement: Movement = Movement.UNKNOWN
    breakout_score: float | None = None
    breakout_probability: float | None = None
    breakout_probability_30d: float | None = None
    is_breakout: bool | None = None
    reasons: dict[str, Reason] = field(default_factory=dict)

    def note(self, name: str, reason: Reason | None) -> None:
        """Keep why a figure is null, or what damped it."""
        if reason is not None:
            self.reasons[name] = reason

    def fields(self, names: Sequence[str]) -> dict[str, Any]:
        """The named figures, for an entry's update."""
        return {name: getattr(self, name) for name in names}


@dataclass(slots=True)
class ListTrends:
    """The rows' trends in the rows' order, and what holds for the list as a whole."""

    offers: list[OfferTrends]
    base: Baseline
    dropped_out: list[Dropout]
    market_growth_per_day: float | None
    heat_reference: str


def compute_trends(
    today: Snapshot,
    rows: Sequence[Observation],
    history: ListHistory,
    rules: TrendConfig | None = None,
    models: BreakoutModels = BY_HAND,
) -> ListTrends:
    """Trends of one list on one day.

    `rows` are today's, `history` the past of the same list (source, protocol, rank type, category) over at least
    `HISTORY_DAYS`; what it holds of today or later is not looked at. Never raises for missing values: a figure that
    can't be had is None, with its reason.
    """
    rules = rules or TrendConfig()
    base = find_base(today, history.snapshots, rules.max_gap_days)
    at_base = history.on(base.snapshot.snapshot_date) if base.snapshot else {}
    pasts = [history.past(row.offer_id, today.snapshot_date) for row in rows]
    grown = [growths.sale_growth(row, past, rules.coverage) for row, past in zip(rows, pasts, strict=True)]
    market = growths.market_growth(growth.per_day for growth in grown)
    dropouts = dropped_out(rows, base, at_base)
    if not rows:
        return ListTrends([], base, dropouts, market, rules.reference.version)
    columns = ListColumns.of(rows, history, today.snapshot_date)
    missing = models.missing()
    offers = []
    for row, past, growth, breakout, week_ago, sale_changes, price_changes in zip(
        rows,
        pasts,
        grown,
        breakouts(rows, columns, rules.coverage, models),
        columns.oldest_counts(WEEK_DAYS),
        columns.sale_changes(),
        columns.price_changes(),
        strict=True,
    ):
        offer = _scored(row)
        _rank(offer, row, base, at_base, history, past)
        _growth(offer, row, past, growth, market, rules)
        _price(offer, row, past, price_changes)
        _heat(offer, row, rules)
        _breakout(offer, breakout, missing)
        week = week_growth(row, None if week_ago is None else past[week_ago], growth)
        for reason in checks(row, growth, week, market, sale_changes, rules.coverage):
            offer.reasons.setdefault("breakout_score", reason)
        offers.append(offer)
    return ListTrends(offers, base, dropouts, market, rules.reference.version)


def _scored(row: Observation) -> OfferTrends:
    offer = OfferTrends(row.offer_id, trend_score=trend_score(row.price, row.sale_count))
    if row.sale_count is None:
        offer.note("trend_score", Reason.NO_COUNT)
    return offer


def _rank(
    offer: OfferTrends,
    row: Observation,
    base: Baseline,
    at_base: dict[str, Observation],
    history: ListHistory,
    past: Sequence[Observation],
) -> None:
    before = at_base.get(row.offer_id)
    moved = rank_change(row, base, before, None if before else first_seen(history, row.offer_id, past))
    offer.rank_change, offer.movement = moved.value, moved.status
    offer.note("rank_change", moved.reason)
    if moved.status is Movement.UNKNOWN:
        offer.note("movement", moved.reason)


def _growth(
    offer: OfferTrends,
    row: Observation,
    past: Sequence[Observation],
    growth: Growth,
    market: float | None,
    rules: TrendConfig,
) -> None:
    offer.sale_growth, offer.sale_growth_per_day = growth.value, growth.per_day
    if growth.value is None:
        offer.note("sale_growth", growth.reason)
    offer.note("sale_growth_per_day", growth.reason)
    if growth.per_day is not None and market is not None:
        offer.sale_growth_adjusted = growth.per_day - market
    else:
        offer.note("sale_growth_adjusted", growth.reason or Reason.FEW_PEERS)
    offer.sale_growth_30d, reason = growths.disjoint_growth(row, past, rules.coverage)
    offer.note("sale_growth_30d", reason)
    offer.units_since, reason = growths.units_since(row, growth, rules.coverage)
    offer.note("units_since", reason)


def _price(offer: OfferTrends, row: Observation, past: Sequence[Observation], changes: Sequence[float]) -> None:
    change = price_change(row, past)
    offer.price_change, offer.price_change_per_day = change.value, change.per_day
    if change.value is None:
        offer.note("price_change", change.reason)
    offer.note("price_change_per_day", change.reason)
    offer.price_volatility = price_volatility(row, changes)
    if offer.price_volatility is None:
        offer.note("price_volatility", change.reason if change.reason is Reason.NO_PRICE else Reason.FEW_CHANGES)


def _heat(offer: OfferTrends, row: Observation, rules: TrendConfig) -> None:
    heat = heat_index(
        rules.reference,
        sale_count=row.sale_count,
        buyer_count=row.buyer_count,
        growth_per_day=offer.sale_growth_per_day,
        rank=row.rank,
    )
    offer.heat_index, offer.heat_parts = heat.value, heat.parts
    if heat.value is None:
        offer.note("heat_index", Reason.NO_LEVEL)


def _breakout(offer: OfferTrends, found: Breakout, missing: Mapping[str, Reason]) -> None:
    offer.breakout_score, offer.is_breakout = found.score, found.is_breakout
    offer.breakout_probability, offer.breakout_probability_30d = found.probability, found.probability_30d
    offer.note("breakout_score", found.reason)
    for name in ("breakout_probability", "breakout_probability_30d", "is_breakout"):
        offer.note(name, found.reason or missing.get(name))
