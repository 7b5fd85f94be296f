"""`scrapy doctor` on set-ups that are broken in one way each: the finding names the cause, and the advice fits it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.crawl.test_doctor import doctor, token
from tests.feeds.s3_server import KEY_ID, serve_s3
from tests.harness import Project
from toplist.sandbox.process import SandboxProcess

Gateway = Callable[..., SandboxProcess]


@pytest.mark.parametrize(
    ("url", "says", "todo"),
    [
        ("mysql://user@host/name", "mysql is not supported", "SQLite"),
        ("postgresql+psycopg2://user@host/name", "driver is not installed", "postgresql+psycopg://"),
        ("postgresql://user@127.0.0.1:1/name", "can't be used", "start the server"),
        ("sqlite:////proc/nowhere/a.db", "can't be used", "writable"),
    ],
)
def test_a_database_that_can_t_be_used(project: Project, gateway: Gateway, url: str, says: str, todo: str) -> None:
    sandbox = gateway()
    found = doctor(project, sandbox, "--json", TOPLIST_DATABASE_URL=url)
    assert found.status == 3, found.log
    assert "Traceback" not in found.log
    finding = found.findings["database"]
    assert (finding["state"], says in finding["seen"], todo in finding["todo"]) == ("problem", True, True), finding
    assert sandbox.state()["arrivals"] == 0


def test_a_403_in_the_middle_means_that_no_crawl_would_work(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--fault=kind=403,nth=5")
    found = doctor(project, sandbox)
    assert found.status == 3
    assert "A crawl would not work." in found.out
    assert "wait an hour" in found.out


def test_a_clock_that_stays_refused_is_told_to_be_set(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--fault=kind=code,code=31")
    found = doctor(project, sandbox, "--json")
    assert found.status == 3
    problems = [each for each in found.findings.values() if each["state"] == "problem"]
    assert problems
    assert all("clock" in each["todo"] and "GATEWAY_URL" not in each["todo"] for each in problems)


@pytest.mark.parametrize("protocol", ["base64", "openplatform"])
def test_a_wrong_secret_is_filed_under_the_secret(project: Project, gateway: Gateway, protocol: str) -> None:
    sandbox = gateway("--fault=kind=code,code=gw.SignatureInvalid,nth=1")
    extra = token(sandbox) if protocol == "openplatform" else {}
    found = doctor(project, sandbox, "--json", TOPLIST_APP_SECRET="wr0ng", **extra)
    assert found.status == 3
    assert found.findings["key and secret"]["state"] == "problem"
    assert "TOPLIST_APP_SECRET" in found.findings["key and secret"]["todo"]
    assert found.findings["clock"]["state"] != "problem"


def test_a_wrong_refresh_token_is_named(project: Project, gateway: Gateway) -> None:
    sandbox = gateway()
    found = doctor(project, sandbox, "--json", TOPLIST_REFRESH_TOKEN="wr0ng-refresh-token")
    assert found.status == 3
    assert found.findings["refresh token"]["state"] == "problem"
    assert "TOPLIST_REFRESH_TOKEN" in found.findings["refresh token"]["todo"]
    assert "wr0ng-refresh-token" not in found.out + found.log


def test_a_good_refresh_token_is_tried_where_the_new_token_is_kept(project: Project, gateway: Gateway) -> None:
    sandbox = gateway()
    settings = token(sandbox) | {"TOPLIST_REFRESH_TOKEN": sandbox.refresh_token}
    assert doctor(project, sandbox, "--json", **settings).states()["refresh token"] == "note"
    kept = doctor(project, sandbox, "--json", **settings, TOPLIST_TOKEN_FILE="tokens.json")
    assert (kept.status, kept.states()["refresh token"]) == (0, "ok"), kept.out
    assert (project.folder / "tokens.json").stat().st_mode & 0o777 == 0o600


def test_an_unknown_category_is_named(project: Project, gateway: Gateway) -> None:
    sandbox = gateway()
    found = doctor(project, sandbox, "--json", TOPLIST_CATEGORIES="311,999999999")
    assert found.status == 3
    assert found.states()["category 311"] == "ok"
    assert found.findings["category 999999999"]["seen"] == "the gateway does not know it"
    assert "scrapy categories" in found.findings["category 999999999"]["todo"]


def test_a_feed_without_a_date_is_a_note(project: Project, gateway: Gateway, tmp_path: Path) -> None:
    found = doctor(project, gateway(), "--json", TOPLIST_FEED_URI=str(tmp_path / "feed.csv"))
    assert found.status == 0, found.out
    assert found.findings["feed"]["state"] == "note"
    assert "%(snapshot_date)s" in found.findings["feed"]["todo"]


def test_the_advice_is_one_that_the_command_accepts(project: Project) -> None:
    found = doctor(project, None, "--json")
    assert "--gateway=sandbox" in found.findings["settings"]["seen"]
    assert "-a gateway" not in found.out


@pytest.mark.parametrize("setting", ["TOPLIST_FEED_URI", "TOPLIST_REJECTED_URI", "TOPLIST_REPORT_URI"])
def test_a_wrong_secret_of_s3_is_found_by_the_doctor_and_by_a_dry_run(
    project: Project, gateway: Gateway, tmp_path: Path, setting: str
) -> None:
    sandbox, ending = gateway(), "html" if "REPORT" in setting else "jsonl"
    with serve_s3(tmp_path) as server:
        settings = {
            setting: f"s3://feeds/%(snapshot_date)s.{ending}",
            "AWS_ENDPOINT_URL_S3": str(server.options.endpoint_url),
            "AWS_ACCESS_KEY_ID": KEY_ID,
            "AWS_SECRET_ACCESS_KEY": "wr0ng-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        found = doctor(project, sandbox, "--json", **settings)
        dry = project.crawl(sandbox, "categories=311", "dry_run=1", **settings)
    assert (found.status, dry.status) == (3, 2), found.out + dry.log
    assert found.findings["feed"]["state"] == "problem"
    assert "AWS_SECRET_ACCESS_KEY" in found.findings["feed"]["seen"]
    assert "the secret key is wrong: check AWS_SECRET_ACCESS_KEY" in dry.log
    assert "wr0ng-secret" not in found.out + found.log + dry.out + dry.log
    assert sandbox.state()["arrivals"] == 0
