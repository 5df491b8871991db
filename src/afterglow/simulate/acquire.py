"""The series of a DCE examination on clocks of their own: dynamic SPGR, variable flip angles, map of the flip angle."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from afterglow.records.protocol import Anatomy
from afterglow.simulate.body import Body, Uptake, fine_grid, spgr_frame
from afterglow.simulate.inflow import arterial_inflow, excess
from afterglow.simulate.plan import Plan
from afterglow.simulate.scanner import HeadMotion, SmoothField, rician, storage_slope, stored
from afterglow.simulate.series import DigitalSeries
from afterglow.simulate.warp import rigid

Map = NDArray[np.float32]
Matrix = NDArray[np.float64]

_B1_STEP = 0.001
_B1_NOISE = 0.01


@dataclass(frozen=True, eq=False)
class Fields:
    """What the scanner's coils do at one visit."""

    receive: SmoothField
    flip_angle: SmoothField


def noise_sigma(body: Body, plan: Plan) -> float:
    """Noise of one DCE frame: the signal of pure white matter (muscle, where there is none) before contrast over the plan's SNR.

    Where no voxel is pure, those that come nearest speak for it.
    """
    before = spgr_frame(body, None, plan.dce, plan.agent, np.ones_like(body.density), np.eye(4))
    share = body.shares["white" if "white" in body.shares else "muscle"]
    return float(before[share > min(0.95, 0.95 * float(share.max()))].mean()) / plan.snr


def acquire_dce(
    body: Body, curves: Uptake, plan: Plan, fields: Fields, motion: HeadMotion, sigma: float,
    seeds: np.random.SeedSequence, workers: int, tick: Callable[[], None],
) -> DigitalSeries:  # fmt: skip
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
    image = stored(out, storage_slope(out), body.grid)
    return DigitalSeries(
        "dce",
        image,
        plan.dce,
        plan.field_t,
        plan.times_s,
        injection=plan.injection,
        agent=plan.agent,
        haematocrit=plan.haematocrit,
    )


def acquire_vfa(
    body: Body, plan: Plan, fields: Fields, pose: Matrix, sigma: float, rng: np.random.Generator
) -> tuple[DigitalSeries, ...]:
    """One image for each flip angle before contrast, all stored with one slope; `pose` is where the head lay then."""
    receive = fields.receive.at(body.grid)
    b1 = fields.flip_angle.at(fine_grid(body))[body.present]
    images = []
    inflow = arterial_inflow(body, plan.dce.tr_s, plan.inflow_mm_s)
    for flip_deg in plan.vfa_flips_deg:
        spgr = replace(plan.dce, flip_deg=flip_deg)
        fresh = None if inflow is None else (inflow.where, excess(inflow, 0.0, spgr, plan.agent, b1[inflow.where]))
        clean = spgr_frame(body, None, spgr, plan.agent, b1, pose, fresh)
        images.append(rician(clean * receive, sigma / np.sqrt(plan.vfa_averages), rng))
    slope = max(storage_slope(image) for image in images)
    return tuple(
        DigitalSeries("vfa", stored(image, slope, body.grid), replace(plan.dce, flip_deg=flip_deg), plan.field_t, number=number)
        for number, (flip_deg, image) in enumerate(zip(plan.vfa_flips_deg, images, strict=True), start=1)
    )


def acquire_b1(body: Body, plan: Plan, fields: Fields, rng: np.random.Generator) -> DigitalSeries:
    """Reached over nominal flip angle as a map with noise; 0 in air, as scanners store it."""
    head = np.sum(list(body.shares.values()), axis=0)
    measured = fields.flip_angle.at(body.grid) * (1 + _B1_NOISE * rng.standard_normal(body.grid.shape, dtype=np.float32))
    return DigitalSeries("b1", stored(measured * (head > 0.3), _B1_STEP, body.grid), Anatomy("TB1map"), plan.field_t)
