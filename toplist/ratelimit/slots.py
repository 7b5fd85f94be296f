"""The gate's arithmetic: when which request may go. Pure; times are seconds of one clock, passed in.

Both limits and the pause are checked at one instant, so that nothing can bunch up behind one of two waits. A slot is
reserved ahead, at most one a process, and the next slot counts from the reserved time, not from when it was used:
lateness does not add up, and nothing is ever caught up. Who is late moves all slots behind his own by as much, so that
a busy machine costs the lateness and not the slot; who is gone leaves his slot unused, and that is all.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace

SAFETY_MARGIN = 0.016
"""Seconds of room in every window of one second for a request that leaves or arrives late."""

CATEGORY_SAFETY_MARGIN = 0.026
"""The same in every category's interval, where it costs nothing as long as there are two categories."""

TOLERANCE = 0.006
"""A slot that is this much late is moved, or given up; it is never used as if it were on time."""

LOOKAHEAD = 0.05
"""A category that gets ready this soon after the budget's next slot may take that slot, which moves for it."""

SLOWEST = 16.0
"""Throttling never slows the budget by more than this factor."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A request at the gate: its category (None: counts against the budget alone) and the category's interval."""

    category: str | None
    interval: float


@dataclass(frozen=True, slots=True)
class State:
    """What the processes of one app key share.

    `shift` is how far late requests have moved the slots behind theirs, since ever, and `late_at` the slot of the last
    one: what was reserved before it has not moved with the rest.
    """

    next_at: float = 0.0
    last_at: float = 0.0
    pause_until: float = 0.0
    pause_length: float = 0.0
    factor: float = 1.0
    shift: float = 0.0
    late_at: float = 0.0
    categories: dict[str, float] = field(default_factory=dict)

    def dumps(self) -> str:
        return json.dumps(asdict(self), separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> State:
        return cls(**json.loads(text)) if text else cls()


@dataclass(frozen=True, slots=True)
class Grant:
    """Waiting request number `index` may go at `at`, by the slots as they were when `shift` was theirs."""

    index: int
    at: float
    shift: float = 0.0


@dataclass(frozen=True, slots=True)
class Delay:
    """Nothing may go now: ask again at `until`."""

    until: float


def spacing(qps: float, factor: float = 1.0) -> float:
    """Seconds between two slots of the budget; 0 where it is lifted."""
    return (1 + SAFETY_MARGIN) / qps * factor if qps else 0.0


def sane(state: State, now: float, qps: float) -> State:
    """The state without times that no reservation can have made: a clock that stepped back, a reboot.

    A pause is never longer than it was set for, and the budget never further ahead than 128 reservations.
    """
    horizon = 128 * spacing(qps, state.factor)
    if state.next_at > now + horizon:
        state = replace(state, next_at=now + spacing(qps, state.factor), last_at=now, late_at=now, categories={})
    if state.pause_until > now + state.pause_length:
        state = replace(state, pause_until=now + state.pause_length)
    return state


def reserve(state: State, now: float, qps: float, waiting: Sequence[Waiting]) -> tuple[Grant | Delay, State]:
    """Reserve the next slot for the oldest request whose category is ready then.

    `waiting` is ordered, oldest first, and not empty. Returns the decision and the state to store.
    """
    state = sane(state, now, qps)
    if state.pause_until > now:
        return Delay(state.pause_until), state
    slot = max(now, state.next_at)
    ready_at = [max(slot, state.categories.get(each.category, 0.0) if each.category else 0.0) for each in waiting]
    soonest = min(ready_at)
    if soonest > slot + LOOKAHEAD:
        return Delay(soonest - LOOKAHEAD / 2), state
    index = ready_at.index(soonest)
    return Grant(index, soonest, state.shift), _taken(state, now, soonest, qps, waiting[index])


def confirm(
    state: State, now: float, qps: float, held: Grant, waiting: Waiting
) -> tuple[Grant | Delay | None, State | None]:
    """At the reserved time: may it still go?

    Returns the release (later than it was where others were late, `now` where it is late itself), a hold where a pause
    came in between, or None where the slot is lost; and the state to store, None where it did not change.
    """
    if state.pause_until > now:
        return Delay(state.pause_until), None
    held = replace(held, at=held.at + state.shift - held.shift, shift=state.shift)
    late = now - held.at
    if late <= TOLERANCE:
        return held, None
    if state.last_at == held.at:
        return replace(held, at=now), _taken(state, now, now, qps, waiting)
    if late < spacing(qps, state.factor) and held.at > state.late_at - TOLERANCE:
        state = _shifted(state, now, late)
        return replace(held, at=now, shift=state.shift), state
    return None, None


def paused(state: State, now: float, length: float) -> State:
    """Everything waits `length` seconds from now; a pause is never cut short by a later one."""
    return replace(
        state, pause_until=max(state.pause_until, now + length), pause_length=max(state.pause_length, length)
    )


def slowed(state: State) -> State:
    """Throttled: half the rate."""
    return replace(state, factor=min(state.factor * 2, SLOWEST))


def eased(state: State) -> State:
    """Answered: a tenth of the way back to the full rate."""
    return replace(state, factor=max(1.0, state.factor * 0.9))


def _taken(state: State, now: float, at: float, qps: float, by: Waiting) -> State:
    categories = {name: ready for name, ready in state.categories.items() if ready > now}
    if by.category and by.interval:
        categories[by.category] = at + by.interval + CATEGORY_SAFETY_MARGIN
    return replace(state, last_at=at, next_at=at + spacing(qps, state.factor), categories=categories)


def _shifted(state: State, now: float, late: float) -> State:
    """Every slot and every category later by as much: the requests in reserved slots are."""
    categories = {name: ready + late for name, ready in state.categories.items()}
    return replace(
        state,
        shift=state.shift + late,
        late_at=now,
        last_at=state.last_at + late,
        next_at=state.next_at + late,
        categories=categories,
    )
