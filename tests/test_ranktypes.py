"""A rank type stands in one place: an entry of `RANK_TYPES` is all that a new one needs."""

from datetime import date

import pytest

from toplist.api.calls import list_call
from toplist.errors import InputError
from toplist.items import ListKey, Source
from toplist.options import Arguments
from toplist.ranktypes import RANK_TYPES, Endpoint, Protocol, RankType, rank_types_of
from toplist.sandbox.market import Market
from toplist.summary import CrawlSummary, table


@pytest.mark.parametrize("endpoint", Endpoint)
def test_a_new_rank_type_needs_one_entry(monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint) -> None:
    monkeypatch.setitem(RANK_TYPES, "night", RankType("night", "夜市榜", endpoint))
    assert rank_types_of(Protocol.BASE64)[-1] == "night"
    assert Arguments.parse({"rank_types": "night"}).rank_types == ("night",)
    assert "night" in list_call(Protocol.BASE64, "night", "311", 1, 20).params.values()
    rows = Market().rows("night", "311", date(2026, 11, 24))
    assert rows
    summary = CrawlSummary()
    summary.plan(ListKey(Source.SANDBOX, Protocol.BASE64, "night", "311"))
    assert "night 夜市榜" in table(summary)


def test_a_rank_type_that_is_not_entered_is_refused() -> None:
    assert Market().rows("night", "311", date(2026, 11, 24)) is None
    with pytest.raises(InputError, match="night"):
        Arguments.parse({"rank_types": "night"})
