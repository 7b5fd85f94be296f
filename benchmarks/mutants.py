"""Do the tests hold the core? Small changes to it, and whether the fast tests of the changed module fail:
`python -m benchmarks.mutants [--most N] [--seed S] [--processes P] [--only MODULE …]
[--again REPORT]`.

A mutant is one change to one module: a comparison, a sign, a constant, a condition, a returned value, a statement. The
same seed takes the same ones, spread evenly over the modules. Each runs in a copy of the project, in a process forked
from one that has the libraries loaded. A mutant is caught when a test fails or the tests take too long.
"""

from __future__ import annotations

import argparse
import ast
import copy
import importlib
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
API = ["tests/api/test_" + name + ".py" for name in ("responses", "rows", "values", "bounds", "error_rules", "fuzz")]
RATE = ["tests/ratelimit/test_" + name + ".py" for name in ("borders", "slots", "limiter", "model")]
TRENDS = ["tests/trends/test_trends_" + name + ".py" for name in ("borders", "lists", "heat", "properties")]
BORDERS = "tests/trends/test_trends_borders.py"

#: Module → the tests that hold it, those that fail soonest first.
HELD_BY: dict[str, list[str]] = {
    "api/calls": ["tests/api/test_signing.py", "tests/api/test_calls.py", "tests/api/test_tokens.py"],
    "api/decoding": ["tests/api/test_decoding.py", "tests/api/test_details.py", *API],
    "api/responses": ["tests/api/test_category_responses.py", *API, "tests/test_list_pages.py"],
    "api/rows": ["tests/api/test_rows.py", *API, "tests/test_list_pages.py"],
    "api/values": ["tests/api/test_values.py", "tests/api/test_details.py", "tests/api/test_daily.py", *API],
    "api/numbers": ["tests/api/test_values.py", "tests/api/test_details.py", "tests/api/test_daily.py", *API],
    "api/error_rules": ["tests/api/test_error_rules.py", "tests/api/test_tokens.py", *API],
    "ratelimit/slots": RATE,
    "ratelimit/limiter": ["tests/ratelimit/test_limiter.py", "tests/ratelimit/test_model.py"],
    "ratelimit/shared_state": [
        "tests/ratelimit/test_clock_offset.py",
        "tests/ratelimit/test_shared_state.py",
        *RATE,
    ],
    "trends/growth": ["tests/trends/test_trends_growth.py", *TRENDS],
    "trends/price": ["tests/trends/test_trends_price.py", *TRENDS],
    "trends/ranks": ["tests/trends/test_trends_ranks.py", *TRENDS],
    "trends/score": ["tests/trends/test_score.py", *TRENDS],
    "trends/list_columns": ["tests/trends/test_list_columns.py", "tests/trends/test_trends_breakout.py", *TRENDS],
    "trends/breakout": ["tests/trends/test_trends_breakout.py", *TRENDS, "tests/trends/test_trends_model.py"],
    "trends/model": ["tests/trends/test_trends_model.py", BORDERS, "tests/trends/test_trends_backtest.py"],
    "trends/features": [
        "tests/trends/test_trends_features.py",
        "tests/trends/test_trends_formulas.py",
        *TRENDS,
        "tests/trends/test_trends_model.py",
    ],
    "trends/outcomes": ["tests/trends/test_trends_outcomes.py", BORDERS, "tests/trends/test_trends_backtest.py"],
    "trends/count_kind": ["tests/trends/test_count_kind.py", *TRENDS],
}
#: Tests too slow for a mutant, and those that want a server.
LEFT_OUT = "not (postgresql or 100_000 or hidden_market or mutated_answers or 50_000)"
LIBRARIES = (
    "pytest",
    "hypothesis",
    "hypothesis.strategies",
    "pydantic",
    "sqlalchemy",
    "scrapy.http",
    "numpy",
    "sklearn",
)
EXAMPLES = 25
LONGEST = 40.0

SWAPS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult, ast.Pow: ast.Mult,
}  # fmt: skip
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any"}


@dataclass(frozen=True)
class Mutant:
    """One change: `source` is the whole changed module, `line` the line in the original."""

    module: str
    line: int
    before: str
    after: str
    source: str

    def __str__(self) -> str:
        return f"toplist/{self.module}.py:{self.line}: {self.before}  ->  {self.after}"


def _changed(node: ast.AST) -> Iterator[ast.AST]:
    """Every changed form of a node."""
    match node:
        case ast.Compare():
            for index, operator in enumerate(node.ops):
                changed = copy.deepcopy(node)
                changed.ops[index] = SWAPS[type(operator)]()
                yield changed
        case ast.BoolOp() | ast.BinOp() | ast.AugAssign() if type(node.op) in SWAPS:
            changed = copy.deepcopy(node)
            changed.op = SWAPS[type(node.op)]()
            yield changed
        case ast.UnaryOp(op=ast.Not() | ast.USub()):
            yield node.operand
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield ast.Constant(value + 1)
            yield ast.Constant(value - 1)
        case ast.Call(func=ast.Name(id=name)) if name in CALLS:
            changed = copy.deepcopy(node)
            changed.func = ast.Name(CALLS[name])
            yield changed
        case ast.If() | ast.While() | ast.IfExp():
            changed = copy.deepcopy(node)
            changed.test = ast.UnaryOp(ast.Not(), changed.test)
            yield changed
        case ast.Return(value=ast.expr()) if not (isinstance(node.value, ast.Constant) and node.value.value is None):
            yield ast.Return(ast.Constant(None))
        case ast.Raise() | ast.Continue() | ast.Break() | ast.Assign() | ast.AugAssign() | ast.Expr(value=ast.Call()):
            yield ast.Pass()


def _places(node: ast.AST) -> Iterator[tuple[ast.AST, str, int | None]]:
    """Where nodes that a mutant may change stand: (parent, field, index). No annotations, decorators or doc strings."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list") or (isinstance(node, ast.ClassDef) and name == "bases"):
            continue
        for index, child in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(child, ast.AST) and not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child)):
                yield node, name, index
                yield from _places(child)


def _short(node: ast.AST) -> str:
    text = ast.unparse(node).splitlines()[0]
    return text if len(text) < 90 else text[:87] + "..."


def mutants_of(module: str, root: Path = ROOT) -> list[Mutant]:
    """Every mutant of a module (path below the package, without ``.py``) that is another program."""
    tree = ast.parse((root / "toplist" / f"{module}.py").read_text("utf-8"))
    found = []
    for parent, name, index in list(_places(tree)):
        held = getattr(parent, name)
        old = held if index is None else held[index]
        for new in _changed(old):
            if index is None:
                setattr(parent, name, new)
            else:
                held[index] = new
            source = ast.unparse(ast.fix_missing_locations(tree))
            found.append(Mutant(module, getattr(old, "lineno", 0), _short(old), _short(new), source))
            if index is None:
                setattr(parent, name, old)
            else:
                held[index] = old
    return found


def chosen(modules: list[str], most: int, seed: int) -> list[Mutant]:
    """At most `most` mutants, from every module as many; a small module gives what it has, the others the rest."""
    picked: list[Mutant] = []
    pools = sorted((mutants_of(module) for module in modules), key=len)
    for number, pool in enumerate(pools):
        share = (most - len(picked)) // (len(pools) - number)
        picked += random.Random(f"{seed} {pool[0].module}").sample(pool, min(share, len(pool)))
    random.Random(seed).shuffle(picked)  # slow modules spread over the run
    return picked


def _tests(copied: Path, paths: list[str]) -> None:
    """In the forked process: run the tests in the copy and end with pytest's code."""
    os.setsid()
    os.chdir(copied)
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
        os.dup2(nowhere.fileno(), 2)
    sys.path[:0] = [str(copied)]
    import hypothesis
    import pytest

    hypothesis.settings.register_profile("mutants", max_examples=EXAMPLES, database=None, derandomize=True)
    hypothesis.settings.load_profile("mutants")
    options = ["-x", "-q", "-p", "no:cacheprovider", "-o", "addopts=--import-mode=importlib", "-k", LEFT_OUT]
    os._exit(int(pytest.main([*options, *paths])))


def run_tests(copied: Path, module: str, longest: float) -> str:
    """Returns "passed", "failed" or "too long"."""
    began = time.monotonic()
    child = os.fork()
    if child == 0:
        try:
            _tests(copied, HELD_BY[module])
        finally:
            os._exit(99)
    while time.monotonic() < began + longest:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            return "failed" if os.waitstatus_to_exitcode(status) else "passed"
        time.sleep(0.02)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "too long"


_copy: Path


def _prepare(folder: str) -> None:
    """In a worker: a copy of the project of its own, and the libraries in memory. The project's code is not."""
    global _copy
    _copy = Path(tempfile.mkdtemp(dir=folder))
    for name in ("toplist", "tests"):
        shutil.copytree(ROOT / name, _copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "scrapy.cfg", "README.md"):
        shutil.copy(ROOT / name, _copy)
    sys.path[:] = [path for path in sys.path if path and Path(path).resolve() != ROOT]
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError:
            continue


def judge(mutant: Mutant) -> str:
    """What the tests of the module say to the mutant."""
    path = _copy / "toplist" / f"{mutant.module}.py"
    original = path.read_bytes()
    # A byte code file of the same second and size would be taken for that of the mutant.
    for old in path.parent.glob(f"__pycache__/{path.stem}.*.pyc"):
        old.unlink()
    path.write_text(mutant.source, "utf-8")
    sys.dont_write_bytecode = True
    try:
        return run_tests(_copy, mutant.module, LONGEST)
    finally:
        path.write_bytes(original)


def baseline(module: str) -> tuple[str, float]:
    """The tests without a change, on the module as the mutants are written."""
    path = _copy / "toplist" / f"{module}.py"
    original = path.read_bytes()
    path.write_text(ast.unparse(ast.parse(original)), "utf-8")
    began = time.monotonic()
    sys.dont_write_bytecode = False
    try:
        return run_tests(_copy, module, 3 * LONGEST), time.monotonic() - began
    finally:
        path.write_bytes(original)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--most", type=int, default=250, help="at most so many mutants (250)")
    parser.add_argument("--seed", type=int, default=1688)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", nargs="+", default=list(HELD_BY), metavar="MODULE", help="such as api/calls")
    parser.add_argument("--tests-first", action="store_true", help="run each module's tests without a change, too")
    parser.add_argument("--again", type=Path, metavar="REPORT", help="only those that survived in an earlier output")
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        pool = ProcessPoolExecutor(arguments.processes, get_context("spawn"), _prepare, (folder,))
        with pool:
            if arguments.tests_first:
                for module, (said, seconds) in zip(arguments.only, pool.map(baseline, arguments.only), strict=True):
                    print(f"{module}: {said} in {seconds:.1f} s", flush=True)
                    if said != "passed":
                        sys.exit(f"the tests of {module} fail without a change")
            mutants = chosen(arguments.only, arguments.most, arguments.seed)
            if arguments.again:
                earlier = set(arguments.again.read_text("utf-8").splitlines())
                mutants = [mutant for mutant in mutants if f"survived  {mutant}" in earlier]
            ended = Counter[tuple[str, str]]()
            for mutant, said in zip(mutants, pool.map(judge, mutants), strict=True):
                ended[mutant.module, said] += 1
                if said == "passed":
                    print(f"survived  {mutant}", flush=True)
    survived = sum(times for (_, said), times in ended.items() if said == "passed")
    print(f"\n{'module':<24}{'mutants':>8}{'caught':>8}{'survived':>10}")
    for module in arguments.only:
        passed = ended[module, "passed"]
        every = passed + ended[module, "failed"] + ended[module, "too long"]
        print(f"{module:<24}{every:>8}{every - passed:>8}{passed:>10}")
    share = (len(mutants) - survived) / len(mutants)
    print(f"caught {len(mutants) - survived} of {len(mutants)} ({share:.1%}) in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
