import json
from dataclasses import replace

import numpy as np
import pytest
from panels import DAY0, complete, market

from toplist.trends.backtest import BASELINE, CANDIDATE, FLAG, RANDOM, Backtest, HorizonResult
from toplist.trends.bootstrap import Interval, interval, resamples
from toplist.trends.calibration import Bin
from toplist.trends.coverage import Coverage
from toplist.trends.features import compute_features
from toplist.trends.outcomes import outcomes
from toplist.trends.panel import Panel, SnapshotColumns
from toplist.trends.table import as_json, as_table, in_words, verdict
from toplist.trends.walk_forward import Labeled, walk_forward

TOTAL = Coverage(total=True)


def judged(panel: Panel, k: int | None = 20, horizon: int = 7) -> HorizonResult:
    snapshots = complete(panel)
    rows = Labeled.of(compute_features(panel), panel.day, outcomes(panel, snapshots, horizon))
    backtest = Backtest(horizon, TOTAL, walk_forward(rows, TOTAL, horizon, int(panel.day.max())), k)
    backtest.add(panel, snapshots)
    return backtest.result()


@pytest.fixture(scope="module")
def result() -> HorizonResult:
    return judged(market(80))


def test_a_score_that_sees_the_pace_beats_chance_and_its_flag_three_times(result: HorizonResult):
    assert result.origins == 73
    assert result.base_rate == pytest.approx(0.1)
    assert result.named(RANDOM).lift == Interval(*(pytest.approx(1.0) for _ in range(3)))
    assert result.named(CANDIDATE).lift.low > 3
    assert result.named(FLAG).lift.low > 3
    assert result.model_days > 40
    assert result.brier_skill.low > 0


def test_the_difference_is_taken_on_the_same_days(result: HorizonResult):
    ours, last = result.named(CANDIDATE).precision.value, result.named(BASELINE).precision.value
    assert result.paired.value == pytest.approx(ours - last)


@pytest.mark.parametrize(
    ("low", "high", "said"), [(0.01, 0.2, "better"), (-0.1, 0.2, "no better"), (-0.2, -0.1, "worse")]
)
def test_better_and_worse_mean_that_the_interval_leaves_0_out(result, low: float, high: float, said: str):
    changed = replace(result, paired=Interval((low + high) / 2, low, high))
    assert verdict(changed) == f"breakout_score is {said} than last growth"


def test_some_lists_at_a_time_are_judged_as_all_at_once():
    panel = market(40)
    whole, parts = (Backtest(7, TOTAL, [], 20) for _ in range(2))
    whole.add(panel, complete(panel))
    names = ("list_id", "offer", "day", "at", "rank", "count")
    for number in range(4):
        part = Panel.of({name: getattr(panel, name)[panel.list_id == number] for name in names})
        parts.add(part, complete(part))
    one, other = whole.result(), parts.result()
    assert one.rows == other.rows
    for name in (CANDIDATE, BASELINE, RANDOM, "level"):
        assert one.named(name).precision.value == pytest.approx(other.named(name).precision.value, abs=0.02)


def test_rows_without_a_score_are_picked_last():
    panel = market(40)
    counts = np.where((panel.offer % 2 == 0) & (panel.day % 2 == 0), np.nan, panel.count)
    names = ("list_id", "offer", "day", "at", "rank")
    gaps = Panel.of({**{name: getattr(panel, name) for name in names}, "count": counts})
    found = judged(gaps).named(BASELINE)
    assert found.lift.value > 2


def test_too_little_history_is_said():
    result = judged(market(16))
    assert not result.enough
    assert verdict(result) == "too little history: 9 days with a known outcome, 14 are needed"
    assert "chance" not in as_table([result])
    assert in_words(result) == f"7 days ahead: {verdict(result)}"
    nothing = Backtest(7, TOTAL, []).result()
    assert nothing.base_rate is None


def test_a_snapshot_that_was_not_complete_is_no_outcome():
    panel = market(40, lists=1)
    snapshots = complete(panel)
    partial = SnapshotColumns(
        snapshots.list_id,
        snapshots.day,
        snapshots.day < DAY0 + 20,
        snapshots.depth,
        snapshots.rejected,
    )
    backtest = Backtest(7, TOTAL, [], 5)
    backtest.add(panel, partial)
    assert backtest.result().origins == 13


def test_table_for_people_and_json_for_machines_say_the_same(result: HorizonResult):
    text, (data,) = as_table([result]), json.loads(json.dumps(as_json([result])))
    assert data["paired"]["low"] == pytest.approx(result.paired.low, abs=1e-6)
    assert f"{data['paired']['value']:.3f} [{data['paired']['low']:.3f}, " in text
    for title in ("at random", "sale count", "past volatility", "last growth", "breakout_score", "is_breakout (flag)"):
        assert f"\n{title} " in text
    assert max(len(line) for line in text.splitlines()) <= 100
    picked = result.named(CANDIDATE).precision.value * 20
    assert in_words(result).startswith(f"Of 20 picks a day, {picked:.1f}".removesuffix(".0"))


def test_the_tenth_of_probabilities_that_was_furthest_off_is_said(result: HorizonResult):
    bins = (Bin(20_000, 0.02, 0.03), Bin(500, 0.25, 0.18), Bin(499, 0.55, 0.2))
    rough = replace(result, reliability=bins)
    assert rough.worst_bin == bins[1]
    text = as_table([rough])
    assert "of its probabilities around 0.25, 0.18 came true (500 rows)" in text
    assert "take the probabilities as rough: the middle ones promised too much" in text
    assert max(len(line) for line in text.splitlines()) <= 100
    fine = replace(result, reliability=(Bin(500, 0.25, 0.21),))
    assert "around 0.25, 0.21 came true" in as_table([fine])
    assert "rough" not in as_table([fine])
    assert replace(result, reliability=bins[2:]).worst_bin is None


def test_blocks_keep_neighbours_together():
    drawn = resamples(20, 5, np.random.default_rng(1), 50)
    assert drawn.shape == (50, 20)
    steps = np.diff(drawn.reshape(50, 4, 5), axis=2) % 20
    assert (steps == 1).all()


def test_an_interval_holds_the_mean_about_as_often_as_it_says():
    random, held = np.random.default_rng(5), 0
    for _ in range(200):
        tallies = np.stack((random.normal(1, 1, 60), np.ones(60)), axis=1)
        found = interval(tallies, lambda sums: sums[..., 0] / sums[..., 1], resamples(60, 3, random, 200))
        held += found.low <= 1 <= found.high
    assert 170 <= held <= 198
