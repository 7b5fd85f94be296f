from datetime import date

import pytest
from toplist.trends.calibration import Calibration
from toplist.trends.replay import replay
from trend_rows import at, day, history, seen, snapshot

from toplist.items import Entry, ListKey, PriceTier, RankList, RejectedRow, Source, Status
from toplist.ranktypes import Protocol
from toplist.trends.lists import TrendConfig, compute_trends
from toplist.trends.observation import HISTORY_DAYS, Observation, observe, snapshot_of

CALIBRATION = Calibration((0.0,), (0.05, 0.2), 0.1, 1000, 10, date(2026, 3, 1))


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


def test_a_probability_needs_a_calibration():
    past = history(snapshot(0), seen("a", 0, sale_count=100))
    rows = [seen("a", 1, sale_count=120), seen("b", 1, rank=2)]
    without = compute_trends(snapshot(1), rows, past).offers
    assert without[0].breakout_probability is None
    assert without[0].reasons["breakout_probability"] == "too_little_history"
    trends = compute_trends(snapshot(1), rows, past, calibration=CALIBRATION)
    assert [offer.breakout_probability for offer in trends.offers] == [0.2, None]
    assert trends.offers[1].reasons["breakout_probability"] == "no_count"
    assert trends.base_rate == 0.1


def test_rules_follow_the_protocol():
    window = TrendConfig.of(ListKey(Source.GATEWAY, Protocol.OPENPLATFORM, "hot", "1"), "total")
    total = TrendConfig.of(ListKey(Source.GATEWAY, Protocol.BASE64, "hot", "1"), "total")
    assert (str(window.coverage), str(total.coverage)) == ("window:30", "total")
    assert window.reference != total.reference


def test_named_fields_go_onto_an_entry():
    rows = [seen("a", 1, 2, sale_count=120)]
    (offer,) = compute_trends(snapshot(1), rows, history(snapshot(0), seen("a", 0, 5, sale_count=100))).offers
    updated = entry().model_copy(update=offer.fields(["sale_growth", "rank_change", "movement"]))
    assert updated.sale_growth == pytest.approx(0.18232, abs=1e-5)
    assert (updated.rank_change, updated.movement) == (3, "up")


def test_a_replay_knows_no_more_than_each_day_did():
    rows = [seen("a", number, 1 + number % 3, sale_count=100 + number**2, price=10.0) for number in range(60)]
    snapshots = [snapshot(number) for number in range(60)]
    for today, of_today, trends in replay(reversed(rows), reversed(snapshots), TrendConfig()):
        number = (today.snapshot_date - day(0)).days
        first = max(0, number - HISTORY_DAYS)
        past = history(*rows[first:number], *snapshots[first:number], first_seen={"a": day(0)} if number else {})
        assert trends == compute_trends(today, of_today, past)
