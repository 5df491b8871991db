"""What was measured among what was asked for: NaN is left out and counted, and the count is said."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from afterglow.records.errors import BadInput
from afterglow.records.statistic import Values


def measured(values: ArrayLike, name: str = "the values") -> tuple[Values, str]:
    """The numbers without NaN, and a sentence about how many were left out; empty where none was.

    BadInput for an infinite number or for more than one dimension.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1:
        raise BadInput(f"{name}: {array.ndim} dimensions where a list of numbers belongs; give one number for each exam")
    if np.isinf(array).any():
        raise BadInput(f"{name}: {int(np.isinf(array).sum())} infinite; write n/a where a change from zero has no value")
    kept = array[~np.isnan(array)]
    return kept, said(array.size - kept.size, array.size, name)


def measured_together(columns: Sequence[ArrayLike], names: Sequence[str]) -> tuple[tuple[Values, ...], str]:
    """Rows in which every column was measured, and a sentence about those left out.

    BadInput where the columns differ in length: rows that do not belong together make no pair.
    """
    arrays = [np.asarray(c, dtype=np.float64) for c in columns]
    sizes = [a.size for a in arrays]
    if len(set(sizes)) > 1:
        found = ", ".join(f"{name} has {size}" for name, size in zip(names, sizes, strict=True))
        raise BadInput(f"rows without partner: {found}; a test of pairs needs both numbers of each row, in the same order")
    for array, name in zip(arrays, names, strict=True):
        measured(array, name)
    whole = ~np.any([np.isnan(a) for a in arrays], axis=0)
    return tuple(a[whole] for a in arrays), said(int((~whole).sum()), sizes[0], "the rows")


def said(missing: int, of: int, name: str) -> str:
    """The sentence about numbers that are not there; empty where all are."""
    return f"{missing} of {of} of {name} not measured and left out" if missing else ""


def together(*sentences: str) -> str:
    """Several remarks as one note, the empty ones left out."""
    return "; ".join(s for s in sentences if s)


def all_equal(*groups: Values) -> bool:
    """Whether there is but one value in all groups together."""
    values = np.concatenate(groups)
    return values.size > 0 and bool((values == values[0]).all())
