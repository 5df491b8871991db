"""The venous curve of a DSC series, and what an artery's voxels lack beside it."""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.aif_candidates import LEAST_VOXELS
from afterglow.kernels.dsc_artery import DscArtery
from afterglow.kernels.dsc_features import first_moment, neighbours, pass_window
from afterglow.kernels.dsc_timing import Bolus
from afterglow.kernels.dsc_volume import blood_volume
from afterglow.kernels.types import Array, Index, Mask

_TOP_SHARE = 0.01  # of the areas
_LEAST_KEPT = 40
_LATEST_SHARE = 1 / 3
_LEAST_LAG_S = 1.0  # blood takes seconds through a brain


class DscVein(NamedTuple):
    """The venous curve."""

    per_s: Array  # (t,) mean of the members
    members: Index  # which of the curves given
    lag_s: float  # its first moment comes so much later than the artery's


def find_dsc_vein(times_s: Array, rates: Array, voxels: Index, *, bolus: Bolus, saturated: Mask, artery: DscArtery) -> DscVein:
    """The venous curve among rate curves (n, t) in 1/s at voxels (n, 3): arguments as for `find_dsc_artery`.

    Of the hundredth with the largest areas, unsaturated, the third with the latest first moment, and of these the largest
    group of touching voxels. Give the voxels round the sagittal sinus alone where they are known.
    ValueError where fewer than four touch or they are not later than the artery.
    """
    times = np.asarray(times_s, dtype=np.float64)
    usable = np.flatnonzero(np.isfinite(rates).all(axis=1) & ~saturated)
    if usable.size < LEAST_VOXELS:
        raise ValueError(f"no venous curve: {usable.size} of {len(rates)} voxels are measured and unsaturated")
    window = pass_window(bolus, times.size)
    area = blood_volume(times, rates[usable], window=window)
    keep = min(usable.size, max(_LEAST_KEPT, int(_TOP_SHARE * usable.size)))
    rows = usable[np.argsort(-area, kind="stable")[:keep]]
    lag_s = first_moment(times, rates[rows], window=window) - artery.first_moment_s
    late = rows[(lag_s >= np.nanquantile(lag_s, 1 - _LATEST_SHARE)) & (lag_s > _LEAST_LAG_S)]
    if late.size < LEAST_VOXELS:
        raise ValueError(
            f"no venous curve: of the {rows.size} largest areas {late.size} come {_LEAST_LAG_S:g} s after the artery"
        )
    groups = neighbours(voxels[late])
    sizes = np.bincount(groups)
    if sizes.max() < LEAST_VOXELS:
        raise ValueError(f"no venous curve: the {late.size} latest of the largest areas lie apart, no {LEAST_VOXELS} touch")
    members = np.sort(late[groups == int(np.argmax(sizes))])
    curve = rates[members].mean(axis=0, dtype=np.float64)
    return DscVein(curve, members, float(first_moment(times, curve[None], window=window)[0]) - artery.first_moment_s)


def partial_volume_factor(times_s: Array, artery: Array, vein: Array, *, window: slice) -> float:
    """Area of the venous curve (t,) over that of the arterial one (t,): what the artery is to be multiplied by.

    As much agent leaves as came. Approximate: dilution is not linear in signal, and neither is blood's rate in concentration.
    ValueError where either area is not above zero.
    """
    areas = blood_volume(times_s, np.stack([artery, vein]), window=window)
    if not (areas > 0).all():
        raise ValueError(f"areas of {areas[0]:.3g} (artery) and {areas[1]:.3g} (vein) give no factor: look at both curves")
    return float(areas[1] / areas[0])
