"""Verdicts on disk: one table for each subject, and verdicts.tsv of them all."""

from collections.abc import Sequence
from pathlib import Path

from afterglow.io.atomic import Written
from afterglow.io.derivatives import exam_folder
from afterglow.io.names import bids_name
from afterglow.io.tables import Row, read_table
from afterglow.io.write import Cell, write_tsv
from afterglow.records.errors import BadInput
from afterglow.records.response import CATEGORIES, Verdict

COLUMNS: dict[str, str] = {
    "participant_id": "Subject label, with the prefix sub-",
    "lesion_id": "Persistent name of the lesion; all for a rule about all lesions of a patient together",
    "rule": "Name of the rule in the method file",
    "from_session": "Visit that it is compared with; n/a where there is none, or the rule reads one visit",
    "to_session": "Visit that is judged",
    "category": "progression, response, no change, or cannot tell",
    "label": "The word of the rule's own source: PD, treatment failure, recurrence …; n/a where it has none",
    "value": "The number the rule compares; n/a where it could not be made",
    "threshold": "What it is compared with, in the same unit; of a reading, 1 speaks for progression and 0 does not",
    "distance_rc": "Distance to the threshold in repeatability coefficients; n/a where repeatability is not known",
    "repeatability_source": "Where the repeatability comes from",
    "sentence": "The call in words",
}


def verdicts_path(out: Path, subject: str) -> Path:
    """sub-01/sub-01_verdicts.tsv"""
    return exam_folder(out, subject, "") / bids_name({"sub": subject}, "verdicts", ".tsv")


def write_verdicts(out: Path, subject: str, verdicts: Sequence[Verdict]) -> tuple[Written, ...]:
    """The calls of one subject."""
    rows: list[dict[str, Cell]] = [
        {
            "participant_id": f"sub-{v.participant_id}",
            "lesion_id": v.lesion_id,
            "rule": v.rule,
            "from_session": f"ses-{v.from_session}" if v.from_session else None,
            "to_session": f"ses-{v.to_session}" if v.to_session else None,
            "category": v.category,
            "label": v.label or None,
            "value": v.value,
            "threshold": v.threshold,
            "distance_rc": v.distance_rc,
            "repeatability_source": v.repeatability_source,
            "sentence": v.sentence,
        }
        for v in verdicts
    ]
    return write_tsv(verdicts_path(out, subject), rows, COLUMNS)


def read_verdicts(out: Path, subject: str) -> tuple[Verdict, ...]:
    """The calls of one subject as `write_verdicts` wrote them; of the numbers behind each only its value. Empty where none were written."""
    path = verdicts_path(out, subject)
    rows = read_table(path, tuple(COLUMNS)) if path.is_file() else ()
    return tuple(_verdict(row) for row in rows)


def _verdict(row: Row) -> Verdict:
    category = next((one for one in CATEGORIES if one == row.required("category")), None)
    if category is None:
        raise row.refuse("category", f"it is one of {', '.join(CATEGORIES)}")
    value, threshold = row.number("value"), row.number("threshold")
    if threshold is None:
        raise row.refuse("threshold", "a call has a threshold")
    try:
        return Verdict(
            row.required("participant_id").removeprefix("sub-"), row.required("lesion_id"), row.required("rule"),
            (row.text("from_session") or "").removeprefix("ses-"), (row.text("to_session") or "").removeprefix("ses-"), category, value, "",
            threshold, row.number("distance_rc"), row.text("repeatability_source") or "", row.required("sentence"), (("value", value),),
            row.text("label") or "",
        )  # fmt: skip
    except ValueError as error:
        raise BadInput(f"{row.path}: line {row.line}: {error}; run the participant level again") from None


def collect_verdicts(out: Path) -> tuple[Written, ...]:
    """Write verdicts.tsv from the tables of all subjects; one of an earlier version has no labels."""
    needed = tuple(name for name in COLUMNS if name != "label")
    tables = (read_table(path, needed) for path in sorted(out.glob("sub-*/sub-*_verdicts.tsv")))
    rows = ({name: row.cells.get(name) for name in COLUMNS} for table in tables for row in table)
    return write_tsv(out / "verdicts.tsv", rows, COLUMNS)
