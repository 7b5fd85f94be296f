"""`scrapy doctor`: is everything in place, and what to do about what is not."""

from __future__ import annotations

import argparse
import json
import os
from datetime import timedelta
from typing import Any

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError
from sqlalchemy.engine import URL, make_url

from toplist.config import Config
from toplist.dates import business_date, utc_now
from toplist.doctor import CheckState, DoctorSpider, Finding, is_ready
from toplist.errors import InputError
from toplist.feeds.delivery import check_access
from toplist.feeds.s3 import S3Options
from toplist.feeds.snapshot import all_targets, check_feeds
from toplist.feeds.uris import check_targets, parse_targets, undated
from toplist.language import Language, locale_language
from toplist.ranktypes import Protocol
from toplist.report.publish import SETTING as REPORT_URI
from toplist.report.publish import report_target
from toplist.storage.database import open_database
from toplist.storage.trend_models import states
from toplist.tables import text_table

_CHANGE = "change the setting that the sentence names"
_CHINESE = {
    CheckState.OK: "正常",
    CheckState.NOTE: "注意",
    CheckState.PROBLEM: "问题",
    CheckState.UNCHECKED: "未检查",
}
_END = {
    Language.ENGLISH: ("A crawl would not work.", "A crawl would work."),
    Language.CHINESE: ("现在无法抓取。", "可以抓取。"),
}


class Command(ScrapyCommand):
    """Tries what a crawl needs, within a crawl's limits.

    Exit status 0: a crawl would work. 3: it would not. 2: bad input.
    """

    requires_project = True

    def short_desc(self) -> str:
        return "Is everything in place for a crawl, and what to do about what is not"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument("--gateway", choices=["sandbox"], help="look at a sandbox instead of TOPLIST_GATEWAY_URL")
        parser.add_argument("--json", action="store_true", help="print the findings as JSON")

    def process_options(self, args: list[str], opts: argparse.Namespace) -> None:
        super().process_options(args, opts)
        if not opts.loglevel and self.settings is not None:
            # Only the findings are said: what the log tells of a problem is in them.
            self.settings.set("LOG_LEVEL", "CRITICAL", priority="cmdline")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if args:
            raise UsageError(f"scrapy doctor takes options only, not {args[0]!r}")
        findings = _local(self.settings, opts.gateway == "sandbox")
        if not any(each.is_blocking for each in findings):
            findings += self._asked(opts.gateway)
        ready = is_ready(findings)
        if opts.json:
            print(json.dumps({"ready": ready, "checks": [each.as_json() for each in findings]}, ensure_ascii=False))
        else:
            language = _language(self.settings)
            print(table(findings, language))
            print(_END[language][ready])
        self.exitcode = 0 if ready else 3

    def _asked(self, gateway: str | None) -> list[Finding]:
        assert self.crawler_process is not None
        crawler = self.crawler_process.create_crawler(DoctorSpider)
        problems: list[BaseException | None] = []
        started: Any = self.crawler_process.crawl(crawler, gateway=gateway)
        started.add_done_callback(lambda task: problems.append(task.exception()))
        self.crawler_process.start()
        spider: Any = crawler.spider
        found: list[Finding] = list(spider.findings) if spider is not None else []
        broken = [each for each in problems if each is not None]
        if broken or not found:
            said = str(broken[0]) if broken and isinstance(broken[0], InputError) else "the gateway was not asked"
            found.append(Finding("gateway", CheckState.PROBLEM, said, "run again with --loglevel=INFO", is_needed=True))
        return found


def _local(settings: Any, sandbox: bool) -> list[Finding]:
    """What can be seen without a request."""
    try:
        config = Config.load(settings, sandbox=sandbox)
    except InputError as error:
        # A crawl's argument is this command's option.
        said = str(error).replace("-a gateway=sandbox", "--gateway=sandbox")
        return [Finding("settings", CheckState.PROBLEM, said, _CHANGE, is_needed=True)]
    where = "the sandbox" if sandbox else config.gateway_url
    findings = [Finding("settings", CheckState.OK, f"{config.protocol} at {where}", is_needed=True)]
    if config.protocol is Protocol.OPENPLATFORM and not sandbox:
        findings.append(_token(config))
    database = _database(config)
    findings += [database, *(() if database.is_blocking else _counts(config))]
    return [*findings, _feed(config, settings)]


def _token(config: Config) -> Finding:
    tokens, now = config.tokens, utc_now()
    ends = tokens.refresh_expires_at or (None if tokens.refresh_token else tokens.access_expires_at)
    days = (ends - now).total_seconds() / 86_400 if ends else None
    left = f", {days:.1f} days left" if days is not None else ""
    if days is not None and days <= 0:
        todo = "have the merchant grant the app anew, and set TOPLIST_REFRESH_TOKEN"
        return Finding("token", CheckState.PROBLEM, "the refresh token has expired", todo, is_needed=True)
    if tokens.refresh_token is None:
        todo = "set TOPLIST_REFRESH_TOKEN and TOPLIST_TOKEN_FILE, or it ends a crawl when it expires (10 hours)"
        return Finding("token", CheckState.NOTE, f"an access token that can't be renewed{left}", todo, is_needed=True)
    if config.token_file is None:
        todo = "set TOPLIST_TOKEN_FILE, so that the next crawl knows what this one's refresh brought"
        return Finding("token", CheckState.NOTE, f"renewable{left}, kept nowhere", todo, is_needed=True)
    if days is not None and days < 30:
        todo = "have the merchant grant the app anew before it ends"
        return Finding("token", CheckState.NOTE, f"renewable{left}", todo, is_needed=True)
    return Finding("token", CheckState.OK, f"renewable{left or ', its end is not known'}", is_needed=True)


def _database(config: Config) -> Finding:
    url = make_url(config.places.database_url)
    try:
        open_database(config.places.database_url).dispose()
    except InputError as error:
        return Finding("database", CheckState.PROBLEM, str(error), _database_todo(url, str(error)), is_needed=True)
    return Finding("database", CheckState.OK, url.render_as_string(hide_password=True), is_needed=True)


def _database_todo(url: URL, said: str) -> str:
    """What to do about a database that can't be opened, by what its driver said."""
    if "not supported" in said:
        return "take SQLite (leave TOPLIST_DATABASE_URL unset) or PostgreSQL"
    if "driver is not installed" in said:
        return "write postgresql+psycopg://, whose driver comes with toplist"
    if url.get_backend_name() == "sqlite":
        return "make the file and its folder writable for this user, or name another file"
    said = said.partition("can't be used: ")[2].partition("; it takes")[0].casefold()
    if "authentication" in said or "password" in said or "role" in said:
        return "correct user and password in TOPLIST_DATABASE_URL"
    if "does not exist" in said:
        return f"create the database, for example: createdb {url.database}"
    if "permission denied" in said:
        return "let the user create tables in its schema: GRANT CREATE ON SCHEMA public TO …"
    return "start the server, or correct host and port in TOPLIST_DATABASE_URL"


def _counts(config: Config) -> list[Finding]:
    """What a sale count covers, with the evidence, and what the breakout models are worth."""
    engine = open_database(config.places.database_url)
    found = states(engine, business_date(utc_now()) + timedelta(days=1))
    engine.dispose()
    findings = []
    for source, protocol, state in found:
        coverage = state.coverage(protocol, config.count_covers)
        findings.append(Finding(f"sale counts {source} {protocol}", CheckState.OK, f"{coverage} ({state.evidence})"))
        findings.append(Finding(f"heat index {source} {protocol}", CheckState.OK, state.reference(protocol).described))
        if notes := [*state.warnings(coverage), *state.notes(coverage)]:
            findings.append(Finding(f"breakout {source} {protocol}", CheckState.NOTE, "; ".join(notes)))
    return findings


def _feed(config: Config, settings: Any) -> Finding:
    day = business_date(utc_now())
    try:
        check_feeds(config.places, day)
        targets = parse_targets(config.places.feed_uri, day)
        report = [each for each in [report_target(config.places, day)] if each is not None]
        check_targets(report, spool=config.places.spool, setting=REPORT_URI)
    except InputError as error:
        todo = "make the folder writable, or name another place" if "can't be written" in str(error) else _CHANGE
        return Finding("feed", CheckState.PROBLEM, str(error), todo, is_needed=True)
    failed = check_access([*all_targets(config.places, day), *report], s3=S3Options.from_settings(settings))
    if failed:
        # One sentence for a reason, however many of the places it keeps from being used.
        said = " ".join(
            {each.reason.partition("can't be used: ")[2]: each.reason for each in reversed(failed)}.values()
        )
        todo = "check the bucket, the keys (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY) and the region"
        if all(each.is_transient for each in failed):
            todo = "check AWS_ENDPOINT_URL_S3 and the network; a crawl keeps its feed until S3 answers"
        return Finding("feed", CheckState.PROBLEM, said, todo, is_needed=True)
    shown = " ".join(target.uri for target in targets)
    if undated(targets, day):
        todo = "put %(snapshot_date)s into TOPLIST_FEED_URI"
        return Finding(
            "feed", CheckState.NOTE, f"{shown}: without a date, the next day replaces it", todo, is_needed=True
        )
    return Finding("feed", CheckState.OK, shown, is_needed=True)


def _language(settings: Any) -> Language:
    """As set; it is needed where the settings are wrong, too."""
    chosen = settings.get("TOPLIST_LANGUAGE") or os.environ.get("TOPLIST_LANGUAGE")
    return Language(chosen) if chosen in set(Language) else locale_language()


def table(findings: list[Finding], language: Language = Language.ENGLISH) -> str:
    """For people: a line a check, and what to do below it. Details are in English."""
    words = _CHINESE if language is Language.CHINESE else {}
    rows: list[tuple[str, str, str]] = []
    for each in findings:
        rows.append((words.get(each.state, each.state.value), each.check, each.seen))
        if each.todo:
            rows.append(("", "", f"-> {each.todo}"))
    return text_table((), rows, left=3)
