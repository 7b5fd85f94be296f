"""What the trends are worth on the sandbox's market: `python -m benchmarks.sandbox_trends [SEEDS] [DAYS]` (5, 120).

Each seed is an installation of 36 lists in 12 categories, once with the running totals of `base64` and once with the
30-day counts of `openplatform`. It prints whether the kind of count is found out of counts in four forms (totals and
windows, exact and cut as "1.2万+" is), what the flagged rows came to, and how far the probabilities were off.
"""

from __future__ import annotations

import sys
from collections import Counter
from datetime import date, timedelta
from random import Random

import numpy as np

from toplist.ranktypes import Protocol
from toplist.sandbox.catalogue import catalogue
from toplist.sandbox.market import Market
from toplist.trends.backtest import FLAG, Backtest
from toplist.trends.count_kind import CountEvidence
from toplist.trends.coverage import OPENPLATFORM_COVERAGE, Coverage
from toplist.trends.features import compute_features
from toplist.trends.outcomes import outcomes
from toplist.trends.panel import Floats, Panel, SnapshotColumns
from toplist.trends.walk_forward import Labeled, walk_forward

FIRST, CATEGORIES, RANK_TYPES = date(2026, 3, 10), 12, ("hot", "complex", "goodPrice")
KINDS = {Protocol.BASE64: Coverage(total=True), Protocol.OPENPLATFORM: OPENPLATFORM_COVERAGE}
_NAMES = ("list_id", "offer", "day", "at", "rank", "count")


def read_market(protocol: Protocol, seed: int, days: int) -> tuple[Panel, SnapshotColumns]:
    """An installation's lists, every one of them complete on every day."""
    market, rows, offers = Market(seed), [], dict[str, int]()
    categories = [each.category_id for each in catalogue() if each.category_id and not each.is_retired]
    is_window = protocol is Protocol.OPENPLATFORM
    for number, (category_id, rank_type) in enumerate(
        (category_id, rank_type)
        for category_id in Random(seed).sample(categories, CATEGORIES)
        for rank_type in RANK_TYPES
    ):
        for step in range(days):
            day = FIRST + timedelta(days=step)
            for rank, figures in enumerate(market.rows(rank_type, category_id, day) or (), 1):
                if is_window and rank > 20:
                    break
                offer = offers.setdefault(figures.offer.offer_id, len(offers))
                count = figures.sold_30 if is_window else figures.total_sold
                rows.append((number, offer, day.toordinal(), day.toordinal(), rank, count))
    panel = Panel.of(dict(zip(_NAMES, np.array(rows, np.float64).T, strict=True)))
    listed = np.unique(np.stack((panel.list_id, panel.day), axis=1), axis=0).T
    size = len(listed[0])
    return panel, SnapshotColumns(*listed, np.ones(size, np.bool_), np.full(size, np.inf), np.zeros(size, np.int64))


def cut(counts: Floats) -> Floats:
    """As "1.2万+" and "3400+" spell them: down to the thousand and to the hundred."""
    step = np.where(counts >= 10_000, 1000, np.where(counts >= 1000, 100, 1))
    return np.floor(counts / step) * step


def kinds_found(panel: Panel, days: int) -> Counter[str]:
    """What the first days of each list alone show, and of all lists together: how often each kind."""
    young = panel.day < panel.day.min() + days
    columns = {name: getattr(panel, name)[young] for name in _NAMES}
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
            panel, snapshots = read_market(protocol, seed, days)
            for form, counts in {"exact": panel.count, "cut": cut(panel.count)}.items():
                columns = {**{name: getattr(panel, name) for name in _NAMES}, "count": counts}
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
