"""A real S3 server, and nothing of this machine's keys."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import pytest

from tests.feeds.s3_server import KEY_ID, SECRET, serve_s3
from toplist.feeds.s3 import S3Options


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Options]:
    """How to reach a server with the bucket `feeds`."""
    with serve_s3(tmp_path_factory.mktemp("s3")) as server:
        yield server.options


@pytest.fixture
def stored(s3: S3Options) -> Callable[[str], bytes]:
    """What the bucket holds under a key."""
    client = boto3.client(
        "s3",
        endpoint_url=s3.endpoint_url,
        aws_access_key_id=KEY_ID,
        aws_secret_access_key=SECRET,
        region_name="us-east-1",
    )
    return lambda key: client.get_object(Bucket="feeds", Key=key)["Body"].read()


@pytest.fixture(autouse=True)
def no_keys_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """boto3 finds nothing but what a test gives it."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
