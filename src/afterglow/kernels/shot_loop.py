"""The two compiled loops of a shot, alone in their file since numba takes time to load: over its beams, and over its table."""

import math

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.compiled import compiled


@compiled
def sum_beams(
    points: NDArray[np.float64],
    directions: NDArray[np.float64],
    distances: NDArray[np.float64],
    shares: NDArray[np.float64],
    radius: float,
    edge: float,
    attenuation: float,
    sphere: float,
    out: NDArray[np.float64],
) -> None:
    """Dose of all beams at points (n, 3) around the focus, into out (n,); shot.beam_doses says what of."""
    middle = 0.5 * math.erfc(-radius / (math.sqrt(2.0) * edge))
    for n in range(points.shape[0]):
        x, y, z = points[n, 0], points[n, 1], points[n, 2]
        square = x * x + y * y + z * z
        total = 0.0
        for b in range(directions.shape[0]):
            along = x * directions[b, 0] + y * directions[b, 1] + z * directions[b, 2]
            off = max(square - along * along, 0.0)
            nearer = 1.0 - along / distances[b]  # distance to the source over that of the focus
            if nearer <= 0.05:
                continue
            image = (math.sqrt(off) / nearer - radius) / (math.sqrt(2.0) * edge)
            if image > 6.0:
                continue
            open_share = 0.5 * math.erfc(image) / middle
            depth = max(math.sqrt(max(sphere * sphere - off, 0.0)) - along, 0.0)
            total += shares[b] * open_share / (nearer * nearer) * math.exp(-attenuation * (depth - sphere))
        out[n] = total


@compiled
def read_table(
    points: NDArray[np.float64],
    positions: NDArray[np.float64],
    weights: NDArray[np.float64],
    which: NDArray[np.int64],
    azimuths: NDArray[np.float64],
    tables: NDArray[np.float32],
    stretch: float,
    step: float,
    summed: bool,
    out: NDArray[np.float32],
) -> None:
    """Linear readings of tables (t, azimuth, rho, z) at points (n, 3), for shots of table `which` (m,), into out.

    out is (n, m), or (n, 1) where the shots are summed. Azimuths (m,) are those of a sector's middle, in radians.
    """
    sections, rows, columns = tables.shape[1], tables.shape[2], tables.shape[3]
    middle = (columns - 1) // 2
    for n in range(points.shape[0]):
        for m in range(positions.shape[0]):
            x = points[n, 0] - positions[m, 0]
            y = points[n, 1] - positions[m, 1]
            z = (points[n, 2] - positions[m, 2]) / stretch
            rho = math.sqrt(x * x + y * y) / stretch
            u = math.log(rho + math.sqrt(rho * rho + 1.0)) * stretch / step
            size = math.log(abs(z) + math.sqrt(z * z + 1.0)) * stretch / step
            v = middle + (size if z >= 0 else -size)
            value = 0.0
            if u < rows - 1 and v >= 0 and v < columns - 1:
                i, j = int(u), int(v)
                a, b = u - i, v - j
                first, part = 0, 0.0
                if sections > 1:
                    angle = abs(math.atan2(y, x) - azimuths[m]) % (2 * math.pi)
                    angle = min(angle, 2 * math.pi - angle) / math.pi * (sections - 1)
                    first = min(int(angle), sections - 2)
                    part = angle - first
                for side in range(2 if sections > 1 else 1):
                    t = tables[which[m], first + side]
                    flat = (1 - a) * ((1 - b) * t[i, j] + b * t[i, j + 1]) + a * ((1 - b) * t[i + 1, j] + b * t[i + 1, j + 1])
                    value += (part if side else 1 - part) * flat
            if summed:
                out[n, 0] += weights[m] * value
            else:
                out[n, m] = weights[m] * value
