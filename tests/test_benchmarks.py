"""What `python -m benchmarks` says of a figure beside the last release's."""

from __future__ import annotations

import pytest

from benchmarks.__main__ import Figure


@pytest.mark.parametrize(
    ("now", "before", "more_is_better", "is_lost"),
    [
        (2.0, None, False, False),  # it is new
        (2.1, 2.0, False, False),
        (2.3, 2.0, False, True),
        (1.5, 2.0, False, False),
        (7.6, 7.8, True, False),
        (7.0, 7.8, True, True),
        (0, 0, False, False),
        (1, 0, False, True),  # a violation where there was none
    ],
)
def test_a_figure_that_is_a_tenth_worse_is_lost(
    now: float, before: float | None, more_is_better: bool, is_lost: bool
) -> None:
    assert Figure("any", now, more_is_better=more_is_better).is_lost(before) is is_lost
