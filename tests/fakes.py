"""Stand-ins for what a component gets in its constructor, with clocks and answers that a test sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

from toplist.api.credentials import Credentials
from toplist.errors import InputError
from toplist.items import ListKey, Source
from toplist.options import CrawlOptions
from toplist.ranktypes import Protocol
from toplist.session import Clock, GatewaySession

DAY = date(2026, 11, 24)
URL = "http://127.0.0.1:1/openapi"
SECRET = "hunter2-secret"


class FakeClock(Clock):
    """Stands still until a test moves it."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 1000.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 11, 24, tzinfo=UTC) + timedelta(seconds=self.seconds - 1000)


class FakeStats:
    def __init__(self) -> None:
        self.values: Counter[str] = Counter()

    def inc_value(self, name: str, count: int = 1) -> None:
        self.values[name] += count

    def set_value(self, name: str, value: Any) -> None:
        self.values[name] = value


class FakeControl:
    """Remembers why the crawl was stopped."""

    def __init__(self) -> None:
        self.stopped: str | None = None
        self.reason: str | None = None
        self.bad_input: InputError | None = None

    def is_stopping(self) -> bool:
        return self.stopped is not None

    def stop(self, reason: str, why: str) -> None:
        if self.stopped is None:
            self.reason, self.stopped = reason, why

    def stop_if(self, reason: str, why: str | None) -> bool:
        if why is not None:
            self.stop(reason, why)
        return why is not None


class FakeLimiter:
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.told: list[Any] = []
        self.unwanted: list[Callable[[object], bool]] = []
        self.errors: list[Callable[[], Exception]] = []
        self.factor = 1.0

    async def pause(self, seconds: float) -> None:
        self.told.append(("pause", seconds))

    async def back_off(self) -> None:
        self.told.append("back_off")

    async def recover(self) -> float:
        self.told.append("recover")
        return self.factor

    def cancel(self, is_unwanted: Callable[[object], bool], error: Callable[[], Exception]) -> None:
        self.unwanted.append(is_unwanted)
        self.errors.append(error)


class FakeStorage:
    """Runs work at once, in the test's thread."""

    def __init__(self, engine: Any = None):
        self.engine = engine

    async def run(self, work: Callable[[], Any]) -> Any:
        return work()


def a_session(clock: Clock | None = None) -> GatewaySession:
    return GatewaySession(URL, Credentials("4242", SECRET), clock or FakeClock())


def options(**changes: Any) -> CrawlOptions:
    given: dict[str, Any] = {
        "categories": ("311",),
        "level": None,
        "rank_types": ("hot",),
        "rank_types_named": True,
        "pages": None,
        "page_size": 20,
        "snapshot_date": DAY,
        "refresh": False,
    }
    return CrawlOptions(**given | changes)


def a_key(rank_type: str = "hot", category_id: str = "311", protocol: Protocol = Protocol.BASE64) -> ListKey:
    return ListKey(Source.GATEWAY, protocol, rank_type, category_id)
