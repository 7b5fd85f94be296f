"""What `pip install .` installs beside the package."""

import os
import subprocess
import sys
from email import message_from_string
from pathlib import Path

from tests.harness import ROOT

_METADATA = (
    "import sys; from setuptools.build_meta import prepare_metadata_for_build_wheel as prepare;"
    " print(prepare(sys.argv[1]))"
)


def test_the_package_requires_what_the_requirements_name(tmp_path: Path) -> None:
    """The build works on a copy: it writes beside what it builds."""
    copy = tmp_path / "copy"
    (copy / "toplist").mkdir(parents=True)
    (copy / "toplist" / "__init__.py").touch()
    for name in ("setup.py", "pyproject.toml", "requirements.txt", "README.md", "LICENSE"):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    made = subprocess.run(
        [sys.executable, "-c", _METADATA, str(tmp_path)],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (metadata,) = tmp_path.glob("*.dist-info/METADATA")
    required = message_from_string(metadata.read_text(encoding="utf-8")).get_all("Requires-Dist") or []
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    wanted = [line for line in lines if line and not line.startswith("#")]
    assert made.returncode == 0
    assert sorted(map(_plain, required)) == sorted(map(_plain, wanted))


def _plain(requirement: str) -> str:
    """The name and the version's parts, in one order."""
    text = requirement.partition(";")[0].replace(" ", "").replace("(", "").replace(")", "")
    return "".join(sorted(text))
