"""Bootstrap of patients: all exams of a drawn patient come along, as often as the patient was drawn.

A statistic is a function of weights, how often each exam counts: (draws, n) -> (draws,) or (draws, k). It gives NaN where it has
no value, as in a draw without positives; such draws are left out and counted. Leaving out one patient at a time is a weight too.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special, stats

from afterglow.cohort.labelled import Codes
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Values

Statistic = Callable[[Values], Values]
Kind = Literal["percentile", "BCa"]
AnyKind = Literal["percentile", "BCa", "basic on the logit"]  # the last for shares: turned round the number found, for its bias
AT_ONCE = 2_000_000  # weights


@dataclass(frozen=True, eq=False)
class Resampled:
    """A statistic in the sample, in each draw, and without each patient."""

    observed: Values  # (k,)
    drawn: Values  # (draws, k)
    without: Values  # (patients, k), empty where not asked for
    n_patients: int
    seed: int

    def interval(self, which: int = 0, *, kind: AnyKind = "percentile", level: float = 0.95) -> tuple[float, float] | None:
        """Ends of the interval of one number; None where it has no value or fewer than half of the draws give one."""
        found, drawn = float(self.observed[which]), self.drawn[:, which]
        drawn = drawn[~np.isnan(drawn)]
        if math.isnan(found) or drawn.size * 2 < self.drawn.shape[0] or self.n_patients < 2:
            return None
        tails = np.array([(1 - level) / 2, (1 + level) / 2])
        if kind == "basic on the logit":
            return self._turned(found, drawn, tails)
        if kind == "BCa":
            tails = bca_tails(found, drawn, self.without[:, which], tails)
        low, high = np.quantile(drawn, tails)
        return float(low), float(high)

    def _turned(self, found: float, drawn: Values, tails: Values) -> tuple[float, float] | None:
        """None at 0 and 1, which have no logit; draws are kept half a patient away from them."""
        if not 0 < found < 1:
            return None
        edge = 0.5 / self.n_patients
        ends = np.quantile(special.logit(np.clip(drawn, edge, 1 - edge)), tails)
        high, low = special.expit(2 * special.logit(found) - ends)
        return min(float(low), found), max(float(high), found)

    def rule(self, kind: AnyKind = "percentile") -> str:
        lost = int(np.isnan(self.drawn).any(axis=1).sum())
        left = f", {lost} of them without a value left out" if lost else ""
        return f"bootstrap of patients, {kind}, {self.drawn.shape[0]} draws, seed {self.seed}{left}"


def resample(statistic: Statistic, patients: Codes, *, draws: int, seed: int, jackknife: bool = False) -> Resampled:
    """The statistic in `draws` draws of as many patients as there are."""
    if draws < 1:
        raise BadInput(f"a bootstrap of {draws} draws; ask for 2000 or so")
    n = int(patients.max()) + 1 if patients.size else 0
    if n == 0:
        return Resampled(np.full(1, np.nan), np.full((draws, 1), np.nan), np.empty((0, 1)), 0, seed)
    rng = np.random.default_rng(seed)
    observed = _columns(statistic(np.ones((1, patients.size))))[0]
    step = max(1, AT_ONCE // patients.size)
    parts = [_columns(statistic(_draws(rng, n, min(step, draws - at))[:, patients])) for at in range(0, draws, step)]
    without = np.empty((0, observed.size))
    if jackknife:
        each = np.arange(n)
        chunks = (each[at : at + step] for at in range(0, n, step))
        without = np.concatenate([_columns(statistic((patients != c[:, None]).astype(np.float64))) for c in chunks])
    return Resampled(observed, np.concatenate(parts), without, n, seed)


def _draws(rng: np.random.Generator, patients: int, draws: int) -> Values:
    """How often each patient was drawn: (draws, patients)."""
    return np.stack([np.bincount(rng.integers(0, patients, patients), minlength=patients) for _ in range(draws)]).astype(
        np.float64
    )


def bca_tails(observed: float, drawn: Values, without: Values, tails: Values) -> Values:
    """Tails corrected for bias and acceleration (Efron 1987); draws equal to the sample count half."""
    below = (np.sum(drawn < observed) + np.sum(drawn <= observed)) / (2 * drawn.size)
    shift = stats.norm.ppf(np.clip(below, 0.5 / drawn.size, 1 - 0.5 / drawn.size))
    apart = np.nanmean(without) - without[~np.isnan(without)]
    spread = float(np.sum(apart**2))
    acceleration = float(np.sum(apart**3)) / (6 * spread**1.5) if spread > 0 else 0.0
    z = shift + stats.norm.ppf(tails)
    corrected: NDArray[np.float64] = stats.norm.cdf(shift + z / (1 - acceleration * z))
    return corrected


def _columns(values: Values) -> Values:
    return values if values.ndim == 2 else values[:, None]
