"""A backtest as text for people and as plain values for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from toplist.trends.backtest import HorizonResult, ScoreResult
from toplist.trends.bootstrap import Interval

#: What a row is called where the field's name does not say what it stands for.
TITLES = {
    "heat_index": "level (heat_index)",
    "sale_volatility": "past volatility",
    "sale_growth_per_day": "last growth",
}
HEADER = ("score", "precision@k", "lift", "bottom tenth", "vanished", "Brier", "Brier of base rate", "verdict")


def as_json(results: Sequence[HorizonResult]) -> list[dict[str, Any]]:
    """Plain dicts, lists, numbers, text and None; an interval is ``{"value", "low", "high"}``."""
    return [{**_plain(asdict(result)), "enough": result.enough} for result in results]


def _plain(value: Any) -> Any:
    if isinstance(value, Interval):
        return {key: _plain(each) for key, each in value._asdict().items()}
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value


def as_table(results: Sequence[HorizonResult]) -> str:
    """One block a horizon; figures with their 95 % interval."""
    return "\n\n".join(_block(result) for result in results)


def _block(result: HorizonResult) -> str:
    base = "-" if result.base_rate is None else f"{result.base_rate:.3f}"
    head = [
        f"Horizon {result.horizon} days: {result.origins} days of picks, k = {result.k}, "
        f"{result.rows} rows with a known outcome ({result.unknown} unknown), base rate {base}",
    ]
    if result.enough:
        lines = [HEADER, *(_line(score) for score in result.scores)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
        for line in lines:
            cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
            head.append("  ".join(cells).rstrip())
        head.append(f"precision of breakout - last growth: {result.paired!s}")
    return "\n".join([*head, result.verdict])


def _line(score: ScoreResult) -> tuple[str, ...]:
    figures = (
        score.precision,
        score.lift,
        score.bottom_share,
        score.vanished_share,
        score.brier,
        score.brier_base,
    )
    return (TITLES.get(score.name, score.name), *map(str, figures), score.verdict)
