"""A cohort that is scanned again and again after treatment, with the few examinations that counted and how they were read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from afterglow.simulate.cohort_course import MissingSpec, TreatmentSpec, check_when
from afterglow.simulate.cohort_deal import Group, Implied, check_named, check_tables, possible_words, value_bounds
from afterglow.simulate.cohort_draw import STRICT, Bounds, Column, Value
from afterglow.simulate.cohort_lesion import LesionSpec, span

_DETECTIONS = ("at once", "next", "second", "treated")


@dataclass(frozen=True)
class Finding:
    """An examination that counted: what two readings say, what it was, and the lesion. Values are drawn for each anew.

    `detection` is a column for examinations with the words at once, next, second, treated: when the first reading sees it.
    """

    name: str
    label: str
    calls: Mapping[str, str]  # method of reading -> call
    lesion: LesionSpec
    detection: str = ""
    follow_ups: int = 0  # examinations that show afterwards that it was nothing
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@dataclass(frozen=True)
class Schedule:
    """How often patients are scanned. Months by the word of a patient's column, days where counted from a known event."""

    examinations: int  # of the whole published cohort
    most: int  # for one patient
    by: str  # the column that decides
    interval_months: Mapping[str, tuple[float, float]]  # of its words
    study_months: float
    first_d: str  # value: day of the first examination
    delay_d: str  # value for examinations: days until the delayed detection
    roles: tuple[str, ...]
    source: str
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        for word, (low, high) in self.interval_months.items():
            if not 0 < low <= high:
                raise ValueError(f"interval_months of {word!r} is {low:g} to {high:g}; give two positive numbers that rise")
            if low > self.study_months:
                raise ValueError(
                    f"interval_months of {word!r} begins at {low:g}, beyond a study of {self.study_months:g}; shorten it"
                )


@dataclass(frozen=True)
class Surveillance:
    """Groups with the findings of each patient, what is drawn for patients and for findings, and the schedule."""

    kind: Literal["surveillance"]
    group: tuple[Group, ...]
    finding: tuple[Finding, ...]
    schedule: Schedule
    reader: str
    basis: str  # how outcomes are known
    column: tuple[Column, ...]
    value: tuple[Value, ...]
    examination_column: tuple[Column, ...]  # groups are findings
    examination_value: tuple[Value, ...]
    quiet: LesionSpec  # before anything was found
    growing: LesionSpec  # a recurrence that one reading still misses
    delayed: LesionSpec  # the same recurrence when both see it
    treated: LesionSpec  # after a finding
    first_treatment: tuple[TreatmentSpec, ...]
    recurrence_treatment: tuple[TreatmentSpec, ...]  # `day` is a value of the examination; `when` reads its columns
    missing: tuple[MissingSpec, ...] = ()  # `session` is "any": of all examinations alike
    implied: Implied = field(default_factory=dict)
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def finding_of(self, name: str) -> Finding:
        """KeyError where there is none."""
        return {one.name: one for one in self.finding}[name]

    def check(self, tissues: Mapping[str, float]) -> None:
        """ValueError where something drawn could be impossible, or names what is not there."""
        _check_names(self)
        sizes = {group.name: group.n for group in self.group}
        check_tables(self.column, self.value, sizes, sum(sizes.values()), tissues)
        exams = {one.name: sum(g.n * g.findings.count(one.name) for g in self.group) for one in self.finding}
        check_tables(self.examination_column, self.examination_value, exams, sum(exams.values()), tissues)
        healthy = {name: (value, value) for name, value in tissues.items()}
        for group in self.group:
            own = value_bounds(self.value, group.name, healthy)
            words = possible_words(self.column, group.name, self.implied)
            for word in words.get(self.schedule.by, ("",)):
                if word not in self.schedule.interval_months:
                    raise ValueError(f"schedule.interval_months says nothing for {word!r} of {self.schedule.by!r}; add it")
            if self.schedule.first_d not in own or own[self.schedule.first_d][0] < 0:
                raise ValueError(
                    f"schedule.first_d is {self.schedule.first_d!r}; name a value of every group that is 0 days or more"
                )
            self.quiet.check("quiet", own, words)
            for one in self.first_treatment:
                if not one.groups or group.name in one.groups:
                    span(one.day, own, f"first_treatment {one.kind!r}.day")
            for name in group.findings:
                _check_finding(self, name, own, words)


def _check_names(cohort: Surveillance) -> None:
    for one in cohort.first_treatment:
        check_named("a group of a first_treatment", one.groups, (group.name for group in cohort.group))
        check_when(one, cohort.column)
    for one in cohort.recurrence_treatment:
        check_named("a group of a recurrence_treatment", one.groups, (finding.name for finding in cohort.finding))
        check_when(one, (*cohort.column, *cohort.examination_column))
    known = {one.name for one in cohort.finding}
    for missing in cohort.missing:
        if missing.session != "any":
            raise ValueError(f"missing.session is {missing.session!r}; under surveillance sessions are numbered, so give 'any'")
        check_named("a missing series", missing.roles, cohort.schedule.roles)
    for group in cohort.group:
        if group.sessions or group.lacks or group.excluded:
            raise ValueError(
                f"group {group.name!r}: sessions, lacks and excluded are for courses; take them out under surveillance"
            )
        unknown = [name for name in group.findings if name not in known]
        if unknown or not group.findings:
            raise ValueError(
                f"group {group.name!r} has the findings {list(group.findings)}; name some of {', '.join(sorted(known))}"
            )


def _check_finding(cohort: Surveillance, name: str, own: Mapping[str, Bounds], words: Mapping[str, tuple[str, ...]]) -> None:
    finding = cohort.finding_of(name)
    bounds = value_bounds(cohort.examination_value, name, own)
    both = dict(words) | {c.name: tuple(c.counts) for c in cohort.examination_column if not c.groups or name in c.groups}
    finding.lesion.check(f"finding {name!r}", bounds, both)
    for one in cohort.recurrence_treatment:
        if not one.groups or name in one.groups:
            span(one.day, bounds, f"recurrence_treatment {one.kind!r}.day")
            span(0.0 if one.dose_gy is None else one.dose_gy, bounds, f"recurrence_treatment {one.kind!r}.dose_gy")
    cohort.treated.check(f"treated after {name!r}", bounds, both)
    detections = both.get(finding.detection, ()) if finding.detection else ()
    if any(word not in _DETECTIONS for word in detections) or (finding.detection and not detections):
        raise ValueError(
            f"finding {name!r}.detection is {finding.detection!r}; name a column with the words {', '.join(_DETECTIONS)}"
        )
    if {"next", "second"} & set(detections):
        if cohort.schedule.delay_d not in bounds or bounds[cohort.schedule.delay_d][0] < 4:
            raise ValueError(f"schedule.delay_d is {cohort.schedule.delay_d!r}; name a value of 4 days or more for {name!r}")
        cohort.growing.check(f"growing after {name!r}", bounds, both)
        cohort.delayed.check(f"delayed after {name!r}", bounds, both)
