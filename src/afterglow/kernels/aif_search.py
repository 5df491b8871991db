"""Automatic arterial input function: the earliest vessels of a volume, by cluster analysis, with a quality score.

The way of Mouridsen et al. (doi:10.1002/mrm.20759), made for DSC, with what DCE needs: veins outnumber arteries in a head and
fill their voxels better, so the time at which a voxel rises decides before height does. Shares of tissue in a voxel scale
the curve and hardly change its shape; the purest voxels give the height. Deterministic, and blind to where voxels lie.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.aif_candidates import LEAST_VOXELS, Candidates, noise_of, rise_times, vessel_candidates
from afterglow.kernels.aif_clusters import likeness, sharpest_cluster, undiluted
from afterglow.kernels.aif_quality import Part, quality_parts, quality_score
from afterglow.kernels.arrival import find_arrival
from afterglow.kernels.types import Array

_EARLY_S, _EARLY_FRAMES = 2.0, 0.35  # the larger counts: arteries of one organ, well short of the transit to its veins
_SHARE_OF_VESSELS = 0.01  # of the candidates, or four: fewer that rise together are chance
_COHERENT = 0.9  # correlation among voxels that rise together; noise that crosses half its peak together has none
_SAME_SHAPE = 0.97
_BEFORE_S = 10.0  # from the first rise to half of the peak


class AifSearch(NamedTuple):
    """The curve found and how far it can be trusted."""

    curve: Array  # (t,) mM whole blood, median of the members: near the signal's ceiling noise makes a mean too high
    members: NDArray[np.intp]  # which of the curves given
    arrival_s: float  # the curve leaves its baseline
    rise_s: float  # and reaches half of its peak
    quality: float  # 0 unusable .. 1: the least of the parts
    parts: tuple[Part, ...]
    remarks: tuple[str, ...]


def find_artery(times_s: Array, curves: Array, *, baseline_signal: Array | None = None) -> AifSearch:
    """The arterial curve among concentration curves of a volume, a section or a search region.

    times_s (t,), curves (n, t) in mM with NaN where saturated; `baseline_signal` (n,) before contrast, where it is known,
    tells blood that flows in fresh. ValueError where no voxels rise together and fall like an artery.
    """
    times, finite = checked(times_s, curves)
    values = curves if finite.size == len(curves) else curves[finite]
    vessels = vessel_candidates(times, values)
    early = early_window_s(times)
    earliest_s = _earliest_together(times, values, vessels, early)
    together = vessels.rows[np.abs(vessels.rise_s - earliest_s) <= early]
    alike = _of_one_shape(times, values, together, earliest_s)
    members = np.sort(alike[undiluted(values[alike][:, times > earliest_s - _BEFORE_S].mean(axis=1))])
    curve = np.median(values[members], axis=0).astype(np.float64)
    rise_s = float(rise_times(times, curve[None])[0])
    arrival_s = find_arrival(times, curve).time_s
    steady = None if baseline_signal is None else baseline_signal[finite]
    parts = quality_parts(times, values, members, vessels.rows, arrival_s, steady)
    remarks = list(vessels.remarks)
    if finite.size < len(curves):
        remarks.insert(0, f"{len(curves) - finite.size} of {len(curves)} voxels left out: saturated or not measured")
    if members.size < LEAST_VOXELS:
        remarks.append(f"only {members.size} voxels look like an artery")
    remarks += [f"{part.name}: {part.found}" for part in parts if part.score < 0.5]
    return AifSearch(curve, finite[members], arrival_s, rise_s, quality_score(parts), parts, tuple(remarks))


def early_window_s(times: Array) -> float:
    """Seconds within which voxels count as rising together."""
    return max(_EARLY_S, _EARLY_FRAMES * float(np.median(np.diff(times))))


def checked(times_s: Array, curves: Array) -> tuple[Array, NDArray[np.intp]]:
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


def _earliest_together(times: Array, values: Array, vessels: Candidates, early_s: float) -> float:
    """The first time at which several voxels of like shape rise: where their rise times crowd, not where the first one lies."""
    order = np.argsort(vessels.rise_s, kind="stable")
    rise_s = vessels.rise_s[order]
    needed = max(LEAST_VOXELS, int(_SHARE_OF_VESSELS * rise_s.size))
    reach = max(early_s / 2, float(np.median(_rise_errors(times, values[vessels.rows]))))
    crowd = np.searchsorted(rise_s, rise_s + reach, side="right") - np.searchsorted(rise_s, rise_s - reach, side="left")
    tried = -np.inf
    for start in np.flatnonzero(crowd >= needed):
        if rise_s[start] <= tried:
            continue
        centre = float(rise_s[start])
        for _ in range(20):
            near = np.abs(rise_s - centre) <= reach
            centre, before = float(np.median(rise_s[near])), centre
            if centre == before:
                break
        tried = centre + reach
        group = values[vessels.rows[order[near]]]
        alike = likeness(times, group, np.median(group / group.max(axis=1, keepdims=True), axis=0), from_s=centre)
        if np.count_nonzero(alike >= _COHERENT) >= max(needed, 0.5 * len(group)):
            return centre
    raise ValueError(f"no bolus: of {rise_s.size} candidate voxels no {needed} rise together with one shape")


def _rise_errors(times: Array, curves: Array) -> Array:
    """How uncertain each rise time is from noise alone: noise over the steepest slope."""
    slope = (np.diff(curves, axis=1) / np.diff(times)).max(axis=1)
    error: Array = noise_of(curves) / np.where(slope > 0, slope, np.inf)
    return error


def _of_one_shape(times: Array, values: Array, rows: NDArray[np.intp], rise_s: float) -> NDArray[np.intp]:
    """The sharpest cluster of these voxels, and all others of its shape: scaled copies of one curve."""
    core = rows[sharpest_cluster(times, values[rows], from_s=rise_s)]
    alike = likeness(times, values[rows], values[core].mean(axis=0), from_s=rise_s) >= _SAME_SHAPE
    grown: NDArray[np.intp] = rows[alike] if np.count_nonzero(alike) >= core.size else core
    return grown
