"""T1w, CE-T1w, T2w, FLAIR and STIR of a scene, from the equations of their sequences.

Signals of the tissues in a voxel add up with their signs, the magnitude is taken last; so a voxel half CSF and half fat does
what it does on a scanner. Fat within a tissue is a pool of its own that contrast agent does not reach. Blood that flows leaves
a void in spin echoes (sequences.SPIN_ECHO_FLOW). Slices have rectangular profiles and no cross-talk.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.protocol import Agent, Anatomy
from afterglow.simulate.dce import Bolus, extended_tofts_curves, tissue_curve
from afterglow.simulate.scanner import SmoothField, StoredImage, rician, storage_slope, stored
from afterglow.simulate.scene import Scene, dominant_tissue
from afterglow.simulate.sequences import (
    FAT_T2_IN_TRAIN,
    SPIN_ECHO_FLOW,
    InversionGradientEcho,
    Sequence,
    SpinEcho,
    TurboSpinEcho,
    null_ti_s,
    sequence_signal,
)
from afterglow.simulate.series import DigitalSeries, Timing, TrueLabels
from afterglow.simulate.tissues import Tissue
from afterglow.simulate.voxels import voxel_means
from afterglow.simulate.warp import nearest

Map = NDArray[np.float32]
Array = NDArray[np.float64]
Matrix = NDArray[np.float64]

_TEXTURE_NODES = np.array([0.6, 1.0, 1.6])  # a parabola through these carries the signal over the texture to 1e-4
_LEAST_SHARE = 1e-3  # of a drawn tissue in a voxel of the scene; below, its agent is not told from rounding


@dataclass(frozen=True)
class AnatomyPlan:
    """How one anatomical image is acquired; a row."""

    role: str  # name of io.exam.ROLES, or STIR
    sequence: Sequence
    snr: float  # of the pure tissue `snr_in`, before contrast agent, where the coil's sensitivity is 1
    source: str
    snr_in: str = "white"
    slice_mm: float | None = None  # thickness of a 2D slice, where slices have gaps
    fat_left: float = 1.0  # share of the fat signal that fat suppression leaves

    def __post_init__(self) -> None:
        if not self.snr > 0 or not 0 <= self.fat_left <= 1:
            raise ValueError(f"{self.role}: an SNR of {self.snr:g} with {self.fat_left:g} of the fat left is no plan")


_USUAL = "timing of the usual clinical order, assumed"
_GRADIENT_ECHO = InversionGradientEcho(tr_s=2.0, ti_s=0.9, te_s=0.003, flip_deg=9.0, pulses=176, spacing_s=0.007)

ANATOMY_PLANS: Mapping[str, AnatomyPlan] = {
    "T1w 3D": AnatomyPlan("T1w", _GRADIENT_ECHO, 30.0, _USUAL),
    "CE-T1w 3D": AnatomyPlan("CE-T1w", _GRADIENT_ECHO, 30.0, _USUAL),
    "T1w 2D": AnatomyPlan("T1w", SpinEcho(0.55, 0.010), 40.0, _USUAL),
    "CE-T1w 2D": AnatomyPlan("CE-T1w", SpinEcho(0.55, 0.010), 40.0, _USUAL),
    "T2w 2D": AnatomyPlan("T2w", TurboSpinEcho(5.0, 0.095, train_s=0.19), 30.0, _USUAL),
    "FLAIR 2D": AnatomyPlan(
        "FLAIR", TurboSpinEcho(9.0, 0.120, train_s=0.24, ti_s=2.5), 25.0,
        f"TR, TE and TI as seyithanoglu2025 prints them, which null CSF at 3 T; {_USUAL} otherwise",
    ),
    "FLAIR 2D, TI by hand": AnatomyPlan("FLAIR", TurboSpinEcho(9.0, 0.120, train_s=0.24, nulled="csf"), 25.0, _USUAL),
    "spine T1w": AnatomyPlan("T1w", SpinEcho(0.60, 0.010), 35.0, _USUAL, snr_in="muscle"),
    "spine CE-T1w": AnatomyPlan("CE-T1w", SpinEcho(0.60, 0.010), 35.0, _USUAL, snr_in="muscle", fat_left=0.08),
    "spine T2w": AnatomyPlan("T2w", TurboSpinEcho(4.0, 0.100, train_s=0.20), 20.0, _USUAL, snr_in="muscle"),
    "spine STIR": AnatomyPlan("STIR", TurboSpinEcho(4.5, 0.050, train_s=0.15, nulled="fat"), 20.0, _USUAL, snr_in="muscle"),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class LateContrast:
    """Contrast agent in the body while an image is acquired, `at_s` on the clock of the bolus."""

    bolus: Bolus
    agent: Agent
    at_s: float

    def __post_init__(self) -> None:
        if not self.bolus.times_s[0] <= self.at_s <= self.bolus.times_s[-1]:
            raise ValueError(f"the bolus is known up to {self.bolus.times_s[-1]:g} s, not at {self.at_s:g} s; make it longer")
        if self.agent.r2star_per_mM_s is None:
            raise ValueError(f"agent {self.agent.name}: an image after contrast needs its r2* too")


@dataclass(frozen=True)
class Pool:
    """Protons of one kind in a tissue; `share` of its proton density."""

    share: float
    r1_per_s: float
    r2_per_s: float
    r2star_per_s: float
    fat: bool


def pools(tissue: Tissue, tissues: Mapping[str, Tissue]) -> tuple[Pool, ...]:
    """Water and fat of a tissue. Fat relaxes as the row "fat" does, water so that the rates mix to those of the tissue's row.

    ValueError where fat alone would already relax faster than the whole.
    """
    r1, r2, r2star = 1 / tissue.t1_s, 1 / tissue.t2_s, tissue.r2star_per_s
    if tissue.fat in (0.0, 1.0):
        return (Pool(1.0, r1, r2, r2star, fat=tissue.fat == 1.0),)
    row, water = tissues["fat"], 1 - tissue.fat
    of_fat = Pool(tissue.fat, 1 / row.t1_s, 1 / row.t2_s, row.r2star_per_s, fat=True)
    of_water = Pool(
        water,
        (r1 - tissue.fat * of_fat.r1_per_s) / water,
        (r2 - tissue.fat * of_fat.r2_per_s) / water,
        (r2star - tissue.fat * of_fat.r2star_per_s) / water,
        fat=False,
    )
    if not min(of_water.r1_per_s, of_water.r2_per_s, of_water.r2star_per_s) > 0:
        raise ValueError(
            f"{tissue.name}: a fat share of {tissue.fat:g} alone relaxes faster than its T1 of {tissue.t1_s:g} s, T2 of "
            f"{tissue.t2_s:g} s and R2* of {tissue.r2star_per_s:g} 1/s; shorten those or lower the share"
        )
    return of_water, of_fat


def tissue_signal(
    tissue: Tissue, tissues: Mapping[str, Tissue], plan: AnatomyPlan, concentration_mM: Array, agent: Agent | None
) -> Array:
    """Signed signal of pure tissue with that much agent per volume of tissue. (...) -> (...)."""
    sequence = with_inversion_time(plan.sequence, tissues)
    spin_echo = not isinstance(sequence, InversionGradientEcho)
    total: Array = np.zeros_like(concentration_mM)
    for pool in pools(tissue, tissues):
        r1, r2, r2star = pool.r1_per_s, pool.r2_per_s, pool.r2star_per_s
        if pool.fat and isinstance(sequence, TurboSpinEcho):
            r2 = r2 / FAT_T2_IN_TRAIN
        reached = 0.0 if pool.fat or agent is None else concentration_mM
        more_r1, more_r2 = (0.0, 0.0) if agent is None else (agent.r1_per_mM_s, agent.r2star_per_mM_s or 0.0)
        one = sequence_signal(
            sequence,
            np.asarray(r1 + more_r1 * reached),
            np.asarray(r2 + more_r2 * reached),
            np.asarray(r2star + more_r2 * reached),
        )
        total = total + pool.share * (plan.fat_left if pool.fat else 1.0) * one
    flow = SPIN_ECHO_FLOW[tissue.blood] if tissue.blood and spin_echo else 1.0
    return tissue.proton_density * flow * total


def with_inversion_time(sequence: Sequence, tissues: Mapping[str, Tissue]) -> Sequence:
    """The sequence with the TI that nulls the tissue it names; any other as it is."""
    if isinstance(sequence, TurboSpinEcho) and sequence.nulled:
        return replace(sequence, ti_s=null_ti_s(sequence, tissues[sequence.nulled].t1_s), nulled="")
    return sequence


def timing_of(sequence: Sequence, tissues: Mapping[str, Tissue]) -> Timing:
    """What a header says of the sequence, its TI found where it names a tissue to null."""
    match with_inversion_time(sequence, tissues):
        case SpinEcho(tr_s, te_s):
            return Timing(tr_s, te_s, flip_deg=90.0)
        case TurboSpinEcho(tr_s, te_s, _, ti_s):
            return Timing(tr_s, te_s, ti_s, flip_deg=90.0)
        case InversionGradientEcho(tr_s, ti_s, te_s, flip_deg):
            return Timing(tr_s, te_s, ti_s, flip_deg)


def as_series(
    plan: AnatomyPlan, image: StoredImage, tissues: Mapping[str, Tissue], *, field_t: float, start_s: float
) -> DigitalSeries:
    """The image with what its header says; `start_s` after the start of the visit."""
    contrast, timing = Anatomy(plan.role.removeprefix("CE-")), timing_of(plan.sequence, tissues)
    return DigitalSeries(plan.role, image, contrast, field_t, start_s=start_s, timing=timing)


def true_labels(scene: Scene, grid: Grid, world_to_body: Matrix, space: str) -> TrueLabels:
    """The tissue with the largest share at each voxel of `grid`, on which the series `space` lies."""
    labels, names = dominant_tissue(scene)
    return TrueLabels(nearest(labels, scene.grid, grid, world_to_body), names, grid, space)


def scene_signal(scene: Scene, plan: AnatomyPlan, late: LateContrast | None) -> Map:
    """Signed signal (i, j, k) on the scene's own voxels: shares times signals, each tissue with its own agent."""
    out: Map = np.zeros(scene.grid.shape, dtype=np.float32)
    for name, part in scene.fractions.items():
        tissue = scene.tissues[name]
        if late is None:
            out += np.float32(tissue_signal(tissue, scene.tissues, plan, np.zeros(()), None)) * part
        elif name in scene.drawn:
            _add_drawn(out, scene, name, plan, late)
        else:
            amount = np.asarray(tissue_curve(late.bolus, tissue, np.array([late.at_s]))[0])
            if name in scene.textured:
                _add_textured(out, part, scene, tissue, plan, late, amount)
            else:
                out += np.float32(tissue_signal(tissue, scene.tissues, plan, amount, late.agent)) * part
    return out


def _add_textured(
    out: Map, part: Map, scene: Scene, tissue: Tissue, plan: AnatomyPlan, late: LateContrast, amount: Array
) -> None:
    signals = tissue_signal(tissue, scene.tissues, plan, amount * _TEXTURE_NODES, late.agent)
    c2, c1, c0 = (np.float32(c) for c in np.polyfit(_TEXTURE_NODES, signals, 2))
    course = c2 * scene.texture
    course += c1
    course *= scene.texture
    course += c0
    course *= part
    out += course


def _add_drawn(out: Map, scene: Scene, name: str, plan: AnatomyPlan, late: LateContrast) -> None:
    """A tissue whose amounts are drawn voxel by voxel: what leaked is spread over the tissue's own share of the voxel."""
    drawn, tissue = scene.drawn[name], scene.tissues[name]
    bare = np.float32(tissue_signal(tissue, scene.tissues, plan, np.zeros(()), None))
    out += bare * scene.fractions[name]
    part = scene.fractions[name][drawn.box]
    where = (part > _LEAST_SHARE) & (drawn.ve > 0)
    amounts = (drawn.ktrans_per_min[where], drawn.ve[where], drawn.vp[where])
    at_s = np.array([late.at_s])
    agent_mM = extended_tofts_curves(late.bolus, *amounts, delay_s=drawn.delay_s, at_s=at_s)[:, 0] / part[where]
    full = tissue_signal(tissue, scene.tissues, plan, agent_mM.astype(np.float64), late.agent)
    out[drawn.box][where] += ((full - bare) * part[where]).astype(np.float32)


def anatomy_signal(scene: Scene, grid: Grid, world_to_body: Matrix, plan: AnatomyPlan, late: LateContrast | None) -> Map:
    """Signed noise-free image (i, j, k) in units of proton density, mixed inside each voxel of `grid`.

    `world_to_body` (4, 4) takes scanner RAS mm to the scene's world.
    """
    return voxel_means(scene_signal(scene, plan, late), scene.grid, grid, world_to_body, slice_mm=plan.slice_mm)


def acquire_anatomy(
    scene: Scene, grid: Grid, world_to_body: Matrix, plan: AnatomyPlan, *,
    late: LateContrast | None, receive: SmoothField, rng: np.random.Generator,
) -> StoredImage:  # fmt: skip
    """The image as the scanner stores it: coil sensitivity, Rician noise, whole numbers."""
    clean = anatomy_signal(scene, grid, world_to_body, plan, late)
    pure = tissue_signal(scene.tissues[plan.snr_in], scene.tissues, plan, np.zeros(()), None)
    noisy = rician(clean * receive.at(grid), float(abs(pure)) / plan.snr, rng)
    return stored(noisy, storage_slope(noisy), grid)
