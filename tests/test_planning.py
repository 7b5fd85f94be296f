"""What a plan costs: requests, and the time that the limits make of them."""

import pytest

from toplist.config import Limits
from toplist.planning import Cost, duration
from toplist.ratelimit.slots import CATEGORY_SAFETY_MARGIN, spacing

LIMITS = Limits(qps=2, category_interval=1.5, pause=300)


def cost(lists: int, categories: int, *, complete: int = 0, limits: Limits = LIMITS, **pages: float) -> Cost:
    counted = Cost(limits, pages)
    for number in range(lists):
        counted.count("hot", str(number % categories), is_complete=number < complete)
    return counted


def test_the_budget_decides_where_there_are_many_categories() -> None:
    assert cost(27000, 3000).seconds == pytest.approx(27000 * spacing(2))
    assert str(cost(27000, 3000)) == (
        "27000 lists, 0 of them complete already; at least 27000 requests, at least 3 h 49 min by the limits"
    )


def test_the_interval_decides_where_there_are_few() -> None:
    assert cost(9, 1).seconds == pytest.approx(9 * (1.5 + CATEGORY_SAFETY_MARGIN))
    assert cost(9, 9).seconds == pytest.approx(9 * spacing(2))


def test_what_is_complete_costs_nothing() -> None:
    half = cost(10, 10, complete=6)
    assert (half.asked, half.requests) == (4, 4)
    all_complete = cost(10, 10, complete=10)
    assert (all_complete.asked, all_complete.requests, all_complete.seconds) == (0, 0, 0.0)


def test_pages_of_the_day_before_count() -> None:
    known = cost(10, 10, hot=2.5)
    assert known.requests == 25
    assert "about 25 requests" in str(known)
    assert "A list counts as one request" not in known.table()
    assert cost(10, 10, hot=0.2).requests == 10  # a list costs one request at least


def test_a_rank_type_that_is_complete_leaves_no_doubt() -> None:
    counted = cost(3, 3, hot=2.0)
    counted.count("VNHot", "311", is_complete=True)
    assert "; about 6 requests, 4 s" in str(counted)
    counted.count("VNHot", "312", is_complete=False)
    assert "; at least 7 requests, at least 4 s" in str(counted)
    assert "Time by the limits: at least 4 s" in counted.table()


def test_lifted_limits_cost_no_time() -> None:
    lifted = cost(10, 1, limits=Limits(qps=0, category_interval=0, pause=0))
    assert lifted.seconds == 0
    assert "none, they are lifted" in lifted.table()
    assert "by the limits" not in str(lifted)


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.2, "1 s"), (59.5, "1 min 00 s"), (250, "4 min 10 s"), (3599.1, "1 h 00 min"), (13689, "3 h 49 min")],
)
def test_a_duration_is_rounded_up(seconds: float, said: str) -> None:
    assert duration(seconds) == said
