"""Heads with a known pose for the tests of align: nilearn's template tissues, made asymmetrical, scanned on any grid."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import nilearn
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial.transform import Rotation

from afterglow.records.grid import Grid

Floats = NDArray[np.floating[Any]]

TISSUES = ("grey", "white", "csf", "skull", "scalp", "tumour")
CONTRASTS = {
    "t1w": (0.62, 1.0, 0.22, 0.05, 1.15, 0.50),
    "ce_t1w": (0.66, 1.0, 0.22, 0.05, 1.30, 1.60),
    "spgr": (0.80, 0.90, 0.70, 0.10, 1.00, 0.85),
    "t2w": (0.62, 0.42, 1.60, 0.05, 0.80, 0.95),
    "proton": (0.95, 0.80, 1.00, 0.08, 0.70, 0.90),
}
BOLUS = (0.10, 0.05, 0.02, 0.0, 0.35, 0.9)  # signal gained at full enhancement, as a share of 1


@dataclass(frozen=True)
class Head:
    """Fractions of each tissue on a fine grid, ready for cubic interpolation."""

    fractions: dict[str, Floats]
    affine: Floats

    def contrast(self, weights: tuple[float, ...]) -> Floats:
        image = sum(w * self.fractions[name] for name, w in zip(TISSUES, weights, strict=True))
        return np.asarray(ndimage.spline_filter(image, order=3, output=np.float32))


def template(name: str, step: int) -> tuple[Floats, Floats]:
    folder = Path(nilearn.__file__).parent / "datasets" / "data"
    image = nibabel.load(folder / f"mni_icbm152_{name}_tal_nlin_sym_09a_converted.nii.gz")
    values = ndimage.uniform_filter(np.asarray(image.dataobj, dtype=np.float32), step)[::step, ::step, ::step]
    return values / values.max(), image.affine @ np.diag([step, step, step, 1.0])


def make_head(seed: int, step: int = 2, bend_mm: float = 3.0) -> Head:
    """One person: the template bent by a smooth random field, a skull and a scalp, and a tumour on one side."""
    rng = np.random.default_rng(seed)
    grey, affine = template("gm", step)
    white, _ = template("wm", step)
    pad = 24 // step
    grey, white = np.pad(grey, pad), np.pad(white, pad)
    affine = affine.copy()
    affine[:3, 3] -= pad * step
    field = [ndimage.gaussian_filter(rng.standard_normal(grey.shape), 18 / step) for _ in range(3)]
    index = np.indices(grey.shape, dtype=np.float32)
    field = [_without_pose(f, index, grey + white > 0.5) for f in field]
    bent = np.stack([i + bend_mm / step * f for i, f in zip(index, field, strict=True)])
    grey, white = (ndimage.map_coordinates(t, bent, order=1) for t in (grey, white))
    brain = ndimage.binary_fill_holes(ndimage.binary_closing(grey + white > 0.3, iterations=8 // step))
    away = ndimage.distance_transform_edt(~brain, sampling=step)
    shell = lambda a, b: np.clip((away - a) / step + 0.5, 0, 1) * np.clip((b - away) / step + 0.5, 0, 1)  # noqa: E731
    fractions = {"grey": grey, "white": white}
    fractions["csf"] = np.clip(brain - grey - white, 0, 1) + shell(0.5, 3.0)
    fractions["skull"], fractions["scalp"] = shell(3.0, 9.0), shell(9.0, 14.0)
    centre = np.array([34.0, -20.0, 22.0]) if seed % 2 else np.array([-30.0, 18.0, 28.0])
    where = np.einsum("ab,b...->a...", affine[:3, :3], index) + affine[:3, 3, None, None, None]
    radius = np.linalg.norm(where - centre[:, None, None, None], axis=0)
    lump = np.clip((14.0 - radius) / step + 0.5, 0, 1)
    fractions = {name: f * (1 - lump) for name, f in fractions.items()}
    fractions["tumour"] = lump * (0.3 + 0.7 * np.clip((radius - 7.0) / step + 0.5, 0, 1))
    return Head({name: np.asarray(f, dtype=np.float32) for name, f in fractions.items()}, affine)


def _without_pose(field: Floats, index: Floats, brain: Floats) -> Floats:
    """The field without its linear part over the brain, in units of its spread: it bends the head but does not turn it."""
    plain = np.stack([np.ones_like(field), *index], axis=-1)
    slope = np.linalg.lstsq(plain[brain], field[brain], rcond=None)[0]
    bend = field - plain @ slope
    return np.asarray(bend / bend[brain].std(), dtype=np.float32)


def scan(image: Floats, affine: Floats, grid: Grid, pose: Floats | None = None, noise: float = 0.0, seed: int = 0) -> Floats:
    """The head's image (spline coefficients) moved by `pose` (4 x 4, RAS mm) and seen on a grid, with Rician noise."""
    look = np.linalg.inv(affine) @ np.linalg.inv(np.eye(4) if pose is None else pose) @ grid.affine
    seen = ndimage.affine_transform(image, look[:3, :3], look[:3, 3], output_shape=grid.shape, order=3, prefilter=False)
    if noise:
        rng = np.random.default_rng(seed)
        seen = np.hypot(seen + noise * rng.standard_normal(grid.shape), noise * rng.standard_normal(grid.shape))
    return np.asarray(seen, dtype=np.float32)


def pose(rotation_deg: tuple[float, float, float], shift_mm: tuple[float, float, float], about: Floats | None = None) -> Floats:
    """Rotation about a point (RAS mm), then a shift, as 4 x 4."""
    turn = Rotation.from_euler("xyz", rotation_deg, degrees=True).as_matrix()
    centre = np.zeros(3) if about is None else about
    return np.block([[turn, (centre - turn @ centre + shift_mm)[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])


def box(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], centre_mm: tuple[float, float, float]) -> Grid:
    """An axial grid with its middle at a point."""
    affine = np.diag([*spacing_mm, 1.0])
    affine[:3, 3] = np.array(centre_mm) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


def brain_points(head: Head) -> Floats:
    """Points (n, 3) in the head's brain, RAS mm, at which errors are measured."""
    index = np.argwhere(head.fractions["grey"] + head.fractions["white"] > 0.5)[::97]
    return np.asarray(index @ head.affine[:3, :3].T + head.affine[:3, 3])


def distance_mm(a: Floats, b: Floats, points: Floats) -> Floats:
    """How far two transforms (4 x 4) put the same points apart (n,)."""
    difference = np.asarray(a) - np.asarray(b)
    return np.asarray(np.linalg.norm(points @ difference[:3, :3].T + difference[:3, 3], axis=1))
