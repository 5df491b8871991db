"""What a spectroscopic image encodes: a scene's metabolites on sub-voxels, the excited box, and finite phase encoding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels import spectrum
from afterglow.kernels.types import Array
from afterglow.records.grid import Grid
from afterglow.simulate.metabolites import METABOLITES, WATER, Contents, concentration_of, water_of
from afterglow.simulate.mrsi_plan import MrsiPlan
from afterglow.simulate.scene import Scene
from afterglow.simulate.warp import resample

Matrix = NDArray[np.float64]
Triple = tuple[int, int, int]
Values = NDArray[Any]  # real in, real out; complex in, complex out

_FINE = 4  # sub-voxels of a voxel along each axis
_MARGIN = 1  # voxels around the field of view, into which a displaced box may reach


@dataclass(frozen=True, eq=False)
class Encodable:
    """Metabolites on sub-voxels of the image's grid and some voxels around it, per litre."""

    grid: Grid  # of the image
    before: Triple  # voxels that the sub-voxels begin before the image
    concentration: Mapping[str, Array]  # (I, J, K), in the metabolite's unit
    signal: Mapping[str, Array]  # (I, J, K) of one proton of each molecule at the echo

    def places(self, axis: int) -> Array:
        """Place of each sub-voxel along an axis, in voxels of the image."""
        n = next(iter(self.signal.values())).shape[axis]
        return (np.arange(n) + 0.5) / _FINE - 0.5 - self.before[axis]

    def means(self, fine: Array) -> Array:
        """Mean (i, j, k) over the sub-voxels of each voxel of the image."""
        i, j, k = (slice(f * _FINE, (f + n) * _FINE) for f, n in zip(self.before, self.grid.shape, strict=True))
        a, b, c = self.grid.shape
        out: Array = fine[i, j, k].reshape(a, _FINE, b, _FINE, c, _FINE).mean(axis=(1, 3, 5))
        return out


def sample_metabolites(
    scene: Scene, world_to_body: Matrix, grid: Grid, plan: MrsiPlan, contents: Mapping[str, Contents]
) -> Mapping[str, Encodable]:
    """Each metabolite and the water of a scene; lipid as far as the scene reaches, since that of the scalp leaks in."""
    near = (_MARGIN,) * 3
    inside = _sampled(scene, world_to_body, grid, plan, contents, [n for n in (*METABOLITES, WATER) if n != "lipid"], near, near)
    before, after = _margins(scene, world_to_body, grid)
    lipid = _sampled(scene, world_to_body, grid, plan, contents, ["lipid"], before, after)
    return {**dict.fromkeys(inside.signal, inside), "lipid": lipid}


def _sampled(
    scene: Scene, world_to_body: Matrix, grid: Grid, plan: MrsiPlan, contents: Mapping[str, Contents],
    names: Sequence[str], before: Triple, after: Triple,
) -> Encodable:  # fmt: skip
    affine = grid.affine @ np.diag([1 / _FINE, 1 / _FINE, 1 / _FINE, 1.0])
    affine[:3, 3] = grid.to_mm(0.5 / _FINE - 0.5 - np.array(before, dtype=np.float64))
    i, j, k = (_FINE * (b + n + a) for b, n, a in zip(before, grid.shape, after, strict=True))
    fine = Grid((i, j, k), affine)
    concentration, signal = ({name: np.zeros(fine.shape) for name in names} for _ in range(2))
    for tissue, part in ((scene.tissues[name], part) for name, part in scene.fractions.items()):
        amounts = {name: concentration_of(name, tissue, contents) for name in names}
        if not any(amounts.values()):
            continue
        share = resample(part, scene.grid, fine, world_to_body).astype(np.float64)
        for name, amount in amounts.items():
            if name == WATER:
                signal[name] += water_of(tissue, te_s=plan.te_s, tr_s=plan.tr_s) * share
            elif amount > 0:
                signal[name] += amount * METABOLITES[name].weight(tissue.kind, te_s=plan.te_s, tr_s=plan.tr_s) * share
            concentration[name] += amount * share
    return Encodable(grid, before, concentration, signal)


def _margins(scene: Scene, world_to_body: Matrix, grid: Grid) -> tuple[Triple, Triple]:
    """Voxels by which the scene reaches beyond the grid, before and after along each axis."""
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in scene.grid.shape], indexing="ij")).reshape(3, -1)
    world = np.linalg.inv(world_to_body) @ np.vstack([scene.grid.to_mm(corners.T).T, np.ones(corners.shape[1])])
    index = grid.to_index(np.asarray(world[:3].T, dtype=np.float64))
    before = np.ceil(np.maximum(-0.5 - index.min(axis=0), _MARGIN)).astype(int)
    after = np.ceil(np.maximum(index.max(axis=0) - np.array(grid.shape) + 0.5, _MARGIN)).astype(int)
    return (int(before[0]), int(before[1]), int(before[2])), (int(after[0]), int(after[1]), int(after[2]))


def encoded(thing: Encodable, name: str, ppm: float, plan: MrsiPlan) -> Array:
    """Signal (i, j, k) of one proton of a metabolite in each voxel: its displaced box, then finite phase encoding.

    Fat is so strong that what each of the three pulses lets through beside its slice is seen: `lipid_leak` along one axis, its
    square where two axes are missed.
    """
    leak = plan.lipid_leak if name == "lipid" else 0.0
    axes = []
    for axis, n in enumerate(thing.grid.shape):
        place = thing.places(axis)
        spread = spectrum.point_spread(n, np.arange(n)[:, None] - place, hamming=plan.hamming) / _FINE
        box = box_along(plan, axis, ppm, (place - (n - 1) / 2) * plan.voxel_mm[axis])
        axes.append(spread * (leak + (1 - leak) * box))
    return along(thing.signal[name], axes)


def box_along(plan: MrsiPlan, axis: int, ppm: float, from_centre_mm: Array) -> Array:
    """Share of the signal of a chemical shift that the box leaves at places along an axis, in mm from the box's centre."""
    width_mm = plan.box_mm[axis]
    shift_mm = spectrum.box_shift_mm(
        ppm,
        transmit_ppm=plan.transmit_ppm,
        spectrometer_mhz=plan.spectrometer_mhz,
        bandwidth_hz=plan.bandwidth_hz[axis],
        width_mm=width_mm,
    )
    return spectrum.box_profile(from_centre_mm, centre_mm=shift_mm, width_mm=width_mm, edge_mm=plan.edge_mm).astype(np.float64)


def along(values: Values, matrices: Sequence[Array]) -> Values:
    """Apply one matrix along each of the first three axes: (I, J, K, …) -> (i, j, k, …)."""
    for axis, matrix in enumerate(matrices):
        values = np.moveaxis(np.tensordot(matrix, values, axes=(1, axis)), 0, axis)
    return values
