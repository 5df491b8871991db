"""Tab-separated tables of BIDS: read strictly, with the line and the column of whatever is wrong."""

import math
import re
from dataclasses import dataclass
from pathlib import Path

from afterglow.io.integrity import opened
from afterglow.records.errors import BadInput

MISSING = ("", "n/a")
_LINE_END = re.compile(r"\r\n|\r|\n")
# A spreadsheet runs a text cell that starts like this; such cells carry an apostrophe, which reading takes off again.
GUARDED = re.compile(r"'*[=+\-@]")


@dataclass(frozen=True)
class Row:
    """One line of a table; a missing cell is None."""

    path: Path
    line: int
    cells: dict[str, str | None]

    def refuse(self, column: str, remedy: str) -> BadInput:
        """The BadInput to raise about one cell."""
        return BadInput(f"{self.path}: line {self.line}, {column} is {self.cells.get(column)!r}; {remedy}")

    def text(self, column: str) -> str | None:
        """The cell, or None where it is missing or the column absent."""
        return self.cells.get(column)

    def number(self, column: str) -> float | None:
        """The cell as a finite number, or None where it is missing."""
        cell = self.cells.get(column)
        if cell is None:
            return None
        try:
            value = float(cell)
        except ValueError:
            raise self.refuse(column, "write a number with a decimal point, or n/a") from None
        if not math.isfinite(value):
            raise self.refuse(column, "write a finite number, or n/a")
        return value

    def whole(self, column: str) -> int | None:
        """The cell as a whole number, or None where it is missing."""
        value = self.number(column)
        if value is not None and value != int(value):
            raise self.refuse(column, "write a whole number, or n/a")
        return None if value is None else int(value)

    def required(self, column: str) -> str:
        """The cell, which must be there."""
        cell = self.cells.get(column)
        if cell is None:
            raise self.refuse(column, "this cell cannot be empty")
        return cell


def read_table(path: Path, required: tuple[str, ...] = ()) -> tuple[Row, ...]:
    """Rows of a TSV file with a header line; n/a and empty cells are missing.

    BadInput where it is no UTF-8, separated by something else than tabs, has a column twice, lacks a required one, or
    a line has another number of cells.
    """
    with opened(path) as stream:
        raw = stream.read()
    try:
        lines = _LINE_END.split(raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start} is not UTF-8; save the table as UTF-8") from None
    columns = [name.strip() for name in lines[0].split("\t")]
    _check_columns(path, columns, required)
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        cells = line.split("\t")
        if len(cells) != len(columns):
            raise BadInput(
                f"{path}: line {number} has {len(cells)} cells under {len(columns)} columns; separate cells by one tab"
            )
        rows.append(Row(path, number, {name: _cell(cell) for name, cell in zip(columns, cells, strict=True)}))
    return tuple(rows)


def _check_columns(path: Path, columns: list[str], required: tuple[str, ...]) -> None:
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise BadInput(f"{path}: the column {twice[0]!r} stands there twice; keep one of them")
    lacking = [name for name in required if name not in columns]
    if lacking and len(columns) == 1 and ("," in columns[0] or ";" in columns[0]):
        raise BadInput(f"{path}: its columns are not separated by tabs ({columns[0][:60]!r}); save it as tab-separated text")
    if lacking:
        raise BadInput(f"{path}: it has no column {lacking[0]!r} (found: {', '.join(columns) or 'nothing'}); add it")


def _cell(text: str) -> str | None:
    text = text.strip()
    if text.startswith("'") and GUARDED.match(text):
        text = text[1:]
    return None if text in MISSING or text.lower() == "nan" else text
