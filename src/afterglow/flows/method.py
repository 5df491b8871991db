"""A method is a file: which series it needs, its steps with their settings, its measures and its rules.

Five come with afterglow (`afterglow methods`); a user's own is a copy of one. An unknown key is refused.
"""

import tomllib
from collections.abc import Sequence
from typing import Literal

from pydantic import Field, ValidationError, model_validator

from afterglow.flows.method_beside import DscBeside, SpectraBeside
from afterglow.flows.method_cohort import CohortSpec
from afterglow.flows.method_paint import PaintSpec
from afterglow.flows.method_painted import BaselineChange, Plans, Zones
from afterglow.flows.method_predictions import Predictions
from afterglow.flows.method_recurrence import RecurrenceSpec
from afterglow.flows.method_regions import LesionsSpec, ReferenceSpec
from afterglow.flows.method_rules import MeasureSpec, RuleSpec
from afterglow.flows.method_steps import BloodVolume, FitModel, Step, Strict, ToConcentration
from afterglow.flows.shipped import shipped_folder, shipped_names, shipped_text
from afterglow.records.errors import BadMethod
from afterglow.records.protocol import Agent
from afterglow.records.quantity import QUANTITIES
from afterglow.response.identity import SIZES


class SeriesSpec(Strict):
    """A series by its role; of several roles the first that the exam has."""

    role: str | tuple[str, ...]
    required: bool = False

    @property
    def roles(self) -> tuple[str, ...]:
        return (self.role,) if isinstance(self.role, str) else self.role


class AgentSpec(Strict):
    """The contrast agent where the sidecar gives no Relaxivity."""

    name: str
    r1_per_mM_s: float = Field(gt=0)
    r2star_per_mM_s: float | None = Field(default=None, gt=0)
    source: str

    def record(self) -> Agent:
        return Agent(self.name, self.r1_per_mM_s, self.r2star_per_mM_s, self.source)


class HaematocritSpec(Strict):
    """Haematocrit where the sidecar gives none."""

    value: float = Field(gt=0, lt=1)
    source: str


class Method(Strict):
    """A whole method file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    title: str
    citation: str
    doi: str
    site: Literal["brain", "spine", "body"]
    series: dict[str, SeriesSpec]
    agent: AgentSpec | None = None
    haematocrit: HaematocritSpec | None = None
    step: tuple[Step, ...] = Field(min_length=1)
    lesions: LesionsSpec
    reference: ReferenceSpec
    measure: tuple[MeasureSpec, ...] = Field(min_length=1)
    rule: tuple[RuleSpec, ...] = ()
    panel: tuple[str, ...] = ()
    cohort: CohortSpec | None = None
    dsc: DscBeside | None = None
    mrs: SpectraBeside | None = None
    paint: PaintSpec | None = None
    recurrence: RecurrenceSpec | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> "Method":
        _check_series(self)
        unknown = [name for name in self.panel if name not in QUANTITIES]
        if unknown:
            raise ValueError(f"panel: unknown quantity {unknown[0]!r}")
        measured = {(m.quantity, s) for m in self.measure for s in m.statistics}
        sizes = {(size, "value") for size in SIZES}
        for rule in self.rule:
            for quantity in rule.quantities:
                if (quantity, rule.statistic) not in measured | sizes:
                    raise ValueError(f"rule {rule.name!r} reads the {rule.statistic} of {quantity}, which no [[measure]] makes")
            rule.record()
        _check_cohort(self)
        return self

    @property
    def leads(self) -> tuple[str, ...]:
        """The series that can carry a visit, as the method names them: dce, or the gradient and the spin echo of DSC, or both in one (sage)."""
        led = ("dce",) if "dce" in self.series else ("ge", "se", "sage")
        return tuple(name for name in led if name in self.series)

    def of_dsc(self) -> "Method | None":
        """The method as it holds for the DSC that a DCE visit has beside it; None where it says nothing about one."""
        if self.dsc is None:
            return None
        series = {name: spec for name, spec in self.series.items() if name in ("ge", "flair", "anatomy")}
        return self.model_copy(
            update={
                "series": series,
                "step": self.dsc.step,
                "dsc": None,
                "mrs": None,
                "paint": None,
                "recurrence": None,
                "panel": (),
            }
        )

    def fits(self) -> Sequence[FitModel]:
        """The fit steps in their order."""
        return [step for step in self.step if isinstance(step, FitModel)]


def _check_cohort(method: Method) -> None:
    """The cohort's analyses read rules and numbers that the method makes."""
    if method.cohort is None:
        return
    _check_painted(method, method.cohort)
    _check_predicted(method, method.cohort)
    rules = {rule.name for rule in method.rule}
    unknown = [name for name in method.cohort.rules if name not in rules]
    if unknown:
        raise ValueError(f"cohort: no [[rule]] is called {unknown[0]!r}")
    made = {(m.quantity, s) for m in method.measure for s in m.statistics} | {(size, "value") for size in SIZES}
    ratios = {(m.quantity, s) for m in method.measure if m.normalised for s in m.statistics}
    for marker in method.cohort.marker:
        if (marker.quantity, marker.statistic) not in (ratios if marker.normalised else made):
            what = "ratio of the" if marker.normalised else ""
            raise ValueError(
                f"cohort: marker {marker.name!r} reads the {what} {marker.statistic} of {marker.quantity}, which no [[measure]] makes"
            )


def _check_painted(method: Method, spec: CohortSpec) -> None:
    """Analyses of painted tumours read figures and zone numbers that the method makes."""
    asked = [one for one in spec.analysis if isinstance(one, Plans | Zones)]
    if asked and method.paint is None:
        raise ValueError(
            f"cohort: analysis {asked[0].name!r} reads painted tumours, and the file has no [paint]; add it, or remove the analysis"
        )
    made = {(m.quantity, s) for m in method.measure for s in m.statistics}
    in_zones = {(q, s) for q, s in made if method.paint is not None and q in method.paint.response}
    for one in spec.analysis:
        wanted: list[tuple[str, str, bool]] = []
        if isinstance(one, Zones):
            wanted = [(m.quantity, m.statistic, True) for m in one.measures]
        if isinstance(one, BaselineChange):
            wanted = [(b.quantity, b.statistic, b.region != "lesion") for b in one.baselines]
        for quantity, statistic, of_zone in wanted:
            if (quantity, statistic) not in (in_zones if of_zone else made):
                where = " in zones (paint.response names the quantities)" if of_zone else ""
                raise ValueError(
                    f"cohort: analysis {one.name!r} reads the {statistic} of {quantity}, which no [[measure]] makes{where}"
                )


def _check_predicted(method: Method, spec: CohortSpec) -> None:
    """Analyses of predictions read models that the method trains."""
    known = [model.name for model in method.recurrence.model] if method.recurrence is not None else []
    for one in spec.analysis:
        strange = [name for name in one.models if name not in known] if isinstance(one, Predictions) else []
        if strange:
            raise ValueError(
                f"cohort: analysis {one.name!r} reads {strange[0]!r}, which no [[recurrence.model]] is called; there are {', '.join(known) or 'none'}"
            )
        rules = method.recurrence.rules_beside if method.recurrence is not None else ()
        odd = [name for name in one.beside if name not in rules] if isinstance(one, Predictions) else []
        if odd:
            raise ValueError(
                f"cohort: analysis {one.name!r} has {odd[0]!r} beside, which no map of [recurrence] makes; there are {', '.join(rules)}"
            )


def _check_series(method: Method) -> None:
    known = {"dce": ("vfa", "irt1", "b1", "anatomy", "flair"), "ge": ("se", "sage", "dwi", "flair", "anatomy")}
    lead = "dce" if "dce" in method.series else "ge"
    beside = [name for name, wanted in (("ge", method.dsc), ("mrsi", method.mrs)) if wanted is not None and lead == "dce"]
    unknown = set(method.series) - {lead, *known[lead], *beside}
    for name, section in (("ge", method.dsc), ("mrsi", method.mrs)):
        if section is not None and name not in method.series:
            raise ValueError(f"[{'dsc' if name == 'ge' else 'mrs'}] quantifies the series {name!r}, which [series] does not name")
    if unknown or not method.leads:
        raise ValueError(
            f"series are dce (needed), vfa, irt1, b1, flair, anatomy, with [dsc] also ge and with [mrs] also mrsi; or ge, se, sage (one needed), dwi, flair, anatomy; found {', '.join(sorted(method.series))}"
        )
    if lead == "dce" and (method.agent is None or method.haematocrit is None):
        raise ValueError("concentration needs [agent] and [haematocrit], each with its source")
    wrong = BloodVolume if lead == "dce" else ToConcentration
    for step in method.step:
        if isinstance(step, wrong):
            raise ValueError(f"the step {step.do!r} does not go with the series {lead}")


def method_names() -> tuple[str, ...]:
    """The methods that come with afterglow."""
    return shipped_names(shipped_folder())


def method_text(name: str) -> str:
    """The file of a method by its name, or by a path that ends in .toml. BadMethod where there is none."""
    return shipped_text(name, shipped_folder(), kind="method", known=method_names())


def load_method(name: str) -> Method:
    """A method by name or path, checked. BadMethod names the file, the key and what is wrong with it."""
    text = method_text(name)
    try:
        return Method.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise BadMethod(f"{name}: not a TOML file ({error})") from error
    except ValidationError as error:
        raise BadMethod(f"{name}: {_first_problem(error)}") from error


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])  # a misspelt key explains the missing one
    where = ".".join(str(part) for part in first["loc"]) or "the file"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    what = (
        "unknown key; remove it or correct its spelling"
        if first["type"] == "extra_forbidden"
        else first["msg"].removeprefix("Value error, ")
    )
    return f"{where}: {what}{more}"
