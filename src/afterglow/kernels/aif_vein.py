"""The large vein of a volume, and the arterial curve scaled to it: the way around voxels that an artery only partly fills."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from afterglow.kernels.aif_candidates import LEAST_VOXELS, rise_times
from afterglow.kernels.aif_clusters import likeness
from afterglow.kernels.aif_search import AifSearch, checked, early_window_s
from afterglow.kernels.convolution import exp_convolve
from afterglow.kernels.types import Array

_LATEST_S = 20.0  # after the artery: blood is in the veins of any organ in the field of view
_HEIGHT = (0.5, 4.0)  # of the found arterial peak, which may itself be diluted
_SAME_SHAPE = 0.97
_MIDDLE = 0.05  # of the venous voxels: those whose neighbours are blood as well
_SURE_VOXELS = 2 * LEAST_VOXELS
_DELAYS_S = np.arange(0.0, 15.1, 0.5)
_SPREADS_S = np.array([0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 5.0, 6.0, 8.0, 10.0])
_FOLLOWS = 0.15  # of the venous curve's length may be left unexplained


class Transit(NamedTuple):
    """From artery to vein: vein(t) = factor * artery, delayed and spread."""

    factor: float
    delay_s: float
    spread_s: float


class VeinSearch(NamedTuple):
    """The venous curve of the voxels that blood fills."""

    curve: Array  # (t,) mM whole blood
    members: NDArray[np.intp]  # which of the curves given
    lag_s: float  # its half peak comes so much later than the artery's


def find_vein(times_s: Array, curves: Array, voxels: NDArray[np.intp], artery: AifSearch, *, tail_from_s: float) -> VeinSearch:
    """The venous curve among the curves (n, t) in mM at voxels (n, 3) in which `artery` was found.

    Voxels that are high and rise as one, later than the artery but soon; of these the ones in the middle of the vein,
    whose neighbours hold blood at a high level from `tail_from_s` on as well. Heights alone would take noise for blood.
    ValueError where there are too few.
    """
    times, finite = checked(times_s, curves)
    late = _late(times, tail_from_s)
    rows = _rise_after(times, curves, finite, artery)
    level = curves[rows][:, late].mean(axis=1)
    model = curves[rows[level >= np.percentile(level, 90)]].mean(axis=0)
    for _ in range(3):
        alike = likeness(times, curves[rows], model, from_s=artery.rise_s) >= _SAME_SHAPE
        if np.count_nonzero(alike) < _SURE_VOXELS:
            raise ValueError(f"only {np.count_nonzero(alike)} of {rows.size} late voxels have one shape")
        model = curves[rows[alike]].mean(axis=0)
    rows, level = rows[alike], level[alike]
    middle = np.argsort(-_neighbourhood(voxels[rows], level), kind="stable")[: max(_SURE_VOXELS, int(_MIDDLE * rows.size))]
    members = np.sort(rows[middle])
    curve = np.median(curves[members], axis=0).astype(np.float64)
    return VeinSearch(curve, members, float(rise_times(times, curve[None])[0]) - artery.rise_s)


def scale_to_vein(times_s: Array, artery: Array, vein: Array, *, until_s: float) -> Transit:
    """How the arterial curve becomes the venous one: a factor, a delay and an exponential spread, by least squares.

    No agent is lost on the way, so the factor is what the artery's voxels lack. times_s (t,), artery (t,), vein (t,) in mM;
    frames after `until_s` are left out, since a head that has moved takes thin vessels out of their voxels. Approximate:
    dilution is not linear in signal. ValueError where the one does not follow from the other.
    """
    times = np.asarray(times_s, dtype=np.float64)
    used = times <= until_s
    if np.count_nonzero(used) < 8 or not (vein[used] @ vein[used] > 0):
        raise ValueError(f"fewer than eight frames until {until_s:g} s, or a vein of zeros, to compare artery and vein on")
    best, misfit = Transit(1.0, 0.0, 0.0), np.inf
    for delay_s in _DELAYS_S:
        spread = exp_convolve(times, np.asarray(artery, dtype=np.float64), 1 / _SPREADS_S, delay_s=delay_s) / _SPREADS_S[:, None]
        model, seen = spread[:, used], vein[used]
        factor = (model @ seen) / np.maximum((model**2).sum(axis=1), np.finfo(np.float64).tiny)
        left = ((seen - factor[:, None] * model) ** 2).sum(axis=1)
        k = int(np.argmin(left))
        if left[k] < misfit:
            best, misfit = Transit(float(factor[k]), float(delay_s), float(_SPREADS_S[k])), float(left[k])
    share = float(np.sqrt(misfit / (vein[used] @ vein[used])))
    if share > _FOLLOWS or not best.factor > 0:
        raise ValueError(f"the venous curve does not follow from the arterial one: {100 * share:.0f} % of it is left unexplained")
    return best


def _late(times: Array, tail_from_s: float) -> NDArray[np.bool_]:
    late: NDArray[np.bool_] = times >= tail_from_s
    if np.count_nonzero(late) < 2:
        raise ValueError(f"fewer than two frames after {tail_from_s:g} s to know a vein's late level by")
    return late


def _rise_after(times: Array, curves: Array, rows: NDArray[np.intp], artery: AifSearch) -> NDArray[np.intp]:
    """The rows whose peak is of the artery's order and which rise later than arteries do, but soon."""
    top = curves[rows].max(axis=1)
    high = rows[(top > _HEIGHT[0] * artery.curve.max()) & (top < _HEIGHT[1] * artery.curve.max())]
    lag_s = rise_times(times, curves[high]) - artery.rise_s
    late: NDArray[np.intp] = high[(lag_s > early_window_s(times)) & (lag_s <= _LATEST_S)]
    if late.size < _SURE_VOXELS:
        raise ValueError(f"only {late.size} voxels rise like a vein")
    return late


def _neighbourhood(voxels: NDArray[np.intp], level: Array) -> Array:
    """Mean level over the 27 voxels around each voxel (n, 3); those not given count as zero."""
    corner = voxels.min(axis=0) - 1
    box = np.zeros(voxels.max(axis=0) - corner + 2)
    place = tuple((voxels - corner).T)
    box[place] = level
    mean: Array = uniform_filter(box, 3)[place]
    return mean
