"""What lies in the scanner at one visit, be it a head or a spine: tissue shares, and perfusion drawn voxel by voxel."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.simulate.tissues import Tissue

Map = NDArray[np.float32]
Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Drawn:
    """Perfusion of one lesion tissue, voxel by voxel: amounts, which are its share of the voxel times the parameter."""

    box: Box  # of the scene's voxels
    grid: Grid  # of the box, in the scene's world
    ktrans_per_min: Map  # (i, j, k)
    ve: Map
    vp: Map
    delay_s: float
    architecture: str  # row of vascular.ARCHITECTURES

    def __post_init__(self) -> None:
        for name in ("ktrans_per_min", "ve", "vp"):
            values = getattr(self, name)
            if values.shape != self.grid.shape:
                raise ValueError(f"{name} is {values.shape} but its box is {self.grid.shape}")
            object.__setattr__(self, name, locked(values))


@dataclass(frozen=True, eq=False)
class Scene:
    """Tissue shares (i, j, k) by name, summing to at most 1 (the rest is air).

    `drawn` holds the tissues whose perfusion is not that of their row but drawn voxel by voxel; `texture` multiplies the
    perfusion of the tissues named in `textured` (mean 1).
    """

    grid: Grid
    tissues: Mapping[str, Tissue]
    fractions: Mapping[str, Map]
    drawn: Mapping[str, Drawn]
    texture: Map
    textured: tuple[str, ...]

    def __post_init__(self) -> None:
        unknown = sorted((set(self.fractions) | set(self.drawn) | set(self.textured)) - set(self.tissues))
        if unknown:
            raise ValueError(f"no row of the tissue table describes {', '.join(unknown)}")
        for name, part in self.fractions.items():
            if part.shape != self.grid.shape:
                raise ValueError(f"{name} is {part.shape} but the scene is {self.grid.shape}")
        object.__setattr__(self, "texture", locked(self.texture))


def dominant_tissue(scene: Scene) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Label (i, j, k) of the tissue with the largest share, air included, and the names of the labels; 0 is air."""
    names = ("air", *scene.fractions)
    best: Map = np.ones(scene.grid.shape, np.float32)
    for part in scene.fractions.values():
        best -= part
    label = np.zeros(scene.grid.shape, np.uint8)
    for number, part in enumerate(scene.fractions.values(), start=1):
        more = part > best
        label[more] = number
        np.maximum(best, part, out=best)
    return label, names
