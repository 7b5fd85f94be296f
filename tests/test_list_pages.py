"""How a list ends: by its pages, its total and its last complete day."""

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes import a_key, options
from toplist.api.responses import ListPage
from toplist.categories.tree import Tree
from toplist.items import ListKey, RankList, Status
from toplist.list_pages import MAX_ROWS, ListAccumulator, finished_list, is_last
from toplist.ranktypes import Protocol
from toplist.storage.ledger import COMPARED, LastDay

AT = datetime(2026, 11, 24, tzinfo=UTC)


def page(first: int, count: int, total: int | None = None, **about: str) -> ListPage:
    rows = [{"offerId": number, "itemId": number, "subject": "x"} for number in range(first, first + count)]
    return ListPage(rows, total, **about)


class Attempt:
    """A list that is asked as the spider asks it; `pages` are the gateway's answers, in the order of the requests."""

    def __init__(self, *pages: ListPage, last_day: LastDay | None = None, key: ListKey | None = None, **changes: Any):
        self.key, self.options = key or a_key(), options(**changes)
        self.asked: list[int] = []
        self.pages = list(pages)
        accumulator = self.fetch(ListAccumulator(last_day))
        while accumulator.why_again(self.options):
            accumulator = self.fetch(accumulator.again())
        self.ended: RankList = finished_list(self.key, accumulator, self.options, Tree())

    def fetch(self, accumulator: ListAccumulator) -> ListAccumulator:
        number = 0
        while True:
            number += 1
            self.asked.append(number)
            answer = self.pages.pop(0)
            accumulator.add(self.key, number, self.options.page_size, answer, AT)
            if is_last(self.options, number, accumulator, answer):
                return accumulator

    @property
    def result(self) -> tuple[Status, int]:
        return self.ended.status, len(self.ended.entries)


def a_day(first: int, count: int) -> LastDay:
    return LastDay(count, frozenset(map(str, range(first, first + count))))


SIXTY = a_day(1, 60)
FULL = [page(1, 20, 60), page(21, 20, 60), page(41, 20, 60)]


def test_all_pages_of_the_total_are_complete() -> None:
    assert Attempt(*FULL).result == (Status.COMPLETE, 60)
    assert Attempt(page(1, 20, 60), pages=1).result == (Status.COMPLETE, 20)
    assert Attempt(page(1, 5)).result == (Status.COMPLETE, 5)
    assert Attempt(ListPage([], 0)).result == (Status.EMPTY, 0)
    assert Attempt(ListPage(None, None)).result == (Status.ABSENT, 0)


def test_fewer_rows_than_the_total_are_partial_and_not_asked_again() -> None:
    attempt = Attempt(page(1, 17, 20))
    assert attempt.result == (Status.PARTIAL, 17)
    assert attempt.asked == [1]


def test_a_total_that_falls_does_not_end_the_list() -> None:
    attempt = Attempt(page(1, 20, 60), page(21, 20, 40), page(41, 20, 60))
    assert attempt.result == (Status.COMPLETE, 60)
    assert attempt.asked == [1, 2, 3]


def test_a_total_that_falls_with_its_rows_is_asked_once_more_and_then_partial() -> None:
    fallen = [page(1, 20, 60), page(21, 20, 40), ListPage([], 40)]
    attempt = Attempt(*fallen, *fallen)
    assert attempt.result == (Status.PARTIAL, 40)
    assert attempt.asked == [1, 2, 3, 1, 2, 3]
    assert "fell from 60 to 40" in (attempt.ended.message or "")
    assert Attempt(*fallen, *FULL).result == (Status.COMPLETE, 60)


def test_a_page_that_repeats_the_first_is_asked_once_more_and_then_partial() -> None:
    repeated = [page(1, 20, 80), page(1, 20, 80)]
    attempt = Attempt(*repeated, *repeated)
    assert attempt.result == (Status.PARTIAL, 20)
    assert attempt.ended.duplicates == 0
    assert attempt.asked == [1, 2, 1, 2]
    assert Attempt(*repeated, *FULL).result == (Status.COMPLETE, 60)


def test_a_total_below_the_rows_is_asked_once_more_and_then_partial() -> None:
    small = [page(1, 20, 5), page(21, 20, 5), page(41, 3, 5)]
    attempt = Attempt(*small, *small)
    assert attempt.result == (Status.PARTIAL, 43)
    assert attempt.asked == [1, 2, 3, 1, 2, 3]
    assert Attempt(*small, *FULL).result == (Status.COMPLETE, 60)


def test_a_list_without_end_is_bounded_and_named() -> None:
    pages = [page(1 + 20 * number, 20) for number in range(MAX_ROWS // 20 + 5)]
    attempt = Attempt(*pages)
    assert attempt.result == (Status.PARTIAL, MAX_ROWS)
    assert "the list has no end" in (attempt.ended.message or "")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (page(1, 12, 12), Status.PARTIAL),
        (ListPage([], 0), Status.EMPTY),
        (ListPage(None, None), Status.ABSENT),
    ],
)
def test_less_than_half_of_the_last_complete_day_is_asked_once_more(answer: ListPage, status: Status) -> None:
    attempt = Attempt(answer, answer, last_day=SIXTY)
    assert attempt.asked == [1, 1]
    assert attempt.ended.status is status
    assert "60 on its last complete day" in (attempt.ended.message or "")
    assert Attempt(answer, *FULL, last_day=SIXTY).result == (Status.COMPLETE, 60)


def test_half_of_the_last_complete_day_is_believed() -> None:
    attempt = Attempt(page(1, 20, 30), page(21, 10, 30), last_day=SIXTY)
    assert attempt.result == (Status.COMPLETE, 30)
    assert attempt.ended.message is None


def test_only_as_many_rows_as_are_asked_for_are_compared() -> None:
    assert Attempt(page(1, 20, 60), last_day=SIXTY, pages=1).result == (Status.COMPLETE, 20)


def test_a_full_page_that_comes_short_without_a_total_is_asked_once_more_and_then_believed_with_a_word() -> None:
    attempt = Attempt(page(1, 17), page(1, 17), last_day=a_day(1, 20))
    assert attempt.asked == [1, 1]
    assert attempt.result == (Status.COMPLETE, 17)
    assert attempt.ended.message == "17 rows came, 20 on its last complete day"
    whole = Attempt(page(1, 17), page(1, 20), last_day=a_day(1, 20), pages=1)
    assert (whole.result, whole.ended.message) == ((Status.COMPLETE, 20), None)


@pytest.mark.parametrize(
    ("answer", "last_day"),
    [
        pytest.param(page(1, 20), a_day(1, 20), id="as many rows"),
        pytest.param(page(1, 17), a_day(1, 18), id="no full page before"),
        pytest.param(page(1, 17, 17), a_day(1, 20), id="the total says so"),
    ],
)
def test_what_may_well_be_so_is_asked_once(answer: ListPage, last_day: LastDay) -> None:
    attempt = Attempt(answer, last_day=last_day, pages=1)
    assert attempt.asked == [1]
    assert attempt.ended.message is None


def test_a_page_without_an_offer_of_the_last_complete_day_is_asked_once_more_and_then_believed_with_a_word() -> None:
    strange = [page(1, 20, 60), page(121, 20, 60), page(41, 20, 60)]
    attempt = Attempt(*strange, *strange, last_day=SIXTY)
    assert attempt.asked == [1, 2, 3, 1, 2, 3]
    assert attempt.result == (Status.COMPLETE, 60)
    assert attempt.ended.message == "no offer of page 2 was in the list on its last complete day"
    right = Attempt(*strange, *FULL, last_day=SIXTY)
    assert {entry.offer_id for entry in right.ended.entries} == SIXTY.offers
    assert right.ended.message is None
    assert Attempt(*FULL[:2], page(140, 20, 60), *FULL, last_day=SIXTY).asked == [1, 2, 3, 1, 2, 3]


def test_the_attempt_whose_offers_are_known_is_kept_though_the_other_came_later() -> None:
    attempt = Attempt(page(1, 17), page(121, 20), last_day=a_day(1, 20), pages=1)
    assert attempt.result == (Status.COMPLETE, 17)
    attempt = Attempt(page(1, 18), page(1, 17), last_day=a_day(1, 20))
    assert attempt.result == (Status.COMPLETE, 18)


@pytest.mark.parametrize(
    ("answer", "last_day"),
    [
        pytest.param(page(101, 9, 9), a_day(1, 9), id="too few offers to say"),
        pytest.param(page(20, 20, 20), a_day(1, 20), id="one offer in common"),
        pytest.param(page(101, 20, 20), a_day(1, 19), id="was not asked so deep"),
        pytest.param(page(101, 20, 20), None, id="no day before"),
    ],
)
def test_new_offers_are_believed_where_the_last_complete_day_says_little(
    answer: ListPage, last_day: LastDay | None
) -> None:
    assert Attempt(answer, last_day=last_day, pages=1).asked == [1]


def test_ten_new_offers_are_enough_to_ask_once_more() -> None:
    ten = page(101, 10, 10)
    assert Attempt(ten, ten, last_day=a_day(1, 20), page_size=10, pages=1).asked == [1, 1]


def test_pages_beyond_the_compared_ranks_are_believed() -> None:
    pages = [page(1 + 20 * number, 20, 120) for number in range(5)]
    long = Attempt(*pages, page(901, 20, 120), last_day=LastDay(120, a_day(1, COMPARED).offers))
    assert long.asked == [1, 2, 3, 4, 5, 6]


def test_rows_of_another_list_are_not_stored() -> None:
    key = a_key(protocol=Protocol.OPENPLATFORM)
    other = page(1, 20, rank_type="hot", category_id="312")
    right = page(101, 20, rank_type="hot", category_id="311")
    attempt = Attempt(other, other, key=key, pages=1)
    assert attempt.result == (Status.FAILED, 0)
    assert attempt.ended.code == "other list"
    assert "312" in (attempt.ended.message or "")
    assert Attempt(other, right, key=key, pages=1).result == (Status.COMPLETE, 20)


def test_the_better_of_two_attempts_is_kept() -> None:
    first = [page(1, 20, 60), page(21, 20, 40), ListPage([], 40)]
    second = [page(1, 20, 60), page(1, 20, 60)]
    assert Attempt(*first, *second).result == (Status.PARTIAL, 40)


def test_a_second_attempt_without_a_contradiction_is_believed_though_the_first_had_more_rows() -> None:
    contradicting = [page(1, 20, 5), page(21, 20, 5), page(41, 3, 5)]
    attempt = Attempt(*contradicting, page(1, 20, 30), page(21, 10, 30))
    assert attempt.result == (Status.COMPLETE, 30)
    assert attempt.ended.message is None


def test_rows_of_the_right_list_are_kept_where_the_other_attempt_met_another_list() -> None:
    key = a_key(protocol=Protocol.OPENPLATFORM)
    about = {"rank_type": "hot", "category_id": "311"}
    broken_off = [page(1, 20, 60, **about), page(21, 20, 60, rank_type="hot", category_id="312")]
    assert Attempt(*broken_off, page(1, 15, 15, **about), key=key).result == (Status.COMPLETE, 15)
    assert Attempt(*broken_off, page(1, 15, 18, **about), key=key).result == (Status.PARTIAL, 15)
