"""The arterial curve of a DSC series: cluster analysis over the whole brain, with guards against what only looks like one.

After Mouridsen 2006 (doi:10.1002/mrm.20759): the largest areas, without the irregular ones, in five clusters of like shape;
the one with the lowest first moment, clustered once more. Deterministic: seeds are groups of equal first moment.
"""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.aif_candidates import LEAST_VOXELS, noise_of
from afterglow.kernels.aif_clusters import sharpest_cluster
from afterglow.kernels.aif_quality import Part, quality_score
from afterglow.kernels.dsc_features import (
    first_moment,
    half_widths,
    irregularity,
    neighbours,
    pass_window,
    rises_without_dip,
    steady_baseline,
)
from afterglow.kernels.dsc_timing import Bolus
from afterglow.kernels.types import Array, Index, Mask

_TOP_SHARE = 0.10  # of the areas
_LEAST_KEPT = 50
_REGULAR_SHARE = 0.75
_RISE_OVER_NOISE = 6.0
_WIDTH_S = (4.0, 14.0)  # at half of the peak
_SHAPE_FRAMES = (1, 12)  # before and after arrival, where shapes are compared
_SURE_VOXELS = 8
_LEAST_LATE = 0.1  # of the peak: what ends farther below its baseline is tissue that leaks, whose T1 shows


class DscArtery(NamedTuple):
    """The curve found and how far it can be trusted."""

    per_s: Array  # (t,) mean of the members
    members: Index  # which of the curves given
    first_moment_s: float
    quality: float  # 0 unusable .. 1: the least of the parts
    parts: tuple[Part, ...]
    remarks: tuple[str, ...]


def find_dsc_artery(times_s: Array, rates: Array, voxels: Index, *, bolus: Bolus, saturated: Mask) -> DscArtery:
    """The arterial curve among the rate curves (n, t) in 1/s of a brain at voxels (n, 3).

    times_s (t,); `bolus` from the mean curve; `saturated` (n,) where the signal came near the background. Widths of 4 to
    14 s at half maximum, a rise without a dip, a baseline without drift, at least four voxels, touching ones before lone ones.
    ValueError with the counts where nothing is left.
    """
    times = _checked(times_s, rates, voxels, saturated)
    finite = np.isfinite(rates).all(axis=1)
    usable = np.flatnonzero(finite & ~saturated)
    if usable.size < LEAST_VOXELS:
        raise ValueError(
            f"no arterial curve: of {len(rates)} voxels {np.count_nonzero(finite & saturated)} are saturated and {np.count_nonzero(~finite)} not measured"
        )
    window = pass_window(bolus, times.size)
    rows = _largest_area(times, rates, usable, window)
    rows, left_out = _guarded(times, rates, rows, bolus)
    rough = irregularity(times, rates[rows])
    rows = rows[np.argsort(rough, kind="stable")[: max(LEAST_VOXELS, int(np.ceil(_REGULAR_SHARE * rows.size)))]]
    rows = np.sort(rows)
    begin = max(bolus.last_baseline + 1 - _SHAPE_FRAMES[0], 0)
    shape = slice(begin, bolus.last_baseline + 2 + _SHAPE_FRAMES[1])
    cluster = rows[sharpest_cluster(times[shape], rates[rows, shape].astype(np.float64), from_s=bolus.arrival_s)]
    members, lone = _touching(voxels, cluster)
    if members.size < LEAST_VOXELS:
        raise ValueError(f"no arterial curve: only {members.size} voxels form the earliest cluster, {left_out}")
    curve = rates[members].mean(axis=0, dtype=np.float64)
    moment_s = float(first_moment(times, curve[None], window=window)[0])
    brain = rates[usable].mean(axis=0, dtype=np.float64)
    parts = _parts(times, rates[members], curve, brain, bolus)
    remarks = [f"{np.count_nonzero(finite & saturated)} of {len(rates)} voxels left out: saturated"] if saturated.any() else []
    remarks += ["the arterial voxels do not touch one another"] if lone else []
    remarks += [f"{part.name}: {part.found}" for part in parts if part.score < 0.5]
    return DscArtery(curve, members, moment_s, quality_score(parts), parts, tuple(remarks))


def _checked(times_s: Array, rates: Array, voxels: Index, saturated: Mask) -> Array:
    times = np.asarray(times_s, dtype=np.float64)
    n = len(rates)
    if rates.ndim != 2 or times.shape != rates.shape[1:] or voxels.shape != (n, 3) or saturated.shape != (n,):
        raise ValueError(
            f"rates {rates.shape}, times {times.shape}, voxels {voxels.shape} and saturated {saturated.shape}: "
            "they must be (n, t), (t,), (n, 3) and (n,)"
        )
    return times


def _largest_area(times: Array, rates: Array, usable: Index, window: slice) -> Index:
    """The tenth of the voxels with the largest area over the first pass; at least fifty, where there are so many."""
    area = rates[usable, window] @ np.gradient(times[window]).astype(rates.dtype)
    keep = min(usable.size, max(_LEAST_KEPT, int(_TOP_SHARE * usable.size)))
    rows: Index = usable[np.argsort(-area, kind="stable")[:keep]]
    return rows


def _guarded(times: Array, rates: Array, rows: Index, bolus: Bolus) -> tuple[Index, str]:
    """The rows that pass the hard guards, and in words how many failed which. ValueError where none passes."""
    curves = rates[rows].astype(np.float64)
    rise_s, fall_s = half_widths(times, curves)
    width_s = fall_s - rise_s
    guards = {
        "no higher than noise": curves.max(axis=1) > _RISE_OVER_NOISE * noise_of(curves),
        f"narrower than {_WIDTH_S[0]:g} s": width_s >= _WIDTH_S[0],
        f"wider than {_WIDTH_S[1]:g} s": width_s <= _WIDTH_S[1],
        "dip while they rise": rises_without_dip(curves),
        "drift before contrast": steady_baseline(curves, frames=bolus.last_baseline + 1),
        "below their baseline in the end": _late(times, curves) >= -_LEAST_LATE * curves.max(axis=1),
    }
    passed = np.logical_and.reduce(list(guards.values()))
    words = f"of the {rows.size} largest areas " + ", ".join(f"{np.count_nonzero(~ok)} are {name}" for name, ok in guards.items())
    words = words.replace("are dip", "dip").replace("are drift", "drift")
    if np.count_nonzero(passed) < LEAST_VOXELS:
        raise ValueError(f"no arterial curve: {words}; draw the artery by hand or give a curve")
    return rows[passed], words


def _late(times: Array, curves: Array) -> Array:
    """Mean level over the last tenth of the frames. (..., t) -> (...)."""
    level: Array = curves[..., -max(1, times.size // 10) :].mean(axis=-1)
    return level


def _touching(voxels: Index, rows: Index) -> tuple[Index, bool]:
    """The rows that touch another one, if those are four or more; else all, and True."""
    groups = neighbours(voxels[rows])
    together = rows[np.bincount(groups)[groups] > 1]
    return (np.sort(together), False) if together.size >= LEAST_VOXELS else (np.sort(rows), True)


def _parts(times: Array, members: Array, curve: Array, brain: Array, bolus: Bolus) -> tuple[Part, ...]:
    """The parts of the score; each is 1 where an artery is sharp and whole, 0 where it could be tissue, a vein or noise."""
    top = int(np.argmax(curve))
    (rise_s,), (fall_s,) = half_widths(times, curve[None])
    width_s, snr = float(fall_s - rise_s), float(curve[top] / max(float(noise_of(curve[None])[0]), 1e-12))
    height = float(curve[top] / brain.max())
    half_s = half_widths(times, brain[None])[0]
    lead_s = float(half_s[0] - rise_s)
    tail = float(_late(times, curve) / curve[top])
    alike = float(np.mean([np.corrcoef(member, curve)[0, 1] for member in members]))
    return (
        Part("noise", _between(snr, 4, 20), f"peak {snr:.0f} times the noise"),
        Part("width", min(_between(width_s, 3, 5), _between(-width_s, -16, -10)), f"{width_s:.1f} s wide at half of the peak"),
        Part("height", _between(height, 1.5, 4), f"peak {height:.1f} times that of the brain"),
        Part("ahead of tissue", _between(lead_s, 0, 1), f"rises {lead_s:.1f} s before the mean of the brain"),
        Part("washout", _between(-tail, -0.6, -0.25), f"late level {100 * tail:.0f} % of the peak"),
        Part(
            "peak time",
            _between(-float(times[top] - bolus.arrival_s), -15, -8),
            f"peak {times[top] - bolus.arrival_s:.0f} s after arrival",
        ),
        Part(
            "agreement",
            _between(alike, 0.5, 0.95) * min(1.0, len(members) / _SURE_VOXELS),
            f"{len(members)} voxels, correlation {alike:.2f}",
        ),
    )


def _between(value: float, bad: float, good: float) -> float:
    """0 up to `bad`, 1 from `good` on, straight between."""
    return float(np.clip((value - bad) / (good - bad), 0.0, 1.0))
