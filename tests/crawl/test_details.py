"""Details and daily figures: after the lists, once a week, and never in the lists' way."""

import json
import signal
import time
from collections import Counter
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest

from tests.harness import QUICK, Crawled, Project
from toplist.api.calls import PRICE_TREND, QUERY_DETAIL, UNITS_TREND
from toplist.api.daily import Figure
from toplist.items import Source
from toplist.sandbox.market import Market
from toplist.sandbox.process import SandboxProcess
from toplist.storage.enrichment import week_of
from toplist.trends.score import trend_score

Gateway = Callable[..., SandboxProcess]
TWO = ("categories=10166,311", "rank_types=hot,complex")
WHOLESALE = ("price", "min_order", "price_tiers", "repurchase_rate", "supplier", "is_gold")


def crawl(project: Project, sandbox: SandboxProcess, *arguments: str, **settings: str) -> Crawled:
    """An `openplatform` crawl of a running sandbox."""
    return project.crawl(sandbox, *TWO, *arguments, TOPLIST_ACCESS_TOKEN=sandbox.access_token, **settings)


def singles(sandbox: SandboxProcess, api: str = QUERY_DETAIL.name) -> list[dict[str, Any]]:
    """The requests for single offers, in the order of their arrival."""
    return sorted((each for each in sandbox.state()["requests"] if each["api"] == api), key=lambda each: each["at"])


def by_place(feed: list[dict[str, Any]]) -> dict[tuple[str, str, str], dict[str, Any]]:
    return {(entry["rank_type"], entry["category_id"], entry["offer_id"]): entry for entry in feed}


def test_an_entry_with_details_has_the_wholesale_fields_of_the_same_offer_in_base64(
    project: Project, gateway: Gateway
) -> None:
    sandbox = gateway("--total=20")
    everything = ("categories=10166,311,312,54,7", "rank_types=hot,complex,goodPrice")
    assert project.crawl(sandbox, *everything).status == 0
    plain = by_place(project.feed())
    other = Project(project.folder / "other")
    done = other.crawl(sandbox, *everything, "details=1", TOPLIST_ACCESS_TOKEN=sandbox.access_token)
    assert done.status == 0, done.log
    detailed = by_place(other.feed())
    assert detailed.keys() == plain.keys()
    compared: Counter[str] = Counter()
    for place, entry in plain.items():
        tiers = entry["price_tiers"] or []
        for name in WHOLESALE:
            # Where a base64 row has steps and no price, the product takes the lowest step for the price.
            is_derived = name == "price" and len(tiers) == 3 and entry["price"] == tiers[-1]["price"]
            if entry[name] is not None and not is_derived:
                assert (name, detailed[place][name]) == (name, entry[name]), place
                compared[name] += 1
    assert len(plain) == 5 * 3 * 20
    assert min(compared.values()) > 200
    assert set(compared) == set(WHOLESALE)
    for entry in detailed.values():
        assert all(entry[name] is not None for name in ("price", "unit", "lot_size", "badges", "repurchase_rate"))
        assert entry["trend_score"] == trend_score(entry["price"], entry["sale_count"])


def test_the_view_shows_what_the_feed_shows(project: Project, gateway: Gateway) -> None:
    assert crawl(project, gateway("--total=20"), "details=1").status == 0
    names = ("offer_id", *WHOLESALE, "unit", "lot_size", "badges", "services", "trade_score", "trend_score")
    stored = project.query(f"SELECT {', '.join(names)} FROM entries ORDER BY protocol, rank_type, category_id, rank")
    assert len(stored) == 80
    for row, entry in zip(stored, project.feed(), strict=True):
        shown = dict(zip(names, row, strict=True))
        for name in ("price_tiers", "badges", "services"):
            shown[name] = shown[name] and json.loads(shown[name])
        assert shown == {name: entry[name] for name in names}


def test_lists_come_first_and_no_detail_is_asked_twice(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=20")
    first = crawl(project, sandbox, "details=1")
    assert first.status == 0, first.log
    asked = singles(sandbox)
    lists = [each["at"] for each in sandbox.state()["requests"] if each["rank_type"]]
    assert max(lists) < min(each["at"] for each in asked)
    offers = {entry["offer_id"] for entry in project.feed()}
    assert Counter(each["offer_id"] for each in asked) == dict.fromkeys(offers, 1)
    feed = project.feed()
    second = crawl(project, sandbox, "details=1")
    assert second.status == 0, second.log
    assert len(singles(sandbox)) == len(asked)
    assert second.stat("deltafetch/skipped") == str(4 + len(offers))
    assert f"{len(offers)} complete already, 0 answered" in second.out
    assert project.feed() == feed
    third = crawl(project, sandbox, "details=1", "refresh=1")
    assert third.status == 0, third.log
    assert len(singles(sandbox)) == 2 * len(asked)


def sandbox_day(project: Project, day: str, *arguments: str) -> Crawled:
    done = project.crawl(
        None, "gateway=sandbox", f"snapshot_date={day}", *TWO, *arguments, TOPLIST_PROTOCOL="openplatform"
    )
    assert done.status == 0, done.log
    return done


def shown(project: Project, day: str) -> list[tuple[Any, ...]]:
    return project.query(
        f"SELECT * FROM entries WHERE snapshot_date = '{day}' ORDER BY rank_type, category_id, rank", "sandbox"
    )


def test_the_details_of_a_list_that_a_dead_crawl_held_are_asked_too(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=20")
    sandbox.faults(["kind=code,code=40,rank_type=hot"])
    assert crawl(project, sandbox).status == 3
    sandbox.faults([])
    with project.database() as connection:
        connection.execute(
            "UPDATE list_snapshot SET lease_owner = 'crawl-dead', lease_expires_at = ? WHERE status = 'failed'",
            [time.monotonic() + 6],
        )
        assert connection.total_changes
        connection.commit()
    done = crawl(project, sandbox, "details=1")
    assert done.status == 0, done.log
    assert done.stat("toplist/leases/taken_over") == "2"
    assert len(project.feed()) == 80
    assert [entry["rank"] for entry in project.feed() if entry["unit"] is None] == []


def test_the_details_of_a_list_that_was_paused_for_twice_are_asked_too(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=20", "--pause=0.2", "--fault=kind=403,rank_type=hot,category=311,times=2")
    done = crawl(project, sandbox, "details=1", TOPLIST_PAUSE_403="0.2")
    assert done.status == 0, done.log
    assert len(project.feed()) == 80
    assert [entry["rank"] for entry in project.feed() if entry["unit"] is None] == []
    kinds = [each["rank_type"] for each in sorted(sandbox.state()["requests"], key=lambda each: each["at"])]
    assert None not in kinds[: max(at for at, kind in enumerate(kinds) if kind)]


def test_a_detail_is_good_for_its_week_and_a_past_snapshot_stays_as_it_was(project: Project) -> None:
    sandbox_day(project, "2026-11-24", "details=1")
    tuesday = {row[0] for row in project.query("SELECT offer_id FROM detail", "sandbox")}
    before = shown(project, "2026-11-24")
    # Without being asked for, what the week knows is shown.
    plain = sandbox_day(project, "2026-11-25")
    assert plain.stat("toplist/details/answered") is None
    seen = project.query("SELECT offer_id, price, unit FROM entries WHERE snapshot_date = '2026-11-25'", "sandbox")
    assert {(offer in tuesday) for offer, *_ in seen} == {True, False}
    assert all((price is not None) == (unit is not None) == (offer in tuesday) for offer, price, unit in seen)
    thursday = sandbox_day(project, "2026-11-26", "details=1")
    wanted = {
        row[0] for row in project.query("SELECT offer_id FROM entries WHERE snapshot_date = '2026-11-26'", "sandbox")
    }
    assert wanted - tuesday
    assert thursday.stat("toplist/details/answered") == str(len(wanted - tuesday))
    monday = sandbox_day(project, "2026-11-30", "details=1")
    assert " 0 complete already" in monday.out
    assert monday.stat("toplist/details/filled") == str(len(shown(project, "2026-11-30")))
    assert shown(project, "2026-11-24") == before
    mixed_up = project.query(
        "SELECT COUNT(*) FROM observation o JOIN offer_version t USING (version_id)"
        " JOIN offer_detail d USING (detail_id)"
        " WHERE t.offer_id != d.offer_id",
        "sandbox",
    )
    assert mixed_up == [(0,)]
    weeks = project.query("SELECT DISTINCT week_date FROM detail ORDER BY 1", "sandbox")
    assert weeks == [(str(week_of(date(2026, 11, 24))),), ("2026-11-30",)]


def test_a_missing_grant_is_said_once_and_takes_nothing_down(project: Project, gateway: Gateway) -> None:
    sandbox = gateway(f"--no-grant={QUERY_DETAIL.name}")
    done = crawl(project, sandbox, "details=1")
    assert done.status == 0, done.log
    assert done.log.count("No grant for product.search.queryProductDetail") == 1
    assert "0 answered; no grant" in done.out
    assert len(singles(sandbox)) <= 16 < len({entry["offer_id"] for entry in project.feed()})
    assert {status for status, *_ in project.ledger().values()} == {"complete"}
    assert {entry["price"] for entry in project.feed()} == {None}
    sandbox.without_grants([])
    again = crawl(project, sandbox, "details=1")
    assert again.status == 0, again.log
    assert all(entry["price"] for entry in project.feed())


def test_a_detail_that_fails_is_named_and_asked_again_next_time(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=20", f"--fault=kind=code,code=gw.ParamInvalid,nth=3,api={QUERY_DETAIL.name}")
    done = crawl(project, sandbox, "details=1")
    assert done.status == 0, done.log
    assert ", 1 failed" in done.out
    failed = project.query("SELECT offer_id, code FROM detail WHERE status = 'failed'")
    assert [code for _, code in failed] == ["gw.ParamInvalid"]
    assert f"offer {failed[0][0]}: gw.ParamInvalid" in done.out
    before = len(singles(sandbox))
    assert crawl(project, sandbox, "details=1").status == 0
    assert [each["offer_id"] for each in singles(sandbox)[before:]] == [failed[0][0]]
    assert all(entry["price"] for entry in project.feed())


def test_a_gateway_without_readable_details_ends_them_and_not_the_crawl(project: Project, gateway: Gateway) -> None:
    sandbox = gateway(f"--fault=kind=5xx,api={QUERY_DETAIL.name}")
    done = crawl(project, sandbox, "details=1", RETRY_TIMES="0")
    assert done.status == 0, done.log
    assert "20 in a row got no readable answer" in done.out
    assert 20 <= len(singles(sandbox)) <= 36
    assert done.verdict.endswith("Verdict: complete")


@pytest.mark.parametrize("fault", ["kind=403", "kind=token"])
def test_details_that_are_forbidden_or_refused_end_them_and_not_the_crawl(
    project: Project, gateway: Gateway, fault: str
) -> None:
    sandbox = gateway("--total=20", f"--fault={fault},api={QUERY_DETAIL.name}")
    done = crawl(project, sandbox, "details=1", TOPLIST_PAUSE_403="0.2")
    assert done.status == 0, done.log
    assert "; the gateway refuses them: " in done.out
    assert "Verdict: complete" in done.verdict
    assert len(project.feed()) == 80


def test_a_crawl_that_is_stopped_at_its_details_has_its_lists_and_its_feed(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=20", f"--fault=kind=timeout,nth=5,times=99,api={QUERY_DETAIL.name}")
    settings = QUICK | {"DOWNLOAD_TIMEOUT": "3", "TOPLIST_ACCESS_TOKEN": sandbox.access_token}
    process = project.start(sandbox, *TWO, "details=1", **settings)
    answered = "SELECT COUNT(*) FROM detail WHERE status = 'complete'"
    while len(singles(sandbox)) < 5 or project.query(answered)[0][0] < 4:
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 3
    assert {status for status, *_ in project.ledger().values()} == {"complete"}
    assert len(project.feed()) == 80
    stored = project.query(answered)[0][0]
    assert stored == 4
    sandbox.faults([])
    before = len(singles(sandbox))
    assert crawl(project, sandbox, "details=1").status == 0
    offers = {entry["offer_id"] for entry in project.feed()}
    assert len(singles(sandbox)) - before == len(offers) - stored


def test_details_keep_to_the_budget_and_to_nothing_else(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--qps=20", "--total=10")
    one = ("categories=311", "rank_types=hot", "details=1")
    limits = {"TOPLIST_QPS": "20", "DOWNLOAD_DELAY": "1.5"}
    done = project.crawl(sandbox, *one, limits=True, TOPLIST_ACCESS_TOKEN=sandbox.access_token, **limits)
    assert done.status == 0, done.log
    assert sandbox.state()["violations"] == 0
    times = [each["at"] for each in singles(sandbox)]
    assert len(times) == 10
    assert times[-1] - times[0] < 1.5


def test_daily_figures_are_those_of_the_market(project: Project, gateway: Gateway) -> None:
    sandbox, market = gateway("--total=20"), Market()
    assert crawl(project, sandbox).status == 0
    offers = sorted({entry["offer_id"] for entry in project.feed()})[:2]
    done = crawl(project, sandbox, f"daily={','.join(offers)}")
    assert done.status == 0, done.log
    assert "daily figures: 2 offers, 14 answers" in done.out
    days = project.query("SELECT offer_id, day, units, median_price, repurchase_rate, source FROM offer_daily")
    today = date.fromisoformat(sandbox.state()["market_date"])
    for offer, day, units, price, _, source in days:
        assert source == Source.GATEWAY
        standing = market.figures(offer, date.fromisoformat(day))
        assert units == standing.offer.sold(standing.age, 1)
        assert price > 0
    for offer in offers:
        newest = max(day for each, day, *_ in days if each == offer)
        oldest = min(day for each, day, *_ in days if each == offer)
        listed = date.fromordinal(market.figures(offer, today).offer.born)
        assert newest == str(today - timedelta(days=1))
        assert oldest == str(max(listed, today - timedelta(days=90)))
        rates = [rate for each, _, _, _, rate, _ in days if each == offer and rate is not None]
        assert 0 < len(rates) <= 30
        assert all(0 < rate < 1 for rate in rates)
    before = len(singles(sandbox, UNITS_TREND.name))
    assert crawl(project, sandbox, f"daily={','.join(offers)}").status == 0
    assert len(singles(sandbox, UNITS_TREND.name)) == before


def test_daily_figures_without_a_grant_leave_the_others_alone(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=20", f"--no-grant={PRICE_TREND.name}")
    assert crawl(project, sandbox).status == 0
    offer = project.feed()[0]["offer_id"]
    done = crawl(project, sandbox, f"daily={offer}")
    assert done.status == 0, done.log
    assert "no grant for median_price" in done.out
    ((units, prices, rates),) = project.query(
        "SELECT COUNT(units), COUNT(median_price), COUNT(repurchase_rate) FROM offer_daily"
    )
    assert units > 0
    assert rates > 0
    assert prices == 0


def test_breakout_picks_the_entries_with_the_highest_score(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=20")
    none = crawl(project, sandbox, "daily=breakout")
    assert none.status == 0, none.log
    assert "daily figures: 0 offers, 0 answers" in none.out
    entries = project.feed()
    with project.database() as connection:
        connection.execute("UPDATE observation SET breakout_score = rank WHERE rank > 17")
        connection.commit()
    assert crawl(project, sandbox, "daily=breakout").status == 0
    asked = {each["offer_id"] for each in singles(sandbox, Figure.REPURCHASE_RATE.api.name)}
    assert asked == {entry["offer_id"] for entry in entries if entry["rank"] > 17}


@pytest.mark.parametrize("argument", ["details=1", "daily=123", "details=yes", "daily=hottest", "daily="])
def test_what_base64_has_not_and_what_is_no_value_is_refused(project: Project, gateway: Gateway, argument: str) -> None:
    sandbox = gateway()
    done = project.crawl(sandbox, *TWO, argument)
    assert done.status == 2
    assert f"{argument} is not accepted" in done.log
    assert sandbox.state()["arrivals"] == 0
