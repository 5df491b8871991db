"""A digital patient: visits with everything a scanner would give, the story behind them, and what only the truth knows."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.simulate.acquire import Fields, acquire_b1, acquire_dce, acquire_vfa, noise_sigma
from afterglow.simulate.anatomy_images import ANATOMY_PLANS, LateContrast, acquire_anatomy, as_series, true_labels
from afterglow.simulate.body import sample_body, uptake
from afterglow.simulate.dce import make_bolus
from afterglow.simulate.dce_truth import plasma_table, true_maps
from afterglow.simulate.head import Head, make_head
from afterglow.simulate.head_scene import contralateral, scene_of
from afterglow.simulate.plan import Plan
from afterglow.simulate.scanner import draw_motion, flip_angle_field, receive_field
from afterglow.simulate.scenario import SCENARIOS
from afterglow.simulate.scene import Scene
from afterglow.simulate.series import DigitalExam, DigitalSeries, Outline, TrueMap, VisitTruth
from afterglow.simulate.story import Story, VisitStory
from afterglow.simulate.template import load_template
from afterglow.simulate.tumour import Lesion, Seat, choose_seat, grow
from afterglow.simulate.warp import resample, rigid

Map = NDArray[np.float32]
Matrix = NDArray[np.float64]
Progress = Callable[[int, int], None]

_HEAD_CENTRE_MM = np.array([0.0, -18.0, 10.0])
_SLAB_CENTRE_MM = np.array([0.0, -18.0, 14.0])
_ANATOMY_CENTRE_MM = np.array([0.0, -6.0, 18.0])
_SLAB_TILT_DEG = -7.0  # axial slabs are tilted to the frontal base
_REFERENCE_MM = 13.0
_VFA_START_S, _DCE_START_S = 60.0, 120.0  # after the start of the visit, which begins with the map of the flip angle; assumed


@dataclass(frozen=True, eq=False)
class DigitalPatient:
    """A story, its visits as acquired in the same order, and the patient in a sentence."""

    story: Story
    visits: tuple[DigitalExam, ...]
    description: str
    seed: int


@dataclass(frozen=True, eq=False)
class _Anatomy:
    """The head, where its lesion sits and what it is at this visit."""

    head: Head
    seat: Seat
    lesion: Lesion

    def scene(self) -> Scene:
        return scene_of(self.head, self.lesion)

    def reference(self, grid: Grid, pose: Matrix) -> Map:
        """Share (i, j, k) of white matter of the other side."""
        return resample(contralateral(self.head, self.seat, radius_mm=_REFERENCE_MM), self.head.grid, grid, pose)


def simulate_patient(
    scenario: str, *, seed: int, plan: Plan, workers: int = 1, progress: Progress | None = None
) -> DigitalPatient:
    """A patient of that scenario before and after treatment; the same seed gives the same bytes.

    `progress` is called with (frames done, frames in all). BadInput for a scenario that does not exist.
    """
    if scenario not in SCENARIOS:
        raise BadInput(f"scenario {scenario!r} is not known; there are {', '.join(SCENARIOS)}")
    story, states = SCENARIOS[scenario].story(), SCENARIOS[scenario].states
    anatomy_seed, *visit_seeds = np.random.SeedSequence(seed).spawn(1 + len(states))
    rng = np.random.default_rng(anatomy_seed)
    seat = choose_seat(rng)
    head = make_head(load_template(), spacing_mm=plan.head_spacing_mm, rng=rng, pushed_from=seat.push(states[0]))
    lesions = grow(head, seat, states, rng)
    done = _counter(progress, plan.n_frames * len(lesions))
    visits = tuple(
        _visit(visit, _Anatomy(head, seat, lesion), plan, seeds, workers, done)
        for visit, lesion, seeds in zip(story.visits, lesions, visit_seeds, strict=True)
    )
    side = "right" if seat.centre_mm[0] > 0 else "left"
    words = (
        f"Simulated patient with a brain metastasis in the {side} hemisphere, treated by radiosurgery; "
        f"later {SCENARIOS[scenario].truth}."
    )
    return DigitalPatient(story, visits, words, seed)


def _counter(progress: Progress | None, total: int) -> Callable[[], None]:
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1
        if progress is not None:
            progress(count, total)

    return tick


def _visit(
    story: VisitStory, anatomy: _Anatomy, plan: Plan, seeds: np.random.SeedSequence, workers: int, tick: Callable[[], None]
) -> DigitalExam:
    """One visit scanned. The order of the draws is part of a patient's bytes: pose, bolus, fields, motion, VFA, T1w, B1."""
    rng = np.random.default_rng(seeds)
    pose, pose_t1w, pose_vfa = _poses(rng, plan)
    scene = anatomy.scene()
    start_s = plan.injection.start_s or 0.0
    late_s = start_s + plan.anatomy_delay_s
    until_s = max(plan.n_frames * plan.frame_s, late_s)
    bolus = make_bolus(start_s=start_s, until_s=until_s, haematocrit=plan.haematocrit, scale=float(np.exp(rng.normal(0, 0.08))))
    fields = Fields(receive_field(rng, plan.bias_spread, _HEAD_CENTRE_MM), flip_angle_field(rng, plan.b1_spread, _HEAD_CENTRE_MM))
    body = sample_body(scene, _slab(plan), pose)
    motion = draw_motion(rng, plan.n_frames, amount=plan.motion, centre_mm=_HEAD_CENTRE_MM)
    sigma = noise_sigma(body, plan)
    dce = acquire_dce(body, uptake(body, bolus, plan.times_s), plan, fields, motion, sigma, seeds, workers, tick)
    vfa = acquire_vfa(body, plan, fields, pose_vfa, sigma, rng)
    t1w = _contrast_t1w(scene, pose_t1w, plan, LateContrast(bolus, plan.agent, late_s), fields, rng)
    b1 = acquire_b1(body, plan, fields, rng)
    series = (b1, *(replace(one, start_s=_VFA_START_S) for one in vfa), replace(dce, start_s=_DCE_START_S), t1w)
    reference = TrueMap("reference", "1", anatomy.reference(body.grid, pose), body.grid, "dce")
    truth = VisitTruth(
        (*true_maps(body, fields, bolus), reference), {"plasma_dce": plasma_table(bolus)}, {"dce": motion},
        {"dce": pose, "CE-T1w": pose_t1w}, {"noise_dce": sigma}, true_labels(scene, t1w.image.grid, pose_t1w, t1w.role),
    )  # fmt: skip
    return DigitalExam(story.session, story.day, series, None, _outlines(anatomy, t1w.image.grid, pose_t1w), truth)


def _contrast_t1w(
    scene: Scene, pose: Matrix, plan: Plan, late: LateContrast, fields: Fields, rng: np.random.Generator
) -> DigitalSeries:
    made = replace(ANATOMY_PLANS["CE-T1w 3D"], snr=plan.anatomy_snr)
    image = acquire_anatomy(scene, _anatomy_grid(plan), pose, made, late=late, receive=fields.receive, rng=rng)
    return as_series(made, image, scene.tissues, field_t=plan.field_t, start_s=_DCE_START_S + late.at_s)


def _outlines(anatomy: _Anatomy, grid: Grid, pose: Matrix) -> tuple[Outline, ...]:
    """Enhancing tissue, and normal-appearing white matter of the other side, as drawn on the T1w image."""
    lesion = resample(anatomy.lesion.enhancing, anatomy.lesion.grid, grid, pose) > 0.5
    return Outline("lesion", lesion, grid), Outline("reference", anatomy.reference(grid, pose) > 0.95, grid)


def _poses(rng: np.random.Generator, plan: Plan) -> tuple[Matrix, Matrix, Matrix]:
    """Scanner mm -> head mm for the DCE and the T1w series, and how the head lay in the VFA against the DCE."""

    def small(shift_mm: float, turn_deg: float) -> Matrix:
        return rigid(rng.normal(0, shift_mm, 3), rng.normal(0, turn_deg, 3), centre_mm=_HEAD_CENTRE_MM)

    pose = small(3.0, 2.5)
    return pose, pose @ small(0.7 * plan.motion, 0.5 * plan.motion), small(0.3 * plan.motion, 0.2 * plan.motion)


def _slab(plan: Plan) -> Grid:
    tilt = rigid(np.zeros(3), np.array([_SLAB_TILT_DEG, 0.0, 0.0]), centre_mm=np.zeros(3))
    return _centred(plan.dce_shape, plan.dce_voxel_mm, _SLAB_CENTRE_MM, tilt)


def _anatomy_grid(plan: Plan) -> Grid:
    step = plan.head_spacing_mm
    return _centred(plan.anatomy_shape, (step, step, step), _ANATOMY_CENTRE_MM, np.eye(4))


def _centred(shape: tuple[int, int, int], voxel_mm: tuple[float, float, float], centre_mm: Matrix, turn: Matrix) -> Grid:
    """A grid about a centre, stored from right to left as dcm2niix leaves axial series."""
    affine = turn @ np.diag([-voxel_mm[0], voxel_mm[1], voxel_mm[2], 1.0])
    affine[:3, 3] = centre_mm - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)
