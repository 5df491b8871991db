"""How a dose is spread over a volume: pieces of volume with their dose, and what is read from them.

A `Spread` comes from whole voxels, or from many places inside each voxel. All figures are the same sums over its pieces.
"""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.types import Array

_BINS = 1 << 15  # of the sampled spread: 3e-5 of the greatest dose each
_LEFT = 1e-12  # of the volume: what rounding leaves in an empty bin
_FLAT = 0.02  # of the greatest dose: a voxel whose neighbours differ by less is read once
_ROUNDING = 1e-6  # of a dose: "at least 16 Gy" holds for 15.99999 Gy


class Spread(NamedTuple):
    """Pieces of a volume by rising dose, and its mean dose. `covered` is the share of the volume that has a dose at all."""

    dose_gy: Array  # (n,)
    volume_ml: Array  # (n,)
    least_gy: float
    greatest_gy: float
    covered: float
    mean_gy: float

    @property
    def total_ml(self) -> float:
        return float(self.volume_ml.sum())


def _empty(covered: float) -> Spread:
    nothing = np.zeros(0)
    return Spread(nothing, nothing, np.nan, np.nan, covered, np.nan)


def voxel_spread(dose_gy: Array, share: Array, *, voxel_ml: float) -> Spread:
    """One piece for each voxel: its dose, and the part of it that is inside. dose_gy, share (i, j, k); NaN is no dose."""
    inside = share > 0
    doses, volumes = dose_gy[inside].astype(np.float64), share[inside].astype(np.float64) * voxel_ml
    known = np.isfinite(doses)
    if not known.any():
        return _empty(0.0 if doses.size else 1.0)
    covered = float(volumes[known].sum() / volumes.sum())
    doses, volumes = doses[known], volumes[known]
    order = np.argsort(doses, kind="stable")
    mean = float(volumes @ doses / volumes.sum())
    return Spread(doses[order], volumes[order], float(doses.min()), float(doses.max()), covered, mean)


def sampled_spread(dose_gy: Array, share: Array, *, voxel_ml: float, samples: int) -> Spread:
    """Dose read at samples x samples x samples places in each voxel. dose_gy, share (i, j, k); NaN is no dose.

    Between the voxels the dose is a polynomial of second degree, and the border of a partial voxel a plane across the gradient
    of the share. `samples` is odd, so that the voxel's own dose is one of them. Voxels in which the dose hardly changes are
    read once.
    """
    from afterglow.kernels.dose_volume_loop import spread_inside

    if samples < 1 or samples % 2 == 0:
        raise ValueError(f"a voxel is read at an odd number of places along each axis, not {samples}")
    greatest = float(np.nanmax(dose_gy, initial=0.0))
    if greatest <= 0 or not (share > 0).any():
        return voxel_spread(dose_gy, share, voxel_ml=voxel_ml)
    steps, ends = np.zeros(_BINS + 2), np.array([np.inf, -np.inf, 0.0, 0.0, 0.0])
    bin_gy = greatest / _BINS
    spread_inside(
        np.ascontiguousarray(dose_gy, dtype=np.float32), np.ascontiguousarray(share, dtype=np.float32), samples,
        _FLAT * greatest, bin_gy, steps, ends,
    )  # fmt: skip
    if ends[2] <= 0:
        return _empty(0.0)
    volume = np.cumsum(steps[:-1])
    held = volume > _LEFT * ends[2]
    doses = np.clip((np.arange(_BINS + 1)[held] + 0.5) * bin_gy, ends[0], ends[1])
    volumes = volume[held] * (ends[2] / volume[held].sum()) * voxel_ml
    return Spread(doses, volumes, float(ends[0]), float(ends[1]), float(ends[2] / ends[3]), float(ends[4] / ends[2]))


def volume_at(spread: Spread, dose_gy: float) -> float:
    """Vx in mL: the volume that gets at least this dose. V(x) = sum of v_i with D_i >= x."""
    return float(spread.volume_ml[spread.dose_gy >= dose_gy * (1 - _ROUNDING)].sum())


def dose_at(spread: Spread, volume_ml: float) -> float:
    """Dx in Gy: the greatest dose that this much volume gets at least; NaN where the structure is smaller.

    D(x) = max of D with V(D) >= x; the least dose for the whole volume.
    """
    if volume_ml <= 0 or volume_ml > spread.total_ml * (1 + _ROUNDING):
        return float("nan")
    from_above = np.cumsum(spread.volume_ml[::-1])
    place = int(np.searchsorted(from_above, volume_ml * (1 - _ROUNDING)))
    if place >= from_above.size - 1:
        return spread.least_gy
    return float(spread.dose_gy[::-1][place])


def dose_at_share(spread: Spread, share: float) -> float:
    """The same for a share of the structure: D95 is `share` .95."""
    return dose_at(spread, share * spread.total_ml)


def cumulative(spread: Spread, *, step_gy: float) -> tuple[Array, Array]:
    """A cumulative histogram in equal steps from 0 to just above the greatest dose: doses (n,), and the volume at least there (n,)."""
    if step_gy <= 0:
        raise ValueError(f"a histogram in steps of {step_gy} Gy is none")
    if not spread.dose_gy.size:
        return np.zeros(1), np.zeros(1)
    doses = step_gy * np.arange(int(np.ceil(spread.greatest_gy / step_gy * (1 - _ROUNDING))) + 2)
    below = np.concatenate([[0.0], np.cumsum(spread.volume_ml)])
    volumes: Array = below[-1] - below[np.searchsorted(spread.dose_gy, doses * (1 - _ROUNDING), side="left")]
    return doses, np.maximum(volumes, 0.0)
