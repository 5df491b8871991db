"""The compiled loop that reads many volumes at the same places, alone in its file since numba takes time to load."""

import numpy as np

from afterglow.kernels.compiled import compiled
from afterglow.kernels.types import Array


@compiled
def read_pairs(volumes: Array, matrix: Array, origin: Array, half: Array, out: Array) -> None:
    """Mean of two trilinear readings half a step before and behind each place, into out (i, j, k, c); 0 outside.

    volumes (I, J, K, c); matrix (3, 3) and origin (3,) take an index of `out` to one of `volumes`; half (3,) in those.
    """
    shape = volumes.shape
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            for k in range(out.shape[2]):
                for c in range(shape[3]):
                    out[i, j, k, c] = 0.0
                for side in range(2):
                    sign = 2.0 * side - 1.0
                    x = matrix[0, 0] * i + matrix[0, 1] * j + matrix[0, 2] * k + origin[0] + sign * half[0]
                    y = matrix[1, 0] * i + matrix[1, 1] * j + matrix[1, 2] * k + origin[1] + sign * half[1]
                    z = matrix[2, 0] * i + matrix[2, 1] * j + matrix[2, 2] * k + origin[2] + sign * half[2]
                    if x < 0 or y < 0 or z < 0 or x > shape[0] - 1 or y > shape[1] - 1 or z > shape[2] - 1:
                        continue
                    p, q, r = min(int(x), shape[0] - 2), min(int(y), shape[1] - 2), min(int(z), shape[2] - 2)
                    u, v, w = x - p, y - q, z - r
                    for corner in range(8):
                        a, b, d = corner >> 2, (corner >> 1) & 1, corner & 1
                        weight = 0.5 * (u if a else 1 - u) * (v if b else 1 - v) * (w if d else 1 - w)
                        if weight > 0:
                            for c in range(shape[3]):
                                out[i, j, k, c] += np.float32(weight) * volumes[p + a, q + b, r + d, c]
