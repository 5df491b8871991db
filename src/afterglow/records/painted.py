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
