"""How far each voxel of the brain lies from the enhancing tumour, walking inside the brain."""

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.records.recurrence import LearningCase

Distances = NDArray[np.float64]
Mask = NDArray[np.bool_]
_DECIMALS = 3  # of a mm: the front is counted in single precision, and its noise is no detour
_UNREACHED = 1e30  # the filter leaves the largest number there is where it never arrives


def tumour_distance(case: LearningCase) -> Distances | None:
    """Distance of each voxel to the enhancing tumour in mm, inside the brain: 0 in the tumour, infinite where no way leads.

    NaN outside the brain. None where no enhancing tumour is outlined. The only barrier is the brain's own outline (ventricles
    are barriers where the brain mask leaves them out): no mask of CSF is at hand.
    """
    if case.enhancing is None or not case.enhancing.any():
        return None
    inside = case.brain | case.enhancing
    walked = geodesic_distance(case.enhancing, inside, case.grid.spacing_mm)
    return np.where(inside, walked, np.nan)


def geodesic_distance(seeds: Mask, inside: Mask, spacing_mm: tuple[float, float, float]) -> Distances:
    """Shortest way in mm from the seeds through `inside`; infinite outside it and where no way leads. ValueError without seeds.

    The straight distance, which is exact, and the detour that walls make: arrival of a front (fast marching, SimpleITK) with walls
    less that without any, which takes out most of the front's own error. So it is never below the straight distance.
    """
    if not seeds.any():
        raise ValueError("a distance needs a voxel to start from")
    box = _box(inside | seeds)
    start, way = seeds[box], (inside | seeds)[box]
    straight = ndimage.distance_transform_edt(~start, sampling=spacing_mm)
    walled, free = (_arrival(start, open_, spacing_mm) for open_ in (way, np.ones_like(way)))
    detour = np.round(np.clip(walled - free, 0.0, _UNREACHED), _DECIMALS)
    walked = np.full(seeds.shape, np.inf)
    walked[box] = np.where(way & (walled < _UNREACHED), straight + detour, np.inf)
    walked[seeds] = 0.0
    return walked


def _arrival(seeds: Mask, open_: Mask, spacing_mm: tuple[float, float, float]) -> Distances:
    """When a front that starts at the rim of the seeds, 1 mm at a time, arrives; it passes through faces of voxels only."""
    speed = sitk.GetImageFromArray(open_.astype(np.float32).transpose())
    speed.SetSpacing(spacing_mm)
    rim = seeds & ~ndimage.binary_erosion(seeds)
    front = sitk.FastMarchingImageFilter()
    front.SetTrialPoints([[*(int(v) for v in point), 0] for point in np.argwhere(rim)])
    arrived: Distances = sitk.GetArrayFromImage(front.Execute(speed)).transpose().astype(np.float64)
    return arrived


def _box(mask: Mask) -> tuple[slice, ...]:
    """The smallest box around a mask that is not empty."""
    found = []
    for axis in range(mask.ndim):
        there = np.flatnonzero(mask.any(axis=tuple(k for k in range(mask.ndim) if k != axis)))
        found.append(slice(int(there[0]), int(there[-1]) + 1))
    return tuple(found)
