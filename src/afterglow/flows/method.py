"""A method is a file: which series it needs, its steps with their settings, its measures and its rules.

Five come with afterglow (`afterglow methods`); a user's own is a copy of one. An unknown key is refused.
"""

import tomllib
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from afterglow.kernels.aif_population import POPULATION_AIFS
from afterglow.kernels.models import MODELS
from afterglow.records.errors import BadMethod
from afterglow.records.lesion import ReferenceKind
from afterglow.records.measurement import STATISTICS
from afterglow.records.protocol import Agent
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import Change, Rule


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SeriesSpec(_Strict):
    """A series by its role; of several roles the first that the exam has."""

    role: str | tuple[str, ...]
    required: bool = False

    @property
    def roles(self) -> tuple[str, ...]:
        return (self.role,) if isinstance(self.role, str) else self.role


class Still(_Strict):
    """Motion correction of the dynamic series."""

    do: Literal["still"]
    source: str = ""


class Align(_Strict):
    """Rigid registration of other series onto the dynamic one."""

    do: Literal["align"]
    series: tuple[Literal["vfa", "irt1", "b1", "anatomy"], ...]
    source: str = ""


class Background(_Strict):
    """Removal of the noise around the subject."""

    do: Literal["background"]
    source: str = ""


class Smooth(_Strict):
    """Gaussian smoothing, full widths at half maximum; 0 leaves an axis alone."""

    do: Literal["smooth"]
    space_fwhm_mm: float = Field(ge=0, le=50)
    time_fwhm_s: float = Field(ge=0, le=60)
    source: str = ""


class T1(_Strict):
    """T1 before contrast: the first of these ways that the exam has the series for."""

    do: Literal["t1"]
    how: tuple[Literal["vfa", "inversion", "fixed"], ...] = Field(min_length=1)
    fixed_s: float | None = Field(default=None, gt=0, lt=10)
    source: str

    @model_validator(mode="after")
    def _fixed_needs_its_value(self) -> "T1":
        if ("fixed" in self.how) != (self.fixed_s is not None):
            raise ValueError("fixed_s goes with how = 'fixed': give both or neither")
        return self


class ToConcentration(_Strict):
    """Signal to concentration; the agent's T2* decay can be undone where TE and r2* are known."""

    do: Literal["concentration"]
    undo_t2star: Literal["always", "where known", "never"]
    source: str = ""


class ArterialInput(_Strict):
    """The arterial input function. A mask or curve that the user gives always wins over this."""

    do: Literal["aif"]
    how: Literal["automatic", "population"]
    by_section: bool = False
    scale_to_vein: bool = False
    curve: Literal["sampled", "continuous"] = "sampled"
    population: str | None = None
    source: str

    @model_validator(mode="after")
    def _population_is_known(self) -> "ArterialInput":
        if (self.how == "population") != (self.population is not None):
            raise ValueError("population goes with how = 'population': give both or neither")
        if self.population is not None and self.population not in POPULATION_AIFS:
            raise ValueError(f"unknown population curve {self.population!r}; known: {', '.join(POPULATION_AIFS)}")
        return self


class FitModel(_Strict):
    """A tissue model in every voxel. The first fit of a method is the one its curves are drawn with."""

    do: Literal["fit"]
    model: str
    delay_range_s: tuple[float, float] | None = None
    source: str

    @model_validator(mode="after")
    def _model_is_known(self) -> "FitModel":
        if self.model not in MODELS:
            raise ValueError(f"unknown model {self.model!r}; known: {', '.join(MODELS)}")
        if self.delay_range_s is not None and not self.delay_range_s[0] < self.delay_range_s[1]:
            raise ValueError(f"the range of delays {self.delay_range_s} is empty")
        return self


class Choose(_Strict):
    """AICc between these models in every voxel."""

    do: Literal["choose"]
    models: tuple[str, ...] = Field(min_length=2)
    source: str = ""

    @model_validator(mode="after")
    def _models_are_known(self) -> "Choose":
        unknown = [m for m in self.models if m not in MODELS]
        if unknown:
            raise ValueError(f"unknown model {unknown[0]!r}; known: {', '.join(MODELS)}")
        return self


class Semiquantitative(_Strict):
    """What is read from the curves without a model."""

    do: Literal["semiquantitative"]
    quantities: tuple[Literal["iaugc60", "iaugc90", "iaugc120", "slope", "ttp", "peak"], ...] = Field(min_length=1)
    source: str = ""


Step = Annotated[
    Still | Align | Background | Smooth | T1 | ToConcentration | ArterialInput | FitModel | Choose | Semiquantitative,
    Field(discriminator="do"),
]


class AgentSpec(_Strict):
    """The contrast agent where the sidecar gives no Relaxivity."""

    name: str
    r1_per_mM_s: float = Field(gt=0)
    r2star_per_mM_s: float | None = Field(default=None, gt=0)
    source: str

    def record(self) -> Agent:
        return Agent(self.name, self.r1_per_mM_s, self.r2star_per_mM_s, self.source)


class HaematocritSpec(_Strict):
    """Haematocrit where the sidecar gives none."""

    value: float = Field(gt=0, lt=1)
    source: str


class ReferenceSpec(_Strict):
    """The tissue that lesions are divided by, and whether the mirrored lesion may stand in for a missing outline."""

    kind: ReferenceKind
    mirror_when_missing: bool
    source: str


class MeasureSpec(_Strict):
    """One quantity in the lesion, by these statistics, plain and, where asked for, over the reference."""

    quantity: str
    statistics: tuple[str, ...] = Field(min_length=1)
    normalised: bool

    @model_validator(mode="after")
    def _names_are_known(self) -> "MeasureSpec":
        if self.quantity not in QUANTITIES:
            raise ValueError(f"unknown quantity {self.quantity!r}")
        for statistic in self.statistics:
            if statistic not in STATISTICS or statistic == "value":
                raise ValueError(f"unknown statistic {statistic!r}; known: {', '.join(s for s in STATISTICS if s != 'value')}")
        return self


class RuleSpec(_Strict):
    """One row: see records.response.Rule."""

    name: str
    kind: Literal["change", "ratio state"]
    quantities: tuple[str, ...] = Field(min_length=1)
    statistic: str
    normalised: bool
    change: Change
    threshold: float
    combine: Literal["only", "either", "both"]
    unit: str
    source: str
    caution: str = ""

    def record(self) -> Rule:
        return Rule(**self.model_dump())


class Method(_Strict):
    """A whole method file."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_-]*$")
    title: str
    citation: str
    doi: str
    site: Literal["brain", "spine", "body"]
    series: dict[str, SeriesSpec]
    agent: AgentSpec
    haematocrit: HaematocritSpec
    step: tuple[Step, ...] = Field(min_length=1)
    reference: ReferenceSpec
    measure: tuple[MeasureSpec, ...] = Field(min_length=1)
    rule: tuple[RuleSpec, ...] = ()

    @model_validator(mode="after")
    def _fits_together(self) -> "Method":
        unknown = set(self.series) - {"dce", "vfa", "irt1", "b1", "anatomy"}
        if unknown or "dce" not in self.series:
            raise ValueError(f"series are dce (needed), vfa, irt1, b1, anatomy; found {', '.join(sorted(self.series))}")
        measured = {(m.quantity, s) for m in self.measure for s in m.statistics}
        sizes = {("volume", "value"), ("longest_diameter", "value"), ("bidimensional_product", "value")}
        for rule in self.rule:
            for quantity in rule.quantities:
                if (quantity, rule.statistic) not in measured | sizes:
                    raise ValueError(f"rule {rule.name!r} reads the {rule.statistic} of {quantity}, which no [[measure]] makes")
            rule.record()
        return self

    def fits(self) -> Sequence[FitModel]:
        """The fit steps in their order."""
        return [step for step in self.step if isinstance(step, FitModel)]


def method_names() -> tuple[str, ...]:
    """The methods that come with afterglow."""
    return tuple(sorted(f.name.removesuffix(".toml") for f in files("afterglow.methods").iterdir() if f.name.endswith(".toml")))


def method_text(name: str) -> str:
    """The file of a method by its name, or by a path that ends in .toml. BadMethod where there is none."""
    if name.endswith(".toml") or "/" in name:
        path = Path(name)
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadMethod(f"{path}: cannot be read as a method file ({error})") from error
    if name not in method_names():
        raise BadMethod(f"unknown method {name!r}; known: {', '.join(method_names())}, or the path of a .toml file")
    return (files("afterglow.methods") / f"{name}.toml").read_text(encoding="utf-8")


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
