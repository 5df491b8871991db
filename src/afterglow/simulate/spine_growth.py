"""Where a metastasis of a vertebra can grow, and when it gets there: first within the bone, then through its cortex into soft tissue."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric

from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.simulate.scene import Box
from afterglow.simulate.spine import Spine
from afterglow.simulate.spine_column import level_index
from afterglow.simulate.story import LesionState
from afterglow.simulate.warp import smooth_noise

Map = NDArray[np.float32]
Cost = NDArray[np.float64]
Mask = NDArray[np.bool_]

_REACH_MM = 28.0  # of the box beyond the vertebra
BONE = ("red marrow", "fatty marrow", "bone", "vein")  # what a metastasis replaces within the vertebra
# Cost of a millimetre outside bone, 1 being epidural or paraspinal fat: fascia and dura hold tumour up longer than muscle; assumed.
SOFT_COST = {"fat": 1.0, "vein": 1.0, "muscle": 1.7, "gut": 2.5, "lung": 2.0, "liver": 3.0, "fibrous": 3.0, "csf": 5.0}
_CORTEX_COST, _BROKEN_COST = 5.0, 2.0  # of a millimetre of compact bone, 1 being marrow; of one that the tumour breaks; assumed
_BARRED = -1.0  # no way through
_DISC = 0.06  # share of nucleus from which on a voxel belongs to a disc: discs bar the way
_FULL = 0.98  # of the vertebra's bone can be lesion


@dataclass(frozen=True, eq=False)
class Ground:
    """A box about one vertebra: what can become lesion in and outside its bone (shares), and when tumour gets there (mm of cost)."""

    level: str
    box: Box
    grid: Grid  # of the box, in the spine's world
    in_bone: Map
    in_soft: Map
    bone_arrival: Cost
    soft_arrival: Cost
    wander: Map  # noise of unit variance: the inner border of the rim
    patches: Map  # noise of unit variance: where tumour and scar lie

    @property
    def edge_mm(self) -> float:
        return max(self.grid.spacing_mm)


def prepare(spine: Spine, level: str, states: tuple[LesionState, ...], rng: np.random.Generator) -> Ground:
    """The ground on which all visits' lesions grow, so that they overlap."""
    own = spine.bone_of(level)
    if not own.any():
        raise BadInput(f"{level} lies outside a field about {spine.level}; put the lesion nearer or make the spine about {level}")
    box, grid = _box(spine, own)
    own = own[box]
    in_bone = sum(spine.fractions[name][box] for name in BONE if name in spine.fractions) * own.astype(np.float32)
    free = (spine.vertebra[box] == 0) & ~(_part(spine, "nucleus", box) > _DISC)
    in_soft = sum(_part(spine, name, box) for name in SOFT_COST) * free.astype(np.float32)
    rough = np.exp(0.25 * smooth_noise(rng, grid, scale_mm=7.0))
    seed = _seed(spine, level, own, in_soft, grid, states, rng)
    cortex = _BROKEN_COST if any(state.extraosseous > 0 for state in states) else _CORTEX_COST
    costs = np.where(own, 1.0 + (cortex - 1.0) * _part(spine, "bone", box), _BARRED) * rough
    bone_arrival = _travel(costs, grid, [seed])
    bone_arrival = bone_arrival + 0.8 * np.clip(smooth_noise(rng, grid, scale_mm=4.0), -2, 2)
    soft_arrival = _soft(spine, box, grid, own, in_soft, bone_arrival, rough)
    patch_mm = max(states[0].patch_mm, 1.5 * max(grid.spacing_mm))
    wander, patches = (smooth_noise(rng, grid, scale_mm=size) for size in (4.5, patch_mm))
    return Ground(level, box, grid, in_bone, in_soft, bone_arrival, soft_arrival, wander, patches)


def covers(state: LesionState, ground: Ground) -> tuple[Map, Map]:
    """Share of what can become lesion that is lesion, in bone and outside it. What the bone cannot hold grows outside as well."""
    outside_ml = state.volume_ml * state.extraosseous
    inside_ml = state.volume_ml - outside_ml
    room_ml = _FULL * float(ground.in_bone[np.isfinite(ground.bone_arrival)].sum()) * ground.grid.voxel_ml
    outside_ml += max(inside_ml - room_ml, 0.0)
    inside = _filled(ground.bone_arrival, ground.in_bone, min(inside_ml, room_ml), ground)
    around_ml = float(ground.in_soft[np.isfinite(ground.soft_arrival)].sum()) * ground.grid.voxel_ml
    if outside_ml > 0.6 * around_ml:
        raise BadInput(
            f"a lesion of {state.volume_ml:.1f} mL does not fit about {ground.level}: its bone holds {room_ml:.1f} mL; make it smaller"
        )
    return inside, _filled(ground.soft_arrival, ground.in_soft, outside_ml, ground)


def _filled(arrival: Cost, available: Map, volume_ml: float, ground: Ground) -> Map:
    """Cover (i, j, k) up to the arrival time at which exactly that volume has been reached."""
    out = np.zeros(available.shape, np.float32)
    if volume_ml <= 0:
        return out
    where = np.flatnonzero((available > 0) & np.isfinite(arrival))
    times, shares = arrival.ravel()[where], available.ravel()[where].astype(np.float64)
    order = np.argsort(times, kind="stable")
    times, shares, where = times[order], shares[order], where[order]
    low, high = float(times[0]) - ground.edge_mm, float(times[-1]) + ground.edge_mm
    for _ in range(60):
        limit = (low + high) / 2
        volume = float((np.clip((limit - times) / ground.edge_mm + 0.5, 0, 1) * shares).sum()) * ground.grid.voxel_ml
        low, high = (limit, high) if volume < volume_ml else (low, limit)
    out.ravel()[where] = np.clip((high - times) / ground.edge_mm + 0.5, 0, 1)
    return out


def _part(spine: Spine, name: str, box: Box) -> Map:
    if name not in spine.fractions:
        return np.zeros(tuple(b.stop - b.start for b in box), np.float32)
    return spine.fractions[name][box]


def _box(spine: Spine, own: Mask) -> tuple[Box, Grid]:
    reach = round(_REACH_MM / spine.grid.spacing_mm[0])
    found = ndimage.find_objects(own.astype(np.uint8))[0]
    low = [max(part.start - reach, 0) for part in found]
    high = [min(part.stop + reach, n) for part, n in zip(found, spine.grid.shape, strict=True)]
    box = (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2]))
    affine = spine.grid.affine.copy()
    affine[:3, 3] = spine.grid.to_mm(np.array(low, dtype=np.float64))
    return box, Grid((high[0] - low[0], high[1] - low[1], high[2] - low[2]), affine)


def _seed(
    spine: Spine, level: str, own: Mask, in_soft: Map, grid: Grid, states: tuple[LesionState, ...], rng: np.random.Generator
) -> tuple[int, ...]:
    """Off the middle of the body, towards a pedicle; nearer to the cortex the smaller a lesion has broken through it."""
    n = level_index(level)
    column = spine.column
    lean = float(np.interp(column.middle_mm[n], column.s_mm, column.lean_rad))
    side = 1.0 if rng.random() < 0.5 else -1.0
    off = np.array([side * rng.uniform(0.3, 0.5) * column.width_mm[n] / 2, -rng.uniform(0.15, 0.4) * column.depth_mm[n] / 2])
    target = spine.centre_mm(level) + np.array([off[0], off[1] * np.cos(lean), -off[1] * np.sin(lean)])
    target[2] += rng.uniform(-0.2, 0.2) * (column.bottom_mm[n] - column.top_mm[n])
    outside = [state for state in states if state.extraosseous > 0]
    inner_ml = min((state.volume_ml * (1 - state.extraosseous) for state in outside), default=np.inf)
    wanted_mm = min(max(0.5 * (3000.0 * inner_ml / (4 * np.pi)) ** (1 / 3) - 2.0, 0.0), 6.0)
    depth = ndimage.distance_transform_edt(in_soft < 0.3, sampling=grid.spacing_mm)  # to soft tissue: a disc is no way out
    places = grid.to_mm(np.stack(np.nonzero(own), axis=1).astype(np.float64))
    away = ((places - target) ** 2).sum(axis=1) + 12.0 * np.maximum(depth[own] - max(wanted_mm, 2.0), 0.0) ** 2
    away += 50.0 * np.maximum(2.0 - depth[own], 0.0)
    return tuple(int(v) for v in np.argwhere(own)[int(np.argmin(away))])


def _soft(spine: Spine, box: Box, grid: Grid, own: Mask, in_soft: Map, bone_arrival: Cost, rough: Map) -> Cost:
    """Arrival outside the bone, from where tumour reaches the bone's surface first."""
    shares = {name: _part(spine, name, box) for name in SOFT_COST}
    known = sum(shares.values())
    slow = sum(shares[name] * cost for name, cost in SOFT_COST.items()) / np.maximum(known, 1e-3)
    costs = np.where(in_soft > 0.5, slow, np.where(in_soft > 0.05, 6.0, _BARRED)) * rough
    rim = ndimage.binary_dilation(own) & ~own & (in_soft > 0.3)
    reached = ndimage.grey_erosion(np.where(own, bone_arrival, 1e6), size=(3, 3, 3))  # when the neighbouring bone is reached
    first = float(reached[rim].min())
    starts = np.argwhere(rim & (reached < first + 5.0))
    return _travel(costs, grid, [tuple(int(v) for v in place) for place in starts])


def _travel(costs: NDArray[np.floating], grid: Grid, starts: list[tuple[int, ...]]) -> Cost:
    arrival, _ = MCP_Geometric(costs.astype(np.float64), sampling=grid.spacing_mm).find_costs(starts)
    return np.asarray(arrival, dtype=np.float64)
