"""A head with a glioma in two DSC scans, diffusion and anatomy, its vessels and leaks known: one visit of a microvascular protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.protocol import Agent, Injection
from afterglow.simulate import anatomy_images, diffusion_images, dsc_truth
from afterglow.simulate.anatomy_images import ANATOMY_PLANS, AnatomyPlan, LateContrast, acquire_anatomy
from afterglow.simulate.body import Body, sample_body
from afterglow.simulate.diffusion_images import DWI_PLANS, acquire_dwi
from afterglow.simulate.dsc_scan import ROLES, DscScan, Echo, acquire_dsc, as_series
from afterglow.simulate.dsc_signal import HAEMATOCRIT, Scan
from afterglow.simulate.head import Head, make_head
from afterglow.simulate.head_scene import contralateral, scene_of
from afterglow.simulate.injections import CIRCULATION_S, Given, plasma
from afterglow.simulate.patient import DigitalPatient
from afterglow.simulate.scanner import HeadMotion, SmoothField, draw_motion
from afterglow.simulate.scene import Scene
from afterglow.simulate.series import DigitalExam, DigitalSeries, Outline, VisitTruth
from afterglow.simulate.story import LesionState, Perfusion, Story, VisitStory
from afterglow.simulate.template import load_template
from afterglow.simulate.tissues import with_barrier
from afterglow.simulate.tumour import Lesion, Seat, choose_seat, grow
from afterglow.simulate.vascular import Bolus, Echoes, Network

Map = NDArray[np.float32]

_CENTRE_MM = np.array([0.0, -18.0, 14.0])
_REFERENCE_MM = 20.0
_ANATOMY_MM = 2.0
_BRAIN_LEAK = 0.1
_STILL = np.eye(4)
_EVEN = SmoothField(np.eye(10)[0], _CENTRE_MM)  # coils that are alike everywhere
_DSC_ROLES = ("dsc-se", "dsc-ge")
_STARTS_S = {"FLAIR": 0.0, "dwi": 300.0, "dsc-se": 600.0}  # after the start of the visit; assumed
_LATE_S = 180.0  # T1w after the last injection; assumed
_DOSE_MMOL_KG, _RATE_ML_S = 0.1, 4.0
_DWI_SNR = 0.5  # of white matter at b = 0, against a frame of the DSC; assumed
_AGENT = Agent("gadoterate", 3.0, 4.9, "as the simulation file of stadlbauer2025")

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

    def scan(self, echo: Echo) -> DscScan:
        """One of the two dynamic scans."""
        later = replace(self.bolus, onset_s=self.bolus.onset_s + self.offset_s)
        scan, bolus = (self.se, self.bolus) if echo == "spin" else (self.ge, later)
        return DscScan(echo, scan, bolus, self.snr0, self.network, self.echoes)

    def start_s(self, echo: Echo) -> float:
        """Start of that scan after the start of the visit: the GE injection follows the earliest before it."""
        waits = max((seconds for seconds, _ in self.ge.earlier), default=0.0)
        return _STARTS_S["dsc-se"] + (waits if echo == "gradient" else 0.0)


@dataclass(frozen=True, eq=False)
class DscVisit:
    """A patient of one visit, and the plan it was scanned by."""

    plan: DscVisitPlan
    patient: DigitalPatient

    @property
    def exam(self) -> DigitalExam:
        return self.patient.visits[0]

    @property
    def truth(self) -> Mapping[str, Map]:
        """True maps on the grid of the DSC series by name: shares of the tissues, cbv, mti, nmti."""
        return {one.quantity: one.values for one in self.exam.truth.maps if one.space in _DSC_ROLES}


def simulate_dsc_visit(plan: DscVisitPlan, *, seed: int) -> DscVisit:
    """One visit; the same plan and seed give the same bytes."""
    rng = np.random.default_rng(seed)
    seat = choose_seat(rng)
    share = 1.0 if plan.enhancing == "tumour" else 0.0
    state = LesionState(plan.volume_ml, share, _LEAKY["tumour"], _LEAKY["scar"], rim_mm=8.0, ragged_mm=1.5, oedema_mm=14.0)
    head = make_head(load_template(), spacing_mm=_ANATOMY_MM, rng=rng, pushed_from=seat.push(state))
    lesion = grow(head, seat, (state,), rng)[0]
    visit = VisitStory("01", 0.0, state, (*_DSC_ROLES, "dwi", "FLAIR", "CE-T1w"))
    exam = _scanned(plan, visit, scene_of(head, lesion, with_barrier(_BRAIN_LEAK)), _outlines(head, seat, lesion), rng)
    story = Story("01", plan.enhancing, {"diagnosis": "glioma"}, (visit,))
    return DscVisit(plan, DigitalPatient(story, (exam,), "Simulated patient with a glioma, scanned twice by DSC.", seed))


def _scanned(
    plan: DscVisitPlan, visit: VisitStory, scene: Scene, outlines: tuple[Outline, ...], rng: np.random.Generator
) -> DigitalExam:
    """Both DSC scans on a slab of the body, diffusion on the same slab, anatomy on the scene's own grid."""
    body = sample_body(scene, _grid(plan), _STILL)
    se, se_motion = _dynamic(plan, body, "spin", rng)
    ge, ge_motion = _dynamic(plan, body, "gradient", rng)
    made = replace(DWI_PLANS["b 0, 1000, 2000"], b_s_mm2=plan.b_s_mm2, snr=_DWI_SNR * plan.snr0)
    dwi = acquire_dwi(scene, body.grid, _STILL, made, receive=_EVEN, rng=rng)
    weighted = diffusion_images.as_series(made, dwi.image, field_t=plan.echoes.field_t, start_s=_STARTS_S["dwi"])
    t1w = _anatomy(scene, ANATOMY_PLANS["CE-T1w 3D"], plan, _late(plan), rng)
    flair = _anatomy(scene, ANATOMY_PLANS["FLAIR 2D"], plan, None, rng)
    maps = dsc_truth.true_maps(body, plan.bolus, plan.network, plan.echoes, both=True, space=se.role)
    series = (flair, weighted, se, ge, t1w)
    truth = VisitTruth(
        (*maps, *dwi.maps), motion={se.role: se_motion, ge.role: ge_motion}, transforms=dict.fromkeys(visit.roles, _STILL),
        labels=anatomy_images.true_labels(scene, scene.grid, _STILL, t1w.role),
    )  # fmt: skip
    return DigitalExam(visit.session, visit.day, series, None, outlines, truth)


def _grid(plan: DscVisitPlan) -> Grid:
    affine = np.diag([-plan.voxel_mm[0], plan.voxel_mm[1], plan.voxel_mm[2], 1.0])
    affine[:3, 3] = _CENTRE_MM - affine[:3, :3] @ ((np.array(plan.shape) - 1) / 2)
    return Grid(plan.shape, affine)


def _dynamic(plan: DscVisitPlan, body: Body, echo: Echo, rng: np.random.Generator) -> tuple[DigitalSeries, HeadMotion]:
    """One DSC scan, and how the head moved in it."""
    made = plan.scan(echo)
    motion = draw_motion(rng, made.scan.frames, amount=plan.motion, centre_mm=_CENTRE_MM)
    seeds = np.random.SeedSequence(int(rng.integers(2**32)))
    image = acquire_dsc(body, made, motion, np.ones(body.grid.shape, np.float32), seeds)
    injection = Injection(_AGENT.name, _DOSE_MMOL_KG, made.bolus.onset_s - CIRCULATION_S, _RATE_ML_S)
    return as_series(made, image, injection, start_s=plan.start_s(echo), haematocrit=None), motion


def _late(plan: DscVisitPlan) -> LateContrast:
    """What is left of all injections when the T1w image is taken, on the clock of the visit."""
    last_s = plan.start_s("gradient") + plan.scan("gradient").bolus.onset_s - CIRCULATION_S
    doses = ((0.0, 1.0), *plan.ge.earlier)
    given = tuple(Given(ROLES["gradient"], last_s - s, _DOSE_MMOL_KG * share, CIRCULATION_S, 1.0) for s, share in doses)
    bolus = plasma(given, until_s=last_s + _LATE_S, haematocrit=HAEMATOCRIT, scale=1.0)
    return LateContrast(bolus, _AGENT, last_s + _LATE_S)


def _anatomy(
    scene: Scene, made: AnatomyPlan, plan: DscVisitPlan, late: LateContrast | None, rng: np.random.Generator
) -> DigitalSeries:
    image = acquire_anatomy(scene, scene.grid, _STILL, made, late=late, receive=_EVEN, rng=rng)
    start_s = _STARTS_S[made.role] if late is None else late.at_s
    return anatomy_images.as_series(made, image, scene.tissues, field_t=plan.echoes.field_t, start_s=start_s)


def _outlines(head: Head, seat: Seat, lesion: Lesion) -> tuple[Outline, ...]:
    """Enhancing tissue, and white matter of the other side, on the head's own grid."""
    mask = np.zeros(head.grid.shape, dtype=bool)
    mask[lesion.box] = lesion.enhancing > 0.5
    white = contralateral(head, seat, radius_mm=_REFERENCE_MM)
    return Outline("lesion", mask, head.grid), Outline("reference", white > 0.95, head.grid)
