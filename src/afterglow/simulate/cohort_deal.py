"""Who belongs to which group, and who gets which printed count: settled for the whole cohort before any patient is drawn."""

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from afterglow.simulate.cohort_draw import STRICT, Bounds, Column, Value, apportioned, dealt, stream


@dataclass(frozen=True)
class Group:
    """Patients who are drawn alike. `truth` is what they turn out to have; groups of one truth keep its printed share."""

    name: str
    truth: str
    n: int
    source: str
    sessions: tuple[str, ...] = ()  # the visits these patients came to; empty: all
    lacks: tuple[str, ...] = ()  # series these patients do not have
    excluded: str = ""  # why the paper left them out
    findings: tuple[str, ...] = ()  # surveillance: the examinations that count, in random order
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"group {self.name!r} has n = {self.n}; give 1 or more, or take the group out")


Implied = Mapping[str, Mapping[str, Mapping[str, str]]]  # column -> its word -> words of other columns that follow from it


def with_implied(words: Mapping[str, str], implied: Implied) -> dict[str, str]:
    """The words and what follows from them: a glioblastoma is of grade 4."""
    found = dict(words)
    for column, table in implied.items():
        if column in words:
            found |= table.get(words[column], {})
    return found


def possible_words(columns: Sequence[Column], group: str, implied: Implied) -> dict[str, tuple[str, ...]]:
    """Columns of a group with the words they may hold, implied ones too; ValueError where a word is not among its column's."""
    words = {column.name: tuple(column.counts) for column in columns if not column.groups or group in column.groups}
    for name, table in implied.items():
        every = {word for column in columns if column.name == name for word in column.counts}
        if set(table) != every:
            odd = sorted(set(table) ^ every)[0]
            raise ValueError(f"implied.{name}: {odd!r} stands either here or in the counts, not in both; make them alike")
        for word in words.get(name, ()):
            for other, meant in table[word].items():
                words[other] = (*words.get(other, ()), meant)
    return words


@dataclass(frozen=True)
class Deal:
    """The cards: by deck and key (a patient, or a patient's examination) the place of its part or word."""

    seed: int
    groups: tuple[Group, ...]  # by patient
    cards: Mapping[tuple[str, tuple[str, ...]], Mapping[Any, int]] = field(default_factory=dict)

    def word(self, column: Column, key: Hashable) -> str:
        """What the column holds for that key."""
        return tuple(column.counts)[self.cards[column.name, column.groups][key]]


def printed_size(groups: Sequence[Group]) -> int:
    """Patients of the published cohort."""
    return sum(group.n for group in groups)


def deal_groups(groups: Sequence[Group], patients: int, seed: int) -> tuple[Group, ...]:
    """The group of each patient: truths by largest remainder, then the groups of each truth, in random order."""
    truths = list(dict.fromkeys(group.truth for group in groups))
    members = [[group for group in groups if group.truth == truth] for truth in truths]
    sizes = apportioned([printed_size(of_truth) for of_truth in members], patients)
    row: list[Group] = []
    for of_truth, size in zip(members, sizes, strict=True):
        for group, count in zip(of_truth, apportioned([group.n for group in of_truth], size), strict=True):
            row += [group] * count
    order = stream(seed, "groups").permutation(len(row))
    return tuple(row[k] for k in order)


def deal_cards(
    columns: Sequence[Column], values: Sequence[Value], members: Mapping[Any, str], seed: int
) -> dict[tuple[str, tuple[str, ...]], dict[Any, int]]:
    """Deal each column and each value of several parts to the keys whose group it concerns. `members` is key -> group."""
    cards: dict[tuple[str, tuple[str, ...]], dict[Any, int]] = {}
    decks = [(column.name, column.groups, tuple(column.counts.values())) for column in columns]
    decks += [(value.deck_name, value.groups, tuple(part.n for part in value.parts)) for value in values if len(value.parts) > 1]
    for name, groups, weights in decks:
        keys = [key for key, group in members.items() if not groups or group in groups]
        if (name, groups) not in cards:
            cards[name, groups] = dealt(keys, weights, stream(seed, "deck", name, *groups))
    return cards


def draw_values(
    values: Sequence[Value], group: str, key: Hashable, deal: Deal, known: dict[str, float], rng: np.random.Generator
) -> dict[str, float]:
    """The values of one patient or examination in file order, added to what is known already."""
    for value in values:
        chance = float(rng.random())
        if value.groups and group not in value.groups:
            continue
        place = deal.cards[value.deck_name, value.groups][key] if len(value.parts) > 1 else 0
        known[value.name] = value.result(value.parts[place].quantile(chance), known)
    return known


def value_bounds(values: Sequence[Value], group: str, known: Mapping[str, Bounds]) -> dict[str, Bounds]:
    """Range of each value a member of the group has; ValueError where one rests on what is not there."""
    bounds = dict(known)
    for value in values:
        if not value.groups or group in value.groups:
            if value.name in bounds:
                raise ValueError(f"{value.name} is given twice for the group {group!r}; keep one")
            bounds[value.name] = value.range(bounds)
    return bounds


def check_tables(
    columns: Sequence[Column], values: Sequence[Value], groups: Mapping[str, int], everybody: int, known: Mapping[str, object]
) -> None:
    """ValueError where counts do not sum to the printed size of their groups, or a group is unknown.

    `groups` is name -> printed size, `everybody` the size of a table that names no group.
    """
    sizes: dict[tuple[str, tuple[str, ...]], tuple[int, ...]] = {}
    for column in columns:
        _check_deck(column.name, column.groups, tuple(column.counts.values()), groups, everybody, sizes)
    for value in values:
        if value.name in known:
            raise ValueError(f"{value.name} is the name of a tissue's value; choose another")
        parts = tuple(part.n for part in value.parts)
        if len(parts) > 1:
            _check_deck(value.deck_name, value.groups, parts, groups, everybody, sizes)
        else:
            _check_groups(value.name, value.groups, groups)


def check_named(what: str, names: Iterable[str], known: Iterable[str]) -> None:
    """ValueError where a name stands for nothing, so that a slip of the pen is not silently without effect."""
    there = tuple(dict.fromkeys(known))
    for name in names:
        if name not in there:
            raise ValueError(f"{what} is {name!r}; known: {', '.join(there) or 'none'}; correct the name")


def _check_groups(name: str, names: tuple[str, ...], groups: Mapping[str, int]) -> None:
    unknown = [one for one in names if one not in groups]
    if unknown:
        raise ValueError(f"{name} is for the group {unknown[0]!r}; known: {', '.join(groups)}")


def _check_deck(
    name: str,
    names: tuple[str, ...],
    counts: tuple[int, ...],
    groups: Mapping[str, int],
    everybody: int,
    sizes: dict[tuple[str, tuple[str, ...]], tuple[int, ...]],
) -> None:
    _check_groups(name, names, groups)
    size = sum(groups[one] for one in names) if names else everybody
    if sum(counts) != size:
        raise ValueError(
            f"{name}: its counts {list(counts)} sum to {sum(counts)}, but {size} patients or examinations share them; correct a count"
        )
    if sizes.setdefault((name, names), counts) != counts:
        raise ValueError(f"{name}: two tables share this deck with different counts; make them alike or name another deck")
