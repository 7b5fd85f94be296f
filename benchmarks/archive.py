"""An archive of public daily lists (Parquet) as the backtest sees it: running totals, and windows of 30 days of them.

Columns: `snapshot_date`, `collected_at` (UTC), `list`, `rank`, `item`, `count`.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq

from tests.trends.panels import complete
from toplist.trends.panel import Ints, Panel, SnapshotColumns

WINDOW_DAYS = 30
#: Between counts that lie further apart than this, in days, none is interpolated.
MAX_GAP = 4.0
_EPOCH = date(1970, 1, 1).toordinal()


def read_archive(path: str) -> tuple[Panel, SnapshotColumns]:
    """Every row, counts as they are, and every list of a day as a complete snapshot."""
    table = pq.read_table(path, columns=["snapshot_date", "collected_at", "list", "rank", "item", "count"])
    days = table["snapshot_date"].to_numpy(zero_copy_only=False).astype("datetime64[D]").astype(np.int64)
    at = table["collected_at"].to_numpy(zero_copy_only=False).astype("datetime64[ms]").astype(np.int64)
    panel = Panel.of(
        {
            "list_id": _numbers(table["list"]),
            "offer": _numbers(table["item"]),
            "day": days + _EPOCH,
            "at": at / 86_400_000,
            "rank": table["rank"].to_numpy(),
            "count": table["count"].to_numpy().astype(np.float64),
        }
    )
    return panel, complete(panel)


def as_windows(panel: Panel, _: SnapshotColumns) -> tuple[Panel, SnapshotColumns]:
    """Windows of 30 days by differences of totals; the total of 30 days ago lies between its neighbours in time.

    Rows without such a total, and windows of 0, are left out. The ranks stay those of the totals.
    """
    series = panel.series * 1e6
    found = np.maximum(np.searchsorted(series + panel.at, series + panel.at - WINDOW_DAYS, side="right") - 1, 0)
    after = np.minimum(found + 1, len(panel) - 1)
    gap = panel.at[after] - panel.at[found]
    share = (panel.at - WINDOW_DAYS - panel.at[found]) / np.maximum(gap, 1e-9)
    sold = np.round(panel.count - panel.count[found] - share * (panel.count[after] - panel.count[found]))
    kept = (found >= panel.start) & (panel.at[found] <= panel.at - WINDOW_DAYS) & (gap <= MAX_GAP) & (sold > 0)
    names = ("list_id", "offer", "day", "at", "rank")
    windows = Panel.of({**{name: getattr(panel, name)[kept] for name in names}, "count": sold[kept]},
                       panel.first_day[kept])  # fmt: skip
    return windows, complete(windows)


def _numbers(column: object) -> Ints:
    codes = pc.dictionary_encode(pc.cast(column, "string")).combine_chunks()
    return np.asarray(codes.indices.to_numpy(zero_copy_only=False)).astype(np.int64)
