"""The seam on disk: measurements.tsv, one row each, every column described."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from sys import intern
from typing import Any

from afterglow.io.atomic import Written
from afterglow.io.derivatives import exam_folder
from afterglow.io.names import bids_name
from afterglow.io.tables import Row, read_table
from afterglow.io.write import Cell, write_tsv
from afterglow.records.measurement import MEASUREMENT_COLUMNS, Measurement

COLUMN_WORDS: dict[str, str] = {
    "participant_id": "Subject label, with the prefix sub-",
    "session_id": "Visit label, with the prefix ses-",
    "day": "Day of the visit on the subject's own clock",
    "lesion_id": "Persistent name of the lesion; n/a for reference tissue",
    "region": "lesion, a part of it (enhancing, necrosis, cavity, rim), a zone of the painted tumour, or reference",
    "quantity": "Name in the table of quantities (docs: quantities)",
    "statistic": "mean, median, percentile …; value for a size; hotspot@5 is the mean of the hottest sphere of 5 mm radius, "
    "volume_above@1.75 the volume above that value (of the ratio, where the value is one), share_above@1.75 its share",
    "value": "The number; n/a where it was not measured",
    "unit": "UCUM unit of value; 1 for a ratio to the reference, mL for a volume above a threshold, bit for an entropy",
    "ci_low": "Lower end of the interval",
    "ci_high": "Upper end of the interval",
    "ci_kind": "What the interval holds: noise of the voxels, the border of the outline; never what another scan would give",
    "n_voxels": "Voxels with a value that were counted",
    "volume_ml": "Volume of the region in mL",
    "reference_kind": "Tissue a ratio was divided by; n/a where the value is no ratio",
    "reference_value": "The same statistic in the reference tissue, in the quantity's own unit; its mean for statistics with @",
    "space": "Space the voxels were counted in",
    "method": "Method file",
    "run_id": "First characters of the fingerprint of inputs, settings and versions",
    "flags": "What a reader should know, separated by semicolons",
}
_NUMBERS = (
    "day",
    "value",
    "ci_low",
    "ci_high",
    "n_voxels",
    "volume_ml",
    "reference_value",
)  # the words of a million rows are few


def measurements_path(out: Path, subject: str, session: str) -> Path:
    """perf/sub-01_ses-01_measurements.tsv"""
    return exam_folder(out, subject, session) / "perf" / bids_name({"sub": subject, "ses": session}, "measurements", ".tsv")


def zone_measurements_path(out: Path, subject: str, session: str) -> Path:
    """perf/sub-01_ses-01_desc-zones_measurements.tsv: what was measured in the zones of the painted visit."""
    name = bids_name({"sub": subject, "ses": session, "desc": "zones"}, "measurements", ".tsv")
    return exam_folder(out, subject, session) / "perf" / name


def remove_zone_measurements(out: Path, subject: str, session: str) -> None:
    """Take away what an earlier run measured in zones at a visit; nothing where it did not."""
    path = zone_measurements_path(out, subject, session)
    for one in (path, path.with_suffix(".json")):
        one.unlink(missing_ok=True)


def write_measurements(path: Path, measurements: Iterable[Measurement]) -> tuple[Written, ...]:
    """The table of measurements with its description; columns in the order of the record."""
    rows: Iterator[dict[str, Cell]] = (
        {name: _cell(name, getattr(m, name)) for name in MEASUREMENT_COLUMNS} for m in measurements
    )
    return write_tsv(path, rows, COLUMN_WORDS)


def read_measurements(path: Path) -> tuple[Measurement, ...]:
    """What `write_measurements` wrote. BadInput where a column is missing or a cell is malformed."""
    return tuple(_measurement(row) for row in read_table(path, MEASUREMENT_COLUMNS))


def measurements_below(out: Path) -> Iterator[Measurement]:
    """The measurements of every visit below an output folder, subject by subject in the order of their names, one visit in memory."""
    for path in sorted(out.glob("sub-*/**/perf/*_measurements.tsv")):
        yield from read_measurements(path)


def collect_measurements(out: Path) -> tuple[Measurement, ...]:
    """All of them at once."""
    return tuple(measurements_below(out))


def _measurement(row: Row) -> Measurement:
    text = {name: intern(row.text(name) or "") for name in MEASUREMENT_COLUMNS if name not in _NUMBERS}
    day, volume_ml = row.number("day"), row.number("volume_ml")
    n_voxels = row.whole("n_voxels")
    if day is None or volume_ml is None or n_voxels is None:
        raise row.refuse("day", "day, n_voxels and volume_ml cannot be empty")
    return Measurement(
        text["participant_id"].removeprefix("sub-"),
        text["session_id"].removeprefix("ses-"),
        day,
        text["lesion_id"],
        text["region"],
        text["quantity"],
        text["statistic"],
        row.number("value"),
        text["unit"],
        row.number("ci_low"),
        row.number("ci_high"),
        text["ci_kind"],
        n_voxels,
        volume_ml,
        text["reference_kind"],
        row.number("reference_value"),
        text["space"],
        text["method"],
        text["run_id"],
        tuple(flag for flag in text["flags"].split("; ") if flag),
    )


def _cell(name: str, value: Any) -> Cell:
    match name:
        case "flags":
            return "; ".join(value) or None
        case "participant_id":
            return f"sub-{value}"
        case "session_id":
            return f"ses-{value}" if value else None
        case _:
            return None if value == "" else value
