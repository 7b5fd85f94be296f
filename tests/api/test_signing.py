"""Both signatures, held to vectors: the platform's own, a public one, and values that trip naive signers."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.conftest import missing
from toplist.api.calls import base64_signature, base64_text, openplatform_signature, openplatform_text

VECTORS = Path(__file__).parent / "vectors"


def vectors(name: str) -> list[Any]:
    return [pytest.param(vector, id=vector["note"]) for vector in json.loads((VECTORS / name).read_text("utf-8"))]


@pytest.mark.parametrize("vector", vectors("openplatform.json"))
def test_openplatform_signature(vector: dict[str, Any]) -> None:
    assert openplatform_signature(vector["url_path"], vector["params"], vector["secret"]) == vector["signature"]


@pytest.mark.parametrize("vector", vectors("base64.json"))
def test_base64_signature(vector: dict[str, Any]) -> None:
    assert base64_text(vector["params"]) == vector["signed_text"]
    assert base64_signature(vector["params"], vector["secret"]) == vector["signature"]


@pytest.mark.parametrize("vector", vectors("base64.json"))
def test_a_form_carries_the_base64_signature_percent_encoded(vector: dict[str, Any]) -> None:
    form = urlencode({"sign": vector["signature"]})
    assert form == "sign=" + vector["signature_percent_encoded"]
    assert dict(parse_qsl(form)) == {"sign": vector["signature"]}


def test_vectors_hold_every_kind() -> None:
    openplatform = "".join(vector.values[0]["note"] for vector in vectors("openplatform.json"))
    for kind in ("official", "public", "JSON", "Chinese", "emoji", "empty", "prefix", "long"):
        assert kind in openplatform
    signatures = "".join(vector.values[0]["signature"] for vector in vectors("base64.json"))
    assert all(char in signatures for char in "+/=")


def test_joined_strings_are_sorted_and_not_keys() -> None:
    (vector,) = (v.values[0] for v in vectors("openplatform.json") if "sorted_by_key_would_be" in v.values[0])
    text = openplatform_text(vector["url_path"], vector["params"])
    assert text == "param2/1/system/currentTime/1000000ab1azz"
    signature = openplatform_signature(vector["url_path"], vector["params"], vector["secret"])
    assert signature != vector["sorted_by_key_would_be"]


def test_a_signature_does_not_sign_itself() -> None:
    assert base64_text({"a": "1", "sign": "old"}) == "a1"
    assert openplatform_text("p/", {"a": "1", "_aop_signature": "old"}) == "p/a1"


def test_one_changed_character_changes_both_signatures() -> None:
    assert base64_signature({"a": "1"}, "s") != base64_signature({"a": "2"}, "s")
    assert openplatform_signature("p/1", {"a": "1"}, "s") != openplatform_signature("p/2", {"a": "1"}, "s")


OPENSSL = shutil.which("openssl")
PARAMS = st.dictionaries(
    st.text(min_size=1, max_size=8).filter(lambda name: name not in ("sign", "_aop_signature")),
    st.text(max_size=12)
    | st.sampled_from(["", " ", "女装 连衣裙", "👗🏽", "a=b&c+d/e%20", '{"语言":"zh"}', "\n", "ﬁ", "e\u0301"]),
    max_size=6,
)


@pytest.fixture
def openssl_command() -> str:
    return OPENSSL or missing("the openssl command is not installed")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(params=PARAMS, secret=st.text(min_size=1, max_size=20), key=st.text("0123456789", max_size=8))
def test_random_calls_are_signed_as_openssl_signs_them(
    openssl_command: str, params: dict[str, str], secret: str, key: str
) -> None:
    def openssl(text: str) -> bytes:
        mac = [
            openssl_command,
            "dgst",
            "-sha1",
            "-mac",
            "HMAC",
            "-macopt",
            f"hexkey:{secret.encode().hex()}",
            "-binary",
        ]
        return subprocess.run(mac, input=text.encode(), capture_output=True, check=True).stdout

    text = "".join(name + params[name] for name in sorted(params))
    assert base64_signature({**params, "sign": "x"}, secret) == base64.b64encode(openssl(text)).decode()
    path = f"param2/1/system/currentTime/{key}"
    text = path + "".join(sorted(name + value for name, value in params.items()))
    assert openplatform_signature(path, {**params, "_aop_signature": "x"}, secret) == openssl(text).hex().upper()
