"""phenotype/readings.tsv: what readers said of a lesion at a visit."""

from collections.abc import Mapping
from pathlib import Path

from afterglow.io.tables import Row, read_table
from afterglow.records.errors import BadInput
from afterglow.records.response import Reading

_NEEDED = ("participant_id", "session_id", "lesion_id", "reader", "method", "call")


def read_readings(root: Path) -> Mapping[str, tuple[Reading, ...]]:
    """Readings by subject label; none where a data set has no such table.

    BadInput where a cell is missing, or a reader reads a lesion of a visit twice by the same method.
    """
    path = root / "phenotype" / "readings.tsv"
    table: dict[str, list[Reading]] = {}
    seen: dict[tuple[str, ...], int] = {}
    for row in read_table(path, _NEEDED) if path.is_file() else ():
        reading = _reading(row)
        key = (reading.participant_id, reading.session_id, reading.lesion_id, reading.reader, reading.method)
        if key in seen:
            raise BadInput(
                f"{path}: line {row.line} reads lesion {reading.lesion_id} of sub-{reading.participant_id} ses-{reading.session_id} by "
                f"{reading.method} a second time, {reading.reader} did so in line {seen[key]}; keep one of them"
            )
        seen[key] = row.line
        table.setdefault(reading.participant_id, []).append(reading)
    return {subject: tuple(found) for subject, found in table.items()}


def _reading(row: Row) -> Reading:
    confidence = row.number("confidence")
    if confidence is not None and not 0 <= confidence <= 1:
        raise row.refuse("confidence", "write a number from 0 to 1, or n/a")
    return Reading(
        row.required("participant_id").removeprefix("sub-"),
        row.required("session_id").removeprefix("ses-"),
        row.required("lesion_id"),
        row.required("reader"),
        row.required("method"),
        row.required("call"),
        confidence,
    )
