"""Both signatures, held to vectors: the platform's own, a public one, and values that trip naive signers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode

import pytest

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
