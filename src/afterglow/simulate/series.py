"""What a simulated visit consists of: series as a scanner stores them, outlines, and the truth that stays outside."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.records.protocol import Agent, Injection, Protocol
from afterglow.simulate.scanner import HeadMotion, StoredImage

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]
Matrix = NDArray[np.float64]


@dataclass(frozen=True)
class Timing:
    """What a header says of a sequence whose protocol is silent; None where the sequence has none."""

    tr_s: float | None = None
    te_s: float | None = None
    ti_s: float | None = None
    flip_deg: float | None = None


@dataclass(frozen=True, eq=False)
class DigitalSeries:
    """One series as a scanner stores it, with what its header says.

    `role` is a name of io.exam.ROLES; `image` holds (i, j, k) or (i, j, k, t). A series of several images (flip angles, b-values)
    is one DigitalSeries for each flip angle, and one for all b-values.
    """

    role: str
    image: StoredImage
    protocol: Protocol
    field_t: float
    times_s: NDArray[np.float64] | None = None  # (t,) start of each frame on the series' own clock; None where not dynamic
    slice_times_s: tuple[float, ...] = ()  # (k,) after the start of the frame; empty for 3D acquisitions
    start_s: float = 0.0  # start of the series after the start of the visit
    injection: Injection | None = None
    agent: Agent | None = None  # where the scanner's sidecar is to hold the relaxivity
    haematocrit: float | None = None
    number: int = 0  # which flip angle, where there are several
    name: str = ""  # what a technologist would call it
    timing: Timing = Timing()  # of an anatomical or diffusion series

    def __post_init__(self) -> None:
        frames = self.image.stored.shape[3] if self.image.stored.ndim == 4 else 1
        if self.times_s is not None:
            if self.times_s.shape != (frames,):
                raise ValueError(f"{self.role}: {self.times_s.size} times for {frames} frames")
            object.__setattr__(self, "times_s", locked(self.times_s))
        if self.slice_times_s and len(self.slice_times_s) != self.image.grid.shape[2]:
            raise ValueError(f"{self.role}: {len(self.slice_times_s)} slice times for {self.image.grid.shape[2]} slices")


@dataclass(frozen=True, eq=False)
class DigitalSpectra:
    """A spectroscopic image: complex FIDs (i, j, k, t) as the NIfTI-MRS standard defines their sign."""

    fids: NDArray[np.complex64]
    grid: Grid
    dwell_s: float
    spectrometer_mhz: float
    te_s: float
    tr_s: float
    box_mm: tuple[Matrix, Matrix]  # opposite corners (3,) of the excited box in scanner mm
    start_s: float = 0.0
    water: NDArray[np.complex64] | None = None  # the same without water suppression
    bandwidth_hz: tuple[float, float, float] | None = None  # of the pulses that select the box along each axis

    def __post_init__(self) -> None:
        if self.fids.ndim != 4 or self.fids.shape[:3] != self.grid.shape:
            raise ValueError(f"spectra are {self.fids.shape} but their grid is {self.grid.shape}")
        object.__setattr__(self, "fids", locked(self.fids))


@dataclass(frozen=True, eq=False)
class TrueMap:
    """One true quantity on one grid; NaN where it does not exist."""

    quantity: str  # ktrans, ve, vp, cbv, adc, mti, cho_naa … or a tissue share such as "enhancing"
    unit: str
    values: Map  # (i, j, k)
    grid: Grid
    space: str  # role of the series on whose grid it lies: dce, dsc-ge, dwi, mrsi, CE-T1w

    def __post_init__(self) -> None:
        if self.values.shape != self.grid.shape:
            raise ValueError(f"true {self.quantity} is {self.values.shape} but its grid is {self.grid.shape}")
        object.__setattr__(self, "values", locked(self.values))


@dataclass(frozen=True, eq=False)
class TrueLabels:
    """Which tissue has the largest share of each voxel, on the grid of an anatomical image; 0 is air."""

    values: NDArray[np.uint8]  # (i, j, k)
    names: tuple[str, ...]  # of the labels, from 0
    grid: Grid
    space: str

    def __post_init__(self) -> None:
        if self.values.shape != self.grid.shape:
            raise ValueError(f"true labels are {self.values.shape} but their grid is {self.grid.shape}")
        object.__setattr__(self, "values", locked(self.values))


@dataclass(frozen=True, eq=False)
class VisitTruth:
    """What the scanner did not know. Transforms (4, 4) take scanner mm of a series to the body's own mm, one body for all visits."""

    maps: tuple[TrueMap, ...] = ()
    curves: Mapping[str, Mapping[str, NDArray[np.float64]]] = field(default_factory=dict)  # table -> column -> (n,)
    motion: Mapping[str, HeadMotion] = field(default_factory=dict)  # by role
    transforms: Mapping[str, Matrix] = field(default_factory=dict)  # by role
    values: Mapping[str, float] = field(default_factory=dict)  # whole-lesion numbers: volumes in mL, noise …
    labels: TrueLabels | None = None

    def map_of(self, quantity: str, space: str) -> TrueMap:
        """KeyError where there is none."""
        for one in self.maps:
            if one.quantity == quantity and one.space == space:
                return one
        raise KeyError(f"no true {quantity} in the space of {space}")


@dataclass(frozen=True, eq=False)
class Outline:
    """A region as a reader would draw it, on the grid of the anatomical image."""

    label: str  # lesion, reference, recurrence …
    mask: Mask
    grid: Grid
    space: str = "T1w"


@dataclass(frozen=True, eq=False)
class DigitalExam:
    """One visit of a digital patient."""

    session: str
    day: float
    series: tuple[DigitalSeries, ...]
    spectra: DigitalSpectra | None
    outlines: tuple[Outline, ...]
    truth: VisitTruth

    def series_of(self, role: str) -> tuple[DigitalSeries, ...]:
        """All series of that role, in order."""
        return tuple(one for one in self.series if one.role == role)
