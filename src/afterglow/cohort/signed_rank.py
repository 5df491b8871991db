"""Pairs compared by ranks: Wilcoxon's signed rank test under each of its rules, always named; and the sign test.

There are several Wilcoxon tests: zeros are dropped or ranked (Pratt), P is asymptotic with or without continuity correction,
or exact, with or without regard to ties. Differences are rounded before they are ranked, so that 0.03 - 0.02 and
0.02 - 0.01 tie as they do on paper.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from afterglow.cohort.hodges_lehmann import hodges_lehmann
from afterglow.cohort.measured import measured, measured_together, together
from afterglow.cohort.null_ranks import far_from_middle, signed_rank_below, signed_rank_null
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Tested, Values

DECIMALS = 6
SMALL = 50  # differences up to which `choose` counts
COUNTED = 500  # differences up to which the exact distribution can be counted
RULES = {
    "asymptotic": "asymptotic, zeros dropped, ties corrected, no continuity correction",
    "asymptotic, continuity": "asymptotic, zeros dropped, ties corrected, continuity correction",
    "asymptotic, Pratt": "asymptotic, zeros ranked and then dropped (Pratt), ties corrected, no continuity correction",
    "asymptotic, Pratt, continuity": "asymptotic, zeros ranked and then dropped (Pratt), ties corrected, continuity correction",
    "exact": "exact distribution of W without ties, zeros dropped",
    "exact, ties": "exact permutation of the signs of the middle ranks, zeros dropped",
}


@dataclass(frozen=True)
class SignedRankPs:
    """Sums of ranks and P by every rule, for a comparison with what a paper prints; None: too many to count."""

    n: int
    n_nonzero: int
    n_positive: int
    n_negative: int
    w_positive: float  # sum of the ranks of positive differences
    w_negative: float
    ties: bool
    p_no_cc: float | None
    p_cc: float | None
    p_pratt: float | None
    p_pratt_cc: float | None
    p_exact_ignoring_ties: float | None
    p_exact_permutation: float | None
    decimals: int | None

    @property
    def w_min(self) -> float:
        return min(self.w_positive, self.w_negative)

    @property
    def rank_biserial(self) -> float | None:
        """Matched-pairs: from -1 (all fall) to 1 (all rise); None where all differences are zero."""
        total = self.w_positive + self.w_negative
        return (self.w_positive - self.w_negative) / total if total else None


def signed_rank_ps(differences: ArrayLike, *, decimals: int | None = DECIMALS) -> SignedRankPs:
    """Wilcoxon's signed rank test of differences by all rules; they are rounded to `decimals` first, None: not at all."""
    d = rounded(measured(differences, "the differences")[0], decimals)
    ranked, ranks, pratt, ties = _ranked(d)
    up, down = float(ranks[ranked > 0].sum()), float(ranks[ranked < 0].sum())
    no_cc, cc, pratt_no_cc, pratt_cc, exact, permuted = (_by_rule(rule, ranked, ranks, pratt) for rule in RULES)
    return SignedRankPs(
        d.size, ranked.size, int((ranked > 0).sum()), int((ranked < 0).sum()), up, down, ties,
        no_cc, cc, pratt_no_cc, pratt_cc, exact, permuted, decimals,
    )  # fmt: skip


def wilcoxon(
    first: ArrayLike, second: ArrayLike, *, rule: str = "choose", decimals: int | None = DECIMALS, level: float = 0.95,
    unit: str = "1", about: str = "",
) -> Tested:  # fmt: skip
    """Wilcoxon's signed rank test of second less first, row by row; with Hodges-Lehmann's difference and the rank-biserial.

    BadInput where the two lists differ in length.
    """
    (x, y), missing = measured_together([first, second], ["the first list", "the second list"])
    return wilcoxon_of(y - x, rule=rule, decimals=decimals, level=level, unit=unit, about=about, note=missing)


def wilcoxon_of(
    differences: ArrayLike, *, rule: str = "choose", decimals: int | None = DECIMALS, level: float = 0.95, unit: str = "1",
    about: str = "", note: str = "",
) -> Tested:  # fmt: skip
    """Wilcoxon's signed rank test of differences.

    `choose`: exact up to 50 differences that are not zero (by permutation where they tie), else asymptotic without continuity
    correction, zeros dropped.
    """
    if rule != "choose" and rule not in RULES:
        raise BadInput(f"Wilcoxon: no rule {rule!r}; there are choose, {', '.join(RULES)}")
    d, missing = measured(differences, "the differences")
    d = rounded(d, decimals)
    ranked, ranks, pratt, ties = _ranked(d)
    chosen = rule
    if rule == "choose":
        chosen = "asymptotic" if ranked.size > SMALL else "exact, ties" if ties else "exact"
    words = _words(chosen, rule == "choose", decimals, d.size, ranked.size, ties)
    note = together(missing, note)
    if not ranked.size:
        why = "no difference was measured" if not d.size else "every difference is zero"
        return Tested("Wilcoxon signed rank", words, (d.size,), "W", None, None, about=about, note=together(why, note))
    if chosen == "exact" and ties:
        note = together("differences tie: the exact P without ties is not exact", note)
    p = _by_rule(chosen, ranked, ranks, pratt)
    if p is None:
        note = together(f"{ranked.size} differences are too many to count every sign; take an asymptotic rule", note)
    up = float(ranks[ranked > 0].sum())
    effects = (
        hodges_lehmann(d, level=level, name="Hodges-Lehmann difference", unit=unit),
        Estimated("matched rank-biserial", 2 * up / float(ranks.sum()) - 1, n=d.size),
    )
    return Tested("Wilcoxon signed rank", words, (d.size,), "W", up, p, effects, about=about, note=note)


def sign_test(differences: ArrayLike, *, decimals: int | None = DECIMALS, level: float = 0.95, about: str = "") -> Tested:
    """Exact binomial test of whether as many differences rise as fall; zeros dropped."""
    d, missing = measured(differences, "the differences")
    d = rounded(d, decimals)
    up, n = int((d > 0).sum()), int((d != 0).sum())
    rule = "exact binomial, zeros dropped"
    if n == 0:
        return Tested("sign test", rule, (d.size,), "rises", None, None, about=about, note=together("no difference", missing))
    made = stats.binomtest(up, n)
    ends = made.proportion_ci(level, method="exact")
    share = Estimated("share that rises", up / n, float(ends.low), float(ends.high), "Clopper-Pearson", n=n, level=level)
    return Tested("sign test", rule, (d.size,), "rises", float(up), float(made.pvalue), (share,), about=about, note=missing)


def rounded(values: Values, decimals: int | None) -> Values:
    """The values to so many decimals; as they are where that is None."""
    return values if decimals is None else np.round(values, decimals)


def _words(chosen: str, by_choice: bool, decimals: int | None, n: int, nonzero: int, ties: bool) -> str:
    words = RULES[chosen] + (", ties ignored" if chosen == "exact" and ties else "")
    if decimals is not None:
        words += f"; differences rounded to {decimals} decimals"
    if by_choice:
        words += f" (chosen: {nonzero} of {n} not zero, {'with' if ties else 'without'} ties)"
    return words


def _ranked(d: Values) -> tuple[Values, Values, Values, bool]:
    """Differences that are not zero, their ranks, their ranks where zeros take the lowest (Pratt), and whether any tie."""
    ranked = d[d != 0]
    ranks = _ranks(ranked)
    return ranked, ranks, _ranks(d)[d != 0], np.unique(ranks).size < ranks.size


def _by_rule(rule: str, d: Values, ranks: Values, pratt: Values) -> float | None:
    """P by one of RULES; None where there are too many to count."""
    if rule.startswith("asymptotic"):
        return _asymptotic(d, pratt if "Pratt" in rule else ranks, 0.5 if "continuity" in rule else 0.0)
    if d.size > COUNTED:
        return None
    if rule == "exact":
        return _exact(min(float(ranks[d > 0].sum()), float(ranks[d < 0].sum())), d.size)
    return _permutation(d, ranks)


def _ranks(d: Values) -> Values:
    ranks: Values = stats.rankdata(np.abs(d))
    return ranks


def _asymptotic(d: Values, ranks: Values, continuity: float) -> float:
    """Normal approximation; the squares of the middle ranks hold the correction for ties."""
    sd = math.sqrt(float((ranks**2).sum())) / 2
    if sd == 0:
        return 1.0
    apart = abs(float(ranks[d > 0].sum()) - float(ranks.sum()) / 2)
    return float(2 * stats.norm.sf(max(0.0, apart - continuity) / sd))


def _exact(w: float, n: int) -> float:
    return min(1.0, 2 * float(signed_rank_below(n)[math.ceil(w)])) if n else 1.0


def _permutation(d: Values, ranks: Values) -> float:
    doubled = np.rint(2 * ranks).astype(np.int64)
    return far_from_middle(signed_rank_null(doubled), int(doubled[d > 0].sum()), float(ranks.sum())) if d.size else 1.0
