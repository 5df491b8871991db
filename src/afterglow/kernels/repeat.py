"""Test-retest statistics of pairs: within-subject spread, repeatability coefficient, Bland-Altman limits, with intervals.

A pair has two numbers and so one degree of freedom; n pairs give a variance with n of them, and chi-square its interval.
The spread counts the differences from zero, not from their mean: where the second scan is always higher, that is spread too.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Values = NDArray[np.float64]
TWO_SCANS = 1.96 * math.sqrt(2)


class Estimate(NamedTuple):
    """A number with its interval."""

    value: float
    low: float
    high: float


def within_sd(first: Values, second: Values) -> float:
    """Standard deviation of one scan about its subject's own value, in the unit of the values. (n,), (n,)."""
    return math.sqrt(float(np.mean((second - first) ** 2)) / 2)


def within_cv_rms(first: Values, second: Values) -> float:
    """Coefficient of variation: root of the mean of each pair's variance over its squared mean."""
    return math.sqrt(float(np.mean(((second - first) / ((first + second) / 2)) ** 2)) / 2)


def within_cv_log(first: Values, second: Values) -> float:
    """Coefficient of variation of log-normal numbers, from the differences of their logarithms: sqrt(exp(s squared) - 1)."""
    return math.sqrt(math.expm1(within_sd(np.log(first), np.log(second)) ** 2))


def chi_square_interval(sd: float, n: int, *, level: float = 0.95) -> tuple[float, float]:
    """Interval of a standard deviation with n degrees of freedom: exact for normal differences without bias."""
    tail = (1 - level) / 2
    return sd * math.sqrt(n / float(stats.chi2.isf(tail, n))), sd * math.sqrt(n / float(stats.chi2.ppf(tail, n)))


def sd_estimate(first: Values, second: Values, *, level: float = 0.95) -> Estimate:
    """Within-subject standard deviation with its interval."""
    sd = within_sd(first, second)
    return Estimate(sd, *chi_square_interval(sd, first.size, level=level))


def cv_log_estimate(first: Values, second: Values, *, level: float = 0.95) -> Estimate:
    """Coefficient of variation by logarithms; the interval is that of the spread of the logarithms, carried over."""
    sd = within_sd(np.log(first), np.log(second))
    ends = chi_square_interval(sd, first.size, level=level)
    return Estimate(*(math.sqrt(math.expm1(s**2)) for s in (sd, *ends)))


def cv_rms_estimate(first: Values, second: Values, *, level: float = 0.95) -> Estimate:
    """Coefficient of variation by root mean square; its interval treats it as a standard deviation (near for small ones)."""
    cv = within_cv_rms(first, second)
    return Estimate(cv, *chi_square_interval(cv, first.size, level=level))


def bias_estimate(first: Values, second: Values, *, level: float = 0.95) -> Estimate:
    """Mean of second less first with its t interval."""
    apart = second - first
    half = float(stats.t.isf((1 - level) / 2, apart.size - 1)) * float(apart.std(ddof=1)) / math.sqrt(apart.size)
    mean = float(apart.mean())
    return Estimate(mean, mean - half, mean + half)


def limits_of_agreement(first: Values, second: Values, *, level: float = 0.95) -> tuple[Estimate, Estimate]:
    """Bland-Altman limits, bias -+ 1.96 standard deviations of the differences, each with its exact (noncentral t) interval."""
    apart = second - first
    n, mean, sd = apart.size, float(apart.mean()), float(apart.std(ddof=1))
    tail, centre = (1 - level) / 2, 1.96 * math.sqrt(n)
    near, far = (float(stats.nct.ppf(q, n - 1, centre)) * sd / math.sqrt(n) for q in (tail, 1 - tail))
    return Estimate(mean - 1.96 * sd, mean - far, mean - near), Estimate(mean + 1.96 * sd, mean + near, mean + far)
