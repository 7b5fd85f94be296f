"""A backtest as text for people and as plain values for machines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from toplist.trends.backtest import BASELINE, CANDIDATE, FLAG, RANDOM, HorizonResult, ScoreResult
from toplist.trends.bootstrap import Interval
from toplist.trends.calibration import MAX_OFF

#: What a row is called where the field's name does not say what it stands for.
TITLES = {
    RANDOM: "at random",
    "level": "sale count",
    "volatility": "past volatility",
    "hand_score": "score by hand",
    BASELINE: "last growth",
    FLAG: "is_breakout (flag)",
}
HEADER = ("picked by", "in the top tenth", "times chance", "bottom tenth", "vanished")


def as_json(results: Sequence[HorizonResult]) -> list[dict[str, Any]]:
    """Plain dicts, lists, numbers, text and None; an interval is ``{"value", "low", "high"}``."""
    return [{**_plain(asdict(result)), "enough": result.enough, "verdict": verdict(result)} for result in results]


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if hasattr(value, "_asdict"):
        return {key: _plain(each) for key, each in value._asdict().items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return round(value, 6) if isinstance(value, float) else value


def as_table(results: Sequence[HorizonResult]) -> str:
    """One block a horizon; figures with their 95 % interval; at most 100 columns."""
    return "\n\n".join(_block(result) for result in results)


def verdict(result: HorizonResult) -> str:
    """One sentence: is the breakout score better than last growth?"""
    if not result.enough:
        return f"too little history: {result.origins} days with a known outcome, {result.needed} are needed"
    low, high = result.paired.low, result.paired.high
    if low is None or high is None:
        return "too little history"
    if low > 0:
        return "breakout_score is better than last growth"
    return f"breakout_score is {'worse' if high < 0 else 'no better'} than last growth"


def _block(result: HorizonResult) -> str:
    base = "-" if result.base_rate is None else f"{result.base_rate:.3f}"
    head = [
        f"{result.horizon} days ahead: {result.origins} days of picks, {result.picks_per_day:.0f} a day;"
        f" {result.rows} rows,",
        f"{result.unknown} more whose outcome is not known; a row is in the top tenth with probability {base}",
    ]
    if result.enough:
        lines = [HEADER, *(_line(score) for score in result.scores if score.picks)]
        widths = [max(len(line[column]) for line in lines) for column in range(len(HEADER))]
        for line in lines:
            cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
            head.append("  ".join(cells).rstrip())
        head.append(f"breakout_score - last growth: {result.paired!s}")
        head.append(_probability(result))
    return "\n".join([*head, verdict(result)])


def _line(score: ScoreResult) -> tuple[str, ...]:
    def short(figure: Interval) -> str:
        return "-" if figure.value is None else f"{figure.value:.3f}"

    shares = (str(score.precision), str(score.lift), short(score.bottom_share), short(score.vanished_share))
    return (TITLES.get(score.name, score.name), *shares)


def _probability(result: HorizonResult) -> str:
    if not result.model_days:
        return "no model yet: the score by hand was used on every day"
    lines = [f"the model was used on {result.model_days} days; its probability was given on {result.probability_days}"]
    if result.probability_days:
        lines.append(f"Brier skill of the probability: {result.brier_skill!s}")
    if worst := result.worst_bin:
        lines.append(
            f"of its probabilities around {worst.said:.2f}, {worst.came:.2f} came true ({worst.rows} rows);"
            " no other tenth is further off"
        )
        if abs(worst.off) > MAX_OFF:
            promised = "much" if worst.off > 0 else "little"
            lines.append(f"take the probabilities as rough: the middle ones promised too {promised}")
    return "\n".join(lines)


def in_words(result: HorizonResult) -> str:
    """For a buyer: of so many picks a day, how many came true."""
    if not result.enough:
        return f"{result.horizon} days ahead: {verdict(result)}"
    counts = [_came(result, name) for name in (CANDIDATE, BASELINE, RANDOM)]
    ahead = "a week" if result.horizon == 7 else f"{result.horizon} days"
    return (
        f"Of {result.picks_per_day:.0f} picks a day, {counts[0]} were in the top tenth {ahead} later;"
        f" by last growth: {counts[1]}; by chance: {counts[2]}."
    )


def _came(result: HorizonResult, name: str) -> str:
    score = result.named(name)
    if score.precision.value is None:
        return "-"
    return f"{score.precision.value * result.picks_per_day:.1f}".removesuffix(".0")
