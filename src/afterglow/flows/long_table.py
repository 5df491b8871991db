"""What a run measured, what it called and what became of it, side by side in one long table."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from afterglow.io.atomic import Written
from afterglow.io.long import LongTable, read_calls, write_csv, write_long_tsv, write_parquet
from afterglow.io.measurements import COLUMN_WORDS, collect_measurements
from afterglow.io.tables import Row
from afterglow.io.write import Cell, write_text
from afterglow.records.document import Document, Section, Table, Text
from afterglow.records.measurement import MEASUREMENT_COLUMNS, Measurement
from afterglow.records.response import PATIENT
from afterglow.records.study import Study
from afterglow.report.html import document_html

MOST_ROWS_TO_READ = 5000  # rows of the HTML; nobody reads more, and a browser is slow with them
_NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?")
_OUTCOME = {
    "outcome": "What the lesion turned out to be (phenotype/outcomes.tsv); n/a where that is not known",
    "outcome_basis": "How that is known",
    "outcome_day": "Day on which it became known, on the subject's own clock",
    "days_to_outcome": "outcome_day less day; negative where it was known before the visit",
}


def long_table(measurements: Sequence[Measurement], calls: Sequence[Row], study: Study) -> LongTable:
    """One row for each measurement, with the outcome of its lesion, the call of each rule at that visit, and the participant's columns.

    A call about all lesions of a patient stands beside each of them.
    """
    names = _call_columns(calls)
    said = {(_bare(r, "participant_id"), _bare(r, "to_session"), r.text("lesion_id"), r.text("rule")): r for r in calls}
    people = _people_columns(study)
    columns = {
        **COLUMN_WORDS,
        **_OUTCOME,
        **{column: f"Call of the rule {rule!r} at this visit; n/a where it made none" for rule, column in names.items()},
        **{column: f"{name.replace('_', ' ')} (participants.tsv)" for column, (name, _) in people.items()},
    }
    rows = [
        {**_measured(m), **_turned_out(m, study), **_called(m, names, said), **_person(m, people, study)} for m in measurements
    ]
    return LongTable("measurements with calls and outcomes", columns, rows)


def long_table_of_run(out: Path, study: Study) -> LongTable:
    """The long table of everything that lies below the output folder of a run."""
    return long_table(collect_measurements(out), read_calls(out), study)


def write_long(folder: Path, table: LongTable, *, name: str = "long", parquet: bool = True) -> tuple[Written, ...]:
    """long.tsv with its description, long.csv, long.html and, unless it is not wanted, long.parquet. MissingInput without pyarrow."""
    written = (
        *write_long_tsv(folder / f"{name}.tsv", table),
        write_csv(folder / f"{name}.csv", table),
        write_text(folder / f"{name}.html", long_html(table)),
    )
    return (*written, write_parquet(folder / f"{name}.parquet", table)) if parquet else written


def long_html(table: LongTable) -> str:
    """The table on a page of its own, numbers rounded to four digits, columns without any value left out and named."""
    filled = [name for name in table.columns if any(row[name] is not None for row in table.rows)]
    empty = [name for name in table.columns if name not in filled]
    shown = table.rows[:MOST_ROWS_TO_READ]
    cells = tuple(tuple(_printed(row[name]) for name in filled) for row in shown)
    notes = [f"{len(table.rows)} rows."]
    if len(shown) < len(table.rows):
        notes.append(f"The first {len(shown)} are shown; the other files hold all of them.")
    if empty:
        notes.append(f"Columns without any value: {', '.join(empty)}.")
    words = Table("What the columns mean", ("Column", "Meaning"), tuple((name, table.columns[name]) for name in filled))
    page = Document(
        table.name.capitalize(),
        "Numbers are rounded here, and only here.",
        (
            Section("Rows", (Text(" ".join(notes)), Table(table.name.capitalize(), tuple(filled), cells))),
            Section("Columns", (words,)),
        ),
    )
    return document_html(page)


def _call_columns(calls: Sequence[Row]) -> dict[str, str]:
    """A column for each rule, in the order of their names; two rules never share one."""
    names: dict[str, str] = {}
    for rule in sorted({r.text("rule") or "" for r in calls}):
        base = "call_" + (re.sub(r"[^a-z0-9]+", "_", rule.lower()).strip("_") or "rule")
        column, n = base, 2
        while column in names.values():
            column, n = f"{base}_{n}", n + 1
        names[rule] = column
    return names


def _bare(row: Row, column: str) -> str:
    return (row.text(column) or "").removeprefix("sub-").removeprefix("ses-")


def _measured(m: Measurement) -> dict[str, Cell]:
    cells: dict[str, Cell] = {name: getattr(m, name) for name in MEASUREMENT_COLUMNS}
    cells |= {name: None for name, cell in cells.items() if cell == ""}
    return cells | {
        "participant_id": f"sub-{m.participant_id}",
        "session_id": f"ses-{m.session_id}" if m.session_id else None,
        "flags": "; ".join(m.flags) or None,
    }


def _turned_out(m: Measurement, study: Study) -> dict[str, Cell]:
    outcome = study.outcome_of(m.participant_id, m.session_id, m.lesion_id)
    if outcome is None:
        return dict.fromkeys(_OUTCOME)
    later = None if outcome.day is None else outcome.day - m.day
    return {"outcome": outcome.label, "outcome_basis": outcome.basis, "outcome_day": outcome.day, "days_to_outcome": later}


def _called(
    m: Measurement, names: Mapping[str, str], said: Mapping[tuple[str, str, str | None, str | None], Row]
) -> dict[str, Cell]:
    cells: dict[str, Cell] = {}
    for rule, column in names.items():
        found = (said.get((m.participant_id, m.session_id, lesion, rule)) for lesion in (m.lesion_id, PATIENT))
        row = next((one for one in found if one is not None), None)
        cells[column] = None if row is None else row.text("category")
    return cells


def _people_columns(study: Study) -> dict[str, tuple[str, bool]]:
    """The columns of participants.tsv, and whether all that stands in one are numbers; 01 is a name and stays one."""
    cells: dict[str, list[str]] = {}
    for person in study.participants:
        for name, cell in person.columns.items():
            cells.setdefault(name, []).extend([] if cell is None else [cell])
    return {
        f"participant_{name}": (name, all(_NUMBER.fullmatch(cell) for cell in found)) for name, found in sorted(cells.items())
    }


def _person(m: Measurement, people: Mapping[str, tuple[str, bool]], study: Study) -> dict[str, Cell]:
    person = study.participant(m.participant_id)
    if person is None:
        return dict.fromkeys(people)
    return {column: person.number(name) if is_number else person.text(name) for column, (name, is_number) in people.items()}


def _printed(cell: Cell) -> str:
    match cell:
        case None:
            return "n/a"
        case bool():
            return "yes" if cell else "no"
        case float():
            return f"{cell:.4g}"
        case int() | str():
            return str(cell)
        case _:
            return "; ".join(cell)
