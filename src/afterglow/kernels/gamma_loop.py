"""The compiled search of the gamma index, alone in its file since numba takes time to load."""

import numpy as np

from afterglow.kernels.compiled import compiled
from afterglow.kernels.types import Array, Index

_DOWNHILL = 5  # steps towards the least gamma of a dose that is linear around the place


@compiled
def _cell_ends(dose: Array, i: int, j: int, k: int) -> tuple[float, float]:
    """Least and greatest of the eight doses at the corners of a cell; infinite where one is not known or off the grid."""
    low, high = np.inf, -np.inf
    if i < 0 or j < 0 or k < 0 or i > dose.shape[0] - 2 or j > dose.shape[1] - 2 or k > dose.shape[2] - 2:
        return low, high
    for corner in range(8):
        value = dose[i + (corner >> 2), j + ((corner >> 1) & 1), k + (corner & 1)]
        if np.isnan(value):
            return np.inf, -np.inf
        low, high = min(low, value), max(high, value)
    return low, high


@compiled
def _unfold(dose: Array, i: int, j: int, k: int, wanted: float, tolerance: float, terms: Array) -> None:
    """The trilinear dose of a cell less the one wanted, in tolerances, as terms (8,) of 1, u, v, w, uv, uw, vw and uvw."""
    d = dose[i : i + 2, j : j + 2, k : k + 2]
    terms[0] = d[0, 0, 0] - wanted
    terms[1] = d[1, 0, 0] - d[0, 0, 0]
    terms[2] = d[0, 1, 0] - d[0, 0, 0]
    terms[3] = d[0, 0, 1] - d[0, 0, 0]
    terms[4] = d[1, 1, 0] - d[1, 0, 0] - terms[2]
    terms[5] = d[1, 0, 1] - d[1, 0, 0] - terms[3]
    terms[6] = d[0, 1, 1] - d[0, 1, 0] - terms[3]
    terms[7] = d[1, 1, 1] - d[1, 1, 0] - d[1, 0, 1] + d[1, 0, 0] - terms[6]
    terms /= tolerance


@compiled
def _read(terms: Array, at: Array, slope: Array) -> float:
    """What `_unfold` made at a place `at` (3,) of 0 to 1 in the cell, and its slope (3,) along each axis."""
    u, v, w = at
    slope[0] = terms[1] + v * terms[4] + w * (terms[5] + v * terms[7])
    slope[1] = terms[2] + u * terms[4] + w * (terms[6] + u * terms[7])
    slope[2] = terms[3] + u * terms[5] + v * (terms[6] + u * terms[7])
    value: float = terms[0] + u * (terms[1] + v * terms[4]) + v * terms[2] + w * slope[2]
    return value


@compiled
def _best_of_lattice(terms: Array, start: Array, spacing: Array, steps: int, kept: Array) -> float:
    """The least squared gamma on a lattice of `steps` steps along each axis of the cell, and its place (3,)."""
    best = np.inf
    for a in range(steps + 1):
        u = a / steps
        far_u = ((start[0] + u) * spacing[0]) ** 2
        for b in range(steps + 1):
            v = b / steps
            far_v = far_u + ((start[1] + v) * spacing[1]) ** 2
            if far_v >= best:
                continue
            here, rise = (
                terms[0] + u * (terms[1] + v * terms[4]) + v * terms[2],
                terms[3] + u * terms[5] + v * (terms[6] + u * terms[7]),
            )
            for c in range(steps + 1):
                w = c / steps
                far = far_v + ((start[2] + w) * spacing[2]) ** 2 + (here + w * rise) ** 2
                if far < best:
                    best = far
                    kept[0], kept[1], kept[2] = u, v, w
    return best


@compiled
def _step_downhill(at: Array, slope: Array, short: float, start: Array, spacing: Array, before: Array) -> None:
    """To the least gamma of a dose that is linear around `at`, within the cell: the axis that leaves it farthest is held at its face."""
    before[:] = at
    held = 0  # one bit for each axis
    for _ in range(3):
        steep, rest = 0.0, short
        for axis in range(3):
            if held >> axis & 1:
                rest += slope[axis] * (at[axis] - before[axis]) * spacing[axis]
            else:
                steep += slope[axis] ** 2
                rest -= slope[axis] * (start[axis] + before[axis]) * spacing[axis]
        worst, leaves = 0.0, -1
        for axis in range(3):
            if not held >> axis & 1:
                wished = -rest * slope[axis] / (1 + steep) / spacing[axis] - start[axis]
                at[axis] = min(max(wished, 0.0), 1.0)
                if abs(wished - at[axis]) * spacing[axis] > worst:
                    worst, leaves = abs(wished - at[axis]) * spacing[axis], axis
        if leaves < 0:
            return
        held |= 1 << leaves


@compiled
def _best_in_cell(terms: Array, start: Array, spacing: Array, steps: int, room: Array) -> float:
    """The least squared gamma in a cell: downhill from the best of a lattice, and from the nearest place.

    terms (8,): the dose in it, of `_unfold`; start (3,): its lowest corner from the voxel, in voxels; spacing (3,) in distance
    criteria; steps: of the lattice along each axis; room (4, 3): space for place, slope, best place and the place before.
    """
    at, slope, kept = room[0], room[1], room[2]
    best = _best_of_lattice(terms, start, spacing, steps, kept)
    for first in range(2):
        for axis in range(3):
            at[axis] = kept[axis] if first == 0 else min(max(-start[axis], 0.0), 1.0)
        for _ in range(_DOWNHILL):
            short = _read(terms, at, slope)
            far = short * short
            for axis in range(3):
                far += ((start[axis] + at[axis]) * spacing[axis]) ** 2
                slope[axis] /= spacing[axis]
            best = min(best, far)
            _step_downhill(at, slope, short, start, spacing, room[3])
            if at[0] == room[3, 0] and at[1] == room[3, 1] and at[2] == room[3, 2]:
                break
    return best


@compiled
def search_gamma(
    reference: Array, evaluated: Array, tolerance: Array, spacing: Array, steps: int, cells: Index, nearest: Array, out: Array
) -> None:
    """Gamma of each voxel (i, j, k) whose tolerance is above zero, into `out`, which holds the greatest gamma looked for.

    cells (m, 3): lowest corners around a voxel by rising squared distance `nearest` (m,), in distance criteria.
    """
    start, terms, room = np.empty(3), np.empty(8), np.empty((4, 3))
    for i in range(reference.shape[0]):
        for j in range(reference.shape[1]):
            for k in range(reference.shape[2]):
                allowed, wanted = tolerance[i, j, k], reference[i, j, k]
                if not allowed > 0:
                    continue
                best = out[i, j, k] ** 2
                here = (evaluated[i, j, k] - wanted) / allowed
                best = min(best, here * here)
                for n in range(cells.shape[0]):
                    if nearest[n] >= best:
                        break
                    p, q, r = i + cells[n, 0], j + cells[n, 1], k + cells[n, 2]
                    low, high = _cell_ends(evaluated, p, q, r)
                    gap = max(low - wanted, wanted - high, 0.0) / allowed
                    if nearest[n] + gap * gap >= best:
                        continue
                    start[0], start[1], start[2] = cells[n, 0], cells[n, 1], cells[n, 2]
                    _unfold(evaluated, p, q, r, wanted, allowed, terms)
                    best = min(best, _best_in_cell(terms, start, spacing, steps, room))
                out[i, j, k] = np.sqrt(best)
