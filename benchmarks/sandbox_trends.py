"""What the trends are worth on the sandbox's market: `python -m benchmarks.sandbox_trends [SEEDS] [DAYS]` (5, 120).

Each seed is an installation of 36 lists in 12 categories, once with the running totals of `base64` and once with the
30-day counts of `openplatform`. It prints whether the kind of count is found out of counts in four forms (totals and
windows, exact and cut as "1.2万+" is), what the flagged rows came to, and how far the probabilities were off.
"""

from __future__ import annotations

import sys
from collections import Counter

import numpy as np

from tests.trends.hidden_market import NAMES, market_panel
from tests.trends.panels import complete, cut
from toplist.ranktypes import Protocol
from toplist.trends.backtest import FLAG, Backtest
from toplist.trends.count_kind import CountEvidence
from toplist.trends.coverage import OPENPLATFORM_COVERAGE, Coverage
from toplist.trends.features import compute_features
from toplist.trends.outcomes import outcomes
from toplist.trends.panel import Panel
from toplist.trends.walk_forward import Labeled, walk_forward

KINDS = {Protocol.BASE64: Coverage(total=True), Protocol.OPENPLATFORM: OPENPLATFORM_COVERAGE}


def kinds_found(panel: Panel, days: int) -> Counter[str]:
    """What the first days of each list alone show, and of all lists together: how often each kind."""
    young = panel.day < panel.day.min() + days
    columns = {name: getattr(panel, name)[young] for name in NAMES}
    found: Counter[str] = Counter()
    for rows in (columns["list_id"] == number for number in np.unique(columns["list_id"])):
        found[str(CountEvidence.of(Panel.of({name: values[rows] for name, values in columns.items()})).coverage)] += 1
    found["all together: " + str(CountEvidence.of(Panel.of(columns)).coverage)] += 1
    return found


def main() -> None:
    seeds, days = (int(given) for given in (sys.argv[1:] + ["5", "120"][len(sys.argv) - 1 :]))
    for protocol, coverage in KINDS.items():
        kinds: dict[tuple[str, int], Counter[str]] = {}
        print(f"== {protocol}: counts are {coverage}")
        for seed in range(1, seeds + 1):
            panel = market_panel(protocol, seed, days)
            snapshots = complete(panel)
            for form, counts in {"exact": panel.count, "cut": cut(panel.count)}.items():
                columns = {**{name: getattr(panel, name) for name in NAMES}, "count": counts}
                for young in (14, 28):
                    kinds.setdefault((form, young), Counter()).update(kinds_found(Panel.of(columns), young))
            features = compute_features(panel)
            rows = Labeled.of(features, panel.day, outcomes(panel, snapshots, 7))
            backtest = Backtest(7, coverage, walk_forward(rows, coverage, 7, int(panel.day.max())))
            backtest.add(panel, snapshots, features)
            result = backtest.result()
            flag, worst = result.named(FLAG), result.worst_bin
            off = f"furthest off: said {worst.said:.3f}, came {worst.came:.3f} ({worst.rows} rows)" if worst else "-"
            print(
                f"seed {seed}: flagged {flag.picks}, came true {flag.precision}, times the base rate {flag.lift};"
                f" score - last growth {result.paired}; probability on {result.probability_days} of"
                f" {result.model_days} days with a model, Brier skill {result.brier_skill}; {off}",
                flush=True,
            )
        for (form, young), found in kinds.items():
            print(f"kind of count after {young} days, {form} counts: {dict(found)}")
        print()


if __name__ == "__main__":
    main()
