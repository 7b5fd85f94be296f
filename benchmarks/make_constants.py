"""Fit the constants that ship with the package: `python -m benchmarks.make_constants --data lists.parquet`.

Prints the JSON of `toplist/trends/constants_v1.json`: the weights of a logistic regression over the whole archive, for
each kind of count and horizon.
"""

from __future__ import annotations

import argparse
import json

import numpy as np

from benchmarks.archive import as_windows, read_archive
from toplist.trends.features import LOOK_BACK, compute_features
from toplist.trends.model import WEIGHTS, design, quantiles_of, ridge_logistic
from toplist.trends.outcomes import outcomes
from toplist.trends.panel import Panel, SnapshotColumns
from toplist.trends.walk_forward import QUANTILE_DAYS, Labeled

_RIDGE = 10.0


def fit_constants(panel: Panel, snapshots: SnapshotColumns, horizon: int, until: int) -> list[float]:
    """Weights fitted on the outcomes read before a day; the first 33 days only serve as past."""
    rows = Labeled.of(compute_features(panel), panel.day, outcomes(panel, snapshots, horizon))
    first = int(rows.day.min()) + LOOK_BACK
    known = np.flatnonzero(rows.is_known & (rows.known_on < until) & (rows.day >= first))
    month = (rows.day[known] - first) // QUANTILE_DAYS
    columns = np.empty((len(known), len(WEIGHTS)))
    for each in np.unique(month):  # ranked within a month, as a crawl ranks
        of_month = known[month == each]
        columns[month == each] = design(rows.picked(of_month), quantiles_of(rows.features, of_month))
    found: list[float] = ridge_logistic(columns, rows.top[known], np.zeros(columns.shape[1]), _RIDGE).tolist()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", required=True)
    total = read_archive(parser.parse_args().data)
    last = int(total[0].day.max()) + 1
    weights: dict[str, dict[str, dict[str, float]]] = {}
    for kind, (panel, snapshots) in {"total": total, "window": as_windows(*total)}.items():
        for horizon in (7, 30):
            fitted = fit_constants(panel, snapshots, horizon, last)
            named = {name: round(value, 3) for name, value in zip(WEIGHTS, fitted, strict=True)}
            weights.setdefault(kind, {})[str(horizon)] = named
    made_from = f"{len(total[0])} rows of public daily lists: running totals, and windows of 30 days made of them"
    print(json.dumps({"made_from": made_from, "weights": weights}, indent=1))


if __name__ == "__main__":
    main()
