"""`scrapy categories`: the category tree (类目), levels 1 to 3, printed and searched."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Iterable
from datetime import timedelta
from typing import Any

from scrapy.commands import ScrapyCommand
from scrapy.crawler import AsyncCrawlerProcess
from scrapy.exceptions import UsageError
from scrapy.settings import BaseSettings

from toplist.categories.tree import DEEPEST, TOP, Category, Tree
from toplist.config import Config, Places
from toplist.dates import utc_now
from toplist.errors import InputError
from toplist.extensions import SnapshotExtension
from toplist.items import Source
from toplist.options import CrawlOptions
from toplist.product_settings import ProductSettings
from toplist.ratelimit.limiter import LimiterClosed
from toplist.spiders.toplist import TopListSpider
from toplist.storage.categories import Categories
from toplist.storage.database import open_database

_TELL_INTERVAL = 5.0  # seconds between two lines that say how far it is


class TreeSpider(TopListSpider):
    """Walks the tree down to a level within the limits, and asks for no list."""

    name = "categories"
    _level: int

    @classmethod
    def check(cls, config: Config, options: CrawlOptions, settings: BaseSettings) -> None:
        """It writes no feed."""

    async def start(self) -> AsyncIterator[Any]:
        """The tree is what it brings; there is nothing to yield."""
        await self.categories.load()
        progress = asyncio.ensure_future(self._tell())
        with contextlib.suppress(LimiterClosed):
            await self.categories.at_level((TOP,), self._level)
        progress.cancel()
        return
        yield

    async def _tell(self) -> None:
        """Say how far it is, for the one who waits."""
        while True:
            read = self.crawler.stats.get_value("toplist/tree/read", 0)
            print(f"Reading the category tree: {read} categories read", file=sys.stderr, flush=True)
            await asyncio.sleep(_TELL_INTERVAL)


class Command(ScrapyCommand):
    """Prints the cached tree. One that is missing or older than `TOPLIST_CATEGORY_CACHE_DAYS` is fetched first.

    Exit status 0: the tree was read, or was there. 3: a part of it could not be read. 2: bad input.
    """

    requires_project = True
    requires_crawler_process = False  # what is kept is printed without one, and without its log

    def short_desc(self) -> str:
        return "Print and search the category tree, levels 1 to 3"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        levels = range(1, DEEPEST + 1)
        parser.add_argument("--level", type=int, choices=levels, help="only this level; no deeper one is read")
        parser.add_argument("--search", metavar="TEXT", help="only names with this text, such as 连衣裙, or an id")
        parser.add_argument("--json", action="store_true", help="for machines: an array of objects")
        parser.add_argument("--gateway", choices=["sandbox"], help="sandbox: the sandbox's tree")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """The tree is what was asked for: of the log only what went wrong is shown, unless an option says more."""
        super().process_options(args, opts)
        assert self.settings is not None
        if not (opts.loglevel or opts.logfile):
            self.settings.set("LOG_LEVEL", "WARNING", priority="cmdline")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise UsageError(f"scrapy categories takes options only, not {args[0]!r}")
        level = opts.level or DEEPEST
        try:
            tree = self._kept(opts.gateway)
            if self._is_due(tree, level):
                self._walk(opts.gateway, level)
                tree = self._kept(opts.gateway)
        except InputError as error:
            # A crawl's argument is this command's option.
            self._fail(2, str(error).replace("-a gateway=sandbox", "--gateway=sandbox"))
            return
        if tree.reading(TOP) is None:
            self._fail(self.exitcode or 3, "There is no category tree: it could not be read, and none is kept.")
            return
        self._print(tree, level, opts)

    def _kept(self, gateway: str | None) -> Tree:
        assert self.settings is not None
        source = Source.SANDBOX if gateway else Source.GATEWAY
        engine = open_database(Places.load(self.settings, sandbox=source is Source.SANDBOX).database_url)
        try:
            return Categories(engine, source).load()
        finally:
            engine.dispose()

    def _is_due(self, tree: Tree, level: int) -> bool:
        assert self.settings is not None
        return bool(
            tree.due([TOP], level, utc_now() - timedelta(days=ProductSettings.read(self.settings).category_cache_days))
        )

    def _walk(self, gateway: str | None, level: int) -> None:
        """Raises InputError."""
        assert self.settings is not None
        process = AsyncCrawlerProcess(self.settings)
        crawler = process.create_crawler(TreeSpider)
        problems: list[BaseException | None] = []
        given = {"gateway": gateway} if gateway else {}
        task: Any = process.crawl(crawler, dry_run="1", _level=level, **given)
        task.add_done_callback(lambda done: problems.append(done.exception()))
        process.start()
        for problem in problems:
            if problem is not None:
                raise problem
        snapshot = crawler.get_extension(SnapshotExtension)
        assert snapshot is not None
        verdict = snapshot.verdict(str(crawler.stats.get_value("finish_reason")))
        if not verdict.is_good:
            self._fail(3, f"The category tree is {verdict}.")

    def _print(self, tree: Tree, level: int, opts: argparse.Namespace) -> None:
        chosen = [each for each in tree.below(TOP) if _is_wanted(each, opts.level, opts.search)]
        if opts.json:
            print(json.dumps([_as_data(tree, each) for each in chosen], ensure_ascii=False, indent=1))
        else:
            print("\n".join(_lines(tree, chosen)))
        read_at = [reading.read_at for each in tree.due([TOP], level, utc_now()) if (reading := tree.reading(each))]
        said = f"{len(chosen)} categories"
        said += f", {tree.retired([TOP], level)} retired (停用) left out"
        said += f"; the oldest part was read at {min(read_at):%F %R} UTC" if read_at else ""
        print(said, file=sys.stderr)

    def _fail(self, status: int, sentence: str) -> None:
        print(f"toplist: {sentence}", file=sys.stderr)
        self.exitcode = status


def _is_wanted(category: Category, level: int | None, text: str | None) -> bool:
    if level and category.level != level:
        return False
    return not text or text == category.category_id or text.casefold() in (category.name or "").casefold()


def _as_data(tree: Tree, category: Category) -> dict[str, Any]:
    return {
        "category_id": category.category_id,
        "name": category.name,
        "level": category.level,
        "path": tree.path(category.category_id),
        "is_leaf": tree.ends(category),
        "parent_id": category.parent_id,
    }


def _lines(tree: Tree, categories: Iterable[Category]) -> Iterable[str]:
    """Id, level, whether it is a leaf, and the names from the root category down."""
    for each in categories:
        leaf = "leaf" if tree.ends(each) else ""
        yield f"{each.category_id:<12} {each.level}  {leaf:<4}  {tree.path(each.category_id)}"
