"""Two groups compared by ranks: Mann-Whitney under each of its P rules, always named."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from afterglow.cohort.hodges_lehmann import hodges_lehmann_shift
from afterglow.cohort.measured import all_equal, measured, together
from afterglow.cohort.null_ranks import far_from_middle, rank_sum_below, rank_sum_null
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Tested, Values

SMALL = 100  # both groups together, up to which the exact distribution is counted
RULES = {
    "asymptotic": "asymptotic, ties corrected, no continuity correction",
    "asymptotic, continuity": "asymptotic, ties corrected, continuity correction",
    "exact": "exact distribution of U without ties",
    "exact, ties": "exact permutation of the middle ranks, as far from the middle or farther",
}


@dataclass(frozen=True)
class RankSumPs:
    """U of the first group and P by every rule, for a comparison with what a paper prints; None: groups too large or empty."""

    n_first: int
    n_second: int
    u_first: float
    ties: bool
    p_asymptotic_no_cc: float | None
    p_asymptotic_cc: float | None
    p_exact_ignoring_ties: float | None
    p_exact_with_ties: float | None

    @property
    def rank_biserial(self) -> float:
        """From -1 (every number of the first group is below every one of the second) to 1."""
        return 2 * self.u_first / (self.n_first * self.n_second) - 1


def rank_sum_ps(first: ArrayLike, second: ArrayLike) -> RankSumPs:
    """Mann-Whitney by all rules. BadInput where a group is empty."""
    x, y = measured(first, "the first group")[0], measured(second, "the second group")[0]
    if not (x.size and y.size):
        raise BadInput(f"Mann-Whitney: groups of {x.size} and {y.size}; both need a number")
    ranks, u, ties = _ranked(x, y)
    return RankSumPs(x.size, y.size, u, ties, *(_by_rule(rule, ranks, u, x.size, y.size) for rule in RULES))


def mann_whitney(
    first: ArrayLike, second: ArrayLike, *, rule: str = "choose", level: float = 0.95, unit: str = "1", about: str = ""
) -> Tested:
    """Mann-Whitney U of two groups, with the Hodges-Lehmann shift (first less second) and the rank-biserial correlation.

    `choose`: exact up to 100 numbers together (by permutation where values tie), else asymptotic without continuity correction.
    """
    if rule != "choose" and rule not in RULES:
        raise BadInput(f"Mann-Whitney: no rule {rule!r}; there are choose, {', '.join(RULES)}")
    (x, no_x), (y, no_y) = measured(first, "the first group"), measured(second, "the second group")
    n, note = (x.size, y.size), together(no_x, no_y)
    words = RULES.get(rule, "exact")
    if not (x.size and y.size):
        return Tested("Mann-Whitney", words, n, "U", None, None, about=about, note=together("a group is empty", note))
    ranks, u, ties = _ranked(x, y)
    if rule == "choose":
        rule = "asymptotic" if sum(n) > SMALL else "exact, ties" if ties else "exact"
        words = f"{RULES[rule]} (chosen: {sum(n)} numbers, {'with' if ties else 'without'} ties)"
    p = _by_rule(rule, ranks, u, *n)
    if rule == "exact" and ties:
        words, note = f"{words}, ties ignored", together("values tie: the exact P without ties is not exact", note)
    if p is None:
        note = together(f"{sum(n)} numbers are too many to count every choice; take the asymptotic rule", note)
    if all_equal(x, y):
        note = together("all values are equal", note)
    biserial = Estimated("rank-biserial", 2 * u / (n[0] * n[1]) - 1, n=sum(n))
    effects = (hodges_lehmann_shift(x, y, level=level, unit=unit), biserial)
    return Tested("Mann-Whitney", words, n, "U", u, p, effects, about=about, note=note)


def _ranked(x: Values, y: Values) -> tuple[Values, float, bool]:
    """Ranks of both groups together, U of the first, and whether any tie."""
    ranks = np.asarray(stats.rankdata(np.concatenate([x, y])), dtype=np.float64)
    u = float(ranks[: x.size].sum()) - x.size * (x.size + 1) / 2
    return ranks, u, np.unique(ranks).size < ranks.size


def _by_rule(rule: str, ranks: Values, u: float, m: int, n: int) -> float | None:
    """P by one of RULES; None where there are too many to count."""
    if rule == "asymptotic":
        return _asymptotic(u, m, n, ranks, 0.0)
    if rule == "asymptotic, continuity":
        return _asymptotic(u, m, n, ranks, 0.5)
    if m + n > SMALL:
        return None
    return _exact(u, m, n) if rule == "exact" else _permutation(ranks, m)


def _asymptotic(u: float, m: int, n: int, ranks: Values, continuity: float) -> float:
    counts = np.unique(ranks, return_counts=True)[1].astype(np.float64)
    total = m + n
    tied = float((counts**3 - counts).sum()) / (total * (total - 1)) if total > 1 else 0.0
    sd = math.sqrt(max(0.0, m * n / 12 * (total + 1 - tied)))
    if sd == 0:
        return 1.0
    z = max(0.0, abs(u - m * n / 2) - continuity) / sd
    return float(2 * stats.norm.sf(z))


def _exact(u: float, m: int, n: int) -> float:
    """Twice the smaller tail of the distribution without ties; where ties made a half, its ends on the safe side."""
    below = rank_sum_below(m, n)
    return min(1.0, 2 * float(below[math.ceil(min(u, m * n - u))]))


def _permutation(ranks: Values, m: int) -> float:
    doubled = np.rint(2 * ranks).astype(np.int64)
    return far_from_middle(rank_sum_null(doubled, m), int(doubled[:m].sum()), m * (ranks.size + 1))
