"""A BIDS data set as a whole: subjects, their visits with days, and the tables that tell their story.

Folders are listed once, what lies inside a subject only when it is asked for: two thousand subjects open at once.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import pairwise
from pathlib import Path
from typing import TypeVar, get_args

from afterglow.io.sidecar import read_json
from afterglow.io.tables import Row, read_table
from afterglow.records.course import Treatment, TreatmentKind
from afterglow.records.errors import BadInput, MissingInput

T = TypeVar("T")
_LABEL = re.compile(r"[0-9A-Za-z+]+")
_ISO_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(T.*)?")


@dataclass(frozen=True)
class Session:
    """One visit: its label ("" in a data set without session folders) and its day on the subject's own clock."""

    label: str
    day: float
    scanner: str | None


@dataclass(frozen=True)
class Dataset:
    """A BIDS folder: subject labels in order, participants and treatments by subject label."""

    root: Path
    subjects: tuple[str, ...]
    participants: Mapping[str, Mapping[str, str | None]]
    treatments: Mapping[str, tuple[Treatment, ...]]
    name: str = ""  # as dataset_description.json has it: tracking UIDs of lesions are made with it


def open_dataset(root: Path) -> Dataset:
    """List the subjects and read participants.tsv and phenotype/treatments.tsv where they exist.

    MissingInput where the folder is not there or holds no sub- folder; BadInput where a table is wrong.
    """
    root = root.absolute()
    if not root.is_dir():
        raise MissingInput(f"{root}: there is no such folder; give the folder that holds the sub- folders")
    subjects = _labels(root, "sub")
    if not subjects:
        raise MissingInput(f"{root}: it holds no folder named sub-<label>; give the root of a BIDS data set")
    return Dataset(root, subjects, _participants(root), _treatments(root), _name(root))


def _name(root: Path) -> str:
    path = root / "dataset_description.json"
    name = read_json(path).get("Name") if path.is_file() else None
    return name if isinstance(name, str) else ""


def session_folder(dataset: Dataset, subject: str, session: str) -> Path:
    """Folder of one visit."""
    folder = dataset.root / f"sub-{subject}"
    return folder / f"ses-{session}" if session else folder


def sessions(dataset: Dataset, subject: str) -> tuple[Session, ...]:
    """The visits of one subject in the order of their days.

    Days come from sub-<label>_sessions.tsv: `day`, or the calendar days since the first `acq_time` where no visit has a
    day. A single visit without a table is day 0. MissingInput where several visits have no table or one has no day;
    BadInput where two visits share a day or the table is wrong.
    """
    folder = dataset.root / f"sub-{subject}"
    if subject not in dataset.subjects:
        raise MissingInput(
            f"{folder}: there is no such subject; the data set has {len(dataset.subjects)}, the first is sub-{dataset.subjects[0]}"
        )
    labels = _labels(folder, "ses") or ("",)
    table = folder / f"sub-{subject}_sessions.tsv"
    if not table.is_file():
        if len(labels) > 1:
            raise MissingInput(
                f"{table}: it is missing, so the days of the {len(labels)} visits are unknown; add it with session_id and day"
            )
        return (Session(labels[0], 0.0, None),)
    if labels == ("",):
        raise BadInput(
            f"{table}: it lists sessions but {folder.name} has no ses- folder; remove the table or sort the files into sessions"
        )
    return _dated(table, labels)


def _dated(table: Path, labels: tuple[str, ...]) -> tuple[Session, ...]:
    rows: dict[str, Row] = {}
    for row in read_table(table, ("session_id",)):
        label = row.required("session_id").removeprefix("ses-")
        if label in rows:
            raise row.refuse("session_id", f"it stands in line {rows[label].line} already; keep one of them")
        rows[label] = row
    for label in labels:
        if label not in rows:
            raise MissingInput(f"{table}: ses-{label} has a folder but no line; add it with its day")
    days = _days({label: rows[label] for label in labels})
    found = sorted((Session(label, days[label], rows[label].text("scanner")) for label in labels), key=lambda s: s.day)
    for earlier, later in pairwise(found):
        if earlier.day == later.day:
            raise BadInput(
                f"{table}: ses-{earlier.label} and ses-{later.label} both lie on day {later.day:g}; correct the one that is wrong, "
                "or write two scans of one day as 0 and 0.1 in the column day"
            )
    return tuple(found)


def _days(rows: Mapping[str, Row]) -> dict[str, float]:
    """One clock for all visits: the column day where any visit has it, else calendar days since the first acq_time."""
    given = {label: row.number("day") for label, row in rows.items()}
    if any(day is not None for day in given.values()):
        return {label: _there(day, rows[label], "no day") for label, day in given.items()}
    dates = {label: _there(_date(row), row, "neither day nor acq_time") for label, row in rows.items()}
    return {label: float((scanned - min(dates.values())).days) for label, scanned in dates.items()}


def _there(value: T | None, row: Row, what: str) -> T:
    if value is None:
        raise MissingInput(f"{row.path}: line {row.line} gives {what}; add it")
    return value


def _date(row: Row) -> date | None:
    cell = row.text("acq_time")
    if cell is None:
        return None
    match = _ISO_DATE.fullmatch(cell)
    try:
        return date.fromisoformat(match[1] if match else "")
    except ValueError:
        raise row.refuse("acq_time", "write the date as YYYY-MM-DDThh:mm:ss, other forms can be read two ways") from None


def _labels(folder: Path, key: str) -> tuple[str, ...]:
    found = []
    for path in folder.glob(f"{key}-*"):
        if not path.is_dir():
            continue
        label = path.name.removeprefix(f"{key}-")
        if not _LABEL.fullmatch(label):
            raise BadInput(f"{path}: {label!r} is not a BIDS label; rename the folder with letters and digits only")
        found.append(label)
    return tuple(sorted(found))


def _participants(root: Path) -> dict[str, Mapping[str, str | None]]:
    path = root / "participants.tsv"
    table: dict[str, Mapping[str, str | None]] = {}
    for row in read_table(path, ("participant_id",)) if path.is_file() else ():
        subject = row.required("participant_id").removeprefix("sub-")
        if subject in table:
            raise row.refuse("participant_id", "it stands there twice; keep one line for each participant")
        table[subject] = {name: cell for name, cell in row.cells.items() if name != "participant_id"}
    return table


def _treatments(root: Path) -> dict[str, tuple[Treatment, ...]]:
    path = root / "phenotype" / "treatments.tsv"
    table: dict[str, list[Treatment]] = {}
    for row in read_table(path, ("participant_id", "day", "kind")) if path.is_file() else ():
        table.setdefault(row.required("participant_id").removeprefix("sub-"), []).append(_treatment(row))
    return {subject: tuple(sorted(done, key=lambda t: t.day)) for subject, done in table.items()}


def _treatment(row: Row) -> Treatment:
    kinds: dict[str, TreatmentKind] = {kind: kind for kind in get_args(TreatmentKind)}
    kind = kinds.get(row.required("kind"))
    if kind is None:
        raise row.refuse("kind", f"write one of {', '.join(kinds)}")
    day, dose_gy = _there(row.number("day"), row, "no day"), row.number("dose_gy")
    if dose_gy is not None and not 0 < dose_gy <= 200:
        raise row.refuse("dose_gy", "write the total dose in Gy, divide by 100 if this is in cGy")
    return Treatment(kind, day, dose_gy, row.whole("fractions"), row.text("target") or "", row.text("agent") or "")
