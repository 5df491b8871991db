"""Diffusion-weighted spin-echo EPI of a scene: one trace-weighted image for each b-value, and the diffusion behind them.

Each tissue decays with one exponential; a voxel that mixes tissues does not. So two truths are given. `adc` is what the lowest
and the highest b-value of the plan would give without noise, ln(S_low / S_high) / (b_high - b_low): the value to expect from the
scan. `diffusivity` is the mean of the tissues' coefficients, weighted with the signal each has at b = 0: the slope at b = 0,
which no choice of b-values moves. Both belong to the voxels as acquired, distortion included; in pure tissue they are one.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.protocol import Diffusion
from afterglow.simulate.anatomy_images import pools
from afterglow.simulate.field_error import field_error_ppm, shifted_lines
from afterglow.simulate.scanner import SmoothField, StoredImage, rician, storage_slope, stored
from afterglow.simulate.scene import Scene
from afterglow.simulate.sequences import SPIN_ECHO_FLOW, SpinEcho, sequence_signal
from afterglow.simulate.series import DigitalSeries, Timing, TrueMap
from afterglow.simulate.tissues import Tissue
from afterglow.simulate.voxels import mixed, voxel_means
from afterglow.simulate.warp import resample

Map = NDArray[np.float32]
Array = NDArray[np.float64]
Matrix = NDArray[np.float64]

_PRESENT = 0.02  # signal at the lowest b-value, of that of pure `snr_in`, below which a voxel has no diffusion to speak of
_FINE_LINES = 4  # places along a voxel's phase-encoding edge that shift on their own


@dataclass(frozen=True)
class DwiPlan:
    """How diffusion is imaged; a row. Phase is encoded along the second axis of the grid."""

    b_s_mm2: tuple[float, ...]  # rising
    tr_s: float
    te_s: float
    snr: float  # of the pure tissue `snr_in` at b = 0
    source: str
    snr_in: str = "white"
    slice_mm: float | None = None  # thickness, where slices have gaps
    fat_left: float = 0.03  # share of the fat signal that fat suppression leaves; assumed
    distortion_mm_per_ppm: float = 0.0  # how far a voxel lands from its place where the field is 1 ppm off; 0: no distortion
    shimmed: tuple[str, ...] = ("grey", "white")  # tissues on which the field was shimmed
    shim_error_ppm: float = 0.0  # what the shim missed: spread of a second-order field, 100 mm from the centre; assumed

    def __post_init__(self) -> None:
        if len(self.b_s_mm2) < 2 or list(self.b_s_mm2) != sorted(set(self.b_s_mm2)) or self.b_s_mm2[0] < 0:
            raise ValueError(f"b-values {self.b_s_mm2} are not two or more that rise from 0 or above")
        if not self.snr > 0 or not 0 <= self.fat_left <= 1:
            raise ValueError(f"an SNR of {self.snr:g} with {self.fat_left:g} of the fat left is no plan")


_USUAL = "TR, TE and fat suppression of the usual clinical order, assumed"
# 127.7 Hz per ppm at 3 T and 30 Hz per voxel of 2 mm (about 70 echoes every .5 ms) shift by 8 mm; two-fold acceleration halves it.
DWI_PLANS: Mapping[str, DwiPlan] = {
    "b 0, 1000": DwiPlan((0.0, 1000.0), 5.0, 0.085, 40.0, _USUAL),
    "b 0, 1000, 2000": DwiPlan((0.0, 1000.0, 2000.0), 6.0, 0.095, 40.0, f"b-values as stadlbauer2025 prints them; {_USUAL}"),
    "b 0, 1000, distorted": DwiPlan((0.0, 1000.0), 5.0, 0.085, 40.0, _USUAL, distortion_mm_per_ppm=4.0, shim_error_ppm=0.1),
}


@dataclass(frozen=True, eq=False)
class Dwi:
    """Images (i, j, k, b) with one slope, and the truth on their grid: adc, diffusivity, and displacement_mm where distorted."""

    image: StoredImage
    maps: tuple[TrueMap, ...]


def pure_signal(tissue: Tissue, tissues: Mapping[str, Tissue], plan: DwiPlan) -> float:
    """Signal of pure tissue at b = 0, fat suppressed and flowing blood gone, per unit of proton density."""
    echo, total = SpinEcho(plan.tr_s, plan.te_s), 0.0
    for pool in pools(tissue, tissues):
        rates = (np.array(rate) for rate in (pool.r1_per_s, pool.r2_per_s, pool.r2star_per_s))
        total += pool.share * (plan.fat_left if pool.fat else 1.0) * float(sequence_signal(echo, *rates))
    return tissue.proton_density * total * (SPIN_ECHO_FLOW[tissue.blood] if tissue.blood else 1.0)


def acquire_dwi(
    scene: Scene, grid: Grid, world_to_body: Matrix, plan: DwiPlan, *, receive: SmoothField, rng: np.random.Generator
) -> Dwi:
    """The series as the scanner stores it, and the truth. `world_to_body` (4, 4) takes scanner RAS mm to the scene's world."""
    present = {name: scene.tissues[name] for name in scene.fractions}
    level = {name: pure_signal(row, scene.tissues, plan) for name, row in present.items()}
    shift_mm = None
    if plan.distortion_mm_per_ppm:
        shift_mm = _displacement_mm(scene, _fine(grid), world_to_body, plan, rng)

    def seen(weights: Mapping[str, float]) -> Map:
        return _imaged(mixed(scene.fractions, weights), scene.grid, grid, world_to_body, plan, shift_mm)

    decayed = [{n: level[n] * float(np.exp(-b * row.adc_mm2_s)) for n, row in present.items()} for b in plan.b_s_mm2]
    clean = np.stack([seen(weights) for weights in decayed], axis=-1)
    slope = seen({n: level[n] * row.adc_mm2_s for n, row in present.items()})
    still = clean[..., 0] if plan.b_s_mm2[0] == 0 else seen(level)
    pure = pure_signal(scene.tissues[plan.snr_in], scene.tissues, plan)
    noisy = rician(clean * receive.at(grid)[..., None], pure / plan.snr, rng)
    maps = _truth(clean, slope, still, plan, _PRESENT * pure, grid)
    if shift_mm is not None:
        along = np.ascontiguousarray(shift_mm.reshape(grid.shape[0], grid.shape[1], _FINE_LINES, grid.shape[2]).mean(axis=2))
        maps += (TrueMap("displacement", "mm", along, grid, "dwi"),)
    return Dwi(stored(noisy, storage_slope(noisy), grid), maps)


def as_series(plan: DwiPlan, image: StoredImage, *, field_t: float, start_s: float) -> DigitalSeries:
    """The images with what their header says; `start_s` after the start of the visit."""
    protocol, timing = Diffusion(plan.b_s_mm2, plan.te_s, field_t), Timing(plan.tr_s, plan.te_s, flip_deg=90.0)
    return DigitalSeries("dwi", image, protocol, field_t, start_s=start_s, timing=timing)


def _truth(clean: Map, slope: Map, still: Map, plan: DwiPlan, least: float, grid: Grid) -> tuple[TrueMap, ...]:
    there = still > least
    span = plan.b_s_mm2[-1] - plan.b_s_mm2[0]
    with np.errstate(divide="ignore", invalid="ignore"):
        adc = np.where(there, np.log(clean[..., 0] / clean[..., -1]) / span, np.nan).astype(np.float32)
        mean = np.where(there, slope / still, np.nan).astype(np.float32)
    return TrueMap("adc", "mm2/s", adc, grid, "dwi"), TrueMap("diffusivity", "mm2/s", mean, grid, "dwi")


def _imaged(values: Map, source: Grid, grid: Grid, world_to_body: Matrix, plan: DwiPlan, shift_mm: Map | None) -> Map:
    """Voxel means; where the field is off, of lines that have shifted along the second axis."""
    if shift_mm is None:
        return voxel_means(values, source, grid, world_to_body, slice_mm=plan.slice_mm)
    fine = _fine(grid)
    thin = voxel_means(values, source, fine, world_to_body, slice_mm=plan.slice_mm)
    moved = shifted_lines(thin, shift_mm / np.float32(fine.spacing_mm[1]))
    i, j, k = grid.shape
    return np.ascontiguousarray(moved.reshape(i, j, _FINE_LINES, k).mean(axis=2))


def _fine(grid: Grid) -> Grid:
    """The grid with its second axis divided."""
    affine = grid.affine.copy()
    affine[:3, 1] /= _FINE_LINES
    affine[:3, 3] += affine[:3, 1] * (1 - _FINE_LINES) / 2
    return Grid((grid.shape[0], grid.shape[1] * _FINE_LINES, grid.shape[2]), affine)


def _displacement_mm(scene: Scene, fine: Grid, world_to_body: Matrix, plan: DwiPlan, rng: np.random.Generator) -> Map:
    """How far the signal of each place lands along the second axis (i, j, k); B0 points along the scanner's z."""
    ppm, coarse = field_error_ppm(scene, world_to_body[:3, :3] @ np.array([0.0, 0.0, 1.0]), plan.shimmed)
    missed = np.concatenate([[0.0], rng.normal(0.0, plan.shim_error_ppm, 9)])
    centre_mm = fine.affine[:3, :3] @ ((np.array(fine.shape) - 1) / 2) + fine.affine[:3, 3]
    total = resample(ppm, coarse, fine, world_to_body) + SmoothField(missed, centre_mm).at(fine)
    out: Map = np.float32(plan.distortion_mm_per_ppm) * total
    return out
