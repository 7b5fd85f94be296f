"""What `pip install .` installs beside the package."""

import subprocess
import sys
from pathlib import Path

from packaging.requirements import Requirement

from tests.harness import ROOT


def test_the_package_requires_what_the_requirements_name(tmp_path: Path) -> None:
    """The build works on a copy: it writes beside what it builds."""
    (tmp_path / "toplist").mkdir()
    (tmp_path / "toplist" / "__init__.py").touch()
    for name in ("setup.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "setup.py", "-q", "egg_info"], cwd=tmp_path, check=True, timeout=120)
    built = (tmp_path / "toplist.egg-info" / "requires.txt").read_text(encoding="utf-8").splitlines()
    wanted = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert _requirements(built) == _requirements(wanted)
    assert "scrapy" in _requirements(built)


def _requirements(lines: list[str]) -> dict[str, str]:
    """Versions by name; a marker stands in a line of its own in one of the two files, so it does not count."""
    parsed = [Requirement(line) for line in lines if line and line[0] not in "#["]
    return {each.name: str(each.specifier) for each in parsed}
