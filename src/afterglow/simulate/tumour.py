"""A lesion in a digital head: growth by arrival time, core, cavity, a rim of tumour and scar, infiltration, oedema along white matter."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.graph import MCP_Geometric

from afterglow.records.grid import Grid
from afterglow.simulate.head import Head, Push
from afterglow.simulate.patches import draw_perfusion, patchwork
from afterglow.simulate.scene import Box, Drawn
from afterglow.simulate.story import LesionState, Nest
from afterglow.simulate.warp import smooth_noise

Map = NDArray[np.float32]
Cost = NDArray[np.float64]

# Where metastases sit: border zones between grey and white matter of both hemispheres (template mm, right side; mirrored at random).
_SEATS_MM = ((30.0, 24.0, 32.0), (33.0, -30.0, 38.0), (27.0, -62.0, 26.0), (32.0, 2.0, 40.0))
_BOX_MM = 46.0
_BARRED = 60.0  # cost of a millimetre of CSF, dura or bone; 1 is white matter
_PUSHED_SHARE = 0.35  # of the first volume makes room by displacement, the rest infiltrates
_NEST_MM = (5.0, 16.0)  # how far beyond the first lesion nests lie
_CLEAR_MM = 17.0  # of the box's wall, so that it cuts no nest of the shipped cohorts' usual size flat
_NEST_SHARE = 0.7  # of a nest is what its tissue says, the rest the brain it sits in
_INFILTRATED = 0.5  # of the brain just beyond the rim, falling to 0 at infiltration_mm

_TUMOUR_COST = {"white": 1.0, "grey": 1.1}
_OEDEMA_COST = {"white": 1.0, "grey": 6.0}


@dataclass(frozen=True, eq=False)
class Lesion:
    """One lesion at one visit on a box of the head's voxels: shares (i, j, k) of its tissues, and their perfusion as amounts.

    fractions: tumour, scar, core, cavity, infiltration, oedema, what a state does not have is all 0; and nests with water of
    their own. nests: share of each.
    """

    box: Box
    grid: Grid  # of the box, in the head's world
    state: LesionState
    fractions: Mapping[str, Map]
    drawn: Mapping[str, Drawn]
    nests: tuple[Map, ...] = ()

    @property
    def enhancing(self) -> Map:
        """(i, j, k) share of tissue that enhances."""
        return self.fractions["tumour"] + self.fractions["scar"]


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


@dataclass(frozen=True, eq=False)
class _Ground:
    """What all visits of one lesion share: the box, its brain, the order in which the lesion reaches it, and wandering borders."""

    box: Box
    grid: Grid
    parts: Mapping[str, Map]
    arrival: Cost
    wander: Map
    patches: Map
    nests: tuple[Cost, ...]  # arrival from each nest's own place


def grow(head: Head, seat: Seat, states: tuple[LesionState, ...], rng: np.random.Generator) -> tuple[Lesion, ...]:
    """The lesion at each visit: one arrival-time map, so a later and larger lesion contains the earlier one."""
    seed = _seed(head, seat)
    box, grid = _box(head.grid, seed)
    parts = {name: head.fractions[name][box] for name in ("grey", "white")}
    start = [tuple(int(s - b.start) for s, b in zip(seed, box, strict=True))]
    arrival = _arrival(parts, _TUMOUR_COST, grid, rng, start)
    arrival += np.clip(1.2 * smooth_noise(rng, grid, scale_mm=3.5), -2.5, 2.5)
    wander = smooth_noise(rng, grid, scale_mm=4.5)
    mixed = [state.patch_mm for state in states if 0 < state.tumour_share < 1]
    patches = smooth_noise(rng, grid, scale_mm=mixed[0]) if mixed else np.zeros_like(wander)
    places = 1 + max((nest.number for state in states for nest in state.nests), default=-1)
    nests = _nest_arrivals(places, states[0], parts, arrival, grid, rng)
    ground = _Ground(box, grid, parts, arrival, wander, patches, nests)
    return tuple(_at_visit(state, ground, rng) for state in states)


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
    parts: Mapping[str, Map], costs: dict[str, float], grid: Grid, rng: np.random.Generator, starts: list[tuple[int, ...]]
) -> Cost:
    """Cost-weighted geodesic distance in mm from the starts; CSF, dura and bone bar the way."""
    tissue = sum(parts.values())
    speed = sum(parts[name] / cost for name, cost in costs.items()) + np.clip(1 - tissue, 0, 1) / _BARRED
    noise = np.exp(0.25 * smooth_noise(rng, grid, scale_mm=7))
    costs_mm = (noise / np.maximum(speed, 1 / _BARRED)).astype(np.float64)
    arrival, _ = MCP_Geometric(costs_mm, sampling=grid.spacing_mm).find_costs(starts)
    return np.asarray(arrival, dtype=np.float64)


def _nest_arrivals(
    places: int, first: LesionState, parts: Mapping[str, Map], arrival: Cost, grid: Grid, rng: np.random.Generator
) -> tuple[Cost, ...]:
    """Arrival from each of the patient's nests: places in white matter around the first lesion, far from one another."""
    if not places:
        return ()
    limit = _limit(arrival, parts, first.volume_ml + first.cavity_ml, grid.voxel_ml)
    near, far = _NEST_MM
    found = np.argwhere((arrival > limit + near) & (arrival < limit + far) & (parts["white"] > 0.6))
    if not len(found):
        found = np.argwhere(parts["white"] > 0.6)
    from_wall_mm = np.minimum(found, np.array(grid.shape) - 1 - found).min(axis=1) * grid.spacing_mm[0]
    found = found[from_wall_mm >= min(_CLEAR_MM, float(from_wall_mm.max()))]
    chosen = [found[int(rng.integers(len(found)))]]
    while len(chosen) < places:
        away = np.min([np.linalg.norm((found - one) * grid.spacing_mm, axis=1) for one in chosen], axis=0)
        chosen.append(found[int(np.argmax(away * rng.uniform(0.7, 1.0, len(found))))])
    return tuple(_arrival(parts, _TUMOUR_COST, grid, rng, [tuple(int(v) for v in place)]) for place in chosen)


def _at_visit(state: LesionState, ground: _Ground, rng: np.random.Generator) -> Lesion:
    grid, edge = ground.grid, ground.grid.spacing_mm[0]
    lesion, solid = _room(state.volume_ml + state.cavity_ml, ground)
    cavity = np.minimum(_room(state.cavity_ml, ground)[0], lesion) if state.cavity_ml else np.zeros_like(lesion)
    depth = ndimage.distance_transform_edt(solid) * edge
    core = (lesion - cavity) * np.clip((depth + state.ragged_mm * ground.wander - state.rim_mm) / 1.5 + 0.5, 0, 1)
    enhancing = (lesion - cavity - core).astype(np.float32)
    parts = {"core": core, "cavity": cavity}
    oedema = _spread(state.oedema_mm, _OEDEMA_COST, ground, solid, rng) * (1 - lesion)
    share = patchwork(state.tumour_share, ground.patches, enhancing)
    parts |= {"tumour": enhancing * share, "scar": enhancing * (1 - share)}
    drawn = {}
    for name, perfusion in (("tumour", state.tumour), ("scar", state.scar)):
        if parts[name].any():
            drawn[name] = draw_perfusion(parts[name].astype(np.float32), perfusion, ground.box, grid, rng)
    nests = tuple(_nest(nest, ground, 1 - lesion) for nest in state.nests)
    infiltrated = np.zeros_like(lesion)
    if state.infiltration_mm > 0:
        infiltrated = _INFILTRATED * _spread(state.infiltration_mm, _TUMOUR_COST, ground, solid, rng) * (1 - lesion)
    parts["infiltration"], parts["oedema"] = infiltrated, oedema
    if state.infiltration is not None and infiltrated.any():
        drawn["infiltration"] = draw_perfusion(infiltrated.astype(np.float32), state.infiltration, ground.box, grid, rng)
    for nest, place in zip(state.nests, nests, strict=True):
        _settle(nest, place, parts, drawn, ground, rng)
    whole = {name: np.asarray(part, dtype=np.float32) for name, part in parts.items()}
    return Lesion(ground.box, grid, state, whole, drawn, tuple(place.astype(np.float32) for place in nests))


def _room(volume_ml: float, ground: _Ground) -> tuple[Cost, NDArray[np.bool_]]:
    """Share (i, j, k) that the first `volume_ml` of the lesion's way take, and the same as a solid without holes."""
    edge = ground.grid.spacing_mm[0]
    limit = _limit(ground.arrival, ground.parts, volume_ml, ground.grid.voxel_ml)
    room = ndimage.gaussian_filter(np.clip((limit - ground.arrival) / edge + 0.5, 0, 1), 0.5 / edge)
    solid = ndimage.binary_fill_holes(room > 0.5)
    lesion = np.where(solid, np.maximum(room, 0.5), room)
    return np.where(ndimage.binary_erosion(solid), 1.0, lesion), solid


def _limit(arrival: Cost, parts: Mapping[str, Map], volume_ml: float, voxel_ml: float) -> float:
    """The arrival time at which that much brain has been reached."""
    order = np.argsort(arrival, axis=None, kind="stable")
    volume = np.cumsum((parts["grey"] + parts["white"]).ravel()[order].astype(np.float64)) * voxel_ml
    return float(arrival.ravel()[order[min(int(np.searchsorted(volume, volume_ml)), order.size - 1)]])


def _spread(
    reach_mm: float, costs: dict[str, float], ground: _Ground, solid: NDArray[np.bool_], rng: np.random.Generator
) -> Cost:
    """Share (i, j, k) of what creeps outward from the lesion's surface as far as `reach_mm`."""
    surface = solid & ~ndimage.binary_erosion(solid)
    starts = [tuple(int(v) for v in place) for place in np.argwhere(surface)]
    if not starts:
        return np.zeros(ground.grid.shape)
    arrival = _arrival(ground.parts, costs, ground.grid, rng, starts)
    return np.clip((reach_mm - arrival) / 5.0 + 0.5, 0, 0.92)


def _nest(nest: Nest, ground: _Ground, free: Cost) -> Cost:
    """Share (i, j, k) of a nest: its volume counts where the lesion leaves brain `free` (i, j, k)."""
    arrival = ground.nests[nest.number]
    left = {name: (part * free).astype(np.float32) for name, part in ground.parts.items()}
    limit = _limit(arrival, left, nest.volume_ml, ground.grid.voxel_ml)
    return free * np.clip((limit - arrival) / ground.grid.spacing_mm[0] + 0.5, 0, 1)


def _settle(
    nest: Nest, place: Cost, parts: dict[str, Cost], drawn: dict[str, Drawn], ground: _Ground, rng: np.random.Generator
) -> None:
    """Put a nest into the shares and the drawn perfusion, in place; what was there makes room."""
    share = place if nest.tissue == "tumour" else _NEST_SHARE * place
    new = draw_perfusion(share.astype(np.float32), nest.perfusion, ground.box, ground.grid, rng)
    for name in [name for name in parts if name not in ("core", "cavity")]:
        parts[name] = parts[name] * (1 - share)
        if name in drawn:
            drawn[name] = _combined(drawn[name], 1 - share, None)
    name = nest.own_tissue
    parts[name] = parts[name] + share if name in parts else share
    drawn[name] = _combined(drawn[name], np.ones_like(share), new) if name in drawn else new


def _combined(old: Drawn, keep: Cost, new: Drawn | None) -> Drawn:
    factor = keep.astype(np.float32)
    ktrans, ve, vp = (
        getattr(old, name) * factor + (0 if new is None else getattr(new, name)) for name in ("ktrans_per_min", "ve", "vp")
    )
    return Drawn(old.box, old.grid, ktrans, ve, vp, old.delay_s, old.architecture)
