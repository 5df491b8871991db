"""A head with a glioma in two DSC scans, diffusion and anatomy, its vessels and leaks known: one visit of a microvascular protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.simulate.body import Body, sample_body
from afterglow.simulate.dsc_scan import DscScan, acquire_dsc
from afterglow.simulate.dsc_signal import Scan
from afterglow.simulate.dsc_truth import true_cbv
from afterglow.simulate.head import make_head
from afterglow.simulate.head_scene import contralateral, scene_of
from afterglow.simulate.scanner import draw_motion, rician
from afterglow.simulate.story import LesionState, Perfusion
from afterglow.simulate.template import load_template
from afterglow.simulate.tissues import with_barrier
from afterglow.simulate.tumour import choose_seat, grow
from afterglow.simulate.vascular import Bolus, Echoes, Network

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

_CENTRE_MM = np.array([0.0, -18.0, 14.0])
_REFERENCE_MM = 20.0
_ANATOMY_MM = 2.0
_BRIGHTNESS = 800.0
_BRAIN_LEAK = 0.1


# Of the lesion; assumed.
_LEAKY = {
    "tumour": Perfusion(ktrans_per_min=0.03, ve=0.5, vp=0.035, spread=0.0, architecture="venule"),
    "scar": Perfusion(ktrans_per_min=0.03, ve=0.5, vp=0.007, spread=0.0, architecture="balanced"),
}


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
    share = 1.0 if plan.enhancing == "tumour" else 0.0
    state = LesionState(plan.volume_ml, share, _LEAKY["tumour"], _LEAKY["scar"], rim_mm=8.0, ragged_mm=1.5, oedema_mm=14.0)
    head = make_head(load_template(), spacing_mm=_ANATOMY_MM, rng=rng, pushed_from=seat.push(state))
    lesion = grow(head, seat, (state,), rng)[0]
    scene = scene_of(head, lesion, with_barrier(_BRAIN_LEAK))
    body = sample_body(scene, _grid(plan), np.eye(4))
    se, ge = (_dynamic(plan, body, echo, rng) for echo in ("spin", "gradient"))
    dwi = _diffusion(plan, body, rng)
    white = contralateral(head, seat, radius_mm=_REFERENCE_MM)
    t1w, flair = _anatomies(scene.fractions, plan.enhancing, rng)
    mask = np.zeros(head.grid.shape, dtype=bool)
    mask[lesion.box] = lesion.enhancing > 0.5
    return DscVisit(
        plan, body.grid, ge, se, dwi, head.grid, t1w, flair,
        lesion=mask, reference=white > 0.95, truth={**body.shares, "cbv": true_cbv(body)},
    )  # fmt: skip


def _grid(plan: DscVisitPlan) -> Grid:
    affine = np.diag([-plan.voxel_mm[0], plan.voxel_mm[1], plan.voxel_mm[2], 1.0])
    affine[:3, 3] = _CENTRE_MM - affine[:3, :3] @ ((np.array(plan.shape) - 1) / 2)
    return Grid(plan.shape, affine)


def _dynamic(plan: DscVisitPlan, body: Body, echo: Literal["spin", "gradient"], rng: np.random.Generator) -> Map:
    """One DSC scan as the scanner stores it."""
    later = replace(plan.bolus, onset_s=plan.bolus.onset_s + plan.offset_s)
    scan, bolus = (plan.se, plan.bolus) if echo == "spin" else (plan.ge, later)
    made = DscScan(echo, scan, bolus, plan.snr0, plan.network, plan.echoes)
    motion = draw_motion(rng, scan.frames, amount=plan.motion, centre_mm=_CENTRE_MM)
    seeds = np.random.SeedSequence(int(rng.integers(2**32)))
    image = acquire_dsc(body, made, motion, np.ones(body.grid.shape, np.float32), seeds)
    return image.stored.astype(np.float32)


def _diffusion(plan: DscVisitPlan, body: Body, rng: np.random.Generator) -> Map:
    images = []
    for b in plan.b_s_mm2:
        rows = {name: body.table[name] for name in body.shares}
        parts = [
            np.float32(row.proton_density * (1 - row.fat) * np.exp(-0.08 / row.t2_s - b * row.adc_mm2_s)) * body.shares[name]
            for name, row in rows.items()
        ]
        images.append(_BRIGHTNESS * np.sum(parts, axis=0))
    clean = np.stack(images, axis=-1).astype(np.float32)
    return rician(clean, float(np.median(clean[..., 0][body.shares["white"] > 0.8])) / (0.5 * plan.snr0), rng)


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
