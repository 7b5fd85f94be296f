"""Answers that no honest gateway gives: too large, too deep, wrongly encoded, or of the wrong length.

Pure: the bytes and the headers of an answer in, those of the lie out.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from functools import cache

#: Kinds that change an answer's bytes.
LIE_KINDS = {
    "huge": "100 MB of JSON",
    "bomb": "1 MB of gzip that is 1 GB of JSON",
    "deep": "JSON with 100,000 levels",
    "gbk": "the answer in GBK, labelled UTF-8",
    "not-utf8": "the answer with bytes that are no UTF-8",
    "garbled": "labelled gzip, and it is not",
}
_MEGABYTE = 1_000_000
_HUGE, _BOMB, _LEVELS = 100, 1000, 100_000
_NOT_ASCII = re.compile(rb"([\x80-\xff]+)")  # so that the bytes stand within a text


def lie(kind: str, body: bytes, headers: Mapping[str, str]) -> tuple[bytes, dict[str, str]]:
    """Body and headers instead of the honest ones."""
    match kind:
        case "huge":
            return b'{"result": "' + b"a" * (_HUGE * _MEGABYTE) + b'"}', dict(headers)
        case "bomb":
            return _bomb(), {**headers, "Content-Encoding": "gzip"}
        case "deep":
            return b"[" * _LEVELS + b"]" * _LEVELS, dict(headers)
        case "gbk":
            return body.decode().encode("gb18030"), dict(headers)
        case "not-utf8":
            return _NOT_ASCII.sub(b"\\1\xff\xfe\xc0", body, count=1), dict(headers)
    return body, {**headers, "Content-Encoding": "gzip"}


@cache
def _bomb() -> bytes:
    """The start of a gzip stream: its checksum would only come after the gigabyte."""
    packer = zlib.compressobj(9, wbits=31)
    start = packer.compress(b'{"result": "') + packer.flush(zlib.Z_FULL_FLUSH)
    # A block after a full flush refers to nothing before it, so that it can be repeated.
    return start + (packer.compress(b"a" * _MEGABYTE) + packer.flush(zlib.Z_FULL_FLUSH)) * _BOMB
