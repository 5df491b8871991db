"""Sheets and a map become rows of our tables: labels, days on the patient's own clock, numbers, words; what fails is refused."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from afterglow.flows.study_days import NUMBER, first_days, label_of, whole_cell, zeros_of_column
from afterglow.flows.study_map import StudyMap, TableSpec
from afterglow.io.sheets import Sheet, SheetRow
from afterglow.io.study import nearest, suggestion
from afterglow.io.study_cells import (
    MOST_DAYS,
    Unreadable,
    date_of,
    decimal_of,
    holds_date,
    number_of,
    shape_of,
    without_dates,
)
from afterglow.io.study_fields import SUBJECT, TABLES, StudyField, TableName, field_of
from afterglow.io.study_merge import TakenRow
from afterglow.io.write import Cell
from afterglow.records.errors import BadInput
from afterglow.records.study import BASES, Refusal

_ONE_ANSWER = ("label", "basis", "kind", "call")
_SAYING: dict[TableName, tuple[str, ...]] = {  # a line where all of these are empty says nothing of the table
    "participants": (),
    "sessions": ("day", "scanner"),
    "treatments": ("day", "kind", "dose_gy", "fractions", "target", "agent"),
    "outcomes": ("label", "basis", "day"),
    "readings": ("call", "confidence"),
}


@dataclass
class Taken:
    """Rows by table, what was refused, and how many lines said nothing of a table."""

    rows: dict[TableName, list[TakenRow]] = field(default_factory=dict)
    refusals: list[Refusal] = field(default_factory=list)
    silent: dict[TableName, int] = field(default_factory=dict)
    used: dict[str, set[str]] = field(default_factory=dict)  # columns by file


def take_rows(sheets: Sequence[Sheet], study_map: StudyMap) -> Taken:
    """Every row that the map makes of the sheets. BadInput where the map names a sheet or a column that is not there."""
    return _Taker(sheets, study_map).take()


class _Taker:
    def __init__(self, sheets: Sequence[Sheet], study_map: StudyMap) -> None:
        self.sheets, self.map = {sheet.file: sheet for sheet in sheets}, study_map
        self.by_name = {sheet.name: sheet for sheet in sheets}
        self.taken = Taken()
        self.blocks = [(table, block, self.sheet(block.sheet, table)) for table in TABLES for block in study_map.blocks(table)]
        self.decimals = self._decimals()
        self.zeros: dict[str, date | None] = {}
        self.names: dict[tuple[str, str], tuple[int, str]] = {}  # by file and label: row and name of the patient

    def take(self) -> Taken:
        for table, block, sheet in self.blocks:
            self._check_columns(table, block, sheet)
        self._find_zeros()
        for sheet in {id(sheet): sheet for _, _, sheet in self.blocks}.values():
            self.taken.refusals += sheet.refusals
        for table, block, sheet in self.blocks:
            for row in self._lines(sheet, block):
                self._take(table, block, sheet, row)
        self.taken.refusals = list(dict.fromkeys(self.taken.refusals))
        return self.taken

    def sheet(self, name: str, where: str) -> Sheet:
        if not name and len(self.sheets) == 1:
            return next(iter(self.sheets.values()))
        found = self.sheets.get(name) or self.by_name.get(name)
        if found is None:
            names = list(self.by_name)
            what = f"there is no sheet {name!r}" if name else "name its sheet, there are several"
            raise BadInput(f"map, {where}: {what}; {suggestion(name, names)}")
        return found

    def _check_columns(self, table: TableName, block: TableSpec, sheet: Sheet) -> None:
        wanted = [self.map.participant_id.column, *block.columns.values(), *block.keep, *block.where]
        fields = [*block.columns, *block.constant, *(_kept(name) for name in block.keep)]
        twice = sorted({name for name in fields if fields.count(name) > 1})
        if twice:
            raise BadInput(f"map, {table}: several columns would become {twice[0]!r}; take one out of keep")
        dated = {column for name, column in block.columns.items() if field_of(table, name).kind == "day"}
        for column in wanted if sheet.columns else ():
            self._check_column(sheet, column, table, is_date=column in dated)
        self.taken.used.setdefault(sheet.file, set()).update(wanted)

    def _check_column(self, sheet: Sheet, column: str, where: str, *, is_date: bool) -> None:
        if column in sheet.twice:
            raise BadInput(f"{sheet.file}: the column {column!r} stands there twice; rename one of them")
        if column not in sheet.columns:
            raise BadInput(f"map, {where}: {sheet.file} has no column {column!r}; {suggestion(column, sheet.columns)}")
        if column in sheet.identifiers and not is_date:
            raise BadInput(
                f"map, {where}: the dictionary marks {column!r} as naming a person; take another column, such as the record id"
            )

    def _decimals(self) -> dict[str, str]:
        """The decimal sign of each sheet, from all its columns of numbers."""
        columns: dict[str, set[str]] = {}
        for table, block, sheet in self.blocks:
            numbers = [column for name, column in block.columns.items() if field_of(table, name).kind in ("number", "whole")]
            columns.setdefault(sheet.file, set()).update(numbers)
        told = self.map.source.decimal
        found = {}
        for file, names in columns.items():
            sheet = self.sheets[file]
            cells = (cell for row in sheet.rows for name in sorted(names) if (cell := row.cells.get(name)) is not None)
            found[file] = told or decimal_of(cells, sheet.separator)
        return found

    def _lines(self, sheet: Sheet, block: TableSpec) -> Iterator[SheetRow]:
        for row in sheet.rows:
            if all((row.cells.get(column) or "") in words for column, words in block.where.items()):
                yield row

    def _find_zeros(self) -> None:
        zero = self.map.day_zero
        if zero is None:
            return
        if zero.column:
            sheet = self.sheet(zero.sheet, "day_zero")
            self._check_column(sheet, zero.column, "day_zero", is_date=True)
            self._check_column(sheet, self.map.participant_id.column, "day_zero", is_date=False)
            self.taken.used.setdefault(sheet.file, set()).update((zero.column, self.map.participant_id.column))
            self.zeros, refusals = zeros_of_column(sheet, zero.column, self.map)
            self.taken.refusals += refusals
            return
        first = [one for one in self.blocks if one[0] == zero.first and "day" in one[1].columns]
        dated = [
            (row, block.columns["day"], block.dates or self.map.source.dates)
            for _, block, sheet in first
            for row in self._lines(sheet, block)
        ]
        self.zeros = first_days(dated, self.map.participant_id)

    def _take(self, table: TableName, block: TableSpec, sheet: Sheet, row: SheetRow) -> None:
        saying = [block.columns[name] for name in _SAYING[table] if name in block.columns]
        broken = any((row.line, column) in sheet.bad for column in saying)
        if saying and not broken and all(row.cells.get(column) is None for column in saying):
            self.taken.silent[table] = self.taken.silent.get(table, 0) + 1
            return
        sources = {
            "participant_id": self.map.participant_id.column,
            **block.columns,
            **{_kept(name): name for name in block.keep},
        }
        cells: dict[str, Cell] = {}
        before = len(self.taken.refusals)
        for name, column in sources.items():
            one = field_of(table, name)
            try:
                cells[name] = self._value(one, whole_cell(sheet, row, column), block, sheet, cells)
                if one is SUBJECT:
                    self._one_name(sheet, str(cells[name]), str(row.cells.get(column)), row.line)
            except Unreadable as problem:
                self._refuse(sheet, row, column, _shown(one, row.cells.get(column)), problem.remedy)
                if one is SUBJECT:
                    return  # nobody's row
        if len(self.taken.refusals) > before:
            return
        try:
            constant = {name: self._constant(field_of(table, name), text) for name, text in block.constant.items()}
        except Unreadable as problem:
            raise BadInput(f"map, {table}: a constant cannot be taken: {problem.remedy}") from None
        found = TakenRow(sheet.file, row.line, {**cells, **constant}, once=block.once or table == "participants")
        self.taken.rows.setdefault(table, []).append(found)

    def _one_name(self, sheet: Sheet, label: str, name: str, line: int) -> None:
        """Unreadable where another name of the same sheet makes this label: two patients would become one."""
        first, known = self.names.setdefault((sheet.file, label), (line, name))
        if known != name:
            raise Unreadable(f"the name in row {first} is another and makes the same label; write one name for each patient")

    def _constant(self, one: StudyField, text: str) -> Cell:
        if one.kind in ("number", "whole", "day"):
            return _bounded(one, number_of(text, "."))
        return _word(one, text, {}, self.map.labels)

    def _value(self, one: StudyField, text: str | None, block: TableSpec, sheet: Sheet, cells: Mapping[str, Cell]) -> Cell:
        if text is None:
            if one.needed:
                raise Unreadable("this cell cannot be empty; fill it, or remove the row")
            return None
        values = block.values.get(one.name, {})
        match one.kind:
            case "label":
                spec = self.map.participant_id if one is SUBJECT else self.map.session_id
                return label_of(str(_word(one, text, values, ())) if values else text, spec, "sub-" if one is SUBJECT else "ses-")
            case "number" | "whole":
                return _bounded(one, number_of(text, self.decimals[sheet.file]))
            case "day":
                return self._day(one, text, block, sheet, cells)
            case "text":
                return _word(one, text, values, self.map.labels)

    def _day(self, one: StudyField, text: str, block: TableSpec, sheet: Sheet, cells: Mapping[str, Cell]) -> float:
        if NUMBER.fullmatch(text) and text.count(".") < 2:
            return _bounded(one, number_of(text, self.decimals[sheet.file]))
        when = date_of(text, block.dates or self.map.source.dates)
        if self.map.day_zero is None:
            raise Unreadable("a date becomes a day only with a day zero; add [day_zero] to the map")
        zero = self.zeros.get(str(cells.get("participant_id", "")))
        if zero is None:
            raise Unreadable(
                f"the day zero of this patient ({self.map.day_zero.meaning}) is not known or not certain; give it first"
            )
        return _bounded(one, float((when - zero).days))

    def _refuse(self, sheet: Sheet, row: SheetRow, column: str, found: str, remedy: str) -> None:
        self.taken.refusals.append(Refusal(sheet.file, row.line, column, found, remedy))


def _kept(column: str) -> str:
    """A column's own name as BIDS writes names: lower case, with underscores."""
    return re.sub(r"[^a-z0-9]+", "_", column.lower()).strip("_") or "column"


def _word(one: StudyField, text: str, values: Mapping[str, str], labels: Sequence[str]) -> str:
    """A word in our language, or Unreadable where it is misspelt, holds a date, or is two answers at once."""
    if one.name in _ONE_ANSWER and "; " in text:
        raise Unreadable("two answers stand in one cell; keep one, or give each a block of its own in the map")
    if values:
        known = {key.strip().casefold(): value for key, value in values.items()}
        if text.strip().casefold() not in known:
            said = suggestion(text, list(values))
            raise Unreadable(f"{said}{' If not,' if said.endswith('?') else ', or'} add it to values in the map")
        text = known[text.strip().casefold()]
    if holds_date(text):
        raise Unreadable("it holds a calendar date, which would tell who this is; map it to a day, or leave the column out")
    levels = {level.casefold(): level for level in one.levels}
    if levels and text.casefold() not in levels:
        raise Unreadable(suggestion(text, one.levels))
    if one.name == "label" and labels and text not in labels:
        raise Unreadable(f"misspelt label? {suggestion(text, labels)}")
    if one.name == "basis" and text not in BASES and nearest(text, BASES):
        raise Unreadable(suggestion(text, BASES))
    return levels.get(text.casefold(), text)


def _bounded(one: StudyField, value: float) -> float | int:
    if one.kind == "day" and abs(value) > MOST_DAYS:
        raise Unreadable(
            "that is more than a hundred years; a date of Excel kept as a number looks like this: format the column as a date"
        )
    if (one.low is not None and value < one.low) or (one.high is not None and value > one.high):
        raise Unreadable(f"it should lie from {one.low:g} to {one.high:g}; {one.hint or 'correct it'}")
    if one.kind == "whole":
        if value != int(value):
            raise Unreadable("write a whole number")
        return int(value)
    return value


def _shown(one: StudyField, text: str | None) -> str:
    """What a refusal shows of a cell: names of persons and days only by their shape."""
    if text is None:
        return "an empty cell"
    return repr(shape_of(text) if one is SUBJECT or one.kind == "day" else without_dates(text))
