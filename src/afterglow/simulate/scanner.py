"""What a scanner adds: coil fields, noise, a head that does not lie still, and whole numbers."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.locking import locked

Map = NDArray[np.float32]
Vectors = NDArray[np.float64]  # (t, 3)

_STORED_MAX = 4095.0  # twelve bits, what most scanners write
_FIELD_MM = 100.0


@dataclass(frozen=True, eq=False)
class StoredImage:
    """An image as a scanner stores it: whole numbers and one slope. `stored` (i, j, k) or (i, j, k, t)."""

    stored: NDArray[np.int16]
    slope: float
    grid: Grid

    def __post_init__(self) -> None:
        if self.stored.shape[:3] != self.grid.shape:
            raise ValueError(f"image is {self.stored.shape} but its grid is {self.grid.shape}")
        object.__setattr__(self, "stored", locked(self.stored))

    def values(self) -> Map:
        """float32 in the scanner's arbitrary unit, same shape."""
        out: Map = self.stored.astype(np.float32) * np.float32(self.slope)
        return out


@dataclass(frozen=True, eq=False)
class SmoothField:
    """A second-order polynomial in the scanner's millimetres about its centre: receive bias or flip-angle error."""

    coefficients: NDArray[np.float64]  # (10,) of 1, x, y, z, x2, y2, z2, xy, xz, yz, in units of 100 mm
    centre_mm: NDArray[np.float64]  # (3,)

    def at(self, grid: Grid) -> Map:
        """Value (i, j, k) at each voxel centre."""
        axes = np.indices(grid.shape, sparse=True, dtype=np.float32)
        place = []
        for row in range(3):
            line = sum(np.float32(grid.affine[row, a]) * axes[a] for a in range(3)) + np.float32(grid.affine[row, 3])
            place.append((line - np.float32(self.centre_mm[row])) / np.float32(_FIELD_MM))
        x, y, z = place
        c = self.coefficients.astype(np.float32)
        out: Map = c[0] + x * (c[1] + c[4] * x + c[7] * y + c[8] * z) + y * (c[2] + c[5] * y + c[9] * z) + z * (c[3] + c[6] * z)
        return np.ascontiguousarray(np.broadcast_to(out, grid.shape))


def receive_field(rng: np.random.Generator, spread: float, centre_mm: NDArray[np.float64]) -> SmoothField:
    """Coil sensitivity: brighter near the coil, so at the rim, and never quite the same. Mean about 1."""
    c = np.concatenate([[1.0], rng.normal(0, spread, 3), spread * (0.8 + 0.4 * rng.random(3)), rng.normal(0, spread / 3, 3)])
    return SmoothField(c, centre_mm)


def flip_angle_field(rng: np.random.Generator, spread: float, centre_mm: NDArray[np.float64]) -> SmoothField:
    """Reached over nominal flip angle at 3 T: above 1 in the centre of the head, below at its rim (dielectric effect)."""
    c = np.concatenate(
        [[1.0 + spread], rng.normal(0, spread / 4, 3), -spread * (2.0 + rng.random(3)), rng.normal(0, spread / 4, 3)]
    )
    return SmoothField(c, centre_mm)


def rician(signal: Map, sigma: float, rng: np.random.Generator) -> Map:
    """Magnitude of the signal with complex Gaussian noise of that standard deviation in each channel (doi:10.1002/mrm.1910340618)."""
    real = signal + np.float32(sigma) * rng.standard_normal(signal.shape, dtype=np.float32)
    imaginary = np.float32(sigma) * rng.standard_normal(signal.shape, dtype=np.float32)
    magnitude: Map = np.hypot(real, imaginary)
    return magnitude


def storage_slope(values: Map) -> float:
    """Slope that puts the brightest value a little under twelve bits."""
    return float(values.max()) * 1.02 / _STORED_MAX


def stored(values: Map, slope: float, grid: Grid) -> StoredImage:
    """Round to the scanner's whole numbers; values above its range are cut at it, as on a scanner."""
    whole = np.clip(np.rint(values / np.float32(slope)), 0, _STORED_MAX).astype(np.int16)
    return StoredImage(whole, slope, grid)


@dataclass(frozen=True, eq=False)
class HeadMotion:
    """Rigid motion frame by frame against the first: angles about x, y, z through `centre_mm`, then the shift."""

    translation_mm: Vectors  # (t, 3)
    rotation_deg: Vectors  # (t, 3)
    centre_mm: NDArray[np.float64]  # (3,)

    def __post_init__(self) -> None:
        for name in ("translation_mm", "rotation_deg", "centre_mm"):
            object.__setattr__(self, name, locked(getattr(self, name)))


def draw_motion(rng: np.random.Generator, n_frames: int, *, amount: float, centre_mm: NDArray[np.float64]) -> HeadMotion:
    """A slow drift and two jerks, the second after the bolus. `amount` 1: 0.6 mm and 0.4 deg of drift, jerks twice that; 0: none."""
    ramp = np.linspace(0.0, 1.0, n_frames)[:, None] ** 0.8
    shift = ramp * rng.normal(0, 0.35, 3) * amount
    turn = ramp * rng.normal(0, 0.25, 3) * amount
    for low, high in ((0.25, 0.45), (0.55, 0.8)):
        frame = int(rng.uniform(low, high) * n_frames)
        after = np.arange(n_frames) - frame
        course = np.where(after < 0, 0.0, 0.55 + 0.45 * np.exp(-np.maximum(after, 0) / 3.0))[:, None]
        shift = shift + course * rng.normal(0, 0.5, 3) * amount
        turn = turn + course * rng.normal(0, 0.45, 3) * amount
    return HeadMotion(shift - shift[0], turn - turn[0], centre_mm)
