"""A rank type stands in one place: an entry of `RANK_TYPES` is all that a new one needs."""

import pytest

from toplist.ranktypes import RANK_TYPES, Endpoint, RankType


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(RANK_TYPES, "night", RankType("night", "夜市榜", Endpoint.NEW))
    return "night"
