"""Curves alike in shape: clusters of them, whatever their height."""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.aif_candidates import LEAST_VOXELS
from afterglow.kernels.types import Array

_CLUSTERS = 5
_GROUP = 6  # voxels for each cluster, or there are fewer clusters
_SHAPE_S = 90.0  # where arteries, veins and tissue differ in shape
_PUREST = 10  # voxels, or a twentieth
_UNDILUTED = 0.75  # of their height: lower ones share their voxel with tissue


def sharpest_cluster(times: Array, curves: Array, *, from_s: float) -> NDArray[np.intp]:
    """Which of the curves (n, t) form the sharpest cluster, sought twice where many are left after the first time."""
    window = shape_window(times, from_s)
    kept = np.arange(len(curves))
    for least in (2 * _GROUP, 2 * _CLUSTERS * _GROUP):
        if kept.size >= least:
            kept = kept[_lowest_moment(times, curves[kept], window)]
    return kept


def likeness(times: Array, curves: Array, model: Array, *, from_s: float) -> Array:
    """Correlation (n,) of curves (n, t) with a model curve (t,) from just before `from_s` to 90 s after it."""
    window = shape_window(times, from_s)
    cut = curves[:, window] - curves[:, window].mean(axis=1, keepdims=True)
    reference = model[window] - model[window].mean()
    length = np.linalg.norm(cut, axis=1) * np.linalg.norm(reference)
    alike: Array = cut @ reference / np.where(length > 0, length, np.inf)
    return alike


def undiluted(heights: Array) -> NDArray[np.bool_]:
    """Members whose height (n,) comes near the highest; the rest hold tissue beside blood. At least four where there are four.

    Heights are best means over many frames: with peaks the noise of one frame would choose.
    """
    order = np.sort(heights)[::-1]
    height = np.median(order[: max(_PUREST, heights.size // 20)])
    keep: NDArray[np.bool_] = heights >= min(_UNDILUTED * height, order[min(LEAST_VOXELS, heights.size) - 1])
    return keep


def shape_window(times: Array, from_s: float) -> NDArray[np.bool_]:
    """Frames from two before `from_s` to 90 s (six frames, where those are longer) after it."""
    step_s = float(np.median(np.diff(times)))
    begin = max(int(np.searchsorted(times, from_s, side="right")) - 2, 0)
    window: NDArray[np.bool_] = (np.arange(times.size) >= begin) & (times <= from_s + max(_SHAPE_S, 6 * step_s))
    return window


def _lowest_moment(times: Array, curves: Array, window: NDArray[np.bool_]) -> NDArray[np.intp]:
    """k-means of the curves' shapes, seeded by groups of equal first moment: the cluster with the lowest one whose peak is not a diluted one."""
    weights = np.gradient(times)[window]
    cropped = curves[:, window]
    area = cropped @ weights
    unit: Array = cropped / np.where(area > 0, area, np.inf)[:, None]
    moment = unit @ (weights * (times[window] - times[window][0]))
    order = np.argsort(moment, kind="stable")
    clusters = min(_CLUSTERS, moment.size // _GROUP)
    label = _k_means(unit, [unit[group].mean(axis=0) for group in np.array_split(order, clusters)])
    sizes = np.bincount(label, minlength=clusters)
    peaks = np.array([curves[label == k].mean(axis=0).max() if sizes[k] else 0.0 for k in range(clusters)])
    moments = np.array([moment[label == k].mean() if sizes[k] else np.inf for k in range(clusters)])
    eligible = (sizes >= LEAST_VOXELS) & (peaks >= 0.5 * peaks[sizes >= LEAST_VOXELS].max(initial=0.0))
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
