"""Zones of the enhancing tumour from the votes of the criteria: aggressive, penumbra, passive, or not assessed."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow import __version__
from afterglow.records.errors import GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.maps import Provenance, Settings
from afterglow.records.zones import CriterionVotes, Reason, Vote, Zone, ZoneMap

_FACES = ndimage.generate_binary_structure(3, 1)  # voxels that touch by a face are one island


@dataclass(frozen=True)
class ZoneRules:
    """How votes become zones."""

    aggressive_at_least: int  # criteria that must be met
    near_mm: float  # tissue this near to aggressive voxels is penumbra
    least_island_ml: float  # an aggressive island smaller than this cannot be painted and becomes penumbra

    def __post_init__(self) -> None:
        if self.aggressive_at_least < 2 or self.near_mm < 0 or self.least_island_ml < 0:
            raise ValueError(
                f"zones: {self.aggressive_at_least} criteria, {self.near_mm} mm, {self.least_island_ml} mL; aggressive needs two criteria at least, no size is negative"
            )


def zones_of(
    votes: Sequence[CriterionVotes], tumour: NDArray[np.bool_], grid: Grid, rules: ZoneRules, *, sources: tuple[str, ...]
) -> ZoneMap:
    """The zone and the reason of every voxel of the tumour.

    Aggressive: enough criteria are met, whatever the others would say. Passive: every criterion was assessed and none is met.
    One criterion met, or aggressive voxels near: penumbra. Else something that was not measured could have been met: not assessed.
    An empty aggressive zone is a result. GridMismatch where votes or tumour lie on another grid.
    """
    for shape in (tumour.shape, *(one.votes.shape for one in votes)):
        if shape != grid.shape:
            raise GridMismatch(f"zones: votes or tumour are {shape} but the planning grid is {grid.shape}; lay them on it first")
    if not tumour.any():
        raise ValueError("zones: the tumour is empty")
    met = np.sum([one.votes == Vote.YES for one in votes], axis=0)
    unknown = np.sum([one.votes == Vote.NOT_ASSESSED for one in votes], axis=0)
    enough = tumour & (met >= rules.aggressive_at_least)
    aggressive, small, islands_ml = _islands(enough, grid, rules.least_island_ml)
    near = _near(aggressive, grid, rules.near_mm) & tumour & ~aggressive
    labels = np.full(grid.shape, Zone.OUTSIDE, dtype=np.uint8)
    reasons = np.full(grid.shape, Reason.OUTSIDE, dtype=np.uint8)
    for where, zone, reason in (
        (tumour, Zone.PASSIVE, Reason.FEW_CRITERIA),
        (tumour & (met == 0) & (unknown > 0), Zone.NOT_ASSESSED, Reason.TOO_LITTLE_MEASURED),
        (tumour & (met > 0), Zone.PENUMBRA, Reason.ONE_CRITERION),
        (near & (met == 0), Zone.PENUMBRA, Reason.NEXT_TO_AGGRESSIVE),
        (small, Zone.PENUMBRA, Reason.TOO_SMALL_TO_DELIVER),
        (aggressive, Zone.AGGRESSIVE, Reason.ENOUGH_CRITERIA),
    ):
        labels[where], reasons[where] = zone, reason
    return ZoneMap(labels, reasons, grid, tuple(votes), _made(votes, rules, sources, islands_ml), islands_ml)


def _islands(
    enough: NDArray[np.bool_], grid: Grid, least_ml: float
) -> tuple[NDArray[np.bool_], NDArray[np.bool_], tuple[float, ...]]:
    """What is large enough, what is not, and the sizes of the latter from the largest down."""
    labelled, n = ndimage.label(enough, structure=_FACES)
    sizes_ml = np.bincount(labelled.ravel(), minlength=n + 1) * grid.voxel_ml
    kept = sizes_ml >= least_ml * (1 - 1e-9)
    kept[0] = False
    large: NDArray[np.bool_] = kept[labelled]
    gone = [float(size) for size, keep in zip(sizes_ml[1:], kept[1:], strict=True) if not keep]
    return large, enough & ~large, tuple(sorted(gone, reverse=True))


def _near(aggressive: NDArray[np.bool_], grid: Grid, near_mm: float) -> NDArray[np.bool_]:
    if near_mm == 0 or not aggressive.any():
        return np.zeros(grid.shape, dtype=bool)
    away_mm = ndimage.distance_transform_edt(~aggressive, sampling=grid.spacing_mm)
    near: NDArray[np.bool_] = away_mm <= near_mm * (1 + 1e-9)
    return near


def _made(
    votes: Sequence[CriterionVotes], rules: ZoneRules, sources: tuple[str, ...], islands_ml: tuple[float, ...]
) -> Provenance:
    said = "; ".join(f"{one.name}: {one.words}" for one in votes)
    sentence = (
        f"Within the enhancing tumour, voxels that met at least {rules.aggressive_at_least} of {len(votes)} criteria ({said}) were called aggressive, unless their "
        f"island was smaller than {rules.least_island_ml:g} mL; voxels that met one criterion, lay within {rules.near_mm:g} mm of aggressive ones, or belonged to such an "
        "island were called penumbra; voxels in which all criteria were assessed and none was met, passive; the others were not assessed."
    )
    settings: Settings = {
        "aggressive_at_least": rules.aggressive_at_least,
        "near_mm": rules.near_mm,
        "least_island_ml": rules.least_island_ml,
        "criteria": tuple(f"{one.name}: {one.words}" for one in votes),
        "islands_too_small": len(islands_ml),
    }
    return Provenance("zones", __version__, settings, sources, sentence)
