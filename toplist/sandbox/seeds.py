"""Numbers that depend on a seed and a name only, so that nothing depends on what was asked before."""

from __future__ import annotations

from hashlib import blake2b
from random import Random


def number(*parts: object) -> int:
    """64 bits that the parts decide."""
    return int.from_bytes(blake2b(":".join(map(str, parts)).encode(), digest_size=8).digest())


def random_for(*parts: object) -> Random:
    """A generator of its own for the parts."""
    return Random(number(*parts))
