"""Dose on a grid, the shots it is made of, and the structures it is read in."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.records.maps import Provenance

DoseOrigin = Literal["research kernel", "delivered plan", "prescription"]
StructureKind = Literal["target", "zone", "organ"]

NOT_FOR_TREATMENT = "Research kernel, not commissioned; not for treatment."


@dataclass(frozen=True, eq=False)
class DoseGrid:
    """Absorbed dose in Gy; NaN where the grid of origin does not reach. Only `origin` "delivered plan" was ever given to a patient."""

    dose_gy: NDArray[np.float32]  # (i, j, k)
    grid: Grid
    origin: DoseOrigin
    source: str  # the file, or how it was computed, in words
    frame_uid: str = ""  # DICOM frame of reference, where it has one

    def __post_init__(self) -> None:
        if self.dose_gy.shape != self.grid.shape:
            raise ValueError(f"dose of {self.source} is {self.dose_gy.shape} but its grid is {self.grid.shape}")
        if bool((self.dose_gy < 0).any()):
            raise ValueError(f"dose of {self.source} is negative somewhere")
        object.__setattr__(self, "dose_gy", locked(self.dose_gy))


@dataclass(frozen=True, eq=False)
class Structure:
    """A named region: `share` (i, j, k), 0 to 1, is the part of each voxel that lies inside, so that small volumes are not rounded."""

    name: str
    share: NDArray[np.float32]
    grid: Grid
    kind: StructureKind
    source: str = ""  # the file, or how it was found, in words
    frame_uid: str = ""  # DICOM frame of reference, where it has one

    def __post_init__(self) -> None:
        if self.share.shape != self.grid.shape:
            raise ValueError(f"structure {self.name} is {self.share.shape} but its grid is {self.grid.shape}")
        if not bool(((self.share >= 0) & (self.share <= 1)).all()):
            raise ValueError(f"structure {self.name}: the share of a voxel lies between 0 and 1")
        object.__setattr__(self, "share", locked(np.asarray(self.share, dtype=np.float32)))

    @property
    def volume_ml(self) -> float:
        return float(self.share.sum(dtype=np.float64)) * self.grid.voxel_ml


@dataclass(frozen=True)
class Shot:
    """One isocentre. `weight_gy` is the dose that the shot alone leaves at its focus."""

    position_mm: tuple[float, float, float]  # RAS
    collimator_mm: tuple[int, ...]  # one for all sectors, or one for each (0: blocked)
    weight_gy: float

    def __post_init__(self) -> None:
        if self.weight_gy < 0 or not self.collimator_mm:
            raise ValueError(f"a shot of {self.weight_gy} Gy with collimators {self.collimator_mm} is none")


@dataclass(frozen=True, eq=False)
class DosePlan:
    """What an optimiser made, or what was delivered: the dose, its shots, and on which isodose it was prescribed.

    `reasons` says, in one sentence each, what the plan could not reach and why.
    """

    name: str  # "uniform", "painted", …
    dose: DoseGrid
    shots: tuple[Shot, ...]
    isodose: float  # share of the largest dose on which the prescription lies: .5
    prescribed: str  # in words: "16 Gy to the whole tumour"
    provenance: Provenance
    reasons: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.isodose < 1:
            raise ValueError(f"plan {self.name}: an isodose of {self.isodose} is no share of the largest dose")


@dataclass(frozen=True)
class DoseFigure:
    """One number of a plan: what, in which structure, with its unit; NaN means that it could not be told, and `note` why."""

    plan: str
    structure: str
    name: str  # "D95", "V12", "mean_dose", "integral_dose", "paddick_conformity", …
    value: float
    unit: str  # "Gy", "mL", "J", "1"
    note: str = ""


@dataclass(frozen=True, eq=False)
class DoseVolume:
    """A cumulative dose-volume histogram: `volume_ml[n]` receives at least `dose_gy[n]`."""

    plan: str
    structure: str
    dose_gy: NDArray[np.float64]  # (n,), rising from 0
    volume_ml: NDArray[np.float64]  # (n,), falling
    note: str = ""  # what the curve leaves out: "12 % of the brain is not covered by the dose"

    def __post_init__(self) -> None:
        if self.dose_gy.shape != self.volume_ml.shape or self.dose_gy.ndim != 1:
            raise ValueError(f"histogram of {self.structure}: {self.dose_gy.shape} doses for {self.volume_ml.shape} volumes")
        for name in ("dose_gy", "volume_ml"):
            object.__setattr__(self, name, locked(getattr(self, name)))


@dataclass(frozen=True, eq=False)
class QualityVolume:
    """A cumulative histogram of Q, dose planned over dose prescribed: `share[n]` of the structure reaches at least `q[n]`."""

    plan: str
    structure: str
    q: NDArray[np.float64]  # (n,), rising from 0
    share: NDArray[np.float64]  # (n,), falling from 1

    def __post_init__(self) -> None:
        if self.q.shape != self.share.shape or self.q.ndim != 1:
            raise ValueError(f"quality of {self.structure}: {self.q.shape} ratios for {self.share.shape} shares")
        for name in ("q", "share"):
            object.__setattr__(self, name, locked(getattr(self, name)))
