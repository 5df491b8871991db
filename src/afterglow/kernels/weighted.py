"""Statistics of values that count several times, or not at all: one row of whole-number weights for each draw."""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
_CELLS_AT_ONCE = 2_000_000  # draws times values held in memory together


def weighted_mean(values: Values, weights: NDArray[np.integer]) -> Values:
    """values (n,), weights (d, n) -> (d,); NaN where a draw holds nothing."""
    total = weights.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean: Values = np.where(total > 0, weights @ values / total, np.nan)
    return mean


def weighted_percentiles(values: Values, weights: NDArray[np.integer], percents: tuple[float, ...]) -> Values:
    """numpy's percentiles of each value repeated as often as its weight says. values (n,), weights (d, n) -> (p, d).

    NaN where a draw holds nothing.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    found = np.full((len(percents), len(weights)), np.nan)
    rows = max(1, _CELLS_AT_ONCE // max(1, values.size))
    for start in range(0, len(weights), rows):
        until = np.cumsum(weights[start : start + rows, order], axis=1, dtype=np.int64)
        found[:, start : start + rows] = _from_counts(ordered, until, percents)
    return found


def _from_counts(ordered: Values, until: NDArray[np.int64], percents: tuple[float, ...]) -> Values:
    """Percentiles from how many counts there are up to each of the ordered values. (n,), (d, n) -> (p, d)."""
    total = until[:, -1]
    first = np.arange(len(until)) * (total.max() + 1)  # keeps the counts of one draw below those of the next
    counts = (until + first[:, None]).ravel()
    found = np.full((len(percents), len(until)), np.nan)
    some = total > 0
    for row, percent in enumerate(percents):
        place = (total - 1)[some] * (percent / 100)
        below = np.floor(place)
        low, high = (
            np.searchsorted(counts, rank.astype(np.int64) + first[some], side="right") - np.flatnonzero(some) * ordered.size
            for rank in (below, np.ceil(place))
        )
        found[row, some] = ordered[low] + (ordered[high] - ordered[low]) * (place - below)
    return found
