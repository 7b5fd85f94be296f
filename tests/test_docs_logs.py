"""docs/logs.md is a run-book: what the code logs or counts stands there, with what to do about it, and nothing else."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.harness import ROOT

PAGE = (ROOT / "docs" / "logs.md").read_text(encoding="utf-8")
LEVELS = {"info", "warning", "error", "critical", "log"}
COUNTERS = {"inc_value", "set_value", "max_value", "min_value"}
SCRAPYS = ("feedexport/failed_count/", "Gave up retrying", "Error processing", "Found credentials in")
PLACE = re.compile(r"%(?:\(\w+\))?[-+ #0]*\d*(?:\.\d+)?[sdgfr]")


def shown(node: ast.expr) -> str | None:
    """A literal as the page shows it: … for what changes."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return PLACE.sub("…", node.value).replace("%%", "%")
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
    return None


def messages(node: ast.AST) -> Iterator[ast.expr]:
    """What a log formatter gives as "msg"."""
    if isinstance(node, ast.Dict):
        yield from (value for key, value in zip(node.keys, node.values, strict=True) if key and is_msg(key))
    elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Subscript) and is_msg(node.targets[0].slice):
        yield node.value


def is_msg(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == "msg"


def said(path: Path) -> Iterator[str]:
    """What a module logs at INFO and above, and the stats it counts."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        yield from filter(None, map(shown, messages(node)))
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        if node.func.attr in LEVELS and "logger" in ast.unparse(node.func.value):
            words = [text for each in node.args[:2] if (text := shown(each)) and re.search(r"\w", text)]
            yield from words[:1]
        elif node.func.attr in COUNTERS and node.args and (name := shown(node.args[0])):
            yield name


def test_every_log_line_and_stat_is_in_the_run_book() -> None:
    modules = sorted((ROOT / "toplist").rglob("*.py"))
    known = [(path.relative_to(ROOT), text) for path in modules for text in said(path)]
    assert len(known) > 40
    assert [
        (str(path), text) for path, text in known if text not in PAGE.replace("Verdict: complete", "Verdict: …")
    ] == []


def literals() -> set[str]:
    """Every text of the package, as the page shows it, that has enough words of its own to tell it from others."""
    found = set()
    for path in sorted((ROOT / "toplist").rglob("*.py")):
        if "sandbox" not in path.parts:
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.expr) and (text := shown(node)):
                    found.add(re.sub(r"\{[^{}]*\}", "…", text))  # a text that is filled in by str.format
    return {text for text in found if len(re.sub(r"[\W_]", "", text)) >= 4}


def is_said(line: str, texts: set[str]) -> bool:
    """Whether the package has a text of which the line can be made, or the other way round."""
    wanted = re.compile(re.escape(line).replace("…", ".*"))
    patterns = (re.escape(text).replace("…", ".*") for text in texts if text[:3] == line[:3] or "…" in text[:3])
    return any(map(wanted.search, texts)) or any(re.fullmatch(pattern, line) for pattern in patterns)


def test_every_line_and_stat_of_the_run_book_is_said_by_the_code() -> None:
    texts = literals()
    cells = [line.split(" | ")[0] for line in PAGE.splitlines() if line.startswith("| `")]
    lines = [line for cell in cells for line in re.findall(r"`([^`]+)`", cell)]
    assert len(lines) > 60
    assert [line for line in lines if not is_said(line, texts) and not line.startswith(SCRAPYS)] == []


def test_a_line_that_no_code_says_is_found() -> None:
    assert not is_said("The moon is full: …", literals())


def test_every_row_says_what_to_do() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(rows) > 40
    assert [row for row in rows if "action needed" not in row and "can be ignored" not in row] == []
