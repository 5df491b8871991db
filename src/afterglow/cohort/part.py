"""What one analysis of a cohort comes to, before the parts are put together into a report."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from afterglow.records.case import Case, Marker
from afterglow.records.group import CrossTable, DataTable, Picture
from afterglow.records.statistic import Estimated, Groups, Tested, Values


@dataclass(frozen=True)
class Part:
    """Numbers, tests, tables and pictures of one analysis; `answers` are those that answer the question, where it is the primary one."""

    name: str
    answers: tuple[Estimated | Tested, ...] = ()
    estimates: tuple[tuple[str, tuple[Estimated, ...]], ...] = ()
    tests: tuple[tuple[str, tuple[Tested, ...]], ...] = ()
    crossed: tuple[CrossTable, ...] = ()
    tables: tuple[DataTable, ...] = ()
    pictures: tuple[Picture, ...] = ()
    cautions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sides:
    """The cases, and what the two sides of the outcome are called."""

    cases: tuple[Case, ...]
    positive: str
    negative: str

    @property
    def patients(self) -> list[str]:
        return [c.participant_id for c in self.cases]

    @property
    def truth(self) -> list[bool]:
        return [c.positive for c in self.cases]

    @property
    def clustered(self) -> bool:
        """Whether a patient has several cases."""
        return len(set(self.patients)) < len(self.cases)


def values_of(cases: Iterable[Case], marker: str) -> Values:
    """The marker in each case, NaN where it was not measured."""
    return np.array([c.value(marker) for c in cases], dtype=np.float64)


def by_outcome(sides: Sides, marker: Marker) -> Groups:
    """The marker of positive and of negative cases."""
    both = tuple(values_of((c for c in sides.cases if c.positive is kind), marker.name) for kind in (True, False))
    return Groups(marker.name, marker.unit, (sides.positive, sides.negative), both)


def file_name(*words: str) -> str:
    """Words as the name of a file: small letters, digits and hyphens."""
    plain = "".join(c if c.isascii() and c.isalnum() else " " for c in " ".join(words).lower())
    return "-".join(plain.split())


def about(tests: Sequence[Tested], words: str) -> tuple[Tested, ...]:
    """Tests that say nothing of what they compare, with those words."""
    return tuple(test if test.about else replace(test, about=words) for test in tests)
