"""Workbooks of Excel: every sheet a table. Cells keep their type, so that its dates cannot be misread."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

from afterglow.io.integrity import opened
from afterglow.io.sheets import Sheet, SheetForm, made_sheet
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.study import Refusal

_MERGED = "a merged cell; unmerge it and write the value into every row it stands for"
_NO_VALUE = "a formula whose value was not saved; open the file in Excel, save it and try again"


def read_workbook(path: Path, form: SheetForm) -> tuple[Sheet, ...]:
    """The sheets of an .xlsx file. A formula counts with the value that was saved with it; hidden rows and sheets count too."""
    values, formulas = _book(path, values=True), _book(path, values=False)
    return tuple(
        _sheet(path, values[name], formulas[name], form) for name in values.sheetnames if hasattr(values[name], "merged_cells")
    )


def _book(path: Path, *, values: bool) -> Any:
    try:
        from openpyxl import load_workbook
        from openpyxl.utils.exceptions import InvalidFileException
    except ImportError:
        raise MissingInput(f"{path}: reading .xlsx needs openpyxl; install it with: pip install 'afterglow[tables]'") from None
    with opened(path) as stream:
        try:
            return load_workbook(stream, data_only=values)
        except (BadZipFile, InvalidFileException, KeyError, ValueError, EOFError) as error:
            raise BadInput(
                f"{path}: it is no workbook that can be read ({type(error).__name__}); save it in Excel as .xlsx without a password"
            ) from None


def _sheet(path: Path, values: Any, formulas: Any, form: SheetForm) -> Sheet:
    name, file = str(values.title), f"{path.name}, sheet {values.title}"
    unsaved = {(c.row, c.column): str(c.value) for row in formulas.iter_rows() for c in row if _unsaved(c, values)}
    lines = [
        (number, [unsaved.get((cell.row, cell.column), _text(cell.value)) for cell in row])
        for number, row in enumerate(values.iter_rows(), start=1)
    ]
    filled = [(number, cells) for number, cells in lines if any(cell.strip() for cell in cells)]
    if not filled:
        return Sheet(name, file, (), (), refusals=(Refusal(file, 0, "", "an empty sheet", "fill it, or remove it"),))
    head, header = filled[0][0], [cell.strip() for cell in filled[0][1]]
    merged = set(_merged(values))
    if any(row == head for row, _ in merged):
        refusal = Refusal(file, head, "", "merged cells in the header", "give every column one cell with its own name")
        return Sheet(name, file, (), (), refusals=(refusal,))
    marked = [(row, column, words) for cells, words in ((unsaved, _NO_VALUE), (merged, _MERGED)) for row, column in cells]
    bad = {(row, header[column - 1]): words for row, column, words in marked if column <= len(header)}
    made = made_sheet(name, file, filled, form.missing)
    return replace(made, bad={**made.bad, **bad})


def _unsaved(cell: Any, values: Any) -> bool:
    return cell.data_type == "f" and values.cell(cell.row, cell.column).value is None


def _merged(sheet: Any) -> Iterator[tuple[int, int]]:
    for block in sheet.merged_cells.ranges:
        for row in range(block.min_row, block.max_row + 1):
            for column in range(block.min_col, block.max_col + 1):
                yield row, column


def _text(value: object) -> str:
    """A cell as text: dates as YYYY-MM-DD, whole numbers without a decimal point."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case datetime():
            return value.date().isoformat() if value.time() == datetime.min.time() else value.isoformat(timespec="seconds")
        case date():
            return value.isoformat()
        case float():
            return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
        case _:
            return str(value)
