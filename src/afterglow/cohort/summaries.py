"""What a group's numbers look like before any test: mean and spread, median, quartiles, range."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from afterglow.cohort.measured import measured
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated


@dataclass(frozen=True)
class Summary:
    """One group's numbers in short. None where there are too few; quartiles by linear interpolation, SD with n - 1."""

    n: int
    missing: int
    mean: float | None
    sd: float | None
    median: float | None
    q1: float | None
    q3: float | None
    minimum: float | None
    maximum: float | None


def summarise(values: ArrayLike) -> Summary:
    """Mean, sample SD, median, quartiles (linear interpolation) and range of what was measured."""
    v = measured(values)[0]
    missing = np.asarray(values).size - v.size
    if not v.size:
        return Summary(0, missing, None, None, None, None, None, None, None)
    q1, median, q3 = (float(q) for q in np.quantile(v, [0.25, 0.5, 0.75]))
    sd = float(v.std(ddof=1)) if v.size > 1 else None
    return Summary(v.size, missing, float(v.mean()), sd, median, q1, q3, float(v.min()), float(v.max()))


def pooled(parts: Sequence[tuple[float, float, float]]) -> tuple[int, float, float]:
    """n, mean and SD of a whole from (n, mean, SD) of its parts; the spread between the parts counts."""
    if not parts or any(n < 1 or n != int(n) or sd < 0 for n, _, sd in parts):
        raise BadInput("pooled mean: each part needs a whole number of patients above zero and an SD that is not negative")
    total = sum(n for n, _, _ in parts)
    mean = sum(n * m for n, m, _ in parts) / total
    if total < 2:
        raise BadInput("pooled mean: one patient has no SD")
    squares = sum((n - 1) * sd**2 + n * (m - mean) ** 2 for n, m, sd in parts)
    return int(total), mean, math.sqrt(squares / (total - 1))


def mean_estimate(values: ArrayLike, *, level: float = 0.95, name: str = "mean", unit: str = "1") -> Estimated:
    """Mean with its t interval."""
    v, missing = measured(values)
    if v.size < 2:
        value = float(v[0]) if v.size else None
        return Estimated(name, value, n=v.size, unit=unit, level=level, note=missing or "one number has no interval")
    half = float(stats.t.isf((1 - level) / 2, v.size - 1)) * float(v.std(ddof=1)) / math.sqrt(v.size)
    mean = float(v.mean())
    return Estimated(name, mean, mean - half, mean + half, "Student t", n=v.size, unit=unit, level=level, note=missing)


def median_estimate(values: ArrayLike, *, level: float = 0.95, name: str = "median", unit: str = "1") -> Estimated:
    """Median with the exact interval of its order statistics (binomial)."""
    v, missing = measured(values)
    n = v.size
    if n < 2:
        value = float(v[0]) if n else None
        return Estimated(name, value, n=n, unit=unit, level=level, note=missing or "one number has no interval")
    v = np.sort(v)
    k = max(1, int(stats.binom.ppf((1 - level) / 2, n, 0.5)))  # the k-th smallest and the k-th largest
    achieved = 1 - 2 * float(stats.binom.cdf(k - 1, n, 0.5))
    note = missing if achieved >= level else f"too few numbers for {100 * level:g} %; {missing}".rstrip("; ")
    rule = f"exact order statistics, K = {k}, achieved {100 * achieved:.4g} %"
    return Estimated(
        name, float(np.median(v)), float(v[k - 1]), float(v[n - k]), rule, n=n, unit=unit, level=level, note=note, achieved=achieved
    )  # fmt: skip
