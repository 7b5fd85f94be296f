import pytest

from toplist.trends.score import trend_score


@pytest.mark.parametrize(
    ("price", "sale_count", "expected"),
    [
        (25.8, 1520, 28.94),
        (0.0, 70_000, 100.0),
        (0.0, 9_000_000, 100.0),
        (300.0, 500, 0.5),
        (1e9, 500, 0.5),
        (None, 12_345, 12.35),
        (10.0, 0, 29.0),
        (10.0, None, None),
        (None, None, None),
    ],
)
def test_trend_score_is_the_specifications(price: float | None, sale_count: int | None, expected: float | None) -> None:
    assert trend_score(price, sale_count) == expected
