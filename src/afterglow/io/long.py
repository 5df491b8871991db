"""Long tables for other programs: TSV with descriptions, CSV, Parquet. One row for each number, whatever is known of it beside it."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from afterglow.io.atomic import Written, write_bytes
from afterglow.io.tables import GUARDED, Row, read_table
from afterglow.io.verdicts import COLUMNS
from afterglow.io.write import Cell, write_tsv
from afterglow.records.errors import MissingInput

_BREAKS = str.maketrans({"\t": " ", "\n": " ", "\r": " "})


@dataclass(frozen=True)
class LongTable:
    """Columns with what each means, and rows that all have them."""

    name: str
    columns: Mapping[str, str]
    rows: Sequence[Mapping[str, Cell]]

    def __post_init__(self) -> None:
        for number, row in enumerate(self.rows, start=1):
            if row.keys() != self.columns.keys():
                raise ValueError(
                    f"{self.name}: row {number} and the columns differ in {sorted(row.keys() ^ self.columns.keys())}"
                )


def read_calls(out: Path) -> tuple[Row, ...]:
    """The calls that a run wrote, of every subject: rows with the columns of verdicts.tsv."""
    needed = tuple(name for name in COLUMNS if name != "label")
    return tuple(row for path in sorted(out.glob("sub-*/sub-*_verdicts.tsv")) for row in read_table(path, needed))


def write_long_tsv(path: Path, table: LongTable) -> tuple[Written, ...]:
    """Tab-separated, n/a where nothing was measured; the JSON beside it describes every column."""
    return write_tsv(path, table.rows, table.columns)


def write_csv(path: Path, table: LongTable) -> Written:
    """Comma-separated UTF-8 with decimal points; an empty cell is missing. Text that a spreadsheet would run gets an apostrophe."""
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, lineterminator="\r\n")
    writer.writerow([_text(name) for name in table.columns])
    writer.writerows([_text(row[name]) for name in table.columns] for row in table.rows)
    return write_bytes(path, stream.getvalue().encode("utf-8"))


def write_parquet(path: Path, table: LongTable) -> Written:
    """Parquet with a type for each column and its description in the schema; null is missing. MissingInput without pyarrow."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise MissingInput(f"{path}: writing Parquet needs pyarrow; install it with: pip install 'afterglow[tables]'") from None
    fields, columns = [], []
    for name, words in table.columns.items():
        cells = [_typed(row[name]) for row in table.rows]
        kinds = {type(cell) for cell in cells if cell is not None}
        if kinds == {int, float}:
            cells = [None if cell is None else float(cell) for cell in cells]
        elif len(kinds) > 1:
            cells = [None if cell is None else str(cell) for cell in cells]
        numbers = {frozenset({bool}): pa.bool_(), frozenset({int}): pa.int64()}
        kind = numbers.get(frozenset(kinds), pa.float64() if kinds and kinds <= {int, float} else pa.string())
        fields.append(pa.field(name, kind, metadata={"description": words}))
        columns.append(pa.array(cells, type=kind))
    stream = io.BytesIO()
    parquet.write_table(pa.Table.from_arrays(columns, schema=pa.schema(fields)), stream)
    return write_bytes(path, stream.getvalue())


def _typed(cell: Cell) -> str | int | float | bool | None:
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return None
    return cell if isinstance(cell, str | int | float | bool) else "; ".join(cell)


def _text(cell: Cell) -> str:
    value = _typed(cell)
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    text = value.translate(_BREAKS).strip()
    return f"'{text}" if GUARDED.match(text) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
