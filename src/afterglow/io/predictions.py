"""Numbers of predicted maps on disk: predictions.tsv, one row each, the seam to cohort statistics as measurements.tsv is for maps."""

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import get_args

from afterglow.io.atomic import Written
from afterglow.io.tables import Row, read_table
from afterglow.io.write import Cell, write_tsv
from afterglow.records.recurrence import Predicted, Shown

PREDICTION_WORDS: Mapping[str, str] = {
    "participant_id": "Subject label, with the prefix sub-",
    "session_id": "Visit before treatment that the prediction was made from, with the prefix ses-",
    "model": "Name of the model; or of a rule that was not learned, such as ve or distance",
    "shown": "What the model had seen of the patient: test, out of fold, training, new",
    "measure": "max, volume at 0.5, average precision, coverage at equal volume … (docs: recurrence); marks and coverages have a row each",
    "value": "The number; n/a where it was not measured",
    "unit": "1, mL, mm, or the unit of a map that was taken as a score",
    "recurs": "Whether the tumour came back: true, false, n/a where it is not known",
}
_TEXT = ("participant_id", "model", "shown", "measure", "unit")


def predictions_path(out: Path) -> Path:
    """OUT/predictions.tsv"""
    return out / "predictions.tsv"


def write_predictions(path: Path, rows: Iterable[Predicted]) -> tuple[Written, ...]:
    """The table and its description, of one visit or of all."""
    return write_tsv(path, [_cells(row) for row in rows], PREDICTION_WORDS)


def read_predictions(path: Path) -> tuple[Predicted, ...]:
    """Every row. MissingInput or BadInput where the table is not there or malformed."""
    return tuple(_row(row) for row in read_table(path, tuple(PREDICTION_WORDS)))


def collect_predictions(out: Path) -> tuple[Written, ...]:
    """OUT/predictions.tsv from the tables of all visits; nothing where nothing was predicted."""
    paths = sorted(out.glob("sub-*/**/recurrence/*_predictions.tsv"))
    if not paths:
        return ()
    return write_predictions(predictions_path(out), (row for path in paths for row in read_predictions(path)))


def _cells(row: Predicted) -> dict[str, Cell]:
    return {
        "participant_id": f"sub-{row.participant_id}",
        "session_id": f"ses-{row.session_id}" if row.session_id else None,
        "model": row.model,
        "shown": row.shown,
        "measure": row.measure,
        "value": None if math.isnan(row.value) else row.value,
        "unit": row.unit,
        "recurs": row.recurs,
    }


def _row(row: Row) -> Predicted:
    value = row.number("value")
    text = {name: row.required(name) for name in _TEXT}
    if text["shown"] not in get_args(Shown):
        raise row.refuse("shown", f"write one of {', '.join(get_args(Shown))}")
    recurs = row.text("recurs")
    if recurs not in (None, "true", "false"):
        raise row.refuse("recurs", "write true, false or n/a")
    return Predicted(
        text["participant_id"].removeprefix("sub-"),
        (row.text("session_id") or "").removeprefix("ses-"),
        text["model"],
        text["shown"],  # type: ignore[arg-type]
        text["measure"],
        math.nan if value is None else value,
        text["unit"],
        None if recurs is None else recurs == "true",
    )
