"""Each fault as a client meets it."""

from __future__ import annotations

import json
import socket
import time
import zlib
from http.client import IncompleteRead, RemoteDisconnected
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from sandbox_client import CATEGORY, NEW, RANKING, Client, now_ms

from toplist.api.calls import QUERY_DETAIL
from toplist.sandbox.faults import KINDS, ROW_KINDS, FaultRule
from toplist.sandbox.process import SandboxError


def test_the_nth_request_goes_wrong_and_no_other(client: Client) -> None:
    client.sandbox.faults(["kind=403,nth=3"])
    statuses = [client.new().status for _ in range(5)]
    assert statuses == [200, 200, 403, 200, 200]
    assert client.sandbox.state()["faults"] == [{"kind": "403", "seen": 5, "fired": 1}]


def test_from_the_nth_on_as_many_times_as_told(client: Client) -> None:
    client.sandbox.faults(["kind=5xx,nth=2,times=2,status=503"])
    assert [client.new().status for _ in range(5)] == [200, 503, 503, 200, 200]


def test_only_the_list_that_was_named_goes_wrong(client: Client) -> None:
    client.sandbox.faults(["kind=5xx,rank_type=hot,category=10166,page=2"])
    asked = [("hot", "10166", "2"), ("hot", "10166", "1"), ("hot", "7", "2"), ("rise", "10166", "2")]
    assert [client.new(rank, category, page=page).status for rank, category, page in asked[:3]] == [502, 200, 200]
    assert client.ranking().status == 200
    client.sandbox.faults(["kind=5xx,api=alibaba.category.get"])
    assert [client.openplatform(CATEGORY, {"categoryID": "0"}).status, client.new().status] == [502, 200]


def test_a_share_goes_wrong_the_same_one_every_time(client: Client) -> None:
    def pattern() -> list[int]:
        client.sandbox.faults([{"kind": "throttle", "share": 0.3}])
        return [client.new().status for _ in range(100)]

    first = pattern()
    assert 15 < first.count(400) < 45
    assert pattern() == first


def test_a_refused_request_uses_no_fault_up(client: Client) -> None:
    client.sandbox.faults(["kind=403,nth=1"])
    assert client.new(timestamp="1").code == 31
    assert client.new().status == 403


@pytest.mark.parametrize("status", [400, 200])
def test_throttles_in_either_envelope(client: Client, status: int) -> None:
    client.sandbox.faults([{"kind": "throttle", "status": status}])
    ours, theirs = client.new(), client.ranking()
    assert (ours.status, ours.code, theirs.status, theirs.code) == (status, 7, status, "gw.QosAppFrequencyLimit")
    assert ours.json["error_response"]["sub_code"] == "accesscontrol.limited-by-api-access-count"


def test_403_says_nothing_that_a_table_knows(client: Client) -> None:
    client.sandbox.faults(["kind=403"])
    reply = client.new()
    assert reply.status == 403
    assert reply.body.startswith(b"<html>")


@pytest.mark.parametrize(
    ("fault", "ours", "theirs"),
    [
        ("kind=expired", (200, 31), (200, 31)),
        ("kind=acl", (200, 12), (400, "gw.APIACLDecline")),
        ("kind=token", (401, "401"), (401, "401")),
        ("kind=code,code=gw.Odd,message=so so", (400, "gw.Odd"), (400, "gw.Odd")),
        ("kind=code,code=10,sub_code=isp.busy,status=200", (200, 10), (200, 10)),
    ],
)
def test_refusals_on_demand(client: Client, fault: str, ours: object, theirs: object) -> None:
    client.sandbox.faults([fault])
    replies = client.new(), client.ranking()
    assert tuple((reply.status, reply.code) for reply in replies) == (ours, theirs)
    if "message" in fault:
        assert replies[0].json["error_message"] == "so so"


def test_html_at_http_200_is_not_json(client: Client) -> None:
    client.sandbox.faults(["kind=html"])
    reply = client.new()
    assert reply.status == 200
    with pytest.raises(json.JSONDecodeError):
        _ = reply.json


def test_redirects_lead_where_the_request_log_sees_who_follows(client: Client) -> None:
    client.sandbox.faults(["kind=redirect"])
    reply = client.new()
    assert (reply.status, reply.headers["Location"]) == (302, "/openapi/elsewhere")
    client.post("elsewhere", {})
    assert client.last()["answer"] == "refused gw.APIUnsupported"


def test_an_echo_repeats_nothing_secret(client: Client) -> None:
    client.sandbox.faults(["kind=echo"])
    assert set(client.new().json["params"]) == {"timestamp", "rankType", "categoryId", "page", "pageSize"}
    assert set(client.ranking().json["params"]) == {"_aop_timestamp", "rankQueryParams"}


def test_a_timeout_answers_nothing_until_the_client_hangs_up(client: Client) -> None:
    client.sandbox.faults(["kind=timeout,times=1"])
    client.connection.timeout = 0.3
    with pytest.raises(TimeoutError):
        client.new()
    client.connection.close()
    assert client.last()["answer"] == "fault timeout"
    assert client.new().status == 200


def test_a_timeout_may_end(client: Client) -> None:
    client.sandbox.faults(["kind=timeout,seconds=0.2"])
    started = time.monotonic()
    assert client.new().rows
    assert time.monotonic() - started >= 0.2


def test_a_reset_is_a_reset(client: Client) -> None:
    client.sandbox.faults(["kind=reset,times=1"])
    body = urlencode(client.sign_base64(client.new_params())).encode()
    head = f"POST /openapi/{NEW} HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
    address = urlsplit(client.sandbox.url)
    with socket.create_connection((address.hostname, address.port), timeout=5) as raw:
        raw.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        with pytest.raises(ConnectionResetError):
            raw.recv(1)
    assert client.new().status == 200


def test_a_truncated_answer_is_shorter_than_it_says(client: Client) -> None:
    client.sandbox.faults(["kind=truncated,times=1"])
    with pytest.raises(IncompleteRead) as caught:
        client.new()
    assert caught.value.expected
    assert len(caught.value.partial) > 1000
    client.connection.close()
    assert client.new().status == 200


def test_a_drip_comes_whole_but_slowly(client: Client) -> None:
    whole = client.new().body
    client.sandbox.faults(["kind=drip,seconds=0.3"])
    started = time.monotonic()
    response = client.open(NEW, client.sign_base64(client.new_params()))
    headers_after = time.monotonic() - started
    assert client.read(response).body == whole
    assert headers_after < 0.2
    assert time.monotonic() - started > 0.25


def corrupted(client: Client, fault: str) -> tuple[Any, Any, Any, Any]:
    """Good and corrupted rows of a base64 page, then the models of an openplatform list."""
    client.sandbox.faults([])
    good = client.new().rows
    client.sandbox.faults([fault])
    ours = client.new().json["alibaba_product_top_list_query_response"]["result"]
    theirs = client.ranking().json["result"]["result"]
    return good, ours.get("itemList"), ours, theirs


def test_a_missing_list_has_no_key(client: Client) -> None:
    _, _, ours, theirs = corrupted(client, "kind=missing")
    assert ours == {}
    assert "rankProductModels" not in theirs
    assert theirs["rankType"] == "hot"


def test_an_empty_list_has_no_row(client: Client) -> None:
    _, _, ours, theirs = corrupted(client, "kind=empty")
    assert ours == {"itemList": [], "total": 0}
    assert theirs["rankProductModels"] == []


def test_a_short_list_keeps_its_total(client: Client) -> None:
    good, rows, ours, _ = corrupted(client, "kind=short,rows=2")
    assert rows == good[:-2]
    assert ours["total"] == client.new().json["alibaba_product_top_list_query_response"]["result"]["total"]
    assert ours["total"] >= len(good)


def test_duplicate_broken_and_shuffled_rows(client: Client) -> None:
    good, rows, *_ = corrupted(client, "kind=duplicate")
    assert rows == [*good, good[0]]
    good, rows, *_ = corrupted(client, "kind=shuffled")
    assert rows == good[::-1]
    good, rows, _, theirs = corrupted(client, "kind=broken")
    assert [row for row in rows if isinstance(row, dict) and row.get("offerId") and row.get("subject")] != good
    assert "offerId" not in rows[1]
    assert "subject" not in rows[3]
    assert rows[5] | {"offerId": 1} == good[5] | {"offerId": 1}
    assert rows[7] == "row"
    assert len(rows) == len(good)
    assert isinstance(theirs["rankProductModels"], list)


def test_a_wrong_total(client: Client) -> None:
    total = client.new().json["alibaba_product_top_list_query_response"]["result"]["total"]
    for fault, expected in (("kind=total", total + 7), ("kind=total,total=3", 3)):
        good, rows, ours, _ = corrupted(client, fault)
        assert (rows, ours["total"]) == (good, expected)


def test_faults_of_rows_meet_lists_only(client: Client) -> None:
    client.sandbox.faults([{"kind": kind} for kind in ROW_KINDS])
    assert len(client.openplatform(CATEGORY, {"categoryID": "0"}).json["categoryInfo"][0]["childCategorys"]) == 52


def test_the_market_is_whole_again_afterwards(client: Client) -> None:
    before = client.new().body
    for kind in ROW_KINDS:
        client.sandbox.faults([{"kind": kind}])
        client.new()
    client.sandbox.faults([])
    assert client.new().body == before


def test_the_rows_of_another_list_come_with_its_name_in_openplatform(client: Client) -> None:
    client.sandbox.faults(["kind=other"])
    assert client.ranking().json["result"]["result"]["rankId"] == "311"


def test_only_the_offer_that_was_named_goes_wrong(client: Client) -> None:
    offer = client.ranking().json["result"]["result"]["rankProductModels"][0]["itemId"]
    client.sandbox.faults([{"kind": "5xx", "offer": str(offer)}])

    def status(offer_id: int) -> int:
        params = {"access_token": client.sandbox.access_token, "_aop_timestamp": now_ms()}
        query = json.dumps({"offerId": offer_id})
        return client.openplatform(QUERY_DETAIL.path, params | {"offerDetailParam": query}).status

    assert [status(offer), status(1)] == [502, 200]


def test_an_answer_that_is_longer_than_it_says_is_cut_where_it_says(client: Client) -> None:
    whole = client.new().body
    client.sandbox.faults(["kind=long,times=1"])
    assert client.new().body == whole[: len(whole) // 2]


def test_lies_about_size_depth_and_encoding(client: Client) -> None:
    whole = client.new().body
    seen = {}
    for kind in ("bomb", "deep", "gbk", "not-utf8", "garbled"):
        client.sandbox.faults([{"kind": kind}])
        seen[kind] = client.new()
    bomb = zlib.decompressobj(wbits=31).decompress(seen["bomb"].body, 20_000_000)
    assert len(bomb) == 20_000_000 > 10 * len(seen["bomb"].body)
    assert seen["deep"].body.count(b"[") == 100_000
    assert seen["gbk"].body.decode("gb18030") == whole.decode()
    assert seen["not-utf8"].body.replace(b"\xff\xfe\xc0", b"", 1) == whole
    assert (seen["garbled"].body, seen["garbled"].headers["Content-Encoding"]) == (whole, "gzip")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("403", "reads like"),
        ("kind=oops", "oops"),
        ("nth=3", "kind"),
        ("kind=403,nth=x", "nth=x"),
        ("kind=403,nth=0", "from 1"),
        ("kind=403,sometimes=1", "sometimes"),
        ("kind=throttle,share=2", "share"),
        ("kind=code", "code="),
    ],
)
def test_a_bad_rule_is_refused_in_one_sentence(client: Client, text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        FaultRule.parse(text)
    with pytest.raises(SandboxError, match=said):
        client.sandbox.faults([text])


def test_every_kind_is_explained() -> None:
    assert all(len(what) > 10 for what in KINDS.values())


def test_openplatform_hangs_up_too(client: Client) -> None:
    client.sandbox.faults(["kind=reset,times=1"])
    with pytest.raises((ConnectionResetError, RemoteDisconnected)):
        client.openplatform(RANKING, client.ranking_params())
