"""A digital reference object for DSC: tiles of known blood volume, vessels, leak and noise, scanned with two injections.

Every pair of slices has one signal-to-noise ratio. In the plane, 7 rows of tiles are the architectures and 16 columns the blood
volumes, each with four leaks; below them lie arteries, sinus, and a slab of normal-appearing white matter.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.types import Array
from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.simulate.dsc_signal import STEP_S, LeakyTissue, Scan, gradient_echo, leaked_mM, spin_echo, vascular_at_frames
from afterglow.simulate.scanner import HeadMotion, draw_motion
from afterglow.simulate.vascular import (
    ARCHITECTURES,
    Bolus,
    Echoes,
    LoopTruth,
    Network,
    artery_mM,
    compartments_mM,
    loop_truth,
    vascular_rates,
)
from afterglow.simulate.warp import resample, rigid

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

_TILE = (4, 8, 2)  # columns, rows, slices
_BLOOD_ROWS, _NAWM_ROWS = slice(56, 58), slice(58, 64)
_SHAPE = (64, 64, 8)
_BRIGHTNESS = 1000.0


@dataclass(frozen=True)
class DscPlan:
    """What varies over the tiles, and how both scans are made: by default the spin-echo scan first and without a preload."""

    cbv: tuple[float, float, float, float] = (0.01, 0.02, 0.04, 0.08)
    ktrans_per_min: tuple[float, float, float, float] = (0.0, 0.01, 0.05, 0.15)
    snr0: tuple[float, float, float, float] = (np.inf, 200.0, 100.0, 60.0)
    offset_s: float = 0.0  # how much later than the SE bolus the GE bolus comes, each on its own clock
    width: float = 1.0  # of the GE bolus against that of SE
    se: Scan = field(default_factory=Scan)
    ge: Scan = field(default_factory=lambda: Scan(earlier=((300.0, 1.0),)))
    bolus: Bolus = field(default_factory=Bolus)
    network: Network = field(default_factory=Network)
    echoes: Echoes = field(default_factory=Echoes)
    tissue: LeakyTissue = field(default_factory=LeakyTissue)
    nawm_cbv: float = 0.02
    artery_per_mM_s: tuple[float, float] = (4.0, 1.0)  # dR2* and dR2 of blood, linear; arteries have .6 to 1 of it
    motion: float = 0.0  # 0: a still object

    def __post_init__(self) -> None:
        if not min(self.cbv) > 0 or min(self.ktrans_per_min) < 0 or not min(self.snr0) > 0 or not self.width > 0:
            raise ValueError("blood volumes, noise and width must be positive, leaks not negative; check the plan")


@dataclass(frozen=True, eq=False)
class DscTruth:
    """What the scans do not know. Maps (i, j, k) on the object's grid; NaN where there is no tissue of that kind.

    maps: cbv, se_area (1), mean_radius_um, peak_lag_s (GE after SE), mti, nmti (without leak, offset or width), ktrans_per_min,
    snr0, architecture (row of ARCHITECTURES).
    """

    maps: Mapping[str, Map]
    sign: NDArray[np.int8]  # of nMTI; 0 where |nMTI| < .005, and outside tissue
    tissue: Mask
    nawm: Mask
    artery: Mask
    sinus: Mask

    def __post_init__(self) -> None:
        for name in ("sign", "tissue", "nawm", "artery", "sinus"):
            object.__setattr__(self, name, locked(getattr(self, name)))
        object.__setattr__(self, "maps", {name: locked(values) for name, values in self.maps.items()})


@dataclass(frozen=True, eq=False)
class DscObject:
    """Both scans as magnitude images, and the truth."""

    ge: Map  # (i, j, k, t)
    se: Map  # (i, j, k, t)
    plan: DscPlan
    grid: Grid
    truth: DscTruth
    ge_motion: HeadMotion
    se_motion: HeadMotion

    def __post_init__(self) -> None:
        if self.ge.shape != (*self.grid.shape, self.plan.ge.frames) or self.se.shape != (*self.grid.shape, self.plan.se.frames):
            raise ValueError(f"scans are {self.ge.shape} and {self.se.shape}, but the grid is {self.grid.shape}")
        for name in ("ge", "se"):
            object.__setattr__(self, name, locked(getattr(self, name)))


def make_dsc_object(plan: DscPlan, rng: np.random.Generator) -> DscObject:
    """Both scans of the object; the same plan and seed give the same bytes."""
    grid = Grid(_SHAPE, np.diag([2.0, 2.0, 4.0, 1.0]))
    truth = _truth(plan)
    images, motions = [], []
    scales = rng.uniform(0.6, 1.0, int(truth.artery.sum()))
    for echo, scan, bolus in (("se", plan.se, plan.bolus), ("ge", plan.ge, _ge_bolus(plan))):
        clean = _BRIGHTNESS * _clean(plan, truth, echo, scan, bolus, scales)
        motion = draw_motion(rng, scan.frames, amount=plan.motion, centre_mm=grid.to_mm(np.array(_SHAPE) / 2.0))
        images.append(_noisy(_moved(clean, motion, grid), truth, rng))
        motions.append(motion)
    return DscObject(images[1], images[0], plan, grid, truth, motions[1], motions[0])


def architecture_truth(plan: DscPlan, cbv: float) -> dict[str, LoopTruth]:
    """The loop of each architecture at that blood volume, both echoes seeing the one bolus of the plan."""
    fine_s = np.arange(0.0, plan.se.times_s[-1] + STEP_S, STEP_S)
    concentrations, _ = compartments_mM(STEP_S, artery_mM(fine_s, plan.bolus), plan.network)
    rates = {name: vascular_rates(concentrations, shares, plan.network, plan.echoes) for name, shares in ARCHITECTURES.items()}
    return {name: loop_truth(STEP_S, both, cbv) for name, both in rates.items()}


def _ge_bolus(plan: DscPlan) -> Bolus:
    wide = plan.bolus.wider(plan.width)
    return replace(wide, onset_s=plan.bolus.onset_s + plan.offset_s)


def _tiles() -> tuple[NDArray[np.intp], ...]:
    """Index of architecture, blood volume, leak and noise (i, j, k); architecture -1 outside the tiles."""
    i, j, k = np.indices(_SHAPE)
    architecture = np.where(j < _TILE[1] * len(ARCHITECTURES), j // _TILE[1], -1)
    column = i // _TILE[0]
    return architecture, column // 4, column % 4, k // _TILE[2]


def _truth(plan: DscPlan) -> DscTruth:
    architecture, volume, leak, noise = _tiles()
    i, j, _ = np.indices(_SHAPE)
    blood, nawm = (j >= _BLOOD_ROWS.start) & (j < _BLOOD_ROWS.stop), j >= _NAWM_ROWS.start
    names = list(ARCHITECTURES)
    architecture = np.where(nawm, names.index("normal-like"), architecture)
    tissue = architecture >= 0
    cbv = np.where(nawm, plan.nawm_cbv, np.array(plan.cbv)[volume])
    maps = {
        "cbv": cbv,
        "ktrans_per_min": np.where(nawm, 0.0, np.array(plan.ktrans_per_min)[leak]),
        "architecture": architecture.astype(np.float64),
        "mean_radius_um": (np.array(list(ARCHITECTURES.values())) @ np.array(plan.network.radii_um))[architecture],
    }
    one = architecture_truth(plan, 1.0)
    for name, power in (("mti", 2.5), ("nmti", 0.0), ("peak_lag_s", 0.0), ("se_area", 1.0)):
        maps[name] = np.array([getattr(one[row], name) for row in names])[architecture] * cbv**power
    nmti = np.where(tissue, maps["nmti"], 0.0)
    sign = np.where(np.abs(nmti) < 0.005, 0, np.sign(nmti)).astype(np.int8)
    shown = {name: np.where(tissue, values, np.nan).astype(np.float32) for name, values in maps.items()}
    shown["snr0"] = np.array(plan.snr0)[noise].astype(np.float32)
    return DscTruth(shown, sign, tissue & ~nawm, nawm, blood & (i < _SHAPE[0] // 2), blood & (i >= _SHAPE[0] // 2))


def _clean(plan: DscPlan, truth: DscTruth, echo: str, scan: Scan, bolus: Bolus, scales: Array) -> Map:
    """Signal without noise (i, j, k, t), in units of the equilibrium signal. There are few different curves; they are laid out."""
    out = np.empty((*_SHAPE, scan.frames), dtype=np.float32)
    model, te_s = (gradient_echo, plan.echoes.te_ge_s) if echo == "ge" else (spin_echo, plan.echoes.te_se_s)
    leaked = leaked_mM(scan, bolus, np.array([0.0, *plan.ktrans_per_min]), plan.tissue.ve)
    architecture, volume, leak, _ = _tiles()
    for row, name in enumerate(ARCHITECTURES):
        rate = vascular_at_frames(scan, bolus, plan.network, plan.echoes, name)[0 if echo == "ge" else 1]
        curves = model(np.array(plan.cbv)[:, None, None] * rate, leaked[1:], scan=scan, te_s=te_s, tissue=plan.tissue)
        here = architecture == row
        out[here] = curves[volume[here], leak[here]]
        if name == "normal-like":
            out[truth.nawm] = model(plan.nawm_cbv * rate, leaked[0], scan=scan, te_s=te_s, tissue=plan.tissue)
    fine_s = np.arange(0.0, scan.times_s[-1] + STEP_S, STEP_S)
    artery = artery_mM(fine_s, bolus)
    vein = compartments_mM(STEP_S, artery, plan.network)[1]
    per_mM = plan.artery_per_mM_s[0 if echo == "ge" else 1]
    for mask, blood, share in ((truth.artery, artery, scales), (truth.sinus, vein, np.ones(int(truth.sinus.sum())))):
        rate = per_mM * np.interp(scan.times_s, fine_s, blood)
        out[mask] = model(share[:, None] * rate, leaked[0], scan=scan, te_s=te_s, tissue=plan.tissue)
    return out


def _moved(clean: Map, motion: HeadMotion, grid: Grid) -> Map:
    if not motion.translation_mm.any() and not motion.rotation_deg.any():
        return clean
    out = np.empty_like(clean)
    for frame in range(clean.shape[-1]):
        pose: NDArray[np.float64] = rigid(motion.translation_mm[frame], motion.rotation_deg[frame], centre_mm=motion.centre_mm)
        out[..., frame] = resample(np.ascontiguousarray(clean[..., frame]), grid, grid, np.linalg.inv(pose).astype(np.float64))
    return out


def _noisy(clean: Map, truth: DscTruth, rng: np.random.Generator) -> Map:
    """Rician noise (doi:10.1002/mrm.1910340618), the share 1 / SNR0 of each voxel's own first frame; none at an infinite ratio."""
    snr0 = truth.maps["snr0"]
    sigma = np.where(np.isinf(snr0), 0.0, 1.0 / snr0)[..., None].astype(np.float32) * clean[..., :1]
    real = clean + sigma * rng.standard_normal(clean.shape, dtype=np.float32)
    magnitude: Map = np.hypot(real, sigma * rng.standard_normal(clean.shape, dtype=np.float32))
    return magnitude
