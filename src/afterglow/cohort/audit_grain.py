"""What a mean, an SD and a range can be at all: Samuelson's bound, the range's bounds, and the grain of whole numbers.

Every bound is given the benefit of rounding: a printed number may be anything that is printed so.
"""

import math
from itertools import pairwise

from afterglow.records.printed import PrintedNumber

_GRID = 20_000  # sums of whole numbers that are tried; more means that every printed mean is possible


def samuelson_sd(mean: float, value: float, n: int) -> float:
    """The smallest sample SD with which n numbers of this mean can hold `value`: |value - mean| sqrt(n) / (n - 1)."""
    return abs(value - mean) * math.sqrt(n) / (n - 1)


def smallest_sd(mean: float, low: float, high: float, n: int) -> float:
    """The smallest sample SD of n >= 2 numbers with this mean, the lowest `low` and the highest `high`."""
    up, down = max(high - mean, 0.0), max(mean - low, 0.0)
    if n == 2:
        return math.sqrt(up**2 + down**2)
    return math.sqrt((up**2 + down**2 + (up - down) ** 2 / (n - 2)) / (n - 1))


def largest_sd(mean: float, low: float, high: float, n: int) -> float:
    """The largest sample SD of n numbers of this mean between `low` and `high`: all of them at the ends."""
    return math.sqrt(max((high - mean) * (mean - low), 0.0) * n / (n - 1))


def mean_sums(mean: PrintedNumber, n: int, grain: float) -> list[int] | None:
    """Sums, in grains, of n numbers on a grid that give the printed mean (GRIM). None where the grid is too fine to tell."""
    first, last = math.ceil(mean.low * n / grain - 1e-9), math.floor(mean.high * n / grain + 1e-9)
    if last - first > _GRID:
        return None
    return list(range(first, last + 1))


def sd_is_possible(sd: PrintedNumber, sums: list[int], n: int, grain: float) -> bool:
    """Whether n whole numbers (in grains) with one of the sums can have the printed sample SD (GRIMMER).

    The sum of squares is a whole number that is even where the sum is even, and odd where it is odd.
    """
    least, most = max(sd.low, 0.0) / grain, sd.high / grain
    for total in sums:
        middle = total**2 / n
        low = max(middle + (n - 1) * least**2, middle)
        high = middle + (n - 1) * most**2
        slack = 1e-9 * max(1.0, high)
        first = math.ceil(low - slack)
        first += (first - total) % 2
        if first <= high + slack:
            return True
    return False


def shares_with(sd: PrintedNumber, mean: PrintedNumber, n: int) -> list[int]:
    """Counts of ones among n noughts and ones that give both the printed mean and the printed sample SD (DEBIT)."""
    found = mean_sums(mean, n, 1.0)
    if found is None:
        return []
    return [k for k in found if 0 <= k <= n and sd.is_met_by(math.sqrt(k * (n - k) / (n * (n - 1))))]


def percents_can_sum(percents: list[PrintedNumber], total: float = 100.0) -> bool:
    """Whether rounded parts can be parts of the whole."""
    return sum(p.low for p in percents) <= total + 1e-9 and total - 1e-9 <= sum(p.high for p in percents)


def in_order(values: list[PrintedNumber]) -> bool:
    """Whether printed numbers can rise: minimum, lower quartile, median, upper quartile, maximum."""
    return all(a.low <= b.high + 1e-12 for a, b in pairwise(values))
