"""A Scrapyd with the egg of this checkout on it, and an S3 server for its feeds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.deployment import Deployed, clone
from tests.feeds.s3_server import KEY_ID, SECRET, serve_s3
from tests.scrapyd_server import serve_scrapyd
from toplist.sandbox.process import SandboxProcess


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory, postgres: Callable[[], str]) -> Iterator[Deployed]:
    with ExitStack() as stack:
        s3 = stack.enter_context(serve_s3(tmp_path_factory.mktemp("deploy-s3")))
        gateway = stack.enter_context(SandboxProcess("--total=20"))
        environment = {
            "TOPLIST_APP_KEY": gateway.app_key,
            "TOPLIST_APP_SECRET": gateway.app_secret,
            "TOPLIST_GATEWAY_URL": gateway.url,
            "TOPLIST_DATABASE_URL": postgres(),
            "TOPLIST_FEED_URI": "s3://feeds/daily/snapshot_date=%(snapshot_date)s/toplist.jsonl",
            "AWS_ENDPOINT_URL_S3": str(s3.options.endpoint_url),
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": SECRET,
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        folder = tmp_path_factory.mktemp("deploy")
        server = stack.enter_context(serve_scrapyd(folder / "scrapyd", environment))
        deployed = Deployed(server, clone(folder / "clone", server.url), gateway, s3)
        done = deployed.run("scrapyd-deploy", "-v", "1")
        assert done.status == 0, done.said
        assert '"status": "ok"' in done.said
        yield deployed
