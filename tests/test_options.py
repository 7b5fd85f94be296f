"""Settings and spider arguments; bad input is one sentence that names it and says what is accepted."""

import os
from datetime import UTC, date, datetime
from typing import Any

import pytest
from scrapy.utils.project import get_project_settings

from toplist.config import Config
from toplist.errors import InputError
from toplist.options import Arguments, resolve_options
from toplist.product_settings import RENAMED, ProductSettings, environment_notes
from toplist.ranktypes import Protocol

NOW = datetime(2026, 11, 24, 17, 0, tzinfo=UTC)  # past midnight in Shanghai
SETTINGS = {
    "TOPLIST_GATEWAY_URL": "https://gw.open.1688.com/openapi",
    "TOPLIST_QPS": 2,
    "DOWNLOAD_DELAY": 1.5,
    "TOPLIST_PAUSE_403": 300,
    "DOWNLOAD_TIMEOUT": 15,
    "RETRY_TIMES": 2,
}
KEYS = {"TOPLIST_APP_KEY": "k", "TOPLIST_APP_SECRET": "s"}


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TOPLIST_")]:
        monkeypatch.delenv(name)


def config(environ: Any = None, sandbox: Any = False, **settings: Any) -> Config:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (KEYS if environ is None else environ).items():
            patch.setenv(name, value)
        return Config.load({**SETTINGS, **settings}, sandbox=sandbox)


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"categories": "abc"}, "categories=abc"),
        ({"categories": "1,,abc"}, "categories=1,,abc"),
        ({"categories": ""}, "categories="),
        ({"rank_types": "hot,hottest"}, "complex, hot, goodPrice"),
        ({"pages": "0"}, "pages=0"),
        ({"page_size": "51"}, "from 1 to 50"),
        ({"page_size": "many"}, "page_size=many"),
        ({"level": "4"}, "1, 2 or 3"),
        ({"snapshot_date": "24.11.2026"}, "2026-11-24"),
        ({"snapshot_date": "20261124x"}, "snapshot_date=20261124x"),
        ({"gateway": "moon"}, "sandbox"),
        ({"refresh": "yes"}, "0 or 1"),
        ({"dry_run": "yes"}, "dry_run=yes"),
        ({"level": "three"}, "level=three"),
        ({"colour": "red"}, "colour is unknown"),
    ],
)
def test_a_bad_argument_is_named_with_what_is_accepted(given: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=r"^[^\n]+\.$") as refused:
        Arguments.parse(given)
    assert says in str(refused.value)


def test_level_and_dry_run_are_read_from_their_texts() -> None:
    arguments = Arguments.parse({"level": "3", "dry_run": "1"})
    assert (arguments.level, arguments.dry_run) == (3, True)


def test_what_begins_with_an_underscore_is_scrapyds_and_passes() -> None:
    assert Arguments.parse({"_job": "6487ec79947edab326d6db28a2d86511e8247444"}) == Arguments()


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"TOPLIST_GATEWAY_URL": "http://gw.open.1688.com/openapi"}, "TOPLIST_GATEWAY_URL"),
        ({"TOPLIST_GATEWAY_URL": "ftp://127.0.0.1/"}, "https://"),
        ({"TOPLIST_GATEWAY_URL": "https://user:pw@host/openapi"}, "TOPLIST_GATEWAY_URL"),
        ({"TOPLIST_QPS": "fast"}, "TOPLIST_QPS='fast'"),
        ({"TOPLIST_QPS": "0"}, "TOPLIST_QPS=0 lifts a limit"),
        ({"DOWNLOAD_DELAY": "-1"}, "DOWNLOAD_DELAY"),
        ({"DOWNLOAD_DELAY": "nan"}, "DOWNLOAD_DELAY"),
        ({"RETRY_TIMES": "1.5"}, "RETRY_TIMES"),
        ({"TOPLIST_PROTOCOL": "base32"}, "base64 or openplatform"),
        ({"TOPLIST_PROTOCOL": "openplatform"}, "TOPLIST_ACCESS_TOKEN"),
        ({"TOPLIST_DATABASE_URL": "mydb"}, "TOPLIST_DATABASE_URL"),
        ({"RETRY_TIMES": "2.0"}, "RETRY_TIMES='2.0'"),
        ({"TOPLIST_SALE_COUNT_COVERS": "window"}, "TOPLIST_SALE_COUNT_COVERS='window'"),
        ({"TOPLIST_RETENTION_DAYS": "12"}, "TOPLIST_RETENTION_DAYS='12'"),
        ({"TOPLIST_CATEGORY_CACHE_DAYS": "-1"}, "days of 0 and more"),
    ],
)
def test_a_bad_setting_is_named_with_what_is_accepted(settings: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=r"^[^\n]+\.$") as refused:
        config(**settings)
    assert says in str(refused.value)


@pytest.mark.parametrize("old", list(RENAMED))
@pytest.mark.parametrize("where", ["environment", "settings"])
def test_the_old_name_of_a_setting_is_refused_with_the_new_one(old: str, where: str) -> None:
    with pytest.raises(InputError, match=rf"^{old} .*{RENAMED[old]}\.$"):
        config(KEYS | {old: "7"}) if where == "environment" else config(**{old: "7"})


def test_a_setting_goes_before_the_environment_and_that_before_the_default() -> None:
    assert config(KEYS | {"TOPLIST_PAUSE_403": "7"}).limits.pause == 300
    assert config(KEYS | {"TOPLIST_PAUSE_403": "7"}, TOPLIST_PAUSE_403=None).limits.pause == 7
    assert config(TOPLIST_PAUSE_403=None).limits.pause == 300
    assert config(KEYS | {"TOPLIST_CATEGORIES": "311"}, TOPLIST_CATEGORIES="").categories is None


def test_a_bad_value_of_the_environment_is_named_as_the_variable() -> None:
    with pytest.raises(InputError, match=r"^TOPLIST_DOWNLOAD_DELAY='soon'"):
        config(KEYS | {"TOPLIST_DOWNLOAD_DELAY": "soon"}, DOWNLOAD_DELAY="soon")


def test_variables_that_are_no_settings_are_named() -> None:
    notes = environment_notes({"DOWNLOAD_DELAY": "9", "TOPLIST_QSP": "1", "TOPLIST_QPS": "2", "PATH": "/bin"})
    assert [note.split()[0] for note in notes] == ["DOWNLOAD_DELAY", "TOPLIST_QSP"]
    assert "TOPLIST_DOWNLOAD_DELAY" in notes[0]


def test_secrets_are_not_on_the_settings_that_scrapy_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APP_KEY", "APP_SECRET", "ACCESS_TOKEN", "REFRESH_TOKEN"):
        monkeypatch.setenv(f"TOPLIST_{name}", "hunter2")
    settings = get_project_settings()
    assert [name for name in settings if name.startswith("TOPLIST_")] == []
    read = ProductSettings.read(settings)
    assert "hunter2" not in repr(read)
    assert read.app_key is not None
    assert read.app_key.get_secret_value() == "hunter2"


def test_an_empty_address_of_the_page_means_no_page() -> None:
    assert config(KEYS | {"TOPLIST_REPORT_URI": ""}).places.report_uri == ""
    assert config().places.report_uri is None  # beside the feed


def test_a_password_in_a_setting_is_not_repeated() -> None:
    for name, url in (("DATABASE", "me:hunter2@host/db"), ("GATEWAY", "https://me:hunter2@host/openapi")):
        with pytest.raises(InputError) as refused:
            config(**{f"TOPLIST_{name}_URL": url})
        assert "hunter2" not in str(refused.value)


def test_without_credentials_both_ways_on_are_said() -> None:
    with pytest.raises(InputError, match=r"TOPLIST_APP_KEY.*gateway=sandbox"):
        config({})
    with pytest.raises(InputError, match="TOPLIST_APP_SECRET is not set"):
        config({"TOPLIST_APP_KEY": "k"})


def test_the_sandbox_needs_no_credentials_and_ignores_any() -> None:
    assert config({}, sandbox=True).credentials is None
    assert config(sandbox=True).credentials is None


def test_the_protocol_follows_from_the_credentials_unless_it_is_set() -> None:
    token = {**KEYS, "TOPLIST_ACCESS_TOKEN": "t"}
    assert config().protocol is Protocol.BASE64
    assert config(token).protocol is Protocol.OPENPLATFORM
    assert config(token, TOPLIST_PROTOCOL="base64").protocol is Protocol.BASE64
    assert config(token, sandbox=True).protocol is Protocol.BASE64


def test_limits_may_be_lifted_for_a_gateway_on_this_computer() -> None:
    limits = config(TOPLIST_GATEWAY_URL="http://127.0.0.1:8080/openapi/", TOPLIST_QPS="0", DOWNLOAD_DELAY="0").limits
    assert (limits.qps, limits.category_interval) == (0, 0)


def test_a_sandbox_crawl_has_a_database_and_a_feed_of_its_own() -> None:
    real, sandbox = config(), config(sandbox=True)
    assert real.places.database_url != sandbox.places.database_url
    assert real.places.feed_uri != sandbox.places.feed_uri


def test_the_snapshot_is_of_today_in_shanghai() -> None:
    asked = resolve_options(Arguments(), config(), NOW)
    assert asked.snapshot_date == date(2026, 11, 25)
    assert asked.rows is None
    assert not asked.rank_types_named
    assert len(asked.rank_types) == 11


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"pages": "2"}, "pages=2"),
        ({"page_size": "21"}, "page_size=21"),
        ({"rank_types": "hot,best"}, "rank_types=best"),
        ({"categories": "all"}, "categories=all"),
    ],
)
def test_what_openplatform_cannot_do_is_refused(given: dict[str, str], says: str) -> None:
    opened = config({**KEYS, "TOPLIST_ACCESS_TOKEN": "t"})
    with pytest.raises(InputError, match=says):
        resolve_options(Arguments.parse(given), opened, NOW)


def test_another_day_is_for_the_sandbox_only() -> None:
    arguments = Arguments.parse({"snapshot_date": "2026-11-01"})
    with pytest.raises(InputError, match="2026-11-25 or 2026-11-24"):
        resolve_options(arguments, config(), NOW)
    assert resolve_options(arguments, config(sandbox=True), NOW).snapshot_date == date(2026, 11, 1)


def test_a_bad_default_is_named_as_the_setting_it_is() -> None:
    with pytest.raises(InputError, match="TOPLIST_RANK_TYPES=hottest"):
        resolve_options(Arguments(), config(TOPLIST_RANK_TYPES="hottest"), NOW)


def test_deltafetch_reset_means_refresh() -> None:
    assert resolve_options(Arguments(), config(), NOW, delta_reset=True).refresh
