"""Tables for people: columns are aligned by what a terminal shows."""

from rich.cells import cell_len

from toplist.tables import text_table


def test_columns_are_aligned_beside_chinese_text() -> None:
    lines = text_table(["rank type", "rows"], [["hot 热销榜", 5], ["anchorHot 主播热卖榜", 1200]]).splitlines()
    assert [cell_len(line) for line in lines] == [cell_len("anchorHot 主播热卖榜") + 2 + len("rows")] * 3
    assert lines[1].endswith(" 5")


def test_a_cell_is_shown_as_it_is() -> None:
    assert "[red]not markup[/red] :smile:" in text_table([], [["[red]not markup[/red] :smile:", "x"]])


def test_a_long_line_is_not_wrapped_or_cut() -> None:
    assert text_table([], [["ok", "x" * 400]], left=2) == "ok  " + "x" * 400


def test_a_table_can_be_indented_and_ruled() -> None:
    lines = text_table(["a", "b"], [["1", "2"]], rule=True, indent=4).splitlines()
    assert len(lines) == 3
    assert all(line.startswith("    ") for line in lines)
