from __future__ import annotations

from collections.abc import Iterator

import pytest
from sandbox_client import Client

from toplist.sandbox.process import SandboxProcess


@pytest.fixture(scope="session")
def running() -> Iterator[SandboxProcess]:
    """One sandbox for all tests that need nothing of their own."""
    with SandboxProcess("--date", "2026-11-24") as sandbox:
        yield sandbox


@pytest.fixture
def client(running: SandboxProcess) -> Iterator[Client]:
    """A new connection to a gateway on which nothing goes wrong yet."""
    running.faults([])
    running.without_grants([])
    running.move_to("2026-11-24")
    client = Client(running)
    yield client
    client.connection.close()
