"""Answers that nobody thought of, against every reader:

`python -m tests.fuzz --seconds 30` lets atheris look for them, guided by the lines of toplist that they reach;
`python -m tests.fuzz --answers 1000000 [--seed 1]` changes the examples at random, so many times.

Either ends with a line of what was run and with exit status 0; an answer that breaks what `check_answer` holds ends it
at once, with the traceback, the reader and the answer.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any


def run_mutated(answers: int, seed: int) -> None:
    """Random changes to the examples, the same ones for the same seed."""
    from tests.api.answer_mutations import check_answer, mutants

    began = time.monotonic()
    ended = Counter(check_answer(reader, body) for reader, body in mutants(seed, answers))
    how = ", ".join(f"{times:,} {name}" for name, times in ended.most_common())
    print(f"{ended.total():,} mutated answers in {time.monotonic() - began:.0f} s, no crash: {how}")


def run_guided(seconds: int, seed: int) -> None:
    """Atheris, with the examples as its first corpus. Does not return."""
    if importlib.util.find_spec("atheris") is None:
        sys.exit("atheris is not installed: pip install -r requirements-dev.txt")
    atheris: Any = importlib.import_module("atheris")
    with atheris.instrument_imports(include=["toplist"]):
        from tests.api.answer_mutations import EVERY_READER, check_answer, originals

    names = sorted(EVERY_READER)

    def one(data: bytes) -> None:
        # The first byte says which reader, so that one corpus serves them all.
        if data:
            check_answer(names[data[0] % len(names)], data[1:])

    with tempfile.TemporaryDirectory(prefix="fuzz-") as corpus:
        for number, (reader, body) in enumerate(originals()):
            (Path(corpus) / str(number)).write_bytes(bytes([names.index(reader)]) + body)
        limits = [f"-max_total_time={seconds}", f"-seed={seed}", "-max_len=16384", "-timeout=10", "-rss_limit_mb=1024"]
        found = tempfile.mkdtemp(prefix="fuzz-found-")
        atheris.Setup([sys.argv[0], corpus, *limits, f"-artifact_prefix={found}/", "-print_final_stats=1"], one)
        atheris.Fuzz()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument("--seconds", type=int, help="coverage-guided, for so long")
    how.add_argument("--answers", type=int, help="so many mutated examples")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if arguments.answers:
        run_mutated(arguments.answers, arguments.seed)
    else:
        run_guided(arguments.seconds, arguments.seed)


if __name__ == "__main__":
    main()
