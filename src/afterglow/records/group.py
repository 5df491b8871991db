"""What a report about a cohort is made of: the question, the answer, the flow of patients, pictures to draw, tests, cautions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.records.document import Figure
from afterglow.records.locking import locked
from afterglow.records.statistic import Estimated, FlowStep, Groups, PlainCurve, RocCurve, StepCurve, Tested, Values

_FILE_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LINE_KINDS = ("plain", "calibration", "decision", "precision-recall", "froc")
CHECKLISTS = ("stard2015", "tripod-ai")


@dataclass(frozen=True, eq=False)
class Counted:
    """How many of each group belong to each level of a free characteristic, such as sex or grade; missing ones are counted."""

    name: str
    labels: tuple[str, ...]  # of the groups
    levels: tuple[str, ...]
    counts: NDArray[np.int64]  # (groups, levels)
    missing: tuple[int, ...]  # of each group

    def __post_init__(self) -> None:
        if self.counts.shape != (len(self.labels), len(self.levels)) or len(self.missing) != len(self.labels):
            raise ValueError(
                f"{self.name}: counts of shape {self.counts.shape} and {len(self.missing)} numbers of missing ones "
                f"for {len(self.labels)} groups and {len(self.levels)} levels"
            )
        object.__setattr__(self, "counts", locked(self.counts))


@dataclass(frozen=True)
class Characteristic:
    """One line of the cohort table, with the test between the groups where one was made."""

    values: Groups | Counted
    tested: Tested | None = None


@dataclass(frozen=True, eq=False)
class CrossTable:
    """How often the calls of one reading met the states of the reference standard, or those of another reading."""

    name: str  # "failure by plasma volume against outcome"
    rows_are: str  # "call"
    columns_are: str  # "outcome"
    row_labels: tuple[str, ...]
    column_labels: tuple[str, ...]
    counts: NDArray[np.int64]  # (rows, columns)
    note: str = ""

    def __post_init__(self) -> None:
        if self.counts.shape != (len(self.row_labels), len(self.column_labels)):
            raise ValueError(
                f"{self.name}: counts of shape {self.counts.shape} for {len(self.row_labels)} rows "
                f"and {len(self.column_labels)} columns"
            )
        object.__setattr__(self, "counts", locked(self.counts))


@dataclass(frozen=True, eq=False)
class PairedValues:
    """One number of each patient twice, NaN where it was not measured; `groups` names the group of each patient."""

    name: str  # "normalised vp"
    unit: str
    before_words: str  # "before"
    after_words: str
    before: Values  # (n,)
    after: Values  # (n,)
    patients: tuple[str, ...]
    groups: tuple[str, ...] = ()  # none: all are one group
    group_order: tuple[str, ...] = ()  # of the panels and their colours, as in the other pictures

    def __post_init__(self) -> None:
        n = len(self.patients)
        if self.before.shape != (n,) or self.after.shape != (n,) or len(self.groups) not in (0, n):
            raise ValueError(
                f"{self.name}: {self.before.size} values before, {self.after.size} after and {len(self.groups)} groups "
                f"for {n} patients"
            )
        object.__setattr__(self, "before", locked(self.before))
        object.__setattr__(self, "after", locked(self.after))


@dataclass(frozen=True)
class BoxPlot:
    """Groups to draw as boxes with their single values; `name` is the name of the files that are written."""

    name: str
    groups: Groups
    tests: tuple[Tested, ...] = ()
    log: bool = False  # for volumes
    caption: str = ""

    def __post_init__(self) -> None:
        _file_name(self.name)


@dataclass(frozen=True)
class RocPlot:
    """Curves of several markers to draw in one square."""

    name: str
    curves: tuple[RocCurve, ...]
    tests: tuple[Tested, ...] = ()  # between the areas
    caption: str = ""

    def __post_init__(self) -> None:
        _drawable(self.name, len(self.curves))


@dataclass(frozen=True)
class SurvivalPlot:
    """Survival, or the cumulative incidence of an event, over days, with the numbers at risk below."""

    name: str
    curves: tuple[StepCurve, ...]
    y_name: str  # "without progression", "cumulative incidence of recurrence"
    tests: tuple[Tested, ...] = ()
    caption: str = ""

    def __post_init__(self) -> None:
        _drawable(self.name, len(self.curves))


@dataclass(frozen=True)
class LinePlot:
    """Curves with bands, in one panel or several side by side (before, after); `kind` says what else is drawn.

    plain: nothing. calibration: the diagonal. decision: the line of no benefit. precision-recall: both axes from 0 to 1.
    froc: sensitivity over false positives for each image.
    """

    name: str
    panels: tuple[tuple[str, tuple[PlainCurve, ...]], ...]  # title, curves
    kind: str = "plain"
    caption: str = ""

    def __post_init__(self) -> None:
        _drawable(self.name, sum(len(curves) for _, curves in self.panels))
        if self.kind not in LINE_KINDS:
            raise ValueError(f"{self.name}: a plot of lines of the kind {self.kind!r}; known: {', '.join(LINE_KINDS)}")


@dataclass(frozen=True)
class PairPlot:
    """A line for each patient, from before to after."""

    name: str
    pairs: PairedValues
    tests: tuple[Tested, ...] = ()
    caption: str = ""
    log: bool = False  # the axis, where no value is zero or below

    def __post_init__(self) -> None:
        _file_name(self.name)


@dataclass(frozen=True)
class ForestPlot:
    """Effects of several terms with their intervals, one line each, on a logarithmic scale around 1."""

    name: str
    terms: tuple[Tested, ...]  # the first effect of each is drawn
    x_name: str  # "odds ratio of recurrence"
    caption: str = ""

    def __post_init__(self) -> None:
        _drawable(self.name, len(self.terms))


@dataclass(frozen=True, eq=False)
class PointPanel:
    """Two numbers of each patient against each other, NaN where one is not known; `level` is a horizontal line with its interval."""

    title: str
    x_name: str
    x_unit: str
    y_name: str
    y_unit: str
    x: Values  # (n,)
    y: Values  # (n,)
    patients: tuple[str, ...]
    level: Estimated | None = None

    def __post_init__(self) -> None:
        n = len(self.patients)
        if self.x.shape != (n,) or self.y.shape != (n,):
            raise ValueError(f"{self.title}: {self.x.size} and {self.y.size} values for {n} patients")
        object.__setattr__(self, "x", locked(self.x))
        object.__setattr__(self, "y", locked(self.y))


@dataclass(frozen=True)
class PointPlot:
    """A dot for each patient, in panels side by side: differences of pairs over their means, a change over where it began."""

    name: str
    panels: tuple[PointPanel, ...]
    tests: tuple[Tested, ...] = ()
    caption: str = ""
    stamp: str = ""  # written on the picture itself: what it must never be shown without

    def __post_init__(self) -> None:
        _drawable(self.name, len(self.panels))


Picture = (
    BoxPlot | RocPlot | SurvivalPlot | LinePlot | PairPlot | PointPlot | ForestPlot | Figure
)  # a Figure is drawn already, as Bland-Altman plots are


@dataclass(frozen=True)
class TableColumn:
    """A column of a table of numbers: its name in the file, its title on the page, what it holds, and its unit."""

    key: str
    title: str
    words: str
    kind: Literal["text", "number", "p"] = "number"
    unit: str = "1"


@dataclass(frozen=True)
class DataTable:
    """A table of a publication made again: one row for each patient or comparison. None and NaN are not measured."""

    name: str  # of the files
    caption: str
    columns: tuple[TableColumn, ...]
    rows: tuple[tuple[str | float | int | None, ...], ...]

    def __post_init__(self) -> None:
        _file_name(self.name)
        keys = [column.key for column in self.columns]
        if len(set(keys)) < len(keys) or any(len(row) != len(keys) for row in self.rows):
            raise ValueError(f"{self.name}: columns {', '.join(keys)} are not each one of their own, or a row has other cells")


@dataclass(frozen=True)
class GroupFacts:
    """All that a report about a cohort says; what is empty is left out of the report, never made up."""

    method: str  # "behar2023"
    title: str
    question: str  # what was asked, in one sentence
    primary: tuple[Estimated | Tested, ...]  # the answer: the primary endpoint with its interval
    flow: tuple[FlowStep, ...]
    doi: str = ""  # of the publication whose method this is
    answer: str = ""  # a sentence before the numbers of the primary endpoint, or why there is none
    labels: tuple[str, ...] = ()  # of the groups of the cohort table
    sizes: tuple[int, ...] = ()  # patients in each of them
    cohort: tuple[Characteristic, ...] = ()
    pictures: tuple[Picture, ...] = ()
    crossed: tuple[CrossTable, ...] = ()
    tables: tuple[DataTable, ...] = ()
    estimates: tuple[tuple[str, tuple[Estimated, ...]], ...] = ()  # caption of a table, its rows
    tests: tuple[tuple[str, tuple[Tested, ...]], ...] = ()  # name of a family of tests, the tests
    cautions: tuple[str, ...] = ()  # "the cutoff was chosen on the rows it is tested on"
    checklists: tuple[str, ...] = CHECKLISTS
    checklist_facts: Mapping[str, str] = field(default_factory=dict)  # by the keys of report/lists/*.toml
    methods_paragraph: str = ""
    references: tuple[str, ...] = ()  # DOIs

    def __post_init__(self) -> None:
        if not self.primary and not self.answer:
            raise ValueError(f"{self.method}: a report without a primary endpoint says why in `answer`")
        if len(self.labels) != len(self.sizes):
            raise ValueError(f"{self.method}: {len(self.labels)} groups with {len(self.sizes)} sizes")
        for line in self.cohort:
            if line.values.labels != self.labels:
                raise ValueError(f"{self.method}: {line.values.name} has the groups {line.values.labels}, not {self.labels}")
        for what, names in (("pictures", [p.name for p in self.pictures]), ("tables", [t.name for t in self.tables])):
            twice = sorted({name for name in names if names.count(name) > 1})
            if twice:
                raise ValueError(f"{self.method}: two {what} are called {twice[0]}, and each is a file of its own")
        unknown = [name for name in self.checklists if name not in CHECKLISTS]
        if unknown:
            raise ValueError(f"{self.method}: no checklist is called {unknown[0]!r}; known: {', '.join(CHECKLISTS)}")


def _file_name(name: str) -> None:
    if not _FILE_NAME.fullmatch(name):
        raise ValueError(f"a picture is called {name!r}; small letters, digits and hyphens make the names of its files")


def _drawable(name: str, curves: int) -> None:
    _file_name(name)
    if curves == 0:
        raise ValueError(f"{name}: a picture without a curve")
