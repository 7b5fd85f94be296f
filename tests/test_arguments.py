"""Bad input: one sentence that names it and says what is accepted."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from toplist.config import Config
from toplist.errors import InputError
from toplist.options import Arguments, resolve_options
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


def config(environ: dict[str, str] | None = None, sandbox: bool = False, **settings: Any) -> Config:
    return Config.load({**SETTINGS, **settings}, sandbox=sandbox, environ=KEYS if environ is None else environ)


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
    ],
)
def test_a_bad_setting_is_named_with_what_is_accepted(settings: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=r"^[^\n]+\.$") as refused:
        config(**settings)
    assert says in str(refused.value)


def test_a_password_in_a_setting_is_not_repeated() -> None:
    for name, url in (("DATABASE", "nosuchdb://me:hunter2@host/db"), ("GATEWAY", "https://me:hunter2@host/openapi")):
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
