"""A share of exams or patients with its interval, by the rule that is named; and the difference of two shares."""

import math
from collections.abc import Mapping
from typing import Literal

from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated

ProportionRule = Literal["Clopper-Pearson", "Wilson", "Jeffreys", "Agresti-Coull", "Wald"]
DifferenceRule = Literal["Newcombe", "Agresti-Caffo", "Wald"]
PROPORTION_RULES: dict[ProportionRule, str] = {  # and what statsmodels calls them
    "Clopper-Pearson": "beta",
    "Wilson": "wilson",
    "Jeffreys": "jeffreys",
    "Agresti-Coull": "agresti_coull",
    "Wald": "normal",
}
DIFFERENCE_RULES: dict[DifferenceRule, str] = {
    "Newcombe": "newcomb",
    "Agresti-Caffo": "agresti-caffo",
    "Wald": "wald",
}


def proportion_interval(x: int, n: int, *, rule: ProportionRule = "Clopper-Pearson", level: float = 0.95) -> tuple[float, float]:
    """Interval of x of n as fractions. Jeffreys ends at 0 where x is 0, and at 1 where x is n; Wald is cut at 0 and 1.

    BadInput for counts that cannot be.
    """
    from statsmodels.stats.proportion import proportion_confint

    _counts(x, n)
    if rule not in PROPORTION_RULES:
        raise BadInput(f"an interval of a proportion by {rule!r} is not known; choose {', '.join(PROPORTION_RULES)}")
    if n == 0:
        raise BadInput("the interval of a share of nothing was asked for; give an n above 0")
    low, high = proportion_confint(x, n, alpha=1 - level, method=PROPORTION_RULES[rule])
    return 0.0 if x == 0 else min(float(low), x / n), 1.0 if x == n else max(float(high), x / n)


def proportion_intervals(x: int, n: int, *, level: float = 0.95) -> dict[ProportionRule, tuple[float, float]]:
    """The interval by every rule, as fractions."""
    return {rule: proportion_interval(x, n, rule=rule, level=level) for rule in PROPORTION_RULES}


def proportion(
    name: str, x: int, n: int, *, rule: ProportionRule = "Clopper-Pearson", level: float = 0.95, note: str = ""
) -> Estimated:
    """x of n with its interval; no value where n is 0."""
    _counts(x, n)
    if n == 0:
        return Estimated(name, None, level=level, note="there is none to count")
    low, high = proportion_interval(x, n, rule=rule, level=level)
    return Estimated(name, x / n, low, high, rule, n, level=level, note=note)


def proportion_difference(
    name: str, x1: int, n1: int, x2: int, n2: int, *, rule: DifferenceRule = "Newcombe", level: float = 0.95
) -> Estimated:
    """x1 of n1 less x2 of n2 in different exams; where the same exams were read twice, see `paired_readings`."""
    from statsmodels.stats.proportion import confint_proportions_2indep

    _counts(x1, n1)
    _counts(x2, n2)
    if not n1 or not n2:
        return Estimated(name, None, level=level, note="one of the groups is empty")
    value = x1 / n1 - x2 / n2
    low, high = confint_proportions_2indep(x1, n1, x2, n2, method=DIFFERENCE_RULES[rule], compare="diff", alpha=1 - level)
    return Estimated(name, value, min(float(low), value), max(float(high), value), rule, n1 + n2, level=level)


def design_effect(patients_by_exams: Mapping[int, int], *, icc: float = 1.0) -> float:
    """How much wider (squared) an interval is because exams of a patient are alike: 1 + (sum m squared / sum m - 1) icc.

    patients_by_exams: exams of a patient -> how many patients have as many. icc 1 is the largest: all exams of a patient agree.
    """
    exams = sum(m * k for m, k in patients_by_exams.items())
    if exams <= 0 or min(*patients_by_exams, *patients_by_exams.values()) < 0:
        raise BadInput("a design effect needs patients with at least one exam; give how many patients have 1, 2, 3 … exams")
    if not -1 <= icc <= 1:
        raise BadInput(f"an intraclass correlation of {icc:g} does not lie between -1 and 1")
    return 1 + (sum(m * m * k for m, k in patients_by_exams.items()) / exams - 1) * icc


def _counts(*numbers: float) -> None:
    x, n = numbers
    if any(math.isnan(v) or v != int(v) for v in numbers):
        raise BadInput(f"{x:g} of {n:g}: counts are whole numbers")
    if not 0 <= x <= n:
        raise BadInput(f"{x:g} of {n:g} cannot be; check which number is the count and which the total")
