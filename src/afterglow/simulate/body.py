"""The body as a scanner's voxels see it: tissue sampled four times finer in each plane, mixed inside every voxel."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.cubic import cubic_resampled
from afterglow.kernels.spgr import spgr_signal
from afterglow.kernels.trilinear import sampled_pairs
from afterglow.records.grid import Grid
from afterglow.records.protocol import Agent, Spgr
from afterglow.simulate.dce import Bolus, extended_tofts_curves, tissue_curve
from afterglow.simulate.scene import Drawn, Scene
from afterglow.simulate.tissues import Tissue

Map = NDArray[np.float32]
Matrix = NDArray[np.float64]

_ALONG, _ACROSS = 2, 2  # sub-voxels of one voxel, in each plane and across planes
_PRESENT = 0.02  # proton density below which a sub-voxel is air
_LEAST = 1e-4  # amount of ve below which there is no lesion


@dataclass(frozen=True, eq=False)
class Sampled:
    """One drawn lesion tissue at the sub-voxels that hold some of it; amounts are per volume of sub-voxel."""

    name: str
    where: NDArray[np.intp]  # (m,) which of the body's n sub-voxels
    share: Map  # (m,)
    ktrans_per_min: Map  # (m,)
    ve: Map
    vp: Map
    delay_s: float
    architecture: str


@dataclass(frozen=True, eq=False)
class Body:
    """Sub-voxels of a series' grid, one voxel wider on all sides; flat arrays over the n sub-voxels that hold tissue."""

    grid: Grid  # of the series
    wide: Grid  # one voxel wider on all sides
    table: Mapping[str, Tissue]
    present: NDArray[np.bool_]  # (I, J, K) of the sub-voxels
    density: Map  # (n,)
    r1_per_s: Map  # (n,)
    r2star_per_s: Map  # (n,)
    tissues: tuple[str, ...]
    amounts: Map  # (n, tissues) how much of each tissue's concentration curve
    drawn: tuple[Sampled, ...]
    shares: Mapping[str, Map]  # (i, j, k) on the series' grid: fraction of each tissue in each voxel
    textured: Mapping[str, tuple[Map, Map]]  # voxel means of share times the texture less 1, and of its square

    def share(self, kind: str) -> Map:
        """(i, j, k) fraction of a kind of tissue, whatever its water, in each voxel of the series; 0 where there is none."""
        parts = [part for name, part in self.shares.items() if self.table[name].kind == kind]
        return np.sum(parts, axis=0) if parts else np.zeros(self.grid.shape, np.float32)


def sample_body(scene: Scene, grid: Grid, world_to_body: Matrix) -> Body:
    """Sample a scene on the grid of a series; `world_to_body` (4, 4) takes scanner RAS mm to the body's own mm."""
    wide = _widened(grid)
    fine = _subdivided(wide, (_ALONG, _ALONG, _ACROSS))
    names = tuple(scene.fractions)
    *read, modulation = _read([*scene.fractions.values(), scene.texture], scene.grid, fine, world_to_body)
    parts = dict(zip(names, read, strict=True))
    rows = {name: scene.tissues[name] for name in names}
    density = _sum(parts, {name: row.proton_density for name, row in rows.items()})
    r1 = _sum(parts, {name: row.proton_density / row.t1_s for name, row in rows.items()})
    r2star = _sum(parts, {name: row.proton_density * row.r2star_per_s for name, row in rows.items()})
    present = density > _PRESENT
    curved = tuple(n for n in names if n not in scene.drawn and (rows[n].vp > 0 or rows[n].blood))
    amounts = np.stack([(parts[n] * modulation if n in scene.textured else parts[n])[present] for n in curved], axis=1)
    drawn = tuple(_sampled(name, one, parts[name], present, fine, world_to_body) for name, one in scene.drawn.items())
    mass, off = density[present], modulation - np.float32(1)
    uneven = {n: (_inner(blocks(parts[n] * off)), _inner(blocks(parts[n] * off * off))) for n in scene.textured if n in parts}
    return Body(
        grid, wide, scene.tissues, present, mass, r1[present] / mass, r2star[present] / mass, curved, amounts,
        tuple(one for one in drawn if one.where.size), {name: _inner(blocks(part)) for name, part in parts.items()}, uneven,
    )  # fmt: skip


def _read(volumes: Sequence[Map], source: Grid, fine: Grid, world_to_body: Matrix) -> list[Map]:
    """Volumes on `source` at the sub-voxels, each the mean of an upper and a lower half."""
    index = np.linalg.inv(source.affine) @ world_to_body @ fine.affine
    return list(sampled_pairs(volumes, index[:3, :3], index[:3, 3], fine.shape, apart=0.5 * index[:3, 2]))


def _sampled(name: str, drawn: Drawn, share: Map, present: NDArray[np.bool_], fine: Grid, world_to_body: Matrix) -> Sampled:
    """The drawn tissue at the sub-voxels, read only around its box."""
    box = _around(drawn.grid, fine, world_to_body)
    part = _part(fine, box)
    ktrans, ve, vp = _read([drawn.ktrans_per_min, drawn.ve, drawn.vp], drawn.grid, part, world_to_body)
    here = (np.maximum(ve, vp) > _LEAST) & (share[box] > _LEAST) & present[box]
    order = np.cumsum(present.ravel()).reshape(present.shape)[box] - 1
    return Sampled(
        name, order[here].astype(np.intp), share[box][here], ktrans[here], ve[here], vp[here], drawn.delay_s, drawn.architecture
    )


def _around(inner: Grid, outer: Grid, world_to_body: Matrix) -> tuple[slice, slice, slice]:
    """The voxels of `outer` that can meet the voxels of `inner`."""
    corners = np.stack(np.meshgrid(*[(0.0, n - 1.0) for n in inner.shape], indexing="ij"), axis=-1).reshape(-1, 3)
    to_outer = np.linalg.inv(world_to_body @ outer.affine)
    place = inner.to_mm(corners) @ to_outer[:3, :3].T + to_outer[:3, 3]
    low, high = np.floor(place.min(axis=0)).astype(int) - 1, np.ceil(place.max(axis=0)).astype(int) + 2
    i, j, k = (slice(int(np.clip(a, 0, n)), int(np.clip(b, 0, n))) for a, b, n in zip(low, high, outer.shape, strict=True))
    return i, j, k


def _part(grid: Grid, box: tuple[slice, slice, slice]) -> Grid:
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm(np.array([float(s.start) for s in box]))
    i, j, k = (max(s.stop - s.start, 1) for s in box)
    return Grid((i, j, k), affine)


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
    tissue = np.stack([tissue_curve(bolus, body.table[name], times_s) for name in body.tissues]).astype(np.float32)
    where = np.unique(np.concatenate([one.where for one in body.drawn])) if body.drawn else np.zeros(0, np.intp)
    lesion = np.zeros((where.size, times_s.size), np.float32)
    for one in body.drawn:
        curves = extended_tofts_curves(
            bolus, one.ktrans_per_min, np.maximum(one.ve, np.float32(1e-6)), one.vp, delay_s=one.delay_s, at_s=times_s
        )
        lesion[np.searchsorted(where, one.where)] += curves
    return Uptake(tissue, where, lesion)


def spgr_frame(
    body: Body,
    concentration_mM: Map | None,
    spgr: Spgr,
    agent: Agent,
    b1: Map,
    motion: Matrix,
    fresh: tuple[NDArray[np.intp], Map] | None = None,
) -> Map:
    """Noise-free SPGR image (i, j, k), signals mixed inside each voxel after the body moved by `motion` (4, 4, scanner mm).

    concentration_mM (n,) or None before contrast; b1 (n,) reached over nominal flip angle; `fresh` are sub-voxels and the
    signal that inflowing blood adds there.
    """
    if spgr.te_s is None or agent.r2star_per_mM_s is None:
        raise ValueError("the simulated SPGR needs an echo time and the agent's r2*")
    r1, r2star = body.r1_per_s, body.r2star_per_s
    if concentration_mM is not None:
        r1 = r1 + np.float32(agent.r1_per_mM_s) * concentration_mM
        r2star = r2star + np.float32(agent.r2star_per_mM_s) * concentration_mM
    signal = spgr_signal(
        r1,
        s0=body.density,
        flip_deg=np.array(spgr.flip_deg, np.float32),
        tr_s=np.array(spgr.tr_s, np.float32),
        b1=b1,
        te_s=spgr.te_s,
        r2star_per_s=r2star,
    )
    if fresh is not None:
        signal[fresh[0]] += fresh[1]
    fine = np.zeros(body.present.shape, np.float32)
    fine[body.present] = signal
    return moved(blocks(fine), body, motion)


def moved(mixed: Map, body: Body, motion: Matrix) -> Map:
    """Read `blocks` at the series' voxels when the body has moved by `motion` since it was sampled.

    By cubic splines: a head that moves is not a blurred one, and linear steps would take 3 % off a rim.
    """
    if np.array_equal(motion, np.eye(4)):
        return _inner(mixed)
    index = np.linalg.inv(body.wide.affine) @ np.linalg.inv(motion) @ body.grid.affine
    return cubic_resampled(mixed, 2 * index[:3, :3], 2 * index[:3, 3], body.grid.shape)


def on_series(body: Body, values: Map) -> Map:
    """Voxel means (i, j, k) of a value given for each sub-voxel (n,); air counts as 0."""
    fine = np.zeros(body.present.shape, np.float32)
    fine[body.present] = values
    return _inner(blocks(fine))


def fine_grid(body: Body) -> Grid:
    """Grid of the sub-voxels."""
    return _subdivided(body.wide, (_ALONG, _ALONG, _ACROSS))
