"""Two numbers of the same patients: Pearson, Spearman; and why a change must not be set against its own start.

A change holds its starting value: if after were nothing but noise about the same mean, before and after less before would still
correlate. Oldham's form, the change against the mean of both, has no such coupling where the two spreads are equal.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from afterglow.cohort.measured import all_equal, measured_together, together
from afterglow.cohort.signed_rank import DECIMALS, rounded
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Tested, Values

COUPLED = (
    "the change holds the baseline, so that they correlate even where nothing real does; "
    "Oldham's form (change against the mean of both) is free of this where the spreads are equal"
)
COUNTED = 8  # pairs up to which every order is counted for Spearman's P


class BaselineAndChange(NamedTuple):
    """The same question by five ways; `log` is None where a number is not above zero."""

    raw: Tested  # Pearson, change in the unit of the values
    log: Tested | None  # Pearson, log ratio against log baseline
    spearman: Tested
    oldham: Tested  # Pearson, change against the mean of both
    oldham_spearman: Tested


def pearson(x: ArrayLike, y: ArrayLike, *, level: float = 0.95, about: str = "", note: str = "") -> Tested:
    """Pearson's correlation, P by t with n - 2 degrees of freedom, Fisher's z interval."""
    (a, b), missing = measured_together([x, y], ["the first list", "the second list"])
    rule, n, note = "two-sided, t with n - 2 degrees of freedom", a.size, together(note, missing)
    why = _cannot(a, b)
    if why:
        return Tested("Pearson", rule, (n,), "r", None, None, about=about, note=together(why, note))
    r = float(np.clip(stats.pearsonr(a, b).statistic, -1.0, 1.0))
    return _correlated(
        "Pearson", rule, r, pearson_p(r, n), n, 1 / (n - 3) if n > 3 else None, level=level, about=about, note=note
    )


def spearman(
    x: ArrayLike, y: ArrayLike, *, decimals: int | None = None, level: float = 0.95, about: str = "", note: str = ""
) -> Tested:
    """Spearman's correlation of ranks; P exact up to 8 pairs (every order counted), else by t with n - 2 degrees of freedom.

    `decimals`: round first, so that what is equal on paper ties. The interval is Fisher's z with Bonett and Wright's variance.
    """
    (a, b), missing = measured_together([x, y], ["the first list", "the second list"])
    a, b, n, note = rounded(a, decimals), rounded(b, decimals), a.size, together(note, missing)
    exact = n <= COUNTED
    rule = "two-sided, every order counted" if exact else "two-sided, t with n - 2 degrees of freedom, middle ranks of ties"
    why = _cannot(a, b)
    if why:
        return Tested("Spearman", rule, (n,), "rho", None, None, about=about, note=together(why, note))
    ranks = stats.rankdata(a), stats.rankdata(b)
    r = float(np.clip(stats.pearsonr(*ranks).statistic, -1.0, 1.0))
    p = _every_order(*ranks) if exact else pearson_p(r, n)
    variance = (1 + r * r / 2) / (n - 3) if n > 3 else None
    return _correlated("Spearman", rule, r, p, n, variance, level=level, about=about, note=note)


def pearson_p(r: float, n: int) -> float:
    """Two-sided P of a printed correlation: t with n - 2 degrees of freedom. BadInput where n is under 3 or r beyond 1."""
    if n < 3 or not -1 <= r <= 1:
        raise BadInput(f"correlation: r = {r:g} of {n} pairs; r lies between -1 and 1, and P needs three pairs")
    if abs(r) == 1:
        return 0.0
    return float(2 * stats.t.sf(abs(r) * math.sqrt((n - 2) / ((1 - r) * (1 + r))), n - 2))


def baseline_and_change(
    before: ArrayLike, after: ArrayLike, *, decimals: int | None = DECIMALS, level: float = 0.95, about: str = ""
) -> BaselineAndChange:
    """Whether the change depends on where it began, by the plain ways with their warning, and by Oldham's."""
    (x, y), missing = measured_together([before, after], ["before", "after"])
    change, note = y - x, together(COUPLED, missing)
    logs = (x > 0).all() and (y > 0).all() and x.size > 0
    raw = pearson(x, change, level=level, about=f"{about}: change against baseline".lstrip(": "), note=note)
    log = (
        pearson(np.log(x), np.log(y / x), level=level, about=f"{about}: log ratio against log baseline".lstrip(": "), note=note)
        if logs else None
    )  # fmt: skip
    ranked = spearman(
        x, change, decimals=decimals, level=level, about=f"{about}: change against baseline".lstrip(": "), note=note
    )
    mean, words = (x + y) / 2, f"{about}: change against the mean of both (Oldham)".lstrip(": ")
    oldham = pearson(mean, change, level=level, about=words, note=missing)
    return BaselineAndChange(
        raw, log, ranked, oldham, spearman(mean, change, decimals=decimals, level=level, about=words, note=missing)
    )


def _correlated(
    name: str, rule: str, r: float, p: float, n: int, variance: float | None, *, level: float, about: str, note: str
) -> Tested:
    words = "Fisher z" if name == "Pearson" else "Fisher z, variance of Bonett and Wright"
    symbol = "r" if name == "Pearson" else "rho"
    if variance is None or abs(r) == 1:
        effect = Estimated(symbol, r, n=n, level=level, note="no interval: fewer than four pairs, or all on one line")
    else:
        half = float(stats.norm.isf((1 - level) / 2)) * math.sqrt(variance)
        z = math.atanh(r)
        effect = Estimated(symbol, r, math.tanh(z - half), math.tanh(z + half), words, n=n, level=level)
    return Tested(name, rule, (n,), symbol, r, p, (effect,), about=about, note=note)


def _every_order(a: Values, b: Values) -> float:
    """Share of all orders of b whose ranks go with a's as much as those seen, or more."""
    from itertools import permutations

    middle = float(a.mean())
    seen = abs(float((a - middle) @ b))
    orders = np.array(list(permutations(b.tolist())))
    return float(np.mean(np.abs(orders @ (a - middle)) >= seen - 1e-9))


def _cannot(a: Values, b: Values) -> str:
    if a.size < 3:
        return f"{a.size} pairs; a correlation needs three"
    return "one of the two never varies" if all_equal(a) or all_equal(b) else ""
