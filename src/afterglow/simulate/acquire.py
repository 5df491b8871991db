"""The series of one visit: dynamic SPGR, variable flip angles, flip-angle map, contrast-enhanced T1w."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.protocol import Spgr
from afterglow.simulate.body import Body, Uptake, fine_grid, spgr_frame
from afterglow.simulate.dce import Bolus, extended_tofts_curves, tissue_curve
from afterglow.simulate.inflow import arterial_inflow, excess
from afterglow.simulate.plan import Plan
from afterglow.simulate.scanner import HeadMotion, Image, SmoothField, rician, storage_slope, stored
from afterglow.simulate.scene import Scene
from afterglow.simulate.warp import resample, rigid

Map = NDArray[np.float32]
Matrix = NDArray[np.float64]

# Inversion-prepared 3D gradient echo; the anatomical image is looked at, never quantified.
_INVERSION_S, _REPEAT_S = 0.90, 2.0
_B1_STEP = 0.001
_B1_NOISE = 0.01


@dataclass(frozen=True, eq=False)
class Fields:
    """What the scanner's coils do at one visit."""

    receive: SmoothField
    flip_angle: SmoothField


def noise_sigma(body: Body, plan: Plan) -> float:
    """Noise of one DCE frame: the signal of pure white matter (muscle, where there is none) before contrast over the plan's SNR."""
    before = spgr_frame(body, None, plan.dce, plan.agent, np.ones_like(body.density), np.eye(4))
    pure = body.shares["white" if "white" in body.shares else "muscle"] > 0.95
    return float(before[pure].mean()) / plan.snr


def acquire_dce(
    body: Body, curves: Uptake, plan: Plan, fields: Fields, motion: HeadMotion, sigma: float,
    seeds: np.random.SeedSequence, workers: int, tick: Callable[[], None],
) -> Image:  # fmt: skip
    """The dynamic series (i, j, k, t). Frames are drawn from seeds of their own, so the number of workers changes nothing."""
    receive = fields.receive.at(body.grid)
    b1 = fields.flip_angle.at(fine_grid(body))[body.present]
    children = seeds.spawn(plan.n_frames)
    inflow = arterial_inflow(body, plan.dce.tr_s, plan.inflow_mm_s)
    out = np.empty((*body.grid.shape, plan.n_frames), dtype=np.float32)

    def one(frame: int) -> None:
        pose = rigid(motion.translation_mm[frame], motion.rotation_deg[frame], centre_mm=motion.centre_mm)
        fresh = None
        if inflow is not None:
            blood_mM = float(curves.tissue_mM[inflow.column, frame])
            fresh = (inflow.where, excess(inflow, blood_mM, plan.dce, plan.agent, b1[inflow.where]))
        clean = spgr_frame(body, curves.at(body, frame), plan.dce, plan.agent, b1, pose, fresh)
        out[..., frame] = rician(clean * receive, sigma, np.random.default_rng(children[frame]))

    with ThreadPoolExecutor(max_workers=workers) as pool:
        for _ in pool.map(one, range(plan.n_frames)):
            tick()
    return stored(out, storage_slope(out), body.grid)


def acquire_vfa(
    body: Body, plan: Plan, fields: Fields, pose: Matrix, sigma: float, rng: np.random.Generator
) -> tuple[tuple[float, Image], ...]:
    """One image for each flip angle before contrast, all stored with one slope; `pose` is where the head lay then."""
    receive = fields.receive.at(body.grid)
    b1 = fields.flip_angle.at(fine_grid(body))[body.present]
    images = []
    inflow = arterial_inflow(body, plan.dce.tr_s, plan.inflow_mm_s)
    for flip_deg in plan.vfa_flips_deg:
        spgr = Spgr(plan.dce.tr_s, plan.dce.te_s, flip_deg, plan.dce.field_t)
        fresh = None if inflow is None else (inflow.where, excess(inflow, 0.0, spgr, plan.agent, b1[inflow.where]))
        clean = spgr_frame(body, None, spgr, plan.agent, b1, pose, fresh)
        images.append(rician(clean * receive, sigma / np.sqrt(plan.vfa_averages), rng))
    slope = max(storage_slope(image) for image in images)
    return tuple((flip, stored(image, slope, body.grid)) for flip, image in zip(plan.vfa_flips_deg, images, strict=True))


def acquire_b1(body: Body, fields: Fields, rng: np.random.Generator) -> Image:
    """Reached over nominal flip angle as a map with noise; 0 in air, as scanners store it."""
    head = np.sum(list(body.shares.values()), axis=0)
    measured = fields.flip_angle.at(body.grid) * (1 + _B1_NOISE * rng.standard_normal(body.grid.shape, dtype=np.float32))
    return stored(measured * (head > 0.3), _B1_STEP, body.grid)


def acquire_t1w(
    scene: Scene, grid: Grid, world_to_body: Matrix, bolus: Bolus, plan: Plan, fields: Fields, rng: np.random.Generator
) -> Image:
    """The contrast-enhanced T1w image, minutes after the bolus."""
    late_s = np.array([(plan.injection.start_s or 0.0) + plan.anatomy_delay_s])
    density, r1, agent = (np.zeros(scene.grid.shape, np.float32) for _ in range(3))
    for name, part in scene.fractions.items():
        tissue = scene.tissues[name]
        density += np.float32(tissue.proton_density * np.exp(-0.003 * tissue.r2star_per_s)) * part
        r1 += np.float32(tissue.proton_density / tissue.t1_s) * part
        if name not in scene.drawn and (tissue.vp > 0 or tissue.blood):
            amount = np.float32(tissue_curve(bolus, tissue, late_s)[0])
            agent += amount * (part * scene.texture if name in scene.textured else part)
    for one in scene.drawn.values():
        where = one.ve > 1e-4
        drawn = (one.ktrans_per_min[where], one.ve[where], one.vp[where])
        agent[one.box][where] += extended_tofts_curves(bolus, *drawn, delay_s=one.delay_s, at_s=late_s)[:, 0]
    r1 = r1 / np.maximum(density, 0.02) + np.float32(plan.agent.r1_per_mM_s) * agent
    signal = density * np.abs(1 - 2 * np.exp(-_INVERSION_S * r1) + np.exp(-_REPEAT_S * r1))
    white = float(signal[scene.fractions["white"] > 0.98].mean())
    clean = resample(signal.astype(np.float32), scene.grid, grid, world_to_body)
    image = rician(clean * fields.receive.at(grid), white / plan.anatomy_snr, rng)
    return stored(image, storage_slope(np.minimum(image, 4 * white)), grid)
