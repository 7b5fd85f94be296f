"""What an answer leads to, seen from outside: the ledger, the arrivals, the exit status."""

import shutil
import signal
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.harness import QUICK, Project, asked
from toplist.sandbox.process import SandboxProcess

Gateway = Callable[..., SandboxProcess]
TWO = ("categories=10166,311", "rank_types=hot,rise")


def names(requests: list[dict[str, Any]]) -> list[tuple[str, str, int]]:
    return [(each["rank_type"], each["category_id"], each["page"]) for each in requests]


@pytest.mark.parametrize("rule", ["kind=5xx", "kind=html", "kind=truncated", "kind=reset", "kind=timeout"])
def test_an_answer_that_can_not_be_read_is_asked_for_twice_more(project: Project, gateway: Gateway, rule: str) -> None:
    sandbox = gateway("--total=5", f"--fault={rule},rank_type=hot,category=311")
    patience = "3" if rule == "kind=timeout" else "15"
    done = project.crawl(sandbox, *TWO, DOWNLOAD_TIMEOUT=patience)
    assert done.status == 3
    assert names(asked(sandbox)).count(("hot", "311", 1)) == 3
    assert project.ledger()["hot", "311"][0] == "failed"
    assert {status for status, *_ in project.ledger().values()} == {"failed", "complete"}


def test_an_answer_that_can_be_read_in_the_end_is_whole(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5", "--fault=kind=5xx,rank_type=hot,category=311,times=2")
    assert project.crawl(sandbox, *TWO).status == 0
    assert project.ledger()["hot", "311"] == ("complete", None, 5)


def test_a_page_that_fails_for_good_fails_its_list_and_stores_no_part(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=45", "--fault=kind=5xx,rank_type=hot,category=311,page=2")
    assert project.crawl(sandbox, *TWO).status == 3
    assert project.ledger()["hot", "311"] == ("failed", "http 502", 0)
    assert ("hot", "311") not in {(each["rank_type"], each["category_id"]) for each in project.feed()}


@pytest.mark.parametrize("protocol", ["base64", "openplatform"])
@pytest.mark.parametrize("status", ["200", "400"])
def test_a_throttle_is_asked_again_without_spending_an_attempt(
    project: Project, gateway: Gateway, protocol: str, status: str
) -> None:
    sandbox = gateway("--total=5", f"--fault=kind=throttle,status={status},rank_type=hot,category=311,times=5")
    token = {"TOPLIST_ACCESS_TOKEN": sandbox.access_token} if protocol == "openplatform" else {}
    done = project.crawl(sandbox, "categories=10166,311", "rank_types=hot", **token)
    assert done.status == 0, done.log
    assert done.stat("toplist/ratelimit/throttled") == "5"
    assert names(asked(sandbox)).count(("hot", "311", 1)) == 6


def test_a_403_pauses_everything_and_the_same_list_is_next(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=15", "--pause=2", "--fault=kind=403,nth=3", "--latency=100")
    some = ("categories=10166,311,312,54", "rank_types=hot,rise")
    done = project.crawl(sandbox, *some, limits=True, TOPLIST_PAUSE_403="2")
    assert done.status == 0, done.log
    requests = asked(sandbox)
    refused = next(i for i, each in enumerate(requests) if each["status"] == 403)
    later = [each for each in requests if each["at"] > requests[refused]["sent_at"]]
    assert later[0]["at"] - requests[refused]["sent_at"] >= 2.0
    assert names(later[:1]) == names(requests[refused : refused + 1])
    assert later[0]["age"] < 0.2
    assert sandbox.state()["violations"] == 0


def test_403_to_everything_ends_after_three_pauses(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--pause=0.5", "--fault=kind=403")
    done = project.crawl(sandbox, *TWO, limits=True, TOPLIST_PAUSE_403="0.5")
    assert done.status == 3
    assert done.stat("toplist/ratelimit/pauses") == "3"
    assert "403 again after 3 pauses" in done.verdict
    assert len(asked(sandbox)) == 4
    assert {status for status, *_ in project.ledger().values()} <= {"failed", "pending"}


def test_a_list_that_is_always_answered_403_keeps_no_other_from_being_asked(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5", "--fault=kind=403,rank_type=hot,category=10166")
    ten = "categories=10166,311,312,54,67,1813,2,7,57,53"
    done = project.crawl(sandbox, ten, "rank_types=hot,rise", TOPLIST_PAUSE_403="0.2")
    assert done.status == 3
    assert "403 again after 3 pauses" in done.verdict
    ledger = project.ledger()
    assert ledger.pop(("hot", "10166"))[0] in ("failed", "pending")
    assert set(ledger.values()) == {("complete", None, 5)}


def test_ctrl_c_in_a_pause_ends_at_once_and_the_next_crawl_completes(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=25", "--fault=kind=403,nth=3")
    process = project.start(sandbox, *TWO, TOPLIST_PAUSE_403="300", **QUICK)
    assert process.stderr is not None
    log = next(line for line in process.stderr if "HTTP 403" in line)
    assert "nothing is sent for 300 s" in log
    stopped_at = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, log = process.communicate(timeout=30)
    assert time.monotonic() - stopped_at < 10  # of 300; the figure itself is the benchmark's
    assert process.returncode == 3
    assert "it was stopped" in log
    sandbox.faults([])
    before = asked(sandbox)
    with_pause = project.query("SELECT state FROM rate_limit")
    assert "pause_until" in with_pause[0][0]
    with project.database() as connection:  # five minutes later
        connection.execute("UPDATE rate_limit SET state = ''")
        connection.commit()
    done = project.crawl(sandbox, *TWO)
    assert done.status == 0, done.log
    complete = [each for each in before if each["status"] == 200 and each["page"] == 2]
    assert not set(names(complete)) & set(names(asked(sandbox)[len(before) :]))
    assert len(project.feed()) == 4 * 25


def test_a_pause_outlives_the_crawl_that_met_it(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5", "--pause=3", "--fault=kind=403,nth=1,times=1")
    process = project.start(sandbox, *TWO, TOPLIST_PAUSE_403="3")  # with the limits, so that nothing else is under way
    assert process.stderr is not None
    next(line for line in process.stderr if "HTTP 403" in line)
    process.kill()
    process.communicate()
    end_leases(project)
    assert project.crawl(sandbox, *TWO, TOPLIST_PAUSE_403="3").status == 0
    assert sandbox.state()["violations"] == 0


def end_leases(project: Project) -> None:
    """Half a minute later: the leases of a killed crawl have ended."""
    with project.database() as connection:
        connection.execute("UPDATE list_snapshot SET lease_expires_at = 0 WHERE lease_owner IS NOT NULL")
        connection.commit()


@pytest.mark.parametrize("after", range(4))
def test_a_killed_crawl_is_completed_by_the_next(project: Project, gateway: Gateway, after: int) -> None:
    sandbox = gateway("--total=45")
    process = project.start(sandbox, *TWO, **QUICK)
    while len(asked(sandbox)) <= 3 * after:
        assert process.poll() is None
    process.kill()
    process.communicate()
    kept = {key for key, (status, *_) in (project.ledger() if after else {}).items() if status == "complete"}
    before = len(asked(sandbox))
    if after < 3:  # the last one waits until the leases end by themselves
        end_leases(project)
    done = project.crawl(sandbox, *TWO)
    assert done.status == 0, done.log
    assert set(project.ledger().values()) == {("complete", None, 45)}
    assert not kept & {(each["rank_type"], each["category_id"]) for each in asked(sandbox)[before:]}
    places = [(each["rank_type"], each["category_id"], each["rank"]) for each in project.feed()]
    assert len(places) == len(set(places)) == 4 * 45


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"TOPLIST_APP_SECRET": "wrong"}, "TOPLIST_APP_SECRET"),
        ({"TOPLIST_APP_KEY": "424242"}, "TOPLIST_APP_KEY"),
        ({"TOPLIST_ACCESS_TOKEN": "expired"}, "TOPLIST_ACCESS_TOKEN"),
    ],
)
def test_what_no_request_could_mend_stops_at_the_first(
    project: Project, gateway: Gateway, settings: dict[str, str], says: str
) -> None:
    sandbox = gateway()
    done = project.crawl(sandbox, "categories=311,312,54,67", limits=True, **settings)
    assert done.status == 3
    assert says in done.verdict
    assert "wrong" not in done.verdict.replace("wrong,", "")
    assert sandbox.state()["arrivals"] == 1


def test_the_other_protocol_is_named_with_the_setting(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--fault=kind=code,code=gw.SignatureMissing,status=400")
    done = project.crawl(sandbox, *TWO)
    assert done.status == 3
    assert "TOPLIST_PROTOCOL=openplatform" in done.verdict


def test_a_missing_grant_ends_its_rank_type_and_no_other(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5", "--no-grant=VNHot")
    done = project.crawl(sandbox, "categories=311,312,54", limits=False)
    assert done.status == 0, done.log
    ledger = project.ledger()
    assert {ledger["VNHot", category][:2] for category in ("311", "312", "54")} == {("failed", "no grant")}
    assert {status for (kind, _), (status, *_) in ledger.items() if kind != "VNHot"} == {"complete"}
    assert done.log.count("No grant for VNHot") == 1
    named = project.crawl(sandbox, "categories=311", "rank_types=hot,VNHot")
    assert named.status == 3


def test_what_waits_when_a_missing_grant_is_found_is_not_sent(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5", "--no-grant=VNHot", "--latency=200")
    categories = "categories=311,312,54,67,10166,1813,2,7"
    settings = {"TOPLIST_QPS": "2", "TOPLIST_DOWNLOAD_DELAY": "0"}
    done = project.crawl(sandbox, categories, "rank_types=VNHot", limits=True, **settings)
    assert done.status == 3
    assert set(project.ledger().values()) == {("failed", "no grant", 0)}
    assert len(asked(sandbox)) == 1


def test_a_clock_that_is_wrong_is_corrected_once(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5", "--clock-offset=500")
    done = project.crawl(sandbox, *TWO)
    assert done.status == 0, done.log
    assert done.log.count("refused the timestamp") == 1
    stubborn = gateway("--total=5", "--fault=kind=expired")
    done = project.crawl(stubborn, *TWO, "refresh=1")
    assert done.status == 3
    assert len(asked(stubborn)) <= 5


def test_an_unknown_code_is_a_failure_with_its_code(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5", "--fault=kind=code,code=777,rank_type=hot")
    assert project.crawl(sandbox, *TWO).status == 3
    assert project.ledger()["hot", "311"][:2] == ("failed", "777")


def test_absent_and_empty_lists_are_no_failures(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5")
    sandbox.faults([{"kind": "missing", "rank_type": "hot"}, {"kind": "empty", "category": "311"}])
    done = project.crawl(sandbox, *TWO)
    assert done.status == 0, done.log
    statuses = {key: value[0] for key, value in project.ledger().items()}
    assert statuses["hot", "10166"] == "absent"
    assert statuses["rise", "10166"] == "complete"
    sandbox.faults([{"kind": "missing"}])
    nothing = project.crawl(sandbox, "categories=312", "rank_types=hot")
    assert nothing.status == 3
    assert "no row came" in nothing.verdict


@pytest.mark.parametrize(("kind", "status"), [("missing", "absent"), ("empty", "empty")])
def test_a_list_that_lost_all_its_rows_is_asked_twice_and_named(
    project: Project, gateway: Gateway, kind: str, status: str
) -> None:
    sandbox = gateway("--total=20")
    two = ("categories=311", "rank_types=hot,rise")
    assert project.crawl(sandbox, *two).status == 0
    with project.database() as connection:  # a day later
        for table in ("list_snapshot", "observation"):
            connection.execute(f"UPDATE {table} SET snapshot_date = date(snapshot_date, '-1 day')")
        connection.commit()
    shutil.rmtree(project.folder / "exports")  # the day before has a feed of its own
    before = len(asked(sandbox))
    sandbox.faults([{"kind": kind, "rank_type": "hot"}])
    done = project.crawl(sandbox, *two)
    assert done.status == 0, done.log
    assert sorted(names(asked(sandbox)[before:])) == [("hot", "311", 1), ("hot", "311", 1), ("rise", "311", 1)]
    today = "SELECT status, message FROM ledger WHERE rank_type = 'hot' ORDER BY snapshot_date DESC"
    assert project.query(today)[0] == (status, "0 rows came, 20 on its last complete day")
    assert "1 lists are empty or absent and had rows on their last complete day" in done.verdict
    sandbox.faults([])
    assert project.crawl(sandbox, *two).status == 0
    assert project.query(today)[0][0] == "complete"


def test_a_redirect_is_not_followed(project: Project, gateway: Gateway) -> None:
    elsewhere = gateway()
    sandbox = gateway("--fault=kind=redirect")
    assert project.crawl(sandbox, "categories=311", "rank_types=hot").status == 3
    assert elsewhere.state()["arrivals"] == 0


def test_a_gateway_without_a_readable_answer_is_given_up(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--fault=kind=html")
    categories = ",".join(str(each) for each in (67, 1038378, 311, 312, 54, 1813, 10166, 2, 58, 10165, 57, 53))
    done = project.crawl(sandbox, f"categories={categories}", "rank_types=hot,rise,new")
    assert done.status == 3
    assert "20 lists in a row" in done.verdict
    assert len(asked(sandbox)) < 36 * 3


def test_a_slow_drip_is_cut_off_and_asked_again(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5", "--fault=kind=drip,seconds=30,rank_type=hot,category=311,times=1")
    assert project.crawl(sandbox, *TWO, DOWNLOAD_TIMEOUT="3").status == 0
