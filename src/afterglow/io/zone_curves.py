"""Curves of contrast in the zones of a painted visit, as a table beside the visit's maps, and back."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from afterglow.io.atomic import Written
from afterglow.io.derivatives import exam_folder
from afterglow.io.names import bids_name
from afterglow.io.tables import Row, read_table
from afterglow.io.write import Cell, write_tsv
from afterglow.records.errors import BadInput
from afterglow.records.painted import ZoneCurve

CURVE_WORDS: dict[str, str] = {
    "day": "Day of the visit on the subject's own clock",
    "zone": "Zone of the painted visit, carried to this one",
    "time_s": "Time on the clock of the dynamic series in s",
    "after_arrival_s": "The same from the arrival of contrast on, in s",
    "mean_mM": "Mean concentration of the zone's voxels in mmol/L, in tissue",
    "low_mM": "Lower quartile of the voxels in mmol/L",
    "high_mM": "Upper quartile of the voxels in mmol/L",
    "n_voxels": "Voxels of the zone with a curve",
}
_COLUMNS = tuple(CURVE_WORDS)


def zone_curves_path(out: Path, subject: str, session: str) -> Path:
    """perf/sub-01_ses-01_desc-zones_curves.tsv"""
    name = bids_name({"sub": subject, "ses": session, "desc": "zones"}, "curves", ".tsv")
    return exam_folder(out, subject, session) / "perf" / name


def remove_zone_curves(out: Path, subject: str, session: str) -> None:
    """Take away what an earlier run wrote for a visit; nothing where it did not."""
    path = zone_curves_path(out, subject, session)
    for one in (path, path.with_suffix(".json")):
        one.unlink(missing_ok=True)


def write_zone_curves(path: Path, curves: Iterable[ZoneCurve]) -> tuple[Written, ...]:
    """One row for each zone and time."""
    return write_tsv(path, (row for one in curves for row in _rows(one)), CURVE_WORDS)


def _rows(one: ZoneCurve) -> Iterable[dict[str, Cell]]:
    columns = zip(one.times_s, one.after_arrival_s, one.mean_mM, one.low_mM, one.high_mM, strict=True)
    for numbers in columns:
        time_s, after_s, mean, low, high = (float(value) for value in numbers)
        yield dict(zip(_COLUMNS, (one.day, one.zone, time_s, after_s, mean, low, high, one.n_voxels), strict=True))


def read_zone_curves(out: Path, subject: str, session: str) -> tuple[ZoneCurve, ...]:
    """What `write_zone_curves` wrote for a visit; nothing where it did not. BadInput where the table is malformed."""
    path = zone_curves_path(out, subject, session)
    if not path.is_file():
        return ()
    found: dict[str, list[Row]] = {}
    for row in read_table(path, _COLUMNS):
        found.setdefault(row.required("zone"), []).append(row)
    return tuple(_curve(path, session, zone, rows) for zone, rows in found.items())


def _curve(path: Path, session: str, zone: str, rows: Sequence[Row]) -> ZoneCurve:
    numbers = {name: [row.number(name) for row in rows] for name in _COLUMNS if name != "zone"}
    if any(value is None for values in numbers.values() for value in values):
        raise BadInput(f"{path}: a number of the {zone} zone is missing; run this visit again")
    arrays = {name: np.array(values, dtype=np.float64) for name, values in numbers.items()}
    times = arrays["time_s"]
    return ZoneCurve(
        session, float(arrays["day"][0]), zone, times, float(times[0] - arrays["after_arrival_s"][0]), arrays["mean_mM"],
        arrays["low_mM"], arrays["high_mM"], int(arrays["n_voxels"][0]),
    )  # fmt: skip
