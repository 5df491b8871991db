"""What one visit, and one patient, come to: everything a report or a viewer needs, and nothing it must compute."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.alignment import Alignment, Motion, QualityLine
from afterglow.records.bolus import BolusCurve, RegionLoop
from afterglow.records.course import Course
from afterglow.records.grid import Grid
from afterglow.records.lead import LeadTime
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.locking import locked
from afterglow.records.maps import Aif, ParameterMap, Provenance
from afterglow.records.painted import PaintedVisit
from afterglow.records.quantity import Quantity
from afterglow.records.response import Disagreement, Verdict
from afterglow.records.space import PatientSpace


@dataclass(frozen=True, eq=False)
class RegionCurve:
    """Mean concentration of a region over time, with the model fitted to that mean curve."""

    label: str  # "lesion 1", "reference"
    times_s: NDArray[np.float64]  # (t,)
    measured_mM: NDArray[np.float64]  # (t,)
    fitted_mM: NDArray[np.float64] | None  # (t,)
    model: str
    n_voxels: int
    parameters: tuple[tuple[str, float, str], ...] = ()  # name, value, unit

    def __post_init__(self) -> None:
        for name in ("times_s", "measured_mM", "fitted_mM"):
            array = getattr(self, name)
            if array is not None:
                object.__setattr__(self, name, locked(array))


@dataclass(frozen=True, eq=False)
class ExamResult:
    """One visit, quantified, on the grid of its dynamic series."""

    subject: str
    session: str
    day: float
    method: str
    grid: Grid
    backdrop: NDArray[np.float32]  # (i, j, k) anatomy on the same grid, to draw maps over
    backdrop_name: str
    maps: tuple[ParameterMap, ...]
    aif: Aif | None  # None where concentration is not what was measured (DSC: see boluses)
    motion: Motion | None
    alignments: tuple[Alignment, ...]
    lesions: tuple[Lesion, ...]
    reference: Reference | None
    curves: tuple[RegionCurve, ...]
    quality: tuple[QualityLine, ...]
    provenance: tuple[Provenance, ...]
    space: str = "dce"  # label of that grid in file names
    boluses: tuple[BolusCurve, ...] = ()
    loops: tuple[RegionLoop, ...] = ()
    pictures: tuple[tuple[str, NDArray[np.float32]], ...] = ()  # further anatomy on the same grid, by name
    panel: tuple[str, ...] = ()  # quantities that the report shows, in this order; all where none are named
    acquired: tuple[tuple[str, str], ...] = ()  # how the dynamic series was made, in words: visits that differ are not alike
    beside: "tuple[ExamResult, ...]" = ()  # other series of the visit, each on its own grid

    def map_of(self, quantity: str) -> ParameterMap | None:
        """The map of that quantity, or None."""
        return next((m for m in self.maps if m.quantity.name == quantity), None)


@dataclass(frozen=True, eq=False)
class PairView:
    """Two visits in the space of the earlier one, for the eye only: nothing is measured on resampled maps."""

    grid: Grid
    sessions: tuple[str, str]
    days: tuple[float, float]
    backdrops: tuple[NDArray[np.float32], NDArray[np.float32]]
    lesions: tuple[NDArray[np.bool_], NDArray[np.bool_]]
    maps: tuple[tuple[Quantity, NDArray[np.float32], NDArray[np.float32]], ...]
    alignment: Alignment


@dataclass(frozen=True, eq=False)
class VisitView:
    """One visit in the patient's space. `placed` False: it could not be laid on the others and lies where its header puts it."""

    session: str
    day: float
    placed: bool
    backdrop: NDArray[np.float32]  # (i, j, k)
    lesions: tuple[tuple[str, NDArray[np.bool_]], ...]  # lesion id, mask
    maps: tuple[tuple[Quantity, NDArray[np.float32]], ...]


@dataclass(frozen=True, eq=False)
class CourseView:
    """Every visit on one grid in the patient's space, for the eye only: nothing is measured on resampled maps."""

    grid: Grid
    visits: tuple[VisitView, ...]


@dataclass(frozen=True, eq=False)
class PatientResult:
    """One patient: the visits in order, the measurements of all of them, the calls."""

    participant_id: str
    method: str
    exams: tuple[ExamResult, ...]
    course: Course
    verdicts: tuple[Verdict, ...]
    pair: PairView | None
    methods_paragraph: str
    references: tuple[str, ...]  # DOIs
    space: PatientSpace | None = None  # None for a single visit
    view: CourseView | None = None
    quality: tuple[QualityLine, ...] = ()  # what was noticed between the visits
    leads: tuple[LeadTime, ...] = ()
    disagreements: tuple[Disagreement, ...] = ()
    painted: PaintedVisit | None = None
