from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.harness import Project
from toplist.sandbox.process import SandboxProcess


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def gateway() -> Iterator[Callable[..., SandboxProcess]]:
    """Starts sandboxes that are gateways to a crawl: `gateway("--total=20", "--fault=kind=403,nth=5")`."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(SandboxProcess(*options))
