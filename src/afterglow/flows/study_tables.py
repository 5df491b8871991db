"""Somebody's tables become the tables of a BIDS data set, so that a group analysis reads one form only."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from afterglow.flows.study_map import StudyMap, load_map, plain_map
from afterglow.flows.study_rows import Taken, take_rows
from afterglow.io.atomic import Written
from afterglow.io.redcap import is_redcap, read_redcap_dictionary, unsparsed
from afterglow.io.sheets import Sheet, SheetForm, read_sheets
from afterglow.io.study_fields import TABLES, TableName
from afterglow.io.study_merge import MergedTable, TakenRow, check_clock, merged
from afterglow.io.study_write import FOLDER, dictionary_rows, write_dictionary, write_merged, write_refused
from afterglow.records.errors import BadInput
from afterglow.records.study import Refusal


@dataclass(frozen=True)
class TablesDone:
    """What came of it: rows read and new by table, lines that said nothing, what was refused, columns nobody read, files."""

    root: Path
    rows: Mapping[TableName, int]
    new: Mapping[TableName, int]
    silent: Mapping[TableName, int]
    refusals: tuple[Refusal, ...]
    not_used: tuple[str, ...]
    remarks: tuple[str, ...]
    written: tuple[Path, ...]

    @property
    def report(self) -> Path:
        """Where the data dictionary and the list of refusals lie."""
        return self.root / FOLDER


def make_tables(
    source: Path,
    bids: Path,
    *,
    map_file: Path | None = None,
    dictionary: Path | None = None,
    replace: bool = False,
    write: bool = True,
) -> TablesDone:
    """Read `source` by the map and write participants, visits and phenotype tables into the data set `bids`.

    Rows that cannot be taken are refused one by one and the others count. Without a map the source has our own names.
    Nothing is written with `write` False, nor where the source, the map or a table of the data set is wrong as a whole.
    """
    if bids.exists() and not bids.is_dir():
        raise BadInput(f"{bids}: it is a file; give the folder of the BIDS data set")
    study_map = None if map_file is None else load_map(map_file)
    sheets = _sheets(source, study_map, dictionary)
    study_map = study_map or plain_map(sheets)
    taken = take_rows(sheets, study_map)
    tables, refusals, remarks = _merged(taken, bids, replace=replace)
    meaning = study_map.day_zero.meaning if study_map.day_zero else ""
    for table in tables:
        check_clock(table, meaning)
    told = tuple(sorted((*taken.refusals, *refusals), key=lambda r: (r.file, r.row, r.column)))
    written = _write(bids, tables, told, meaning) if write else ()
    return TablesDone(
        bids,
        {name: len(rows) for name, rows in taken.rows.items()},
        {name: sum(t.n_new for t in tables if t.name == name) for name in taken.rows},
        dict(taken.silent),
        told,
        _not_used(sheets, taken),
        remarks,
        tuple(one.path for one in written),
    )


def _sheets(source: Path, study_map: StudyMap | None, dictionary: Path | None) -> tuple[Sheet, ...]:
    sheets = read_sheets(source, study_map.source.form() if study_map else SheetForm())
    fields = () if dictionary is None else read_redcap_dictionary(dictionary)
    if dictionary is not None and not any(sheet.columns for sheet in sheets):
        raise BadInput(f"{source}: it holds no row; export the records again")
    spread = [unsparsed(sheet, fields) if fields or is_redcap(sheet) else (sheet,) for sheet in sheets]
    return tuple(one for several in spread for one in several)


def _merged(taken: Taken, bids: Path, *, replace: bool) -> tuple[tuple[MergedTable, ...], tuple[Refusal, ...], tuple[str, ...]]:
    tables: list[MergedTable] = []
    refusals: list[Refusal] = []
    absent: list[str] = []
    for name in TABLES:
        for path, rows in _by_file(name, taken.rows.get(name, ()), bids).items():
            if name == "sessions" and not any(path.parent.glob("ses-*")):
                absent.append(path.parent.name)
                continue
            table, refused = merged(name, path, rows, bids, replace=replace)
            refusals += refused
            if table.rows:
                tables.append(table)
    remarks = (
        [f"the visits of {', '.join(absent[:5])}{' …' if len(absent) > 5 else ''} are not written, for the data set has no ses- folder of theirs; "
         "import the images, then run this again"]
        if absent
        else []
    )  # fmt: skip
    return tuple(tables), tuple(refusals), tuple(remarks)


def _by_file(name: TableName, rows: Sequence[TakenRow], bids: Path) -> dict[Path, list[TakenRow]]:
    """Rows by the file they belong to: visits have one for each subject."""
    files: dict[Path, list[TakenRow]] = {}
    for row in rows:
        subject = str(row.cells["participant_id"])
        if name == "sessions":
            path = bids / subject / f"{subject}_sessions.tsv"
        else:
            path = bids / "participants.tsv" if name == "participants" else bids / "phenotype" / f"{name}.tsv"
        files.setdefault(path, []).append(row)
    return files


def _write(bids: Path, tables: Sequence[MergedTable], refusals: Sequence[Refusal], meaning: str) -> list[Written]:
    written: list[Written] = []
    for table in tables:
        written += write_merged(table, meaning=meaning)
    written += write_dictionary(bids, dictionary_rows(tables, meaning=meaning))
    written += write_refused(bids, refusals)
    return written


def _not_used(sheets: Sequence[Sheet], taken: Taken) -> tuple[str, ...]:
    """Columns that nothing was taken from, in the order of the files; a column that several sheets share is used where one uses it."""
    used = set().union(*taken.used.values()) if taken.used else set()
    return tuple(dict.fromkeys(column for sheet in sheets for column in sheet.columns if column not in used))
