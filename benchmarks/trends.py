"""What the breakout score is worth on real lists: `python -m benchmarks.trends --data lists.parquet`.

Walk-forward from `--since` on, as running totals and as windows of 30 days, a twentieth of each day's rows picked. The
constants that the model leans on are fitted on the days before `--since` only, not those that ship with the package.
"""

from __future__ import annotations

import argparse
import time
from datetime import date

from benchmarks.archive import as_windows, read_archive
from benchmarks.make_constants import fit_constants
from toplist.trends.backtest import BASELINE, CANDIDATE, FLAG, Backtest, HorizonResult
from toplist.trends.coverage import Coverage
from toplist.trends.features import compute_features
from toplist.trends.outcomes import outcomes
from toplist.trends.panel import Panel, SnapshotColumns
from toplist.trends.table import as_table
from toplist.trends.walk_forward import Labeled, walk_forward

KINDS = {"running totals": Coverage(total=True), "windows of 30 days": Coverage(window_days=30)}


def judge(panel: Panel, snapshots: SnapshotColumns, coverage: Coverage, horizon: int, since: int) -> HorizonResult:
    """One kind and horizon, walk-forward; the model's past begins 150 days before `since`."""
    features = compute_features(panel)
    rows = Labeled.of(features, panel.day, outcomes(panel, snapshots, horizon))
    prior = fit_constants(panel, snapshots, horizon, since)
    models = walk_forward(rows, coverage, horizon, int(panel.day.max()), since=since - 150, prior=prior)
    backtest = Backtest(horizon, coverage, models, None, since=since)
    backtest.add(panel, snapshots, features)
    return backtest.result()


def cold_start(panel: Panel, snapshots: SnapshotColumns, coverage: Coverage, since: int) -> HorizonResult:
    """The score by hand alone, on the first 28 days of installations that begin every 28 days from `since` on."""
    backtest = Backtest(7, coverage, [], None)
    for first in range(since, int(panel.day.max()) - 40, 28):
        kept = (panel.day >= first) & (panel.day < first + 36)
        names = ("list_id", "offer", "day", "at", "rank", "count")
        young = Panel.of({name: getattr(panel, name)[kept] for name in names})
        backtest.add(young, snapshots.pick((snapshots.day >= first) & (snapshots.day < first + 36)))
    return backtest.result()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True, help="a Parquet file of ranked lists")
    parser.add_argument("--since", type=date.fromisoformat, default=date(2020, 1, 1), help="first day judged")
    options = parser.parse_args()
    since = options.since.toordinal()
    total = read_archive(options.data)
    for (title, coverage), (panel, snapshots) in zip(KINDS.items(), (total, as_windows(*total)), strict=True):
        print(f"== {title}: {len(panel)} rows, judged from {options.since}\n")
        for horizon in (7, 30):
            began = time.perf_counter()
            result = judge(panel, snapshots, coverage, horizon, since)
            flag = result.named(FLAG)
            print(as_table([result]))
            print(f"the shipped score - last growth: {result.paired}")
            print(f"flagged: {flag.picks} rows, came true {flag.precision}, times the base rate {flag.lift}")
            print(f"Brier skill of the probability: {result.brier_skill}; {_worst_bin(result)}")
            print(f"({time.perf_counter() - began:.0f} s)\n", flush=True)
        young = cold_start(panel, snapshots, coverage, since)
        print(f"cold start, 28 days at a time: {young.named(CANDIDATE).precision}, last growth"
              f" {young.named(BASELINE).precision}; the score by hand - last growth: {young.paired}\n")  # fmt: skip


def _worst_bin(result: HorizonResult) -> str:
    worst = result.worst_bin
    return f"worst bin of 500 rows and more: said {worst.said:.3f}, came {worst.came:.3f}" if worst else "no bin yet"


if __name__ == "__main__":
    main()
