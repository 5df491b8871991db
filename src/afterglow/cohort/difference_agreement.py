"""Two measurements of the same things: bias, limits of agreement, within-subject spread, and whether the gap grows with size.

The arithmetic is that of test-retest pairs (kernels.repeat); here it is given as the results of a cohort.
"""

from typing import NamedTuple

from numpy.typing import ArrayLike

from afterglow.cohort.correlation import pearson
from afterglow.cohort.measured import all_equal, measured_together, together
from afterglow.kernels import repeat
from afterglow.records.statistic import Estimated, Tested


class DifferenceAgreement(NamedTuple):
    """How far a second measurement lies from the first, in the unit of the values."""

    bias: Estimated
    lower_limit: Estimated
    upper_limit: Estimated
    within_sd: Estimated
    repeatability_coefficient: Estimated
    within_cv: Estimated  # fraction, from logarithms
    slope: Tested  # difference against mean: whether the gap grows with size


def difference_agreement(first: ArrayLike, second: ArrayLike, *, level: float = 0.95, unit: str = "1") -> DifferenceAgreement:
    """Bland and Altman's limits with exact intervals, within-subject SD, RC and CV. BadInput where the lists differ in length."""
    (x, y), missing = measured_together([first, second], ["the first measurement", "the second measurement"])
    n = x.size
    why = f"{n} pairs; a spread needs two" if n < 2 else "all differences are equal" if all_equal(y - x) else ""
    note = together(why, missing)

    def told(
        name: str, made: repeat.Estimate | None, rule: str, factor: float = 1.0, unit: str = unit, why: str = ""
    ) -> Estimated:
        if made is None:
            return Estimated(name, None, n=n, unit=unit, level=level, note=together(why, note))
        value, low, high = (factor * e for e in made)
        return Estimated(name, value, low, high, rule, n=n, unit=unit, level=level, note=missing)

    bias = None if why else repeat.bias_estimate(x, y, level=level)
    lower, upper = (None, None) if why else repeat.limits_of_agreement(x, y, level=level)
    spread = None if why else repeat.sd_estimate(x, y, level=level)
    positive = n > 1 and bool((x > 0).all() and (y > 0).all())
    varies = positive and not why
    cv = repeat.cv_log_estimate(x, y, level=level) if varies else None
    chi, limits = f"chi-square with {n} degrees of freedom", "exact (noncentral t)"
    return DifferenceAgreement(
        told("bias", bias, "Student t"), told("lower limit of agreement", lower, limits), told("upper limit of agreement", upper, limits),
        told("within-subject SD", spread, chi), told("repeatability coefficient", spread, chi, repeat.TWO_SCANS),
        told("within-subject CV", cv, f"{chi}, of logarithms", unit="1", why="" if positive else "a number is not above zero"),
        pearson((x + y) / 2, y - x, level=level, about="difference against mean", note=missing),
    )  # fmt: skip
