from toplist.circuit_breaker import MAX_THROTTLED_SECONDS, MAX_UNREADABLE, CircuitBreaker


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_the_fourth_403_in_a_row_stops_the_crawl() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock)
    for _ in range(3):
        assert breaker.forbidden(sent_at=clock.now) is None
        clock.now += 300
    said = breaker.forbidden(sent_at=clock.now)
    assert said is not None
    assert "403" in said


def test_a_403_that_was_under_way_when_the_pause_began_counts_as_the_same_pause() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock)
    for _ in range(3):
        assert breaker.forbidden(sent_at=clock.now) is None
        assert breaker.forbidden(sent_at=clock.now - 0.5) is None
        clock.now += 300
    assert breaker.forbidden(sent_at=clock.now) is not None


def test_a_success_between_pauses_starts_the_count_anew() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock)
    for _ in range(10):
        assert breaker.forbidden(sent_at=clock.now) is None
        clock.now += 300
        breaker.answered(sent_at=clock.now)


def test_ten_minutes_of_nothing_but_throttles_stop_the_crawl() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock)
    assert breaker.throttled() is None
    clock.now += MAX_THROTTLED_SECONDS - 1
    assert breaker.throttled() is None
    clock.now += 1
    assert breaker.throttled() is not None
    breaker.answered(sent_at=clock.now)
    assert breaker.throttled() is None


def test_twenty_lists_without_a_readable_answer_stop_the_crawl() -> None:
    breaker = CircuitBreaker(Clock())
    assert [breaker.unreadable() for _ in range(MAX_UNREADABLE - 1)] == [None] * (MAX_UNREADABLE - 1)
    breaker.answered(sent_at=0.0)
    assert [breaker.unreadable() for _ in range(MAX_UNREADABLE - 1)] == [None] * (MAX_UNREADABLE - 1)
    assert breaker.unreadable() is not None


def test_nothing_but_throttles_is_said_every_minute_with_the_seconds_left() -> None:
    clock = Clock()
    breaker = CircuitBreaker(clock)
    said = []
    for clock.now in range(0, 180, 10):
        assert breaker.throttled() is None
        said.append(breaker.throttle_warning())
    assert [text is not None for text in said] == [at in (60, 120) for at in range(0, 180, 10)]
    assert said[6] == "the gateway has done nothing but throttle for 60 s; the crawl ends in 540 s of it"
    breaker.answered(sent_at=175.0)
    breaker.throttled()
    assert breaker.throttle_warning() is None
