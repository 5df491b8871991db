"""Which lesion before is which outline now, by place alone: overlap first, then distance, then what split and what merged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.matching import Place, best_pairs, gap_mm, share_of_smaller, unexplained

NEAR_MM = 4.0
"""Borders (voxel centres) farther apart are not one lesion: two registration errors of 1.2 mm and the step of a voxel come to less,
and two metastases may lie a few millimetres apart."""
LEAST_OVERLAP = 0.2  # of the smaller one; less can be a neighbour that registration moved, and counts as near only
MOSTLY = 0.5  # more than half of the smaller one lies in the other: the same tissue
PIECE_OVERLAP = 0.1  # of the smaller one: a piece that split off, or a lesion that another one took in; a neighbour spills less
REACH_MM = 3.0  # two visits, each displaced by up to 1.5 mm: an overlap no deeper than this says nothing of splitting or merging
LEAST_PIECE = 0.15  # beyond that reach, of what is left of a lesion or of the outline: a piece that went over to another lesion
_GONE_COUNTS = 0.5  # a lesion that was gone takes an outline only where no lesion that was there does

FoundBy = Literal["overlap", "distance", "told"]


@dataclass(frozen=True, eq=False)
class Links:
    """Rows are lesions before, columns outlines now. `own` pairs each lesion with the outline that continues it."""

    own: Mapping[int, int]
    found: Mapping[int, FoundBy]  # by lesion: how its own outline was found
    every: NDArray[np.bool_]  # (lesions, outlines): own pairs, pieces that split off, lesions that were taken in
    share: NDArray[np.float64]  # (lesions, outlines): shared voxels over those of the smaller one


def link(before: Sequence[Place], after: Sequence[Place], *, gone: Sequence[bool], told: Mapping[int, int | None]) -> Links:
    """Pair lesions with outlines, each with at most one, and find what split off and what merged.

    `told` gives the lesion of an outline where a person said so; None is a lesion that no row has. Lesions in `gone` were no
    longer there: one of them may come back, but nothing splits off from it and nothing takes it in.
    """
    share = np.array([[share_of_smaller(a, b) for b in after] for a in before]).reshape(len(before), len(after))
    there = ~np.array(gone, dtype=bool).reshape(-1, 1)
    weight = np.where(there, 1.0, _GONE_COUNTS)
    own = {row: column for column, row in told.items() if row is not None}
    found: dict[int, FoundBy] = dict.fromkeys(own, "told")
    free = np.ones(share.shape, dtype=bool)
    free[:, list(told)] = False
    for i, j in best_pairs(np.where(free & _same_tissue(share), share, 0.0) * weight * _not_yet(own, share)):
        own[i], found[i] = j, "overlap"
    every = np.zeros(share.shape, dtype=bool)
    every[list(own), list(own.values())] = True
    every |= _pieces(share * there, every)
    alone = ~every.any(axis=1, keepdims=True) & ~every.any(axis=0, keepdims=True)
    for i, j in best_pairs(_nearness(before, after, free & alone) * weight):
        own[i], found[i], every[i, j] = j, "overlap" if share[i, j] > 0 else "distance", True
    every |= _moved_pieces(before, after, share * there, every)
    return Links(own, found, every, share)


def _same_tissue(share: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Pairs that may continue one another: not where one of them lies mostly in a third and only touches the other."""
    mostly = share >= MOSTLY
    elsewhere = mostly.any(axis=0, keepdims=True) | mostly.any(axis=1, keepdims=True)
    return mostly | ((share >= LEAST_OVERLAP) & ~elsewhere)


def _not_yet(own: Mapping[int, int], share: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Pairs whose lesion and outline are both still without a partner."""
    rows, columns = np.ones((share.shape[0], 1), dtype=bool), np.ones((1, share.shape[1]), dtype=bool)
    rows[list(own)], columns[:, list(own.values())] = False, False
    return rows & columns


def _pieces(share: NDArray[np.float64], own: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Outlines without a partner that lie mostly in one lesion, and lesions without one that lie mostly in one outline.

    A lesion and an outline that have only each other here were told apart by a person, and stay apart.
    """
    pieces = np.zeros(share.shape, dtype=bool)
    if not share.size:
        return pieces
    for j in np.flatnonzero(~own.any(axis=0)):
        pieces[share[:, j].argmax(), j] |= share[:, j].max() >= PIECE_OVERLAP
    for i in np.flatnonzero(~own.any(axis=1)):
        pieces[i, share[i].argmax()] |= share[i].max() >= PIECE_OVERLAP
    every = own | pieces
    lonely = (every.sum(axis=1, keepdims=True) == 1) & (every.sum(axis=0, keepdims=True) == 1)
    kept: NDArray[np.bool_] = pieces & ~lonely
    return kept


def _nearness(before: Sequence[Place], after: Sequence[Place], asked: NDArray[np.bool_]) -> NDArray[np.float64]:
    """More than 0 where the gap is at most NEAR_MM; two near pairs count more than one that is nearer."""
    near = np.zeros(asked.shape)
    for i, j in np.argwhere(asked).tolist():
        gap = gap_mm(before[i], after[j])
        near[i, j] = 1 + (NEAR_MM - gap) / NEAR_MM if gap <= NEAR_MM else 0.0
    return near


def _moved_pieces(
    before: Sequence[Place], after: Sequence[Place], share: NDArray[np.float64], every: NDArray[np.bool_]
) -> NDArray[np.bool_]:
    """Tissue of a lesion in an outline that continues another one, deeper than registration errors reach."""
    moved = np.zeros(every.shape, dtype=bool)
    for i, j in np.argwhere((share > 0) & ~every & every.any(axis=1, keepdims=True)).tolist():
        heirs = tuple(after[k] for k in np.flatnonzero(every[i]).tolist())
        origins = tuple(before[k] for k in np.flatnonzero(every[:, j]).tolist())
        piece = unexplained(before[i], after[j], heirs + origins, REACH_MM)
        left = sum(heir.voxels.size for heir in heirs)
        moved[i, j] = piece >= LEAST_PIECE * min(left, after[j].voxels.size)
    return moved
