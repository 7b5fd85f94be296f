"""`scrapy crawl`, with an exit status that says how the crawl went, and bad input said in one sentence."""

from __future__ import annotations

import argparse
import gc
import logging
import sys
from pathlib import Path
from typing import Any

from scrapy.commands import ScrapyHelpFormatter
from scrapy.commands.crawl import Command as StockCommand
from scrapy.crawler import Crawler

from toplist.config import project_dir
from toplist.errors import InputError
from toplist.extensions import SnapshotExtension
from toplist.language import Language
from toplist.options import Arguments
from toplist.spiders.toplist import TopListSpider
from toplist.summary import remarks, table

logger = logging.getLogger("toplist")
_PAGE = {Language.ENGLISH: "Page: ", Language.CHINESE: "页面："}
_LOG = {Language.ENGLISH: "Log: ", Language.CHINESE: "日志："}
#: Objects made before Python searches the youngest for cycles again. Its own 700 are few: a list's past has 600 rows.
NEW_OBJECTS = 20_000


class _HelpFormatter(ScrapyHelpFormatter, argparse.RawDescriptionHelpFormatter):
    """Scrapy's help, with the table of spider arguments as it is."""


class Command(StockCommand):
    """As Scrapy's, for every spider; of a toplist snapshot it tells the outcome.

    Exit status 0: every planned list ended, a row came, every feed was delivered. 3: not so. 2: bad input.
    """

    _log_file: Path | None = None

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.formatter_class = _HelpFormatter
        parser.epilog = "Arguments of the spider toplist, as -a NAME=VALUE:\n\n" + Arguments.help()

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        """On a terminal Scrapy's lines go to a file, unless an option or a setting says where they go."""
        super().process_options(args, opts)
        assert self.settings is not None
        root = project_dir()
        said = opts.logfile or opts.loglevel or opts.nolog or self.settings.get("LOG_FILE")
        if args == [TopListSpider.name] and sys.stderr.isatty() and root is not None and not said:
            self._log_file = root / ".scrapy" / "crawl.log"
            self._log_file.parent.mkdir(parents=True, exist_ok=True)
            self.settings.set("LOG_FILE", str(self._log_file), priority="cmdline")
            self.settings.set("LOG_FILE_APPEND", False, priority="cmdline")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) != 1:
            super().run(args, opts)
            return
        assert self.crawler_process is not None
        crawler = self.crawler_process.create_crawler(args[0])
        problems: list[BaseException | None] = []
        started: Any = self.crawler_process.crawl(crawler, **opts.spargs)
        started.add_done_callback(lambda task: problems.append(task.exception()))
        if issubclass(crawler.spidercls, TopListSpider):
            _search_less_for_cycles()
        self.crawler_process.start()
        self._tell(crawler, [each for each in problems if each is not None])

    def _tell(self, crawler: Any, problems: list[BaseException]) -> None:
        bad_input = next((each for each in problems if isinstance(each, InputError)), None)
        bad_input = bad_input or getattr(getattr(crawler.spider, "control", None), "bad_input", None)
        if bad_input is not None:
            print(f"toplist: {bad_input}", file=sys.stderr)
            if self.settings and self.settings.get("LOG_FILE"):
                logger.error("%s", bad_input)
            self.exitcode = 2
            return
        for problem in problems:
            kind = type(problem).__name__
            logger.critical("The crawl could not be made: %s: %s", kind, problem, exc_info=problem)
        snapshot = _snapshot(crawler)
        if problems or snapshot is None:
            self.exitcode = 1 if problems else self.exitcode
            return
        verdict = snapshot.verdict(crawler.stats.get_value("finish_reason"))
        spider = crawler.spider
        language = spider.config.language
        if spider.options.dry_run and spider.plan is not None:
            print("\n".join([spider.plan.cost.table(), *remarks(spider.summary, language)]))
        else:
            extras = (spider.details, spider.daily)
            print("\n".join([table(spider.summary, language), *(line for each in extras for line in each.summary())]))
        if snapshot.report is not None:
            print(f"{_PAGE[language]}{snapshot.report.uri}")
        logger.log(logging.INFO if verdict.is_good else logging.ERROR, "Verdict: %s", verdict)
        if self._log_file is not None:
            print(f"{verdict.in_language(language)}\n{_LOG[language]}{self._log_file}")
        self.exitcode = verdict.exit_status


def _search_less_for_cycles() -> None:
    """Rows hold no cycle, and what is imported stays: to search both again and again took a tenth of a crawl's time."""
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS)


def _snapshot(crawler: Crawler) -> SnapshotExtension | None:
    """None for another spider, and for a crawl that ended before its extensions were made."""
    try:
        return crawler.get_extension(SnapshotExtension)
    except RuntimeError:
        return None
