"""The page in a real Chromium, driven as a reader does. Every visit also asserts: no error, and no request leaves."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, Route, expect
from sqlalchemy import Engine, insert

from tests.report.conftest import Visit
from tests.report.made_history import TODAY, Market
from toplist.report.assemble import Highlights
from toplist.report.build import build_report
from toplist.storage.tables import trend_model

MARKET = Market(
    lists=12,
    rows=40,
    missing_days=(3, 4, 12),
    statuses={5: ("failed", "gw.QosAppFrequencyLimit", "too many requests"), 11: ("partial", None, None)},
)
HOSTILE = (
    "<script>window.ran=1</script>",
    '"><img src=x onerror="window.ran=1">',
    "</script><script>window.ran=1</script>",
    "‮连衣裙 RTL ‏עברית مرحبا",
    "长" * 500,
    "👗👠🧵 emoji 👩‍👩‍👧‍👦",
    '=HYPERLINK("http://evil.example";"x")',
    "-1+1|cmd",
)

Reports = Callable[..., tuple[Path, Any]]
Visits = Callable[..., Visit]


def titles(page: Page) -> list[str]:
    return page.locator("#table tbody .open").all_inner_texts()


def numbers(page: Page, column: str) -> list[float]:
    texts = page.locator(f"#table tbody td.c-{column}").all_inner_texts()
    found = [text.strip("¥%▲▼+").replace(",", "").replace("−", "-") for text in texts]
    return [float(text) for text in found if text != "–"]


def shown(page: Page) -> int:
    return int(page.locator("#table table").get_attribute("aria-rowcount") or 0) - 1


def test_sorts_by_a_click_and_back(report: Reports, visit: Visits) -> None:
    page = visit(report(MARKET)[0]).open()
    page.click("th.c-sale_count button")
    falling = numbers(page, "sale_count")
    assert len(falling) > 10
    assert falling == sorted(falling, reverse=True)
    expect(page.locator("th.c-sale_count")).to_have_attribute("aria-sort", "descending")
    page.click("th.c-sale_count button")
    rising = numbers(page, "sale_count")
    assert rising == sorted(rising)
    assert rising != falling


def test_filters_search_and_count(report: Reports, visit: Visits) -> None:
    page = visit(report(MARKET)[0]).open()
    everything = shown(page)
    assert everything == 10 * 40
    page.fill("#f-price_min", "100")
    page.fill("#f-price_max", "200")
    expect(page.locator("#count")).to_contain_text("/")
    page.wait_for_url("**/*#*price_max*")
    prices = numbers(page, "price")
    assert prices
    assert all(100 <= price <= 200 for price in prices)
    page.click("#reset")
    assert shown(page) == everything
    page.fill("#f-q", "裙")
    page.wait_for_url("**/*#*q=*")
    assert "裙" in page.evaluate("new URLSearchParams(location.hash.slice(1)).get('q')")
    assert 0 < shown(page) < everything
    assert [title for title in page.locator("#table tbody .c-title").all_inner_texts() if "裙" not in title] == []
    page.click("#reset")
    page.click('.chip[data-filter="move"][data-value="up"]')
    assert 0 < shown(page) < everything
    assert set(page.locator("#table tbody .move").evaluate_all("all => all.map(each => each.classList[1])")) == {"up"}


def test_a_parent_category_includes_its_children(report: Reports, visit: Visits) -> None:
    page = visit(report(MARKET)[0]).open()
    page.select_option("#f-cat", "女装")
    assert shown(page) == 400  # both categories stand below the root
    page.select_option("#f-cat", "女装>女装1类")
    assert shown(page) == 200
    assert "女装1类" in page.locator("#table tbody .list").first.inner_text()


def test_a_shared_address_shows_the_same_view(report: Reports, visit: Visits) -> None:
    path, _ = report(MARKET)
    page = visit(path).open()
    page.fill("#f-q", "裙")
    page.wait_for_url("**/*#*q=*")
    page.click('.chip[data-filter="type"][data-value="hot"]')
    page.click("th.c-price button")
    assert shown(page) > 5
    address, before = page.evaluate("location.hash"), titles(page)
    again = visit(path).open(address)
    assert titles(again) == before
    assert shown(again) == shown(page)
    expect(again.locator("#f-q")).to_have_value("裙")
    expect(again.locator('.chip[data-value="hot"]')).to_have_attribute("aria-pressed", "true")


def test_switches_language_and_follows_the_browsers(report: Reports, visit: Visits) -> None:
    path, _ = report(MARKET)
    page = visit(path).open()
    expect(page.locator("#moves-title")).to_have_text("今日变动")
    page.click("#language")
    expect(page.locator("#moves-title")).to_have_text("What moved")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    english = visit(path, locale="en-GB").open()
    expect(english.locator("#moves-title")).to_have_text("What moved")


def test_saves_the_filtered_rows_as_csv(report: Reports, visit: Visits) -> None:
    page = visit(report(Market(lists=2, rows=20, days=3, titles=HOSTILE * 4))[0]).open()
    page.click('.chip[data-filter="type"][data-value="complex"]')
    with page.expect_download() as download:
        page.click("#csv")
    text = Path(download.value.path()).read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert len(rows) == shown(page) == 20
    assert all(row["offer_id"].isdecimal() and len(row["offer_id"]) == 12 for row in rows)
    for row in rows:
        assert not row["title"].startswith(("=", "-", "+", "@"))
    saved = {row["title"].removeprefix("'") for row in rows}
    assert {title for title in HOSTILE if title.startswith(("=", "-"))} <= saved
    assert all(float(row["price"]) > 0 for row in rows)


def test_opens_an_offer_with_its_plots_and_why_figures_are_null(report: Reports, visit: Visits) -> None:
    page = visit(report(MARKET)[0]).open()
    first = titles(page)[0]
    page.click("#table tbody .open >> nth=0")
    dialog = page.locator("#offer")
    expect(dialog.locator("h2")).to_have_text(first)
    expect(dialog.locator(".plot svg")).to_have_count(3)
    assert dialog.locator(".tiers span").count() == 2
    assert dialog.locator(".reasons li").count() >= 1
    assert "offer=6000000" in page.evaluate("location.hash")
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    page.wait_for_url(lambda url: "offer=" not in url)  # the dialog's event comes a moment after it is hidden


def test_a_day_without_a_snapshot_breaks_the_line(report: Reports, visit: Visits) -> None:
    page = visit(report(MARKET)[0]).open()
    assert page.locator("#days .day.none").count() == 3
    page.click("#table tbody .open >> nth=0")
    expect(page.locator("#offer .plot svg")).to_have_count(3)
    drawn = (
        page.locator("#offer .plot").nth(1).locator("path[aria-roledescription='line mark']").first.get_attribute("d")
    )
    assert (drawn or "").count("M") == 3  # before the 12th day back, up to the 5th, and after


def test_reads_dark_and_on_a_phone_without_sideways_scrolling(report: Reports, visit: Visits) -> None:
    path, _ = report(MARKET)
    page = visit(path, viewport={"width": 390, "height": 800}, color_scheme="dark", has_touch=True).open()
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "dark"
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert shown(page) == 400
    page.locator("#table tbody .open").first.click()
    expect(page.locator("#offer .plot svg")).to_have_count(3)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.keyboard.press("Escape")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.documentElement).colorScheme") == "light"


def test_prints_the_first_rows_without_the_controls(report: Reports, visit: Visits) -> None:
    page = visit(report(MARKET)[0]).open()
    page.emulate_media(media="print")
    expect(page.locator("#print-note")).to_contain_text("200")
    assert page.locator("#table tbody .open").count() == 200
    assert not page.locator("#filters").is_visible()
    assert page.pdf()[:5] == b"%PDF-"
    page.emulate_media(media="screen")
    expect(page.locator("#print-note")).to_have_text("")


def test_works_with_the_keyboard_alone(report: Reports, visit: Visits) -> None:
    page = visit(report(MARKET)[0]).open()
    page.keyboard.press("Tab")
    expect(page.locator("#skip")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator('[data-row="0"]')).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    expect(page.locator('[data-row="2"]')).to_be_focused()
    page.keyboard.press("End")
    expect(page.locator('[data-row="399"]')).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#offer")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#offer")).to_be_hidden()


def test_only_rows_in_sight_exist(report: Reports, visit: Visits) -> None:
    page = visit(report(MARKET)[0]).open()
    assert page.locator("#table tbody .open").count() < 60
    page.locator("#table").evaluate("node => { node.scrollTop = node.scrollHeight }")
    expect(page.locator('[data-row="399"]')).to_be_visible()


def test_images_load_only_when_the_reader_turns_them_on(report: Reports, visit: Visits) -> None:
    started = visit(report(Market(lists=1, rows=10, days=2, images="https://images.example/{0:x}.jpg"))[0])
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(content_type="image/svg+xml", body='<svg xmlns="http://www.w3.org/2000/svg"/>')

    started.allowed = "https://images.example/"
    started.page.route("https://images.example/**", answer)
    page = started.open()
    assert page.locator("img").count() == 0
    assert asked == []
    with page.expect_response("https://images.example/**"):
        page.click("#images")
    expect(page.locator("#table img").first).to_be_visible()
    page.click("#images")
    assert page.locator("img").count() == 0


def test_strangers_texts_are_text_and_the_layout_holds(report: Reports, visit: Visits) -> None:
    links = ("javascript:window.ran=1", "data:text/html,x", "https://detail.1688.com/offer/1.html", "//x", "nonsense")
    path, _ = report(Market(lists=1, rows=20, days=2, titles=HOSTILE, links=links))
    started = visit(path)
    page = started.open()
    seen = set(page.locator("#table tbody .open").evaluate_all("all => all.map(each => each.textContent)"))
    assert len(seen & set(HOSTILE)) >= 5
    assert page.evaluate("document.documentElement.scrollWidth") <= 1360
    assert page.evaluate("[...document.querySelectorAll('#table tbody tr')].every(row => row.offsetHeight <= 46)")
    for offer_id in (str(600_000_000_000 + at) for at in range(len(links))):
        page.evaluate(f"location.hash = 'offer={offer_id}'")
        expect(page.locator("#offer")).to_contain_text(offer_id)
        for address in page.locator("#offer a").evaluate_all("all => all.map(each => each.protocol)"):
            assert address in ("http:", "https:")
    assert page.evaluate("window.ran") is None
    assert page.locator("img").count() == 0


def test_the_policy_refuses_scripts_and_connections(report: Reports, visit: Visits) -> None:
    started = visit(report(Market(lists=1, rows=5, days=1))[0])
    page = started.open()
    page.evaluate("""() => {
        const script = document.createElement('script');
        script.textContent = 'window.ran = 1';
        document.body.append(script);
        const node = document.createElement('div');
        node.innerHTML = '<img src="x:" onerror="window.ran = 1">';
        document.body.append(node);
    }""")
    refused = page.evaluate("fetch('https://example.com/').then(() => 'sent', () => 'refused')")
    assert refused == "refused"
    assert page.evaluate("window.ran") is None
    assert any("Content Security Policy" in error for error in started.errors)
    started.errors.clear()
    started.requests.clear()


def test_tells_the_truth_about_the_day(report: Reports, visit: Visits) -> None:
    page = visit(report(MARKET)[0], locale="en-US").open()
    expect(page.locator(".verdict")).to_contain_text("10 of 12 lists are whole")
    problems = page.locator("#problems").inner_text()
    assert "gw.QosAppFrequencyLimit" in problems
    assert "too many requests" in problems
    assert "女装0类" in problems  # the failed list by its name


def test_without_history_it_says_what_tomorrow_will_add(report: Reports, visit: Visits) -> None:
    path, _ = report(Market(lists=2, rows=10, days=1))
    page = visit(path).open()
    assert page.locator("#tomorrow li").count() == 4
    expect(page.locator("#record")).to_contain_text("历史太短")
    long_ago = visit(report(MARKET)[0]).open()
    assert long_ago.locator("#tomorrow li").count() == 0


@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 800}}])
def test_axe_finds_no_serious_violation(report: Reports, visit: Visits, options: dict[str, Any]) -> None:
    page = visit(report(MARKET)[0], **options).open()
    page.locator("#record").scroll_into_view_if_needed()
    expect(page.locator("#record svg")).to_have_count(1)
    assert serious(page) == []
    page.locator("#table tbody .open").first.click()
    expect(page.locator("#offer .plot svg")).to_have_count(3)
    assert serious(page) == []


def serious(page: Page) -> list[str]:
    found = Axe().run(page).response["violations"]
    return [
        f"{each['id']}: {node['target']} {node['failureSummary']}"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]


def test_an_index_links_to_a_page_for_each_root_category(report: Reports, visit: Visits) -> None:
    path, built = report(Market(lists=24, rows=20, categories_per_root=1), max_entries=200)
    assert built.pages == 4
    page = visit(path).open()
    assert page.locator("#page-links li").count() == 4
    page.click("#page-links a >> nth=1")
    page.wait_for_selector("html[data-ready]")
    assert shown(page) == 6 * 20
    page.click("#page-links a >> nth=0")
    page.wait_for_url("**/page.html*")


def test_watched_offers_and_monitors_stand_first(
    histories: Callable[[Market], Engine], visit: Visits, tmp_path: Path
) -> None:
    watched = [("600000000001", "我的款", ["price_down", "rank_within"]), ("699999999999", "not here", [])]
    path = tmp_path / "watched.html"
    build_report(
        histories(Market(lists=1, rows=20, days=2, titles=("x",) * 21)),
        "sandbox",
        TODAY,
        path.name,
        lambda _, text: path.write_text(text, encoding="utf-8") and None,
        highlights=Highlights(["rows: half of the usual"], watched),
    )
    page = visit(path).open()
    expect(page.locator("#problems")).to_contain_text("rows: half of the usual")
    expect(page.locator(".watched li")).to_have_count(1)
    expect(page.locator(".watched")).to_contain_text("我的款：降价、进入前列")


def test_says_what_sale_counts_cover_and_by_which_evidence(
    histories: Callable[[Market], Engine], report: Reports, visit: Visits
) -> None:
    market = Market(lists=1, rows=30, days=3)
    said = {"source": market.source, "protocol": "base64", "version": "1", "models": []}
    evidence = {"days": 28, "steps": 900, "rises": 700, "falls": 100, "fall": 0.01}
    own = {"version": "own-2026-03-28", "made_from": "", "shares": [], "knots": {}, "coverage": "window:30"}
    yesterday = {"snapshot_date": TODAY - timedelta(days=1), "coverage": "window:30", "evidence": evidence, "heat": own}
    today = {"snapshot_date": TODAY, "coverage": "total", "evidence": evidence, "heat": None}
    with histories(market).begin() as connection:
        connection.execute(insert(trend_model), [said | yesterday, said | today])
    record = visit(report(market)[0], locale="en-US").open().locator("#record")
    expect(record).to_contain_text("Sale counts (base64) are units of the last 30 days: 100 of 800 changes in 28 days")
    expect(record).to_contain_text("the first 28 days of these lists (own-2026-03-28)")
    expect(record).not_to_contain_text("running totals")
