"""The vertebral column of one person: sizes of every level, and the curve on which they are threaded.

Sizes are of the usual order of adult morphometry and the leans those of a person lying down; assumed, rounded, meant to look right
and not to be measured against. s runs along the column in mm from the tip of the dens downwards.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from afterglow.records.errors import BadInput
from afterglow.records.locking import locked

Array = NDArray[np.float64]

_STEP_MM = 0.25
_BEYOND_MM = 140.0  # the curve goes on straight past both ends

# name, body height, disc below, body width, body depth, canal width, canal depth, spinous process length and droop (deg),
# lean (deg): how far the upper end of the axis leans forward
_LEVELS = (
    ("C1", 16.0, 0.0, 10.5, 11.0, 28.0, 19.0, 5.0, 10.0, -2.0),
    ("C2", 20.0, 4.5, 17.0, 15.0, 24.0, 18.0, 20.0, 22.0, -3.0),
    ("C3", 14.0, 5.0, 17.0, 15.5, 24.0, 15.5, 17.0, 25.0, 0.0),
    ("C4", 13.8, 5.0, 17.5, 15.5, 24.0, 15.0, 17.0, 25.0, 4.0),
    ("C5", 13.6, 5.2, 18.5, 15.8, 24.5, 15.0, 20.0, 25.0, 9.0),
    ("C6", 13.6, 5.4, 20.0, 16.0, 24.5, 15.0, 27.0, 24.0, 14.0),
    ("C7", 15.0, 5.4, 23.0, 16.5, 23.5, 15.0, 34.0, 22.0, 20.0),
    ("T1", 16.5, 4.0, 26.0, 17.0, 21.0, 15.5, 36.0, 28.0, 22.0),
    ("T2", 17.5, 3.8, 26.0, 18.0, 18.5, 15.5, 36.0, 38.0, 19.0),
    ("T3", 18.0, 3.6, 25.0, 19.5, 17.5, 16.0, 36.0, 45.0, 15.0),
    ("T4", 18.5, 3.6, 25.0, 21.0, 17.0, 16.0, 37.0, 50.0, 11.0),
    ("T5", 19.0, 3.8, 25.5, 22.5, 17.0, 16.0, 38.0, 55.0, 7.0),
    ("T6", 19.5, 4.0, 26.5, 24.0, 17.0, 16.0, 39.0, 57.0, 3.0),
    ("T7", 20.0, 4.2, 28.0, 26.0, 17.0, 16.0, 40.0, 57.0, -1.0),
    ("T8", 20.5, 4.4, 29.0, 27.5, 17.2, 16.2, 40.0, 55.0, -5.0),
    ("T9", 21.0, 4.7, 30.5, 28.0, 17.5, 16.2, 38.0, 48.0, -8.0),
    ("T10", 22.0, 5.0, 32.0, 28.5, 18.0, 16.2, 35.0, 38.0, -10.0),
    ("T11", 23.0, 5.5, 35.0, 29.0, 19.0, 16.5, 31.0, 28.0, -11.0),
    ("T12", 24.5, 6.5, 38.5, 30.0, 21.5, 17.5, 30.0, 18.0, -11.0),
    ("L1", 26.0, 8.0, 41.0, 32.0, 23.0, 17.5, 32.0, 12.0, -10.0),
    ("L2", 26.5, 9.0, 43.0, 33.0, 23.5, 17.0, 33.0, 10.0, -6.0),
    ("L3", 27.0, 10.0, 45.0, 34.0, 24.0, 16.5, 34.0, 10.0, 1.0),
    ("L4", 27.0, 11.0, 47.5, 34.5, 25.0, 17.0, 32.0, 10.0, 11.0),
    ("L5", 27.0, 10.0, 50.0, 34.5, 27.0, 18.0, 25.0, 14.0, 25.0),
    ("S1", 29.0, 2.2, 48.0, 29.0, 30.0, 16.0, 13.0, 20.0, 39.0),
    ("S2", 24.0, 1.4, 36.0, 20.0, 26.0, 12.0, 11.0, 20.0, 44.0),
    ("S3", 20.0, 1.0, 30.0, 14.0, 22.0, 9.0, 8.0, 25.0, 34.0),
    ("S4", 17.0, 1.0, 25.0, 11.0, 17.0, 7.0, 5.0, 30.0, 14.0),
    ("S5", 14.0, 3.0, 20.0, 9.0, 12.0, 5.0, 3.0, 30.0, -10.0),
    ("Co", 26.0, 0.0, 11.0, 7.0, 4.0, 2.0, 1.0, 30.0, -32.0),
)  # fmt: skip
LEVELS = tuple(str(row[0]) for row in _LEVELS)
_NO_BODY = ("C1", "Co")  # nothing there that a metastasis of a vertebral body could sit in


@dataclass(frozen=True, eq=False)
class Column:
    """One person's column. Arrays (n,) go by level, cranial to caudal; arrays (m,) lie along the curve at even steps of s."""

    top_mm: Array  # (n,) s of the upper end of each body
    bottom_mm: Array
    width_mm: Array
    depth_mm: Array
    canal_width_mm: Array
    canal_depth_mm: Array
    spinous_mm: Array
    droop_deg: Array
    s_mm: Array  # (m,)
    curve_mm: Array  # (m, 3) x, y, z of the axis of the bodies, the tip of the dens at the origin
    lean_rad: Array  # (m,)

    def __post_init__(self) -> None:
        for name in ("top_mm", "bottom_mm", "s_mm", "curve_mm", "lean_rad"):
            object.__setattr__(self, name, locked(getattr(self, name)))

    @property
    def middle_mm(self) -> Array:
        return (self.top_mm + self.bottom_mm) / 2

    def place(self, level: float) -> float:
        """s of a fractional level: 21.0 is the middle of L3, 21.5 half way to the middle of L4."""
        return float(np.interp(level, np.arange(len(LEVELS)), self.middle_mm))

    def along(self, by_level: Array) -> Array:
        """A value given for each level, at every step of the curve (m,)."""
        smooth: Array = PchipInterpolator(self.middle_mm, by_level)(np.clip(self.s_mm, self.middle_mm[0], self.middle_mm[-1]))
        return smooth

    def posterior_wall_mm(self) -> Array:
        """How far behind the axis the body ends, by level."""
        return 0.41 * self.depth_mm

    def canal_centre_mm(self) -> Array:
        """How far in front of the axis the middle of the canal lies (negative), by level."""
        return -(self.posterior_wall_mm() + 0.5 * self.canal_depth_mm + 0.8)


def level_index(level: str) -> int:
    """Place of a level such as "T9" in `LEVELS`; BadInput where it has no vertebral body."""
    if level not in LEVELS or level in _NO_BODY:
        raise BadInput(f"level {level!r} has no vertebral body; choose C2 to C7, T1 to T12, L1 to L5 or S1 to S5")
    return LEVELS.index(level)


def make_column(rng: np.random.Generator) -> Column:
    """A column of individual size and curvature: stature, canal width, lordosis, kyphosis, and a slight scoliosis."""
    rows = np.array([row[1:] for row in _LEVELS], dtype=np.float64)
    n = len(rows)
    size = float(np.clip(rng.normal(1.0, 0.05), 0.88, 1.12))
    rows[:, :7] *= size
    rows[:, 0] *= rng.normal(1.0, 0.02, n)
    rows[:, 1] *= np.clip(rng.normal(1.0, 0.12, n), 0.6, 1.3)
    rows[:, 2:4] *= rng.normal(1.0, 0.02, (n, 2)) * float(rng.normal(1.0, 0.03))
    rows[:, 4:6] *= float(np.clip(rng.normal(1.0, 0.06), 0.85, 1.15))
    rows[:, 6] *= np.clip(rng.normal(1.0, 0.08, n), 0.75, 1.25)
    rows[:, 7] += rng.normal(0.0, 2.5, n)
    lean_deg = rows[:, 8] * float(np.clip(rng.normal(1.0, 0.15), 0.65, 1.35)) + rng.normal(0.0, 1.0, n)
    ends = np.cumsum(rows[:, 0] + rows[:, 1])
    bottom = ends - rows[:, 1]
    top = bottom - rows[:, 0]
    s = np.arange(-_BEYOND_MM, ends[-1] + _BEYOND_MM, _STEP_MM)
    middle = (top + bottom) / 2
    lean = np.deg2rad(PchipInterpolator(middle, lean_deg)(np.clip(s, middle[0], middle[-1])))
    lean = gaussian_filter1d(lean, 8.0 / _STEP_MM, mode="nearest")
    width, depth, canal_width, canal_depth, spinous, droop = rows[:, 2:8].T.copy()
    return Column(top, bottom, width, depth, canal_width, canal_depth, spinous, droop, s, _curve(s, lean, rng), lean)


def _curve(s: Array, lean: Array, rng: np.random.Generator) -> Array:
    """Integrate the lean; the column also sways a little to the sides."""
    y, z = np.cumsum(-np.sin(lean)) * _STEP_MM, np.cumsum(-np.cos(lean)) * _STEP_MM
    phases, waves_mm, sizes_mm = rng.uniform(0, 2 * np.pi, 2), np.array([420.0, 190.0]), np.abs(rng.normal(0, [2.2, 0.8]))
    x = (sizes_mm * np.sin(2 * np.pi * s[:, None] / waves_mm + phases)).sum(axis=1)
    curve = np.stack([x, y, z], axis=1)
    origin: Array = curve[int(np.argmin(np.abs(s)))]
    return curve - origin
