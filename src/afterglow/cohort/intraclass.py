"""Intraclass correlation from the mean squares of subjects and readers, with intervals by F (McGraw and Wong 1996).

ICC(1): each subject measured by other readers. ICC(2,1): the readers stand for all readers, absolute agreement. ICC(3,1): these
readers only, consistency, a constant difference between them is forgiven.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from scipy import stats

from afterglow.cohort.measured import said, together
from afterglow.records.errors import BadInput
from afterglow.records.statistic import Estimated, Values

Form = Literal["ICC(1)", "ICC(2,1)", "ICC(3,1)"]
FORMS: dict[Form, str] = {
    "ICC(1)": "one-way random, single measurement, F",
    "ICC(2,1)": "two-way random, absolute agreement, single measurement, F with Satterthwaite degrees of freedom",
    "ICC(3,1)": "two-way mixed, consistency, single measurement, F",
}


def icc(values: ArrayLike, form: Form = "ICC(2,1)", *, level: float = 0.95) -> Estimated:
    """values (subjects, readers); subjects that a reader did not measure are left out and counted.

    No value for fewer than two subjects and where all values are equal. BadInput for another shape.
    """
    table = np.asarray(values, dtype=np.float64)
    if form not in FORMS:
        raise BadInput(f"an intraclass correlation {form!r} is not known; choose {', '.join(FORMS)}")
    if table.ndim != 2 or table.shape[1] < 2:
        raise BadInput(
            f"a table of shape {table.shape} for {form}; give a row for each subject and a column for each of two readers or more"
        )
    if np.isinf(table).any():
        raise BadInput(f"{form}: {int(np.isinf(table).sum())} infinite values; write n/a where a ratio has no value")
    whole = ~np.isnan(table).any(axis=1)
    note = said(int((~whole).sum()), len(table), "the subjects")
    kept = table[whole]
    if len(kept) < 2 or np.ptp(kept) == 0:
        why = "fewer than two subjects" if len(kept) < 2 else "all values are equal"
        return Estimated(form, None, n=len(kept), level=level, note=together(f"no correlation: {why}", note))
    value, low, high = _two_way_random(kept, level) if form == "ICC(2,1)" else _by_f(kept, form, level)
    if not np.isfinite(value):
        return Estimated(
            form, None, n=len(kept), level=level, note=together("no correlation: nothing but the readers differs", note)
        )
    if not (np.isfinite(low) and np.isfinite(high)):
        return Estimated(
            form, value, n=len(kept), level=level, note=together("no interval: one of the mean squares is zero", note)
        )
    return Estimated(form, value, min(low, value), max(high, value), FORMS[form], len(kept), level=level, note=note)


def mean_squares(table: Values) -> tuple[float, float, float, float]:
    """Between subjects, within subjects, between readers, and what is left."""
    n, k = table.shape
    grand, rows, columns = table.mean(), table.mean(axis=1), table.mean(axis=0)
    subjects, readers = k * float(np.sum((rows - grand) ** 2)), n * float(np.sum((columns - grand) ** 2))
    within = float(np.sum((table - rows[:, None]) ** 2))
    left = float(np.sum((table - rows[:, None] - columns[None] + grand) ** 2))
    return subjects / (n - 1), within / (n * (k - 1)), readers / (k - 1), left / ((n - 1) * (k - 1))


def _by_f(table: Values, form: Form, level: float) -> tuple[float, float, float]:
    """One-way, or two-way for consistency: both compare subjects with one error."""
    n, k = table.shape
    between, within, _, left = mean_squares(table)
    error, degrees = (within, n * (k - 1)) if form == "ICC(1)" else (left, (n - 1) * (k - 1))
    tiny = 1e-14 * float(np.mean((table - table.mean()) ** 2))
    if error <= tiny:
        return (1.0 if between > tiny else np.nan), np.nan, np.nan
    ratio, tail = between / error, (1 - level) / 2
    if between <= tiny:
        return -1 / (k - 1), np.nan, np.nan
    ends = ratio / float(stats.f.isf(tail, n - 1, degrees)), ratio * float(stats.f.isf(tail, degrees, n - 1))
    value, low, high = ((f - 1) / (f + k - 1) for f in (ratio, *ends))
    return value, low, high


def _two_way_random(table: Values, level: float) -> tuple[float, float, float]:
    n, k = table.shape
    subjects, _, readers, left = mean_squares(table)
    whole = subjects + (k - 1) * left + k * (readers - left) / n
    tiny = 1e-14 * float(np.mean((table - table.mean()) ** 2))
    if left <= tiny:
        return (subjects / whole if subjects > tiny else np.nan), np.nan, np.nan
    value = (subjects - left) / whole
    tail, ratio = (1 - level) / 2, readers / left
    common = n * (1 + (k - 1) * value) - k * value
    degrees = (n - 1) * (k - 1) * (k * value * ratio + common) ** 2 / ((n - 1) * (k * value * ratio) ** 2 + common**2)
    far, near = float(stats.f.isf(tail, n - 1, degrees)), float(stats.f.isf(tail, degrees, n - 1))
    spread = k * readers + (k * n - k - n) * left
    low = n * (subjects - far * left) / (far * spread + n * subjects)
    high = n * (near * subjects - left) / (spread + n * near * subjects)
    return value, low, high
