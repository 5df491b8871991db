"""A study beside its images: who took part, what was done, what readers said, and how each lesion turned out to be."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from afterglow.records.course import Treatment
from afterglow.records.response import Reading

BASES = ("histology", "follow-up", "consensus", "RANO")  # how outcomes are mostly known; another word is kept as written


@dataclass(frozen=True)
class Participant:
    """A line of participants.tsv: the subject label without sub-, and whatever columns the study has."""

    participant_id: str
    columns: Mapping[str, str | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.participant_id:
            raise ValueError("a participant without a name")
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))

    def text(self, column: str) -> str | None:
        """The cell, None where it is missing or there is no such column."""
        return self.columns.get(column)

    def number(self, column: str) -> float | None:
        """The cell as a number, None where it is missing. ValueError where it is none."""
        cell = self.columns.get(column)
        if cell is None:
            return None
        try:
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise ValueError(f"sub-{self.participant_id}: {column} is {cell!r}, which is no number")
        return value


@dataclass(frozen=True)
class Outcome:
    """What a lesion turned out to be, and how that is known. A row of phenotype/outcomes.tsv.

    An empty `session_id` stands for every visit of the patient, an empty `lesion_id` for every lesion.
    """

    participant_id: str
    session_id: str
    lesion_id: str
    label: str  # "recurrence", "treatment effect" …
    basis: str  # "histology", "follow-up" …
    day: float | None = None  # when it became known, on the subject's own clock

    def __post_init__(self) -> None:
        if not self.participant_id or not self.label:
            raise ValueError("an outcome has a participant and a label")
        if not self.basis:
            raise ValueError(f"sub-{self.participant_id}: {self.label!r} without its basis; say how it is known")
        if self.day is not None and not math.isfinite(self.day):
            raise ValueError(f"sub-{self.participant_id}: an outcome on day {self.day}")

    @property
    def key(self) -> tuple[str, str, str]:
        """What it is about."""
        return self.participant_id, self.session_id, self.lesion_id

    def concerns(self, participant_id: str, session_id: str, lesion_id: str) -> bool:
        """Whether it says something of this lesion at this visit."""
        same = self.session_id in ("", session_id) and self.lesion_id in ("", lesion_id)
        return same and self.participant_id == participant_id


@dataclass(frozen=True)
class Refusal:
    """One thing that was not taken over, and why. `row` is the line in the file, 0 where it is about the whole of it."""

    file: str
    row: int
    column: str
    found: str
    remedy: str

    @property
    def sentence(self) -> str:
        """In one line: outcomes.csv, row 3, label: found 'recurence'; did you mean 'recurrence'?"""
        place = [self.file, *([f"row {self.row}"] if self.row else []), *([self.column] if self.column else [])]
        return f"{', '.join(place)}: found {self.found}; {self.remedy}"


@dataclass(frozen=True)
class Study:
    """What stands beside the images of a cohort. `refusals` are the rows that were left out, each with its reason."""

    participants: tuple[Participant, ...]
    outcomes: tuple[Outcome, ...]
    readings: tuple[Reading, ...] = ()
    treatments: Mapping[str, tuple[Treatment, ...]] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    _known: Mapping[str, Sequence[Outcome]] = field(init=False, repr=False, compare=False)
    _people: Mapping[str, Participant] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _refuse_twice("participant", [p.participant_id for p in self.participants])
        _refuse_twice("outcome", [o.key for o in self.outcomes])
        object.__setattr__(self, "treatments", MappingProxyType(dict(self.treatments)))
        known: dict[str, list[Outcome]] = {}
        for outcome in self.outcomes:
            known.setdefault(outcome.participant_id, []).append(outcome)
        object.__setattr__(self, "_known", known)
        object.__setattr__(self, "_people", {p.participant_id: p for p in self.participants})

    def participant(self, participant_id: str) -> Participant | None:
        """The participant of that name."""
        return self._people.get(participant_id)

    def outcome_of(self, participant_id: str, session_id: str = "", lesion_id: str = "") -> Outcome | None:
        """The outcome of a lesion at a visit: the row that is most particular about it, the lesion counting before the visit."""
        fitting = [o for o in self._known.get(participant_id, ()) if o.concerns(participant_id, session_id, lesion_id)]
        return max(fitting, key=lambda o: (o.lesion_id != "", o.session_id != ""), default=None)

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels that outcomes have, the most frequent first."""
        counted = Counter(o.label for o in self.outcomes)
        return tuple(sorted(counted, key=lambda label: (-counted[label], label)))


def _refuse_twice(what: str, keys: Sequence[object]) -> None:
    twice = [key for key, n in Counter(keys).items() if n > 1]
    if twice:
        raise ValueError(f"the {what} {twice[0]} stands there twice")
