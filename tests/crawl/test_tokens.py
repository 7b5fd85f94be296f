"""The access token: renewed in time, once after a refusal, kept where nobody else reads it."""

import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.harness import QUICK, Crawled, Project
from toplist.api.tokens import Tokens
from toplist.sandbox.process import SandboxProcess
from toplist.tokenfile import TokenFile

Gateway = Callable[..., SandboxProcess]
ONE = ("categories=311", "rank_types=hot,complex")


def renewals(sandbox: SandboxProcess) -> list[str]:
    """How each refresh was answered."""
    return [each["answer"] for each in sandbox.state()["requests"] if each["api"] == "getToken"]


def environment(sandbox: SandboxProcess, project: Project, **changes: str) -> dict[str, str]:
    given = {
        "TOPLIST_ACCESS_TOKEN": sandbox.access_token,
        "TOPLIST_REFRESH_TOKEN": sandbox.refresh_token,
        "TOPLIST_TOKEN_FILE": "tokens.json",
    }
    return given | changes


def crawl(project: Project, sandbox: SandboxProcess, *arguments: str, **changes: str) -> Crawled:
    return project.crawl(sandbox, *ONE, *arguments, **environment(sandbox, project, **changes))


def held(project: Project) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((project.folder / "tokens.json").read_text())
    return content


def everything_written(project: Project, done: Crawled) -> str:
    """What the crawl said and left behind, its token file aside."""
    files = [each for each in project.folder.rglob("*") if each.is_file() and each.name != "tokens.json"]
    return done.out + done.log + "".join(each.read_bytes().decode("latin-1") for each in files)


def test_a_refused_token_is_renewed_once_and_the_crawl_goes_on(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5")
    sandbox.expire_token()
    done = crawl(project, sandbox, "--loglevel=DEBUG", "--set=JOBDIR=job")
    assert done.status == 0, done.log
    assert renewals(sandbox) == ["ok"]
    assert done.stat("toplist/tokens/renewed") == "1"
    path = project.folder / "tokens.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert held(project)["access_token"] not in (None, sandbox.access_token)
    assert held(project)["refresh_token"] == sandbox.refresh_token
    written = everything_written(project, done)
    for secret in (sandbox.access_token, sandbox.refresh_token, sandbox.app_secret, held(project)["access_token"]):
        assert secret not in written


def test_the_next_crawl_reads_the_file_and_not_the_environment(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5")
    sandbox.expire_token()
    assert crawl(project, sandbox).status == 0
    again = crawl(project, sandbox, "refresh=1")
    assert again.status == 0, again.log
    assert renewals(sandbox) == ["ok"]
    # Without tokens of its own an environment goes on with what is there.
    assert crawl(project, sandbox, "refresh=1", TOPLIST_ACCESS_TOKEN="", TOPLIST_REFRESH_TOKEN="").status == 0
    assert renewals(sandbox) == ["ok"]


def test_new_tokens_in_the_environment_win_over_an_older_file(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5")
    file = TokenFile.of(project.folder / "tokens.json", Tokens("of-last-year", "of-last-year"))
    file.write(Tokens("stale", "stale"))
    done = crawl(project, sandbox)
    assert done.status == 0, done.log
    assert not renewals(sandbox)


def test_a_token_is_renewed_before_it_expires(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5")
    given = Tokens(sandbox.access_token, sandbox.refresh_token)
    soon = datetime.now(UTC) - timedelta(seconds=1)
    TokenFile.of(project.folder / "tokens.json", given).write(Tokens(*environment_tokens(given), soon))
    done = crawl(project, sandbox)
    assert done.status == 0, done.log
    assert renewals(sandbox) == ["ok"]
    assert done.stat("toplist/api_errors/fatal") is None
    left = datetime.fromisoformat(held(project)["access_expires_at"]) - datetime.now(UTC)
    assert timedelta(hours=9, minutes=50) < left <= timedelta(hours=10)


def environment_tokens(tokens: Tokens) -> tuple[str | None, str | None]:
    return tokens.access_token, tokens.refresh_token


def test_a_refresh_token_alone_is_enough(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5")
    done = crawl(project, sandbox, TOPLIST_ACCESS_TOKEN="")
    assert done.status == 0, done.log
    assert renewals(sandbox) == ["ok"]
    assert {entry["protocol"] for entry in project.feed()} == {"openplatform"}


def test_without_a_file_a_refresh_serves_its_own_crawl(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5")
    sandbox.expire_token()
    assert crawl(project, sandbox, TOPLIST_TOKEN_FILE="").status == 0
    assert not (project.folder / "tokens.json").exists()


def test_a_token_that_is_refused_again_stops_the_crawl(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5", "--fault=kind=token,api=product.topList.query")
    done = crawl(project, sandbox)
    assert done.status == 3
    assert renewals(sandbox) == ["ok"]
    assert "401" in done.verdict


@pytest.mark.parametrize("refresh_token", ["", "wrong"])
def test_a_token_that_can_not_be_renewed_stops_the_crawl(
    project: Project, gateway: Gateway, refresh_token: str
) -> None:
    sandbox = gateway("--total=5")
    sandbox.expire_token()
    done = crawl(project, sandbox, TOPLIST_REFRESH_TOKEN=refresh_token)
    assert done.status == 3
    assert len(renewals(sandbox)) == (1 if refresh_token else 0)
    assert "TOPLIST_ACCESS_TOKEN is missing or has expired" in done.verdict
    assert not (project.folder / "tokens.json").exists()


def test_a_refresh_token_alone_that_is_refused_ends_the_crawl(project: Project, gateway: Gateway) -> None:
    """Signing fails after the permit is granted: it is given back, and the second list does not wait for ever."""
    sandbox = gateway("--total=5")
    done = crawl(project, sandbox, TOPLIST_ACCESS_TOKEN="", TOPLIST_REFRESH_TOKEN="wrong", TOPLIST_TOKEN_FILE="")
    assert done.status == 3, done.log
    assert "Traceback" not in done.log
    assert {status for status, *_ in project.ledger().values()} <= {"failed", "pending"}


def test_several_processes_renew_once(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--total=5")
    sandbox.expire_token()
    settings = environment(sandbox, project) | QUICK
    others = [
        project.start(
            sandbox, f"categories={category}", "rank_types=hot", **settings, TOPLIST_FEED_URI=f"{category}.csv"
        )
        for category in ("10166", "311", "312")
    ]
    logs = [process.communicate(timeout=60)[1] for process in others]
    assert [process.returncode for process in others] == [0, 0, 0], logs
    assert renewals(sandbox) == ["ok"]


def test_a_file_that_others_may_read_is_refused(project: Project, gateway: Gateway) -> None:
    sandbox = gateway()
    path = project.folder / "tokens.json"
    TokenFile(path, "").write(Tokens("a", "b"))
    os.chmod(path, 0o644)
    done = crawl(project, sandbox)
    assert done.status == 2
    assert "chmod 600" in done.log
    path.chmod(0o600)
    path.write_text('{"access_token": "s3cret"')
    done = crawl(project, sandbox)
    assert done.status == 2
    assert "TOPLIST_TOKEN_FILE" in done.log
    assert "s3cret" not in done.log
    assert sandbox.state()["arrivals"] == 0


def test_the_file_is_replaced_in_one_step_and_leaves_nothing_beside(tmp_path: Path) -> None:
    file = TokenFile.of(tmp_path / "t.json", Tokens("a", "b"))
    assert file.read() is None
    at = datetime(2026, 11, 24, tzinfo=UTC)
    for tokens in (Tokens("one", "b", at, at), Tokens("two", "c", None, at)):
        file.write(tokens)
        assert file.read() == tokens
    assert [each.name for each in tmp_path.iterdir()] == ["t.json"]
    # Who begins without tokens continues the same file, and leaves it to those who began it.
    TokenFile.of(tmp_path / "t.json", Tokens()).write(Tokens("three", "d"))
    assert file.read() == Tokens("three", "d")
    assert TokenFile.of(tmp_path / "t.json", Tokens("new", "b")).read() is None
