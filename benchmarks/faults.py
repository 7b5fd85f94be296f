"""Every fault in every phase: `python -m benchmarks.faults [part …]`. All of it takes about five minutes.

Prints each cell that is not as expected, then a count of cells by phase, the peak memory and the processor time.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path

from tests.reliability import matrix, whole
from tests.reliability.fault_table import UNSEEN
from tests.reliability.matrix import Crawl
from toplist.ranktypes import Protocol

PARTS: dict[str, Callable[[Path], Iterable[Crawl]]] = {
    "pages-base64": lambda folder: [matrix.pages(folder, Protocol.BASE64)],
    "pages-openplatform": lambda folder: [matrix.pages(folder, Protocol.OPENPLATFORM)],
    "share-20-base64": lambda folder: [matrix.shares(folder, Protocol.BASE64, 0.2)],
    "share-20-openplatform": lambda folder: [matrix.shares(folder, Protocol.OPENPLATFORM, 0.2)],
    "share-1-base64": lambda folder: [matrix.shares(folder, Protocol.BASE64, 0.01)],
    "share-1-openplatform": lambda folder: [matrix.shares(folder, Protocol.OPENPLATFORM, 0.01)],
    "offers": lambda folder: [matrix.offers(folder)],
    "tree": lambda folder: [matrix.tree(folder)],
    "token": matrix.token,
    "whole": whole.whole,
    "certificates": whole.certificates,
    "restart": whole.restart,
    "database": whole.database,
    "upload": whole.upload,
}


class Tally:
    """The cells by phase, and the cost of the crawls."""

    def __init__(self) -> None:
        self.counts: dict[str, Counter[bool]] = {}
        self.memory = self.seconds = 0.0
        self.is_new = False

    def add(self, crawl: Crawl) -> None:
        self.memory, self.seconds = max(self.memory, crawl.memory), self.seconds + crawl.seconds
        for cell in crawl.cells:
            self.counts.setdefault(cell.phase, Counter())[cell.is_right] += 1
            if not cell.is_right:
                self.is_new = self.is_new or not cell.is_unseen
                where = f"{'(known) ' * cell.is_unseen}{cell.phase}: {cell.fault}, {cell.dose}"
                print(f"  {where}: {cell.came}; expected: {cell.expected}", flush=True)

    def tell(self) -> None:
        print(f"{'phase':<40}{'cells':>6}{'as expected':>13}")
        for phase, count in self.counts.items():
            print(f"{phase:<40}{count.total():>6}{count[True]:>13}")
        every = sum(self.counts.values(), Counter())
        print(f"{'all':<40}{every.total():>6}{every[True]:>13}")
        print(f"peak memory of a crawl {self.memory:.0f} MB; {self.seconds:.0f} s of the crawls' processor time")
        print(f"no answer shows these: {', '.join(f'{kind} ({protocol})' for kind, protocol in sorted(UNSEEN))}")


def run(parts: list[str]) -> bool:
    """Whether every cell was as expected, but for those that no answer shows."""
    began = time.monotonic()
    tally = Tally()
    for part in parts:
        with tempfile.TemporaryDirectory() as folder:
            for crawl in PARTS[part](Path(folder)):
                tally.add(crawl)
    tally.tell()
    print(f"{time.monotonic() - began:.0f} s in all, load {os.getloadavg()[0]:.1f} after")
    return not tally.is_new


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="which parts; all if none is given")
    sys.exit(0 if run(parser.parse_args().parts or list(PARTS)) else 1)
