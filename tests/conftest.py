import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import NoReturn

import pytest

from tests.harness import Project
from tests.postgres_server import NoPostgres, serve_postgres
from toplist.sandbox.process import SandboxProcess


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture
def gateway() -> Iterator[Callable[..., SandboxProcess]]:
    """Starts sandboxes that are gateways to a crawl: `gateway("--total=20", "--fault=kind=403,nth=5")`."""
    with ExitStack() as stack:
        yield lambda *options: stack.enter_context(SandboxProcess(*options))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[[], str]]:
    """Makes databases on a real PostgreSQL: each call gives the URL of a new, empty one."""
    with ExitStack() as stack:
        try:
            server = stack.enter_context(serve_postgres("fsync=off"))
        except NoPostgres as error:
            missing(str(error))
        yield server.url


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.db'}"
    url: str = request.getfixturevalue("postgres")()
    return url


def missing(what: str) -> NoReturn:
    """A server that a test needs is not there: on a user's machine the test is skipped, in CI it fails."""
    if os.environ.get("CI") == "true":
        pytest.fail(what, pytrace=False)
    pytest.skip(what)
