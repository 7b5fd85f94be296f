"""Credentials do not show: not printed, not stored, not recognised in the database."""

from __future__ import annotations

import copy
import pickle
from urllib.parse import quote, quote_plus

import pytest

from toplist.api.credentials import Credentials
from toplist.ranktypes import Protocol

CREDENTIALS = Credentials("8812345", "s/3 cr+t=", "tok-456/7")


def test_the_protocol_follows_from_the_token() -> None:
    assert CREDENTIALS.protocol is Protocol.OPENPLATFORM
    assert Credentials("k", "s").protocol is Protocol.BASE64
    assert Credentials("k", "s", "").protocol is Protocol.BASE64


@pytest.mark.parametrize("show", [repr, str, "{}".format, lambda value: f"{[value]}"])
def test_no_value_shows(show: object) -> None:
    shown = show(CREDENTIALS)  # type: ignore[operator]
    assert not any(value in shown for value in ("8812345", "s/3 cr+t=", "tok-456/7"))


@pytest.mark.parametrize("value", ["8812345", "s/3 cr+t=", "tok-456/7"])
def test_redact_hides_every_spelling(value: str) -> None:
    for spelling in (value, quote_plus(value), quote(value, safe=""), quote_plus(value).lower()):
        assert CREDENTIALS.redact(f"a={spelling}&b=1") == "a=***&b=1"


def test_redact_leaves_no_tail_of_a_value_that_begins_with_another() -> None:
    assert Credentials("abc", "abcdef", "abcdefghi").redact("abcdefghi abcdef abc") == "*** *** ***"


def test_redact_without_values_changes_nothing() -> None:
    assert Credentials("", "").redact("a text") == "a text"


def test_the_fingerprint_is_stable_and_tells_neither_key_nor_secret() -> None:
    # printf 8812345 | openssl dgst -sha256 -hmac 's/3 cr+t='
    assert CREDENTIALS.fingerprint() == "df34c2f33158a91043e8f2d4bdb69d8f"
    assert CREDENTIALS.fingerprint() == Credentials("8812345", "s/3 cr+t=").fingerprint()
    assert CREDENTIALS.fingerprint() != Credentials("8812346", "s/3 cr+t=").fingerprint()
    assert CREDENTIALS.fingerprint() != Credentials("8812345", "other").fingerprint()


def test_they_are_never_stored() -> None:
    with pytest.raises(TypeError, match="never stored"):
        pickle.dumps(CREDENTIALS)


def test_a_copy_of_what_holds_them_is_allowed() -> None:
    assert copy.deepcopy({"credentials": CREDENTIALS}) == {"credentials": CREDENTIALS}
    assert copy.copy(CREDENTIALS) == CREDENTIALS
