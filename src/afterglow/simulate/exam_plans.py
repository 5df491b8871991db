"""From the protocol sheet of a simulation file to what each acquisition asks for."""

from dataclasses import replace

import numpy as np

from afterglow.records.protocol import Injection, Spgr
from afterglow.simulate.acquisition import Acquisition, AnatomyProtocol, DwiProtocol, MrsiProtocol, Size
from afterglow.simulate.anatomy_images import AnatomyPlan
from afterglow.simulate.diffusion_images import DwiPlan
from afterglow.simulate.geometry import series_grid
from afterglow.simulate.mrsi_plan import MRSI_PLANS, MrsiPlan
from afterglow.simulate.plan import Plan
from afterglow.simulate.sequences import InversionGradientEcho, Sequence, SpinEcho, TurboSpinEcho
from afterglow.simulate.subject import Field

Triple = tuple[float, float, float]

_VFA_AVERAGES = 4
_DISTORTION_MM_PER_PPM = 4.0  # see diffusion_images.DWI_PLANS


def dynamic_voxels(voxel_mm: Triple, slices: int, size: Size) -> tuple[Triple, int]:
    """Voxel and number of slices: the protocol's, or the coarser ones of the size over the same thickness."""
    if size.dynamic_mm is None:
        return voxel_mm, slices
    coarse = (max(voxel_mm[0], size.dynamic_mm[0]), max(voxel_mm[1], size.dynamic_mm[1]), max(voxel_mm[2], size.dynamic_mm[2]))
    return coarse, max(4, round(slices * voxel_mm[2] / coarse[2]))


def anatomy_voxels(voxel_mm: Triple, size: Size) -> Triple:
    """Voxel of an anatomical image; a coarse size never makes it finer."""
    if size.anatomy_mm is None:
        return voxel_mm
    a, b, c = (max(mine, coarse) for mine, coarse in zip(voxel_mm, size.anatomy_mm, strict=True))
    return a, b, c


def dce_plan(acquisition: Acquisition, size: Size) -> Plan:
    """The plan of the dynamic series, its flip angles and its noise. ValueError where the visit has none."""
    made, scanner = acquisition.dce, acquisition.scanner
    if made is None:
        raise ValueError("this acquisition has no dynamic T1-weighted series")
    frame_s = size.dce_frame_s or made.frame_s
    frames = max(8, round(made.frames * made.frame_s / frame_s))
    voxel_mm, slices = dynamic_voxels(made.voxel_mm, made.slices, size)
    injection = Injection(acquisition.agent.name, made.injection.dose_mmol_kg, made.injection.start_s, made.injection.rate_ml_s)
    return Plan(
        "cohort", size.body_mm, (1, 1, 1), (1, 1, slices), voxel_mm, frames, frame_s,
        Spgr(made.tr_s, made.te_s, made.flip_deg, acquisition.field_t), made.vfa_flips_deg, _VFA_AVERAGES, acquisition.agent.record(),
        injection, scanner.haematocrit, anatomy_delay_s=0.0, snr=scanner.snr["dce"], anatomy_snr=1.0, motion=scanner.motion,
        b1_spread=scanner.b1_spread, bias_spread=scanner.bias_spread, inflow_mm_s=scanner.inflow_mm_s if made.plane == "axial" else 0.0,
    )  # fmt: skip


def anatomy_plan(made: AnatomyProtocol, snr: float, snr_in: str) -> AnatomyPlan:
    """The plan of one anatomical image."""
    thick = made.voxel_mm[2] if made.sequence != "inversion gradient echo" else None
    return AnatomyPlan(made.role, _sequence(made), snr, made.source, snr_in=snr_in, slice_mm=thick)


def _sequence(made: AnatomyProtocol) -> Sequence:
    match made.sequence:
        case "spin echo":
            return SpinEcho(made.tr_s, made.te_s)
        case "turbo spin echo":
            return TurboSpinEcho(made.tr_s, made.te_s, made.train_s or made.te_s, made.ti_s, made.nulled)
        case "inversion gradient echo":
            return InversionGradientEcho(
                made.tr_s, made.ti_s or 0.0, made.te_s, made.flip_deg or 0.0, made.pulses or 0, made.spacing_s or 0.0
            )


def dwi_plan(made: DwiProtocol, snr: float, *, shim_error_ppm: float) -> DwiPlan:
    """The plan of the diffusion series, with the distortion of its echo-planar readout."""
    return DwiPlan(
        made.b_s_mm2, made.tr_s, made.te_s, snr, made.source, distortion_mm_per_ppm=_DISTORTION_MM_PER_PPM if shim_error_ppm else 0.0,
        shim_error_ppm=shim_error_ppm,
    )  # fmt: skip


def mrsi_plan(made: MrsiProtocol, field_t: float) -> MrsiPlan:
    """The plan of the spectroscopic image: its protocol on the imperfections of the nearest row of MRSI_PLANS."""
    row = min(MRSI_PLANS.values(), key=lambda plan: abs(plan.field_t - field_t))
    return replace(
        row, shape=made.matrix, voxel_mm=made.voxel_mm, box_mm=made.box_mm, te_s=made.te_s, tr_s=made.tr_s, n_points=made.points,
        dwell_s=made.dwell_s, snr=made.snr,
    )  # fmt: skip


def bytes_of_visit(acquisition: Acquisition, size: Size, field: Field) -> int:
    """About what a visit and its truth take on disk; noise hardly packs, true maps pack well."""
    stored, true = 0.0, 0.0
    if acquisition.dce is not None:
        plan = dce_plan(acquisition, size)
        voxels = _voxels(acquisition.dce.plane, plan.dce_voxel_mm, plan.dce_shape[2], field.dynamic_mm)
        stored, true = stored + voxels * (plan.n_frames + len(plan.vfa_flips_deg) + 2), true + 14 * voxels
    for made in acquisition.dsc:
        voxel_mm, slices = dynamic_voxels(made.voxel_mm, made.slices, size)
        voxels = _voxels("axial", voxel_mm, slices, field.dynamic_mm)
        stored, true = stored + voxels * made.frames, true + 8 * voxels
    for one in acquisition.anatomy:
        count = None if one.plane == "axial" else 20
        stored += 1.3 * _voxels(one.plane, anatomy_voxels(one.voxel_mm, size), count, field.anatomy_mm)
    if acquisition.dwi is not None:
        voxel_mm, slices = dynamic_voxels(acquisition.dwi.voxel_mm, acquisition.dwi.slices, size)
        stored += len(acquisition.dwi.b_s_mm2) * _voxels("axial", voxel_mm, slices, field.dynamic_mm)
    if acquisition.mrsi is not None:
        stored += 8.0 * acquisition.mrsi.points * float(np.prod(acquisition.mrsi.matrix))
    return int(2 * stored + true)


def _voxels(plane: str, voxel_mm: Triple, slices: int | None, extent_mm: Triple) -> int:
    return series_grid(plane, voxel_mm, slices, extent_mm, np.zeros(3)).size


def stillness(acquisition: Acquisition) -> Acquisition:
    """The same visit without noise, motion, field errors or inflow: what a closed loop is tried on."""
    scanner = replace(
        acquisition.scanner, snr=dict.fromkeys(acquisition.scanner.snr, np.inf), motion=0.0, b1_spread=0.0, bias_spread=0.0,
        inflow_mm_s=0.0, shim_error_ppm=0.0,
    )  # fmt: skip
    mrsi = None if acquisition.mrsi is None else replace(acquisition.mrsi, snr=np.inf)
    return replace(acquisition, scanner=scanner, mrsi=mrsi)
