"""``scrapy sandbox``: a local gateway on a port, with faults on demand."""

from __future__ import annotations

import argparse
import asyncio

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from toplist.errors import InputError


class Command(ScrapyCommand):
    """Serves until stopped, and prints one JSON line with its address and its own keys.

    Scrapy imports every command to run one: the server is imported where it is used, or each crawl would wait for it.
    """

    requires_crawler_process = False

    def short_desc(self) -> str:
        return "Serve a local 1688 gateway for trials"

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        from toplist.sandbox.server import add_options

        super().add_options(parser)
        add_options(parser)

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        from toplist.sandbox.server import gateway_from, serve

        if args:
            raise UsageError(f"scrapy sandbox takes options only, not {args[0]!r}")
        gateway = gateway_from(opts)
        try:
            asyncio.run(serve(gateway, opts.host, opts.port, until_stdin_closes=opts.until_stdin_closes))
        except InputError as error:
            raise UsageError(str(error), print_help=False) from None
