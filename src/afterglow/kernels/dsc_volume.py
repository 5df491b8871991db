"""Blood volume: areas under rate curves that are straight between frames, and what is made of them."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.dsc_leakage import Leakage
from afterglow.kernels.dsc_leakage_basis import blocks, leaked_share
from afterglow.kernels.types import Array


class TumourBurden(NamedTuple):
    """Blood volume of a lesion in three classes."""

    classes: NDArray[np.uint8]  # shape of the map: 0 not measured, 1 below the lower cut-off, 2 between, 3 above the upper one
    shares: tuple[float, float, float]  # of the measured voxels, low to high; they add to 1
    n_measured: int


def blood_volume(times_s: Array, rates: Array, *, window: slice) -> Array:
    """Area under rate curves (n, t) in 1/s over the frames of `window`: (n,), without unit and relative.

    times_s (t,) rising, any steps. The same window for a voxel and what it is compared with. No curve of a gamma-variate
    is integrated in place of the data. NaN where a frame of the window is not finite.
    """
    weights = _trapezoid(times_s, rates.shape, window)
    area: Array = rates[:, window] @ weights.astype(rates.dtype)
    return np.where(np.isfinite(area), area, rates.dtype.type(np.nan))


def corrected_volume(
    times_s: Array, rates: Array, reference: Array, leakage: Leakage, *, window: slice, leakage_window: slice
) -> Array:
    """`blood_volume` with the area that leakage took or gave put back, CBV + K2 times the area of E: (n,).

    Equal to the volume of `corrected_rates`, without making them. `leakage_window` is the window of the leakage fit.
    """
    volume = blood_volume(times_s, rates, window=window)
    weights = _trapezoid(times_s, rates.shape, window)
    rows = np.flatnonzero(leakage.applied)
    for part in blocks(rows.size):
        some = rows[part]
        area = leaked_share(times_s, reference, leakage.kep_per_s[some], window=leakage_window)[:, window] @ weights
        volume[some] += (leakage.k2_per_s[some] * area).astype(volume.dtype)
    return volume


def blood_volume_ml_100g(area: Array, *, arterial_area: float, kh: float, density_g_per_ml: float) -> Array:
    """Quantitative blood volume in mL/100 g: 100 kH / rho times tissue area over arterial area (any shape).

    kH = (1 - haematocrit of large vessels) / (1 - that of small ones). The arterial area is that of whole vessels: one from
    voxels shared with tissue makes the volume too large. ValueError where it is not above zero.
    """
    if not (arterial_area > 0 and kh > 0 and density_g_per_ml > 0):
        raise ValueError(f"arterial area {arterial_area}, kH {kh} and density {density_g_per_ml} g/mL must be above zero")
    volume: Array = area * area.dtype.type(100 * kh / (density_g_per_ml * arterial_area))
    return volume


def relative_volume(area: Array, *, reference_area: float) -> Array:
    """Area over the area of reference tissue, as normal-appearing white matter of the other side. Any shape."""
    if not reference_area > 0:
        raise ValueError(f"a reference area of {reference_area} gives no ratio: choose other reference tissue")
    ratio: Array = area / area.dtype.type(reference_area)
    return ratio


def tumour_burden(relative: Array, *, low: float, high: float) -> TumourBurden:
    """Fractional tumour burden: shares of relative blood volume below `low`, up to `high`, and above (any shape).

    The cut-offs belong to one protocol and one piece of software: there are no defaults. NaN is not measured and not counted.
    """
    if not 0 < low < high:
        raise ValueError(f"cut-offs of {low} and {high}: the lower one must be above zero and below the upper one")
    with np.errstate(invalid="ignore"):
        classes = (1 + (relative >= low).astype(np.uint8) + (relative > high)).astype(np.uint8)
    classes[np.isnan(relative)] = 0
    counts = np.bincount(classes.ravel(), minlength=4)[1:]
    n = int(counts.sum())
    if n == 0:
        raise ValueError("no voxel of the lesion has a relative blood volume: there is no burden to share out")
    low_share, middle, high_share = (float(count) / n for count in counts)
    return TumourBurden(classes, (low_share, middle, high_share), n)


def _trapezoid(times_s: Array, shape: tuple[int, ...], window: slice) -> Array:
    """Weights (w,) of the frames in the window."""
    times = np.asarray(times_s, dtype=np.float64)
    if times.ndim != 1 or shape[1:] != times.shape or not (np.diff(times) > 0).all():
        raise ValueError(f"rates of shape {shape} and times of {times.shape}: they must be (n, t) and (t,), and times must rise")
    half = np.diff(times[window]) / 2
    if half.size < 1:
        raise ValueError(f"an area over {half.size + 1 if times[window].size else 0} frames is none")
    weights: Array = np.concatenate([half, [0]]) + np.concatenate([[0], half])
    return weights
