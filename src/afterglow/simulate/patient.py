"""A digital patient: two visits with everything a scanner would give, and the truth behind them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.course import Treatment
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.records.protocol import Agent, Injection, Spgr
from afterglow.simulate.acquire import Fields, acquire_b1, acquire_dce, acquire_t1w, acquire_vfa, noise_sigma
from afterglow.simulate.body import Body, on_series, sample_body, uptake
from afterglow.simulate.dce import Bolus, make_bolus
from afterglow.simulate.head import Head, make_head
from afterglow.simulate.head_scene import contralateral, scene_of
from afterglow.simulate.plan import Plan
from afterglow.simulate.scanner import HeadMotion, Image, draw_motion, flip_angle_field, receive_field
from afterglow.simulate.scenario import SCENARIOS, Scenario
from afterglow.simulate.template import load_template
from afterglow.simulate.tumour import Lesion, Seat, choose_seat, grow
from afterglow.simulate.warp import resample, rigid

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Matrix = NDArray[np.float64]
Progress = Callable[[int, int], None]

_HEAD_CENTRE_MM = np.array([0.0, -18.0, 10.0])
_SLAB_CENTRE_MM = np.array([0.0, -18.0, 14.0])
_ANATOMY_CENTRE_MM = np.array([0.0, -6.0, 18.0])
_SLAB_TILT_DEG = -7.0  # axial slabs are tilted to the frontal base
_REFERENCE_MM = 13.0


@dataclass(frozen=True, eq=False)
class Truth:
    """What the scanner did not know. Maps (i, j, k) lie on the grid of the dynamic series, head as in its first frame.

    maps: ktrans (/min), ve, vp (volume averages, 0 where nothing leaks), t1 (s), delay (s, weighted by vp; NaN without
    perfusion), b1, and the tissue shares enhancing, core, oedema, white. Curves are plasma concentrations in mM.
    """

    maps: Mapping[str, Map]
    bolus: Bolus
    motion: HeadMotion
    world_to_head: Matrix  # (4, 4) scanner mm of the DCE to the head's own mm, the same head at every visit
    anatomy_world_to_head: Matrix
    noise_sigma: float


@dataclass(frozen=True, eq=False)
class DigitalVisit:
    """One visit as acquired. Times are those of the centre of k-space on the series' own clock."""

    session: str
    day: float
    dce: Image  # (i, j, k, t)
    times_s: NDArray[np.float64]  # (t,)
    spgr: Spgr
    injection: Injection
    agent: Agent
    haematocrit: float
    vfa: tuple[tuple[float, Image], ...]  # flip angle in degrees and image; TR and TE as the DCE's
    b1: Image  # reached over nominal flip angle
    t1w: Image  # after contrast agent
    lesion_t1w: Mask  # enhancing tissue, on the T1w grid
    lesion_dce: Mask  # the same on the DCE grid
    reference_t1w: Mask  # contralateral normal-appearing white matter
    reference_dce: Mask
    truth: Truth

    def __post_init__(self) -> None:
        for name in ("times_s", "lesion_t1w", "lesion_dce", "reference_t1w", "reference_dce"):
            object.__setattr__(self, name, locked(getattr(self, name)))


@dataclass(frozen=True, eq=False)
class DigitalPatient:
    """Visits in order, what was done between them, and the story in a sentence."""

    visits: tuple[DigitalVisit, ...]
    treatments: tuple[Treatment, ...]
    scenario: Scenario
    description: str
    seed: int


def simulate_patient(
    scenario: str, *, seed: int, plan: Plan, workers: int = 1, progress: Progress | None = None
) -> DigitalPatient:
    """A patient of that scenario before and after treatment; the same seed gives the same bytes.

    `progress` is called with (frames done, frames in all). BadInput for a scenario that does not exist.
    """
    if scenario not in SCENARIOS:
        raise BadInput(f"scenario {scenario!r} is not known; there are {', '.join(SCENARIOS)}")
    story = SCENARIOS[scenario]
    anatomy_seed, *visit_seeds = np.random.SeedSequence(seed).spawn(1 + len(story.states))
    rng = np.random.default_rng(anatomy_seed)
    seat = choose_seat(rng)
    head = make_head(load_template(), spacing_mm=plan.head_spacing_mm, rng=rng, pushed_from=seat.push(story.states[0]))
    lesions = grow(head, seat, story.states, rng)
    done = _counter(progress, plan.n_frames * len(lesions))
    visits = tuple(
        _visit(f"{n + 1:02d}", story.days[n], head, seat, lesion, plan, visit_seeds[n], workers, done)
        for n, lesion in enumerate(lesions)
    )
    treatment = Treatment("radiosurgery", story.treatment_day, dose_gy=story.dose_gy, fractions=1, target="metastasis")
    side = "right" if seat.centre_mm[0] > 0 else "left"
    words = f"Simulated patient with a brain metastasis in the {side} hemisphere, treated by radiosurgery; later {story.truth}."
    return DigitalPatient(visits, (treatment,), story, words, seed)


def _counter(progress: Progress | None, total: int) -> Callable[[], None]:
    count = 0

    def tick() -> None:
        nonlocal count
        count += 1
        if progress is not None:
            progress(count, total)

    return tick


def _visit(
    session: str, day: float, head: Head, seat: Seat, lesion: Lesion, plan: Plan,
    seeds: np.random.SeedSequence, workers: int, tick: Callable[[], None],
) -> DigitalVisit:  # fmt: skip
    rng = np.random.default_rng(seeds)
    pose, pose_t1w, pose_vfa = _poses(rng, plan)
    grid, anatomy_grid = _slab(plan), _anatomy_grid(plan)
    scene = scene_of(head, lesion)
    start_s = plan.injection.start_s or 0.0
    until_s = max(plan.n_frames * plan.frame_s, start_s + plan.anatomy_delay_s)
    bolus = make_bolus(start_s=start_s, until_s=until_s, haematocrit=plan.haematocrit, scale=float(np.exp(rng.normal(0, 0.08))))
    fields = Fields(receive_field(rng, plan.bias_spread, _HEAD_CENTRE_MM), flip_angle_field(rng, plan.b1_spread, _HEAD_CENTRE_MM))
    body = sample_body(scene, grid, pose)
    motion = draw_motion(rng, plan.n_frames, amount=plan.motion, centre_mm=_HEAD_CENTRE_MM)
    times_s = np.arange(plan.n_frames, dtype=np.float64) * plan.frame_s
    sigma = noise_sigma(body, plan)
    dce = acquire_dce(body, uptake(body, bolus, times_s), plan, fields, motion, sigma, seeds, workers, tick)
    vfa = acquire_vfa(body, plan, fields, pose_vfa, sigma, rng)
    t1w = acquire_t1w(scene, anatomy_grid, pose_t1w, bolus, plan, fields, rng)
    white = contralateral(head, seat, radius_mm=_REFERENCE_MM)
    maps = true_maps(body, fields, bolus)
    return DigitalVisit(
        session, day, dce, times_s, plan.dce, plan.injection, plan.agent, plan.haematocrit, vfa, acquire_b1(body, fields, rng), t1w,
        lesion_t1w=resample(lesion.enhancing, lesion.grid, anatomy_grid, pose_t1w) > 0.5,
        lesion_dce=maps["enhancing"] > 0.5,
        reference_t1w=resample(white, head.grid, anatomy_grid, pose_t1w) > 0.95,
        reference_dce=(resample(white, head.grid, grid, pose) > 0.9) & (maps["white"] > 0.95),
        truth=Truth(maps, bolus, motion, pose, pose_t1w, sigma),
    )  # fmt: skip


def true_maps(body: Body, fields: Fields, bolus: Bolus) -> dict[str, Map]:
    """Volume averages of the parameters in each voxel of the series."""
    rows = [body.table[name] for name in body.tissues]
    blood = 1.0 - bolus.haematocrit

    def total(values: list[float], drawn: list[Map]) -> Map:
        mixed = body.amounts @ np.array(values, dtype=np.float32)
        for one, amount in zip(body.drawn, drawn, strict=True):
            mixed[one.where] += amount
        return on_series(body, mixed)

    perfused = total([t.vp + blood * bool(t.blood) for t in rows], [one.vp for one in body.drawn])
    late = total([t.vp * t.delay_s for t in rows], [one.vp * np.float32(one.delay_s) for one in body.drawn])
    density, rate = on_series(body, body.density), on_series(body, body.density * body.r1_per_s)
    with np.errstate(divide="ignore", invalid="ignore"):
        delay = np.where(perfused > 1e-4, late / perfused, np.nan).astype(np.float32)
        t1_s = np.where(density > 0.1, density / rate, np.nan).astype(np.float32)
    none = np.zeros(body.grid.shape, np.float32)
    shares = {
        name: body.shares.get(name, none) for name in ("tumour", "scar", "infiltration", "core", "cavity", "oedema", "white")
    }
    return {
        "ktrans": total([t.ktrans_per_min for t in rows], [one.ktrans_per_min for one in body.drawn]),
        "ve": total([t.ve for t in rows], [one.ve for one in body.drawn]),
        "vp": perfused,
        "t1": t1_s,
        "delay": delay,
        "b1": fields.flip_angle.at(body.grid),
        "enhancing": shares["tumour"] + shares["scar"],
        **shares,
    }


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
