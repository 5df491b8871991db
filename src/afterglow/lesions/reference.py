"""Reference tissue: a given mask, what was found automatically, or the lesion mirrored to the other side."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion, Reference, ReferenceKind

_AWAY_VOXELS = 1  # kept between a mirrored region and any lesion
_FILLED = (
    0.9  # share of a voxel that must be reference tissue: a voxel a tenth grey matter reads a tenth too high in blood volume
)


@dataclass(frozen=True)
class Limits:
    """How large a reference that is found automatically may be, and how far it keeps from any lesion and from other tissue."""

    least_ml: float
    most_ml: float
    away_mm: float
    edge_mm: float


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


def filled(share: NDArray[np.float32], lesions: tuple[Lesion, ...]) -> NDArray[np.bool_]:
    """Voxels (i, j, k) that a tissue, found on a finer grid, fills as good as wholly, and that no lesion claims."""
    mask: NDArray[np.bool_] = share >= _FILLED
    for lesion in lesions:
        mask &= ~lesion.mask
    return mask


def numbers_of(mask: NDArray[np.bool_], grid: Grid, image: NDArray[np.float32]) -> tuple[tuple[str, float], ...]:
    """What every reference that nobody drew says of itself: volume, voxels, and how uneven an image (i, j, k) is in it."""
    values = image[mask & np.isfinite(image)].astype(np.float64)
    uneven = float(values.std() / values.mean()) if values.size and values.mean() > 0 else float("nan")
    n = int(np.count_nonzero(mask))
    return ("volume_ml", n * grid.voxel_ml), ("n_voxels", float(n)), ("variation", uneven)


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
