"""Outlines of all visits in one space, as identity needs them: in order, without twins, each a place."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.matching import Place, gap_mm, place_of, shared
from afterglow.lesions.links import NEAR_MM
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid


@dataclass(frozen=True, eq=False)
class VisitMasks:
    """The outlines of one visit on the patient's grid. An empty mask says that nothing is left; no masks at all say nothing."""

    session: str
    day: float
    masks: tuple[tuple[str, NDArray[np.bool_]], ...]  # (name it was drawn under, mask)
    seen: NDArray[np.bool_] | None = None  # field of view; None where all of the space was in view
    cavity: NDArray[np.bool_] | None = None  # resection cavities; None where nobody looked for them


@dataclass(frozen=True, eq=False)
class Outlined:
    """One outline that has voxels."""

    drawn_id: str
    place: Place


def in_order(visits: Sequence[VisitMasks], grid: Grid, subject: str) -> tuple[VisitMasks, ...]:
    """Visits by their days. BadInput where two share a day or an outline's name stands twice in one visit."""
    ordered = sorted(visits, key=lambda one: one.day)
    for earlier, later in pairwise(ordered):
        if earlier.day == later.day:
            raise BadInput(
                f"sub-{subject}: ses-{earlier.session} and ses-{later.session} both lie on day {later.day:g}; "
                "correct the sessions table, two visits need two days"
            )
    for visit in ordered:
        names = [name for name, _ in visit.masks]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise BadInput(
                f"sub-{subject}, ses-{visit.session}: two outlines are called {twice[0]!r}; give each a name of its own"
            )
        for mask in (*(mask for _, mask in visit.masks), visit.seen, visit.cavity):
            if mask is not None and mask.shape != grid.shape:
                raise ValueError(f"ses-{visit.session}: a mask of {mask.shape} on a space of {grid.shape}")
    return tuple(ordered)


def outlines_of(visit: VisitMasks, grid: Grid) -> tuple[tuple[Outlined, ...], tuple[str, ...]]:
    """Outlines with voxels, the largest first, and the names of the empty ones; in whatever order they were given."""
    made = [Outlined(name, place_of(mask, grid.affine)) for name, mask in visit.masks]
    full = [one for one in made if one.place.voxels.size]
    full.sort(key=lambda one: (-one.place.voxels.size, int(one.place.voxels[0]), one.drawn_id))
    return tuple(full), tuple(sorted(one.drawn_id for one in made if not one.place.voxels.size))


def share_in(place: Place, region: NDArray[np.bool_] | None) -> float:
    """Share of a place's voxels inside a region; 1 where there is no region."""
    return 1.0 if region is None else float(region.ravel()[place.voxels].mean())


def cavity_at(place: Place, visit: VisitMasks, grid: Grid) -> bool | None:
    """Whether a resection cavity lies at a place; None where nobody looked for cavities."""
    if visit.cavity is None:
        return None
    cavity = place_of(visit.cavity, grid.affine)
    return bool(cavity.voxels.size) and gap_mm(place, cavity) <= NEAR_MM


def remarks_on_outlines(visit: VisitMasks, outlines: Sequence[Outlined]) -> tuple[str, ...]:
    """Outlines of one visit that share voxels: each keeps them, and their volumes count them twice."""
    found = []
    for n, one in enumerate(outlines):
        for other in outlines[n + 1 :]:
            both = shared(one.place, other.place)
            if both:
                names = " and ".join(sorted((one.drawn_id, other.drawn_id)))
                found.append(f"ses-{visit.session}: outlines {names} share {both} voxels, which both count")
    return tuple(sorted(found))
