"""``python -m toplist.sandbox``: the sandbox alone."""

from __future__ import annotations

import argparse
import asyncio
import sys
from typing import NoReturn

from toplist.errors import InputError
from toplist.sandbox.server import add_options, gateway_from, serve


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Print one sentence, without the usage."""
        self.exit(2, f"{self.prog}: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Serve until stopped. Exit status 0, or 2 for bad input."""
    parser = _Parser(prog="toplist.sandbox", description="A local 1688 gateway for tests and trials.")
    add_options(parser)
    options = parser.parse_args(arguments)
    gateway = gateway_from(options)
    try:
        asyncio.run(serve(gateway, options.host, options.port, until_stdin_closes=options.until_stdin_closes))
    except InputError as error:
        print(f"toplist.sandbox: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
