"""Criteria of a tumour's biology, voxel by voxel: yes, no, or not assessed. What is missing is never taken for normal."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.quantity import QUANTITIES
from afterglow.records.zones import CriterionVotes, Vote

Against = Literal["absolute", "reference ratio", "reference deviations"]


@dataclass(frozen=True)
class Comparison:
    """One quantity against one threshold: plain, over the median of the reference tissue, or above it by so many of its deviations.

    `clear_by_se`: a value that lies above the threshold by less than so many of its own standard errors is not assessed.
    """

    quantity: str
    threshold: float
    or_equal: bool  # reaching the threshold is enough
    against: Against
    clear_by_se: float = 0.0

    def words(self) -> str:
        """ "Ktrans / reference > 1.5"."""
        symbol, sign = QUANTITIES[self.quantity].symbol, ">=" if self.or_equal else ">"
        clear = f" by {self.clear_by_se:g} of its standard errors" if self.clear_by_se else ""
        match self.against:
            case "absolute":
                unit = QUANTITIES[self.quantity].unit_label
                return f"{symbol} {sign} {self.threshold:g}{f' {unit}' if unit not in ('', 'ratio') else ''}{clear}"
            case "reference ratio":
                return f"{symbol} / reference {sign} {self.threshold:g}{clear}"
            case "reference deviations":
                return f"{symbol} {sign} reference + {self.threshold:g} SD{clear}"


@dataclass(frozen=True)
class Criterion:
    """Met where any of its comparisons is."""

    name: str
    any_of: tuple[Comparison, ...]


@dataclass(frozen=True, eq=False)
class Evidence:
    """One quantity on the planning grid, with median and spread of the reference tissue where there is one.

    The median, since a rate that is not determined in healthy tissue is skewed; the spread as 1.4826 times the median deviation from it.
    `at_least` (i, j, k): a value that is not known, but known not to lie below this; NaN where nothing is known.
    """

    values: NDArray[np.float32]  # (i, j, k), NaN: not assessed
    reference_median: float | None
    reference_spread: float | None
    at_least: NDArray[np.float32] | None = None
    standard_error: NDArray[np.float32] | None = None  # (i, j, k)


def votes_of(criterion: Criterion, evidence: Mapping[str, Evidence], grid: Grid) -> CriterionVotes:
    """What a criterion says of every voxel. `evidence` goes by quantity; one without evidence is not assessed anywhere.

    One comparison that is met suffices; without one, a comparison that could not be made leaves the voxel not assessed.
    """
    met, unknown = np.zeros(grid.shape, dtype=bool), np.zeros(grid.shape, dtype=bool)
    for comparison in criterion.any_of:
        own = evidence.get(comparison.quantity)
        limit = None if own is None else limit_of(comparison, own)
        if own is None or limit is None:
            unknown[...] = True
            continue
        above = _reaches(own.values, limit, comparison)
        clear = _clearly(above, own, limit, comparison)
        met |= clear
        if own.at_least is not None:
            met |= _reaches(own.at_least, limit, comparison)
        unknown |= ~np.isfinite(own.values) | (above & ~clear)
    votes = np.where(met, Vote.YES, np.where(unknown, Vote.NOT_ASSESSED, Vote.NO)).astype(np.uint8)
    return CriterionVotes(criterion.name, votes, " or ".join(one.words() for one in criterion.any_of))


def limit_of(comparison: Comparison, own: Evidence) -> float | None:
    """The threshold in the quantity's own unit; None where the reference that it needs is missing, or is no number above zero for a ratio."""
    middle, spread = own.reference_median, own.reference_spread
    match comparison.against:
        case "absolute":
            return comparison.threshold
        case "reference ratio":
            return None if middle is None or not middle > 0 else comparison.threshold * middle
        case "reference deviations":
            return None if middle is None or spread is None else middle + comparison.threshold * spread


def _clearly(above: NDArray[np.bool_], own: Evidence, limit: float, comparison: Comparison) -> NDArray[np.bool_]:
    """Those of the voxels above whose own error could not have put them there. A map without errors is taken at its word."""
    if comparison.clear_by_se == 0 or own.standard_error is None:
        return above
    margin = np.float32(comparison.clear_by_se) * own.standard_error
    return above & (own.values - margin >= np.float32(limit))


def _reaches(values: NDArray[np.float32], limit: float, comparison: Comparison) -> NDArray[np.bool_]:
    """NaN reaches nothing."""
    reached: NDArray[np.bool_] = values >= np.float32(limit) if comparison.or_equal else values > np.float32(limit)
    return reached
