"""The compiled loop that reads a dose inside voxels, alone in its file since numba takes time to load."""

import numpy as np

from afterglow.kernels.compiled import compiled
from afterglow.kernels.types import Array

_HALVINGS = 40


@compiled
def block_around(volume: Array, i: int, j: int, k: int, block: Array) -> None:
    """The 3 x 3 x 3 neighbourhood of a voxel; what lies beyond the grid or is not measured is as the nearest, or the voxel itself."""
    own = volume[i, j, k]
    for a in range(3):
        for b in range(3):
            for c in range(3):
                p = min(max(i + a - 1, 0), volume.shape[0] - 1)
                q = min(max(j + b - 1, 0), volume.shape[1] - 1)
                r = min(max(k + c - 1, 0), volume.shape[2] - 1)
                value = volume[p, q, r]
                block[a, b, c] = own if np.isnan(value) else value


@compiled
def border_plane(block: Array, n: int, weights: Array, normal: Array) -> float:
    """How much of each of n x n x n parts of a voxel lies inside, from the shares around it (3, 3, 3); their mean is the share.

    The border is taken as a plane across the gradient of the share, laid where it leaves the right volume. `normal` (3,) is that
    gradient; returns how far one part reaches along it, 0 where there is no border to lay.
    """
    share = block[1, 1, 1]
    normal[:] = 0.0
    for a in range(3):
        for b in range(3):
            for c in range(3):
                value = block[a, b, c]
                normal[0] += (a - 1) * (2 - abs(b - 1)) * (2 - abs(c - 1)) * value
                normal[1] += (b - 1) * (2 - abs(a - 1)) * (2 - abs(c - 1)) * value
                normal[2] += (c - 1) * (2 - abs(a - 1)) * (2 - abs(b - 1)) * value
    reach = abs(normal[0]) + abs(normal[1]) + abs(normal[2])
    weights[:] = share
    if share >= 1.0 or reach < 1e-6:
        return 0.0
    soft = reach / n
    low, high = -0.5 * (reach + soft), 0.5 * (reach + soft)
    total = 0.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        total = 0.0
        for a in range(n):
            for b in range(n):
                for c in range(n):
                    p = normal[0] * ((a + 0.5) / n - 0.5) + normal[1] * ((b + 0.5) / n - 0.5) + normal[2] * ((c + 0.5) / n - 0.5)
                    weights[a, b, c] = min(max((p - middle) / soft + 0.5, 0.0), 1.0)
                    total += weights[a, b, c]
        if total > share * n * n * n:
            low = middle
        else:
            high = middle
    if total > 0:
        weights *= share * n * n * n / total
    return float(soft)


@compiled
def read_inside(block: Array, u: float, v: float, w: float) -> tuple[float, float, float, float]:
    """Value and slopes at an offset of -1/2 to 1/2 voxel from the middle of a 3 x 3 x 3 neighbourhood.

    The polynomial of second degree along each axis through the 27 doses, kept between the least and the greatest of them.
    """
    here = (0.5 * u * (u - 1), 1 - u * u, 0.5 * u * (u + 1)), (u - 0.5, -2 * u, u + 0.5)
    there = (0.5 * v * (v - 1), 1 - v * v, 0.5 * v * (v + 1)), (v - 0.5, -2 * v, v + 0.5)
    up = (0.5 * w * (w - 1), 1 - w * w, 0.5 * w * (w + 1)), (w - 0.5, -2 * w, w + 0.5)
    value, x, y, z = 0.0, 0.0, 0.0, 0.0
    low, high = block[0, 0, 0], block[0, 0, 0]
    for a in range(3):
        for b in range(3):
            row, slope = 0.0, 0.0
            for c in range(3):
                dose = block[a, b, c]
                low, high = min(low, dose), max(high, dose)
                row += up[0][c] * dose
                slope += up[1][c] * dose
            value += here[0][a] * there[0][b] * row
            x += here[1][a] * there[0][b] * row
            y += here[0][a] * there[1][b] * row
            z += here[0][a] * there[0][b] * slope
    return min(max(value, low), high), x, y, z


@compiled
def _put(value: float, half: float, weight: float, bin_gy: float, steps: Array, ends: Array) -> None:
    """One piece, spread evenly over value +- half, as its rise and fall in `steps` (b + 1,); and into the sums of `ends`."""
    last = steps.shape[0] - 2
    first = min(max(int((value - half) / bin_gy), 0), last)
    final = min(max(int((value + half) / bin_gy), 0), last)
    steps[first] += weight / (final - first + 1)
    steps[final + 1] -= weight / (final - first + 1)
    ends[0] = min(ends[0], value)
    ends[1] = max(ends[1], value)
    ends[4] += weight * value


@compiled
def _spread_voxel(around: Array, weights: Array, normal: Array, soft: float, bin_gy: float, steps: Array, ends: Array) -> None:
    """The parts of one voxel, each at the middle of what the border leaves of it and as wide in dose as it is steep there."""
    n = weights.shape[0]
    square = normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2
    for a in range(n):
        for b in range(n):
            for c in range(n):
                weight = weights[a, b, c]
                if weight <= 0:
                    continue
                along = 0.5 * soft / square if soft > 0 else 0.0  # times the normal: half a part along it
                cut = along * max(1 - weight, 0.0)
                value, x, y, z = read_inside(
                    around, (a + 0.5) / n - 0.5 + cut * normal[0], (b + 0.5) / n - 0.5 + cut * normal[1],
                    (c + 0.5) / n - 0.5 + cut * normal[2],
                )  # fmt: skip
                across = along * (x * normal[0] + y * normal[1] + z * normal[2])
                wide = 0.25 / (n * n) * (x * x + y * y + z * z) - max(1 - weight * weight, 0.0) * across * across
                _put(value, np.sqrt(max(wide, 0.0)), weight / (n * n * n), bin_gy, steps, ends)


@compiled
def spread_inside(dose: Array, share: Array, n: int, flat_gy: float, bin_gy: float, steps: Array, ends: Array) -> None:
    """Dose at places in each voxel, as the steps (b + 1,) of the volume in each bin of dose, in voxels.

    dose, share (i, j, k). Voxels on the border are read at n x n x n places, whole ones at half as many along each axis, those
    whose neighbours differ by less than `flat_gy` at one. ends (5,): least and greatest dose read, volume with a dose, whole
    volume, volume times dose.
    """
    around, shares, normal = np.empty((3, 3, 3)), np.empty((3, 3, 3)), np.zeros(3)
    inner = n // 2 + (1 - n // 2 % 2)
    one, few, many = np.empty((1, 1, 1)), np.ones((inner, inner, inner)), np.empty((n, n, n))
    for i in range(dose.shape[0]):
        for j in range(dose.shape[1]):
            for k in range(dose.shape[2]):
                own = share[i, j, k]
                if own <= 0:
                    continue
                ends[3] += own
                if np.isnan(dose[i, j, k]):
                    continue
                ends[2] += own
                block_around(dose, i, j, k, around)
                if around.max() - around.min() <= flat_gy:
                    one[0, 0, 0] = own
                    _spread_voxel(around, one, normal, 0.0, bin_gy, steps, ends)
                elif own >= 1:
                    _spread_voxel(around, few, normal, 0.0, bin_gy, steps, ends)
                else:
                    block_around(share, i, j, k, shares)
                    soft = border_plane(shares, n, many, normal)
                    _spread_voxel(around, many, normal, soft, bin_gy, steps, ends)
