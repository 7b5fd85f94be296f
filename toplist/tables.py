"""Tables for people: aligned also where a cell is Chinese, whose characters take two columns of a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from io import StringIO

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

_WIDTH = 10_000  # a line is never wrapped: the output may be a pipe or a log file


def text_table(
    heads: Sequence[str], rows: Iterable[Sequence[object]], *, left: int = 1, rule: bool = False, indent: int = 0
) -> str:
    """Rows as aligned plain text, without colours.

    The first `left` columns are aligned to the left, all others to the right. `heads` may be empty: then there is no
    header line. `rule` draws a line below the header.
    """
    lines = [[str(cell) for cell in row] for row in rows]
    columns = max((len(line) for line in lines), default=len(heads))
    table = Table(
        box=box.SIMPLE_HEAD if rule else None,
        show_header=bool(heads),
        show_edge=False,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style=None,
    )
    for column in range(columns):
        head = heads[column] if column < len(heads) else ""
        table.add_column(Text(head), justify="left" if column < left else "right", no_wrap=True)
    for line in lines:
        table.add_row(*map(Text, line))  # as Text: a cell may hold what rich would take for markup
    console = Console(file=StringIO(), width=_WIDTH, color_system=None, force_terminal=False, legacy_windows=False)
    with console.capture() as captured:
        console.print(Padding(table, (0, 0, 0, indent), expand=False))
    return "\n".join(line.rstrip() for line in captured.get().rstrip("\n").splitlines())
