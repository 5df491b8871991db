"""The tables of a method file that say how a tumour is painted: criteria, zones, doses, and how plans are made."""

from typing import Literal

from pydantic import Field, model_validator

from afterglow.flows.method_steps import Strict
from afterglow.painting.criteria import Comparison, Criterion
from afterglow.painting.density import DENSITIES
from afterglow.painting.dosimetry_figures import DosimetrySettings
from afterglow.painting.machine import MACHINES, Machine
from afterglow.painting.prescription import ByContours, ByNumbers
from afterglow.painting.settings import PlanSettings
from afterglow.painting.zones import ZoneRules
from afterglow.records.quantity import QUANTITIES

STRUCTURES = ("tumour", "aggressive", "penumbra", "passive", "not assessed", "brain")


class ComparisonSpec(Strict):
    """One quantity against one threshold."""

    quantity: str
    threshold: float
    or_equal: bool = False
    against: Literal["absolute", "reference ratio", "reference deviations"]
    clear_by_se: float = Field(default=0.0, ge=0)

    @model_validator(mode="after")
    def _quantity_is_known(self) -> "ComparisonSpec":
        if self.quantity not in QUANTITIES:
            raise ValueError(f"unknown quantity {self.quantity!r}")
        if self.against == "reference ratio" and self.threshold <= 0:
            raise ValueError("a ratio to the reference is compared with a number above zero")
        return self


class CriterionSpec(Strict):
    """Met where any of its comparisons is."""

    name: str
    any: tuple[ComparisonSpec, ...] = Field(min_length=1)
    source: str

    def record(self) -> Criterion:
        return Criterion(self.name, tuple(Comparison(**one.model_dump()) for one in self.any))


class ZonesSpec(Strict):
    """How votes become zones."""

    aggressive_at_least: int = Field(ge=2)
    near_mm: float = Field(ge=0)
    least_island_ml: float = Field(ge=0)
    source: str

    def record(self) -> ZoneRules:
        return ZoneRules(self.aggressive_at_least, self.near_mm, self.least_island_ml)


class ContoursSpec(Strict):
    """One dose for each zone."""

    aggressive_gy: float = Field(gt=0)
    penumbra_gy: float = Field(gt=0)
    passive_gy: float = Field(gt=0)
    not_assessed_gy: float = Field(gt=0)
    border_mm: float = Field(ge=0)
    source: str

    @model_validator(mode="after")
    def _doses_rise(self) -> "ContoursSpec":
        self.record()
        return self

    def record(self) -> ByContours:
        return ByContours(self.aggressive_gy, self.penumbra_gy, self.passive_gy, self.not_assessed_gy)


class NumbersSpec(Strict):
    """Dose by the value of a map that is given, a recurrence probability say."""

    quantity: str
    low: float
    high: float
    least_gy: float = Field(gt=0)
    greatest_gy: float = Field(gt=0)
    not_assessed_gy: float = Field(gt=0)
    border_mm: float = Field(ge=0)
    source: str

    @model_validator(mode="after")
    def _doses_rise(self) -> "NumbersSpec":
        self.record()
        return self

    def record(self) -> ByNumbers:
        return ByNumbers(self.quantity, self.low, self.high, self.least_gy, self.greatest_gy, self.not_assessed_gy)


class PlanSpec(Strict):
    """How the painted plan and the uniform one are made, under equal conditions. See painting.settings."""

    machine: str
    uniform_gy: float = Field(gt=0)
    optimiser: PlanSettings
    source: str

    @model_validator(mode="after")
    def _machine_is_known(self) -> "PlanSpec":
        if self.machine not in MACHINES:
            raise ValueError(f"unknown machine {self.machine!r}; known: {', '.join(MACHINES)}")
        return self

    def of_machine(self) -> Machine:
        return MACHINES[self.machine]


class DosimetrySpec(Strict):
    """Which figures of a plan are printed. Exponents and alpha/beta go by structure: tumour, aggressive, penumbra, passive, brain."""

    doses_at_percent: tuple[float, ...]
    doses_at_ml: tuple[float, ...] = ()
    volumes_at_gy: tuple[float, ...]
    geud_a: dict[str, float] = Field(default_factory=dict)
    alpha_beta_gy: dict[str, float] = Field(default_factory=dict)
    source: str

    @model_validator(mode="after")
    def _structures_are_known(self) -> "DosimetrySpec":
        unknown = sorted({*self.geud_a, *self.alpha_beta_gy} - set(STRUCTURES))
        if unknown:
            raise ValueError(f"no structure is called {unknown[0]!r}; known: {', '.join(STRUCTURES)}")
        self.record()
        return self

    def record(self) -> DosimetrySettings:
        density = dict.fromkeys(STRUCTURES, DENSITIES["brain"])
        return DosimetrySettings(
            self.doses_at_percent, self.doses_at_ml, self.volumes_at_gy, density, self.geud_a, self.alpha_beta_gy, fractions=1
        )


class GammaSpec(Strict):
    """How plans are held against the uniform one by the gamma index; per cent of its largest prescribed dose over its isodose."""

    dose_percent: float = Field(gt=0)
    distance_mm: float = Field(gt=0)
    cutoff_percent: float = Field(ge=0, lt=100)
    source: str


class StabilitySpec(Strict):
    """How often maps are drawn again from their own errors."""

    draws: int = Field(ge=1)
    seed: int
    source: str


class PaintSpec(Strict):
    """Where and how the tumour of the last visit before a treatment is painted."""

    before: Literal["surgery", "radiotherapy", "radiosurgery", "drug"]
    grid_mm: float = Field(gt=0)  # voxels of the planning grid, which lies along those of the anatomy
    criterion: tuple[CriterionSpec, ...] = Field(min_length=2)
    zones: ZonesSpec
    contours: ContoursSpec
    numbers: NumbersSpec | None = None
    plan: PlanSpec
    dosimetry: DosimetrySpec
    gamma: GammaSpec
    stability: StabilitySpec
    response: tuple[str, ...] = ()  # quantities followed in the zones at later visits
    source: str

    @model_validator(mode="after")
    def _names_are_different(self) -> "PaintSpec":
        names = [one.name for one in self.criterion]
        if len(set(names)) < len(names):
            raise ValueError(f"two criteria have one name: {', '.join(names)}")
        if self.zones.aggressive_at_least > len(names):
            raise ValueError(f"aggressive_at_least is {self.zones.aggressive_at_least}, but there are {len(names)} criteria")
        unknown = [name for name in self.response if name not in QUANTITIES]
        if unknown:
            raise ValueError(f"response: unknown quantity {unknown[0]!r}")
        return self

    @property
    def quantities(self) -> tuple[str, ...]:
        """What the criteria read."""
        return tuple(dict.fromkeys(one.quantity for criterion in self.criterion for one in criterion.any))
