"""What goes beside the feed, each in a file of its own: rows that were rejected, and offers that dropped out.

JSON Lines on this computer; no row, no file. The tables `rejected` and `dropped_out` hold the same for good.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from toplist.errors import InputError
from toplist.feeds.uris import check_targets, parse_targets
from toplist.items import ListKey, Source

if TYPE_CHECKING:
    from pydantic import BaseModel

    from toplist.config import Places
    from toplist.storage.history import History

logger = logging.getLogger(__name__)


def check_side_files(places: Places, day: date) -> None:
    """Try their places, before the first request. Raises InputError naming the setting."""
    for setting, uri in places.side_uris().items():
        if uri is not None:
            check_targets(parse_targets([str(_path(setting, uri, day))], day, setting=setting), setting=setting)


def write_side_files(places: Places, history: History, day: date, source: Source) -> None:
    """Write both for a snapshot. Blocking. Raises OSError."""
    uris = places.side_uris()
    aside = history.rejected(day, source)
    if aside:
        where = _write("TOPLIST_REJECTED_URI", uris, day, aside)
        logger.warning("%d rows were rejected, with the reason each: %s", len(aside), where or "table rejected")
    gone = history.dropped_out(day, source)
    if gone:
        where = _write("TOPLIST_DROPPED_OUT_URI", uris, day, gone)
        logger.info("%d offers dropped out of their lists: %s", len(gone), where or "table dropped_out")


def _path(setting: str, uri: str, day: date) -> Path:
    path = parse_targets([uri], day, setting=setting)[0].path
    if path is None or not path.name.endswith(".jsonl"):
        raise InputError(f"{setting}={uri!r} is not accepted: it takes a path on this computer that ends in .jsonl.")
    return path


def _write(
    setting: str, uris: dict[str, str | None], day: date, rows: Iterable[tuple[ListKey, BaseModel]]
) -> Path | None:
    uri = uris[setting]
    if uri is None:
        return None
    path = _path(setting, uri, day)
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        for key, row in rows:
            line: dict[str, Any] = {"snapshot_date": str(day), **key._asdict(), **row.model_dump(mode="json")}
            file.write(json.dumps(line, ensure_ascii=False) + "\n")
    part.replace(path)
    return path
