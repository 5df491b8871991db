"""The head as a scanner's voxels see it: tissue sampled four times finer in each plane, mixed inside every voxel."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.kernels.spgr import spgr_signal
from afterglow.records.grid import Grid
from afterglow.records.protocol import Agent, Spgr
from afterglow.simulate.dce import Bolus, extended_tofts_curves, tissue_curve
from afterglow.simulate.tissues import TISSUES
from afterglow.simulate.tumour import Lesion
from afterglow.simulate.warp import resample

Map = NDArray[np.float32]

_ENHANCING = ("tumour", "scar")  # their perfusion is drawn voxel by voxel, not read from the table
_TEXTURED = ("grey", "white")
_ALONG, _ACROSS = 2, 2  # sub-voxels of one voxel, in each plane and across planes
_PRESENT = 0.02  # proton density below which a sub-voxel is air


@dataclass(frozen=True, eq=False)
class Body:
    """Sub-voxels of a dynamic series' grid, one voxel wider on all sides; flat arrays over the n sub-voxels that hold tissue."""

    grid: Grid  # of the series
    wide: Grid  # one voxel wider on all sides
    present: NDArray[np.bool_]  # (I, J, K) of the sub-voxels
    density: Map  # (n,)
    r1_per_s: Map  # (n,)
    r2star_per_s: Map  # (n,)
    tissues: tuple[str, ...]
    amounts: Map  # (n, tissues) how much of each tissue's concentration curve
    drawn: tuple[Map, Map, Map]  # Ktrans per min, ve, vp of the enhancing lesion, (n,) each, per volume of sub-voxel
    lesion_delay_s: float
    shares: Mapping[str, Map]  # (i, j, k) on the series' grid: fraction of each tissue in each voxel


def sample_body(
    fractions: Mapping[str, Map], texture: Map, lesion: Lesion, head_grid: Grid, grid: Grid, world_to_head: NDArray[np.float64]
) -> Body:
    """Sample a head on the grid of a series; `world_to_head` (4, 4) takes scanner RAS mm to the head's own mm."""
    wide = _widened(grid)
    fine = _subdivided(wide, (_ALONG, _ALONG, 2 * _ACROSS))

    def sampled(values: Map, source: Grid) -> Map:
        thin = resample(values, source, fine, world_to_head)
        thick: Map = (thin[..., 0::2] + thin[..., 1::2]) * np.float32(0.5)
        return thick

    parts = {name: sampled(part, head_grid) for name, part in fractions.items()}
    density = _sum(parts, {name: TISSUES[name].proton_density for name in parts})
    r1 = _sum(parts, {name: TISSUES[name].proton_density / TISSUES[name].t1_s for name in parts})
    r2star = _sum(parts, {name: TISSUES[name].proton_density * TISSUES[name].r2star_per_s for name in parts})
    present = density > _PRESENT
    modulation = sampled(texture, head_grid)
    curved = tuple(n for n in parts if n not in _ENHANCING and (TISSUES[n].vp > 0 or TISSUES[n].blood))
    amounts = np.stack([(parts[n] * modulation if n in _TEXTURED else parts[n])[present] for n in curved], axis=1)
    ktrans, ve, vp = (sampled(part, lesion.grid)[present] for part in (lesion.ktrans_per_min, lesion.ve, lesion.vp))
    mass = density[present]
    return Body(
        grid, wide, present, density[present], r1[present] / mass, r2star[present] / mass, curved, amounts,
        (ktrans, ve, vp), lesion.state.delay_s, {name: _inner(blocks(part)) for name, part in parts.items()},
    )  # fmt: skip


def _sum(parts: Mapping[str, Map], weights: Mapping[str, float]) -> Map:
    out: Map = np.zeros(next(iter(parts.values())).shape, dtype=np.float32)
    for name, part in parts.items():
        out += np.float32(weights[name]) * part
    return out


def _widened(grid: Grid) -> Grid:
    affine = grid.affine.copy()
    affine[:3, 3] -= affine[:3, :3].sum(axis=1)
    i, j, k = grid.shape
    return Grid((i + 2, j + 2, k + 2), affine)


def _subdivided(grid: Grid, factors: tuple[int, int, int]) -> Grid:
    steps = np.array(factors, dtype=np.float64)
    affine = grid.affine.copy()
    affine[:3, :3] = affine[:3, :3] / steps
    affine[:3, 3] = grid.affine[:3, 3] + grid.affine[:3, :3] @ (0.5 / steps - 0.5)
    i, j, k = (n * f for n, f in zip(grid.shape, factors, strict=True))
    return Grid((i, j, k), affine)


def blocks(fine: Map) -> Map:
    """Mean of each 2 x 2 x 2 neighbourhood of sub-voxels: (I, J, K) -> (I-1, J-1, K-1); even places are the voxels."""
    out = fine[1:] + fine[:-1]
    out = out[:, 1:] + out[:, :-1]
    out = out[:, :, 1:] + out[:, :, :-1]
    out *= np.float32(0.125)
    return out


def _inner(mixed: Map) -> Map:
    """The voxels of the series itself out of `blocks` of the wider grid."""
    return mixed[2:-1:2, 2:-1:2, 2:-1:2].copy()


@dataclass(frozen=True, eq=False)
class Uptake:
    """Concentration curves at the frames of a series: one for each tissue, one for each sub-voxel of the lesion."""

    tissue_mM: Map  # (tissues, t)
    where: NDArray[np.intp]  # (m,) sub-voxels of the lesion
    lesion_mM: Map  # (m, t)

    def at(self, body: Body, frame: int) -> Map:
        """Concentration (n,) in mM per volume of sub-voxel."""
        out: Map = body.amounts @ self.tissue_mM[:, frame]
        out[self.where] += self.lesion_mM[:, frame]
        return out


def uptake(body: Body, bolus: Bolus, times_s: NDArray[np.float64]) -> Uptake:
    """Curves of all tissues in the body at the frames' times."""
    tissue = np.stack([tissue_curve(bolus, TISSUES[name], times_s) for name in body.tissues]).astype(np.float32)
    ktrans, ve, vp = body.drawn
    where = np.flatnonzero(ve > 1e-4)
    curves = extended_tofts_curves(bolus, ktrans[where], ve[where], vp[where], delay_s=body.lesion_delay_s, at_s=times_s)
    return Uptake(tissue, where, curves)


def spgr_frame(body: Body, concentration_mM: Map | None, spgr: Spgr, agent: Agent, b1: Map, motion: NDArray[np.float64]) -> Map:
    """Noise-free SPGR image (i, j, k), signals mixed inside each voxel after the head moved by `motion` (4, 4, scanner mm).

    concentration_mM (n,) or None before contrast; b1 (n,) reached over nominal flip angle.
    """
    if spgr.te_s is None or agent.r2star_per_mM_s is None:
        raise ValueError("the simulated SPGR needs an echo time and the agent's r2*")
    r1, r2star = body.r1_per_s, body.r2star_per_s
    if concentration_mM is not None:
        r1 = r1 + np.float32(agent.r1_per_mM_s) * concentration_mM
        r2star = r2star + np.float32(agent.r2star_per_mM_s) * concentration_mM
    fine = np.zeros(body.present.shape, np.float32)
    fine[body.present] = spgr_signal(
        r1,
        s0=body.density,
        flip_deg=np.array(spgr.flip_deg, np.float32),
        tr_s=np.array(spgr.tr_s, np.float32),
        b1=b1,
        te_s=spgr.te_s,
        r2star_per_s=r2star,
    )
    return moved(blocks(fine), body, motion)


def moved(mixed: Map, body: Body, motion: NDArray[np.float64]) -> Map:
    """Read `blocks` at the series' voxels when the head has moved by `motion` since the body was sampled.

    By cubic splines: a head that moves is not a blurred one, and linear steps would take 3 % off a rim.
    """
    index = np.linalg.inv(body.wide.affine) @ np.linalg.inv(motion) @ body.grid.affine
    out: Map = ndimage.affine_transform(
        mixed, 2 * index[:3, :3], 2 * index[:3, 3], output_shape=body.grid.shape, output=np.float32, order=3, mode="nearest"
    )
    return out


def on_series(body: Body, values: Map) -> Map:
    """Voxel means (i, j, k) of a value given for each sub-voxel (n,); air counts as 0."""
    fine = np.zeros(body.present.shape, np.float32)
    fine[body.present] = values
    return _inner(blocks(fine))


def fine_grid(body: Body) -> Grid:
    """Grid of the sub-voxels."""
    return _subdivided(body.wide, (_ALONG, _ALONG, _ACROSS))
