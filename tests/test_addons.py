"""The keys for S3 in a crawl's log, at its most talkative."""

import logging
from collections.abc import Callable
from pathlib import Path

from scrapy.settings import BaseSettings

from tests.feeds.s3_server import KEY_ID, SECRET, serve_s3
from tests.harness import QUICK, Project
from toplist.addons import S3SecretsAddon
from toplist.sandbox.process import SandboxProcess


def test_keys_given_as_settings_or_in_the_environment_never_show(
    project: Project, gateway: Callable[..., SandboxProcess], tmp_path: Path
) -> None:
    with serve_s3(tmp_path) as server:
        done = project.crawl(
            gateway("--total=20"),
            "categories=311",
            "rank_types=hot",
            "-LDEBUG",
            f"--set=AWS_ACCESS_KEY_ID={KEY_ID}",
            f"--set=AWS_SECRET_ACCESS_KEY={SECRET}",
            "--set=AWS_REGION_NAME=us-east-1",
            "--output=s3://feeds/own.jsonl",
            **QUICK,
            TOPLIST_FEED_URI="s3://feeds/%(snapshot_date)s.jsonl",
            AWS_ENDPOINT_URL_S3=str(server.options.endpoint_url),
        )
        assert done.status == 0, done.log
        assert (tmp_path / "feeds" / "own.jsonl").stat().st_size
    assert "'AWS_SECRET_ACCESS_KEY': '***'" in done.log
    assert KEY_ID not in done.log + done.out
    assert SECRET not in done.log + done.out
    assert "signature" not in done.log.lower()


def test_a_password_in_the_endpoint_never_shows(project: Project, gateway: Callable[..., SandboxProcess]) -> None:
    done = project.crawl(
        gateway("--total=20"),
        "categories=311",
        "rank_types=hot",
        "-LDEBUG",
        "--set=AWS_ENDPOINT_URL=http://me:hid/den@127.0.0.1:1",
        "--output=s3://feeds/own.jsonl",
        **QUICK,
        AWS_ACCESS_KEY_ID=KEY_ID,
        AWS_SECRET_ACCESS_KEY=SECRET,
    )
    assert done.status == 3
    assert "failures in the feeds of FEEDS" in done.verdict
    assert "http://***@127.0.0.1:1" in done.log
    assert "den@" not in done.log


def test_hidden_settings_keep_their_value_and_priority() -> None:
    settings = BaseSettings()
    settings.set("AWS_SECRET_ACCESS_KEY", "secret", priority="cmdline")
    settings.set("AWS_ENDPOINT_URL", "http://me:hidden@host", priority="project")
    S3SecretsAddon().update_settings(settings)
    assert settings.get("AWS_SECRET_ACCESS_KEY") == "secret"
    assert settings.getpriority("AWS_SECRET_ACCESS_KEY") == 40
    assert settings.get("AWS_ENDPOINT_URL") == "http://me:hidden@host"
    assert "hidden" not in repr(dict(settings))
    assert "secret'" not in repr(dict(settings))
    assert logging.getLogger("botocore").getEffectiveLevel() == logging.INFO
