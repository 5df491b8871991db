"""What a lesion encloses that does not enhance: necrosis, or a cavity filled with fluid."""

import numpy as np
from scipy import ndimage

from afterglow.lesions.grow import Map, Mask, Spacing, away_mm, opened, smooth

_OPEN_MM = 2.5  # tissue thinner than twice this is no brain
_CLOSED_MM, _EDGE_MM = 8.0, 4.0  # the brain's hull bridges sulci this wide, and leaves out this much of its rim
_AVERAGED_MM = 1.0
_ONE_KIND_ML = 3.0
_FEW = 30  # voxels of fluid, below which its level is not known
# Liquid necrosis holds protein, which shortens T1 and keeps its signal where free water is suppressed. Where a cavity ends and
# necrosis begins no source prints in signal: these lie between the two of the digital heads, and were not set on patients.
_FLUID_ON_T1 = 0.3  # T1w: at most this far from fluid (0) to brain (1)
_FLUID_ON_T2 = 0.6  # T2w: at least this far from brain (0) to fluid (1)
_FLUID_ON_FLAIR = 0.8  # FLAIR: at most this share of the brightest tenth of brain; oedema and necrosis reach or pass it


def hull_of(brain: Mask, spacing_mm: Spacing) -> Mask:
    """The inside of the largest piece of brain, sulci bridged, its own rim left out."""
    label, count = ndimage.label(opened(brain, spacing_mm, _OPEN_MM))
    if not count:
        return np.zeros(brain.shape, bool)
    largest = label == 1 + int(np.argmax(np.bincount(label.ravel())[1:]))
    apart = away_mm(largest, spacing_mm) > _CLOSED_MM
    out: Mask = away_mm(apart, spacing_mm) > _CLOSED_MM + _EDGE_MM
    return out


def levels(image: Map, fluid: Mask, brain: Mask, spacing_mm: Spacing) -> tuple[float, float] | None:
    """Median of fluid, away from its rim, and of brain; None where there is too little of one."""
    deep = fluid & (away_mm(~fluid, spacing_mm) > max(spacing_mm)) & np.isfinite(image)
    tissue = brain & np.isfinite(image)
    if np.count_nonzero(deep) < _FEW or np.count_nonzero(tissue) < _FEW:
        return None
    return float(np.median(image[deep])), float(np.median(image[tissue]))


def fluid_like(
    hole: Mask, brain: Mask, fluid: Mask, spacing_mm: Spacing, *, t1: Map, t2: Map | None = None, flair: Map | None = None
) -> tuple[Mask, tuple[str, ...]]:
    """Voxels of the hole (i, j, k) that hold fluid by every image that can tell, and remarks.

    `brain` and `fluid` are known tissue and known cerebrospinal fluid nearby, which the levels are read from.
    """
    found, asked = hole.copy(), []
    known = levels(t1, fluid, brain, spacing_mm)
    if known is not None and known[0] < known[1]:
        found &= (_averaged(t1, hole, spacing_mm) - known[0]) / (known[1] - known[0]) < _FLUID_ON_T1
        asked.append("T1w")
    known = None if t2 is None else levels(t2, fluid, brain, spacing_mm)
    if t2 is not None and known is not None and known[0] > known[1]:
        found &= (_averaged(t2, hole, spacing_mm) - known[1]) / (known[0] - known[1]) > _FLUID_ON_T2
        asked.append("T2w")
    if flair is not None and (brain & np.isfinite(flair)).any():
        bright = float(np.quantile(flair[brain & np.isfinite(flair)], 0.9))
        found &= _averaged(flair, hole, spacing_mm) < _FLUID_ON_FLAIR * bright
        asked.append("FLAIR")
    if not asked:
        return np.zeros(hole.shape, bool), ("no fluid nearby to compare with: what is enclosed counts as necrosis",)
    return _from_within(found, hole, spacing_mm), (f"necrosis and fluid told apart on {', '.join(asked)}",)


def _from_within(found: Mask, hole: Mask, spacing_mm: Spacing) -> Mask:
    """What was found away from the hole's edge, and at the edge, which holds part of the rim, what lies nearest to it.

    A small hole is all of one kind: there the thick slices of a FLAIR image hold rim everywhere.
    """
    deep = hole & (away_mm(~hole, spacing_mm) > max(spacing_mm))
    if not deep.any():
        return found
    _, (i, j, k) = ndimage.distance_transform_edt(~deep, sampling=spacing_mm, return_indices=True)
    out: Mask = hole & found[i, j, k]
    label, count = ndimage.label(hole)
    volume_ml = np.bincount(label.ravel(), minlength=count + 1) * float(np.prod(spacing_mm)) / 1000
    share = np.bincount(label.ravel(), weights=out.ravel(), minlength=count + 1) / np.maximum(
        np.bincount(label.ravel(), minlength=count + 1), 1
    )
    small = (volume_ml < _ONE_KIND_ML)[label] & hole
    out[small] = (share > 0.5)[label][small]
    return out


def _averaged(image: Map, inside: Mask, spacing_mm: Spacing) -> Map:
    """The image averaged among voxels of the hole only."""
    held = (inside & np.isfinite(image)).astype(np.float32)
    total = smooth(np.where(held > 0, image, 0).astype(np.float32), spacing_mm, _AVERAGED_MM)
    out: Map = (total / np.maximum(smooth(held, spacing_mm, _AVERAGED_MM), 1e-6)).astype(np.float32)
    return out
