"""What one number can say about the voxels of a region.

Kurtosis is the excess over a normal distribution. Entropy is that of a histogram of 32 equal bins over the quantity's
display range, in bits; values beyond the range count in the end bins.
"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.weighted import weighted_mean, weighted_percentiles
from afterglow.records.measurement import split_statistic
from afterglow.records.quantity import Quantity

Values = NDArray[np.float64]
ENTROPY_BINS = 32
PERCENTS = {"p5": 5.0, "p10": 10.0, "p25": 25.0, "median": 50.0, "p75": 75.0, "p90": 90.0, "p95": 95.0}
_FEWEST = {"sd": 2, "skewness": 3, "kurtosis": 4}


def statistic_of(name: str, values: Values, quantity: Quantity, *, voxel_ml: float) -> float | None:
    """One statistic of measured voxels (n,); None where they are too few for it. `hotspot` needs places: see hotspot.py."""
    base, threshold = split_statistic(name)
    if values.size < _FEWEST.get(base, 1):
        return None
    if base in PERCENTS:
        return float(np.percentile(values, PERCENTS[base]))
    if threshold is not None:
        above = np.count_nonzero(values > threshold)
        return above * voxel_ml if base == "volume_above" else above / values.size
    if base == "entropy":
        return _entropy(values, quantity.display)
    value = _SIMPLE[base](values)
    return value if np.isfinite(value) else None


def _moment(values: Values, power: int) -> float:
    """Standardised central moment; NaN where all values are alike."""
    apart = values - values.mean()
    sd = float(apart.std())
    return float((apart**power).mean() / sd**power) if sd > 0 else float("nan")


def _entropy(values: Values, display: tuple[float, float]) -> float:
    counts, _ = np.histogram(np.clip(values, *display), bins=ENTROPY_BINS, range=display)
    shares = counts[counts > 0] / values.size
    return float(-(shares * np.log2(shares)).sum()) + 0.0


_SIMPLE: dict[str, Callable[[Values], float]] = {
    "mean": lambda v: float(v.mean()),
    "sd": lambda v: float(v.std(ddof=1)),
    "max": lambda v: float(v.max()),
    "iqr": lambda v: float(np.subtract(*np.percentile(v, [75, 25]))),
    "skewness": lambda v: _moment(v, 3),
    "kurtosis": lambda v: _moment(v, 4) - 3,
}


def draws_of(names: Sequence[str], values: Values, weights: NDArray[np.integer], *, voxel_ml: float) -> dict[str, Values]:
    """The statistics of every draw: values (n,), weights (d, n) -> name: (d,). Names that have no draws are left out.

    A volume above a threshold is that of the voxels drawn.
    """
    wanted = sorted({p for name in names for p in _percents_in(name)})
    found = dict(zip(wanted, weighted_percentiles(values, weights, tuple(wanted)), strict=True)) if wanted else {}
    made: dict[str, Values] = {}
    for name in names:
        base, threshold = split_statistic(name)
        if base in PERCENTS:
            made[name] = found[PERCENTS[base]]
        elif base == "iqr":
            made[name] = found[75.0] - found[25.0]
        elif base == "mean":
            made[name] = weighted_mean(values, weights)
        elif base in ("share_above", "volume_above"):
            above = (values > (np.nan if threshold is None else threshold)).astype(np.float64)
            made[name] = weights @ above * voxel_ml if base == "volume_above" else weighted_mean(above, weights)
    return made


def moved_of(names: Sequence[str], rows: Values, *, voxel_ml: float) -> dict[str, Values]:
    """The same statistics where it is the values that differ between draws: (d, n) -> name: (d,)."""
    wanted = sorted({p for name in names for p in _percents_in(name)})
    found = dict(zip(wanted, np.percentile(rows, wanted, axis=1), strict=True)) if wanted else {}
    made: dict[str, Values] = {}
    for name in names:
        base, threshold = split_statistic(name)
        if base in PERCENTS:
            made[name] = found[PERCENTS[base]]
        elif base == "iqr":
            made[name] = found[75.0] - found[25.0]
        elif base == "mean":
            made[name] = rows.mean(axis=1)
        elif base in ("share_above", "volume_above"):
            above = np.count_nonzero(rows > (np.nan if threshold is None else threshold), axis=1)
            made[name] = above * voxel_ml if base == "volume_above" else above / rows.shape[1]
    return made


def _percents_in(name: str) -> tuple[float, ...]:
    return (25.0, 75.0) if name == "iqr" else (PERCENTS[name],) if name in PERCENTS else ()
