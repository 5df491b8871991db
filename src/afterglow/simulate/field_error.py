"""How far the static field is off in a body: air against tissue, what the shim leaves, and EPI lines that shift by it."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy import fft

from afterglow.records.grid import Grid
from afterglow.simulate.scene import Scene

Map = NDArray[np.float32]
Array = NDArray[np.float64]

# Tissue against air about 10 ppm (Jenkinson, Wilson and Jezzard, MRM 2004;52:471, abstract); 9.4 ppm assumed.
_TISSUE_PPM = -9.4
_PITCH_MM = 4.0
_BLUR = 0.6  # coarse voxels; a dipole across the voxels has no value at their highest frequency and would ring
_MARGIN = 12  # coarse voxels around the body, so that the periodic transform does not meet itself


def field_error_ppm(scene: Scene, along: Array, shimmed: tuple[str, ...]) -> tuple[Map, Grid]:
    """Field error (i, j, k) in ppm of B0 on a coarse grid, less its second-order part in `shimmed` tissues; see dipole_field_ppm."""
    field, grid = dipole_field_ppm(scene, along)
    inside = _coarse({name: scene.fractions[name] for name in shimmed if name in scene.fractions}, scene.grid)[0]
    if not inside.any():
        raise ValueError(f"the field is to be shimmed on {', '.join(shimmed)}, of which the scene has none; name tissues it has")
    return _shimmed(field, inside).astype(np.float32), grid


def dipole_field_ppm(scene: Scene, along: Array) -> tuple[Array, Grid]:
    """Field (i, j, k) in ppm of B0 that tissue in air makes, on a coarse grid in the scene's world.

    `along` (3,) is the direction of B0 in the scene's world. To first order the field is the susceptibility convolved with a
    dipole, a product with 1/3 - (k.B0)^2 / k^2 after Fourier transform (same source). Where the scene ends in tissue, as at
    the neck, tissue is taken to go on.
    """
    tissue, grid = _coarse(scene.fractions, scene.grid)
    padded = np.pad(np.clip(tissue, 0.0, 1.0), _MARGIN, mode="edge")
    shape = tuple(fft.next_fast_len(n, real=True) for n in padded.shape)
    axes = (fft.fftfreq(shape[0]), fft.fftfreq(shape[1]), fft.rfftfreq(shape[2]))
    cycles = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)  # per voxel
    k = cycles @ np.linalg.inv(grid.affine[:3, :3])  # per mm
    square = (k**2).sum(axis=-1)
    square[0, 0, 0] = 1.0
    dipole = 1 / 3 - (k @ (along / np.linalg.norm(along))) ** 2 / square
    dipole[0, 0, 0] = 0.0
    dipole *= np.exp(-2 * (np.pi * _BLUR) ** 2 * (cycles**2).sum(axis=-1))
    field = fft.irfftn(fft.rfftn(_TISSUE_PPM * padded, shape) * dipole, shape)
    return field[tuple(slice(_MARGIN, _MARGIN + n) for n in grid.shape)], grid


def _coarse(fractions: Mapping[str, Map], grid: Grid) -> tuple[Map, Grid]:
    """Sum of shares on a grid about `_PITCH_MM` wide: means of whole blocks, the last ones filled up with their edge."""
    factors = [max(1, round(_PITCH_MM / step)) for step in grid.spacing_mm]
    shape = tuple(-(-n // f) for n, f in zip(grid.shape, factors, strict=True))
    if not fractions:
        return np.zeros(shape, np.float32), grid
    total: Map = np.sum(list(fractions.values()), axis=0, dtype=np.float32)
    filled = np.pad(total, [(0, s * f - n) for s, f, n in zip(shape, factors, grid.shape, strict=True)], mode="edge")
    blocks = filled.reshape(shape[0], factors[0], shape[1], factors[1], shape[2], factors[2]).mean(axis=(1, 3, 5))
    affine = grid.affine @ np.diag([*factors, 1.0])
    affine[:3, 3] = grid.affine[:3, 3] + grid.affine[:3, :3] @ ((np.array(factors) - 1) / 2)
    return blocks, Grid((shape[0], shape[1], shape[2]), affine)


def _shimmed(field: Array, inside: Map) -> Array:
    """Less the polynomial of second order that fits it best in those tissues, as a scanner's shim coils take it away."""
    x, y, z = (np.linspace(-1, 1, n).reshape([-1 if a == b else 1 for b in range(3)]) for a, n in enumerate(field.shape))
    terms = [1.0 + 0 * x, x, y, z, x * x, y * y, z * z, x * y, x * z, y * z]
    basis = np.stack([np.broadcast_to(term, field.shape) for term in terms], axis=-1)
    where = inside > 0.5
    root = np.sqrt(inside[where])
    fitted = np.linalg.lstsq(basis[where] * root[:, None], field[where] * root, rcond=None)[0]
    left: Array = field - basis @ fitted
    return left


def shifted_lines(values: Map, shift: Map) -> Map:
    """Move signal along the second axis by `shift` in voxels: what lies together piles up, and none is lost but at the ends.

    (i, j, k), (i, j, k) -> (i, j, k); each voxel's signal is shared between the two voxels it lands in.
    """
    n_i, n_j, n_k = values.shape
    place = np.arange(n_j, dtype=np.float32)[None, :, None] + shift
    low = np.floor(place).astype(np.intp)
    part = place - low
    line = np.arange(n_i)[:, None, None] * n_j * n_k + np.arange(n_k)[None, None, :]
    out = np.zeros(values.size)
    for target, weight in ((low, 1 - part), (low + 1, part)):
        kept = (target >= 0) & (target < n_j)
        out += np.bincount((line + target * n_k)[kept], (values * weight)[kept], minlength=values.size)
    moved: Map = out.reshape(values.shape).astype(np.float32)
    return moved
