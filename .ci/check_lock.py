"""Fails where the environment is not what requirements.lock says, or the lock is older than requirements.txt."""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

locked: dict[str, str] = {}
wrong = []
for line in Path("requirements.lock").read_text(encoding="utf-8").splitlines():
    if found := re.match(r"([\w.-]+)(?:\[[\w,]+\])?==([^ ;]+) ?(?:; ([^\\]+))?", line):
        name, pinned, marker = found.groups()
        locked[canonicalize_name(name)] = pinned
        needed = Requirement(f"{name}; {marker}" if marker else name)
        if needed.marker is None or needed.marker.evaluate():
            try:
                installed = version(name)
            except PackageNotFoundError:
                installed = "not installed"
            if installed != pinned:
                wrong.append(f"{name}: {installed}, and requirements.lock says {pinned}")
for line in Path("requirements.txt").read_text(encoding="utf-8").splitlines():
    if line and not line.startswith("#"):
        wanted = Requirement(line.split("  #")[0])
        pin = locked.get(canonicalize_name(wanted.name))
        if pin is None or not wanted.specifier.contains(pin):
            wrong.append(f"{wanted}: requirements.lock has {pin}; make the lock again (CONTRIBUTING.md)")
print("\n".join(wrong) or f"{len(locked)} versions of requirements.lock are installed.")
raise SystemExit(bool(wrong))
