"""`scrapy deploycheck`: try what was just deployed to Scrapyd, and take it back if it does not run.

Scrapyd answers 200 to an egg that can't be imported, `scrapyd-deploy` then exits 0, and the broken egg is the newest
version: every later job runs it. So the newest version is made to do a dry run where it will work, with the server's
own environment: settings, secrets, database and feed target are tried, and nothing is crawled.
"""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError
from scrapy.utils.conf import arglist_to_dict

from toplist.errors import ToplistError

if TYPE_CHECKING:
    from scrapyd_client.pyclient import ScrapydClient  # type: ignore[import-untyped]

SPIDER = "toplist"
GOOD = "Verdict: complete"

_POLL_INTERVAL = 0.5  # seconds between two looks at the job


class Broken(ToplistError):
    """The version does not run. The message says why, by its own log."""


class Unreachable(ToplistError):
    """The version could not be tried. The message says why."""


class Command(ScrapyCommand):
    """Exit status 0: the newest version made its dry run. 3: it did not and was deleted, or it could not be tried."""

    requires_project = True
    requires_crawler_process = False

    def syntax(self) -> str:
        return "[options] [TARGET]"

    def short_desc(self) -> str:
        return "Try the version that was just deployed to Scrapyd, and delete it if it does not run"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        parser.add_argument(
            "-a", dest="spargs", action="append", default=[], metavar="NAME=VALUE", help="as of a crawl"
        )
        parser.add_argument("--timeout", type=float, default=300, help="seconds to wait (default: %(default)g)")
        parser.add_argument("--keep", action="store_true", help="say what is wrong and delete nothing")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        if len(args) > 1:
            raise UsageError("scrapy deploycheck takes one target of scrapy.cfg")
        try:
            arguments = {"dry_run": "1", **arglist_to_dict(opts.spargs)}
        except ValueError:
            raise UsageError("Invalid -a value, use -a NAME=VALUE", print_help=False) from None
        try:
            client, project = _server(args[0] if args else "default")
            version = _newest(client, project)
            try:
                _dry_run(client, project, version, arguments, opts.timeout)
            except Broken as broken:
                self._fail(f"version {version} does not run: {broken}" + ("" if opts.keep else "; it was deleted"))
                if not opts.keep:
                    client.delversion(project, version)
                return
        except Unreachable as error:
            self._fail(str(error))
            return
        print(f"Version {version} of {project} runs.")

    def _fail(self, sentence: str) -> None:
        print(f"toplist: {sentence}.", file=sys.stderr)
        self.exitcode = 3


def _server(name: str) -> tuple[ScrapydClient, str]:
    """A target of scrapy.cfg, as `scrapyd-deploy` reads it. Raises Unreachable."""
    try:
        from scrapyd_client.pyclient import ScrapydClient
        from scrapyd_client.utils import get_config  # type: ignore[import-untyped]
    except ImportError:
        raise Unreachable("scrapyd-client is missing: pip install scrapyd-client") from None
    config = get_config()
    sections = ("deploy", f"deploy:{name}")
    target = {key: value for each in sections if config.has_section(each) for key, value in config.items(each)}
    named = name == "default" or config.has_section(f"deploy:{name}")
    if not named or not {"url", "project"} <= target.keys():
        raise Unreachable(f"scrapy.cfg has no [deploy] target {name!r} with a url and a project")
    url = target["url"].rstrip("/")
    return ScrapydClient(url, target.get("username"), target.get("password", "")), target["project"]


def _newest(client: ScrapydClient, project: str) -> str:
    from requests import RequestException
    from scrapyd_client.exceptions import ErrorResponse, MalformedResponse  # type: ignore[import-untyped]

    try:
        versions: list[str] = client.versions(project)
    except (RequestException, ErrorResponse, MalformedResponse) as error:
        raise Unreachable(f"Scrapyd at {client.url} does not answer ({type(error).__name__})") from None
    if not versions:
        raise Unreachable(f"Scrapyd at {client.url} has no version of {project}: run scrapyd-deploy first")
    return versions[-1]


def _dry_run(client: ScrapydClient, project: str, version: str, arguments: dict[str, str], timeout: float) -> None:
    """Raises Broken, or Unreachable where no slot came free or the job did not end in time."""
    import requests
    from scrapyd_client.exceptions import ErrorResponse

    try:
        job = client.schedule(project, SPIDER, [("_version", version), *arguments.items()])
    except ErrorResponse as error:  # the egg can't be imported: what is said is a traceback
        raise Broken((str(error).strip().splitlines() or ["no reason was given"])[-1]) from None
    ends = time.monotonic() + timeout
    while client.status(job, project)["currstate"] != "finished":
        if time.monotonic() > ends:
            client.cancel(project, job)
            raise Unreachable(f"the dry run of version {version} did not end within {timeout:g} s, it was not checked")
        time.sleep(_POLL_INTERVAL)
    answer = requests.get(f"{client.url}/logs/{project}/{SPIDER}/{job}.log", auth=client.auth)
    lines = answer.text.splitlines() if answer.ok else []
    if not any(GOOD in line for line in lines):
        raise Broken(_reason(lines))


def _reason(lines: list[str]) -> str:
    """The log's last error, or its last line."""
    errors = [line for line in lines if " ERROR: " in line or " CRITICAL: " in line]
    last = (errors or lines or ["its job wrote no log, so the reason stands in Scrapyd's own"])[-1]
    return last.partition("] ")[2].strip().rstrip(".") or last.strip().rstrip(".")
