"""The figures of plans on disk: dosimetry.tsv, one row each, the seam to cohort statistics as measurements.tsv is for maps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from afterglow.io.atomic import Written
from afterglow.io.tables import Row, read_table
from afterglow.io.write import Cell, write_tsv
from afterglow.io.zones import PaintedPlace
from afterglow.records.dose import DoseFigure

DOSIMETRY_WORDS: Mapping[str, str] = {
    "participant_id": "Subject label, with the prefix sub-",
    "session_id": "Visit that was painted, with the prefix ses-",
    "plan": "uniform, painted, or the name of a delivered plan",
    "structure": "Where the figure was read; dose grid: all that the dose covers",
    "figure": "D95: dose that 95 % of the structure gets at least; V12: volume that gets 12 Gy at least; … (docs: dosimetry)",
    "value": "The number; n/a where it cannot be told, and note says why",
    "unit": "Gy, mL, J, kg; 1 for a ratio",
    "note": "What a reader should know",
}
_TEXT = ("participant_id", "plan", "structure", "figure", "unit")


@dataclass(frozen=True)
class DosimetryRow:
    """One figure of one plan of one participant's painted visit."""

    participant_id: str
    session_id: str
    figure: DoseFigure


def dosimetry_path(place: PaintedPlace) -> Path:
    """dose/sub-01_ses-01_space-T1w_desc-plans_dosimetry.tsv"""
    return place.path("dose", "plans", "dosimetry", ".tsv")


def write_dosimetry(place: PaintedPlace, figures: Sequence[DoseFigure]) -> tuple[Written, ...]:
    """The table of one painted visit."""
    rows = [_cells(DosimetryRow(place.subject, place.session, one)) for one in figures]
    return write_tsv(dosimetry_path(place), rows, DOSIMETRY_WORDS)


def read_dosimetry(place: PaintedPlace) -> tuple[DoseFigure, ...]:
    """The figures of one painted visit. MissingInput or BadInput where they are not there or malformed."""
    return tuple(row.figure for row in read_dosimetry_table(dosimetry_path(place)))


def read_dosimetry_table(path: Path) -> tuple[DosimetryRow, ...]:
    """Every row of such a table, of one visit or of all."""
    return tuple(_row(row) for row in read_table(path, tuple(DOSIMETRY_WORDS)))


def collect_dosimetry(out: Path) -> tuple[Written, ...]:
    """OUT/dosimetry.tsv from the tables of all painted visits; nothing where no visit was painted."""
    paths = sorted(out.glob("sub-*/**/dose/*_dosimetry.tsv"))
    if not paths:
        return ()
    rows = [_cells(row) for path in paths for row in read_dosimetry_table(path)]
    return write_tsv(out / "dosimetry.tsv", rows, DOSIMETRY_WORDS)


def _cells(row: DosimetryRow) -> dict[str, Cell]:
    one = row.figure
    return {
        "participant_id": f"sub-{row.participant_id}",
        "session_id": f"ses-{row.session_id}" if row.session_id else None,
        "plan": one.plan,
        "structure": one.structure,
        "figure": one.name,
        "value": None if math.isnan(one.value) else one.value,
        "unit": one.unit,
        "note": one.note or None,
    }


def _row(row: Row) -> DosimetryRow:
    value = row.number("value")
    text = {name: row.required(name) for name in _TEXT}
    figure = DoseFigure(
        text["plan"],
        text["structure"],
        text["figure"],
        math.nan if value is None else value,
        text["unit"],
        row.text("note") or "",
    )
    session = row.text("session_id") or ""
    return DosimetryRow(text["participant_id"].removeprefix("sub-"), session.removeprefix("ses-"), figure)
