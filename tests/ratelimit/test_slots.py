"""The slots' arithmetic, with times passed in: the limits hold for every order of requests, pauses and clocks."""

import itertools
from dataclasses import replace
from random import Random

import pytest

from toplist.ratelimit.slots import (
    CATEGORY_SAFETY_MARGIN,
    LOOKAHEAD,
    TOLERANCE,
    Delay,
    Grant,
    SlotState,
    Waiting,
    back_off,
    confirm,
    pause,
    recover,
    reserve,
    spacing,
)

QPS = 2.0
A, B = Waiting("a", 1.5), Waiting("b", 1.5)


def test_the_first_request_goes_at_once() -> None:
    decision, _ = reserve(SlotState(), 100.0, QPS, [A])
    assert decision == Grant(0, 100.0)


def test_the_oldest_request_whose_category_is_ready_goes_first() -> None:
    _, state = reserve(SlotState(), 100.0, QPS, [A])
    decision, _ = reserve(state, 100.1, QPS, [A, B, Waiting("c", 1.5)])
    assert decision == Grant(1, 100.0 + spacing(QPS))


def test_a_request_without_a_category_waits_for_the_budget_only() -> None:
    _, state = reserve(SlotState(), 100.0, QPS, [A])
    decision, _ = reserve(state, 100.0, QPS, [A, Waiting(None, 0.0)])
    assert decision == Grant(1, 100.0 + spacing(QPS))


def test_a_category_that_is_not_ready_soon_takes_no_slot() -> None:
    _, state = reserve(SlotState(), 100.0, QPS, [A])
    decision, after = reserve(state, 100.0, QPS, [A])
    assert isinstance(decision, Delay)
    assert 100.0 + 1.5 + CATEGORY_SAFETY_MARGIN - LOOKAHEAD <= decision.until < 100.0 + 1.5 + CATEGORY_SAFETY_MARGIN
    assert after == state


def test_nothing_is_released_in_a_pause_and_a_pause_is_not_cut_short() -> None:
    state = pause(pause(SlotState(), 100.0, 300.0), 150.0, 20.0)
    decision, _ = reserve(state, 399.9, QPS, [A])
    assert decision == Delay(400.0, is_pause=True)
    assert reserve(state, 400.0, QPS, [A])[0] == Grant(0, 400.0)


def test_a_pause_that_came_after_the_reservation_takes_the_slot_back() -> None:
    grant, state = reserve(SlotState(), 100.0, QPS, [A])
    assert isinstance(grant, Grant)
    assert confirm(pause(state, 100.0, 20.0), 100.001, QPS, grant, A) == (Delay(120.0, is_pause=True), None)


def test_a_late_slot_moves_where_nobody_counts_from_it() -> None:
    grant, state = reserve(SlotState(), 100.0, QPS, [A])
    assert isinstance(grant, Grant)
    moved, after = confirm(state, 100.2, QPS, grant, A)
    assert moved == Grant(0, 100.2)
    assert after is not None
    assert after.next_at == pytest.approx(100.2 + spacing(QPS))
    assert after.categories["a"] == pytest.approx(101.7 + CATEGORY_SAFETY_MARGIN)


def test_a_late_process_moves_the_slots_that_were_reserved_behind_its_own() -> None:
    grant, state = reserve(SlotState(), 100.0, QPS, [A])
    assert isinstance(grant, Grant)
    behind, state = reserve(state, 100.0, QPS, [B])
    assert isinstance(behind, Grant)
    moved, after = confirm(state, 100.2, QPS, grant, A)
    assert isinstance(moved, Grant)
    assert moved.at == 100.2
    assert after is not None
    second, unchanged = confirm(after, 100.3, QPS, behind, B)
    assert isinstance(second, Grant)
    assert second.at == pytest.approx(100.2 + spacing(QPS))
    assert unchanged is None
    third, _ = reserve(after, 100.3, QPS, [Waiting("c", 1.5)])
    assert isinstance(third, Grant)
    assert third.at == pytest.approx(100.2 + 2 * spacing(QPS))
    assert after.categories["a"] == pytest.approx(101.7 + CATEGORY_SAFETY_MARGIN)
    assert after.categories["b"] == pytest.approx(101.7 + CATEGORY_SAFETY_MARGIN + spacing(QPS))


def test_a_slot_is_lost_where_the_one_behind_it_may_have_been_used() -> None:
    grant, state = reserve(SlotState(), 100.0, QPS, [A])
    assert isinstance(grant, Grant)
    _, state = reserve(state, 100.0, QPS, [B])
    assert confirm(state, 100.001 + spacing(QPS), QPS, grant, A) == (None, None)


def test_throttling_halves_the_rate_and_answers_bring_it_back() -> None:
    state = back_off(back_off(SlotState()))
    _, state = reserve(state, 100.0, QPS, [A])
    assert state.next_at == pytest.approx(100.0 + 4 * spacing(QPS))
    for _ in range(14):
        state = recover(state)
    assert state.factor == 1.0


@pytest.mark.parametrize("now", [0.0, 99.0, 1e6])
def test_a_clock_that_steps_jams_nothing(now: float) -> None:
    state = SlotState(next_at=5e5, last_at=5e5, pause_until=5e5, pause_length=300.0, categories={"a": 5e5})
    waited = 0.0
    for _ in range(4):
        decision, state = reserve(state, now + waited, QPS, [A])
        if isinstance(decision, Grant):
            break
        waited = decision.until - now
    assert isinstance(decision, Grant)
    assert decision.at - now <= 300.0 + 2 * spacing(QPS) + 1.6


def test_a_clock_that_is_set_back_by_ten_minutes_leaves_every_wait_as_long_as_it_was() -> None:
    grant, state = reserve(SlotState(), 1000.0, QPS, [A])
    assert isinstance(grant, Grant)
    state = replace(pause(state, 1000.0, 300.0), written_at=1000.0)
    decision, _ = reserve(state, 400.0, QPS, [B])
    assert decision == Delay(700.0, is_pause=True)
    state = replace(state, pause_until=0.0)
    decision, _ = reserve(state, 400.0, QPS, [B])
    assert decision == Grant(0, pytest.approx(400.0 + spacing(QPS)), drift=-600.0)  # type: ignore[arg-type]


def test_a_slot_that_was_reserved_moves_with_a_clock_that_is_set_back() -> None:
    _, state = reserve(SlotState(), 1000.0, QPS, [A])
    grant, state = reserve(state, 1000.0, QPS, [B])
    assert isinstance(grant, Grant)
    _, state = reserve(replace(state, written_at=1000.0), 999.4, QPS, [Waiting("c", 1.5)])
    confirmed, _ = confirm(state, 999.4, QPS, grant, B)
    assert isinstance(confirmed, Grant)
    assert confirmed.at == pytest.approx(grant.at - 0.6)


def test_the_state_survives_its_row() -> None:
    _, state = reserve(pause(back_off(SlotState()), 1.0, 2.0), 100.0, QPS, [A])
    assert SlotState.loads(state.dumps()) == state
    assert SlotState.loads("") == SlotState()


def test_the_limits_are_accepted_as_lifted() -> None:
    decision, state = reserve(SlotState(), 100.0, 0, [Waiting("a", 0.0)])
    assert decision == Grant(0, 100.0)
    assert reserve(state, 100.0, 0, [Waiting("a", 0.0)])[0] == Grant(0, 100.0)


@pytest.mark.parametrize("seed", range(60))
def test_several_processes_never_break_a_limit(seed: int) -> None:
    """Processes that reserve ahead, are late, die with a slot or meet a pause; each send is at most TOLERANCE late."""
    random = Random(seed)
    state, now = SlotState(), 0.0
    grant: dict[int, tuple[Grant, Waiting]] = {}
    sent: list[tuple[float, str]] = []
    pauses: list[tuple[float, float]] = []
    while len(sent) < 400:
        now += random.choice([0.0, 0.001, 0.02, 0.1])
        process = random.randrange(4)
        if random.random() < 0.002:
            state = pause(state, now, 20.0)
            pauses.append((now, now + 20.0))
        if process not in grant:
            waiting = [Waiting(random.choice("abcdefgh"), random.choice([1.5, 1.5, 4.0])) for _ in range(3)]
            decision, state = reserve(state, now, QPS, waiting)
            if isinstance(decision, Grant) and random.random() > 0.01:  # else: killed with its slot
                grant[process] = (decision, waiting[decision.index])
            continue
        release, waiting_one = grant[process]
        if now < release.at:
            now = release.at + random.choice([0.0, 0.0, 0.0, 0.003, 0.3])
        del grant[process]
        verdict, after = confirm(state, now, QPS, release, waiting_one)
        state = after or state
        if isinstance(verdict, Grant) and verdict.at > now:
            grant[process] = (verdict, waiting_one)
        elif isinstance(verdict, Grant):
            assert now - verdict.at <= TOLERANCE
            assert waiting_one.category is not None
            sent.append((now, waiting_one.category))
    times = sorted(at for at, _ in sent)
    assert min(later - earlier for earlier, later in zip(times, times[2:], strict=False)) >= 1.0
    for category in "abcdefgh":
        own = sorted(at for at, name in sent if name == category)
        assert all(later - earlier >= 1.5 for earlier, later in itertools.pairwise(own))
    assert not any(begin < at < end for begin, end in pauses for at in times)
