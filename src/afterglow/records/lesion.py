"""Regions: the lesion, and the tissue it is compared with."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.locking import locked

ReferenceKind = Literal[
    "contralateral white matter", "adjacent vertebra", "whole-brain white matter", "mirrored lesion", "given region"
]
PartKind = Literal["enhancing", "necrosis", "cavity", "rim"]
ZoneKind = Literal["aggressive", "penumbra", "passive", "not assessed", "not aggressive"]


@dataclass(frozen=True, eq=False)
class Lesion:
    """One lesion at one visit, on one grid. An empty mask is legal only when `note` says why it is empty."""

    lesion_id: str
    mask: NDArray[np.bool_]  # (i, j, k)
    grid: Grid
    outlined: str  # how and by whom: "given mask …", "carried from ses-01 by rigid registration"
    note: str = ""
    parts: tuple[tuple[PartKind | ZoneKind, NDArray[np.bool_]], ...] = ()  # what the lesion is made of, each on the same grid

    def __post_init__(self) -> None:
        for kind, part in self.parts:
            if part.shape != self.grid.shape:
                raise ValueError(f"lesion {self.lesion_id}: its {kind} is {part.shape} but its grid is {self.grid.shape}")
        if self.mask.shape != self.grid.shape:
            raise ValueError(f"lesion {self.lesion_id}: mask is {self.mask.shape} but its grid is {self.grid.shape}")
        if not self.mask.any() and not self.note:
            raise ValueError(f"lesion {self.lesion_id}: the mask is empty and nothing says why")
        object.__setattr__(self, "mask", locked(self.mask))
        object.__setattr__(self, "parts", tuple((kind, locked(part)) for kind, part in self.parts))

    @property
    def n_voxels(self) -> int:
        return int(np.count_nonzero(self.mask))

    @property
    def volume_ml(self) -> float:
        return self.n_voxels * self.grid.voxel_ml


@dataclass(frozen=True, eq=False)
class Reference:
    """Tissue that a lesion is divided by."""

    mask: NDArray[np.bool_]  # (i, j, k)
    grid: Grid
    kind: ReferenceKind
    method: str  # how it was found, in words
    quality: tuple[tuple[str, float], ...] = ()  # named numbers of an automatic region: volume_ml, agreement_mm …

    def __post_init__(self) -> None:
        if self.mask.shape != self.grid.shape:
            raise ValueError(f"reference ({self.kind}): mask is {self.mask.shape} but its grid is {self.grid.shape}")
        if not self.method:
            raise ValueError("a reference region says how it was found")
        if not self.mask.any():
            raise ValueError(f"reference ({self.kind}): the mask is empty")
        object.__setattr__(self, "mask", locked(self.mask))
