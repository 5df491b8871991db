"""A head with a glioma in two DSC scans, diffusion and anatomy, its vessels and leaks known: one visit of a microvascular protocol.

What each tissue's vessels are like is assumed, and so are its leaks; brain's blood volumes are of the usual order. There is no EPI
distortion, no slice timing and no inflow yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.simulate.dsc_signal import STEP_S, LeakyTissue, Scan, gradient_echo, leaked_mM, spin_echo, vascular_at_frames
from afterglow.simulate.head import Head, make_head
from afterglow.simulate.scanner import HeadMotion, draw_motion, rician
from afterglow.simulate.scenario import LesionState
from afterglow.simulate.template import load_template
from afterglow.simulate.tissues import TISSUES
from afterglow.simulate.tumour import Lesion, choose_seat, contralateral, grow, infiltrated
from afterglow.simulate.vascular import Bolus, Echoes, Network, artery_mM, compartments_mM
from afterglow.simulate.warp import resample, rigid

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

_CENTRE_MM = np.array([0.0, -18.0, 14.0])
_REFERENCE_MM = 20.0
_ANATOMY_MM = 2.0
_BRIGHTNESS = 800.0


@dataclass(frozen=True)
class Perfused:
    """Vessels, leak and diffusion of a tissue."""

    cbv: float
    architecture: str
    ktrans_per_min: float
    adc_mm2_s: float


# All assumed; ADC in the usual order.
PERFUSED: dict[str, Perfused] = {
    "grey": Perfused(0.040, "normal-like", 0.0, 0.85e-3),
    "white": Perfused(0.020, "normal-like", 0.0, 0.75e-3),
    "oedema": Perfused(0.015, "normal-like", 0.0, 1.4e-3),
    "csf": Perfused(0.0, "normal-like", 0.0, 3.0e-3),
    "core": Perfused(0.001, "normal-like", 0.0, 2.2e-3),
    "muscle": Perfused(0.015, "balanced", 0.06, 1.3e-3),
    "mucosa": Perfused(0.040, "balanced", 0.15, 1.5e-3),
    "dura": Perfused(0.030, "balanced", 0.05, 1.0e-3),
    "plexus": Perfused(0.050, "balanced", 0.10, 2.0e-3),
    "tumour": Perfused(0.060, "venule", 0.03, 1.1e-3),
    "scar": Perfused(0.012, "balanced", 0.03, 1.5e-3),
}
_PER_MM = {"artery": (4.0, 1.0), "vein": (4.0, 1.0)}  # dR2* and dR2 of blood, linear
_T2_S = {"csf": 1.2, "core": 0.4, "oedema": 0.13, "tumour": 0.11, "grey": 0.095, "white": 0.075}  # others: 60 ms


@dataclass(frozen=True)
class DscVisitPlan:
    """Geometry, protocol and imperfections."""

    shape: tuple[int, int, int] = (64, 64, 12)
    voxel_mm: tuple[float, float, float] = (3.6, 3.6, 8.0)
    se: Scan = field(default_factory=Scan)
    ge: Scan = field(default_factory=lambda: Scan(earlier=((300.0, 1.0),)))
    offset_s: float = 0.4  # how much later than the SE bolus the GE bolus comes
    snr0: float = 100.0  # of white matter, one frame
    motion: float = 0.3
    echoes: Echoes = field(default_factory=Echoes)
    bolus: Bolus = field(default_factory=Bolus)
    network: Network = field(default_factory=Network)
    b_s_mm2: tuple[float, ...] = (0.0, 1000.0, 2000.0)
    enhancing: str = "tumour"  # tumour or scar
    volume_ml: float = 30.0


@dataclass(frozen=True, eq=False)
class DscVisit:
    """The scans of one visit as magnitudes, outlines, and the truth on the grid of the DSC series."""

    plan: DscVisitPlan
    grid: Grid
    ge: Map  # (i, j, k, t)
    se: Map
    dwi: Map  # (i, j, k, b)
    anatomy_grid: Grid
    t1w: Map  # after contrast agent
    flair: Map
    lesion: Mask  # on the anatomy
    reference: Mask
    truth: Mapping[str, Map]  # shares of the tissues, and cbv

    def __post_init__(self) -> None:
        for name in ("ge", "se", "dwi", "t1w", "flair", "lesion", "reference"):
            object.__setattr__(self, name, locked(getattr(self, name)))


def simulate_dsc_visit(plan: DscVisitPlan, *, seed: int) -> DscVisit:
    """One visit; the same plan and seed give the same bytes."""
    rng = np.random.default_rng(seed)
    seat = choose_seat(rng)
    state = LesionState(
        plan.enhancing, plan.volume_ml, 8.0, 1.5, 14.0, ktrans_per_min=0.1, ve=0.3, vp=0.05, delay_s=1.0, spread=0.0
    )
    head = make_head(load_template(), spacing_mm=_ANATOMY_MM, rng=rng, pushed_from=seat.push(state))
    lesion = grow(head, seat, (state,), rng)[0]
    fractions = infiltrated(head, lesion)
    grid = _grid(plan)
    shares = {name: resample(part, head.grid, grid, np.eye(4)) for name, part in fractions.items()}
    scans = [_dynamic(plan, shares, echo, rng, grid) for echo in ("spin", "gradient")]
    dwi = _diffusion(plan, shares, rng)
    white = contralateral(head, seat, radius_mm=_REFERENCE_MM)
    cbv = np.sum([PERFUSED[name].cbv * shares[name] for name in PERFUSED if name in shares], axis=0).astype(np.float32)
    t1w, flair = _anatomies(fractions, plan.enhancing, rng)
    return DscVisit(
        plan, grid, scans[1], scans[0], dwi, head.grid, t1w, flair,
        lesion=_whole(lesion, head), reference=white > 0.95, truth={**shares, "cbv": cbv},
    )  # fmt: skip


def _grid(plan: DscVisitPlan) -> Grid:
    affine = np.diag([-plan.voxel_mm[0], plan.voxel_mm[1], plan.voxel_mm[2], 1.0])
    affine[:3, 3] = _CENTRE_MM - affine[:3, :3] @ ((np.array(plan.shape) - 1) / 2)
    return Grid(plan.shape, affine)


def _whole(lesion: Lesion, head: Head) -> Mask:
    mask = np.zeros(head.grid.shape, dtype=bool)
    mask[lesion.box] = lesion.enhancing > 0.5
    return mask


def _dynamic(plan: DscVisitPlan, shares: Mapping[str, Map], echo: str, rng: np.random.Generator, grid: Grid) -> Map:
    """One DSC scan: signals of the tissues mixed by their shares, moved, with Rician noise."""
    spin = echo == "spin"
    scan, bolus = (plan.se, plan.bolus) if spin else (plan.ge, replace(plan.bolus, onset_s=plan.bolus.onset_s + plan.offset_s))
    model, te_s = (spin_echo, plan.echoes.te_se_s) if spin else (gradient_echo, plan.echoes.te_ge_s)
    names = [name for name in shares if name not in _PER_MM]
    curves = []
    for name in names:
        row = PERFUSED.get(name, Perfused(0.0, "balanced", 0.0, 1e-3))
        tissue = LeakyTissue(t1_s=TISSUES[name].t1_s)
        rate = row.cbv * vascular_at_frames(scan, bolus, plan.network, plan.echoes, row.architecture)[1 if spin else 0]
        leaked = leaked_mM(scan, bolus, np.array([row.ktrans_per_min]), tissue.ve)[0]
        curves.append(_weight(name, te_s, spin) * model(rate, leaked, scan=scan, te_s=te_s, tissue=tissue))
    fine_s = np.arange(0.0, scan.times_s[-1] + STEP_S, STEP_S)
    artery = artery_mM(fine_s, bolus)
    for name, blood in (("artery", artery), ("vein", compartments_mM(STEP_S, artery, plan.network)[1])):
        rate = _PER_MM[name][1 if spin else 0] * np.interp(scan.times_s, fine_s, blood)
        curves.append(_weight(name, te_s, spin) * model(rate, 0 * rate, scan=scan, te_s=te_s, tissue=LeakyTissue()))
        names.append(name)
    mixed = np.tensordot(np.stack([shares[name] for name in names], axis=-1), np.stack(curves).astype(np.float32), axes=1)
    clean = _moved(_BRIGHTNESS * mixed, draw_motion(rng, scan.frames, amount=plan.motion, centre_mm=_CENTRE_MM), grid)
    white = float(np.median(clean[..., 0][shares["white"] > 0.8]))
    return rician(clean, white / plan.snr0, rng)


def _weight(name: str, te_s: float, spin: bool) -> float:
    decay = 1 / _T2_S.get(name, 0.06) if spin else TISSUES[name].r2star_per_s
    return float(TISSUES[name].proton_density * np.exp(-te_s * decay))


def _moved(clean: Map, motion: HeadMotion, grid: Grid) -> Map:
    """Every frame seen after the head has moved; by cubic splines, since a head that moves is not a blurred one."""
    out = np.empty_like(clean)
    for frame in range(clean.shape[-1]):
        pose = rigid(motion.translation_mm[frame], motion.rotation_deg[frame], centre_mm=_CENTRE_MM)
        index = np.linalg.inv(grid.affine) @ np.linalg.inv(pose) @ grid.affine
        out[..., frame] = ndimage.affine_transform(
            np.ascontiguousarray(clean[..., frame]), index[:3, :3], index[:3, 3], output=np.float32, order=3, mode="nearest"
        )
    return np.maximum(out, 0)


def _diffusion(plan: DscVisitPlan, shares: Mapping[str, Map], rng: np.random.Generator) -> Map:
    images = []
    for b in plan.b_s_mm2:
        parts = [
            np.float32(TISSUES[name].proton_density * np.exp(-0.08 / _T2_S.get(name, 0.06) - b * PERFUSED[name].adc_mm2_s)) * part
            for name, part in shares.items()
            if name in PERFUSED
        ]
        images.append(_BRIGHTNESS * np.sum(parts, axis=0))
    clean = np.stack(images, axis=-1).astype(np.float32)
    return rician(clean, float(np.median(clean[..., 0][shares["white"] > 0.8])) / (0.5 * plan.snr0), rng)


def _anatomies(fractions: Mapping[str, Map], enhancing: str, rng: np.random.Generator) -> tuple[Map, Map]:
    """T1w after contrast agent, and FLAIR: looked at, never quantified."""
    t1w = {
        "white": 1.0,
        "grey": 0.7,
        "csf": 0.25,
        "oedema": 0.6,
        "core": 0.35,
        enhancing: 1.6,
        "vein": 1.6,
        "artery": 1.6,
        "dura": 1.4,
        "plexus": 1.5,
        "fat": 1.4,
        "marrow": 0.9,
        "muscle": 0.6,
        "mucosa": 1.3,
    }
    flair = {
        "white": 0.6,
        "grey": 0.75,
        "csf": 0.1,
        "oedema": 1.25,
        "core": 0.5,
        enhancing: 1.0,
        "fat": 0.9,
        "muscle": 0.4,
        "mucosa": 0.7,
        "dura": 0.5,
        "plexus": 0.7,
    }
    images = []
    for weights in (t1w, flair):
        clean = np.sum([np.float32(weights.get(name, 0.1)) * part for name, part in fractions.items()], axis=0).astype(np.float32)
        images.append(_BRIGHTNESS * rician(clean, 0.02, rng))
    return images[0], images[1]
