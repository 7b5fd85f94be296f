"""The refresh flow: what it sends, and what its answers lead to."""

from __future__ import annotations

import json
import pickle
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs

import pytest

from toplist.api.calls import sign
from toplist.api.credentials import Credentials
from toplist.api.tokens import Tokens, read_instant, read_token_answer, refresh_call
from toplist.errors import FatalApiError, Forbidden, InputError, Throttled, TransientApiError

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
BEFORE = Tokens("old-access", "old-refresh", None, datetime(2027, 1, 1, tzinfo=UTC))
#: The documentation's own, of the flow that brings both tokens.
SAMPLE = {
    "aliId": "8888888888",
    "resource_owner": "xxx",
    "memberId": "xxxxxxx",
    "expires_in": "36000",
    "refresh_token": "479f9564-1049-456e-ab62-29d3e82277d9",
    "refresh_token_timeout": "20121222222222+0800",
    "access_token": "f14da3b8-b0b1-4f73-a5de-9bed637e0188",
}


def read(value: Any, status: int = 200) -> Tokens:
    return read_token_answer(status, json.dumps(value).encode(), BEFORE, NOW)


def test_the_platforms_own_sample() -> None:
    tokens = read(SAMPLE)
    assert (tokens.access_token, tokens.refresh_token) == (SAMPLE["access_token"], SAMPLE["refresh_token"])
    assert tokens.access_expires_at == NOW + timedelta(hours=10)
    assert tokens.refresh_expires_at == datetime(2012, 12, 22, 14, 22, 22, tzinfo=UTC)


def test_what_a_refresh_leaves_out_stays_as_it_was() -> None:
    tokens = read({"access_token": "new", "expires_in": "60"})
    assert tokens == Tokens("new", "old-refresh", NOW + timedelta(seconds=60), BEFORE.refresh_expires_at)
    assert read({"access_token": "new"}).access_expires_at is None


@pytest.mark.parametrize(
    ("status", "value", "error"),
    [
        (400, {"error": "invalid_grant", "error_description": "refresh token expired"}, FatalApiError),
        (200, {"error": "invalid_grant"}, FatalApiError),
        (401, {"error": "Invalid_Client", "error_description": "x"}, FatalApiError),
        (401, {"error": "token of the app"}, FatalApiError),
        (200, {"access_token": ""}, TransientApiError),
        (200, {"access_token": ["a"]}, TransientApiError),
        (200, {}, TransientApiError),
        (200, [], TransientApiError),
        (200, {"error": "server_error"}, TransientApiError),
        (400, {"error": "temporarily_unavailable"}, TransientApiError),
        (400, {"error": {}}, TransientApiError),
        (500, {"error": "server_error", "error_description": "try later"}, TransientApiError),
        (500, {"error": "invalid_grant"}, TransientApiError),
        (503, {"access_token": "half-done"}, TransientApiError),
        (429, {"error": "slow down"}, Throttled),
        (200, {"error": "x", "error_description": "App Call Limited"}, Throttled),
        (403, {"error": "blocked"}, Forbidden),
        (400, {"error_code": "gw.QosAppFrequencyLimit"}, Throttled),
        (400, {"error_code": "gw.AppKeyNotFound", "error_message": "x"}, FatalApiError),
        (502, {}, TransientApiError),
    ],
)
def test_only_a_refusal_of_the_refresh_token_is_final(status: int, value: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        read(value, status)


@pytest.mark.parametrize(("status", "error"), [(403, Forbidden), (200, TransientApiError), (502, TransientApiError)])
def test_a_page_instead_of_an_answer_is_read_by_its_status(status: int, error: type[Exception]) -> None:
    with pytest.raises(error):
        read_token_answer(status, b"<html>no</html>", BEFORE, NOW)


@pytest.mark.parametrize("seconds", [399999999999, "399999999999", 10**30, -1, "soon", [], 1.5])
def test_a_new_token_is_kept_whatever_its_expiry_is(seconds: Any) -> None:
    tokens = read({"access_token": "new", "expires_in": seconds, "refresh_token_timeout": "00010101000000000+0800"})
    assert tokens == Tokens("new", "old-refresh", None, BEFORE.refresh_expires_at)


def test_the_form_carries_the_secret_and_the_call_does_not() -> None:
    credentials = Credentials("1000000", "s3cret", None, "old-refresh")
    assert not refresh_call().params
    sent = sign(refresh_call(), credentials, 1)
    assert sent.path == "param2/1/system.oauth2/getToken/1000000"
    assert parse_qs(sent.form_body.decode()) == {
        "grant_type": ["refresh_token"],
        "client_id": ["1000000"],
        "client_secret": ["s3cret"],
        "refresh_token": ["old-refresh"],
    }
    assert "s3cret" not in repr(sent)
    with pytest.raises(InputError, match="TOPLIST_REFRESH_TOKEN"):
        sign(refresh_call(), Credentials("1000000", "s3cret"), 1)


def test_tokens_show_nowhere_also_when_they_are_no_longer_in_use() -> None:
    assert "old" not in repr(BEFORE)
    with pytest.raises(TypeError):
        pickle.dumps(BEFORE)
    renewed = Credentials("key", "secret", "old-access", "old-refresh").renewed("new-access", "new-refresh")
    said = renewed.redact("old-access old-refresh new-access new-refresh")
    assert said == "*** *** *** ***"


@pytest.mark.parametrize(
    ("raw", "at"),
    [
        ("20261010164552223+0800", datetime(2026, 10, 10, 8, 45, 52, 223_000, tzinfo=UTC)),
        ("20121222222222+0800", datetime(2012, 12, 22, 14, 22, 22, tzinfo=UTC)),
        ("20121222222222000-0800", datetime(2012, 12, 23, 6, 22, 22, tzinfo=UTC)),
        ("20121322222222+0800", None),
        ("00010101000000+0800", None),
        ("99991231235959999-0800", None),
        ("2012", None),
        (20121222, None),
        (None, None),
    ],
)
def test_instants_have_14_or_17_digits_and_a_zone(raw: Any, at: datetime | None) -> None:
    assert read_instant(raw) == at
