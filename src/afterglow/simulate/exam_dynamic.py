"""The dynamic series of a simulated visit: DCE with its flip angles and field map, DSC by both echoes; with their truth."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

from afterglow.records.grid import Grid
from afterglow.records.protocol import Injection
from afterglow.simulate import dce_truth, dsc_truth
from afterglow.simulate.acquire import acquire_b1, acquire_dce, acquire_vfa, noise_sigma
from afterglow.simulate.acquisition import DceProtocol, DscProtocol
from afterglow.simulate.body import sample_body, uptake
from afterglow.simulate.dsc_scan import DscScan, acquire_dsc, as_series
from afterglow.simulate.dsc_signal import Scan
from afterglow.simulate.exam_plans import dce_plan, dynamic_voxels
from afterglow.simulate.exam_visit import Visit
from afterglow.simulate.geometry import interleaved_s, series_grid
from afterglow.simulate.injections import first_pass, on_clock_of
from afterglow.simulate.scanner import HeadMotion, draw_motion
from afterglow.simulate.series import DigitalSeries, VisitTruth
from afterglow.simulate.vascular import Echoes, Network, artery_mM
from afterglow.simulate.warp import rigid

Map = NDArray[np.float32]
Matrix = NDArray[np.float64]

_VFA_BEFORE_S = 60.0  # the flip angles start this long before the dynamic series; assumed
_DSC_MOTION = 0.4  # of the patient's motion: a DSC scan lasts two minutes, a DCE five
_PLASMA_TABLE_S = 1.0


@dataclass(frozen=True, eq=False)
class Scanned:
    """What one acquisition adds to a visit."""

    series: tuple[DigitalSeries, ...]
    truth: VisitTruth


def scan_dce(visit: Visit, made: DceProtocol, workers: int) -> Scanned:
    """The dynamic series, one image for each flip angle, and the map of the transmit field, where the visit has them."""
    plan = dce_plan(visit.acquisition, visit.size)
    grid = _slab(visit, made.plane, plan.dce_voxel_mm, plan.dce_shape[2])
    pose = visit.poses["dce"]
    body = sample_body(visit.scene, grid, pose)
    times_s = plan.times_s
    bolus = on_clock_of(visit.plasma(made.start_s + times_s[-1] + 2.0), made.start_s, float(times_s[-1]))
    rng = visit.rng_of("dce")
    motion = draw_motion(rng, plan.n_frames, amount=plan.motion, centre_mm=visit.subject.field.turn_centre_mm)
    sigma = noise_sigma(body, plan)
    curves = uptake(body, bolus, times_s)
    dce = acquire_dce(body, curves, plan, visit.fields, motion, sigma, visit.seed_of("dce"), workers, lambda: None)
    series, poses = [replace(dce, start_s=made.start_s)], {"dce": pose}
    if plan.vfa_flips_deg and "vfa" in visit.story.roles:
        angles = acquire_vfa(body, plan, visit.fields, _since(pose, visit.poses["vfa"]), sigma, visit.rng_of("vfa"))
        series += [replace(one, start_s=made.start_s - _VFA_BEFORE_S) for one in angles]
        poses["vfa"] = visit.poses["vfa"]
    if made.b1 and "b1" in visit.story.roles:
        series.append(acquire_b1(body, plan, visit.fields, visit.rng_of("b1")))
        poses["b1"] = pose
    maps, table = dce_truth.true_maps(body, visit.fields, bolus), dce_truth.plasma_table(bolus)
    truth = VisitTruth(maps, {"plasma_dce": table}, {"dce": motion}, poses, {"noise_dce": sigma})
    return Scanned(tuple(series), truth)


def scan_dsc(visit: Visit, protocols: tuple[DscProtocol, ...], workers: int) -> Scanned:
    """Both echoes of a body sampled once: the second scan is the same slab, and the patient has moved a little since the first."""
    first = protocols[0]
    voxel_mm, slices = dynamic_voxels(first.voxel_mm, first.slices, visit.size)
    grid = _slab(visit, "axial", voxel_mm, slices)
    pose = visit.poses[first.role]
    body = sample_body(visit.scene, grid, pose)
    receive = visit.fields.receive.at(grid)
    echoes = _echoes(protocols, visit.acquisition.field_t)
    series, motions, tables = [], {}, {}
    boluses = {}
    for made in protocols:
        bolus, earlier = first_pass(visit.given, made.role, made.start_s, visit.scale)
        scan = Scan(made.frames, made.tr_s, made.flip_deg, earlier)
        snr0 = visit.acquisition.scanner.snr[made.role]
        one = DscScan(made.echo, scan, bolus, snr0, echoes=echoes, slice_times_s=interleaved_s(slices, made.tr_s))
        amount = _DSC_MOTION * visit.acquisition.scanner.motion
        inside = draw_motion(visit.rng_of(made.role), made.frames, amount=amount, centre_mm=visit.subject.field.turn_centre_mm)
        motion = _after(inside, _since(pose, visit.poses[made.role]))
        image = acquire_dsc(body, one, motion, receive, visit.seed_of(made.role), workers=workers)
        injection = Injection(
            visit.acquisition.agent.name, made.injection.dose_mmol_kg, made.injection.start_s, made.injection.rate_ml_s
        )
        series.append(as_series(one, image, injection, start_s=made.start_s, haematocrit=visit.acquisition.scanner.haematocrit))
        motions[made.role], boluses[made.role] = motion, bolus
        clock = np.arange(0.0, scan.times_s[-1], _PLASMA_TABLE_S / 4)
        tables[f"artery_{made.role}"] = {"time_s": clock, "blood_mM": artery_mM(clock, bolus)}
    bolus = boluses[first.role]
    maps = dsc_truth.true_maps(body, bolus, Network(), echoes, both=len(protocols) > 1, space=first.role)
    return Scanned(tuple(series), VisitTruth(maps, tables, motions, {made.role: pose for made in protocols}))


def _echoes(protocols: tuple[DscProtocol, ...], field_t: float) -> Echoes:
    times = {made.echo: made.te_s for made in protocols}
    usual = Echoes()
    return replace(usual, te_ge_s=times.get("gradient", usual.te_ge_s), te_se_s=times.get("spin", usual.te_se_s), field_t=field_t)


def _since(first: Matrix, now: Matrix) -> Matrix:
    """How the body lies now against when it lay as `first`: motion (4, 4) in scanner mm; both take scanner mm to the body's."""
    out: Matrix = (np.linalg.inv(now) @ first).astype(np.float64)
    return out


def _after(motion: HeadMotion, offset: NDArray[np.float64]) -> HeadMotion:
    """The motion with where the head lay from the first frame on, (4, 4); small angles add."""
    if np.array_equal(offset, np.eye(4)):
        return motion
    turn = Rotation.from_matrix(offset[:3, :3]).as_euler("xyz", degrees=True)
    still = rigid(np.zeros(3), turn, centre_mm=motion.centre_mm)
    shift = offset[:3, 3] - still[:3, 3]
    return HeadMotion(motion.translation_mm + shift, motion.rotation_deg + turn, motion.centre_mm)


def _slab(visit: Visit, plane: str, voxel_mm: tuple[float, float, float], slices: int) -> Grid:
    field = visit.subject.field
    tilt = field.tilt_deg if plane == "axial" else 0.0
    return series_grid(plane, voxel_mm, slices, field.dynamic_mm, field.dynamic_centre_mm, tilt)
