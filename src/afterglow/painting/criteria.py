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
    """One quantity against one threshold: plain, over the mean of the reference tissue, or in its standard deviations above that mean."""

    quantity: str
    threshold: float
    or_equal: bool  # reaching the threshold is enough
    against: Against

    def words(self) -> str:
        """ "Ktrans / reference > 1.5"."""
        symbol, sign = QUANTITIES[self.quantity].symbol, ">=" if self.or_equal else ">"
        match self.against:
            case "absolute":
                return f"{symbol} {sign} {self.threshold:g} {QUANTITIES[self.quantity].unit_label}".strip()
            case "reference ratio":
                return f"{symbol} / reference {sign} {self.threshold:g}"
            case "reference deviations":
                return f"{symbol} {sign} reference + {self.threshold:g} SD"


@dataclass(frozen=True)
class Criterion:
    """Met where any of its comparisons is."""

    name: str
    any_of: tuple[Comparison, ...]


@dataclass(frozen=True, eq=False)
class Evidence:
    """One quantity on the planning grid, with mean and spread of the reference tissue where there is one.

    `at_least` (i, j, k): a value that is not known, but known not to lie below this; NaN where nothing is known.
    """

    values: NDArray[np.float32]  # (i, j, k), NaN: not assessed
    reference_mean: float | None
    reference_sd: float | None
    at_least: NDArray[np.float32] | None = None


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
        met |= _reaches(own.values, limit, comparison)
        if own.at_least is not None:
            met |= _reaches(own.at_least, limit, comparison)
        unknown |= ~np.isfinite(own.values)
    votes = np.where(met, Vote.YES, np.where(unknown, Vote.NOT_ASSESSED, Vote.NO)).astype(np.uint8)
    return CriterionVotes(criterion.name, votes, " or ".join(one.words() for one in criterion.any_of))


def limit_of(comparison: Comparison, own: Evidence) -> float | None:
    """The threshold in the quantity's own unit; None where the reference that it needs is missing, or is no number above zero for a ratio."""
    mean, sd = own.reference_mean, own.reference_sd
    match comparison.against:
        case "absolute":
            return comparison.threshold
        case "reference ratio":
            return None if mean is None or not mean > 0 else comparison.threshold * mean
        case "reference deviations":
            return None if mean is None or sd is None else mean + comparison.threshold * sd


def _reaches(values: NDArray[np.float32], limit: float, comparison: Comparison) -> NDArray[np.bool_]:
    """NaN reaches nothing."""
    reached: NDArray[np.bool_] = values >= np.float32(limit) if comparison.or_equal else values > np.float32(limit)
    return reached
