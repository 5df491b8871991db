"""Small studies as people keep them: a sheet of Excel saved as CSV, a workbook, an export of REDCap."""

import csv
from collections.abc import Sequence
from pathlib import Path

from afterglow.flows.study_tables import TablesDone, make_tables
from afterglow.io.tables import read_table

WIDE_MAP = """
labels = ["recurrence", "treatment effect"]

[source]
dates = "dd/mm/yyyy"

[participant_id]
column = "Patient"
remove = "-"
pad = 2

[day_zero]
column = "RT end"
meaning = "end of radiotherapy"

[participants]
columns = { age_years = "Age", sex = "Sex" }
keep = ["Smoker"]
[participants.values.sex]
male = "M"
female = "F"

[[treatments]]
columns = { day = "RT end", dose_gy = "Dose" }
constant = { kind = "radiotherapy" }

[[outcomes]]
columns = { label = "Histology", day = "Surgery" }
constant = { basis = "histology" }
[outcomes.values.label]
tumour = "recurrence"
necrosis = "treatment effect"
"""
HEAD = ("Patient", "Age", "Sex", "Smoker", "RT end", "Dose", "Surgery", "Histology")
FIRST = ("P-1", "61,5", "male", "yes", "01/02/2024", "59,4", "13/05/2024", "tumour")
SECOND = ("P-2", "48", "Female", "no", "15/03/2024", "60", "03/04/2024", "necrosis")


def wide(folder: Path, *rows: Sequence[str], head: Sequence[str] = HEAD, separator: str = ";", encoding: str = "utf-8") -> Path:
    path = folder / "study.csv"
    with path.open("w", encoding=encoding, newline="") as stream:
        csv.writer(stream, delimiter=separator).writerows([head, *rows])
    return path


def written_map(folder: Path, text: str = WIDE_MAP) -> Path:
    path = folder / "map.toml"
    path.write_text(text.replace('remove = "-"', 'remove = "P-"'), encoding="utf-8")
    return path


def made(folder: Path, *rows: Sequence[str], text: str = WIDE_MAP, **options: object) -> TablesDone:
    source = wide(folder, *rows, **options)  # type: ignore[arg-type]
    return make_tables(source, folder / "bids", map_file=written_map(folder, text))


def cells(path: Path) -> list[dict[str, str | None]]:
    return [row.cells for row in read_table(path)]


def changed(row: Sequence[str], **cells: str) -> tuple[str, ...]:
    named = dict(zip(HEAD, row, strict=True)) | {name.replace("_", " "): cell for name, cell in cells.items()}
    return tuple(named.values())
