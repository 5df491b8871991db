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
def _read(dose: Array, i: int, j: int, k: int, at: Array, slope: Array) -> float:
    """Trilinear dose at a place `at` (3,) of 0 to 1 in a cell, and its slope (3,) along each axis."""
    value = 0.0
    slope[:] = 0.0
    for corner in range(8):
        a, b, c = corner >> 2, (corner >> 1) & 1, corner & 1
        here = dose[i + a, j + b, k + c]
        u, v, w = at[0] if a else 1 - at[0], at[1] if b else 1 - at[1], at[2] if c else 1 - at[2]
        value += u * v * w * here
        slope[0] += (2 * a - 1) * v * w * here
        slope[1] += (2 * b - 1) * u * w * here
        slope[2] += (2 * c - 1) * u * v * here
    return value


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
def _best_in_cell(
    dose: Array, i: int, j: int, k: int, start: Array, spacing: Array, steps: int, wanted: float, tolerance: float, room: Array
) -> float:
    """The least squared gamma in the cell with that lowest corner: downhill from the best of a lattice, and from the nearest place.

    start (3,): that corner from the place, in voxels; spacing (3,) in distance criteria; steps: of the lattice along each axis; room
    (4, 3): space for place, slope, best place and the place before.
    """
    at, slope, kept = room[0], room[1], room[2]
    best = np.inf
    for a in range(steps + 1):
        at[0] = a / steps
        for b in range(steps + 1):
            at[1] = b / steps
            for c in range(steps + 1):
                at[2] = c / steps
                short = (_read(dose, i, j, k, at, slope) - wanted) / tolerance
                far = short * short
                for axis in range(3):
                    far += ((start[axis] + at[axis]) * spacing[axis]) ** 2
                if far < best:
                    best = far
                    kept[:] = at
    for first in range(2):
        for axis in range(3):
            at[axis] = kept[axis] if first == 0 else min(max(-start[axis], 0.0), 1.0)
        for _ in range(_DOWNHILL):
            short = (_read(dose, i, j, k, at, slope) - wanted) / tolerance
            far = short * short
            for axis in range(3):
                far += ((start[axis] + at[axis]) * spacing[axis]) ** 2
                slope[axis] /= tolerance * spacing[axis]
            best = min(best, far)
            _step_downhill(at, slope, short, start, spacing, room[3])
    return best


@compiled
def search_gamma(
    reference: Array, evaluated: Array, tolerance: Array, spacing: Array, steps: int, cells: Index, nearest: Array, out: Array
) -> None:
    """Gamma of each voxel (i, j, k) whose tolerance is above zero, into `out`, which holds the greatest gamma looked for.

    cells (m, 3): lowest corners around a voxel by rising squared distance `nearest` (m,), in distance criteria.
    """
    start, room = np.empty(3), np.empty((4, 3))
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
                    best = min(best, _best_in_cell(evaluated, p, q, r, start, spacing, steps, wanted, allowed, room))
                out[i, j, k] = np.sqrt(best)
