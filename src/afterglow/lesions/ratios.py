"""A region over the reference tissue: the same statistic of both, or what a threshold on the ratio takes in.

The mean of a hot spot is divided by the mean of the reference, and a threshold of a volume or share is one of the ratio to
that mean. A reference that is not clearly above zero makes no ratio.
"""

from dataclasses import replace

import numpy as np

from afterglow.lesions.intervals import Doubt
from afterglow.lesions.numbers import RegionNumber, RegionNumbers
from afterglow.lesions.statistics import Values
from afterglow.records.measurement import split_statistic

_FLOOR_SE = 2.0  # a reference less than two standard errors from zero makes no ratio
_WIDE_SE = 5.0  # one less than five makes an interval that is wide, and is flagged


def reference_statistic(statistic: str) -> str:
    """The statistic of the reference that a ratio divides by."""
    return statistic if split_statistic(statistic)[1] is None else "mean"


def scaled_threshold(statistic: str, reference_value: float) -> str:
    """A statistic whose threshold is one of the ratio, as one of the quantity itself."""
    base, threshold = split_statistic(statistic)
    return statistic if threshold is None or base == "hotspot" else f"{base}@{threshold * reference_value!r}"


def usable_reference(reference: RegionNumbers, statistic: str) -> tuple[RegionNumber, tuple[str, ...]]:
    """The reference's number for that statistic, and why no ratio can be made of it, if so."""
    below = reference.numbers[reference_statistic(statistic)]
    if below.value is None:
        return below, ("no reference value",)
    draws = below.doubt.draws
    spread = float(draws.std()) if np.isfinite(draws).all() else 0.0
    if below.value <= 0 or below.value < _FLOOR_SE * spread:
        return below, (f"reference value {below.value:.3g} is within {_FLOOR_SE:g} standard errors of zero: no ratio",)
    wide = below.value < _WIDE_SE * spread
    return replace(below, flags=("ratio interval is wide: the reference is near zero",) if wide else ()), ()


def over_reference(number: RegionNumber, below: RegionNumber, statistic: str, values: Values) -> RegionNumber:
    """The ratio, or what lies above a threshold of the ratio, with the doubt of both regions.

    `number` is the region's own, with `scaled_threshold`; `values` are the region's voxels (n,).
    """
    assert below.value is not None
    if number.value is None:
        return RegionNumber(None, flags=below.flags)
    base, threshold = split_statistic(statistic)
    draws, reference_draws = number.doubt.draws, below.doubt.draws
    flags = (*number.flags, *below.flags)
    if threshold is None or base == "hotspot":
        above_zero = ~(reference_draws <= 0)
        return RegionNumber(
            number.value / below.value, Doubt(draws[above_zero] / reference_draws[above_zero], number.doubt.holds), flags
        )
    shares = _share_above(values, np.append(threshold * reference_draws, threshold * below.value))
    scale = 1.0 if base == "share_above" else number.value / shares[-1] if shares[-1] > 0 else 0.0
    return RegionNumber(number.value, Doubt(draws + scale * (shares[:-1] - shares[-1]), number.doubt.holds), flags)


def _share_above(values: Values, thresholds: Values) -> Values:
    """Share of the values above each threshold; NaN for a threshold that is NaN."""
    shares: Values = 1 - np.searchsorted(np.sort(values), thresholds, side="right") / values.size
    return np.where(np.isfinite(thresholds), shares, np.nan)
