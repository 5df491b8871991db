"""The studentised maximum modulus: the largest of several t statistics that share one estimate of spread.

Dunnett (1980, J Am Stat Assoc 75:796-800) uses it for pairs of groups whose spreads differ.
"""

import math
from itertools import pairwise

import numpy as np
from scipy import integrate, optimize, special, stats


def maximum_modulus_sf(t: float, df: float, m: int) -> float:
    """P(largest of m absolute t statistics > t), m normals over one chi with `df`, which need not be whole."""
    if t <= 0:
        return 1.0
    if math.isinf(t):
        return 0.0

    def beyond(s: float) -> float:
        one = special.erfc(t * s / math.sqrt(2))
        some = 1.0 if one >= 1 else -math.expm1(m * math.log1p(-one))
        return float(some * chi_density(s, df))

    root = math.sqrt(df)
    low, high = float(stats.chi.ppf(1e-17, df)) / root, float(stats.chi.isf(1e-17, df)) / root
    edges = sorted({0.0, min(low, 1 / t), low, min(1.0, max(low, 4 / t)), 1.0, high})
    parts = [integrate.quad(beyond, a, b, epsabs=1e-300, epsrel=1e-11, limit=200)[0] for a, b in pairwise(edges)]
    return min(1.0, math.fsum(parts))


def maximum_modulus_isf(p: float, df: float, m: int) -> float:
    """The t beyond which the largest of m lies with probability p."""
    low, high = (float(stats.t.isf(q / 2, df)) for q in (p, p / m))  # one comparison, and Bonferroni's bound
    if m == 1:
        return low
    root = optimize.brentq(lambda t: maximum_modulus_sf(t, df, m) - p, low, high * (1 + 1e-9), xtol=1e-12, rtol=1e-12)
    return float(root)


def chi_density(s: float, df: float) -> float:
    """Density of chi over the root of its degrees of freedom."""
    if s <= 0:
        return 0.0 if df > 1 else math.sqrt(2 / math.pi)
    half = df / 2
    return math.exp(math.log(2) + half * math.log(half) - float(special.gammaln(half)) + (df - 1) * math.log(s) - half * s * s)


def studentised_range_sf(q: float, groups: int, df: float) -> float:
    """P(range of `groups` means over their spread > q), Tukey's distribution."""
    return float(np.clip(stats.studentized_range.sf(q, groups, df), 0.0, 1.0))
