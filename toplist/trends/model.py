"""The breakout model: a logistic regression on ranks, drawn towards constants that were fitted on other real lists.

A feature is ranked against its quantiles over the last weeks, so that one list can be scored without the others of its
day, and a replay gives what the crawl gave. Sources, constants and worked numbers: docs/metrics.md.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from functools import cache
from importlib.resources import files
from statistics import NormalDist
from typing import Any, Final

import numpy as np

from toplist.trends.bootstrap import Interval
from toplist.trends.calibration import MAX_OFF, Bin, probability
from toplist.trends.coverage import Coverage
from toplist.trends.features import FLAGS, RANKED, Features
from toplist.trends.panel import Bools, Floats, Ints

VERSION: Final = "2"
CONSTANTS: Final = "constants_v1.json"
#: Features that are squared too: both ends of them differ from the middle.
SQUARED: Final = ("last_growth", "volatility")
WEIGHTS: Final = ("constant", *RANKED, *FLAGS, *(f"{name}_squared" for name in SQUARED))
#: How strongly the constants hold; the model's own constant, which is the base rate, is held a tenth as much.
RIDGE: Final = 30.0
#: Shares of the rows that a feature's quantiles are taken at.
SHARES: Final = np.concatenate(([0.001, 0.0025, 0.005, 0.01, 0.02], np.arange(0.04, 0.97, 0.02),
                                [0.98, 0.99, 0.995, 0.9975, 0.999]))  # fmt: skip
_NORMAL: Final = np.array([NormalDist().inv_cdf(share) for share in SHARES])
#: Logits where the correction of a probability may bend.
_BENDS: Final = (-2.0, 0.0, 2.0)
_CURVE: Final = np.linspace(-10.0, 10.0, 81)
_CURVE_RIDGE: Final = 5.0
_STEPS: Final = 30
_BLOCK: Final = 4096

Quantiles = tuple[tuple[float, ...], tuple[float, ...]]


@dataclass(frozen=True)
class Record:
    """What a model's probabilities came to on days that it had not seen.

    `threshold`: of the flag, None for none. `worst_bin`: None where no tenth of the probabilities has enough rows yet.
    """

    days: int
    rows: int
    base_rate: float
    brier_skill: Interval
    threshold: float | None = None
    flagged: int = 0
    flagged_hits: int = 0
    worst_bin: Bin | None = None

    @property
    def is_calibrated(self) -> bool:
        """Whether the probabilities came true about as often as they said, as far as that can be seen."""
        return self.worst_bin is None or abs(self.worst_bin.off) <= MAX_OFF

    @property
    def is_better(self) -> bool:
        """Whether the probabilities are worth more than the base rate, the whole interval of it."""
        return self.brier_skill.low is not None and self.brier_skill.low > 0


@dataclass(frozen=True)
class Model:
    """One horizon's model for one day.

    `shift` makes the mean probability of the days before the base rate; `curve`: logits that past outcomes correct
    `_CURVE` to, None: none yet.
    """

    horizon: int
    coverage: str
    fitted_on: int  # ordinal of the day that it scores
    first_day: int  # the outcomes that it was fitted on
    last_day: int
    rows: int
    base_rate: float  # the share of these rows that came true
    weights: tuple[float, ...]
    quantiles: dict[str, Quantiles]
    shift: float = 0.0
    curve: tuple[float, ...] | None = None
    record: Record | None = None
    version: str = VERSION

    @property
    def is_trusted(self) -> bool:
        """Whether its own record allows to use it; else the score by hand stands in."""
        return self.record is not None and self.record.is_better

    @property
    def threshold(self) -> float | None:
        """The probability from which on an offer is flagged; None for none."""
        return None if self.record is None else self.record.threshold

    @property
    def is_calibrated(self) -> bool:
        """Whether its own record allows to give its probability; else it only orders and flags."""
        return self.record is not None and self.record.is_calibrated

    def raw_logits(self, features: Features) -> Floats:
        """Before the correction."""
        found: Floats = design(features, self.quantiles) @ np.array(self.weights) + self.shift
        return found

    def logits(self, features: Features) -> Floats:
        """The score: the logit of the probability."""
        return corrected(self.raw_logits(features), self.curve)

    def to_json(self) -> dict[str, Any]:
        """Plain values, for a column of the database."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Model:
        """What `to_json` gave."""
        record = data["record"]
        if record is not None:
            worst = record["worst_bin"] and Bin(*record["worst_bin"])
            record = Record(**{**record, "brier_skill": Interval(*record["brier_skill"]), "worst_bin": worst})
        quantiles = {name: (tuple(edges), tuple(scores)) for name, (edges, scores) in data["quantiles"].items()}
        curve = None if data["curve"] is None else tuple(data["curve"])
        return cls(**{**data, "record": record, "quantiles": quantiles, "curve": curve,
                      "weights": tuple(data["weights"])})  # fmt: skip

    def with_record(self, record: Record | None) -> Model:
        """The same model, with what it came to."""
        return replace(self, record=record)


def quantiles_of(features: Features, rows: Ints) -> dict[str, Quantiles]:
    """Each feature's distinct quantiles over some rows, and the normal score of each."""
    found: dict[str, Quantiles] = {}
    for name in RANKED:
        values = features[name][rows]
        values = values[~np.isnan(values)]
        if not len(values):
            found[name] = ((0.0,), (0.0,))
            continue
        edges, place = np.unique(np.quantile(values, SHARES), return_inverse=True)
        number = np.bincount(place)
        found[name] = (tuple(edges.tolist()), tuple((np.bincount(place, _NORMAL) / number).tolist()))
    return found


def design(features: Features, quantiles: dict[str, Quantiles]) -> Floats:
    """The regression's columns, in the order of `WEIGHTS`; a missing feature counts as the middle one."""
    ranked = {name: np.interp(features[name], *quantiles[name]) for name in RANKED}
    for values in ranked.values():
        values[np.isnan(values)] = 0.0
    columns = [np.ones(len(features["rank"]))]
    columns += [ranked[name] for name in RANKED]
    columns += [features[name] for name in FLAGS]
    columns += [ranked[name] ** 2 for name in SQUARED]
    return np.stack(columns, axis=1)


def ridge_logistic(columns: Floats, hits: Bools, prior: Floats, ridge: float) -> Floats:
    """Weights that maximise the likelihood less ridge / 2 times the squared distance from `prior`: damped Newton."""
    held = np.full(columns.shape[1], ridge)
    held[0] /= 10
    targets = hits.astype(np.float64)

    def loss(weights: Floats) -> float:
        logits = columns @ weights
        return float(np.sum(np.logaddexp(0, logits) - targets * logits) + 0.5 * np.sum(held * (weights - prior) ** 2))

    weights = prior.copy()
    best = loss(weights)
    for _ in range(_STEPS):
        chances = probability(columns @ weights)
        slope = columns.T @ (chances - targets) + held * (weights - prior)
        bend = _curvature(columns, chances * (1 - chances)) + np.diag(held)
        step, size = np.linalg.solve(bend, slope), 1.0
        while (found := loss(weights - size * step)) > best and size > 1e-3:
            size /= 2
        weights = weights - size * step
        if best - found <= 1e-7 * abs(best):
            break
        best = found
    return weights


def _curvature(columns: Floats, weights: Floats) -> Floats:
    """columns^T diag(weights) columns, some rows at a time: they stay in the processor's cache."""
    roots = np.sqrt(weights)
    total = np.zeros((columns.shape[1], columns.shape[1]))
    for start in range(0, len(columns), _BLOCK):
        block = columns[start : start + _BLOCK] * roots[start : start + _BLOCK, None]
        total += block.T @ block
    return total


def fit_curve(logits: Floats, hits: Bools) -> tuple[float, ...]:
    """What past outcomes make of the logits `_CURVE`.

    A logistic regression on the logit and its bends, drawn to no change, and made increasing.
    """
    prior = np.zeros(2 + len(_BENDS))
    prior[1] = 1.0
    weights = ridge_logistic(_bent(logits), hits, prior, _CURVE_RIDGE)
    said = np.maximum.accumulate(_bent(_CURVE) @ weights)
    return tuple((said + 1e-4 * np.arange(len(_CURVE))).tolist())


def _bent(logits: Floats) -> Floats:
    return np.stack([np.ones(len(logits)), logits, *(np.maximum(logits - bend, 0) for bend in _BENDS)], axis=1)


def corrected(logits: Floats, curve: tuple[float, ...] | None) -> Floats:
    """Along the curve, and beyond its ends in parallel; never changes the order."""
    if curve is None:
        return logits
    inside = np.clip(logits, _CURVE[0], _CURVE[-1])
    return np.interp(inside, _CURVE, curve) + (logits - inside)


@cache
def constants(coverage: Coverage, horizon: int) -> tuple[float, ...]:
    """The weights that ship with the package, for a kind of count and a horizon of 7 or 30 days."""
    data = json.loads(files("toplist.trends").joinpath(CONSTANTS).read_text("utf-8"))
    kind = "total" if coverage.total else "window"
    found = data["weights"][kind][str(horizon)]
    return tuple(found[name] for name in WEIGHTS)
