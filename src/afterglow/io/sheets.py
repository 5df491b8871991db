"""Tables of any make, read into one form: CSV and TSV of any separator, XLSX, the tables of a BIDS data set.

Nothing is guessed: two ways to read a file are one too many, and it is said which setting of the map decides.
"""

import csv
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from afterglow.io.integrity import opened
from afterglow.io.tables import GUARDED, MISSING
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.study import Refusal

SEPARATORS = {"\t": "tab", ";": "semicolon", ",": "comma"}
_TEXT, _BOOKS = (".csv", ".tsv", ".txt"), (".xlsx", ".xlsm")
_SHEET_ERROR = re.compile(r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!|GETTING_DATA)")


@dataclass(frozen=True)
class SheetForm:
    """What a map says of its files; empty where the file itself must tell."""

    encoding: str = "utf-8"
    separator: str = ""
    missing: tuple[str, ...] = ()


@dataclass(frozen=True)
class SheetRow:
    """One line: its number in the file, and its cells by column; a missing cell is None."""

    line: int
    cells: Mapping[str, str | None]


@dataclass(frozen=True)
class Sheet:
    """A table as it was found. `bad` holds, by line and column, why a cell cannot be read; `twice` the columns with one name."""

    name: str
    file: str  # "study.xlsx, sheet Outcomes"
    columns: tuple[str, ...]
    rows: tuple[SheetRow, ...]
    separator: str = ""
    twice: tuple[str, ...] = ()
    bad: Mapping[tuple[int, str], str] = field(default_factory=dict)
    refusals: tuple[Refusal, ...] = ()
    identifiers: frozenset[str] = frozenset()  # columns that a REDCap dictionary marks as naming a person


def read_sheets(source: Path, form: SheetForm) -> tuple[Sheet, ...]:
    """The tables of a file, or of a folder: a BIDS data set, or a folder of CSV, TSV and XLSX files."""
    if not source.exists():
        raise MissingInput(f"{source}: there is no such file or folder; check the path")
    if not source.is_dir():
        return _of_file(source, form)
    bids = _bids_tables(source)
    if bids:
        return bids
    paths = sorted(p for p in source.iterdir() if p.suffix.lower() in (*_TEXT, *_BOOKS) and not p.name.startswith((".", "~")))
    if not paths:
        raise MissingInput(f"{source}: it holds no table; give a BIDS data set, or a folder of .csv, .tsv or .xlsx files")
    return tuple(sheet for path in paths for sheet in _of_file(path, form))


def _of_file(path: Path, form: SheetForm) -> tuple[Sheet, ...]:
    kind = path.suffix.lower()
    if kind in _BOOKS:
        from afterglow.io.sheets_xlsx import read_workbook

        return read_workbook(path, form)
    if kind not in _TEXT:
        raise BadInput(f"{path}: a table ends in {', '.join((*_TEXT, *_BOOKS))}; save it as one of them")
    return (read_text_sheet(path, form),)


def _bids_tables(root: Path) -> tuple[Sheet, ...]:
    """participants.tsv, phenotype/*.tsv, and the visits of all subjects as one sheet."""
    form = SheetForm(separator="\t")
    paths = [p for p in (root / "participants.tsv", *sorted((root / "phenotype").glob("*.tsv"))) if p.is_file()]
    sheets = [read_text_sheet(path, form, file=path.relative_to(root).as_posix()) for path in paths]
    visits = [_of_subject(path, root, form) for path in sorted(root.glob("sub-*/sub-*_sessions.tsv"))]
    return (*sheets, *visits)


def _of_subject(path: Path, root: Path, form: SheetForm) -> Sheet:
    sheet = read_text_sheet(path, form, file=path.relative_to(root).as_posix())
    rows = tuple(SheetRow(row.line, {"participant_id": path.parent.name, **row.cells}) for row in sheet.rows)
    return Sheet("sessions", sheet.file, ("participant_id", *sheet.columns), rows, "\t", sheet.twice, sheet.bad, sheet.refusals)


def read_text_sheet(path: Path, form: SheetForm, *, file: str = "") -> Sheet:
    """A CSV or TSV. BadInput where its encoding or its separator is not what it should be, or can be read in two ways."""
    text = _decoded(path, form.encoding)
    skipped, separator = 0, form.separator
    told = re.match(r"sep=(.)\r?\n", text)
    if told:  # Excel's own line above the header
        text, skipped, separator = text[told.end() :], 1, separator or told[1]
    if not separator and path.suffix.lower() == ".tsv":
        separator = "\t"
    file = file or path.name
    lines = _lines(path, text, separator) if separator else _best_lines(path, text)
    if not lines:
        return Sheet(path.stem, file, (), (), refusals=(Refusal(file, 0, "", "an empty table", "fill it, or remove it"),))
    found = separator or _separator(path, text)
    numbered = [(line + skipped, cells) for line, cells in lines]
    return made_sheet(path.stem, file, numbered, form.missing, separator=found)


def made_sheet(
    name: str, file: str, lines: Sequence[tuple[int, Sequence[str]]], missing: Sequence[str], *, separator: str = ""
) -> Sheet:
    """A sheet of numbered lines of text, the first of which is the header."""
    header = [cell.strip() for cell in lines[0][1]]
    while header and not header[-1]:
        header.pop()
    twice = tuple(sorted({one for one in header if one and header.count(one) > 1}))
    rows: list[SheetRow] = []
    refusals: list[Refusal] = []
    bad: dict[tuple[int, str], str] = {}
    for line, cells in lines[1:]:
        if not any(cell.strip() for cell in cells):
            continue
        if len(cells) < len(header) or any(cell.strip() for cell in cells[len(header) :]):
            found = f"{len(cells)} cells under {len(header)} columns"
            refusals.append(
                Refusal(file, line, "", found, "give every column one cell, and put quotes around a cell that holds a separator")
            )
            continue
        named = {one: _cell(cell, missing) for one, cell in zip(header, cells, strict=False) if one and one not in twice}
        wrong = [one for one, cell in named.items() if cell and _SHEET_ERROR.fullmatch(cell)]
        bad |= {(line, one): "an error value of the spreadsheet; correct its formula, or empty the cell" for one in wrong}
        rows.append(SheetRow(line, named))
    if not rows and not refusals:
        refusals.append(Refusal(file, 0, "", "a header without rows", "fill it, or remove it"))
    columns = tuple(one for one in header if one and one not in twice)
    return Sheet(name, file, columns, tuple(rows), separator, twice, bad, tuple(refusals))


def _cell(text: str, missing: Sequence[str]) -> str | None:
    text = text.strip()
    if text.startswith("'") and GUARDED.match(text):
        text = text[1:]
    return None if text in MISSING or text.lower() == "nan" or text in missing else text


def _decoded(path: Path, encoding: str) -> str:
    with opened(path) as stream:
        raw = stream.read()
    if raw[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"  # its first two bytes say so
    try:
        text = raw.decode("utf-8-sig" if encoding.lower().replace("_", "-") in ("utf-8", "utf8") else encoding)
    except UnicodeDecodeError as error:
        seen = raw[error.start : error.start + 1]
        was = (
            f"0x{seen.hex()}, which is {seen.decode('cp1252', 'replace')!r} in Windows-1252 (cp1252, as Excel saves a plain CSV)"
        )
        raise BadInput(
            f'{path}: byte {error.start} is {was}, so it is no {encoding}; save it as "CSV UTF-8", or write encoding = "cp1252" '
            "under [source] in the map"
        ) from None
    except LookupError:
        raise BadInput(f'{path}: the map gives the unknown encoding {encoding!r}; write "utf-8" or "cp1252"') from None
    if "\0" in text:
        raise BadInput(f"{path}: it holds zero bytes and is no text; save the table as CSV UTF-8")
    return text


def _lines(path: Path, text: str, separator: str) -> list[tuple[int, list[str]]]:
    """Lines that are not empty, each with the number of its first line in the file."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    lines, begun = [], 1
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                lines.append((begun, cells))
            begun = reader.line_num + 1
    except csv.Error as error:
        raise BadInput(f"{path}: line {begun} cannot be read ({error}); close every quote that is opened there") from None
    return lines


def _best_lines(path: Path, text: str) -> list[tuple[int, list[str]]]:
    return _lines(path, text, _separator(path, text)) if text.strip() else []


def _separator(path: Path, text: str) -> str:
    """The separator under which lines have as many cells as the header: BadInput where two do equally well."""
    scores: dict[str, float] = {}
    problem: BadInput | None = None
    for one in SEPARATORS:
        try:
            lines = _lines(path, text, one)
        except BadInput as found:
            problem = found
            continue
        width = len(lines[0][1]) if lines else 0
        if width > 1:
            scores[one] = sum(len(cells) == width for _, cells in lines) / len(lines)
    if not scores and problem is not None:
        raise problem
    if not scores:
        return ","
    best = [one for one, score in scores.items() if score == max(scores.values())]
    if len(best) > 1:
        words = " and ".join(SEPARATORS[one] for one in best)
        raise BadInput(
            f'{path}: its columns may be separated by {words}; write separator = "{best[0]}" or the other under [source] in the map'
        )
    return best[0]
