"""The table of a method file that says how a cohort is analysed: which outcomes, which markers, which tests. See docs/cohorts."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

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

    def record(self) -> Marker:
        fields = self.model_dump(exclude={"higher"})
        return Marker(**fields, higher_is_positive=self.higher == "positive")


class _Analysis(Strict):
    name: str
    source: str


class Calls(_Analysis):
    """Calls of rules against outcomes; several rules are also compared in pairs, the first with each other one."""

    do: Literal["calls"]
    rules: tuple[str, ...] = Field(min_length=1)


class Roc(_Analysis):
    """ROC curves of markers, their areas compared, and the cutoff of each that the data would choose."""

    do: Literal["roc"]
    markers: tuple[str, ...] = Field(min_length=1)


class Between(_Analysis):
    """Positive against negative cases."""

    do: Literal["between"]
    markers: tuple[str, ...] = Field(min_length=1)
    test: Literal["mann-whitney", "student", "welch"]


class Subgroups(_Analysis):
    """Cases grouped by outcome and by which of two rules got them right: general linear model, Levene, Dunnett T3."""

    do: Literal["subgroups"]
    markers: tuple[str, ...] = Field(min_length=1)
    rules: tuple[str, str]


class AgainstReference(_Analysis):
    """Lesion against reference tissue of the same visit, in pairs (Wilcoxon)."""

    do: Literal["against reference"]
    markers: tuple[str, ...] = Field(min_length=1)


class BeforeAfter(_Analysis):
    """The number before and after, in pairs (Wilcoxon), in each group of outcomes."""

    do: Literal["before and after"]
    markers: tuple[str, ...] = Field(min_length=1)


class Curves(_Analysis):
    """Mean curves of lesions by group of outcomes, before and after; of DCE alone."""

    do: Literal["curves"]


class Agreement(_Analysis):
    """Whether readers of one method agree: per cent, Cohen's kappa of each pair, Fleiss' kappa of all."""

    do: Literal["agreement"]
    reading: str  # `method` of phenotype/readings.tsv


class Lead(_Analysis):
    """How much earlier one rule called than another, and how lesions grew meanwhile."""

    do: Literal["lead"]
    first: str
    second: str


class TimeTo(_Analysis):
    """Time from radiation to the first positive outcome of each patient."""

    do: Literal["time to"]
    by: str = ""  # a column of participants.tsv


Analysis = Annotated[
    Calls | Roc | Between | Subgroups | AgainstReference | BeforeAfter | Agreement | Curves | Lead | TimeTo, Field(discriminator="do")
]  # fmt: skip


class CohortSpec(Strict):
    """How the cohort of a method is analysed."""

    question: str
    positive: tuple[str, ...] = Field(min_length=1)  # labels of phenotype/outcomes.tsv
    negative: tuple[str, ...] = Field(min_length=1)
    primary: str  # name of the analysis that answers the question
    cautions: tuple[str, ...] = ()
    source: str
    marker: tuple[MarkerSpec, ...] = ()
    analysis: tuple[Analysis, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _names_fit(self) -> "CohortSpec":
        both = set(self.positive) & set(self.negative)
        if both:
            raise ValueError(f"the outcome {sorted(both)[0]!r} is called positive and negative")
        names = [one.name for one in self.analysis]
        markers = [one.name for one in self.marker]
        for what, found in (("analyses", names), ("markers", markers)):
            twice = sorted({name for name in found if found.count(name) > 1})
            if twice:
                raise ValueError(f"two {what} are called {twice[0]!r}")
        if self.primary not in names:
            raise ValueError(f"primary names no analysis: {self.primary!r}; there are {', '.join(names)}")
        for one in self.analysis:
            unknown = sorted(set(getattr(one, "markers", ())) - set(markers))
            if unknown:
                raise ValueError(f"analysis {one.name!r}: no marker is called {unknown[0]!r}")
        for marker in self.marker:
            marker.record()
        plain = {marker.name for marker in self.marker if not marker.normalised and marker.at != "change"}
        for one in self.analysis:
            ratios = sorted(set(one.markers) - plain) if isinstance(one, AgainstReference) else []
            if ratios:
                raise ValueError(
                    f"analysis {one.name!r}: {ratios[0]!r} is a ratio or a change; what is held against reference tissue is neither"
                )
        return self

    @property
    def rules(self) -> tuple[str, ...]:
        """Names of rules that the analyses read."""
        read = [name for one in self.analysis for name in getattr(one, "rules", ())]
        read += [name for one in self.analysis if isinstance(one, Lead) for name in (one.first, one.second)]
        return tuple(dict.fromkeys(read))
