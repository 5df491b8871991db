"""Where a printed interval could come from instead: other counts with about the same share."""

from collections.abc import Mapping

import numpy as np
from scipy import stats

from afterglow.records.printed import PrintedNumber

MOST = 400  # exams up to which other denominators are tried
_NEAR = 0.5  # how far the other share may lie from the printed one, in percentage points


def other_counts(printed: tuple[PrintedNumber, ...], values: Mapping[str, object]) -> str:
    """ "60 of 66 (Clopper-Pearson)": the smallest such counts for each of two rules; nothing where there are none."""
    share = values.get("value_pct")
    if not isinstance(share, float) or len(printed) != 2:
        return ""
    n = np.arange(2, MOST + 1)
    x = np.rint(share * n / 100)
    keep = np.abs(100 * x / n - share) <= _NEAR
    n, x = n[keep], x[keep]
    found = []
    for rule, ends in (("Clopper-Pearson", _exact(x, n)), ("Wilson", _wilson(x, n))):
        fits = [bool(printed[0].is_met_by(100 * a) and printed[1].is_met_by(100 * b)) for a, b in zip(*ends, strict=True)]
        if any(fits):
            first = fits.index(True)
            found.append(f"{x[first]:.0f} of {n[first]} ({rule})")
    return " or ".join(found)


Array = np.ndarray[tuple[int], np.dtype[np.float64]]


def _exact(x: Array, n: np.ndarray[tuple[int], np.dtype[np.int_]]) -> tuple[Array, Array]:
    low = np.where(x > 0, stats.beta.ppf(0.025, np.maximum(x, 1), n - x + 1), 0.0)
    high = np.where(x < n, stats.beta.ppf(0.975, x + 1, np.maximum(n - x, 1)), 1.0)
    return low, high


def _wilson(x: Array, n: np.ndarray[tuple[int], np.dtype[np.int_]]) -> tuple[Array, Array]:
    z = float(stats.norm.isf(0.025))
    p, wide = x / n, 1 + z**2 / n
    centre, half = (p + z**2 / (2 * n)) / wide, z / wide * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return centre - half, centre + half
