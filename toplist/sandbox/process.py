"""The sandbox as a child process. It stops when this process ends, even if this process is killed.

Imports neither Scrapy nor aiohttp, so that a crawl and a test can import it at low cost.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import IO, Any
from urllib.request import ProxyHandler, Request, build_opener

from toplist.errors import ToplistError

START_TIMEOUT = 20.0
_STOP_TIMEOUT = 5.0
_STDERR_TAIL = 2000
# Requests to the child never go through a proxy from the environment.
_open = build_opener(ProxyHandler({})).open


class SandboxError(ToplistError):
    """The sandbox did not start, or a control was refused. The message says why."""


class SandboxProcess:
    """A running sandbox. ``SandboxProcess("--qps", "2", "--fault", "kind=403,nth=5")``.

    `environment` is added to the child's. Credentials go there and not into the options, which other users can read.
    Raises SandboxError, with the child's error output, when it does not start.
    """

    url: str
    app_key: str
    app_secret: str
    access_token: str
    refresh_token: str

    def __init__(
        self, *options: str, environment: Mapping[str, str] | None = None, timeout: float = START_TIMEOUT
    ) -> None:
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - stays open as long as the child runs
        self._child = subprocess.Popen(
            [sys.executable, "-m", "toplist.sandbox.server", "--until-stdin-closes", *options],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            env=os.environ | dict(environment or {}) | {"PYTHONPATH": _import_path()},
            # Ctrl-C must reach the crawl only: it ends in order, and stops its gateway at the end.
            start_new_session=True,
        )
        try:
            announced = self._announcement(timeout)
        except BaseException:
            self.stop()
            raise
        self.url = announced["url"]
        self.app_key = announced["app_key"]
        self.app_secret = announced["app_secret"]
        self.access_token = announced["access_token"]
        self.refresh_token = announced["refresh_token"]

    def _announcement(self, timeout: float) -> dict[str, str]:
        lines: list[bytes] = []
        assert self._child.stdout is not None
        out = self._child.stdout
        reader = threading.Thread(target=lambda: lines.append(out.readline()), daemon=True)
        reader.start()
        reader.join(timeout)
        if lines and lines[0]:
            announced: dict[str, str] = json.loads(lines[0])
            return announced
        why = f"did not answer within {timeout:g} s" if reader.is_alive() else "ended at once"
        raise SandboxError(f"the sandbox {why}: {self._error_output() or 'it printed nothing'}")

    def _error_output(self) -> str:
        self._stderr.seek(0)
        return self._stderr.read()[-_STDERR_TAIL:].decode(errors="replace").strip()

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._child.pid

    @property
    def address(self) -> str:
        """Scheme, host and port, without a path."""
        return self.url.removesuffix("/openapi")

    def state(self, since: int = 0) -> dict[str, Any]:
        """What arrived and how it was answered, from request number `since` on; see `toplist.sandbox.limits`."""
        return self._control("state" + (f"?since={since}" if since else ""))

    def faults(self, rules: Sequence[str | Mapping[str, Any]]) -> None:
        """Replace the rules of faults; see `toplist.sandbox.faults`."""
        self._control("faults", list(rules))

    def without_grants(self, names: Sequence[str]) -> None:
        """Refuse these rank types or APIs as not granted, and no others."""
        self._control("grants", {"without": list(names)})

    def expire_token(self) -> None:
        """Expire the valid access token."""
        self._control("expire", {})

    def move_to(self, date: str) -> None:
        """Set the market's date (ISO)."""
        self._control("date", {"date": date})

    def _control(self, name: str, content: Any = None) -> dict[str, Any]:
        data = None if content is None else json.dumps(content).encode()
        request = Request(f"{self.address}/_sandbox/{name}", data, {"Content-Type": "application/json"})
        try:
            with _open(request, timeout=30) as response:
                answered: dict[str, Any] = json.load(response)
                return answered
        except OSError as error:
            reason = getattr(error, "read", bytes)().decode(errors="replace")
            raise SandboxError(f"the sandbox refused {name}: {error} {reason}".strip()) from None

    def stop(self) -> None:
        """Stop the child and wait for its end. A second call does nothing."""
        child = self._child
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.close()
        for end in (child.terminate, child.kill, None):
            try:
                child.wait(_STOP_TIMEOUT)
                break
            except subprocess.TimeoutExpired:
                if end:
                    end()
        child.stdout.close()
        self._stderr.close()

    def __enter__(self) -> SandboxProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _import_path() -> str:
    """The import path of this process, eggs included, for the child."""
    return os.pathsep.join(os.path.abspath(entry) for entry in sys.path)
