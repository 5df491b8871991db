"""Reference tissue: a given mask, or the lesion mirrored to the other side where none is given."""

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion, Reference, ReferenceKind

_AWAY_VOXELS = 1  # kept between a mirrored region and any lesion


def given_reference(
    mask: NDArray[np.bool_], grid: Grid, *, kind: ReferenceKind, source: str, lesions: tuple[Lesion, ...]
) -> Reference:
    """A region that a person outlined; voxels that a lesion claims too are taken out of it."""
    clear = mask.copy()
    for lesion in lesions:
        clear &= ~lesion.mask
    lost = int(np.count_nonzero(mask) - np.count_nonzero(clear))
    if not clear.any():
        raise MissingInput(
            f"{source}: all {int(np.count_nonzero(mask))} voxels of the reference lie inside the lesion; outline healthy tissue"
        )
    shared = f", {lost} voxels shared with a lesion left out" if lost else ""
    return Reference(clear, grid, kind, f"given mask {source}{shared}")


def mirrored_reference(
    lesions: tuple[Lesion, ...], reflection: NDArray[np.float64], subject: NDArray[np.bool_], *, how: str
) -> Reference:
    """The lesions reflected through the plane of symmetry, without voxels outside the subject or next to a lesion.

    `reflection` (4, 4) takes a point in RAS mm to its mirror point; `subject` (i, j, k) is where tissue is.
    MissingInput where nothing is left (a lesion on the midline, say).
    """
    grid = lesions[0].grid
    index = np.stack(np.meshgrid(*(np.arange(n) for n in grid.shape), indexing="ij"), axis=-1).astype(np.float64)
    points = grid.to_mm(index) @ reflection[:3, :3].T + reflection[:3, 3]
    at = np.rint(grid.to_index(points)).astype(np.intp)
    inside = ((at >= 0) & (at < np.array(grid.shape))).all(axis=-1)
    everything = np.any([lesion.mask for lesion in lesions], axis=0)
    mirrored = np.zeros(grid.shape, dtype=bool)
    i, j, k = at[inside].T
    mirrored[inside] = everything[i, j, k]
    near = binary_dilation(everything, iterations=_AWAY_VOXELS)
    clear = mirrored & subject & ~near
    if not clear.any():
        raise MissingInput(
            "the lesion mirrored to the other side leaves no voxel (is it on the midline?); outline a reference (label-reference mask)"
        )
    return Reference(clear, grid, "mirrored lesion", how)
