import json
from datetime import timedelta
from random import Random

import pytest
from toplist.trends.replay import SCORES, ScoredRow
from toplist.trends.walk import calibrations
from trend_rows import DAY0, day, snapshot

from toplist.trends.backtest import backtest, calibrate
from toplist.trends.bootstrap import Interval, block_starts, interval, resamples
from toplist.trends.outcomes import label
from toplist.trends.table import as_json, as_table

DAYS, LISTS, ROWS = 28, 4, 50


def world(days=DAYS, seed=3):
    """Offers whose growth is theirs for good; `breakout_score` sees it, last growth sees it through noise, the rest
    sees nothing."""
    random = Random(seed)
    rows, snapshots = [], {}
    for number in range(LISTS):
        rates = [random.gauss(0, 0.03) for _ in range(ROWS)]
        for at in range(days):
            snapshots[f"l{number}", day(at)] = snapshot(at)
            for offer, rate in enumerate(rates):
                noisy, blind = rate + random.gauss(0, 0.05), random.random()
                scores = (blind, random.random(), random.random(), noisy, rate)
                count = round(10_000 * 2.718281828 ** (rate * at))
                rows.append(ScoredRow(f"l{number}", day(at), f"o{offer}", offer + 1, count, scores))
    return rows, snapshots


@pytest.fixture(scope="module")
def result():
    rows, snapshots = world()
    return backtest(rows, snapshots, Random(1))[0]


def named(result, name):
    return next(score for score in result.scores if score.name == name)


def test_a_score_that_knows_beats_one_that_guesses(result):
    assert result.enough
    assert result.origins == 21
    assert result.base_rate == pytest.approx(0.1)
    assert named(result, "breakout_score").precision.value > 0.9
    assert named(result, "breakout_score").lift.low > 8
    assert named(result, "heat_index").lift.value == pytest.approx(1, abs=0.7)
    assert named(result, "heat_index").verdict.startswith("no better than random")
    assert named(result, "random").lift == Interval(1.0, 1.0, 1.0)
    assert result.paired.low > 0
    assert result.verdict == "breakout is better than last growth"


def test_it_says_when_breakout_is_no_better_or_worse(result):
    rows, snapshots = world()
    same = [row._replace(scores=(*row.scores[:4], row.scores[3])) for row in rows]
    assert backtest(same, snapshots, Random(1))[0].verdict == "breakout is no better than last growth"
    swapped = [row._replace(scores=(*row.scores[:3], row.scores[4], row.scores[3])) for row in rows]
    assert backtest(swapped, snapshots, Random(1))[0].verdict == "breakout is worse than last growth"


def test_the_probability_of_a_score_that_knows_beats_the_base_rate(result):
    good, blind = named(result, "breakout_score"), named(result, "trend_score")
    assert good.brier.value < 0.5 * good.brier_base.value
    assert good.brier_gain.low > 0
    assert blind.brier.value == pytest.approx(blind.brier_base.value, abs=0.005)
    assert blind.verdict == "no better than random; its probability is no better than the base rate"


def test_too_little_history_is_said():
    rows, snapshots = world(days=16)
    week, month = backtest(rows, snapshots, Random(1))
    assert not week.enough
    assert week.verdict == "too little history: 9 days with a known outcome, 14 are needed"
    assert month.verdict == "too little history: 0 days with a known outcome, 60 are needed"
    assert week.paired.low is None
    text = as_table([week, month])
    assert week.verdict in text
    assert "precision" not in text
    assert backtest([], {}, Random(1))[0].base_rate is None


def test_the_same_seed_gives_the_same_result(result):
    rows, snapshots = world()
    assert backtest(rows, snapshots, Random(1))[0] == result
    assert backtest(list(reversed(rows)), snapshots, Random(2))[0].origins == result.origins


def test_rows_without_a_score_are_picked_last():
    rows, snapshots = world()
    at = SCORES.index("breakout_score")
    half = [row if int(row.offer_id[1:]) % 2 else row._replace(scores=(*row.scores[:at], None)) for row in rows]
    known = named(backtest(half, snapshots, Random(1))[0], "breakout_score")
    assert known.lift.value > 3


def test_no_day_learns_from_an_outcome_that_was_not_read_before_it():
    rows, snapshots = world()
    days = label(rows, snapshots, 7, 1)
    seen_some = False
    for today, calibration in calibrations(days, SCORES.index("breakout_score")):
        if calibration is not None:
            seen_some = True
            assert calibration.last_date + timedelta(days=7) < today.day
    assert seen_some
    assert calibrate(rows, snapshots).last_date == DAY0 + timedelta(days=DAYS - 8)


def test_table_for_people_and_json_for_machines_say_the_same(result):
    text, (data,) = as_table([result]), json.loads(json.dumps(as_json([result])))
    assert [score["name"] for score in data["scores"]] == ["random", *SCORES]
    assert data["paired"]["low"] == pytest.approx(result.paired.low, abs=1e-6)
    assert f"{data['paired']['value']:.3f} [{data['paired']['low']:.3f}, " in text
    for title in ("random", "level (heat_index)", "trend_score", "past volatility", "last growth", "breakout_score"):
        assert f"\n{title} " in text
    assert "k = 20" in text
    assert result.verdict in text


def test_blocks_keep_neighbours_together():
    drawn = block_starts(20, 5, Random(1))
    assert len(drawn) == 20
    assert all((drawn[at + 1] - drawn[at]) % 20 == 1 for at in range(19) if at % 5 != 4)


def test_an_interval_holds_the_mean_about_as_often_as_it_says():
    random, held = Random(5), 0
    for _ in range(100):
        tallies = [(random.gauss(1, 1), 1.0) for _ in range(60)]
        found = interval(tallies, lambda sums: sums[0] / sums[1], resamples(60, 3, 200, random))
        held += found.low <= 1 <= found.high
    assert 85 <= held <= 99
