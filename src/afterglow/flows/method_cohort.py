"""The table of a method file that says how a cohort is analysed: which outcomes, which markers, which tests. See docs/cohorts."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, model_validator

from afterglow.flows.method_painted import AnalysisSpec, BaselineChange, Plans, Zones
from afterglow.flows.method_predictions import Predictions
from afterglow.flows.method_steps import Strict
from afterglow.records.case import Marker, MarkerTime


class MarkerSpec(Strict):
    """A number of each case: see records.case.Marker."""

    name: str
    quantity: str
    statistic: str
    normalised: bool
    at: MarkerTime
    unit: str
    higher: Literal["positive", "negative"]
    log: bool = False
    probability: bool = False  # of a positive outcome

    def record(self) -> Marker:
        fields = self.model_dump(exclude={"higher", "probability"})
        return Marker(**fields, higher_is_positive=self.higher == "positive")

    @model_validator(mode="after")
    def _is_one(self) -> "MarkerSpec":
        if self.probability and (self.unit != "1" or self.at == "change" or self.higher != "positive" or self.log):
            raise ValueError(
                f"marker {self.name!r}: a probability of the positive outcome has the unit 1, higher = positive, no log and is no change"
            )
        return self


class ProbabilitySpec(Strict):
    """The probability of a positive outcome as a column of a table in phenotype/: of a model, of a reader."""

    name: str
    table: str = Field(pattern=r"^[A-Za-z0-9_-]+$")  # phenotype/TABLE.tsv
    column: str


class Calls(AnalysisSpec):
    """Calls of rules against outcomes; several rules are also compared in pairs, the first with each other one."""

    do: Literal["calls"]
    rules: tuple[str, ...] = Field(min_length=1)


class Roc(AnalysisSpec):
    """ROC curves of markers, their areas compared, and the cutoff of each that the data would choose."""

    do: Literal["roc"]
    markers: tuple[str, ...] = Field(min_length=1)


class Between(AnalysisSpec):
    """Positive against negative cases."""

    do: Literal["between"]
    markers: tuple[str, ...] = Field(min_length=1)
    test: Literal["mann-whitney", "student", "welch"]


class Subgroups(AnalysisSpec):
    """Cases grouped by outcome and by which of two rules got them right: general linear model, Levene, Dunnett T3."""

    do: Literal["subgroups"]
    markers: tuple[str, ...] = Field(min_length=1)
    rules: tuple[str, str]


class AgainstReference(AnalysisSpec):
    """Lesion against reference tissue of the same visit, in pairs (Wilcoxon)."""

    do: Literal["against reference"]
    markers: tuple[str, ...] = Field(min_length=1)


class BeforeAfter(AnalysisSpec):
    """The number before and after, in pairs (Wilcoxon), in each group of outcomes."""

    do: Literal["before and after"]
    markers: tuple[str, ...] = Field(min_length=1)


class Curves(AnalysisSpec):
    """Mean curves of lesions by group of outcomes, before and after; of DCE alone."""

    do: Literal["curves"]


class Agreement(AnalysisSpec):
    """Whether readers of one method agree: per cent, Cohen's kappa of each pair, Fleiss' kappa of all."""

    do: Literal["agreement"]
    reading: str  # `method` of phenotype/readings.tsv


class Lead(AnalysisSpec):
    """How much earlier one rule called than another, and how lesions grew meanwhile."""

    do: Literal["lead"]
    first: str
    second: str


class TimeTo(AnalysisSpec):
    """Time from radiation to the first positive outcome of each patient."""

    do: Literal["time to"]
    by: str = ""  # a column of participants.tsv


class Calibration(AnalysisSpec):
    """Whether probabilities are true ones: curve, intercept, slope, Brier score and its parts."""

    do: Literal["calibration"]
    probabilities: tuple[str, ...] = Field(min_length=1)


class DecisionCurve(AnalysisSpec):
    """What calling by a probability gains over calling all or none, from the first threshold to the last."""

    do: Literal["decision curve"]
    probabilities: tuple[str, ...] = Field(min_length=1)
    thresholds: tuple[float, ...] = Field(min_length=2)

    @model_validator(mode="after")
    def _rising(self) -> "DecisionCurve":
        inside = all(0 < one < 1 for one in self.thresholds)
        if not inside or any(b <= a for a, b in pairwise(self.thresholds)):
            raise ValueError(f"analysis {self.name!r}: thresholds rise and lie between 0 and 1, without the ends")
        return self


class Detection(AnalysisSpec):
    """Marks of readers or programs against lesions with a positive outcome: FROC."""

    do: Literal["detection"]
    table: str = Field(pattern=r"^[A-Za-z0-9_-]+$")  # phenotype/TABLE.tsv
    false_marks: tuple[Annotated[float, Field(ge=0)], ...] = Field(min_length=1)  # for each exam


class CaseModel(AnalysisSpec):
    """Several markers together: logistic regression, GEE where a patient has several cases."""

    do: Literal["model"]
    markers: tuple[str, ...] = Field(min_length=1)
    columns: tuple[str, ...] = ()  # numbers of participants.tsv


class CompetingRisks(AnalysisSpec):
    """From radiation to the first positive outcome where other outcomes rule it out: cumulative incidence."""

    do: Literal["competing risks"]
    instead: tuple[str, ...] = Field(min_length=1)  # labels of phenotype/outcomes.tsv
    days: tuple[Annotated[float, Field(gt=0)], ...] = Field(min_length=1)
    by: str = ""  # a column of participants.tsv


Analysis = Annotated[
    Calls | Roc | Between | Subgroups | AgainstReference | BeforeAfter | Agreement | Curves | Lead | TimeTo | Calibration | DecisionCurve
    | Detection | CaseModel | CompetingRisks | Plans | Zones | BaselineChange | Predictions, Field(discriminator="do")
]  # fmt: skip


WITHOUT_OUTCOMES = (Agreement, Lead, Plans, Zones, BaselineChange, Predictions)  # kinds that hold nothing against outcomes.tsv


class CohortSpec(Strict):
    """How the cohort of a method is analysed. One that asks nothing about outcomes names neither `positive` nor `negative`."""

    question: str
    positive: tuple[str, ...] = ()  # labels of phenotype/outcomes.tsv
    negative: tuple[str, ...] = ()
    primary: str  # name of the analysis that answers the question
    cautions: tuple[str, ...] = ()
    source: str
    marker: tuple[MarkerSpec, ...] = ()
    probability: tuple[ProbabilitySpec, ...] = ()
    analysis: tuple[Analysis, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_fit(self) -> "CohortSpec":
        both = set(self.positive) & set(self.negative)
        if both:
            raise ValueError(f"the outcome {sorted(both)[0]!r} is called positive and negative")
        self._outcomes_fit()
        names = [one.name for one in self.analysis]
        markers = [*(one.name for one in self.marker), *(one.name for one in self.probability)]
        for what, found in (("analyses", names), ("markers", markers)):
            twice = sorted({name for name in found if found.count(name) > 1})
            if twice:
                raise ValueError(f"two {what} are called {twice[0]!r}")
        if self.primary not in names:
            raise ValueError(f"primary names no analysis: {self.primary!r}; there are {', '.join(names)}")
        for marker in self.marker:
            marker.record()
        self._read_fits()
        plain = {marker.name for marker in self.marker if not marker.normalised and marker.at != "change"}
        for one in self.analysis:
            ratios = sorted(set(one.markers) - plain) if isinstance(one, AgainstReference) else []
            if ratios:
                raise ValueError(
                    f"analysis {one.name!r}: {ratios[0]!r} is a ratio or a change; what is held against reference tissue is neither"
                )
        return self

    def _outcomes_fit(self) -> None:
        """Both sides of an outcome or none; what holds cases against outcomes has them."""
        if bool(self.positive) != bool(self.negative):
            raise ValueError("positive and negative are the two sides of an outcome: name labels of both, or of neither")
        asks = next((one for one in self.analysis if not isinstance(one, WITHOUT_OUTCOMES)), None)
        if asks is not None and not self.positive:
            raise ValueError(
                f"analysis {asks.name!r} ({asks.do}) holds cases against outcomes: say which with positive and negative"
            )
        if (self.marker or self.probability) and not self.positive:
            raise ValueError("markers and probabilities are held against outcomes, which positive and negative do not name")

    def _read_fits(self) -> None:
        """What an analysis reads is named somewhere."""
        markers = {one.name for one in self.marker}
        probabilities = {one.name for one in self.probability} | {one.name for one in self.marker if one.probability}
        for one in self.analysis:
            unknown = sorted(set(getattr(one, "markers", ())) - markers)
            if unknown:
                raise ValueError(f"analysis {one.name!r}: no marker is called {unknown[0]!r}")
            unknown = sorted(set(getattr(one, "probabilities", ())) - probabilities)
            if unknown:
                raise ValueError(
                    f"analysis {one.name!r}: no probability is called {unknown[0]!r}; add [[cohort.probability]], or say "
                    "probability = true of a marker that is one"
                )
            zones = {other.name for other in self.analysis if isinstance(other, Zones)}
            if isinstance(one, BaselineChange) and one.zones_of not in zones:
                raise ValueError(f"analysis {one.name!r}: no analysis of zones is called {one.zones_of!r}")
            both = set(getattr(one, "instead", ())) & {*self.positive, *self.negative}
            if both:
                raise ValueError(f"analysis {one.name!r}: {sorted(both)[0]!r} comes instead of an outcome and is one")

    @property
    def sides(self) -> tuple[str, str]:
        """What the two sides of the outcome are called; empty words where nothing is asked about outcomes."""
        return (self.positive[0], self.negative[0]) if self.positive else ("", "")

    @property
    def instead(self) -> tuple[str, ...]:
        """Labels of outcomes that rule the positive one out; such a row is no case."""
        return tuple(dict.fromkeys(name for one in self.analysis for name in getattr(one, "instead", ())))

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of rules that the analyses read."""
        read = [name for one in self.analysis for name in getattr(one, "rules", ())]
        read += [name for one in self.analysis if isinstance(one, Lead) for name in (one.first, one.second)]
        return tuple(dict.fromkeys(read))
