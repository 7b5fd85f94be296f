"""Every way of reading an answer, by the folder of its examples: bytes in, a JSON-like summary out."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic_core import to_jsonable_python

from toplist.api.daily import Figure, read_daily
from toplist.api.details import read_detail
from toplist.api.error_rules import check_refusal
from toplist.api.parse_issues import ParseIssues
from toplist.api.responses import CategoryNode, read_categories, read_list_page
from toplist.api.rows import ReadRow, Rows
from toplist.ranktypes import RANK_TYPES, Endpoint, Protocol

EXAMPLES = Path(__file__).parent / "examples"


def check_none_is_gone(rows: Rows, sent: int) -> None:
    """`duplicates` is what is left over, so repeats are counted here from the rows themselves."""
    read = [row.offer.offer_id for page in rows.pages.values() for row in page if isinstance(row, ReadRow)]
    assert len(read) + len(rows.rejected) == rows.received == sent
    assert sorted(ranked.offer.offer_id for ranked in rows.arranged()) == sorted(set(read))
    assert rows.duplicates == len(read) - len(set(read))


def list_result(protocol: Protocol, endpoint: Endpoint, body: bytes) -> dict[str, Any]:
    rows = Rows()
    answer = read_list_page(protocol, endpoint, 200, body, rows.issues)
    rows.add_page(protocol, answer.rows or [], 1, 20, datetime(2026, 11, 23, tzinfo=UTC))
    check_none_is_gone(rows, len(answer.rows or []))
    return {
        "rows": None if answer.rows is None else len(answer.rows),
        "total": answer.total,
        "offers": [[rank, offer.model_dump(exclude_none=True)] for rank, offer, _ in rows.arranged()],
        "rejected": [[aside.position, aside.reason] for aside in rows.rejected],
        "duplicates": rows.duplicates,
        "issues": {"/".join(note): times for note, times in rows.issues.items()},
    }


def tree_result(body: bytes) -> dict[str, Any]:
    issues = ParseIssues()

    def shown(node: CategoryNode) -> list[Any]:
        children = [shown(child) for child in node.children]
        return [node.category_id, node.name, node.is_leaf, node.retired, list(node.parent_ids), children]

    nodes = [shown(node) for node in read_categories(body, issues=issues)]
    return {"nodes": nodes, "issues": {"/".join(note): times for note, times in issues.items()}}


def noted(result: Any, issues: ParseIssues) -> dict[str, Any]:
    return {"result": result, "issues": {"/".join(note): times for note, times in issues.items()}}


def detail_result(body: bytes) -> dict[str, Any]:
    issues = ParseIssues()
    detail = read_detail(check_refusal(200, body, Protocol.OPENPLATFORM), "34513534353434", issues)
    return noted(to_jsonable_python(detail), issues)


def daily_reader(figure: Figure) -> Callable[[bytes], dict[str, Any]]:
    def result(body: bytes) -> dict[str, Any]:
        issues = ParseIssues()
        figures = read_daily(figure, check_refusal(200, body, Protocol.OPENPLATFORM), issues)
        return noted(to_jsonable_python(figures), issues)

    return result


def list_reader(protocol: Protocol, endpoint: Endpoint) -> Callable[[bytes], dict[str, Any]]:
    return lambda body: list_result(protocol, endpoint, body)


READERS: dict[str, Callable[[bytes], dict[str, Any]]] = {
    f"{protocol}_{rank_type.endpoint}": list_reader(protocol, rank_type.endpoint)
    for protocol in Protocol
    for rank_type in RANK_TYPES.values()
    if rank_type.served_by(protocol)
} | {
    "categories": tree_result,
    "details": detail_result,
    **{f"daily_{figure.field}": daily_reader(figure) for figure in Figure},
}
