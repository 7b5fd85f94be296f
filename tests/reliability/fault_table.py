"""The faults of the gateway, and what each leads to."""

from __future__ import annotations

from typing import NamedTuple

from toplist.ranktypes import Protocol


class Ending(NamedTuple):
    """How a list ends, and how often the page was asked for, in either dose."""

    outcome: str
    asked: int


class Fault(NamedTuple):
    """A fault, and what comes of a list whose `first` or `later` page always meets it; it was whole the day before.

    `asked`: how often those pages are asked for. `base64`, `openplatform`: where one protocol's lists end otherwise. A
    fault that is got over leaves a list that is asked once more complete: two in a row are no failure.
    """

    rule: str
    first: str
    later: str
    asked: tuple[int, int] = (3, 3)
    is_got_over: bool = True
    base64: Ending | None = None
    openplatform: Ending | None = None

    @property
    def name(self) -> str:
        return self.rule.removeprefix("kind=").replace(",", " ")

    @property
    def is_about_rows(self) -> bool:
        """Whether it means anything to a call that is not for a list."""
        return self.rule.partition(",")[0].removeprefix("kind=") in _ROWS


_ROWS = {"missing", "empty", "short", "duplicate", "broken", "shuffled", "total", "other"}
_TOO_LARGE = "failed answer too large"
_ONCE, _DOUBTED = (1, 1), (2, 2)
_COMPLETE, _WARNED = Ending("complete", 1), Ending("complete with a warning", 2)
FAULTS = (
    # rule                                   a first page, always      a later page, always
    Fault("kind=timeout", "failed timeout", "failed timeout"),
    Fault("kind=reset", "failed network error", "failed network error"),
    Fault("kind=truncated", "failed data loss", "failed data loss"),
    Fault("kind=drip,seconds=5000", "failed timeout", "failed timeout"),
    Fault("kind=long", "failed unreadable", "failed unreadable"),
    Fault("kind=missing", "absent", "partial", _DOUBTED, False),
    Fault("kind=empty", "empty", "partial", _DOUBTED, False),
    Fault("kind=short", "partial", "partial", _ONCE, False, openplatform=_WARNED),
    Fault("kind=duplicate", "partial", "partial", _DOUBTED, False, openplatform=_COMPLETE),
    Fault("kind=broken", "complete", "complete", _ONCE, False),
    Fault("kind=shuffled", "complete", "complete", _ONCE, False),
    Fault("kind=total", "partial", "partial", _DOUBTED, False, openplatform=_COMPLETE),
    Fault("kind=total,total=30", "complete", "complete", _ONCE, False),
    Fault("kind=other", "failed other list", "failed other list", base64=_WARNED),
    Fault("kind=5xx", "failed http 502", "failed http 502"),
    Fault("kind=5xx,status=503", "failed http 503", "failed http 503"),
    Fault("kind=html", "failed unreadable", "failed unreadable"),
    Fault("kind=code,code=777", "failed 777", "failed 777", _ONCE, False),
    Fault("kind=redirect", "failed http 302", "failed http 302"),
    Fault("kind=redirect,message=http://127.0.0.2:9/elsewhere", "failed http 302", "failed http 302"),
    Fault("kind=echo", "failed unreadable", "failed unreadable"),
    Fault("kind=huge", _TOO_LARGE, _TOO_LARGE),
    Fault("kind=bomb", _TOO_LARGE, _TOO_LARGE),
    Fault("kind=deep", "failed unreadable", "failed unreadable"),
    Fault("kind=gbk", "complete", "complete", _ONCE),
    Fault("kind=not-utf8", "complete", "complete", _ONCE),
    Fault("kind=garbled", "complete", "complete", _ONCE),
)
THROTTLE = Fault("kind=throttle", "", "")  # asked again until it is answered, which a fault for ever never is
#: What nothing shows, by fault and protocol: another list's rows without its name, on a last page of a few rows.
UNSEEN = {("other", Protocol.BASE64)}
