"""A metastasis in a digital head: growth by arrival time, necrotic core, enhancing rim, oedema along white matter."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric

from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.simulate.head import Head, Push
from afterglow.simulate.scenario import LesionState
from afterglow.simulate.warp import smooth_noise

Map = NDArray[np.float32]
Cost = NDArray[np.float64]
Box = tuple[slice, slice, slice]

# Where metastases sit: border zones between grey and white matter of both hemispheres (template mm, right side; mirrored at random).
_SEATS_MM = ((30.0, 24.0, 32.0), (33.0, -30.0, 38.0), (27.0, -62.0, 26.0), (32.0, 2.0, 40.0))
_BOX_MM = 46.0
_BARRED = 60.0  # cost of a millimetre of CSF, dura or bone; 1 is white matter
_PUSHED_SHARE = 0.35  # of the first volume makes room by displacement, the rest infiltrates

_TUMOUR_COST = {"white": 1.0, "grey": 1.1}
_OEDEMA_COST = {"white": 1.0, "grey": 6.0}


@dataclass(frozen=True, eq=False)
class Lesion:
    """Fractions of one lesion at one visit, on a box of the head's voxels; amounts are fraction times parameter."""

    box: Box
    grid: Grid  # of the box, in the head's world
    state: LesionState
    enhancing: Map  # (i, j, k)
    core: Map
    oedema: Map
    ktrans_per_min: Map  # (i, j, k) amounts per volume of voxel
    ve: Map
    vp: Map

    def __post_init__(self) -> None:
        for name in ("enhancing", "core", "oedema", "ktrans_per_min", "ve", "vp"):
            object.__setattr__(self, name, locked(getattr(self, name)))


@dataclass(frozen=True, eq=False)
class Seat:
    """Where the lesion starts: a point of the template, and the push it exerts on the head."""

    centre_mm: tuple[float, float, float]

    def push(self, state: LesionState) -> Push:
        return Push(self.centre_mm, _PUSHED_SHARE * state.volume_ml)


def choose_seat(rng: np.random.Generator) -> Seat:
    """One of the seats, on a random side, a few millimetres off."""
    x, y, z = np.array(_SEATS_MM[int(rng.integers(len(_SEATS_MM)))]) + rng.uniform(-3.0, 3.0, 3)
    side = 1.0 if rng.random() < 0.5 else -1.0
    return Seat((float(side * x), float(y), float(z)))


def grow(head: Head, seat: Seat, states: tuple[LesionState, ...], rng: np.random.Generator) -> tuple[Lesion, ...]:
    """The lesion at each visit: one arrival-time map, so a later and larger lesion contains the earlier one."""
    seed = _seed(head, seat)
    box, grid = _box(head.grid, seed)
    parts = {name: head.fractions[name][box] for name in ("grey", "white")}
    start = [tuple(int(s - b.start) for s, b in zip(seed, box, strict=True))]
    arrival = _arrival(parts, _TUMOUR_COST, grid, rng, start)
    arrival += np.clip(1.2 * smooth_noise(rng, grid, scale_mm=3.5), -2.5, 2.5)
    wander = smooth_noise(rng, grid, scale_mm=4.5)
    return tuple(_at_visit(state, box, grid, parts, arrival, wander, rng) for state in states)


def infiltrated(head: Head, lesion: Lesion) -> dict[str, Map]:
    """The head's fractions with the lesion in it: brain gives way to lesion, white matter to oedema, sulci are pressed shut."""
    fractions = {name: part.copy() for name, part in head.fractions.items()}
    inside = {name: part[lesion.box] for name, part in fractions.items()}
    taken = lesion.enhancing + lesion.core
    pressed = inside["csf"] * np.clip(0.7 * lesion.oedema, 0, 1)
    inside["csf"] -= pressed
    inside["grey"] += pressed
    for name in ("grey", "white", "csf", "vein", "plexus"):
        inside[name] *= 1 - taken
    swollen = {"white": lesion.oedema, "grey": 0.35 * lesion.oedema}
    oedema = np.zeros(head.grid.shape, np.float32)
    for name, share in swollen.items():
        oedema[lesion.box] += inside[name] * share
        inside[name] *= 1 - share
    enhancing, core = np.zeros_like(oedema), np.zeros_like(oedema)
    room = np.clip(1.0 - sum(inside.values()) - oedema[lesion.box], 0.0, 1.0) / np.maximum(taken, 1e-6)
    enhancing[lesion.box] = lesion.enhancing * np.minimum(room, 1.0)
    core[lesion.box] = lesion.core * np.minimum(room, 1.0)
    return fractions | {"oedema": oedema, "core": core, lesion.state.tissue: enhancing}


def contralateral(head: Head, seat: Seat, *, radius_mm: float) -> Map:
    """White matter (i, j, k share) within `radius_mm` of the seat's mirror image in the template."""
    mirror = np.array([-seat.centre_mm[0], seat.centre_mm[1], seat.centre_mm[2]], dtype=np.float32).reshape(3, 1, 1, 1)
    near = ((head.template_mm - mirror) ** 2).sum(axis=0) < radius_mm**2
    out: Map = head.fractions["white"] * near
    return out


def _seed(head: Head, seat: Seat) -> NDArray[np.intp]:
    """The voxel of white matter nearest to the seat."""
    centre = np.array(seat.centre_mm, dtype=np.float32).reshape(3, 1, 1, 1)
    away = ((head.template_mm - centre) ** 2).sum(axis=0) + 1e4 * (head.fractions["white"] < 0.8)
    return np.array(np.unravel_index(int(np.argmin(away)), head.grid.shape))


def _box(grid: Grid, seed: NDArray[np.intp]) -> tuple[Box, Grid]:
    reach = round(_BOX_MM / grid.spacing_mm[0])
    low = np.maximum(seed - reach, 0)
    high = np.minimum(seed + reach + 1, grid.shape)
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm(low.astype(np.float64))
    size = high - low
    box = (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])), slice(int(low[2]), int(high[2])))
    return box, Grid((int(size[0]), int(size[1]), int(size[2])), affine)


def _arrival(
    parts: dict[str, Map], costs: dict[str, float], grid: Grid, rng: np.random.Generator, starts: list[tuple[int, ...]]
) -> Cost:
    """Cost-weighted geodesic distance in mm from the starts; CSF, dura and bone bar the way."""
    tissue = sum(parts.values())
    speed = sum(parts[name] / cost for name, cost in costs.items()) + np.clip(1 - tissue, 0, 1) / _BARRED
    noise = np.exp(0.25 * smooth_noise(rng, grid, scale_mm=7))
    costs_mm = (noise / np.maximum(speed, 1 / _BARRED)).astype(np.float64)
    arrival, _ = MCP_Geometric(costs_mm, sampling=grid.spacing_mm).find_costs(starts)
    return np.asarray(arrival, dtype=np.float64)


def _at_visit(
    state: LesionState, box: Box, grid: Grid, parts: dict[str, Map], arrival: Cost, wander: Map, rng: np.random.Generator
) -> Lesion:
    edge = grid.spacing_mm[0]
    limit = _limit(arrival, parts, state.volume_ml, grid.voxel_ml)
    room = ndimage.gaussian_filter(np.clip((limit - arrival) / edge + 0.5, 0, 1), 0.5 / edge)
    solid = ndimage.binary_fill_holes(room > 0.5)
    lesion = np.where(solid, np.maximum(room, 0.5), room)
    lesion = np.where(ndimage.binary_erosion(solid), 1.0, lesion)
    depth = ndimage.distance_transform_edt(solid) * edge
    core = lesion * np.clip((depth + state.ragged_mm * wander - state.rim_mm) / 1.5 + 0.5, 0, 1)
    enhancing = (lesion - core).astype(np.float32)
    oedema = _oedema(state, parts, solid, grid, rng) * (1 - lesion)
    perfusion = [
        enhancing * _textured(mean, state.spread * share, enhancing, grid, rng)
        for mean, share in ((state.ktrans_per_min, 1.0), (state.ve, 0.4), (state.vp, 1.0))
    ]
    return Lesion(box, grid, state, enhancing, core.astype(np.float32), oedema.astype(np.float32), *perfusion)


def _limit(arrival: Cost, parts: dict[str, Map], volume_ml: float, voxel_ml: float) -> float:
    """The arrival time at which that much brain has been reached."""
    order = np.argsort(arrival, axis=None, kind="stable")
    volume = np.cumsum((parts["grey"] + parts["white"]).ravel()[order].astype(np.float64)) * voxel_ml
    return float(arrival.ravel()[order[min(int(np.searchsorted(volume, volume_ml)), order.size - 1)]])


def _oedema(state: LesionState, parts: dict[str, Map], solid: NDArray[np.bool_], grid: Grid, rng: np.random.Generator) -> Cost:
    surface = solid & ~ndimage.binary_erosion(solid)
    starts = [tuple(int(v) for v in place) for place in np.argwhere(surface)]
    arrival = _arrival(parts, _OEDEMA_COST, grid, rng, starts)
    return np.clip((state.oedema_mm - arrival) / 5.0 + 0.5, 0, 0.92)


def _textured(mean: float, sigma: float, where: Map, grid: Grid, rng: np.random.Generator) -> Map:
    """A log-normal field whose mean over the enhancing tissue is exactly `mean`."""
    field = np.exp(sigma * np.clip(smooth_noise(rng, grid, scale_mm=5), -2.5, 2.5))
    out: Map = (field * (mean * where.sum() / (field * where).sum())).astype(np.float32)
    return out
