"""The compiled loop that reads a cubic spline at the voxels of another grid, alone in its file since numba takes time to load."""

import numpy as np

from afterglow.kernels.compiled import compiled
from afterglow.kernels.types import Array


@compiled
def weigh(t: float, weights: Array) -> None:
    """The four B-spline weights around a place t (0 to 1) beyond its second knot, into weights (4,)."""
    u = 1.0 - t
    weights[0] = u * u * u / 6.0
    weights[1] = 2.0 / 3.0 - t * t * (1.0 - 0.5 * t)
    weights[2] = 2.0 / 3.0 - u * u * (1.0 - 0.5 * u)
    weights[3] = t * t * t / 6.0


@compiled
def read_spline(knots: Array, matrix: Array, origin: Array, out: Array) -> None:
    """Spline with coefficients `knots` (I, J, K) at matrix @ index + origin of each voxel of out (i, j, k); edges go on outside."""
    last = (knots.shape[0] - 1, knots.shape[1] - 1, knots.shape[2] - 1)
    wx, wy, wz = np.empty(4), np.empty(4), np.empty(4)
    cz = np.empty(4, np.int64)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                x = min(max(matrix[0, 0] * i + matrix[0, 1] * j + matrix[0, 2] * k + origin[0], 0.0), float(last[0]))
                y = min(max(matrix[1, 0] * i + matrix[1, 1] * j + matrix[1, 2] * k + origin[1], 0.0), float(last[1]))
                z = min(max(matrix[2, 0] * i + matrix[2, 1] * j + matrix[2, 2] * k + origin[2], 0.0), float(last[2]))
                p, q, r = int(x), int(y), int(z)
                weigh(x - p, wx)
                weigh(y - q, wy)
                weigh(z - r, wz)
                for c in range(4):
                    at = abs(r - 1 + c)
                    cz[c] = max(at if at <= last[2] else 2 * last[2] - at, 0)  # below 0 in a single slice, at no weight
                total = 0.0
                for a in range(4):
                    here = abs(p - 1 + a)
                    here = max(here if here <= last[0] else 2 * last[0] - here, 0)
                    for b in range(4):
                        there = abs(q - 1 + b)
                        there = max(there if there <= last[1] else 2 * last[1] - there, 0)
                        line = wz[0] * knots[here, there, cz[0]] + wz[1] * knots[here, there, cz[1]]
                        line += wz[2] * knots[here, there, cz[2]] + wz[3] * knots[here, there, cz[3]]
                        total += wx[a] * wy[b] * line
                out[i, j, k] = total
