"""Exact distributions of rank statistics when nothing differs: counted, not approximated, with or without ties.

Ranks are doubled, so that the middle ranks of ties stay whole numbers. Probabilities are added up and never subtracted,
so that small ones keep their digits.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from afterglow.records.statistic import Values

Whole = NDArray[np.int64]


def signed_rank_null(doubled: Whole) -> Values:
    """P of each doubled sum of positive ranks, when every sign is a fair coin. (n,) -> (sum + 1,)."""
    total = int(doubled.sum())
    p = np.zeros(total + 1)
    p[0] = 1.0
    reached = 0
    for step in doubled.tolist():
        moved = p[: reached + 1] / 2
        p[: reached + 1] = moved
        p[step : reached + step + 1] += moved
        reached += step
    return p


def rank_sum_null(doubled: Whole, chosen: int) -> Values:
    """P of each doubled sum of `chosen` ranks, when every choice is equally likely. (n,) -> (sum + 1,)."""
    total, size = int(np.sort(doubled)[::-1][:chosen].sum()), doubled.size
    p = np.zeros((chosen + 1, total + 1))
    p[0, 0] = 1.0
    for seen, rank in enumerate(doubled.tolist()):
        for taken in range(min(seen + 1, chosen), 0, -1):
            # share of the choices of `taken` among seen + 1 that hold the newest rank
            share = taken / (seen + 1)
            p[taken] *= 1 - share
            p[taken, rank:] += share * p[taken - 1, : total + 1 - rank]
    return p[chosen] if size >= chosen else np.zeros(1)


@lru_cache(maxsize=256)
def signed_rank_below(n: int) -> Values:
    """P(W <= k) for k = 0, 1, … of the signed rank sum of n untied differences."""
    below: Values = np.cumsum(signed_rank_null(2 * np.arange(1, n + 1))[::2])
    below.setflags(write=False)
    return below


@lru_cache(maxsize=256)
def rank_sum_below(m: int, n: int) -> Values:
    """P(U <= k) for k = 0, 1, … of Mann-Whitney's U of m and n untied numbers."""
    p = rank_sum_null(2 * np.arange(1, m + n + 1), m)
    below: Values = np.cumsum(p[m * (m + 1) :: 2])
    below.setflags(write=False)
    return below


def far_from_middle(null: Values, at: int, middle: float) -> float:
    """P of a sum as far from the middle as the one seen, or farther, on either side."""
    far = np.abs(np.arange(null.size) - middle) >= abs(at - middle) - 1e-9
    return min(1.0, float(null[far].sum()))


def cut(below: Values, tail: float) -> int:
    """The smallest k whose P(at or below k) reaches the tail."""
    return int(np.searchsorted(below, tail * (1 - 1e-12)))
