"""The table of a cohort: each characteristic of the participants by group, with the test between groups."""

import math
from collections.abc import Sequence

import numpy as np

from afterglow.cohort.exact_tables import fisher
from afterglow.cohort.rank_sum import mann_whitney
from afterglow.records.group import Characteristic, Counted
from afterglow.records.statistic import Groups
from afterglow.records.study import Participant

MOST_LEVELS = 12  # a column of more words than that names patients, or is free text
_KEYS = ("participant_id", "species")


def characteristics(people: Sequence[tuple[Participant, str]], labels: Sequence[str]) -> tuple[Characteristic, ...]:
    """One line for each column of participants.tsv; `people` are participants with their group, one of the labels.

    Numbers are compared by Mann-Whitney, counts by Fisher's exact test, where there are two groups with something in them.
    """
    columns = dict.fromkeys(name for person, _ in people for name in person.columns if name not in _KEYS)
    made = (_line(name, people, tuple(labels)) for name in columns)
    return tuple(one for one in made if one is not None)


def _line(name: str, people: Sequence[tuple[Participant, str]], labels: tuple[str, ...]) -> Characteristic | None:
    cells = [(person.text(name), group) for person, group in people]
    known = [cell for cell, _ in cells if cell is not None]
    if not known:
        return None
    words = name.replace("_", " ")
    if all(_number(cell) is not None for cell in known):
        return _numbers(words, cells, labels)
    levels = tuple(sorted(set(known)))
    return _counts(words, cells, labels, levels) if len(levels) <= MOST_LEVELS else None


def _number(cell: str) -> float | None:
    try:
        value = float(cell)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


def _numbers(name: str, cells: Sequence[tuple[str | None, str]], labels: tuple[str, ...]) -> Characteristic:
    values = tuple(
        np.array([math.nan if cell is None else float(cell) for cell, group in cells if group == one], dtype=np.float64)
        for one in labels
    )
    there = [v[np.isfinite(v)] for v in values]
    test = mann_whitney(there[0], there[1], about=name) if len(labels) == 2 and all(v.size for v in there) else None
    return Characteristic(Groups(name, "1", labels, values), test)


def _counts(
    name: str, cells: Sequence[tuple[str | None, str]], labels: tuple[str, ...], levels: tuple[str, ...]
) -> Characteristic:
    counts = np.array(
        [[sum(cell == level and group == one for cell, group in cells) for level in levels] for one in labels], dtype=np.int64
    )
    missing = tuple(sum(cell is None and group == one for cell, group in cells) for one in labels)
    whole = len(labels) == 2 and len(levels) > 1 and bool((counts.sum(axis=1) > 0).all())
    test = fisher(counts, about=name) if whole else None
    return Characteristic(Counted(name, labels, levels, counts, missing), test)
