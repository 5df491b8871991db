"""Rows that were read become tables of a BIDS data set: one row for each thing, beside what stands there already."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from afterglow.io.sidecar import read_json
from afterglow.io.study_fields import KEYS, TABLES, TableName, field_of
from afterglow.io.tables import Row, read_table
from afterglow.io.write import Cell
from afterglow.records.errors import BadInput
from afterglow.records.study import Refusal

Cells = dict[str, Cell]
Key = tuple[Cell, ...]


@dataclass(frozen=True)
class TakenRow:
    """A row of one of our tables, with where it stands in its source. `once`: lines that agree are one row."""

    file: str
    line: int
    cells: Mapping[str, Cell]
    once: bool = False


@dataclass(frozen=True)
class MergedTable:
    """A table as it will be written: its rows, those that are new, and the JSON that describes it now."""

    name: TableName
    path: Path
    rows: tuple[Cells, ...]
    n_new: int
    described: Mapping[str, object]
    is_changed: bool = True  # whether a row is new or other than in the file

    @property
    def columns(self) -> tuple[str, ...]:
        """Our fields in their order, those that are needed and those that are there, then the study's own."""
        there = {name for row in self.rows for name in row}
        fixed = [one.name for one in TABLES[self.name] if one.needed or one.name in there]
        if self.name == "sessions":
            fixed.remove("participant_id")  # the file's own name says it
        return (*fixed, *sorted(there - {one.name for one in TABLES[self.name]}))


def merged(
    name: TableName, path: Path, taken: Sequence[TakenRow], root: Path, *, replace: bool = False
) -> tuple[MergedTable, tuple[Refusal, ...]]:
    """The rows beside those of the file; cells that are missing there are filled, and contradictions refused.

    With `replace` the new rows win. BadInput where the file itself is wrong.
    """
    rows, refusals = _one_each(name, taken)
    there, described = _there(name, path)
    before = dict(there)
    n_new = 0
    for key, row in sorted(rows.items(), key=lambda item: tuple(_sortable(cell) for cell in item[0])):
        known = there.get(key)
        if known is None:
            there[key], n_new = dict(row.cells), n_new + 1
            continue
        clash = next((one for one, cell in row.cells.items() if _differ(known.get(one), cell)), None)
        if clash is None or replace:
            there[key] = {**known, **{one: cell for one, cell in row.cells.items() if cell is not None}}
            continue
        where = path.relative_to(root).as_posix()
        remedy = f"{where} says {known[clash]!r} already; correct one of them, or write --replace where the new one is right"
        refusals.append(Refusal(row.file, row.line, clash, repr(row.cells[clash]), remedy))
    return MergedTable(name, path, tuple(there.values()), n_new, described, there != before), tuple(refusals)


def _one_each(name: TableName, taken: Sequence[TakenRow]) -> tuple[dict[Key, TakenRow], list[Refusal]]:
    """One row for each thing. A repeat is refused, unless lines may agree; of rows that contradict one another all are."""
    groups: dict[Key, list[TakenRow]] = {}
    for row in taken:
        groups.setdefault(_key(name, row.cells), []).append(row)
    kept: dict[Key, TakenRow] = {}
    refusals: list[Refusal] = []
    for key, rows in groups.items():
        first, whole, clash = rows[0], dict(rows[0].cells), None
        for row in rows[1:]:
            clash = clash or next((one for one, cell in row.cells.items() if _differ(whole.get(one), cell)), None)
            whole |= {one: cell for one, cell in row.cells.items() if cell is not None}
        if clash:
            places = " and ".join(f"{row.file} row {row.line}" for row in rows)
            remedy = f"{places} are about the same {_what(name)} and differ; keep the right one, none is taken until then"
            refusals += [Refusal(row.file, row.line, clash, repr(row.cells.get(clash)), remedy) for row in rows]
            continue
        kept[key] = TakenRow(first.file, first.line, whole)
        for row in rows[1:]:
            if not row.once:
                remedy = f"{first.file} row {first.line} says the same of this {_what(name)}; keep one, or write once = true in the map"
                refusals.append(Refusal(row.file, row.line, "", "the row a second time", remedy))
    return kept, refusals


def _what(name: TableName) -> str:
    return {"participants": "participant", "sessions": "visit", "treatments": "treatment"}.get(name, "lesion and visit")


def _there(name: TableName, path: Path) -> tuple[dict[Key, Cells], Mapping[str, object]]:
    """What stands in the data set already."""
    if not path.is_file():
        return {}, {}
    needed = ("session_id",) if name == "sessions" else ("participant_id",)
    rows: dict[Key, Cells] = {}
    for row in read_table(path, needed):
        subject = {"participant_id": path.parent.name} if name == "sessions" else {}
        cells: Cells = {**subject, **{one: _typed(name, one, row) for one in row.cells}}
        key = _key(name, cells)
        if key in rows:
            raise row.refuse(needed[0], f"an earlier line is about the same {_what(name)}; keep one of them")
        rows[key] = cells
    side = path.with_suffix(".json")
    return rows, read_json(side) if side.is_file() else {}


def _typed(name: TableName, column: str, row: Row) -> Cell:
    kind = field_of(name, column).kind
    if kind == "whole":
        return row.whole(column)
    if kind in ("number", "day"):
        return row.number(column)
    text = row.text(column)
    prefix = {"participant_id": "sub-", "session_id": "ses-"}.get(column, "")
    return text if text is None or text.startswith(prefix) else f"{prefix}{text}"


def _key(name: TableName, cells: Mapping[str, Cell]) -> Key:
    return tuple(cells.get(one) for one in KEYS[name])


def _differ(one: Cell, other: Cell) -> bool:
    return one is not None and other is not None and one != other


def _sortable(cell: Cell) -> tuple[int, float, str]:
    if cell is None:
        return (0, 0.0, "")
    return (1, float(cell), "") if isinstance(cell, int | float) else (2, 0.0, str(cell))


def check_clock(table: MergedTable, meaning: str) -> None:
    """BadInput where the file counts its days from something else than the map does."""
    day = table.described.get("day")
    told = day.get("DayZero") if isinstance(day, Mapping) else None
    if table.n_new and meaning and isinstance(told, str) and told != meaning:
        raise BadInput(
            f"{table.path}: its days count from {told!r} and those of the map from {meaning!r}; a patient has one clock, use the same day zero"
        )
