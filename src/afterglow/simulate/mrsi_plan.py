"""How a spectroscopic image is acquired: a plan is a row, everything a protocol sheet would say, and where its box is put."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.spectrum import PROTON_MHZ_PER_T
from afterglow.records.grid import Grid
from afterglow.simulate.scene import Scene
from afterglow.simulate.warp import resample

Matrix = NDArray[np.float64]
Triple = tuple[float, float, float]

_PITCH_MM = 5.0  # at which a box is looked through for what does not belong in it
_STEPS = 13  # places tried between the lesion and the middle of the brain
_UNWANTED = ("fat", "marrow", "bone", "muscle", "mucosa")
_BRAIN = ("grey", "white")
_CLEAN = 0.01  # share of a box that may be outside the brain


@dataclass(frozen=True)
class MrsiPlan:
    """Protocol and imperfections of one PRESS spectroscopic image."""

    name: str
    shape: tuple[int, int, int]
    voxel_mm: Triple
    box_mm: Triple  # excited at the transmit frequency
    edge_mm: float  # over which the profile rises from 10 to 90 %
    field_t: float
    te_s: float
    tr_s: float
    n_points: int
    dwell_s: float
    bandwidth_hz: Triple  # of the pulse that selects along each axis
    transmit_ppm: float  # chemical shift at which the box lies where it was planned
    hamming: bool  # weighted k-space; else all steps alike
    snr: float  # NAA peak of pure white matter over the noise's standard deviation in the spectrum, no apodisation; inf: none
    b0_hz: float  # spread of the shim's remainder, 100 mm from the centre
    gauss_hz: float  # line width by the field inside a voxel, before its B0 gradient
    width_spread: float  # log-normal sigma of that width from voxel to voxel
    phase_deg: float  # spread of the zero-order phase from voxel to voxel
    eddy_deg: float  # phase that eddy currents leave at the echo
    eddy_decay_s: float
    water_residual: float  # share of the water that suppression leaves
    lipid_leak: float  # share of the fat beside the slice of one pulse that is still seen
    baseline: float  # 1: broad lines as in the table

    def __post_init__(self) -> None:
        extent = [n * step for n, step in zip(self.shape, self.voxel_mm, strict=True)]
        if any(box > fov + 1e-9 for box, fov in zip(self.box_mm, extent, strict=True)):
            raise ValueError(
                f"plan {self.name}: a box of {self.box_mm} mm is larger than the field of view of {tuple(extent)} mm"
            )
        if not 0 < self.te_s < self.tr_s or min(self.dwell_s, self.edge_mm, self.snr, *self.bandwidth_hz) <= 0:
            raise ValueError(f"plan {self.name}: times, edges, bandwidths and SNR are positive and TE lies within TR")

    @property
    def spectrometer_mhz(self) -> float:
        """Frequency of the proton at this field."""
        return PROTON_MHZ_PER_T * self.field_t


# Field, TR, TE and voxel are those printed for seyithanoglu2025 (Imaging Acquisition); all else is assumed, of the usual order.
MRSI_PLANS: dict[str, MrsiPlan] = {
    row.name: row
    for row in (
        MrsiPlan(
            "press-1.5T", (16, 16, 8), (10.0, 10.0, 10.0), (80.0, 80.0, 50.0), 6.0, 1.5, 0.135, 2.0, 1024, 1 / 1250, (1500.0, 1100.0, 1100.0), 2.6,
            hamming=True, snr=15.0, b0_hz=8.0, gauss_hz=3.5, width_spread=0.12, phase_deg=6.0, eddy_deg=10.0, eddy_decay_s=0.02,
            water_residual=0.002, lipid_leak=0.002, baseline=1.0,
        ),
        MrsiPlan(
            "press-3T", (16, 16, 8), (10.0, 10.0, 10.0), (80.0, 80.0, 50.0), 6.0, 3.0, 0.135, 2.0, 1024, 1 / 2000, (2200.0, 1300.0, 1300.0), 2.6,
            hamming=True, snr=22.0, b0_hz=16.0, gauss_hz=6.0, width_spread=0.12, phase_deg=6.0, eddy_deg=10.0, eddy_decay_s=0.02,
            water_residual=0.002, lipid_leak=0.002, baseline=1.0,
        ),
    )
}  # fmt: skip


def mrsi_grid(plan: MrsiPlan, centre_mm: Matrix) -> Grid:
    """Voxels along the scanner's axes, their field of view centred on the box. centre_mm (3,)."""
    affine = np.diag([*plan.voxel_mm, 1.0])
    affine[:3, 3] = centre_mm - affine[:3, :3] @ ((np.array(plan.shape) - 1) / 2)
    return Grid(plan.shape, affine)


def place_box(scene: Scene, world_to_body: Matrix, plan: MrsiPlan, lesion_mm: Matrix) -> Matrix:
    """Centre (3,) of the box in scanner mm, where a technologist would put it: on the lesion, moved towards the middle of the brain
    until next to no fat, bone or air lies inside; the cleanest place on that way where none is clean.

    lesion_mm (3,) in scanner mm; world_to_body (4, 4) takes scanner mm to the scene's.
    """
    brain = sum(scene.fractions[name] for name in _BRAIN if name in scene.fractions)
    index = np.argwhere(np.asarray(brain)[::2, ::2, ::2] > 0.5).astype(np.float64) * 2.0
    if index.size == 0:
        return np.asarray(lesion_mm, dtype=np.float64)
    body_mm = scene.grid.to_mm(index).mean(axis=0)
    middle_mm = (np.linalg.inv(world_to_body) @ np.append(body_mm, 1.0))[:3]
    centres = [lesion_mm + share * (middle_mm - lesion_mm) for share in np.linspace(0.0, 1.0, _STEPS)]
    unclean = []
    for centre in centres:
        unclean.append(_outside_brain(scene, world_to_body, plan, centre))
        if unclean[-1] <= _CLEAN:
            break
    return np.asarray(centres[int(np.argmin(unclean))], dtype=np.float64)


def _outside_brain(scene: Scene, world_to_body: Matrix, plan: MrsiPlan, centre_mm: Matrix) -> float:
    """Share of the box that is fat, bone, muscle, mucosa or air."""
    shape = tuple(int(np.ceil(width / _PITCH_MM)) for width in plan.box_mm)
    steps = np.array(plan.box_mm) / np.array(shape)
    affine = np.diag([*steps, 1.0])
    affine[:3, 3] = centre_mm - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    box = Grid((shape[0], shape[1], shape[2]), affine)
    wanted = np.zeros(box.shape)
    for name, part in scene.fractions.items():
        if name not in _UNWANTED:
            wanted += resample(part, scene.grid, box, world_to_body)
    return float(1.0 - wanted.mean())
