import json
from itertools import pairwise
from math import log1p

import numpy as np
import pytest

from toplist.ranktypes import Protocol
from toplist.trends.heat import WEIGHTS, Reference, heat_index, load_reference, make_knots, make_reference

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


def levels(rows: int = 1000, **parts: list[float]) -> dict[str, np.ndarray]:
    random = np.random.default_rng(1)
    made = {
        "sales": np.floor(random.lognormal(6, 2, rows)),
        "buyers": np.floor(random.lognormal(3, 2, rows)),
        "growth": random.normal(0.01, 0.02, rows),
        "rank": random.integers(1, 21, rows).astype(float),
    }
    return made | {part: np.array(values, float) for part, values in parts.items()}


def test_knots_of_a_new_reference_are_quantiles_and_a_low_rank_is_hot() -> None:
    assert make_knots("sales", np.arange(11.0), (0.0, 0.25, 1.0)) == [0, 2.5, 10]
    assert make_knots("rank", np.arange(1.0, 12.0), (0.0, 0.25, 1.0)) == [11, 8.5, 1]


@pytest.mark.parametrize("protocol", Protocol)
def test_an_own_reference_measures_its_own_rows(protocol: Protocol) -> None:
    values = levels()
    made = make_reference(values, protocol, "own-2026-03-28", "a test")
    reference = Reference.of(json.loads(json.dumps(made)))
    assert reference.version == "own-2026-03-28"
    for sales, share in [(np.median(values["sales"]), 0.5), (np.quantile(values["sales"], 0.9), 0.9)]:
        assert reference.quantile("sales", log1p(sales)) == pytest.approx(share, abs=0.01)
    indices = [
        heat_index(reference, sale_count=int(row[0]), buyer_count=int(row[1]), growth_per_day=row[2], rank=int(row[3]))
        for row in zip(*(values[part] for part in WEIGHTS), strict=True)
    ]
    found = [each.value for each in indices if each.value is not None]
    assert len(found) == 1000
    assert 0 <= min(found) < 15
    assert 85 < max(found) <= 100
    assert np.median(found) == pytest.approx(50, abs=5)


def test_what_has_hardly_any_values_keeps_the_shipped_quantiles() -> None:
    shipped = load_reference(Protocol.BASE64)
    own = Reference.of(make_reference(levels(buyers=[]), Protocol.BASE64, "own", "a test") or {})
    assert own.knots["buyers"] == shipped.knots["buyers"]
    assert own.knots["sales"] != shipped.knots["sales"]
    assert make_reference(levels(199), Protocol.BASE64, "own", "a test") is None


def test_a_reference_of_rows_that_are_all_alike_gives_an_index_still() -> None:
    alike = levels(sales=[7] * 500, growth=[0.0] * 500, rank=[1] * 500)
    reference = Reference.of(make_reference(alike, Protocol.BASE64, "own", "a test") or {})
    for sales, share in [(0, 0), (7, 0), (8, 1)]:
        assert reference.quantile("sales", log1p(sales)) == share
