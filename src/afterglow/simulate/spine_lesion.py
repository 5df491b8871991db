"""A metastasis of a vertebra at each visit: marrow replaced, cortex broken, a part outside the bone; and what treatment leaves."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from afterglow.kernels.calipers import calipers
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.simulate.patches import draw_perfusion, patchwork
from afterglow.simulate.scene import Box, Drawn
from afterglow.simulate.spine import Spine, neighbours
from afterglow.simulate.spine_column import level_index
from afterglow.simulate.spine_growth import Ground, covers, prepare
from afterglow.simulate.story import LesionState

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]

_ALTERED = 0.85  # of the marrow next to the lesion is altered
_REFERENCE_ML = 0.25  # a reference is at least that large


@dataclass(frozen=True, eq=False)
class SpineLesion:
    """One lesion at one visit, on a box of the spine's voxels; all maps (i, j, k) are shares of the voxel."""

    level: str
    state: LesionState
    box: Box
    grid: Grid  # of the box, in the spine's world
    in_bone: Map  # lesion inside the vertebra
    in_soft: Map  # lesion outside bone
    bone_cover: Map  # share of the vertebra's own tissue that is lesion
    soft_cover: Map  # share of the soft tissue that is lesion
    tissues: Mapping[str, Map]  # tumour, scar, core, oedema (altered marrow)
    healed: Map  # share of the vertebra's tissue that was lesion and is now sclerotic, fatty marrow
    drawn: Mapping[str, Drawn]  # tumour, scar

    def __post_init__(self) -> None:
        for name in ("in_bone", "in_soft", "bone_cover", "soft_cover", "healed"):
            object.__setattr__(self, name, locked(getattr(self, name)))
        object.__setattr__(self, "tissues", {name: locked(part) for name, part in self.tissues.items()})

    @property
    def share(self) -> Map:
        """Lesion in and outside bone."""
        both: Map = self.in_bone + self.in_soft
        return both

    def on(self, grid: Grid) -> Map:
        """`share` on the whole grid of the spine."""
        out = np.zeros(grid.shape, np.float32)
        out[self.box] = self.share
        return out

    def values(self) -> dict[str, float]:
        """True sizes: volumes in mL from the shares; the largest product of perpendicular axial diameters and the extents of the
        part outside bone in mm, from voxels that are lesion by more than half, counted with their corners.
        """
        outside_ml, inside_ml = (float(part.sum()) * self.grid.voxel_ml for part in (self.in_soft, self.in_bone))
        total = outside_ml + inside_ml
        longest, product = _axial(self.share > 0.5, self.grid)
        named = {f"{name}_ml": float(part.sum()) * self.grid.voxel_ml for name, part in self.tissues.items()}
        extents = dict(
            zip(
                ("extraosseous_lr_mm", "extraosseous_ap_mm", "extraosseous_cc_mm"),
                _extents(self.in_soft > 0.5, self.grid),
                strict=True,
            )
        )
        sizes = {"volume_ml": total, "extraosseous_ml": outside_ml, "extraosseous": outside_ml / total if total else 0.0}
        return sizes | {"longest_mm": longest, "product_mm2": product} | extents | named


def grow_spine_lesions(
    spine: Spine, level: str, states: tuple[LesionState, ...], rng: np.random.Generator
) -> tuple[SpineLesion, ...]:
    """The lesion of one vertebra at each visit: one arrival map for all visits, so they overlap and a larger one holds a smaller.

    BadInput for a state with what only a brain has (cavity, infiltration, nests), or too large for its place.
    """
    level_index(level)
    for state in states:
        if state.cavity_ml > 0 or state.infiltration_mm > 0 or state.nests:
            raise BadInput(f"a metastasis of {level} has no resection cavity, infiltration or nests; set them to 0 for a spine")
    ground = prepare(spine, level, states, rng)
    out: list[SpineLesion] = []
    worst = np.zeros(ground.grid.shape, np.float32)
    for state in states:
        bone_cover, soft_cover = covers(state, ground)
        out.append(_at_visit(state, ground, bone_cover, soft_cover, np.maximum(worst - bone_cover, 0), spine, rng))
        worst = np.maximum(worst, bone_cover)
    return tuple(out)


def reference_body(spine: Spine, lesions: tuple[SpineLesion, ...]) -> tuple[str, Mask]:
    """The nearest vertebra that no visit's lesion touches, and the inside of its body (i, j, k), 2 to 3 mm off cortex, plates and vein."""
    if not lesions:
        raise BadInput("a reference needs the lesion it lies next to; grow the lesions first")
    for level in neighbours(lesions[0].level):
        mask = spine.body == level_index(level) + 1
        if mask.sum() * spine.grid.voxel_ml < _REFERENCE_ML:
            continue
        if all(not (mask[one.box] & (one.share > 0.01)).any() for one in lesions):
            return level, mask
    raise BadInput(f"no healthy vertebral body lies in the field about {spine.level}; choose a finer grid or a smaller lesion")


def _at_visit(
    state: LesionState, ground: Ground, bone_cover: Map, soft_cover: Map, healed: Map, spine: Spine, rng: np.random.Generator
) -> SpineLesion:
    in_bone, in_soft = bone_cover * ground.in_bone, soft_cover * ground.in_soft
    lesion = in_bone + in_soft
    solid = lesion > 0.5
    depth = ndimage.distance_transform_edt(solid, sampling=ground.grid.spacing_mm)
    core = lesion * np.clip((depth + state.ragged_mm * ground.wander - state.rim_mm) / 1.5 + 0.5, 0, 1) * solid
    enhancing = (lesion - core).astype(np.float32)
    tumour = (enhancing * patchwork(state.tumour_share, ground.patches, enhancing)).astype(np.float32)
    parts = {"tumour": tumour, "scar": enhancing - tumour}
    marrow = sum(spine.fractions[name][ground.box] for name in ("red marrow", "fatty marrow")) * (ground.in_bone > 0)
    parts |= {"core": core.astype(np.float32), "oedema": _altered(state, ground, solid, marrow * (1 - bone_cover - healed))}
    means = {"tumour": state.tumour, "scar": state.scar}
    drawn = {
        name: draw_perfusion(parts[name], mean, ground.box, ground.grid, rng) for name, mean in means.items() if parts[name].any()
    }
    return SpineLesion(
        ground.level, state, ground.box, ground.grid, in_bone, in_soft, bone_cover, soft_cover, parts, healed.astype(np.float32), drawn
    )  # fmt: skip


def _altered(state: LesionState, ground: Ground, solid: Mask, marrow: Map) -> Map:
    """Share of altered marrow: it fades over the reach of `oedema_mm` from the lesion, inside the vertebra."""
    if state.oedema_mm <= 0 or not solid.any():
        return np.zeros_like(marrow)
    away = ndimage.distance_transform_edt(~solid, sampling=ground.grid.spacing_mm)
    share: Map = (marrow * np.clip((state.oedema_mm - away) / 4.0 + 0.5, 0, _ALTERED)).astype(np.float32)
    return share


def _axial(mask: Mask, grid: Grid) -> tuple[float, float]:
    """Longest axial diameter in mm and largest product with the extent across it in mm2, over the planes of constant z."""
    half = np.array([[a, b] for a in (-0.5, 0.5) for b in (-0.5, 0.5)]) * grid.spacing_mm[:2]
    found = [
        calipers((np.argwhere(plane)[:, None] * np.array(grid.spacing_mm[:2]) + half).reshape(-1, 2))
        for plane in np.moveaxis(mask, 2, 0)
        if plane.any()
    ]
    return max((a for a, _ in found), default=0.0), max((a * b for a, b in found), default=0.0)


def _extents(mask: Mask, grid: Grid) -> tuple[float, float, float]:
    """Size of the bounding box in mm: right to left, back to front, head to foot."""
    if not mask.any():
        return 0.0, 0.0, 0.0
    spans = np.ptp(np.argwhere(mask), axis=0) + 1
    x, y, z = (float(n * step) for n, step in zip(spans, grid.spacing_mm, strict=True))
    return x, y, z
