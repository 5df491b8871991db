"""The ratio of two fitted signals: its standard error, and what it is at least where the divisor is hardly there (Fieller)."""

import numpy as np

from afterglow.kernels.types import Array

_Z = 1.959964  # both tails of a normal distribution together 5 %


def ratio_error(over: Array, under: Array, covariance: Array) -> Array:
    """Standard error (v,) of over / under to first order. covariance (v, 2, 2); NaN where `under` is 0 or NaN."""
    divisor = np.where(under == 0, np.nan, under)
    ratio = over / divisor
    variance = covariance[:, 0, 0] - 2 * ratio * covariance[:, 0, 1] + ratio**2 * covariance[:, 1, 1]
    out: Array = np.sqrt(np.maximum(variance, 0)) / np.abs(divisor)
    return out


def fieller_least(over: Array, under: Array, covariance: Array) -> Array:
    """The lower end (v,) of the 95 % interval of over / under, for `over` and a divisor that cannot be negative.

    It is the least r for which over - r * under is within 1.96 of its standard error; a divisor lost in noise makes the interval
    open above, not below. NaN where `over` itself is not clear of zero. covariance (v, 2, 2).
    """
    z2 = _Z**2
    a = under**2 - z2 * covariance[:, 1, 1]
    b = -2 * (over * under - z2 * covariance[:, 0, 1])
    c = over**2 - z2 * covariance[:, 0, 0]
    clear = (over > 0) & (c > 0)
    root = np.sqrt(np.maximum(b**2 - 4 * a * c, 0))
    below = -b + root
    found = clear & (below > 0)
    out: Array = np.where(found, 2 * c / np.where(found, below, 1.0), np.nan)
    return out
