from itertools import pairwise

import pytest

from toplist.ranktypes import Protocol
from toplist.trends.heat import WEIGHTS, Reference, heat_index, load_reference, make_knots

FLAT = Reference("t", "a test", (0.0, 0.5, 1.0), dict.fromkeys(WEIGHTS, (0.0, 1.0, 3.0)))


@pytest.mark.parametrize(("value", "share"), [(-1, 0), (0, 0), (0.5, 0.25), (1, 0.5), (2, 0.75), (3, 1), (9, 1)])
def test_a_quantile_is_linear_between_knots(value: float, share: float) -> None:
    assert FLAT.quantile("growth", value) == share


def test_a_missing_part_gives_its_weight_to_the_others_and_is_not_named() -> None:
    values = {"sale_count": 10**9, "growth_per_day": -9.0, "rank": None}
    both = heat_index(load_reference(Protocol.BASE64), buyer_count=None, **values)
    assert both.parts == ("sales", "growth")
    assert both.value == pytest.approx(100 * 0.45 / 0.65, abs=0.01)
    all_known = heat_index(load_reference(Protocol.BASE64), buyer_count=0, **{**values, "rank": 1})
    assert all_known.parts == ("sales", "buyers", "growth", "rank")
    assert all_known.value == pytest.approx(60.0)


def test_without_sales_or_buyers_there_is_no_index() -> None:
    heat = heat_index(FLAT, sale_count=None, buyer_count=None, growth_per_day=0.1, rank=1)
    assert (heat.value, heat.parts) == (None, ("growth", "rank"))


@pytest.mark.parametrize("protocol", Protocol)
def test_the_frozen_reference_has_a_version_and_rising_knots(protocol: Protocol) -> None:
    reference = load_reference(protocol)
    assert reference.version == "v1"
    assert "sandbox" in reference.made_from
    assert set(reference.knots) == set(WEIGHTS)
    for knots in reference.knots.values():
        assert len(knots) == len(reference.shares)
        assert all(low < high for low, high in pairwise(knots))
    assert reference.shares[0] == 0
    assert reference.shares[-1] == 1


def test_knots_of_a_new_reference_are_quantiles() -> None:
    assert make_knots(range(11), (0.0, 0.25, 1.0)) == (0, 2.5, 10)
