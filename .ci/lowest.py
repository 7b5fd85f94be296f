"""Prints requirements.txt with every range replaced by its lower bound."""

import re
from pathlib import Path

for line in Path("requirements.txt").read_text(encoding="utf-8").splitlines():
    wanted = re.match(r"([\w.\[\]-]+)>=([\w.]+)[^;]*(;.*)?$", line.split("  #")[0])
    if wanted:
        name, lowest, marker = wanted.groups()
        print(f"{name}=={lowest}{marker or ''}")
    elif line and not line.startswith("#"):
        raise SystemExit(f"requirements.txt: {line!r} has no lower bound")
