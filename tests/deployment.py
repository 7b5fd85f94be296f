"""A clean clone, deployed to a Scrapyd."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import boto3

from tests.feeds.s3_server import KEY_ID, SECRET, S3Server
from tests.harness import ROOT
from tests.scrapyd_server import PASSWORD, USER, Scrapyd
from toplist.sandbox.process import SandboxProcess

TOOLS = Path(sys.executable).parent

TARGET = """
[settings]
default = toplist.settings

[deploy]
url = {url}
project = toplist
username = {user}
password = ${{SCRAPYD_PASSWORD}}
"""


def clone(folder: Path, url: str) -> Path:
    """What a clean clone holds of the project, with a deploy target of its own."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    shutil.copytree(ROOT / "toplist", folder / "toplist", ignore=ignored)
    for name in ("setup.py", "pyproject.toml", "requirements.txt", "README.md"):
        shutil.copy(ROOT / name, folder)
    (folder / "scrapy.cfg").write_text(TARGET.format(url=url, user=USER))
    return folder


@dataclass
class Deployed:
    """The server, a clone to deploy from, the gateway that the server's environment names, and where feeds go."""

    server: Scrapyd
    clone: Path
    gateway: SandboxProcess
    s3: S3Server

    def run(self, tool: str, *arguments: str, folder: Path | None = None, password: str = PASSWORD) -> Done:
        """A tool of the deploying side, such as `scrapyd-deploy`."""
        environment = {"PATH": "/usr/bin:/bin", "SCRAPYD_PASSWORD": password}
        done = subprocess.run(
            [str(TOOLS / tool), *arguments],
            cwd=folder or self.clone,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )
        return Done(done.returncode, done.stdout + done.stderr)

    def stored(self, key: str) -> bytes:
        """An object of the bucket `feeds`."""
        options = self.s3.options
        client = boto3.client(
            "s3",
            endpoint_url=options.endpoint_url,
            aws_access_key_id=KEY_ID,
            aws_secret_access_key=SECRET,
            region_name="us-east-1",
        )
        body: bytes = client.get_object(Bucket="feeds", Key=key)["Body"].read()
        return body


@dataclass
class Done:
    status: int
    said: str
