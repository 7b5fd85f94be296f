"""What the gateway serves and refuses, asked with signatures that are computed here."""

from __future__ import annotations

import json
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from time import time

import pytest
from sandbox_client import CATEGORY, CLASSIC, CLOCK, NEW, RANKING, Client, now_ms

from toplist.sandbox.process import SandboxProcess


def test_new_lists_come_page_by_page(client: Client) -> None:
    first, second = client.new(pageSize="10"), client.new(pageSize="10", page="2")
    total = first.json["alibaba_product_top_list_query_response"]["result"]["total"]
    assert 12 <= total <= 46
    whole = client.new(pageSize="50")
    assert first.rows + second.rows == whole.rows[:20]
    assert len(whole.rows) == total
    assert client.new(page="99").rows == []
    assert {"offerId", "subject", "sellerNick", "imageUrl"} <= set(first.rows[0])


def test_classic_lists_have_an_endpoint_of_their_own(client: Client) -> None:
    for rank_type in ("best", "rise", "new"):
        reply = client.classic(rank_type)
        assert reply.json["alibaba_item_search_best_response"]["result"]["itemList"]
    assert client.new("best").code == 41
    assert client.classic("hot").code == 41


def test_the_empty_category_means_all(client: Client) -> None:
    assert client.new(category="").rows
    assert client.classic(category="").rows


def test_mixing_up_the_endpoints_parameters_returns_nothing(client: Client) -> None:
    params = client.new_params()
    assert client.post(CLASSIC, client.sign_base64(params)).rows == []
    mixed = {"app_key": client.sandbox.app_key, "timestamp": now_ms(), "sort_type": "best", "cat": "10166"}
    assert client.post(NEW, client.sign_base64(mixed)).rows == []


def test_the_platforms_own_api_serves_the_same_offers(client: Client) -> None:
    reply = client.ranking()
    assert reply.json["result"]["code"] == "S0000"
    ids = [str(row["offerId"]) for row in client.new().rows]
    ranked = sorted(reply.rows, key=lambda row: row.get("sort", 0))
    assert [str(row["itemId"]) for row in ranked] == ids
    assert len(client.ranking(limit=3).rows) == 3


def test_a_category_without_a_list_has_no_key_for_it(client: Client) -> None:
    assert client.new(category="999").json == {"alibaba_product_top_list_query_response": {"result": {}}}
    assert "rankProductModels" not in client.ranking(category="999").json["result"]["result"]


def test_the_tree_is_served_without_a_token(client: Client) -> None:
    top = client.openplatform(CATEGORY, {"categoryID": "0"}).json
    assert top["succes"] == "true"
    children = top["categoryInfo"][0]["childCategorys"]
    assert len(children) == 52
    assert {"id": 10166, "name": "女装", "isLeaf": False, "categoryType": "3"} in children
    (wear,) = client.openplatform(CATEGORY, {"categoryID": "10166"}).json["categoryInfo"]
    assert (wear["categoryID"], wear["name"], wear["parentIDs"]) == (10166, "女装", [0])
    assert 1031910 in [child["id"] for child in wear["childCategorys"]]
    assert client.openplatform(CATEGORY, {"categoryID": "31415"}).json["succes"] == "false"
    assert client.openplatform(CATEGORY, {"categoryID": "x"}).code == "gw.ParamInvalid"
    assert client.openplatform(CATEGORY, {}).code == "gw.ParamMissing"


def test_the_clock_is_a_bare_json_string(client: Client) -> None:
    reply = client.post(CLOCK + client.sandbox.app_key, {})
    assert reply.json.endswith("+0800")
    assert len(reply.json) == len("20261010164552223+0800")


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"sign": "AAAA"}, 25),
        ({"sign": ""}, 24),
        ({"sign": None}, 24),
        ({"categoryId": "7"}, 25),  # changed after it was signed
        ({"extra": "1"}, 25),
        ({"app_key": "999"}, 29),
        ({"app_key": None}, 28),
    ],
)
def test_base64_holds_every_parameter_to_the_signature(
    client: Client, change: dict[str, str | None], code: int
) -> None:
    params = client.sign_base64(client.new_params()) | change
    reply = client.post(NEW, {name: value for name, value in params.items() if value is not None})
    assert (reply.code, reply.json["error_response"]["request_id"][:7]) == (code, "sandbox")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"timestamp": ""}, 30),
        ({"timestamp": "soon"}, 31),
        ({"timestamp": now_ms(-60)}, 31),
        ({"timestamp": now_ms(3600)}, 31),
        ({"rankType": "trending"}, 41),
        ({"categoryId": "abc"}, 41),
        ({"page": "0"}, 41),
        ({"page": "x"}, 41),
        ({"pageSize": "51"}, 41),
        ({"pageSize": "0"}, 41),
    ],
)
def test_base64_checks_what_was_signed(client: Client, changes: dict[str, str], code: int) -> None:
    assert client.new(**changes).code == code


@pytest.mark.parametrize("name", ["rankType", "categoryId"])
def test_base64_names_a_missing_argument(client: Client, name: str) -> None:
    params = {key: value for key, value in client.new_params().items() if key != name}
    reply = client.post(NEW, client.sign_base64(params))
    assert reply.code == 40
    assert name in reply.json["error_response"]["msg"]


@pytest.mark.parametrize(
    ("change", "code", "status"),
    [
        ({"_aop_signature": "0" * 40}, "gw.SignatureInvalid", 400),
        ({"_aop_signature": None}, "gw.SignatureMissing", 400),
        ({"access_token": "other"}, "gw.SignatureInvalid", 400),
    ],
)
def test_openplatform_holds_every_parameter_to_the_signature(
    client: Client, change: dict[str, str | None], code: str, status: int
) -> None:
    path = RANKING + client.sandbox.app_key
    params = client.sign_openplatform(path, client.ranking_params()) | change
    reply = client.post(path, {name: value for name, value in params.items() if value is not None})
    assert (reply.status, reply.code) == (status, code)


def test_openplatform_checks_in_the_measured_order(client: Client) -> None:
    client.sandbox.without_grants(["hot"])
    bad = {"rankQueryParams": json.dumps({"rankId": "10166", "rankType": "hot", "limit": 99})}
    unsupported = client.openplatform("param2/1/com.alibaba.fenxiao.crossborder/product.topList.queries/", {})
    assert (unsupported.status, unsupported.code) == (400, "gw.APIUnsupported")
    tokenless = client.ranking(**bad, access_token="")
    assert (tokenless.status, tokenless.code) == (401, "401")
    assert client.ranking(**bad, access_token="expired").code == "401"
    ungranted = client.ranking(**bad)
    assert (ungranted.status, ungranted.code) == (400, "gw.APIACLDecline")
    client.sandbox.without_grants([])
    assert client.ranking(**bad).code == "gw.ParamInvalid"
    assert client.ranking(rankQueryParams="{").code == "gw.ParamMissing"
    assert client.ranking("best").code == "gw.ParamInvalid"
    assert client.ranking().status == 200


def test_openplatform_keys_and_stamps(client: Client) -> None:
    for key, code in (("", "gw.AppKeyMissing"), ("999", "gw.AppKeyNotFound")):
        path = RANKING + key
        assert client.post(path, client.sign_openplatform(path, client.ranking_params())).code == code
    assert client.ranking(_aop_timestamp=now_ms(-60)).code == 31
    unstamped = {key: value for key, value in client.ranking_params().items() if key != "_aop_timestamp"}
    assert client.openplatform(RANKING, unstamped).rows


def test_a_base64_path_takes_no_key(client: Client) -> None:
    reply = client.post(NEW + client.sandbox.app_key, client.sign_base64(client.new_params()))
    assert reply.code == "gw.APIUnsupported"


def test_a_grant_that_is_missing_ends_a_rank_type_or_an_api_and_no_other(client: Client) -> None:
    client.sandbox.without_grants(["VNHot", "anchorHot", "alibaba.category.get"])
    reply = client.new("VNHot")
    assert (reply.code, reply.json["error_response"]["sub_code"]) == (12, "isv.permission-api-package-limit")
    assert client.ranking("anchorHot").code == "gw.APIACLDecline"
    assert client.openplatform(CATEGORY, {"categoryID": "0"}).code == "gw.APIACLDecline"
    assert client.new("VNTrend").rows


def test_the_request_log_says_what_arrived_and_nothing_secret(client: Client) -> None:
    client.new("rise", page="3")
    before = time()
    client.new("goodPrice", "7", page="2", timestamp=now_ms(-2))
    record = client.last()
    assert record["answer"] == "ok"
    assert [record[name] for name in ("api", "protocol", "rank_type", "category_id", "page", "status")] == [
        "product.topList.query",
        "base64",
        "goodPrice",
        "7",
        2,
        200,
    ]
    assert 2.0 <= record["age"] < 2.5
    assert before - 0.1 < record["wall"] < time()
    assert record["at"] <= record["sent_at"]
    client.ranking(access_token="wrong")
    assert client.last()["answer"] == "refused 401"
    said = json.dumps(client.sandbox.state())
    assert client.sandbox.app_secret not in said
    assert client.sandbox.access_token not in said


def test_connections_are_numbered(client: Client) -> None:
    client.new()
    number = client.last()["connection"]
    client.new()
    assert client.last()["connection"] == number
    other = Client(client.sandbox)
    other.new()
    assert client.last()["connection"] == number + 1
    other.connection.close()


@pytest.fixture(scope="module")
def skewed() -> Iterator[Client]:
    options = ("--clock-offset", "3600", "--max-age", "2", "--date", "2025-03-05", "--close-every", "3")
    with SandboxProcess(*options, "--no-grant", "VNHot", environment={"SANDBOX_APP_SECRET": "given"}) as sandbox:
        yield Client(sandbox)


def test_a_clock_that_is_wrong_shows_in_the_date_header_and_in_what_is_stale(skewed: Client) -> None:
    reply = skewed.new()
    assert reply.code == 31
    offset = parsedate_to_datetime(reply.headers["Date"]).timestamp() - time()
    assert 3598 < offset < 3602
    assert skewed.new(timestamp=now_ms(offset)).rows
    assert skewed.new(timestamp=now_ms(3600 - 5)).code == 31


def test_the_market_day_is_in_every_answers_header(skewed: Client) -> None:
    for reply in (skewed.new(), skewed.new(timestamp=now_ms(3600))):
        assert reply.headers["X-Sandbox-Clock"][:8] == "2025-03-"
        assert reply.headers["X-Sandbox-Clock"][-1] == "Z"
    skewed.sandbox.move_to("2026-01-09")
    assert skewed.new().headers["X-Sandbox-Clock"][:9] == "2026-01-0"
    skewed.sandbox.move_to("2025-03-05")


def test_options_come_from_the_command_line_and_secrets_from_the_environment(skewed: Client) -> None:
    assert skewed.sandbox.app_secret == "given"
    assert skewed.new("VNHot", timestamp=now_ms(3600)).code == 12


def test_connections_are_closed_after_as_many_requests_as_told(skewed: Client) -> None:
    skewed.connection.close()
    closing = [skewed.new().headers.get("Connection") for _ in range(6)]
    assert closing == [None, None, "close", None, None, "close"]
