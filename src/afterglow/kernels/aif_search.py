"""Automatic arterial input function by cluster analysis of concentration curves, with guards and a quality score.

The way of Mouridsen et al. (doi:10.1002/mrm.20759), made for DSC, with features for DCE: among voxels that pass the guards,
those with the largest first-pass area and a smooth curve are clustered by shape, and the earliest, narrowest cluster is
taken, twice. Deterministic: the clusters start from groups of equal first moment.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.aif_quality import Part, noise_of, quality_parts, quality_score
from afterglow.kernels.arrival import find_arrival
from afterglow.kernels.convolution import integrate
from afterglow.kernels.types import Array

_CLUSTERS = 5
_GROUP = 6  # voxels for each cluster, or there are fewer clusters
_LEAST_VOXELS = 4
_FIRST_PASS_S = 30.0  # bolus and recirculation after a rapid injection
_SHAPE_S = 90.0  # where arteries, veins and tissue differ in shape
_RISE_OVER_NOISE = 6.0
_TOP_AREA = 0.10  # of the voxels that pass the guards (Mouridsen)
_IRREGULAR = 0.25  # of those, the noisiest (Mouridsen)
_BLOOD_CEILING_mM = 15.0  # no clinical dose reaches it: the signal is so near its own ceiling that noise decides
_UNDILUTED = 0.7  # of the highest peaks in the cluster: lower ones share their voxel with tissue


class AifSearch(NamedTuple):
    """The curve found and how far it can be trusted."""

    curve: Array  # (t,) mM whole blood, mean of the members
    members: NDArray[np.intp]  # which of the curves given
    arrival_s: float
    quality: float  # 0 unusable .. 1: geometric mean of the parts
    parts: tuple[Part, ...]
    remarks: tuple[str, ...]


def find_artery(times_s: Array, curves: Array, *, baseline_signal: Array | None = None) -> AifSearch:
    """The arterial curve among concentration curves of a volume, a section or a search region.

    times_s (t,), curves (n, t) in mM with NaN where saturated; `baseline_signal` (n,) before contrast, where it is known,
    tells blood that flows in fresh. ValueError where no voxel rises and falls like an artery.
    """
    times, finite = _checked(times_s, curves)
    values = curves if finite.size == len(curves) else curves[finite]
    arrival_s = _first_arrival(times, values)
    passed, remarks = _guarded(times, values, arrival_s)
    if finite.size < len(curves):
        remarks.insert(0, f"{len(curves) - finite.size} of {len(curves)} voxels left out: saturated or not measured")
    members = _undiluted(values, _earliest(times, values, passed, arrival_s))
    curve = values[members].mean(axis=0)
    steady = None if baseline_signal is None else baseline_signal[finite]
    parts = quality_parts(times, values, members, passed, arrival_s, steady)
    if members.size < _LEAST_VOXELS:
        remarks.append(f"only {members.size} voxels look like an artery")
    remarks += [f"{part.name}: {part.found}" for part in parts if part.score < 0.5]
    return AifSearch(curve, finite[members], arrival_s, quality_score(parts), parts, tuple(remarks))


def scale_to_vein(times_s: Array, artery: Array, vein: Array, *, tail_from_s: float) -> tuple[Array, float]:
    """The arterial curve scaled so that its area from `tail_from_s` on is that of a large vein, and the factor.

    Once agent is mixed, artery and vein hold the same concentration; a vein is wide enough to fill its voxels, an artery
    often is not. times_s (t,), artery (t,), vein (t,) -> (t,), factor. Approximate: dilution is not linear in signal.
    """
    late = times_s >= tail_from_s
    if np.count_nonzero(late) < 2:
        raise ValueError(f"fewer than two frames after {tail_from_s} s to compare artery and vein on")
    areas = [float(integrate(times_s[late], curve[late])[-1]) for curve in (artery, vein)]
    if not min(areas) > 0:
        raise ValueError(f"late areas of {areas[0]:.3g} (artery) and {areas[1]:.3g} (vein) mM s cannot be compared")
    factor = areas[1] / areas[0]
    return artery * artery.dtype.type(factor), factor


def _checked(times_s: Array, curves: Array) -> tuple[Array, NDArray[np.intp]]:
    """Times, and which curves are finite throughout."""
    times = np.asarray(times_s, dtype=np.float64)
    if curves.ndim != 2 or times.shape != curves.shape[1:] or times.size < 8:
        raise ValueError(f"a search needs curves (n, t) with at least eight frames, found {curves.shape} for {times.shape} times")
    if not (np.diff(times) > 0).all():
        raise ValueError("times must rise")
    finite = np.flatnonzero(np.isfinite(curves).all(axis=1))
    if finite.size == 0:
        raise ValueError("no curve is finite from the first to the last frame: all voxels are saturated or were not measured")
    return times, finite


def _first_arrival(times: Array, values: Array) -> float:
    """When the bolus arrives: on the mean of the curves that jump most from frame to frame, over their own noise."""
    jump = np.diff(values, axis=1).max(axis=1)
    clear = values.max(axis=1) > _RISE_OVER_NOISE * np.maximum(noise_of(values), 1e-12)
    if not clear.any():
        raise ValueError(f"no bolus: none of {values.shape[0]} curves rises above {_RISE_OVER_NOISE:g} times its noise")
    candidates = values[clear]
    keep = max(_LEAST_VOXELS, int(0.01 * candidates.shape[0]))
    steepest = np.argsort(-jump[clear], kind="stable")[:keep]
    return find_arrival(times, np.median(candidates[steepest], axis=0)).time_s


def _guarded(times: Array, values: Array, arrival_s: float) -> tuple[NDArray[np.intp], list[str]]:
    """Indices of voxels that an artery could be, and what was refused."""
    step_s = float(np.median(np.diff(times)))
    at = np.argmax(values, axis=1)
    rows = np.arange(at.size)
    top = values[rows, at]
    before = values[:, times <= arrival_s]
    next_to = np.maximum(values[rows, np.maximum(at - 1, 0)], values[rows, np.minimum(at + 1, times.size - 1)])
    beyond = top > _BLOOD_CEILING_mM
    high = ~beyond & (top > _RISE_OVER_NOISE * noise_of(values))
    spiked = high & (np.abs(before).max(axis=1, initial=0.0) > 0.3 * top)
    late = high & ((times[at] > arrival_s + max(_FIRST_PASS_S, 3 * step_s)) | (times[at] < arrival_s))
    lone = high & (next_to < 0.2 * top)
    flat = high & _flat_topped(values, at, top)
    passed = np.flatnonzero(high & ~spiked & ~late & ~lone & ~flat)
    if passed.size == 0:
        raise ValueError(
            f"no arterial curve: of {at.size} voxels {np.count_nonzero(high)} rise above noise, but {np.count_nonzero(late)} of them "
            f"peak too late, {np.count_nonzero(flat)} have a flat top, {np.count_nonzero(spiked | lone)} are single spikes"
        )
    remarks = []
    if flat.any():
        remarks.append(f"{np.count_nonzero(flat)} voxels left out: flat top, the signal is saturated")
    if beyond.any():
        remarks.append(
            f"{np.count_nonzero(beyond)} voxels left out: more than {_BLOOD_CEILING_mM:g} mM, near the signal's ceiling"
        )
    return passed, remarks


def _flat_topped(values: Array, at: NDArray[np.intp], top: Array) -> NDArray[np.bool_]:
    """Three or more equal samples at the top: a signal that has met its ceiling."""
    run = np.zeros(at.size, dtype=np.intp)
    for shift in (-2, -1, 1, 2):
        neighbour = np.clip(at + shift, 0, values.shape[1] - 1)
        equal = (np.abs(values[np.arange(at.size), neighbour] - top) <= 1e-3 * np.abs(top)) & (neighbour == at + shift)
        run += equal
    return run >= 2


def _earliest(times: Array, values: Array, passed: NDArray[np.intp], arrival_s: float) -> NDArray[np.intp]:
    """The voxels of the earliest cluster, found twice over."""
    step_s = float(np.median(np.diff(times)))
    first_pass = _window(times, arrival_s, max(_FIRST_PASS_S, 3 * step_s))
    shape = _window(times, arrival_s, max(_SHAPE_S, 6 * step_s))
    area = values[passed][:, first_pass] @ np.gradient(times)[first_pass]
    keep = min(passed.size, max(10 * _CLUSTERS, int(_TOP_AREA * passed.size)))
    kept = passed[np.argsort(-area, kind="stable")[:keep]]
    # Mouridsen sums squared second differences; at DCE's frame times a sharp bolus has large ones itself, noise has them everywhere
    rough = noise_of(values[kept]) / values[kept].max(axis=1)
    smooth = np.argsort(rough, kind="stable")[: max(_LEAST_VOXELS, int((1 - _IRREGULAR) * kept.size))]
    kept = kept[np.sort(smooth)]
    for least in (2 * _GROUP, 2 * _CLUSTERS * _GROUP):  # the second time only where many are left to be told apart
        if kept.size >= least:
            kept = kept[_best_cluster(times, values[kept], shape)]
    return kept


def _window(times: Array, arrival_s: float, length_s: float) -> NDArray[np.bool_]:
    """Frames from just before arrival to `length_s` after it."""
    begin = max(int(np.searchsorted(times, arrival_s, side="right")) - 2, 0)
    window: NDArray[np.bool_] = (np.arange(times.size) >= begin) & (times <= arrival_s + length_s)
    return window


def _unit_area(times: Array, curves: Array, window: NDArray[np.bool_]) -> Array:
    weights = np.gradient(times)[window]
    cropped = curves[:, window]
    area = cropped @ weights
    unit: Array = cropped / np.where(area > 0, area, np.inf)[:, None]
    return unit


def _best_cluster(times: Array, curves: Array, window: NDArray[np.bool_]) -> NDArray[np.intp]:
    """k-means of the curves' shapes, seeded by groups of equal first moment; the cluster with the lowest first moment whose peak is not a diluted one."""
    unit = _unit_area(times, curves, window)
    moment = unit @ (np.gradient(times)[window] * (times[window] - times[window][0]))
    order = np.argsort(moment, kind="stable")
    clusters = min(_CLUSTERS, moment.size // _GROUP)
    label = _k_means(unit, [unit[group].mean(axis=0) for group in np.array_split(order, clusters)])
    sizes = np.bincount(label, minlength=clusters)
    peaks = np.array([curves[label == k].mean(axis=0).max() if sizes[k] else 0.0 for k in range(clusters)])
    moments = np.array([moment[label == k].mean() if sizes[k] else np.inf for k in range(clusters)])
    eligible = (sizes >= _LEAST_VOXELS) & (peaks >= 0.5 * peaks[sizes >= _LEAST_VOXELS].max(initial=0.0))
    chosen = int(np.argmin(np.where(eligible, moments, np.inf)))
    return np.flatnonzero(label == chosen)


def _k_means(points: Array, seeds: list[Array]) -> NDArray[np.intp]:
    """Which of the clusters grown from the seeds each point belongs to: (n, d) -> (n,)."""
    centres = np.stack(seeds)
    label = np.full(points.shape[0], -1)
    for _ in range(100):
        distance = (centres**2).sum(axis=1) - 2 * points @ centres.T
        new = np.argmin(distance, axis=1)
        if (new == label).all():
            break
        label = new
        for k in range(len(seeds)):
            if (label == k).any():
                centres[k] = points[label == k].mean(axis=0)
    return label


def _undiluted(values: Array, members: NDArray[np.intp]) -> NDArray[np.intp]:
    """Members whose peak comes near the highest; the rest hold tissue beside blood."""
    tops = values[members].max(axis=1)
    keep = tops >= _UNDILUTED * np.percentile(tops, 90)
    if np.count_nonzero(keep) < _LEAST_VOXELS:
        keep = tops >= np.sort(tops)[-min(_LEAST_VOXELS, tops.size)]
    return np.sort(members[keep])
