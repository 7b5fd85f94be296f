"""`scrapy doctor`: what it finds, what it says to do, and whether a crawl would work."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.harness import QUICK, Project
from toplist.api.tokens import Tokens
from toplist.ranktypes import RANK_TYPES
from toplist.sandbox.process import SandboxProcess
from toplist.tokenfile import TokenFile

Gateway = Callable[..., SandboxProcess]


class Diagnosis(NamedTuple):
    status: int
    out: str
    log: str

    @property
    def findings(self) -> dict[str, dict[str, Any]]:
        return {
            each["check"].split(" ")[0] if each["check"].split(" ")[0] in RANK_TYPES else each["check"]: each
            for each in json.loads(self.out)["checks"]
        }

    def states(self) -> dict[str, str]:
        return {check: each["state"] for check, each in self.findings.items()}


def doctor(project: Project, sandbox: SandboxProcess | None, *options: str, **settings: Any) -> Diagnosis:
    lifted = {} if settings.pop("limits", False) else QUICK
    done = subprocess.run(
        [sys.executable, "-m", "scrapy", "doctor", *options],
        cwd=project.folder,
        env=project.environment(sandbox, **lifted | settings),
        capture_output=True,
        text=True,
        timeout=120,
    )
    return Diagnosis(done.returncode, done.stdout, done.stderr)


def token(sandbox: SandboxProcess) -> dict[str, str]:
    return {"TOPLIST_ACCESS_TOKEN": sandbox.access_token}


@pytest.mark.parametrize("protocol", ["base64", "openplatform"])
def test_a_sandbox_has_everything(project: Project, protocol: str) -> None:
    found = doctor(project, None, "--gateway=sandbox", "--json", TOPLIST_PROTOCOL=protocol)
    assert found.status == 0, found.log
    assert json.loads(found.out)["ready"] is True
    assert set(found.states().values()) == {"ok"}
    served = [name for name, kind in RANK_TYPES.items() if kind.served_by(protocol)]  # type: ignore[arg-type]
    assert set(served) <= set(found.states())
    singles = {"details", "daily units", "daily median_price", "daily repurchase_rate"}
    assert (singles <= set(found.states())) is (protocol == "openplatform")


def test_it_asks_for_one_row_of_each_within_the_limits(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--qps=4", "--category-interval=0.5")
    found = doctor(project, sandbox, limits=True, TOPLIST_QPS="4", DOWNLOAD_DELAY="0.5")
    assert found.status == 0, found.log
    state = sandbox.state()
    assert state["violations"] == 0
    assert state["arrivals"] == 2 + len(RANK_TYPES)
    assert "A crawl would work." in found.out
    assert "Traceback" not in found.log
    assert not list(project.folder.glob("exports/*"))


def test_a_missing_grant_is_a_note_unless_it_was_named(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--no-grant=VNHot,product.search.queryProductDetail,alibaba.category.get")
    found = doctor(project, sandbox, "--json", **token(sandbox))
    assert found.status == 0, found.log
    noted = {check for check, state in found.states().items() if state == "note"}
    assert noted == {"VNHot", "details", "the category tree", "token"}
    assert all(found.findings[check]["todo"] for check in noted)
    assert found.states()["key and secret"] == "ok"
    named = doctor(project, sandbox, "--json", **token(sandbox), TOPLIST_RANK_TYPES="hot,VNHot")
    assert named.status == 3
    assert named.states()["VNHot"] == "problem"
    assert "anchorHot" not in named.states()


def test_without_any_grant_no_crawl_would_work(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--no-grant=product.topList.query,alibaba.item.search.best")
    found = doctor(project, sandbox)
    assert found.status == 3
    assert "A crawl would not work." in found.out


def test_a_wrong_secret_is_named_and_nothing_more_is_asked(project: Project, gateway: Gateway) -> None:
    sandbox = gateway()
    found = doctor(project, sandbox, "--json", TOPLIST_APP_SECRET="wr0ng-s3cret")
    assert found.status == 3
    assert found.findings["key and secret"]["todo"].startswith("check TOPLIST_APP_SECRET")
    assert found.states()["hot"] == "not checked"
    assert sandbox.state()["arrivals"] == 2
    assert "wr0ng-s3cret" not in found.out + found.log
    assert sandbox.app_key not in found.out + found.log


def test_a_gateway_that_forbids_or_is_not_there_is_told_apart(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--fault=kind=403")
    forbidden = doctor(project, sandbox, "--json")
    assert forbidden.status == 3
    assert "403" in forbidden.findings["clock"]["seen"]
    assert sandbox.state()["arrivals"] == 1
    sandbox.stop()
    gone = doctor(project, sandbox, "--json", RETRY_TIMES="0", TOPLIST_DATABASE_URL="sqlite:///other.db")
    assert gone.status == 3
    assert gone.states()["key and secret"] == "problem"
    assert gone.states()["hot"] == "not checked"


def test_a_clock_that_is_off_is_a_note(project: Project, gateway: Gateway) -> None:
    sandbox = gateway("--clock-offset=60", "--max-age=100")
    found = doctor(project, sandbox, "--json")
    assert found.status == 0, found.log
    assert found.findings["clock"]["state"] == "note"
    assert found.findings["clock"]["seen"] in (
        "-60 s off the gateway's",
        "-61 s off the gateway's",
        "-59 s off the gateway's",
    )


@pytest.mark.parametrize(
    ("days", "state", "says"),
    [(100, "ok", "100.0 days left"), (12, "note", "12.0 days left"), (-1, "problem", "expired")],
)
def test_the_days_that_the_tokens_have_left(
    project: Project, gateway: Gateway, days: int, state: str, says: str
) -> None:
    sandbox = gateway()
    given = Tokens(sandbox.access_token, sandbox.refresh_token)
    ends = datetime.now(UTC) + timedelta(days=days, minutes=1)
    file = TokenFile.of(project.folder / "tokens.json", given)
    file.write(Tokens(sandbox.access_token, sandbox.refresh_token, None, ends))
    settings = token(sandbox) | {"TOPLIST_REFRESH_TOKEN": sandbox.refresh_token, "TOPLIST_TOKEN_FILE": "tokens.json"}
    found = doctor(project, sandbox, "--json", **settings)
    assert found.findings["token"]["state"] == state
    assert says in found.findings["token"]["seen"]
    assert found.status == (3 if state == "problem" else 0)
    assert sandbox.refresh_token not in found.out + found.log


def test_settings_database_and_feed_are_looked_at_first(project: Project, gateway: Gateway, tmp_path: Path) -> None:
    sandbox = gateway()
    (tmp_path / "file").touch()
    none = doctor(project, None, "--json")
    assert none.status == 3
    assert "TOPLIST_APP_KEY" in none.findings["settings"]["seen"]
    bad = {"TOPLIST_DATABASE_URL": f"sqlite:///{tmp_path}/file/a.db", "TOPLIST_FEED_URI": f"{tmp_path}/file/feed.csv"}
    found = doctor(project, sandbox, "--json", **bad)
    assert found.status == 3
    assert (found.states()["database"], found.states()["feed"]) == ("problem", "problem")
    assert sandbox.state()["arrivals"] == 0


def test_bad_input(project: Project) -> None:
    assert doctor(project, None, "--gateway=elsewhere").status == 2
    assert doctor(project, None, "all").status == 2
