"""The table and the verdict of a crawl: what is said first, in which words, and in which language."""

from datetime import date

from toplist.items import ListKey, RankList, Source, Status
from toplist.language import Language, Sentence, locale_language, said_in
from toplist.ranktypes import Protocol
from toplist.summary import NO_GRANT, CrawlSummary, Verdict, table
from toplist.tables import text_table

DAY = date(2026, 11, 24)


def ended(rank_type: str, category_id: str, status: Status, code: str | None = None) -> RankList:
    key = ListKey(Source.GATEWAY, Protocol.BASE64, rank_type, category_id)
    message = "not allowed" if code else None
    return RankList(key=key, snapshot_date=DAY, status=status, code=code, message=message, page_size=20)


def summary_of(*lists: RankList) -> CrawlSummary:
    made = CrawlSummary()
    for each in lists:
        made.plan(each.key)
        made.end(each)
    return made


def lines_of(summary: CrawlSummary, beginning: str) -> list[str]:
    return [line for line in table(summary).splitlines() if line.startswith(beginning)]


def test_a_missing_grant_is_said_once_a_rank_type_after_the_real_failures() -> None:
    denied = [
        ended(kind, str(number), Status.FAILED, NO_GRANT) for kind in ("VNHot", "VNTrend") for number in range(30)
    ]
    said = table(summary_of(*denied, ended("hot", "311", Status.FAILED, "777"))).splitlines()
    assert said[-3:] == [
        "  failed: hot in 311: 777: not allowed",
        "  no grant for VNHot 越南热销榜, 30 lists: not allowed",
        "  no grant for VNTrend 越南趋势榜, 30 lists: not allowed",
    ]


def test_failures_beyond_the_first_twenty_are_counted() -> None:
    made = summary_of(*(ended("hot", str(number), Status.FAILED, "777") for number in range(23)))
    assert len(lines_of(made, "  failed: ")) == 20
    assert lines_of(made, "  …") == ["  … and 3 more"]
    assert lines_of(summary_of(ended("hot", "1", Status.FAILED, "777")), "  …") == []


def test_the_verdict_counts_what_stands_under_failed() -> None:
    made = summary_of(
        ended("hot", "1", Status.FAILED, "777"),
        ended("hot", "2", Status.COMPLETE),
        ended("VNHot", "1", Status.FAILED, NO_GRANT),
        ended("VNHot", "2", Status.FAILED, NO_GRANT),
    )
    made.rows["hot"] = 5
    heads, *rows = (line.replace("complete before", "before").replace("no grant", "denied") for line in lines(made)[:3])
    columns = heads.replace("rank type", "kind title").split()
    cells = [dict(zip(columns, row.split(), strict=True)) for row in rows]
    assert [row["failed"] for row in cells] == ["1", "0"]
    assert [row["denied"] for row in cells] == ["0", "2"]
    assert made.problems(()) == ["1 of 4 lists failed"]
    assert made.problems(("hot", "VNHot")) == ["1 of 4 lists failed", "2 of 4 lists have no grant"]


def lines(summary: CrawlSummary) -> list[str]:
    return table(summary).splitlines()


def test_without_a_missing_grant_there_is_no_column_for_it() -> None:
    assert "no grant" not in table(summary_of(ended("hot", "1", Status.FAILED, "777")))


def test_people_read_the_table_and_the_verdict_in_chinese() -> None:
    made = summary_of(ended("hot", "311", Status.FAILED, "777"), ended("VNHot", "311", Status.FAILED, NO_GRANT))
    made.plan(ListKey(Source.GATEWAY, Protocol.BASE64, "hot", "312"))
    made.unread["54"] = "timeout"
    said = table(made, Language.CHINESE).splitlines()
    head = text_table([], [said[0].split()], left=99).split()
    assert head == [
        "榜单类型",
        "计划",
        "此前已完整",
        "完整",
        "部分",
        "空榜",
        "无此榜",
        "失败",
        "无授权",
        "未抓取",
        "条目",
    ]
    assert said[-3:] == [
        "  失败：hot in 311: 777: not allowed",
        "  VNHot 越南热销榜 没有授权，1 个榜单：not allowed",
        "  类目 54 无法读取：timeout",
    ]
    verdict = Verdict((*made.problems(()), "feed not delivered: x"), ("a warning",))
    assert str(verdict).startswith("incomplete: 1 of 3 lists failed; 1 lists were not asked for or not stored; no row")
    assert verdict.in_language(Language.CHINESE) == (
        "结论：不完整：3 个榜单中 1 个失败；1 个榜单未抓取或未保存；没有得到任何条目；"
        "1 个类目无法读取，其下的榜单未列入计划；feed not delivered: x（警告：a warning）"
    )
    assert Verdict(()).in_language(Language.CHINESE) == "结论：完整"
    assert Verdict(()).in_language(Language.ENGLISH) == "Verdict: complete"


def test_the_language_follows_the_locale_in_its_order() -> None:
    assert locale_language({"LANG": "zh_CN.UTF-8"}) is Language.CHINESE
    assert locale_language({"LANG": "zh_CN.UTF-8", "LC_ALL": "C"}) is Language.ENGLISH
    assert locale_language({}) is Language.ENGLISH


def test_a_sentence_is_english_text_with_a_translation() -> None:
    sentence = Sentence.of("{n} lists", "{n} 个榜单", n=3)
    assert sentence == "3 lists"
    assert said_in(Language.CHINESE, sentence) == "3 个榜单"
    assert said_in(Language.CHINESE, "a text without one") == "a text without one"
