"""What one visit has become so far, while the steps of a method are carried out on it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.flows.method import Method
from afterglow.kernels.problem import Fit
from afterglow.quantify.concentration import Concentration
from afterglow.quantify.leakage import Corrected
from afterglow.quantify.microvessel import Loops
from afterglow.quantify.rates import Rates
from afterglow.records.alignment import Alignment, Motion, QualityLine
from afterglow.records.bolus import BolusCurve, Echo
from afterglow.records.errors import BadMethod
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion, PartKind, Reference
from afterglow.records.maps import Aif, ParameterMap, Provenance
from afterglow.records.protocol import Agent, Epi, Spgr
from afterglow.records.series import Exam, Series

Progress = Callable[[str, int, int], None]  # what, done, of how many


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


class Fitted(NamedTuple):
    """A model's fit in every voxel, and the delays (n,) where they were fitted."""

    model: str
    fit: Fit
    delay_s: NDArray[np.floating] | None


@dataclass(frozen=True, eq=False)
class Drawn:
    """An outline on an image of its visit: read from a file, or carried over from the visit before.

    An empty mask of a lesion says that nothing of it is left, or (with a `note`) why nothing of it is seen.
    """

    label: str
    lesion_id: str
    name: str  # the file; of a carried lesion, where it comes from
    how: str  # "given mask …", "carried from ses-01 …"
    mask: NDArray[np.bool_]  # on the grid of `on`
    on: Series
    parts: tuple[tuple[PartKind, NDArray[np.bool_]], ...] = ()
    note: str = ""
    says: bool = True  # False: only laid where it was at another visit, so that it says nothing about this one


@dataclass
class Arm:
    """One of the DSC series of a visit, and what the steps have made of it."""

    name: str  # ge or se, as the method names it
    series: Series
    data: NDArray[np.float32]  # (i, j, k, t)
    protocol: Epi
    echoes: tuple[tuple[Epi, NDArray[np.float32]], ...] = ()  # other gradient echoes of the same excitations, the earlier first
    one_injection: bool = False  # it is an echo of the leading series' own excitations
    rates: Rates | None = None
    corrected: Corrected | None = None
    artery: BolusCurve | None = None
    vein: BolusCurve | None = None
    vein_factor: float = 1.0

    @property
    def best_per_s(self) -> NDArray[np.float32]:
        """Rates (n, t), corrected for leakage where that was made."""
        if self.rates is None:
            raise BadMethod("the step 'rates' must come before the steps that need rates")
        return self.rates.per_s if self.corrected is None else self.corrected.per_s


@dataclass
class Work:
    """The visit, the method, and what the steps have made; each step reads some of it and adds to it."""

    exam: Exam
    method: Method
    dynamic: Series
    data: NDArray[np.float32]  # (i, j, k, t)
    protocol: Spgr | Epi
    agent: Agent | None
    haematocrit: float | None
    workers: int
    progress: Progress
    drawn: tuple[Drawn, ...] = ()
    lesions: tuple[Lesion, ...] | None = None  # None until they are settled
    reference: Reference | None = None
    arms: dict[str, Arm] = field(default_factory=dict)  # the DSC series by the method's names; empty for DCE
    loops: Loops | None = None
    adc: ParameterMap | None = None  # on the grid of the maps
    given_aif_mask: tuple[NDArray[np.bool_], str] | None = None
    given_aif: tuple[Aif, str] | None = None
    given_boluses: Mapping[Echo, BolusCurve] = field(default_factory=dict)
    mask: NDArray[np.bool_] | None = None
    motion: Motion | None = None
    alignments: dict[str, Alignment] = field(default_factory=dict)  # by series, as the method names them
    aligned: dict[str, tuple[Series, ...]] = field(default_factory=dict)  # on the dynamic grid
    t1: ParameterMap | None = None
    concentration: Concentration | None = None
    aif: Aif | None = None
    fits: list[Fitted] = field(default_factory=list)
    maps: list[ParameterMap] = field(default_factory=list)
    provenance: list[Provenance] = field(default_factory=list)
    quality: list[QualityLine] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    @property
    def grid(self) -> Grid:
        return self.dynamic.grid

    @property
    def times_s(self) -> NDArray[np.float64]:
        return self.dynamic.times_s

    @property
    def source(self) -> str:
        return self.dynamic.source

    def series(self, name: str) -> tuple[Series, ...]:
        """The exam's series that the method calls by that name; empty where the exam has none."""
        spec = self.method.series.get(name)
        for role in spec.roles if spec else ():
            if role in self.exam.series:
                return self.exam.series[role]
        return ()

    def subject_mask(self) -> NDArray[np.bool_]:
        """The voxels to work on: all, where the method removes no background."""
        return np.ones(self.grid.shape, dtype=bool) if self.mask is None else self.mask

    def spgr(self, step: str) -> tuple[Spgr, Agent, float]:
        """Protocol, agent and haematocrit of a DCE visit."""
        if not isinstance(self.protocol, Spgr) or self.agent is None or self.haematocrit is None:
            raise BadMethod(f"{self.method.name}: the step {step!r} needs a DCE series, an agent and a haematocrit")
        return self.protocol, self.agent, self.haematocrit

    def lesion_mask(self) -> NDArray[np.bool_]:
        """All lesions together."""
        whole = np.zeros(self.grid.shape, dtype=bool)
        for lesion in self.lesions or ():
            whole |= lesion.mask
        return whole

    def map_of(self, quantity: str) -> ParameterMap | None:
        """The first map of that quantity, or None."""
        return next((one for one in self.maps if one.quantity.name == quantity), None)

    def need_concentration(self, step: str) -> Concentration:
        if self.concentration is None:
            raise BadMethod(f"{self.method.name}: the step {step!r} needs the step 'concentration' before it")
        return self.concentration

    def need_aif(self, step: str) -> Aif:
        if self.aif is None:
            raise BadMethod(f"{self.method.name}: the step {step!r} needs the step 'aif' before it")
        return self.aif

    def note(self, what: str, found: str, level: str, advice: str = "") -> None:
        self.quality.append(QualityLine(what, found, level, advice))  # type: ignore[arg-type]
