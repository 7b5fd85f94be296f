"""Counts what the package uses of other projects' private names: `python -m tests.private_attributes`.

Exit status 1 where one stands outside `toplist/compat.py`, or more than four inside. Counted are: `x._name` where `x`
is not `self` or `cls`; `self._name` and methods `_name` where a base class of another project has that name; and
imports of `_name`, or from a module `_name`, of another project.
"""

from __future__ import annotations

import ast
import importlib
import inspect
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = "toplist"
ALLOWED = Path(PACKAGE, "compat.py")
MOST = 4
_OWN = ("self", "cls")
# A named tuple's documented methods, and the argument that Scrapyd passes to every spider.
_PUBLIC = frozenset({"_asdict", "_fields", "_make", "_replace", "_job"})


class Use(NamedTuple):
    """One use of a private name."""

    path: Path
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.name}"


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_" and name not in _PUBLIC


def uses(source: str, path: Path) -> Iterator[Use]:
    """What a module's text shows by itself: attributes of other objects, and imports."""
    tree = ast.parse(source)
    own = {each.name for each in ast.walk(tree) if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and _is_private(node.attr):
            receiver = ast.unparse(node.value)
            if receiver not in _OWN and (node.attr not in own or receiver == "super()"):
                yield Use(path, node.lineno, f"{receiver}.{node.attr}")
        elif isinstance(node, ast.ImportFrom) and not node.level and not (node.module or "").startswith(PACKAGE):
            names = [*(node.module or "").split("."), *(each.name for each in node.names)]
            if any(map(_is_private, names)):
                yield Use(path, node.lineno, f"from {node.module} import {', '.join(each.name for each in node.names)}")
        elif isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "setattr", "hasattr"):
            name = node.args[1] if len(node.args) > 1 else None
            is_text = isinstance(name, ast.Constant) and isinstance(name.value, str)
            if is_text and _is_private(name.value) and ast.unparse(node.args[0]) not in _OWN:
                yield Use(path, node.lineno, ast.unparse(node))


def inherited(source: str, path: Path, module: str) -> Iterator[Use]:
    """Private names of base classes of other projects that a class of the module reads, sets or overrides."""
    loaded = importlib.import_module(module)
    for node in ast.walk(ast.parse(source)):
        own = getattr(loaded, node.name, None) if isinstance(node, ast.ClassDef) else None
        if not isinstance(node, ast.ClassDef) or not isinstance(own, type):
            continue
        foreign = [base for base in own.__mro__ if not base.__module__.startswith((PACKAGE, "builtins", "typing"))]
        names = set().union(*map(private_names, foreign))
        for each in ast.walk(node):
            is_own = isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id in _OWN
            name = each.attr if isinstance(each, ast.Attribute) and is_own else getattr(each, "name", None)
            if isinstance(name, str) and name in names:
                yield Use(path, getattr(each, "lineno", 0), f"{node.name}.{name} of {foreign[0].__module__}")


def private_names(base: type) -> set[str]:
    """Names that a class defines, or sets on `self` in its methods."""
    names = {name for name in vars(base) if _is_private(name)}
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(base)))
    except (OSError, TypeError, SyntaxError):
        return names
    stored = (each for each in ast.walk(tree) if isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store))
    return names | {each.attr for each in stored if ast.unparse(each.value) == "self" and _is_private(each.attr)}


def all_uses(root: Path) -> list[Use]:
    found = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        relative = path.relative_to(root)
        source = path.read_text(encoding="utf-8")
        module = ".".join(relative.with_suffix("").parts).removesuffix(".__init__")
        found += [*uses(source, relative), *inherited(source, relative, module)]
    return found


def main() -> int:
    found = all_uses(Path(__file__).resolve().parent.parent)
    outside = [each for each in found if each.path != ALLOWED]
    inside = {each.name for each in found if each.path == ALLOWED}
    for use in found:
        print(use)
    print(f"{len(inside)} private names of other projects in {ALLOWED} (at most {MOST}), {len(outside)} elsewhere (0)")
    return 1 if outside or len(inside) > MOST else 0


if __name__ == "__main__":
    sys.exit(main())
