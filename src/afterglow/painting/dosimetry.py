"""Dose read in structures: what lies where, and how the dose is spread over it."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from afterglow.kernels.dose_volume import Spread, cumulative, sampled_spread
from afterglow.kernels.partial import carried_share
from afterglow.records.dose import DoseGrid, DoseVolume, Structure, StructureKind
from afterglow.records.errors import BadInput, GridMismatch
from afterglow.records.grid import Grid

SAMPLES = 5  # places along each axis at which a voxel on the border of a structure is read
_UNCOVERED = 1e-6  # share of a structure without a dose that rounding makes
HISTOGRAM_STEP_GY = 0.1
EVERYWHERE = "dose grid"  # the name of all tissue that the dose grid covers

Transform = NDArray[np.float64]  # (4, 4), RAS mm to RAS mm


def structure_of(
    name: str,
    mask: NDArray[np.bool_] | NDArray[np.float32],
    grid: Grid,
    *,
    kind: StructureKind,
    source: str = "",
    onto: Grid | None = None,
    rigid: Transform | None = None,
) -> Structure:
    """A mask or share map (i, j, k) as a structure, laid on another grid where one is given.

    `rigid` takes a point of the new grid's space to one of the mask's; on another grid a voxel's share is the mean over
    5 x 5 x 5 places in it of the voxel of the mask that they lie in, so that volume is kept to the part of it that the new grid holds.
    """
    share = np.asarray(mask, dtype=np.float32)
    if share.shape != grid.shape:
        raise GridMismatch(f"structure {name} is {share.shape} but its grid is {grid}; give the grid it was drawn on")
    if not bool(((share >= 0) & (share <= 1)).all()):
        raise BadInput(f"structure {name} holds values outside 0 to 1: it is no mask and no map of shares")
    if onto is None or (onto.same_as(grid) and rigid is None):
        return Structure(name, share, grid, kind, source)
    to_source = np.linalg.inv(grid.affine) @ (np.eye(4) if rigid is None else rigid) @ onto.affine
    return Structure(name, carried_share(share, to_source=to_source, shape=onto.shape, samples=SAMPLES), onto, kind, source)


def without(structure: Structure, part: Structure) -> Structure:
    """The structure less a part of it, named "brain minus tumour"."""
    same_grid(f"structure {structure.name}", structure.grid, f"structure {part.name}", part.grid)
    share = np.clip(structure.share - part.share, 0, 1)
    return replace(structure, name=f"{structure.name} minus {part.name}", share=share)


def everywhere(dose: DoseGrid) -> Structure:
    """All that the dose grid covers."""
    share = np.isfinite(dose.dose_gy).astype(np.float32)
    return Structure(EVERYWHERE, share, dose.grid, "organ", "every voxel with a dose", dose.frame_uid)


def dose_on(dose: DoseGrid, grid: Grid, *, rigid: Transform | None = None) -> DoseGrid:
    """The dose read trilinearly at the voxels of another grid; NaN where its own grid does not reach.

    `rigid` takes a point of the new grid's space to one of the dose's.
    """
    if rigid is None and dose.grid.same_as(grid):
        return dose
    to_source = np.linalg.inv(dose.grid.affine) @ (np.eye(4) if rigid is None else rigid) @ grid.affine
    index = np.indices(grid.shape, dtype=np.float64).reshape(3, -1)
    places = to_source[:3, :3] @ index + to_source[:3, 3:]
    places = np.where(np.abs(places - np.rint(places)) < 1e-6, np.rint(places), places)  # a voxel on the rim is on the grid
    read = map_coordinates(dose.dose_gy.astype(np.float64), places, order=1, mode="constant", cval=np.nan)
    values = read.reshape(grid.shape).astype(np.float32)
    return replace(dose, dose_gy=values, grid=grid, source=f"{dose.source}, read on another grid")


def spread_in(dose: DoseGrid, structure: Structure) -> Spread:
    """How the dose is spread over a structure (kernels.dose_volume), partial voxels by their share.

    GridMismatch where the two lie on different grids, BadInput where they name different frames of reference.
    """
    same_grid(f"dose of {dose.source}", dose.grid, f"structure {structure.name}", structure.grid)
    same_frame(f"dose of {dose.source}", dose.frame_uid, f"structure {structure.name}", structure.frame_uid)
    return sampled_spread(dose.dose_gy, structure.share, voxel_ml=dose.grid.voxel_ml, samples=SAMPLES)


def uncovered_words(spread: Spread, structure: str) -> str:
    """ "12 % of brain has no dose: the dose grid does not cover it"; nothing where all has one."""
    if spread.covered >= 1 - _UNCOVERED:
        return ""
    return f"{100 * (1 - spread.covered):.3g} % of {structure} has no dose: the dose grid does not cover it"


def dose_volume(dose: DoseGrid, structure: Structure, *, plan: str, step_gy: float = HISTOGRAM_STEP_GY) -> DoseVolume:
    """The cumulative dose-volume histogram: V(D) in mL, the volume that gets at least D.

    Of a structure that the dose does not cover whole it is the curve of the covered part, and `note` says how much is left out.
    """
    spread = spread_in(dose, structure)
    doses, volumes = cumulative(spread, step_gy=step_gy)
    note = uncovered_words(spread, structure.name) if structure.volume_ml > 0 else f"{structure.name} is empty"
    return DoseVolume(plan, structure.name, doses.astype(np.float64), volumes.astype(np.float64), note)


def same_frame(a: str, a_uid: str, b: str, b_uid: str) -> None:
    """BadInput where both name a frame of reference and the two differ."""
    if a_uid and b_uid and a_uid != b_uid:
        raise BadInput(
            f"{a} lies in the frame of reference {a_uid} but {b} in {b_uid}: bring them into one by a registration before dose is read"
        )


def same_grid(a: str, a_grid: Grid, b: str, b_grid: Grid) -> None:
    """GridMismatch where two things that are read together lie on different grids."""
    if not a_grid.same_as(b_grid):
        raise GridMismatch(f"{a} lies on {a_grid} but {b} on {b_grid}; lay one on the grid of the other first")
