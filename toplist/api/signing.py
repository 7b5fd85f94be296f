"""Both signatures, each in the three steps of its own: canonical parameters, text to sign, signature.

Pure: no clock, no environment. Parameters are a mapping of text to text, raw (before percent-encoding); what is
signed is their UTF-8.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping


def _hmac_sha1(secret: str, text: str) -> bytes:
    return hmac.new(secret.encode(), text.encode(), hashlib.sha1).digest()


def base64_text(params: Mapping[str, str]) -> str:
    """The text that `base64` signs: key+value of every parameter, sorted by key, joined."""
    return "".join(key + params[key] for key in sorted(params) if key != "sign")


def base64_signature(params: Mapping[str, str], secret: str) -> str:
    """`sign`: Base64 of HMAC-SHA1. It may hold ``+ / =``, which a form must percent-encode."""
    return base64.b64encode(_hmac_sha1(secret, base64_text(params))).decode()


def openplatform_text(url_path: str, params: Mapping[str, str]) -> str:
    """The text that `openplatform` signs: the path, then the key+value strings, sorted as joined strings.

    `url_path` begins at ``param2`` and ends with the app key.
    Source: the platform's signature page (its example is among the vectors of the tests).
    """
    return url_path + "".join(sorted(key + value for key, value in params.items() if key != "_aop_signature"))


def openplatform_signature(url_path: str, params: Mapping[str, str], secret: str) -> str:
    """`_aop_signature`: upper-case hex of HMAC-SHA1."""
    return _hmac_sha1(secret, openplatform_text(url_path, params)).hex().upper()
