"""Redaction of every text that leaves for a log, a table or a feed: secrets become ``***``, control characters a space.

A secret is found in the forms that gateways, libraries and tracebacks give it: plain, percent-encoded (once or twice),
escaped as in JSON or a Python repr, HTML-escaped, Base64. Found without knowing their value: signatures of both
protocols, the value of a parameter that carries a secret, and the password of an address.
"""

from __future__ import annotations

import base64
import html
import logging
import re
from collections.abc import Callable, Iterable

_MASK = "***"

_SIGNATURES = (
    r"(?<![A-Za-z0-9+/%])(?:[A-Za-z0-9+/]|%2[BbFf]){27}(?:=|%3[Dd])(?![A-Za-z0-9=])"  # Base64 of 20 bytes
    r"|(?<![A-Za-z0-9])[0-9A-F]{40}(?![A-Za-z0-9])"
)
_PARAMETERS = "_aop_signature|sign|access_token|refresh_token|app_?secret|app_?key|client_id|client_secret"
_MARK = r"""\s{0,3}(?:=|%3D)\s{0,3}["']?|\\?["']\s{0,3}:\s{0,3}\\?["']?"""
_PARAMETER = re.compile(rf"""(?i)(?<![A-Za-z])(?P<name>{_PARAMETERS})(?P<mark>{_MARK})[^\s"'&,;}}\\]+""")
# Bounded, so that a long text without an end takes linear time.
_PASSWORD = re.compile(r"://[^\s/@\"'<>:]{0,200}:[^\s@\"'<>]{0,200}@")
_SIGNATURE = re.compile(_SIGNATURES)

# Most log lines have none, and the pattern without escapes is much faster.
_MAY_HOLD_ESCAPES = re.compile(r"[%\\+]|&(?:#|amp|lt|gt|quot)")
_SHORT_ESCAPES = {"\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_MIN_ENCODED = 4  # the Base64 form of a shorter secret would occur by chance


def one_line(text: str) -> str:
    """The text on one line: a space for every character that does not print.

    These are line ends and other controls, private and unassigned characters, and the marks that change the direction
    of a line (U+202E shows "gpj.exe" as "exe.jpg").
    """
    return "".join(char if char.isprintable() else " " for char in text)


class Redactor:
    """Replaces the given secrets, in every form, and everything that looks like one."""

    def __init__(self, secrets: Iterable[str | None]):
        # The longest first, so that no rest of a value remains behind another one that it begins with.
        values = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        encoded = [_base64(value) for value in values if len(value) >= _MIN_ENCODED]
        # Hex digits of an escape may have either case. A wider match hides more.
        self._plain = re.compile("|".join(map(re.escape, values + encoded)) or "(?!)", re.IGNORECASE)
        self._escaped = re.compile("|".join(map(_pattern, values + encoded)) or "(?!)", re.IGNORECASE)

    def __call__(self, text: str) -> str:
        text = (self._escaped if _MAY_HOLD_ESCAPES.search(text) else self._plain).sub(_MASK, text)
        text = _PASSWORD.sub(f"://{_MASK}@", text)
        text = _PARAMETER.sub(rf"\g<name>\g<mark>{_MASK}", text)
        return _SIGNATURE.sub(_MASK, text)


def _pattern(value: str) -> str:
    """Matches the value with every character plain or escaped, in any mixture."""
    return "".join(f"(?:{'|'.join(_character_forms(char))})" for char in value)


def _character_forms(char: str) -> list[str]:
    """Patterns of one character: percent-encoded, escaped as by JSON, Python or a shell, as an HTML entity, plain."""
    code, utf8 = ord(char), char.encode("utf-8", "surrogatepass")
    units = char.encode("utf-16-be", "surrogatepass")
    forms = [
        "".join(f"%(?:25){{0,3}}{byte:02x}" for byte in utf8),
        "".join(rf"\\{{1,8}}x{byte:02x}" for byte in utf8),
        "".join(rf"\\{{1,8}}u{units[at]:02x}{units[at + 1]:02x}" for at in range(0, len(units), 2)),
        rf"\\{{1,8}}u{code:08x}",
        rf"\\{{1,8}}x{code:02x}",
        rf"\\{{1,8}}{_SHORT_ESCAPES.get(char) or re.escape(char)}",
        rf"&\#(?:{code}|x{code:x});",
        re.escape(html.escape(char)),
    ]
    return [*forms, r"\+", re.escape(char)] if char == " " else [*forms, re.escape(char)]


def _base64(value: str) -> str:
    return base64.b64encode(value.encode("utf-8", "surrogatepass")).decode().rstrip("=")


class RedactingFilter(logging.Filter):
    """Redacts every record of a log handler: message, arguments and traceback."""

    def __init__(self, redact: Callable[[str], str]):
        super().__init__()
        self._redact = redact
        self._formatter = logging.Formatter()
        self.is_over = False  # its crawl has ended; it stays until the next one begins

    def install(self) -> None:
        """Filter what every handler of the root logger writes, that is, the lines of every library."""
        for handler in logging.root.handlers:
            for each in [each for each in handler.filters if isinstance(each, RedactingFilter) and each.is_over]:
                handler.removeFilter(each)
            handler.addFilter(self)

    def filter(self, record: logging.LogRecord) -> bool:
        try:
            message = record.getMessage()
        except Exception:  # arguments that do not fit: the line is kept without them, and the caller is spared
            message = str(record.msg)
        record.msg, record.args = self._redact(message), None
        if record.exc_info and not record.exc_text:
            record.exc_text = self._formatter.formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._redact(record.exc_text)
        if record.stack_info:
            record.stack_info = self._redact(record.stack_info)
        return True
