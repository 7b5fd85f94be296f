"""What goes on the wire: parameter names of each endpoint, system parameters, form encoding."""

from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import json
import pickle
from collections.abc import Callable
from urllib.parse import parse_qs, parse_qsl

import pytest

from toplist.api.calls import APIS, Api, SignedCall, category_call, list_call, sign, time_call
from toplist.api.credentials import Credentials
from toplist.errors import InputError
from toplist.ranktypes import RANK_TYPES, Endpoint, Protocol, rank_types_of

KEY = Credentials("1000000", "test123")
WITH_TOKEN = Credentials("1000000", "test123", "f14da3b8-b0b1-4f73-a5de-9bed637e0188")
AT = 1767225600000


def form(signed: SignedCall) -> dict[str, str]:
    return dict(parse_qsl(signed.form_body.decode("ascii"), keep_blank_values=True, strict_parsing=True))


@pytest.mark.parametrize("rank_type", [each.name for each in RANK_TYPES.values() if each.endpoint is Endpoint.NEW])
def test_new_lists_in_base64(rank_type: str) -> None:
    call = list_call(Protocol.BASE64, rank_type, "1031910", 2, 50)
    assert call.api.path == "param2/1/com.alibaba.product/product.topList.query/"
    assert call.params == {"rankType": rank_type, "categoryId": "1031910", "page": "2", "pageSize": "50"}


@pytest.mark.parametrize("rank_type", [each.name for each in RANK_TYPES.values() if each.endpoint is Endpoint.CLASSIC])
def test_classic_lists_have_their_own_parameter_names(rank_type: str) -> None:
    call = list_call(Protocol.BASE64, rank_type, "1031910", 1, 20)
    assert call.api.path == "param2/1/com.alibaba.item/alibaba.item.search.best/"
    assert call.params == {"sort_type": rank_type, "cat": "1031910", "page": "1", "pageSize": "20"}


def test_new_lists_in_openplatform() -> None:
    call = list_call(Protocol.OPENPLATFORM, "hot", "1031910", 1, 20)
    assert call.api.path == "param2/1/com.alibaba.fenxiao.crossborder/product.topList.query/"
    assert call.params == {"rankQueryParams": '{"rankId":"1031910","rankType":"hot","limit":20,"language":"en"}'}


def test_the_language_of_translated_titles_is_asked_for() -> None:
    (query,) = list_call(Protocol.OPENPLATFORM, "hot", "1", 1, 5, language="日本語").params.values()
    assert '"language":"日本語"' in query  # raw, for the signature is over the very same text
    assert json.loads(query)["limit"] == 5


@pytest.mark.parametrize("protocol", Protocol)
def test_every_rank_type_of_a_protocol_can_be_asked(protocol: Protocol) -> None:
    calls = [list_call(protocol, rank_type, "1", 1, 20) for rank_type in rank_types_of(protocol)]
    assert len({str(call.params) for call in calls}) == {Protocol.BASE64: 11, Protocol.OPENPLATFORM: 8}[protocol]


@pytest.mark.parametrize(
    ("protocol", "rank_type", "page", "page_size", "named"),
    [
        (Protocol.OPENPLATFORM, "best", 1, 20, "best"),
        (Protocol.OPENPLATFORM, "hot", 2, 20, "page 2"),
        (Protocol.OPENPLATFORM, "hot", 1, 21, "page_size 21"),
        (Protocol.BASE64, "hottest", 1, 20, "hottest"),
    ],
)
def test_what_a_protocol_has_not_is_refused_by_name(
    protocol: Protocol, rank_type: str, page: int, page_size: int, named: str
) -> None:
    with pytest.raises(InputError, match=named):
        list_call(protocol, rank_type, "1", page, page_size)


def test_base64_is_signed_over_key_and_timestamp_too() -> None:
    signed = sign(list_call(Protocol.BASE64, "complex", "1031910", 1, 20), KEY, AT)
    assert signed.path == "param2/1/com.alibaba.product/product.topList.query/"
    assert form(signed) == {
        "app_key": "1000000",
        "timestamp": "1767225600000",
        "rankType": "complex",
        "categoryId": "1031910",
        "page": "1",
        "pageSize": "20",
        "sign": "UcPVVmzMHD8IKcp2ObVaJCKtbrs=",
    }


def test_the_form_percent_encodes_what_base64_brings() -> None:
    signed = sign(list_call(Protocol.BASE64, "hot", "1031910", 1, 20), KEY, AT + 1000)
    assert b"sign=aWMTG%2Fy%2B5RVhdZbohQyS7Tt4JI4%3D" in signed.form_body


def test_openplatform_ends_its_path_with_the_key_and_sends_the_token() -> None:
    signed = sign(list_call(Protocol.OPENPLATFORM, "hot", "1031910", 1, 20), WITH_TOKEN, AT)
    assert signed.path == "param2/1/com.alibaba.fenxiao.crossborder/product.topList.query/1000000"
    assert form(signed) == {
        "access_token": "f14da3b8-b0b1-4f73-a5de-9bed637e0188",
        "_aop_timestamp": "1767225600000",
        "rankQueryParams": '{"rankId":"1031910","rankType":"hot","limit":20,"language":"en"}',
        "_aop_signature": "F09A8152715D18EAB92FFD890D627641FAC010BE",
    }


def test_the_tree_and_the_clock_need_no_token_and_send_none() -> None:
    for call in (category_call("0"), time_call()):
        for credentials in (KEY, WITH_TOKEN):
            assert "access_token" not in form(sign(call, credentials, AT))
    assert form(sign(category_call("0"), KEY, AT))["categoryID"] == "0"
    assert sign(time_call(), KEY, AT).path == "param2/1/system/currentTime/1000000"


def test_a_token_that_is_needed_and_missing_names_its_setting() -> None:
    with pytest.raises(InputError, match="TOPLIST_ACCESS_TOKEN"):
        sign(list_call(Protocol.OPENPLATFORM, "hot", "1", 1, 20), KEY, AT)


def test_an_empty_category_is_sent_and_signed() -> None:
    signed = sign(list_call(Protocol.BASE64, "complex", "", 1, 20), KEY, AT)
    assert parse_qs(signed.form_body.decode(), keep_blank_values=True)["categoryId"] == [""]
    assert form(signed)["sign"] == "jdM3KK37pVSWSTcRoXGSvOT2734="


def test_chinese_goes_out_as_percent_encoded_utf8_and_is_signed_raw() -> None:
    signed = sign(list_call(Protocol.BASE64, "rise", "女装/连衣裙", 2, 50), KEY, AT)
    assert "cat=%E5%A5%B3%E8%A3%85%2F%E8%BF%9E%E8%A1%A3%E8%A3%99" in signed.form_body.decode("ascii")
    text = f"app_key1000000cat女装/连衣裙page2pageSize50sort_typerisetimestamp{AT}"
    assert form(signed)["sign"] == base64.b64encode(hmac.digest(b"test123", text.encode(), hashlib.sha1)).decode()


def test_signing_leaves_the_call_alone() -> None:
    call = list_call(Protocol.BASE64, "hot", "1", 1, 20)
    before = dict(call.params)
    assert sign(call, KEY, AT).form_body != sign(call, KEY, AT + 1).form_body
    assert call.params == before


def test_what_was_signed_does_not_show_in_a_repr() -> None:
    signed = sign(list_call(Protocol.OPENPLATFORM, "hot", "1", 1, 20), WITH_TOKEN, AT)
    assert "f14da3b8" not in repr(signed)


def test_the_merchants_token_is_asked_for_where_the_merchant_grants() -> None:
    with_token = {api.name for api in APIS.values() if api.needs_token}
    assert with_token == {
        "product.topList.query",
        "product.search.queryProductDetail",
        "product.analyze.getPerdaySellQuantityTrendNew",
        "product.analyze.getThirtyDayMedianPriceTrendNew",
        "product.analyze.getRepurchaseRateTrendNew",
    }


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda api: pickle.loads(pickle.dumps(api))])
def test_there_is_one_object_for_each_api_whatever_is_copied(duplicate: Callable[[Api], Api]) -> None:
    assert all(duplicate(api) is api for api in APIS.values())
