"""The rank types: name, Chinese title, and endpoint.

To add a rank type, add one row to `RANK_TYPES`; everything else, the sandbox and the tests included, reads this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Protocol(StrEnum):
    """How a request is signed and encoded, and how an answer is read."""

    BASE64 = "base64"
    OPENPLATFORM = "openplatform"


class Endpoint(StrEnum):
    """The two families of ranking lists."""

    NEW = "new"
    CLASSIC = "classic"


@dataclass(frozen=True, slots=True)
class RankType:
    """One kind of ranking. ``extra_grant``: only certified enterprises with a separate grant may use it."""

    name: str
    title: str
    endpoint: Endpoint
    extra_grant: bool = False

    def served_by(self, protocol: Protocol) -> bool:
        """Whether the protocol has this rank type: the platform's own API has no classic lists."""
        return self.endpoint is Endpoint.NEW or protocol is Protocol.BASE64


RANK_TYPES: dict[str, RankType] = {
    rank_type.name: rank_type
    for rank_type in (
        RankType("complex", "综合榜", Endpoint.NEW),
        RankType("hot", "热销榜", Endpoint.NEW),
        RankType("goodPrice", "好价榜", Endpoint.NEW),
        RankType("anchorHot", "主播热卖榜", Endpoint.NEW, extra_grant=True),
        RankType("anchorNew", "主播新兴榜", Endpoint.NEW, extra_grant=True),
        RankType("anchorRecommend", "主播热推榜", Endpoint.NEW, extra_grant=True),
        RankType("VNHot", "越南热销榜", Endpoint.NEW, extra_grant=True),
        RankType("VNTrend", "越南趋势榜", Endpoint.NEW, extra_grant=True),
        RankType("best", "热销榜", Endpoint.CLASSIC),
        RankType("rise", "飙升榜", Endpoint.CLASSIC),
        RankType("new", "新品榜", Endpoint.CLASSIC),
    )
}


def rank_types_of(protocol: Protocol) -> list[str]:
    """Names of every rank type that the protocol has, in the order of `RANK_TYPES`."""
    return [rank_type.name for rank_type in RANK_TYPES.values() if rank_type.served_by(protocol)]


def named(rank_type: str) -> str:
    """For people: `anchorHot 主播热卖榜`."""
    known = RANK_TYPES.get(rank_type)
    return f"{rank_type} {known.title}" if known else rank_type
