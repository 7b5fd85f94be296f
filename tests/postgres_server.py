"""A real PostgreSQL for the tests and the benchmarks: the system's, in a folder of its own, gone when left."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import psycopg
from psycopg import sql

USER = "toplist"


class NoPostgres(Exception):
    """There is none on this machine; the message says where it was looked for."""


@dataclass
class PostgresServer:
    """A server that is reached by a socket in `folder`: no port to collide on."""

    folder: Path
    command: list[str]
    user: str | None
    process: subprocess.Popen[str] | None = None

    def url(self, name: str | None = None) -> str:
        """What TOPLIST_DATABASE_URL takes: a new, empty database."""
        name = name or f"t{uuid4().hex}"
        with psycopg.connect(host=str(self.folder), user=USER, dbname="postgres", autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"postgresql+psycopg://{USER}@/{name}?host={self.folder}"

    def start(self) -> None:
        """Returns when the server accepts connections."""
        self.process = subprocess.Popen(
            self.command, cwd=self.folder, user=self.user, stderr=subprocess.PIPE, text=True
        )
        _wait_ready(self.process)

    def stop(self) -> None:
        """End the server and every connection to it."""
        if self.process is not None:
            self.process.send_signal(signal.SIGINT)  # the fast shutdown: SIGTERM would wait for the connected clients
            self.process.wait(30)
            self.process = None


def programs() -> Path:
    """The folder of `initdb` and `postgres`. Raises NoPostgres."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = [Path(os.environ["POSTGRES_BIN"])] if "POSTGRES_BIN" in os.environ else []
    pg_config = shutil.which("pg_config")
    if pg_config:
        folders.append(Path(subprocess.run([pg_config, "--bindir"], capture_output=True, text=True).stdout.strip()))
    versions = Path("/usr/lib/postgresql").glob("*/bin")
    folders += sorted(versions, key=lambda folder: int(re.sub(r"\D", "", folder.parent.name) or 0), reverse=True)
    for folder in folders:
        if (folder / "initdb").exists():
            return folder
    raise NoPostgres(
        "no initdb on the PATH, in POSTGRES_BIN, by pg_config or in /usr/lib/postgresql: install PostgreSQL"
    )


@contextmanager
def serve_postgres(*options: str) -> Iterator[PostgresServer]:
    """The server, ready when entered. It refuses to run as root, and then runs as the user postgres.

    `options` are its own settings, such as `fsync=off`. Raises NoPostgres.
    """
    folder = programs()
    user = "postgres" if os.name == "posix" and os.getuid() == 0 else None
    home = Path(tempfile.mkdtemp(prefix="pg-"))  # short: a socket's path has at most 107 characters
    try:
        if user:
            shutil.chown(home, user)
        data = home / "data"
        initdb = [str(folder / "initdb"), "-D", str(data), "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run(initdb, cwd=home, user=user, check=True, capture_output=True, text=True)
        settings = ["listen_addresses=", f"unix_socket_directories={home}", *options]
        command = [str(folder / "postgres"), "-D", str(data), *(part for each in settings for part in ("-c", each))]
        server = PostgresServer(home, command, user)
        try:
            server.start()
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _wait_ready(process: subprocess.Popen[str]) -> None:
    assert process.stderr is not None
    said = []
    for line in process.stderr:
        said.append(line)
        if "ready to accept connections" in line:
            # read on: later output must not fill the pipe
            threading.Thread(target=process.stderr.read, daemon=True).start()
            return
    raise RuntimeError("PostgreSQL did not start: " + "".join(said))
