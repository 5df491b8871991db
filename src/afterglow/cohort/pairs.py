"""Two numbers of the same patient: who has both, and their means compared by the paired t test, plain or of logarithms."""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from afterglow.cohort.measured import all_equal, measured_together, together
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Tested, Values


def paired_by(first: Mapping[str, float], second: Mapping[str, float], *, what: str = "patients") -> tuple[Values, Values, str]:
    """Both numbers of everyone who has both, in the order of the first, and a sentence about those who have one only.

    BadInput where nobody has both: the rows are of different people, and no test of pairs is for them.
    """
    both = [key for key in first if key in second]
    if not both:
        raise BadInput(
            f"a test of pairs on unpaired rows: none of {len(first)} and {len(second)} {what} has both numbers; "
            "compare them as two groups, or look whether the names match"
        )
    alone = len(first) + len(second) - 2 * len(both)
    x, y = (np.array([side[key] for key in both], dtype=np.float64) for side in (first, second))
    return x, y, f"{alone} {what} with one number only left out" if alone else ""


def paired_t(
    first: ArrayLike, second: ArrayLike, *, log: bool = False, level: float = 0.95, unit: str = "1", about: str = ""
) -> Tested:
    """Paired t test of second less first, row by row; with `log` the geometric mean of the ratio second over first.

    BadInput where the lists differ in length, or where a logarithm does not exist.
    """
    (x, y), note = measured_together([first, second], ["the first list", "the second list"])
    if log:
        if (x <= 0).any() or (y <= 0).any():
            raise BadInput("paired t test of logarithms: a value is zero or below; only numbers above zero have a ratio")
        x, y = np.log(x), np.log(y)
    d = y - x
    rule = f"two-sided{', of logarithms' if log else ''}"
    why = f"{d.size} pairs; it needs two" if d.size < 2 else "every pair differs by the same" if all_equal(d) else ""
    if why:
        return Tested("paired t", rule, (d.size,), "t", None, None, about=about, note=together(why, note))
    mean, se, df = float(d.mean()), float(d.std(ddof=1)) / math.sqrt(d.size), d.size - 1
    half = float(stats.t.isf((1 - level) / 2, df)) * se
    ends = (mean, mean - half, mean + half)
    if log:
        ends = (math.exp(mean), math.exp(mean - half), math.exp(mean + half))
    name = "geometric mean of the ratio" if log else "mean difference"
    effect = Estimated(name, *ends, f"t with {df} degrees of freedom", n=d.size, unit="1" if log else unit, level=level)
    p = float(2 * stats.t.sf(abs(mean / se), df))
    return Tested("paired t", rule, (d.size,), f"t({df})", mean / se, p, (effect,), about=about, note=note)
