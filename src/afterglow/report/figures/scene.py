"""What lies under and around a map: anatomy and outlines of one visit, stood up in the plane they are looked at in."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.records.errors import GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion
from afterglow.records.result import ExamResult
from afterglow.report.figures.planes import View, view_of

MARGIN_MM = 6.0  # anatomy left around the body when a picture is cut to it
CLOSE_UP_MM = 22.0  # and around a lesion in a close-up


@dataclass(frozen=True, eq=False)
class Crop:
    """Rows and columns that a picture shows."""

    rows: slice
    columns: slice

    def of(self, plane: NDArray[Any]) -> NDArray[Any]:
        """The part of a slice (rows, columns)."""
        return plane[self.rows, self.columns]

    def size_mm(self, view: View) -> tuple[float, float]:
        """Height and width of the part."""
        return (
            (self.rows.stop - self.rows.start) * view.spacing_mm[1],
            (self.columns.stop - self.columns.start) * view.spacing_mm[2],
        )


@dataclass(frozen=True, eq=False)
class Scene:
    """Volumes as (slice, row, column): anatomy, the lesion in question, the other lesions, the reference tissue."""

    view: View
    backdrop: NDArray[np.float32]
    lesion: NDArray[np.bool_]
    others: NDArray[np.bool_]
    reference: NDArray[np.bool_]


def check_grids(exam: ExamResult) -> None:
    """GridMismatch unless anatomy, maps, lesions and reference lie on the grid of the visit."""
    place = f"sub-{exam.subject} ses-{exam.session}"
    if exam.backdrop.shape != exam.grid.shape:
        raise GridMismatch(
            f"{place}: the anatomy is {exam.backdrop.shape} but the visit's grid is {exam.grid.shape}; resample it before reporting"
        )
    for name, picture in exam.pictures:
        if picture.shape != exam.grid.shape:
            raise GridMismatch(
                f"{place}: the picture {name} is {picture.shape} but the visit's grid is {exam.grid.shape}; resample it before reporting"
            )
    named: list[tuple[str, Grid]] = [(f"the {m.quantity.name} map", m.grid) for m in exam.maps]
    named += [(f"lesion {lesion.lesion_id}", lesion.grid) for lesion in exam.lesions]
    if exam.reference is not None:
        named.append(("the reference region", exam.reference.grid))
    for what, grid in named:
        if not grid.same_as(exam.grid):
            raise GridMismatch(f"{place}: {what} lies on {grid} but the visit on {exam.grid}; resample it before reporting")


def scene_of(exam: ExamResult, lesion: Lesion | None) -> Scene:
    """The visit stood up around one lesion; None where the visit has no lesion."""
    check_grids(exam)
    view = view_of(exam.grid)
    nothing = np.zeros(exam.grid.shape, dtype=np.bool_)
    others = nothing.copy()
    for other in exam.lesions:
        if lesion is None or other.lesion_id != lesion.lesion_id:
            others |= other.mask
    return Scene(
        view=view,
        backdrop=view.stand(exam.backdrop),
        lesion=view.stand(nothing if lesion is None else lesion.mask),
        others=view.stand(others),
        reference=view.stand(nothing if exam.reference is None else exam.reference.mask),
    )


def widest_slice(mask: NDArray[np.bool_], otherwise: NDArray[np.bool_]) -> int:
    """The slice (first axis) with the largest area of the mask, of `otherwise` where it is empty, else the middle one."""
    for volume in (mask, otherwise):
        areas = np.count_nonzero(volume, axis=(1, 2))
        if areas.any():
            return int(np.argmax(areas))
    return int(mask.shape[0]) // 2


def neighbours(mask: NDArray[np.bool_], centre: int, wanted: int) -> list[int]:
    """Up to `wanted` slices around the centre, spread so that they cover the mask from end to end."""
    held = np.flatnonzero(mask.any(axis=(1, 2)))
    extent = int(held[-1] - held[0]) + 1 if held.size else 1
    step = max(1, round(extent / wanted))
    reach = wanted // 2
    return [s for s in range(centre - reach * step, centre + reach * step + 1, step) if 0 <= s < mask.shape[0]]


def _box(inside: NDArray[np.bool_], view: View, margin_mm: float) -> Crop:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    if not rows.size:
        return Crop(slice(0, inside.shape[0]), slice(0, inside.shape[1]))
    ends = []
    for found, spacing, size in ((rows, view.spacing_mm[1], inside.shape[0]), (columns, view.spacing_mm[2], inside.shape[1])):
        margin = max(1, round(margin_mm / spacing))
        ends.append(slice(max(0, int(found[0]) - margin), min(size, int(found[-1]) + 1 + margin)))
    return Crop(ends[0], ends[1])


def body_crop(view: View, backdrop: NDArray[np.float32], keep: NDArray[np.bool_]) -> Crop:
    """Cuts away the air around the body, over all slices, and never a voxel of `keep`."""
    finite = np.nan_to_num(backdrop, nan=0.0, posinf=0.0, neginf=0.0)
    bright = finite > 0.15 * float(np.percentile(finite, 99))
    held = bright.mean(axis=0) > 0.04  # a lone noisy voxel outside the body does not widen the picture
    return _box(np.asarray(held | keep.any(axis=0)), view, MARGIN_MM)


def close_crop(view: View, mask: NDArray[np.bool_]) -> Crop:
    """A close-up of the mask with some anatomy around it; everything where the mask is empty."""
    return _box(np.asarray(mask.any(axis=0)), view, CLOSE_UP_MM)
