"""A lesion's outline carried to another visit and refitted to what enhances there."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.lesions.grow import Mask, away_mm
from afterglow.lesions.look import Images, look_at
from afterglow.lesions.segment import Segmented, check_images, grow_in, put_together
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid

GROWTH_MM = 10.0  # how far a border may move between two visits; beyond it the lesion is outlined anew
_ERROR_MM = 1.0  # of a registration: so far beside its old place a vanishing lesion is still looked for
_AROUND_MM = 6.0
_POINTED_MM = 5.0  # a click is meant for what lies this near
_ELSEWHERE = 0.05  # of what was found lies where the lesion was, or it is something else


def propagate(
    before: Mask,
    grid_before: Grid,
    to_visit: NDArray[np.float64],
    images: Images,
    grid: Grid,
    *,
    within: Mask | None = None,
    growth_mm: float = GROWTH_MM,
    threshold_shift: float = 0.0,
) -> Segmented:
    """The lesion of another visit at this one. `to_visit` (4, 4) takes a point of that visit (RAS mm) to this visit.

    What enhances where it was is grown anew, as far as `growth_mm` beyond its old border. Where nothing enhances there any
    more, or only something beside it, the mask is empty and a remark says so. BadInput where the old mask is empty.
    """
    check_images(images, grid, within)
    if not before.any():
        raise BadInput("the outline to be carried is empty; there is nothing to look for at the other visit")
    old = carried(before, grid_before, to_visit, grid)
    nothing = np.zeros(grid.shape, bool)
    if not old.any():
        return Segmented(nothing, (), 0.0, float("nan"), 0.0, ("its old place lies outside the field of view of this visit",))
    places = grid.to_mm(np.argwhere(old).astype(np.float64))
    margin_mm = growth_mm + _AROUND_MM
    look = look_at(images, grid, places.min(axis=0) - margin_mm, places.max(axis=0) + margin_mm)
    was = old[look.box]
    away = away_mm(was, look.spacing_mm)
    found = grow_in(look, away <= growth_mm, away <= _ERROR_MM, within, threshold_shift)
    solid = found.grown.solid
    if not found.convincing:
        return Segmented(nothing, (), 0.0, found.grown.threshold, 0.0, ("nothing enhances any more where it was",))
    if np.count_nonzero(solid & (away <= _ERROR_MM)) < _ELSEWHERE * np.count_nonzero(solid):
        return Segmented(
            nothing, (), 0.0, found.grown.threshold, 0.0, ("nothing enhances any more where it was; something beside it does",)
        )
    remark = f"it reaches {growth_mm:g} mm beyond its old border and is cut there; outline it anew"
    return put_together(found, images, grid, (remark,) if found.at_limit > 0 else ())


def carried(before: Mask, grid_before: Grid, to_visit: NDArray[np.float64], grid: Grid) -> Mask:
    """A mask seen on the grid of another visit: voxels that it fills by a half, each looked up once."""
    back = np.linalg.inv(grid_before.affine) @ np.linalg.inv(to_visit) @ grid.affine
    share = ndimage.affine_transform(before.astype(np.float32), back[:3, :3], back[:3, 3], output_shape=grid.shape, order=1)
    out: Mask = share >= 0.5
    return out


def touching(mask: Mask, grid: Grid, at_mm: tuple[float, float, float] | None, made_by: str) -> Segmented:
    """The piece of a given mask at a point (RAS mm), all of it without one. BadInput where nothing of it is within 5 mm."""
    found = mask
    if at_mm is not None:
        label, _ = ndimage.label(mask)
        places = np.argwhere(mask)
        away = np.linalg.norm(grid.to_mm(places.astype(np.float64)) - np.array(at_mm), axis=1)
        if not away.size or away.min() > _POINTED_MM:
            raise BadInput(
                f"{made_by} marks nothing within {_POINTED_MM:g} mm of {', '.join(f'{v:g}' for v in at_mm)} mm; point at what it marks"
            )
        found = label == label[tuple(places[int(away.argmin())])]
    volume_ml = float(np.count_nonzero(found)) * grid.voxel_ml
    return Segmented(found, (), volume_ml, float("nan"), float("nan"), (f"outlined by {made_by}, voxels counted whole",))
