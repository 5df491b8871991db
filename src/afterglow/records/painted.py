"""What one painted visit comes to: everything a report or a viewer needs, and nothing it must compute."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from afterglow.records.alignment import QualityLine
from afterglow.records.dose import DoseFigure, DosePlan, DoseVolume, QualityVolume, Structure
from afterglow.records.grid import Grid
from afterglow.records.locking import locked
from afterglow.records.maps import Provenance
from afterglow.records.measurement import Measurement
from afterglow.records.quantity import Quantity
from afterglow.records.spectra import FittedSpectrum
from afterglow.records.stability import Retest, Stability
from afterglow.records.zones import Prescription, ZoneMap


@dataclass(frozen=True, eq=False)
class ZoneCurve:
    """Concentration over time in one zone of the painted visit, at one visit, on that visit's own voxels."""

    session: str
    day: float
    zone: str  # as in ZONE_WORDS
    times_s: NDArray[np.float64]  # (t,) on the clock of the series
    arrival_s: float  # when contrast came, on that clock
    mean_mM: NDArray[np.float64]  # (t,)
    low_mM: NDArray[np.float64]  # (t,) lower quartile of the voxels
    high_mM: NDArray[np.float64]  # (t,) upper quartile
    n_voxels: int

    def __post_init__(self) -> None:
        for name in ("times_s", "mean_mM", "low_mM", "high_mM"):
            array = getattr(self, name)
            if array.shape != self.times_s.shape or array.ndim != 1:
                raise ValueError(f"curve of the {self.zone} zone: {name} is {array.shape}, its times {self.times_s.shape}")
            object.__setattr__(self, name, locked(array))

    @property
    def after_arrival_s(self) -> NDArray[np.float64]:
        """Times (t,) from the arrival of contrast on: the clocks of two visits have no zero in common."""
        return self.times_s - self.arrival_s


@dataclass(frozen=True, eq=False)
class SeenVisit:
    """One visit on the planning grid, for the eye only: nothing is measured on resampled maps."""

    session: str
    day: float
    backdrop: NDArray[np.float32]  # (i, j, k)
    quantity: Quantity
    values: NDArray[np.float32]  # (i, j, k)


@dataclass(frozen=True, eq=False)
class PaintedVisit:
    """Zones, prescription and plans of one visit on its planning grid, with the maps that the criteria read laid on it."""

    subject: str
    session: str
    day: float
    method: str
    backdrop: NDArray[np.float32]  # (i, j, k) anatomy on the planning grid
    backdrop_name: str
    maps: tuple[tuple[Quantity, NDArray[np.float32]], ...]  # (i, j, k) each, for the eye
    zones: ZoneMap
    prescription: Prescription
    plans: tuple[DosePlan, ...]  # the uniform one first
    structures: tuple[Structure, ...]  # tumour, zones, brain
    figures: tuple[DoseFigure, ...]  # of all plans
    histograms: tuple[DoseVolume, ...]
    qualities: tuple[QualityVolume, ...]
    stability: Stability | None
    quality: tuple[QualityLine, ...]
    provenance: tuple[Provenance, ...]
    response: tuple[Measurement, ...] = field(default=())  # quantities in the zones, at this visit and later ones
    retest: Retest | None = None
    delivered: tuple[Structure, ...] = ()  # structures of a delivered plan
    spectra: tuple[tuple[str, FittedSpectrum], ...] = ()  # label and spectrum: an aggressive voxel, one of the reference
    spectra_grid: Grid | None = None
    curves: tuple[ZoneCurve, ...] = ()  # in the zones, at this visit and later ones
    seen: tuple[SeenVisit, ...] = ()  # the same visits, one map each

    def __post_init__(self) -> None:
        if self.backdrop.shape != self.grid.shape:
            raise ValueError(f"painted visit: the anatomy is {self.backdrop.shape} but the planning grid is {self.grid.shape}")
        object.__setattr__(self, "backdrop", locked(self.backdrop))

    @property
    def grid(self) -> Grid:
        """The planning grid."""
        return self.zones.grid

    def of_plan(self, name: str) -> tuple[DoseFigure, ...]:
        """The figures of one plan."""
        return tuple(one for one in self.figures if one.plan == name)
