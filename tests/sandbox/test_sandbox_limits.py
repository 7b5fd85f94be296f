from __future__ import annotations

import threading

import pytest
from sandbox_client import CATEGORY, Client

from toplist.sandbox.limits import LimitChecker
from toplist.sandbox.process import SandboxProcess


def test_never_three_in_a_half_open_second() -> None:
    checker = LimitChecker(qps=2)
    arrivals = [0.0, 0.0, 1.0, 1.5, 1.999, 2.5, 2.999]
    broken = [checker.request_arrived(number, at) for number, at in enumerate(arrivals)]
    assert broken == [None, None, None, None, "qps", None, None]
    assert checker.violations == 1


@pytest.mark.parametrize(("qps", "gaps"), [(0.5, 2.0), (1, 1.0), (10, 0.1)])
def test_any_budget(qps: float, gaps: float) -> None:
    checker = LimitChecker(qps=qps)
    assert [checker.request_arrived(0, at * gaps * 1.001) for at in range(30)] == [None] * 30
    checker = LimitChecker(qps=qps)
    assert "qps" in [checker.request_arrived(0, at * gaps * 0.95) for at in range(30)]


def test_two_lists_of_a_category_within_the_interval() -> None:
    checker = LimitChecker(category_interval=1.5)
    asked = [(0.0, "1"), (0.1, "2"), (1.49, "1"), (1.6, "2"), (2.9, "1"), (4.4, "1")]
    broken = [checker.list_requested(number, at, category) for number, (at, category) in enumerate(asked)]
    assert broken == [None, None, "category", None, "category", None]


def test_nothing_within_the_pause_after_a_403() -> None:
    checker = LimitChecker(pause=20)
    assert checker.request_arrived(1, 0) is None
    checker.forbidden_sent(5.0)
    broken = [checker.request_arrived(number, at) for number, at in enumerate((4.9, 24.99, 25.0))]
    assert broken == ["pause", "pause", None]


def test_what_the_checker_keeps_is_bounded() -> None:
    checker = LimitChecker(qps=2, category_interval=1)
    for number in range(30_000):
        checker.request_arrived(number, number / 100)
        checker.list_requested(number, number / 100, str(number))
    assert checker.violations > 20_000
    assert len(checker.descriptions) <= 1_000
    assert len(checker._categories) <= 10_000


def test_a_gateway_refuses_and_counts_what_breaks_its_limits() -> None:
    with SandboxProcess("--qps", "3", "--category-interval", "600") as sandbox:
        client = Client(sandbox)
        assert [client.new("hot").status, client.new("rise", category="7").code] == [200, 41]
        reply = client.ranking("hot", "10166")
        assert (reply.status, reply.code) == (400, "gw.QosAppFrequencyLimit")
        reply = client.new(category="15")
        assert (reply.status, reply.code) == (400, 7)
        state = sandbox.state()
        assert state["violations"] == 2
        assert [text.split(":")[0] for text in state["violation_descriptions"]] == ["category", "qps"]
        assert state["answers"]["throttled category"] == 1


def test_what_arrives_in_the_pause_is_forbidden_and_counted() -> None:
    with SandboxProcess("--pause", "600", "--fault", "kind=403,nth=2") as sandbox:
        client = Client(sandbox)
        assert [client.new().status for _ in range(3)] == [200, 403, 403]
        assert client.openplatform(CATEGORY, {"categoryID": "0"}).status == 403
        state = sandbox.state()
        assert state["violations"] == 2
        assert state["answers"] == {"ok": 1, "fault 403": 1, "refused 403 (pause)": 2}


def test_latency_holds_answers_back_without_holding_up_others() -> None:
    with SandboxProcess("--latency", "300") as sandbox:
        clients = [Client(sandbox) for _ in range(5)]
        threads = [threading.Thread(target=client.new) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        records = sandbox.state()["requests"]
        assert len(records) == 5
        assert all(record["sent_at"] - record["at"] >= 0.3 for record in records)
        assert max(record["at"] for record in records) < min(record["sent_at"] for record in records)
