"""Watches: what a file may say, which entries a watch follows, and what counts as a hit."""

from datetime import UTC, date, datetime
from math import log
from pathlib import Path

import pytest

from toplist.alerts.watching import Trigger, Watch, find_hits, read_watches
from toplist.errors import InputError
from toplist.items import Entry, Source
from toplist.ranktypes import Protocol


def an_entry(**changes: object) -> Entry:
    fields: dict[str, object] = {
        "snapshot_date": date(2026, 11, 24),
        "collected_at": datetime(2026, 11, 24, 4, tzinfo=UTC),
        "source": Source.SANDBOX,
        "protocol": Protocol.BASE64,
        "rank_type": "hot",
        "category_id": "1031910",
        "category_name": "连衣裙",
        "category_path": "女装 > 连衣裙",
        "rank": 3,
        "offer_id": "699123456701",
        "title": "碎花连衣裙 夏季 Floral",
        "supplier": "杭州某某服饰有限公司",
        "movement": "steady",
        "rank_change": 0,
    }
    return Entry.model_validate({**fields, **changes})


def a_watch(**changes: object) -> Watch:
    return Watch.model_validate({"name": "w", "offers": ["699123456701"], "new_on_list": True, **changes})


@pytest.mark.parametrize(
    ("changes", "follows"),
    [
        ({"offers": ["699123456701"]}, True),
        ({"offers": ["1"]}, False),
        ({"offers": [], "words": ["碎花"]}, True),
        ({"offers": [], "words": ["FLORAL"]}, True),
        ({"offers": [], "words": ["牛仔"]}, False),
        ({"offers": [], "suppliers": ["杭州某某服饰有限公司"]}, True),
        ({"offers": [], "suppliers": ["杭州"]}, False),
        ({"offers": [], "categories": ["1031910"]}, True),
        ({"offers": [], "categories": ["女装"]}, True),
        ({"offers": [], "categories": ["311"]}, False),
        ({"offers": [], "words": ["碎花"], "categories": ["311"]}, False),
    ],
)
def test_selectors_narrow_each_other(changes: dict[str, object], follows: bool) -> None:
    assert a_watch(**changes).selects(an_entry()) is follows


@pytest.mark.parametrize(
    ("threshold", "entry", "met"),
    [
        ({"price_down": 0.1}, {"price_change": -0.1}, True),
        ({"price_down": 0.1}, {"price_change": -0.09}, False),
        ({"price_down": 0.1}, {"price_change": 0.5}, False),
        ({"price_down": 0.1}, {"price_change": None}, False),
        ({"rank_within": 5}, {"rank": 5, "rank_change": 1}, True),
        ({"rank_within": 5}, {"rank": 4, "rank_change": 1}, False),
        ({"rank_within": 5}, {"rank": 6, "rank_change": 9}, False),
        ({"rank_within": 5}, {"rank": 2, "rank_change": None, "movement": "new_entry"}, True),
        ({"rank_within": 5}, {"rank": 2, "rank_change": None, "movement": "unknown"}, False),
        ({"new_on_list": True}, {"movement": "new_entry"}, True),
        ({"new_on_list": True}, {"movement": "re_entry"}, False),
        ({"sales_growth": 0.5}, {"sale_growth": log(1.5) + 1e-9}, True),
        ({"sales_growth": 0.5}, {"sale_growth": 0.4}, False),
        ({"breakout_probability": 0.4}, {"breakout_probability": 0.4}, True),
        ({"breakout_probability": 0.4}, {"breakout_probability": 0.39}, False),
    ],
)
def test_a_threshold_is_met_at_its_value(threshold: dict[str, object], entry: dict[str, object], met: bool) -> None:
    watch = Watch.model_validate({"name": "w", "offers": ["699123456701"], **threshold})
    assert list(watch.triggers(an_entry(**entry))) == ([Trigger(*threshold)] if met else [])


def test_an_entry_that_two_watches_follow_is_found_twice() -> None:
    entries = [an_entry(movement="new_entry"), an_entry(offer_id="2")]
    hits = list(find_hits([a_watch(name="a"), a_watch(name="b")], entries))
    assert [(hit.watch, hit.entry.offer_id) for hit in hits] == [("a", "699123456701"), ("b", "699123456701")]


def test_a_file_of_watches_is_read(tmp_path: Path) -> None:
    path = tmp_path / "watch.toml"
    path.write_text('[[watch]]\nname = "a"\nwords = ["裙"]\nprice_down = 0.1\n', encoding="utf-8")
    assert read_watches(path) == [Watch(name="a", words=["裙"], price_down=0.1)]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "it takes tables named [[watch]]"),
        ("watch = 1", "it takes tables named [[watch]]"),
        ("[[watch]", "is not a TOML file"),
        ('[[watch]]\nwords = ["x"]\nnew_on_list = true', "watch 1: name is not accepted: it takes a text"),
        ('[[watch]]\nname = "a"\nwords = ["x"]', "has no threshold: give it one of price_down"),
        ('[[watch]]\nname = "a"\nnew_on_list = true', "selects nothing: give it one of offers"),
        ('[[watch]]\nname = "a"\nword = ["x"]', "word is unknown: a watch takes name, offers"),
        ('[[watch]]\nname = "a"\nwords = ["x"]\nprice_down = 10', "price_down is not accepted: it takes a ratio"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(content: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "watch.toml"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError) as refused:
        read_watches(path)
    assert said in str(refused.value)
    assert str(refused.value).startswith(f"TOPLIST_WATCH={path}")
    assert str(refused.value).count("\n") == 0


def test_a_file_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="can't be read: No such file"):
        read_watches(tmp_path / "none.toml")
