"""Outlines as they lie on disk -> lesions and arterial region on the grid of the dynamic series."""

import numpy as np
from numpy.typing import NDArray

from afterglow.align.resample import compose, resample
from afterglow.flows.work import Drawn, Work
from afterglow.io.outlines import Outline, parts_of, read_mask
from afterglow.records.errors import GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion
from afterglow.records.series import Exam, Series

_HALF = 0.5  # of a voxel that a region must fill to count


def read_outlines(exam: Exam, dynamic: Series, outlines: tuple[Outline, ...]) -> tuple[Drawn, ...]:
    """Read every outline before anything is computed. GridMismatch where one fits no image of the visit, BadInput where it is empty."""
    anatomies = [one for role in ("CE-T1w", "T1w", "T2w", "FLAIR") for one in exam.series.get(role, ())]
    drawn = []
    for outline in outlines:
        images = [dynamic] if outline.label == "aif" else [dynamic, *anatomies]
        on = next((one for one in images if one.grid.same_as(outline.image.grid)), None)
        if on is None:
            known = "; ".join(f"{one.source}: {one.grid}" for one in images)
            raise GridMismatch(
                f"{outline.path}: its grid ({outline.image.grid}) is that of no image it could be drawn on ({known}); resample the mask onto one of them"
            )
        name = outline.path.name
        parts = parts_of(outline) if outline.label == "lesion" else ()
        drawn.append(Drawn(outline.label, outline.lesion_id, name, f"given mask {name}", read_mask(outline), on, parts))
    return tuple(drawn)


def lesions_of(work: Work, outlines: tuple[Drawn, ...]) -> tuple[Lesion, ...]:
    """Every lesion that was settled for this visit, on the grid of its maps. One that lies outside of it, or is gone, is empty and says so."""
    made = []
    for drawn in outlines:
        if drawn.label != "lesion":
            continue
        mask = on_dynamic_grid(work, drawn) if drawn.mask.any() else np.zeros(work.grid.shape, dtype=bool)
        parts = tuple((kind, share_of(part, drawn.on, work) >= _HALF) for kind, part in drawn.parts)
        note = drawn.note or ("" if mask.any() else "the outline is empty: nothing of it is left at this visit")
        made.append(Lesion(drawn.lesion_id, mask, work.grid, drawn.how, note, parts))
    return tuple(made)


def arterial_region(outlines: tuple[Drawn, ...]) -> tuple[NDArray[np.bool_], str] | None:
    """Voxels of the dynamic series that a person marked as artery."""
    return next(((drawn.mask, drawn.name) for drawn in outlines if drawn.label == "aif"), None)


def on_dynamic_grid(work: Work, drawn: Drawn) -> NDArray[np.bool_]:
    """The outline's mask (i, j, k) on the dynamic grid, through the registration of the image it was drawn on.

    A voxel belongs where at least half of it is covered. GridMismatch where nothing of the mask lies inside the series.
    """
    if drawn.on is work.dynamic:
        return drawn.mask
    inside: NDArray[np.bool_] = share_of(drawn.mask, drawn.on, work) >= _HALF
    if not inside.any():
        raise GridMismatch(
            f"{drawn.name}: after registration none of its {int(drawn.mask.sum())} voxels fills a voxel of {work.source}; check the outline's space"
        )
    return inside


def share_of(mask: NDArray[np.bool_], drawn_on: Series, work: Work) -> NDArray[np.float32]:
    """How much of each dynamic voxel the mask fills: the mean over points inside the voxel."""
    return share_on(mask, drawn_on.grid, work.grid, to_image(drawn_on, work))


def to_image(image: Series, work: Work) -> NDArray[np.float64]:
    """Matrix from a point of the dynamic series to an image of the visit: its own registration, or that of the anatomy, or the headers."""
    own = (one for one in work.alignments.values() if one.source == image.source)
    alignment = next(own, work.alignments.get("anatomy"))
    return alignment.matrix if alignment is not None and alignment.trusted else np.eye(4)


def share_on(mask: NDArray[np.bool_], grid: Grid, onto: Grid, matrix: NDArray[np.float64]) -> NDArray[np.float32]:
    """How much (i, j, k) of each voxel of `onto` a mask fills: the mean over points inside the voxel. `matrix`: point of `onto` -> `grid`."""
    counts = [max(1, round(big / small)) for big, small in zip(onto.spacing_mm, _along(grid, onto), strict=True)]
    total = np.zeros(onto.shape, dtype=np.float32)
    points = 0
    for shift in np.ndindex(*counts):
        offset = [(s + 0.5) / n - 0.5 for s, n in zip(shift, counts, strict=True)]
        moved = np.eye(4)
        moved[:3, 3] = onto.affine[:3, :3] @ np.array(offset)
        total += resample(mask.astype(np.float32), grid, onto, compose(moved, matrix), "linear", outside=0.0)
        points += 1
    mean: NDArray[np.float32] = total / np.float32(points)
    return mean


def _along(drawn: Grid, onto: Grid) -> tuple[float, ...]:
    """Voxel size of the drawn grid along the other's axes."""
    unit = onto.affine[:3, :3] / np.linalg.norm(onto.affine[:3, :3], axis=0)
    steps = np.abs(np.linalg.inv(drawn.affine[:3, :3]) @ unit)
    return tuple(float(1 / max(column)) for column in steps.T)
