"""Histories made up for the page, the page made of them, and a real browser to read it."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlalchemy import Engine

from tests.conftest import missing
from tests.report.made_history import TODAY, Market, make_history
from toplist.report.build import Built, build_report
from toplist.storage.database import open_database


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium; nothing is downloaded."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        missing("chromium is not installed: apt-get install chromium")
    expect.set_options(timeout=20_000)  # the machine may be busy with other tests
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=path,
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
        )
        yield browser
        browser.close()


class Visit:
    """A page as a reader has it, with what it said on the console and what it asked of the network."""

    def __init__(self, context: BrowserContext, path: Path):
        self.page: Page = context.new_page()
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.allowed = "nothing:"
        self.path = path
        self.page.on("console", lambda message: self.errors.append(message.text) if message.type == "error" else None)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.set_default_timeout(20_000)

    def open(self, address: str = "") -> Page:
        """Open the page, with a state in its address, and wait until it is drawn."""
        self.page.goto(self.path.as_uri() + address)
        self.page.wait_for_selector("html[data-ready]")
        return self.page

    def left(self) -> list[str]:
        """Requests for anything but the page itself; data and blobs do not leave the browser."""
        own = ("file:", "data:", "blob:", self.allowed)
        return [url for url in self.requests if not url.startswith(own)]


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """Opens a context of its own for a page; at the end nothing may have failed or left, unless the test took it."""
    contexts: list[BrowserContext] = []
    visits: list[Visit] = []

    def start(path: Path, **options: object) -> Visit:
        chosen: dict[str, object] = {"locale": "zh-CN", "viewport": {"width": 1360, "height": 900}} | options
        context = chromium.new_context(**chosen)  # type: ignore[arg-type]
        contexts.append(context)
        visits.append(Visit(context, path))
        return visits[-1]

    yield start
    for context in contexts:
        context.close()
    assert [error for each in visits for error in each.errors] == []
    assert [url for each in visits for url in each.left()] == []


@pytest.fixture(scope="session")
def histories(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Market], Engine]:
    """A history of each market, made once."""
    made: list[tuple[Market, Engine]] = []

    def of(market: Market) -> Engine:
        for known, engine in made:
            if known == market:
                return engine
        engine = open_database(f"sqlite:///{tmp_path_factory.mktemp('history') / 'history.db'}")
        make_history(engine, market)
        made.append((market, engine))
        return engine

    return of


@pytest.fixture
def report(histories: Callable[[Market], Engine], tmp_path: Path) -> Callable[..., tuple[Path, Built]]:
    """Builds the report of a market's last day."""

    def build(market: Market, max_entries: int = 20_000) -> tuple[Path, Built]:
        path = tmp_path / "page.html"
        built = build_report(
            histories(market),
            market.source,
            TODAY,
            path.name,
            lambda name, text: (tmp_path / name).write_text(text, encoding="utf-8") and None,
            max_entries=max_entries,
        )
        return path, built

    return build
