"""Where a decision about a slot turns: at the border itself, with times that a float holds exactly."""

from __future__ import annotations

import json
from dataclasses import replace
from math import inf, nextafter

import pytest

from toplist.ratelimit.slots import (
    CATEGORY_SAFETY_MARGIN,
    LOOKAHEAD,
    MAX_DELAY,
    MAX_FACTOR,
    MAX_RESERVED,
    SAFETY_MARGIN,
    TOLERANCE,
    Delay,
    Grant,
    SlotState,
    Waiting,
    back_off,
    confirm,
    drop_stale,
    move,
    pause,
    recover,
    reserve,
    spacing,
)

QPS = 2.0
SPACING = spacing(QPS)
A, B, FREE = Waiting("a", 1.5), Waiting("b", 1.5), Waiting(None, 0.0)
FULL = SlotState(10.0, 9.0, 8.0, 7.0, 2.0, 6.0, 5.0, 4.0, {"a": 12.0, "b": 3.0})


def later(at: float) -> float:
    """The next time that a float can tell from this one."""
    return nextafter(at, inf)


def test_the_margins_are_those_that_were_measured() -> None:
    assert (SAFETY_MARGIN, CATEGORY_SAFETY_MARGIN, TOLERANCE, LOOKAHEAD) == (0.016, 0.026, 0.006, 0.05)
    assert (MAX_FACTOR, MAX_RESERVED, MAX_DELAY) == (16.0, 128, 1.0)


def test_a_new_keys_row_holds_no_slot_no_pause_and_the_full_rate() -> None:
    assert json.loads(SlotState().dumps()) == {
        "next_at": 0.0,
        "last_at": 0.0,
        "pause_until": 0.0,
        "pause_length": 0.0,
        "factor": 1.0,
        "drift": 0.0,
        "drifted_at": 0.0,
        "written_at": 0.0,
        "categories": {},
    }
    assert SlotState.loads("{}") == SlotState() == SlotState.loads("")
    assert SlotState.loads(FULL.dumps()) == FULL


@pytest.mark.parametrize(
    ("qps", "factor", "seconds"), [(2.0, 1.0, 0.508), (2.0, 4.0, 2.032), (0.5, 1.0, 2.032), (0.0, 1.0, 0.0)]
)
def test_slots_are_a_second_and_the_margin_apart_for_each_request_of_it(
    qps: float, factor: float, seconds: float
) -> None:
    assert spacing(qps, factor) == pytest.approx(seconds)
    assert spacing(qps) == pytest.approx(seconds / factor)


def test_a_clock_that_is_set_moves_every_time_and_no_length() -> None:
    moved = SlotState(15.0, 14.0, 13.0, 7.0, 2.0, 11.0, 10.0, 9.0, {"a": 17.0, "b": 8.0})
    assert move(FULL, 5.0) == moved
    assert move(moved, -5.0) == FULL


def test_a_slot_takes_the_place_of_the_next_and_its_category_the_interval() -> None:
    _, state = reserve(replace(FULL, written_at=0.0), 11.0, QPS, [B])
    assert state == replace(
        FULL,
        written_at=0.0,
        last_at=11.0,
        next_at=11.0 + 2 * SPACING,
        categories={"a": 12.0, "b": 12.5 + CATEGORY_SAFETY_MARGIN},
    )
    _, state = reserve(state, 12.0, QPS, [FREE], margin=0.25)
    assert state.next_at == 11.0 + 4 * SPACING + 0.25
    assert state.categories == {"b": 12.5 + CATEGORY_SAFETY_MARGIN}  # a's was over at 12
    _, state = reserve(SlotState(), 1.0, QPS, [A], margin=0.25)
    assert state.categories == {"a": 2.75 + CATEGORY_SAFETY_MARGIN}
    _, state = reserve(SlotState(), 1.0, QPS, [Waiting("a", 0.0)])
    assert state.categories == {}


@pytest.mark.parametrize("now", [0.0, 0.5, 100.0])
def test_the_first_slot_is_now_whatever_the_clock_shows(now: float) -> None:
    assert reserve(SlotState(), now, QPS, [FREE])[0] == Grant(0, now, 0.0)


def test_a_grant_counts_from_the_drift_of_its_time() -> None:
    assert Grant(0, 5.0) == Grant(0, 5.0, 0.0)
    assert reserve(replace(FULL, categories={}), 11.0, QPS, [A])[0] == Grant(0, 11.0, 6.0)


def test_a_category_that_is_ready_a_twentieth_of_a_second_later_may_take_the_slot() -> None:
    ready = 1.0 + LOOKAHEAD
    assert reserve(SlotState(categories={"a": ready}), 1.0, QPS, [A])[0] == Grant(0, ready)
    decision, _ = reserve(SlotState(categories={"a": later(ready)}), 1.0, QPS, [A])
    assert decision == Delay(later(ready) - LOOKAHEAD / 2)
    assert decision.is_pause is False  # type: ignore[union-attr]


def test_of_requests_that_are_ready_alike_the_oldest_goes() -> None:
    state = SlotState(categories={"a": 1.0, "b": 1.0})
    assert reserve(state, 1.0, QPS, [A, B])[0] == Grant(0, 1.0)
    assert reserve(replace(state, categories={"a": 1.02}), 1.0, QPS, [A, B, FREE])[0] == Grant(1, 1.0)
    assert reserve(replace(state, categories={"a": 1.02, "b": 1.01}), 1.0, QPS, [A, B])[0] == Grant(1, 1.01)


def test_a_pause_ends_at_its_end() -> None:
    paused = pause(SlotState(), 0.0, 8.0)
    assert reserve(paused, 7.5, QPS, [A]) == (Delay(8.0, is_pause=True), paused)
    assert reserve(paused, 8.0, QPS, [A])[0] == Grant(0, 8.0)
    assert confirm(paused, 7.5, QPS, Grant(0, 7.5), A) == (Delay(8.0, is_pause=True), None)
    assert confirm(paused, 8.0, QPS, Grant(0, 8.0), A) == (Grant(0, 8.0), None)


def test_a_pause_is_as_long_as_the_longest_and_ends_with_the_last() -> None:
    long = pause(SlotState(), 0.0, 300.0)
    assert (long.pause_until, long.pause_length) == (300.0, 300.0)
    both = pause(long, 290.0, 20.0)
    assert (both.pause_until, both.pause_length) == (310.0, 300.0)
    assert pause(long, 100.0, 20.0) == long


def test_a_pause_never_lasts_longer_than_its_length_from_now() -> None:
    assert drop_stale(SlotState(pause_until=30.0, pause_length=20.0), 10.0, QPS).pause_until == 30.0
    assert drop_stale(SlotState(pause_until=31.0, pause_length=20.0), 10.0, QPS).pause_until == 30.0


def test_as_many_slots_as_processes_are_reserved_ahead_and_more_are_of_another_clock() -> None:
    last = 100.0 + MAX_RESERVED * SPACING
    kept = SlotState(next_at=last, last_at=99.0, drifted_at=1.0, categories={"a": 500.0})
    assert drop_stale(kept, 100.0, QPS) == kept
    dropped = drop_stale(replace(kept, next_at=later(last)), 100.0, QPS)
    assert dropped == SlotState(next_at=100.0 + SPACING, last_at=100.0, drifted_at=100.0)


def test_a_state_of_now_is_not_from_the_future() -> None:
    state = replace(FULL, written_at=10.0)
    assert drop_stale(state, 10.0, QPS) == state
    assert drop_stale(state, 9.0, QPS) == move(state, -1.0)


@pytest.mark.parametrize(("written_at", "is_kept"), [(10.0, True), (11.0, True), (11.25, False)])
def test_a_look_that_is_a_second_older_than_the_state_is_no_clock_set_back(written_at: float, is_kept: bool) -> None:
    grant = Grant(0, 10.0)
    found = confirm(SlotState(last_at=10.0, written_at=written_at), 10.0, QPS, grant, A)
    assert found == ((grant, None) if is_kept else (None, None))


def test_a_slot_may_be_used_six_thousandths_late() -> None:
    state = SlotState(last_at=0.0, next_at=SPACING)
    assert confirm(state, TOLERANCE, QPS, Grant(0, 0.0), FREE) == (Grant(0, 0.0), None)
    moved, after = confirm(state, later(TOLERANCE), QPS, Grant(0, 0.0), FREE, lead=0.25)
    assert moved == Grant(0, later(TOLERANCE) + 0.25)
    assert after is not None
    assert (after.last_at, after.next_at) == (moved.at, moved.at + SPACING)  # type: ignore[union-attr]


def test_a_slot_that_is_late_by_a_whole_slot_is_lost() -> None:
    state = SlotState(last_at=SPACING, next_at=2 * SPACING, drifted_at=-1.0)
    assert confirm(state, SPACING, QPS, Grant(0, 0.0), FREE) == (None, None)
    assert confirm(state, SPACING - 0.25, QPS, Grant(0, 0.0), FREE, lead=0.25) == (None, None)
    moved, after = confirm(state, 0.25, QPS, Grant(0, 0.0), FREE)
    assert moved == Grant(0, 0.25, 0.25)
    assert after == replace(
        state, drift=0.25, drifted_at=0.25, last_at=SPACING + 0.25, next_at=2 * SPACING + 0.25, categories={}
    )
    slow = replace(state, factor=2.0)
    assert confirm(slow, SPACING, QPS, Grant(0, 0.0), FREE)[0] == Grant(0, SPACING, SPACING)


def test_a_slot_from_before_the_last_drift_has_not_moved_and_is_lost_when_late() -> None:
    state = SlotState(last_at=SPACING, next_at=2 * SPACING, categories={"a": 1.0})
    late = {"now": 0.25, "qps": QPS, "grant": Grant(0, 0.0), "waiting": A}
    assert confirm(replace(state, drifted_at=TOLERANCE), **late) == (None, None)  # type: ignore[arg-type]
    moved, after = confirm(replace(state, drifted_at=TOLERANCE / 2), **late)  # type: ignore[arg-type]
    assert moved == Grant(0, 0.25, 0.25)
    assert after is not None
    assert after.categories == {"a": 1.25}


def test_a_reserved_slot_moves_by_what_has_drifted_since() -> None:
    state = SlotState(last_at=9.0, drift=6.0, drifted_at=5.0)
    assert confirm(state, 7.0, QPS, Grant(1, 4.0, 3.0), A) == (Grant(1, 7.0, 6.0), None)


def test_throttling_doubles_the_spacing_up_to_16_times() -> None:
    factors = [1.0]
    state = SlotState()
    for _ in range(6):
        state = back_off(state)
        factors.append(state.factor)
    assert factors == [1, 2, 4, 8, 16, 16, 16]
    assert recover(state).factor == pytest.approx(14.4)
    assert recover(SlotState(factor=1.05)).factor == 1.0
