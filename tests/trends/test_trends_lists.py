from math import log

import pytest
from trend_rows import at, day, history, seen, snapshot

from toplist.items import Entry, ListKey, PriceTier, RankList, RejectedRow, Source, Status
from toplist.ranktypes import Protocol
from toplist.trends.bootstrap import Interval
from toplist.trends.breakout import BreakoutModels
from toplist.trends.calibration import Bin
from toplist.trends.coverage import Coverage
from toplist.trends.features import RANKED
from toplist.trends.lists import TrendConfig, compute_trends
from toplist.trends.model import WEIGHTS, Model, Record
from toplist.trends.observation import Observation, observe, snapshot_of


def entry(**values):
    place = {
        "snapshot_date": day(1),
        "collected_at": at(1),
        "source": Source.SANDBOX,
        "protocol": Protocol.BASE64,
        "rank_type": "hot",
        "category_id": "1",
        "rank": 2,
    }
    return Entry(offer_id="a", **{**place, **values})


def test_an_entry_is_observed_at_its_first_tier():
    tiers = [PriceTier(start_quantity=50, price=8.0), PriceTier(start_quantity=2, price=10.0)]
    seen_now = observe(entry(price=8.0, price_tiers=tiers, sale_count=7, buyer_count=3))
    assert seen_now == Observation("a", day(1), at(1), 2, 8.0, 7, 3, 2, 10.0)
    assert observe(entry())[4:] == (None, None, None, None, None)


def test_a_list_as_it_ended_is_a_snapshot():
    ranked = RankList(
        key=ListKey(Source.SANDBOX, Protocol.BASE64, "hot", "1"),
        snapshot_date=day(1),
        status=Status.COMPLETE,
        requested_rows=20,
        page_size=20,
        reported_total=46,
        duplicates=1,
        collected_at=at(1),
        entries=[entry()],
        rejected=[RejectedRow(position=1, reason="no id", row={})],
    )
    found = snapshot_of(ranked)
    assert found == snapshot(1, requested_rows=20, reported_total=46, received=3, rejected=1)
    assert found.complete
    assert found.depth == 20


def test_growth_is_adjusted_by_the_median_per_day_of_the_list():
    before = [seen(name, 0, rank, sale_count=1000) for rank, name in enumerate("abcdef", 1)]
    counts = dict(zip("abcdef", (1210, 1210, 1210, 1210, 1210, 2250), strict=True))
    rows = [seen(name, 2, rank, sale_count=count) for rank, (name, count) in enumerate(counts.items(), 1)]
    trends = compute_trends(snapshot(2), rows, history(snapshot(0), *before))
    assert trends.market_growth_per_day == pytest.approx(0.09531, abs=1e-5)
    assert [round(offer.sale_growth_adjusted, 5) for offer in trends.offers] == [0, 0, 0, 0, 0, 0.31015]
    few = compute_trends(snapshot(2), rows[:4], history(snapshot(0), *before))
    assert few.offers[0].sale_growth_adjusted is None
    assert few.offers[0].reasons["sale_growth_adjusted"] == "few_peers"


def model(horizon=7, skill=0.5, threshold=0.3, worst=None):
    """Probability 1 / (1 + exp(-10 last growth)), without a correction."""
    ranked = dict.fromkeys(RANKED, ((0.0,), (0.0,))) | {"last_growth": ((-1.0, 1.0), (-1.0, 1.0))}
    weights = [10.0 if name == "last_growth" else 0.0 for name in WEIGHTS]
    record = Record(30, 900, 0.1, Interval(skill, skill, skill), threshold, worst_bin=worst)
    return Model(horizon, "total", 1, 1, 1, 900, 0.1, tuple(weights), ranked, record=record)


def test_a_probability_needs_a_model_and_its_logit_is_the_score():
    past = history(snapshot(0), seen("a", 0, sale_count=100), seen("c", 0, 3, sale_count=100))
    rows = [seen("a", 1, sale_count=120), seen("b", 1, rank=2), seen("c", 1, 3, sale_count=90)]
    without = compute_trends(snapshot(1), rows, past).offers
    assert [offer.breakout_probability for offer in without] == [None, None, None]
    assert without[0].breakout_score == pytest.approx(log(1.2))
    assert without[0].is_breakout is None
    assert without[0].reasons["breakout_probability"] == "too_little_history"
    with_both = compute_trends(snapshot(1), rows, past, models=BreakoutModels(model(), model(30))).offers
    assert with_both[0].breakout_score == pytest.approx(10 * log(1.2))
    assert with_both[0].breakout_probability == pytest.approx(1 / (1 + 1.2**-10))
    assert with_both[0].breakout_probability_30d == pytest.approx(1 / (1 + 1.2**-10))
    assert [offer.is_breakout for offer in with_both] == [True, None, False]
    assert with_both[1].reasons["breakout_probability"] == "no_count"
    (reached, *_) = compute_trends(
        snapshot(1), rows, past, models=BreakoutModels(model(threshold=with_both[0].breakout_probability))
    ).offers
    assert reached.is_breakout is True
    no_flag = compute_trends(snapshot(1), rows, past, models=BreakoutModels(model(threshold=None))).offers
    assert [offer.is_breakout for offer in no_flag] == [None, None, None]
    assert no_flag[0].breakout_probability_30d is None


def test_a_model_whose_probabilities_did_not_come_true_orders_and_flags_without_them():
    past = history(snapshot(0), seen("a", 0, sale_count=100), seen("c", 0, 3, sale_count=100))
    rows = [seen("a", 1, sale_count=120), seen("b", 1, rank=2), seen("c", 1, 3, sale_count=90)]
    rough = model(worst=Bin(700, 0.35, 0.25))
    found = compute_trends(snapshot(1), rows, past, models=BreakoutModels(rough, model(30))).offers
    assert [offer.breakout_probability for offer in found] == [None, None, None]
    assert [offer.reasons["breakout_probability"] for offer in found] == [
        "not_calibrated",
        "no_count",
        "not_calibrated",
    ]
    assert [offer.is_breakout for offer in found] == [True, None, False]
    assert found[0].breakout_score == pytest.approx(10 * log(1.2))
    assert found[0].breakout_probability_30d == pytest.approx(1 / (1 + 1.2**-10))
    no_flag = model(threshold=None, worst=Bin(700, 0.35, 0.25))
    found = compute_trends(snapshot(1), rows, past, models=BreakoutModels(no_flag, rough)).offers
    assert found[0].reasons["is_breakout"] == "no_threshold"
    assert found[0].reasons["breakout_probability_30d"] == "not_calibrated"


def test_a_bulk_order_is_a_note_and_changes_no_score():
    past = [seen("a", number, sale_count=600, buyer_count=150) for number in range(10)]
    (calm,) = compute_trends(snapshot(10), [seen("a", 10, sale_count=900, buyer_count=225)], history(*past)).offers
    (bulk,) = compute_trends(snapshot(10), [seen("a", 10, sale_count=900, buyer_count=151)], history(*past)).offers
    assert bulk.reasons["breakout_score"] == "flat_buyers"
    assert "breakout_score" not in calm.reasons
    assert bulk.breakout_score == calm.breakout_score
    few = [seen("a", 0, sale_count=4)]
    (small,) = compute_trends(snapshot(1), [seen("a", 1, sale_count=6)], history(*few)).offers
    assert small.reasons["breakout_score"] == "low_volume"


def test_rules_follow_the_protocol():
    found = Coverage(total=True)
    window, total = (
        TrendConfig.of(ListKey(Source.GATEWAY, protocol, "hot", "1"), Coverage.of(protocol, "auto", found))
        for protocol in (Protocol.OPENPLATFORM, Protocol.BASE64)
    )
    assert (str(window.coverage), str(total.coverage)) == ("window:30", "total")
    assert window.reference != total.reference


def test_named_fields_go_onto_an_entry():
    rows = [seen("a", 1, 2, sale_count=120)]
    (offer,) = compute_trends(snapshot(1), rows, history(snapshot(0), seen("a", 0, 5, sale_count=100))).offers
    updated = entry().model_copy(update=offer.fields(["sale_growth", "rank_change", "movement"]))
    assert updated.sale_growth == pytest.approx(0.18232, abs=1e-5)
    assert (updated.rank_change, updated.movement) == (3, "up")
