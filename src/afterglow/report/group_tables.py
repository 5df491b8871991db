"""Tables of a cohort: who was in it, calls against outcomes, estimates with their intervals, tests with their rules."""

import math
from collections.abc import Sequence

import numpy as np

from afterglow.records.document import Table
from afterglow.records.group import Characteristic, Counted, CrossTable, DataTable, TableColumn
from afterglow.records.statistic import Estimated, Groups, Tested, Values
from afterglow.report.figures.cohort_canvas import finite
from afterglow.report.group_words import (
    count_words,
    ends,
    level_words,
    p_number,
    score,
    sentence,
    value_words,
    with_bracket,
)
from afterglow.report.tables import without_empty
from afterglow.report.words import NOT_MEASURED, number, shown_in, unit_after, unit_words

COHORT_RULE = (
    "Numbers: median [quartiles, linear interpolation, type 7]; counts with per cent of those known. Missing ones are counted."
)


def cohort_table(labels: Sequence[str], sizes: Sequence[int], lines: Sequence[Characteristic]) -> Table:
    """Table 1: one column for each group and one for all, with the test between the groups where one was made."""
    rows: list[tuple[str, ...]] = []
    for line in lines:
        p = "" if line.tested is None else p_number(line.tested.p)
        match line.values:
            case Groups():
                rows += _numbers(line.values, p)
            case Counted():
                rows += _counts(line.values, p)
    columns = ("", *(f"{label}, n = {size}" for label, size in zip(labels, sizes, strict=True)), f"all, n = {sum(sizes)}", "P")
    if len(labels) == 1:  # who are all
        rows, columns = [(row[0], *row[2:]) for row in rows], (columns[0], *columns[2:])
    rules = dict.fromkeys(f"{t.name} ({t.rule})" for line in lines if (t := line.tested) is not None and t.p is not None)
    made = f" P: {'; '.join(rules)}; not adjusted for several tests." if rules else ""
    return without_empty(Table(f"Patients. {COHORT_RULE}{made}", columns, tuple(rows)), keep=columns[:-1])


def _numbers(groups: Groups, p: str) -> list[tuple[str, ...]]:
    every: list[Values] = [*groups.values, np.concatenate(groups.values) if groups.values else np.empty(0)]
    name = with_bracket(groups.name, groups.unit)
    rows = [(name, *(_quartiles(values, groups.unit) for values in every), p)]
    absent = [values.size - finite(values).size for values in every]
    if any(absent):
        rows.append((f"{groups.name}, missing", *(str(n) for n in absent), ""))
    return rows


def _quartiles(values: Values, unit: str) -> str:
    known = finite(values) * shown_in(unit)
    if known.size == 0:
        return NOT_MEASURED
    low, middle, high = (number(float(q)) for q in np.quantile(known, (0.25, 0.5, 0.75)))
    return f"{middle} [{low} to {high}]"


def _counts(counted: Counted, p: str) -> list[tuple[str, ...]]:
    counts = np.vstack([counted.counts, counted.counts.sum(axis=0, keepdims=True)])
    known = counts.sum(axis=1)
    rows = [(counted.name, *("" for _ in known), p)]
    for n, level in enumerate(counted.levels):
        rows.append((f"\u2003{level}", *(count_words(int(c), int(k)) for c, k in zip(counts[:, n], known, strict=True)), ""))
    if any(counted.missing):
        rows.append(("\u2003missing", *(str(n) for n in (*counted.missing, sum(counted.missing))), ""))
    return rows


def data_table(table: DataTable) -> Table:
    """A table of numbers as it is printed: three digits, P values in their own way, and nothing for what is not there."""
    rows = tuple(tuple(_cell(cell, column) for cell, column in zip(row, table.columns, strict=True)) for row in table.rows)
    titles = tuple(with_bracket(column.title, column.unit) for column in table.columns)
    return without_empty(Table(sentence(table.caption), titles, rows), keep=titles[:1])


def _cell(cell: str | float | int | None, column: TableColumn) -> str:
    match cell:
        case None:
            return ""
        case str() | int():
            return unit_words(str(cell)) if column.key == "unit" else str(cell)
        case float() if math.isfinite(cell):
            return p_number(cell) if column.kind == "p" else number(cell)
        case _:
            return ""


def cross_table(crossed: CrossTable) -> Table:
    """The counts with their sums: calls in rows, outcomes in columns."""
    counts = crossed.counts
    columns = (f"{crossed.rows_are} \\ {crossed.columns_are}", *crossed.column_labels, "all")
    rows = [
        (label, *(str(int(n)) for n in row), str(int(row.sum()))) for label, row in zip(crossed.row_labels, counts, strict=True)
    ]
    rows.append(("all", *(str(int(n)) for n in counts.sum(axis=0)), str(int(counts.sum()))))
    caption = f"{crossed.name}.{f' {crossed.note}' if crossed.note else ''}"
    return Table(caption, columns, tuple(rows))


def estimates_table(caption: str, estimates: Sequence[Estimated]) -> Table:
    """Value, interval, the rule of the interval and n, one line each."""
    levels = list(dict.fromkeys(e.level for e in estimates if e.low is not None))
    one = level_words(levels[0]) if len(levels) == 1 else ""
    rows = tuple(
        (
            e.name,
            value_words(e),
            unit_words(e.unit) if e.unit != "{ratio}" else "",
            f"{ends(e)}{'' if one or e.low is None else f' ({level_words(e.level)})'}",
            e.rule,
            str(e.n) if e.n else "",
            e.note,
        )
        for e in estimates
    )
    columns = ("What", "Value", "Unit", f"{one} interval" if one else "Interval", "Rule of the interval", "n", "Remark")
    return without_empty(Table(sentence(caption), columns, rows), keep=columns[:2])


def table_of_tests(caption: str, tests: Sequence[Tested]) -> Table:
    """What was compared, by which exact rule, on how many, and what came out; several effects stand below one another."""
    rows: list[tuple[str, ...]] = []
    for tested in tests:
        effects = [_effect(effect) for effect in tested.effects] or [""]
        statistic = score(tested.statistic)
        adjusted = "" if tested.p_adjusted is None else p_number(tested.p_adjusted)
        first = (
            tested.about, tested.name, tested.rule, " + ".join(str(n) for n in tested.n),
            f"{tested.statistic_name} = {statistic}" if statistic else "", p_number(tested.p), adjusted,
        )  # fmt: skip
        rows.append((*first, effects[0], tested.note))
        rows += [("",) * len(first) + (effect, "") for effect in effects[1:]]
    by = list(dict.fromkeys(t.adjusted_by for t in tests if t.p_adjusted is not None and t.adjusted_by))
    said = f" Adjusted P: {'; '.join(by)}." if by else ""
    columns = ("Compared", "Test", "Rule", "n", "Statistic", "P", "Adjusted P", "Effect with its interval", "Remark")
    return without_empty(Table(f"{sentence(caption)}{said}", columns, tuple(rows)), keep=("Test", "Rule", "n", "P"))


def _effect(effect: Estimated) -> str:
    said = f"{effect.name} {value_words(effect)}{unit_after(effect.unit)}"
    interval = f" ({ends(effect)}; {level_words(effect.level)}, {effect.rule})" if effect.low is not None else ""
    return f"{said}{interval}{f': {effect.note}' if effect.note and effect.value is None else ''}"
