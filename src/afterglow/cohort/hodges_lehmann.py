"""Hodges-Lehmann estimates: the middle of all pairwise averages or differences, with the interval that ranks give.

The interval runs from the K-th smallest to the K-th largest, K from the exact distribution of the rank statistic where groups
are small, else from its normal approximation. Where values tie the interval is no narrower than it need be.
"""

import math

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from afterglow.cohort.measured import measured, together
from afterglow.cohort.null_ranks import cut, rank_sum_below, signed_rank_below
from afterglow.records.statistic import Estimated, Values

EXACT_PAIRS = 300  # differences up to which K is counted
EXACT_GROUP = 60  # larger group's size up to which K is counted
KEPT = 4_000_000  # averages or differences that are written out; beyond, the ranks are found by halving


def hodges_lehmann(differences: ArrayLike, *, level: float = 0.95, name: str = "Hodges-Lehmann", unit: str = "1") -> Estimated:
    """Median of the Walsh averages (each with each and with itself) of one group of differences, zeros kept.

    `achieved` is the level that the exact interval has, at least the one asked for unless the group is too small.
    """
    d, missing = measured(differences, "the differences")
    n = d.size
    if n == 0:
        return Estimated(name, None, n=0, unit=unit, level=level, note=together("no difference was measured", missing))
    walsh = _Walsh(np.sort(d))
    k, achieved, rule = _signed_rank_cut(n, (1 - level) / 2)
    return _estimate(walsh, k, achieved, rule, name=name, n=n, unit=unit, level=level, note=missing)


def hodges_lehmann_shift(
    first: ArrayLike, second: ArrayLike, *, level: float = 0.95, name: str = "Hodges-Lehmann shift", unit: str = "1"
) -> Estimated:
    """Median of all differences of a number of the first group less one of the second."""
    (x, no_x), (y, no_y) = measured(first, "the first group"), measured(second, "the second group")
    note, n = together(no_x, no_y), x.size + y.size
    if not (x.size and y.size):
        return Estimated(name, None, n=n, unit=unit, level=level, note=together("a group is empty", note))
    apart = _Apart(np.sort(x), np.sort(y))
    k, achieved, rule = _rank_sum_cut(x.size, y.size, (1 - level) / 2)
    return _estimate(apart, k, achieved, rule, name=name, n=n, unit=unit, level=level, note=note)


class _Walsh:
    """All averages of two of the sorted numbers, each with itself as well; the k-th smallest of them."""

    def __init__(self, ordered: Values) -> None:
        self.ordered, self.size = ordered, ordered.size * (ordered.size + 1) // 2
        self.all: Values | None = None
        if self.size <= KEPT:
            upper = np.triu_indices(ordered.size)
            self.all = np.sort((ordered[upper[0]] + ordered[upper[1]]) / 2)

    def up_to(self, value: float) -> int:
        """How many averages are at most `value`."""
        partners = np.searchsorted(self.ordered, 2 * value - self.ordered, side="right")
        return int((partners.sum() + (self.ordered <= value).sum()) // 2)

    def ends(self) -> tuple[float, float]:
        return float(self.ordered[0]), float(self.ordered[-1])


class _Apart:
    """All differences of a number of x less one of y, both sorted; the k-th smallest of them."""

    def __init__(self, x: Values, y: Values) -> None:
        self.x, self.y, self.size = x, y, x.size * y.size
        self.all: Values | None = np.sort((x[:, None] - y).ravel()) if self.size <= KEPT else None

    def up_to(self, value: float) -> int:
        return int(np.searchsorted(self.x, self.y + value, side="right").sum())

    def ends(self) -> tuple[float, float]:
        return float(self.x[0] - self.y[-1]), float(self.x[-1] - self.y[0])


def _at(what: _Walsh | _Apart, rank: int) -> float:
    """The rank-th smallest (from 1): read where all are written out, else found by halving down to neighbouring numbers."""
    if what.all is not None:
        return float(what.all[rank - 1])
    low, high = what.ends()
    low = math.nextafter(low, -math.inf)
    while True:
        middle = low + (high - low) / 2
        if not low < middle < high:
            return high
        if what.up_to(middle) >= rank:
            high = middle
        else:
            low = middle


def _estimate(
    what: _Walsh | _Apart, k: int, achieved: float, rule: str, *, name: str, n: int, unit: str, level: float, note: str
) -> Estimated:
    value = (_at(what, (what.size + 1) // 2) + _at(what, what.size // 2 + 1)) / 2
    if what.size < 2:
        return Estimated(name, value, n=n, unit=unit, level=level, note=together("one difference has no interval", note))
    if achieved < level - 1e-12 and "exact" in rule:
        note = together(f"too few numbers for {100 * level:g} %: the widest interval there is holds {100 * achieved:.4g} %", note)
    return Estimated(
        name, value, _at(what, k), _at(what, what.size + 1 - k), rule, n=n, unit=unit, level=level, note=note, achieved=achieved
    )  # fmt: skip


def _signed_rank_cut(n: int, tail: float) -> tuple[int, float, str]:
    if n <= EXACT_PAIRS:
        return _exact_cut(signed_rank_below(n), tail)
    mean, sd = n * (n + 1) / 4, math.sqrt(n * (n + 1) * (2 * n + 1) / 24)
    return _normal_cut(mean, sd, tail)


def _rank_sum_cut(m: int, n: int, tail: float) -> tuple[int, float, str]:
    if max(m, n) <= EXACT_GROUP:
        return _exact_cut(rank_sum_below(m, n), tail)
    return _normal_cut(m * n / 2, math.sqrt(m * n * (m + n + 1) / 12), tail)


def _exact_cut(below: Values, tail: float) -> tuple[int, float, str]:
    k = max(1, cut(below, tail))
    achieved = 1 - 2 * float(below[k - 1])
    return k, achieved, f"exact order statistics, K = {k}, achieved {100 * achieved:.4g} %"


def _normal_cut(mean: float, sd: float, tail: float) -> tuple[int, float, str]:
    k = max(1, math.floor(mean - float(stats.norm.isf(tail)) * sd))
    return k, 1 - 2 * tail, f"order statistics, K = {k} by the normal approximation"
