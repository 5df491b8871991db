"""Two readings of the same exams: McNemar's tests, Tango's interval of the difference, and what printed numbers say about pairs.

b: exams that only the first reading got right; c: only the second. The others say nothing about which is better.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

import numpy as np
from scipy import optimize, stats

from afterglow.cohort.labelled import truths
from afterglow.cohort.measured import said, together
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Tested

McNemarRule = Literal["exact", "mid-p", "chi-square", "chi-square, continuity corrected"]
MCNEMAR_RULES: dict[McNemarRule, str] = {
    "exact": "exact binomial, two-sided (twice the smaller tail)",
    "mid-p": "binomial mid-p, two-sided",
    "chi-square": "asymptotic, without continuity correction",
    "chi-square, continuity corrected": "asymptotic, with Edwards' continuity correction",
}


class Discordant(NamedTuple):
    """Exams that only one of two readings got right."""

    b: int
    c: int
    p: float


class PairedCounts(NamedTuple):
    """Exams of one kind by who got them right."""

    both: int
    b: int
    c: int
    neither: int

    @property
    def n(self) -> int:
        return sum(self)


def mcnemar_p(b: int, c: int, *, rule: McNemarRule = "exact") -> tuple[float | None, float | None]:
    """Statistic (None for binomial rules) and P. Without any discordant pair P is 1 by the binomial and there is none by chi-square."""
    _whole(b, c)
    if rule not in MCNEMAR_RULES:
        raise BadInput(f"a McNemar test named {rule!r} is not known; choose {', '.join(MCNEMAR_RULES)}")
    if rule in ("exact", "mid-p"):
        twice = 2 * float(stats.binom.cdf(min(b, c), b + c, 0.5))
        return None, min(1.0, twice if rule == "exact" else twice - float(stats.binom.pmf(min(b, c), b + c, 0.5)))
    if b + c == 0:
        return None, None
    apart = abs(b - c) if rule == "chi-square" else max(abs(b - c) - 1, 0)
    statistic = apart**2 / (b + c)
    return statistic, float(stats.chi2.sf(statistic, 1))


def mcnemar_variants(b: int, c: int) -> dict[str, float | None]:
    """Every rule at once: exact_p, mid_p, chi2, chi2_p, chi2_cc, chi2_cc_p."""
    chi2, chi2_p = mcnemar_p(b, c, rule="chi-square")
    chi2_cc, chi2_cc_p = mcnemar_p(b, c, rule="chi-square, continuity corrected")
    exact, mid = (mcnemar_p(b, c, rule=rule)[1] for rule in ("exact", "mid-p"))
    return {"exact_p": exact, "mid_p": mid, "chi2": chi2, "chi2_p": chi2_p, "chi2_cc": chi2_cc, "chi2_cc_p": chi2_cc_p}


def mcnemar(b: int, c: int, n: int, *, rule: McNemarRule = "exact", level: float = 0.95, about: str = "") -> Tested:
    """The test with the difference of the two shares of n exams and its Tango interval."""
    statistic, p = mcnemar_p(b, c, rule=rule)
    note = f"{b} right by the first reading only, {c} by the second only"
    if p is None:
        note = "the readings got the same exams right; chi-square has nothing to test"
    if n == 0:
        p, note = None, "no exam of this kind"
    name = "b" if statistic is None else "chi-square(1)"
    shown = float(b) if statistic is None and p is not None else statistic
    effects = (tango(b, c, n, level=level),)
    return Tested("McNemar", MCNEMAR_RULES[rule], (n,), name, shown, p, effects=effects, about=about, note=note)


def tango(b: int, c: int, n: int, *, level: float = 0.95, name: str = "difference") -> Estimated:
    """(b - c) / n with Tango's score interval (1998): the differences that a score test would not refuse."""
    _whole(b, c)
    if b + c > n:
        raise BadInput(f"{b} + {c} discordant of {n} exams cannot be; check the total")
    if n == 0:
        return Estimated(name, None, level=level, note="no exam of this kind")
    z, value = float(stats.norm.isf((1 - level) / 2)), (b - c) / n
    low = -1.0 if _score(-1.0, b, c, n) <= z else optimize.brentq(lambda d: _score(d, b, c, n) - z, -1, value, xtol=1e-14)
    high = 1.0 if _score(1.0, b, c, n) >= -z else optimize.brentq(lambda d: _score(d, b, c, n) + z, value, 1, xtol=1e-14)
    return Estimated(name, value, min(float(low), value), max(float(high), value), "Tango score", n, level=level)


def _score(d: float, b: int, c: int, n: int) -> float:
    """Tango's score statistic of the difference d; the share of c is the likeliest one under d."""
    apart = b - c - n * d
    if abs(apart) < 1e-12 * n:
        return 0.0
    first, last = -b - c + (2 * n - b + c) * d, -c * d * (1 - d)
    share = (math.sqrt(max(first**2 - 8 * n * last, 0)) - first) / (4 * n)
    spread = n * (2 * share + d * (1 - d))
    return math.copysign(math.inf, apart) if spread <= 0 else apart / math.sqrt(spread)


def possible_pairs(x1: int, x2: int, n: int, *, rule: McNemarRule = "exact") -> tuple[Discordant, ...]:
    """Every pairing of x1 of n right by one reading with x2 of n right by the other, with the P value it would give."""
    for x in (x1, x2):
        if not 0 <= x <= n:
            raise BadInput(f"{x} right of {n} cannot be; check the counts")
    both = range(max(0, x1 + x2 - n), min(x1, x2) + 1)
    found = (Discordant(x1 - k, x2 - k, p) for k in both if (p := mcnemar_p(x1 - k, x2 - k, rule=rule)[1]) is not None)
    return tuple(sorted(found, key=lambda one: one.c))


def mcnemar_inverse(
    x1: int, x2: int, n: int, p: float, *, decimals: int = 2, rule: McNemarRule = "exact"
) -> tuple[Discordant, ...]:
    """The pairings whose P value rounds to the printed one; none where no pairing does."""
    if not 0 <= p <= 1:
        raise BadInput(f"a printed P of {p:g} does not lie between 0 and 1")
    half = 0.5 * 10.0**-decimals * (1 + 1e-9)
    return tuple(one for one in possible_pairs(x1, x2, n, rule=rule) if abs(one.p - p) <= half)


def mcnemar_bounds(x1: int, x2: int, n: int, *, rule: McNemarRule = "exact") -> tuple[float, float]:
    """Smallest and largest P value over all pairings of two printed shares."""
    every = [one.p for one in possible_pairs(x1, x2, n, rule=rule)]
    if not every:
        raise BadInput(f"{x1} and {x2} of {n}: no pairing gives a P value by {rule}")
    return min(every), max(every)


def paired_counts(first: Sequence[bool | float], second: Sequence[bool | float]) -> PairedCounts:
    """Exams by who got them right. BadInput for lists of different length: exams that were read once make no pair."""
    one, two = truths("the first reading", first), truths("the second reading", second)
    if one.size != two.size:
        raise BadInput(
            f"{one.size} exams in the first reading and {two.size} in the second; give the same exams in the same order"
        )
    return PairedCounts(*(int(np.sum(k)) for k in (one & two, one & ~two, ~one & two, ~one & ~two)))


def compare_readings(
    truth: Sequence[bool | float],
    first: Sequence[bool | float | None],
    second: Sequence[bool | float | None],
    *,
    names: tuple[str, str] = ("first", "second"),
    rule: McNemarRule = "exact",
    level: float = 0.95,
) -> tuple[Tested, Tested]:
    """Sensitivity in the positive exams and specificity in the negative ones, each a test of pairs.

    An exam that one of the readings did not call (None or NaN) is left out of both and said.
    """
    true = truths("truth of the readings", truth)
    calls = [np.array([np.nan if c is None else c for c in reading], dtype=np.float64) for reading in (first, second)]
    if not all(c.size == true.size for c in calls):
        sizes = " and ".join(str(c.size) for c in calls)
        raise BadInput(f"{true.size} truths, {sizes} calls; give both calls of the same exams in the same order")
    made = ~np.isnan(calls[0] + calls[1])
    one, two = (truths(f"the calls of {name}", c[made]) for name, c in zip(names, calls, strict=True))
    tests = []
    for ratio, kind in (("sensitivity", true[made]), ("specificity", ~true[made])):
        right = true[made][kind]
        counts = paired_counts(one[kind] == right, two[kind] == right)
        found = mcnemar(counts.b, counts.c, counts.n, rule=rule, level=level, about=f"{ratio}, {names[0]} against {names[1]}")
        tests.append(replace(found, note=together(found.note, said(int((~made).sum()), made.size, "the exams"))))
    return tests[0], tests[1]


def _whole(*counts: float) -> None:
    for count in counts:
        if count != int(count) or count < 0:
            raise BadInput(f"{count:g} discordant exams; a count is a whole number, 0 or more")
