"""Where an answer carries an error: the envelopes of both protocols, and business failures inside of HTTP 200."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from toplist.api.decoding import one_line
from toplist.api.values import read_flag

#: Codes that stand for success beside ``success``; trend APIs spell theirs ``retCode``.
SUCCESS_CODES = frozenset({"", "S0000", "S000", "200", "0"})

_CODE_KEYS = ("code", "retCode", "errorCode")
_MESSAGE_KEYS = ("message", "retMsg", "errorMsg", "msg")
_SUCCESS_KEYS = ("success", "succes")  # alibaba.category.get spells it with one s


@dataclass(frozen=True, slots=True)
class ErrorInfo:
    """The codes and messages of an error. Texts are shortened to one line; "" where one is missing."""

    code: str
    message: str
    sub_code: str = ""
    sub_message: str = ""
    request_id: str | None = None

    def name(self) -> str:
        """The code to report, or ""."""
        return self.code or self.sub_code

    def text(self) -> str:
        """The message with the sub-code's, at most 300 characters."""
        sub = ": ".join(part for part in (self.sub_code, self.sub_message) if part)
        return one_line(f"{self.message} ({sub})" if self.message and sub else self.message or sub)


def find_error_info(value: Any) -> ErrorInfo | None:
    """The error of an answer, in any envelope; `None` where the answer is not an error."""
    if isinstance(value, str):
        # An API whose answer is a bare text also refuses with a bare text.
        return ErrorInfo("", one_line(value)) if value.casefold().startswith("request need user") else None
    if not isinstance(value, dict):
        return None
    return _sibling(value) or _flat(value) or _business(value)


def _sibling(value: dict[str, Any]) -> ErrorInfo | None:
    if "error_response" not in value:
        return None
    envelope = value["error_response"]
    if not isinstance(envelope, dict):
        return ErrorInfo("", one_line(envelope))
    return ErrorInfo(
        _code(envelope.get("code")),
        one_line(envelope.get("msg")),
        _code(envelope.get("sub_code")),
        one_line(envelope.get("sub_msg")),
        _request_id(envelope),
    )


def _flat(value: dict[str, Any]) -> ErrorInfo | None:
    code = _code(value.get("error_code"))
    message = one_line(value.get("error_message")) or one_line(value.get("exception"))
    if code in SUCCESS_CODES and (code or not message):
        return None
    return ErrorInfo(code, message, request_id=_request_id(value))


def _business(value: dict[str, Any]) -> ErrorInfo | None:
    for level in _levels(value):
        codes = [_code(level.get(key)) for key in _CODE_KEYS]
        bad_code = next((code for code in codes if code not in SUCCESS_CODES), "")
        # A flag that is present and not true means failure, whatever its value.
        failed = any(read_flag(level.get(key)) not in (None, True) for key in _SUCCESS_KEYS)
        if bad_code or failed:
            message = next((text for key in _MESSAGE_KEYS if (text := one_line(level.get(key)))), "")
            return ErrorInfo(bad_code or "success=false", message, request_id=_request_id(value))
    return None


def _levels(value: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The objects that may carry ``success`` and ``code``: the answer, its wrapper, and their ``result``."""
    yield value
    for key, inner in value.items():
        if isinstance(inner, dict) and (key == "result" or key.endswith("_response")):
            yield inner
            if key != "result" and isinstance(inner.get("result"), dict):
                yield inner["result"]


def _code(raw: object) -> str:
    if raw is not None and (isinstance(raw, bool) or not isinstance(raw, str | int | float)):
        return "not a code"  # which is not a code of success
    text = one_line(raw, 80)
    return text.removesuffix(".0") if isinstance(raw, float) else text


def _request_id(envelope: dict[str, Any]) -> str | None:
    return one_line(envelope.get("request_id"), 100) or None
