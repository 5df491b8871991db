"""A cohort whose patients are scanned at the same few visits around one treatment."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from afterglow.records.course import Treatment, TreatmentKind
from afterglow.simulate.cohort_deal import (
    Deal,
    Group,
    Implied,
    check_named,
    check_tables,
    deal_cards,
    deal_groups,
    draw_values,
    possible_words,
    printed_size,
    value_bounds,
    with_implied,
)
from afterglow.simulate.cohort_draw import STRICT, Bounds, Column, Number, Value, dealt, stream
from afterglow.simulate.cohort_lesion import LesionSpec, resolved, span
from afterglow.simulate.cohort_nests import DrawnNests, NestSpec, draw_nests
from afterglow.simulate.story import Outcome, Reading, Story, VisitStory


@dataclass(frozen=True)
class VisitSpec:
    """A visit of these groups (none named: of all): its day, its series, and the lesion then."""

    session: str
    day: Number
    roles: tuple[str, ...]
    lesion: LesionSpec
    groups: tuple[str, ...] = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@dataclass(frozen=True)
class TreatmentSpec:
    """A treatment of these groups, and only of patients whose columns hold the words in `when`."""

    kind: TreatmentKind
    day: Number
    source: str
    dose_gy: Number | None = None
    fractions: int | None = None
    target: str = ""
    agent: str = ""
    groups: tuple[str, ...] = ()
    when: Mapping[str, str] | None = None
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def draw(self, known: Mapping[str, float]) -> Treatment:
        """That treatment on the patient's clock."""
        dose_gy = None if self.dose_gy is None else round(resolved(self.dose_gy, known), 1)
        return Treatment(self.kind, round(resolved(self.day, known)), dose_gy, self.fractions, self.target, self.agent)


@dataclass(frozen=True)
class OutcomeSpec:
    """How patients of these groups end: a row of phenotype/outcomes.tsv. `basis` may be a column."""

    session: str
    label: str
    basis: str
    day: Number
    groups: tuple[str, ...] = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@dataclass(frozen=True)
class ReadingSpec:
    """What a reader says at a visit: a column holds the calls with their printed counts."""

    session: str
    reader: str
    method: str
    column: str
    groups: tuple[str, ...] = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT


@dataclass(frozen=True)
class MissingSpec:
    """The share of patients in whom these series of a visit were not acquired or cannot be used."""

    session: str
    roles: tuple[str, ...]
    share: float
    source: str
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise ValueError(f"a share of {self.share} lacks {', '.join(self.roles)}; give 0 to 1")


@dataclass(frozen=True)
class Course:
    """Groups, what is drawn for each, and the visits, treatments, outcomes and readings made of it."""

    kind: Literal["course"]
    with_excluded: bool  # also the patients that the paper left out
    group: tuple[Group, ...]
    column: tuple[Column, ...]
    value: tuple[Value, ...]
    visit: tuple[VisitSpec, ...]
    treatment: tuple[TreatmentSpec, ...] = ()
    outcome: tuple[OutcomeSpec, ...] = ()
    reading: tuple[ReadingSpec, ...] = ()
    missing: tuple[MissingSpec, ...] = ()
    nest: NestSpec | None = None
    implied: Implied = field(default_factory=dict)
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups that take part."""
        return tuple(group for group in self.group if self.with_excluded or not group.excluded)

    def check(self, tissues: Mapping[str, float]) -> None:
        """ValueError where something drawn could be impossible, or names what is not there."""
        sizes = {group.name: group.n for group in self.group}
        everybody = sum(group.n for group in self.group if not group.excluded)
        if len(sizes) < len(self.group) or everybody == 0:
            raise ValueError(
                f"groups {[group.name for group in self.group]}: give different names, and one group at least that is not excluded"
            )
        _check_references(self, tuple(sizes))
        check_tables(self.column, self.value, sizes, everybody, tissues)
        for group in self.group:
            bounds = value_bounds(self.value, group.name, {name: (v, v) for name, v in tissues.items()})
            _check_group(self, group, bounds)


def _check_references(course: Course, groups: tuple[str, ...]) -> None:
    """Every group, session, series and column that a table names is there."""
    sessions = tuple(visit.session for visit in course.visit)
    for group in course.group:
        if group.findings:
            raise ValueError(
                f"group {group.name!r} has findings {list(group.findings)}; they are for surveillance, take them out of a course"
            )
        check_named(f"group {group.name!r}: a session", group.sessions, sessions)
        check_named(f"group {group.name!r}: what it lacks", group.lacks, (role for visit in course.visit for role in visit.roles))
    for kind, tables in (
        ("visit", course.visit),
        ("treatment", course.treatment),
        ("outcome", course.outcome),
        ("reading", course.reading),
    ):
        for table in tables:
            check_named(f"a group of a {kind}", table.groups, groups)
    for kind, told in (("outcome", course.outcome), ("reading", course.reading), ("missing", course.missing)):
        for one in told:
            check_named(f"the session of a table {kind!r}", (one.session,), sessions)
    for missing in course.missing:
        check_named("a missing series", missing.roles, (r for v in course.visit if v.session == missing.session for r in v.roles))
    for treatment in course.treatment:
        check_when(treatment, course.column)
    if course.nest is not None:
        check_named("nest.recurring", course.nest.recurring, groups)
        check_named("nest.before or nest.after", (course.nest.before, course.nest.after), sessions)


def check_when(treatment: TreatmentSpec, columns: tuple[Column, ...]) -> None:
    """ValueError where a treatment's condition names a column or a word that is not there."""
    for name, word in (treatment.when or {}).items():
        check_named(f"treatment {treatment.kind!r}: a column of when", (name,), (column.name for column in columns))
        check_named(
            f"treatment {treatment.kind!r}: when.{name}", (word,), (w for c in columns if c.name == name for w in c.counts)
        )


def _check_group(course: Course, group: Group, bounds: Mapping[str, Bounds]) -> None:
    words, before, before_session = possible_words(course.column, group.name, course.implied), -1.0, ""
    visits = _visits_of(course, group)
    if not visits:
        raise ValueError(
            f"group {group.name!r} has no visit; name one of {', '.join(v.session for v in course.visit)} in its sessions"
        )
    for visit in visits:
        visit.lesion.check(f"visit {visit.session!r}", bounds, words)
        low, high = span(visit.day, bounds, f"visit {visit.session!r}.day")
        if low < 0:
            raise ValueError(f"visit {visit.session!r}.day can be {low:g}; days count from the first visit, so give 0 or more")
        if low < before + 1:
            raise ValueError(
                f"visit {visit.session!r} can lie on day {low:g}, not a day after visit {before_session!r} on day {before:g}; raise its day"
            )
        before, before_session = high, visit.session
    for treatment in course.treatment:
        if not treatment.groups or group.name in treatment.groups:
            span(treatment.day, bounds, f"treatment {treatment.kind!r}.day")
            if treatment.dose_gy is not None and span(treatment.dose_gy, bounds, f"treatment {treatment.kind!r}.dose_gy")[0] < 0:
                raise ValueError(f"treatment {treatment.kind!r}.dose_gy can be negative; raise it to 0 Gy or more")
    for outcome in course.outcome:
        if not outcome.groups or group.name in outcome.groups:
            span(outcome.day, bounds, f"outcome {outcome.label!r}.day")
    for reading in course.reading:
        if (not reading.groups or group.name in reading.groups) and reading.column not in words:
            raise ValueError(
                f"reading of {reading.reader!r} takes its calls from {reading.column!r}, which no column gives to {group.name!r}; add it"
            )
    if course.nest is not None:
        course.nest.check(bounds, words)


def _visits_of(course: Course, group: Group) -> tuple[VisitSpec, ...]:
    concerned = [visit for visit in course.visit if not visit.groups or group.name in visit.groups]
    return tuple(visit for visit in concerned if not group.sessions or visit.session in group.sessions)


def deal_course(course: Course, patients: int | None, seed: int) -> Deal:
    """Settle groups and printed counts for that many patients (None: as published)."""
    groups = deal_groups(course.groups, printed_size(course.groups) if patients is None else patients, seed)
    members: dict[Hashable, str] = {index: group.name for index, group in enumerate(groups)}
    cards = deal_cards(course.column, course.value, members, seed)
    for number, missing in enumerate(course.missing):
        cards[f"missing {number}", ()] = dealt(list(members), (1 - missing.share, missing.share), stream(seed, "missing", number))
    return Deal(seed, groups, cards)


def draw_course(course: Course, deal: Deal, index: int, subject: str, tissues: Mapping[str, float]) -> Story:
    """The story of the patient at that place."""
    rng = stream(deal.seed, "patient", index)
    group = deal.groups[index]
    columns = [c for c in course.column if not c.groups or group.name in c.groups]
    words = with_implied({column.name: deal.word(column, index) for column in columns}, course.implied)
    known = draw_values(course.value, group.name, index, deal, dict(tissues), rng)
    nests = DrawnNests({}, {}) if course.nest is None else draw_nests(course.nest, group.name, known, words, rng)
    own = [value for value in course.value if not value.groups or group.name in value.groups]
    shown: dict[str, str | float | None] = {v.name: round(known[v.name], v.decimals) for v in own if v.column}
    secret = {column.name for column in columns if column.hidden}
    shown |= {name: word for name, word in words.items() if name not in secret}
    hidden: dict[str, str | float] = {v.name: known[v.name] for v in own if not v.column}
    hidden |= {name: words[name] for name in secret}
    if group.excluded:
        hidden["excluded"] = group.excluded
    visits = tuple(
        VisitStory(
            visit.session, round(resolved(visit.day, known)), visit.lesion.draw(known, words, nests.by_session.get(visit.session, ())),
            _roles(course, deal, index, visit),
        )
        for visit in _visits_of(course, group)
    )  # fmt: skip
    done, ended, read = _events(course, group, known, words, {visit.session for visit in visits})
    return Story(subject, group.truth, shown, visits, done, ended, read, {"group": group.name, **hidden, **nests.hidden})


def _events(
    course: Course, group: Group, known: Mapping[str, float], words: Mapping[str, str], sessions: set[str]
) -> tuple[tuple[Treatment, ...], tuple[Outcome, ...], tuple[Reading, ...]]:
    """Treatments in the order of their days; outcomes and readings of visits that took place."""
    done = (
        one.draw(known)
        for one in course.treatment
        if (not one.groups or group.name in one.groups)
        and all(words.get(name) == word for name, word in (one.when or {}).items())
    )
    ended = (
        Outcome(one.session, one.label, words.get(one.basis, one.basis), round(resolved(one.day, known)))
        for one in course.outcome
        if (not one.groups or group.name in one.groups) and one.session in sessions
    )
    read = (
        Reading(one.session, one.reader, one.method, words[one.column])
        for one in course.reading
        if (not one.groups or group.name in one.groups) and one.session in sessions
    )
    return tuple(sorted(done, key=lambda one: one.day)), tuple(ended), tuple(read)


def _roles(course: Course, deal: Deal, index: int, visit: VisitSpec) -> tuple[str, ...]:
    """The visit's series without those that this patient lacks."""
    lacks = set(deal.groups[index].lacks)
    for number, missing in enumerate(course.missing):
        if missing.session == visit.session and deal.cards[f"missing {number}", ()][index]:
            lacks |= set(missing.roles)
    return tuple(role for role in visit.roles if role not in lacks)
