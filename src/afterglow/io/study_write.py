"""What a study's tables leave behind: TSV with descriptions, the data dictionary, and what was refused."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from afterglow.io.atomic import Written
from afterglow.io.study_fields import TableName, field_of
from afterglow.io.study_merge import MergedTable
from afterglow.io.write import Cell, write_json, write_text, write_tsv
from afterglow.records.study import Refusal

FOLDER = Path("derivatives") / "tables"
_MOST_LEVELS = 12  # a column with more different words is no category

DICTIONARY_COLUMNS: dict[str, str] = {
    "table": "participants, sessions, treatments, outcomes or readings",
    "field": "Column of the table",
    "description": "What it means",
    "type": "label, text, number, whole (a whole number) or day",
    "unit": "UCUM unit; n/a where it has none",
    "allowed": "Words or range that a cell may have; n/a where any",
    "n_present": "Rows with a value",
    "n_missing": "Rows without one",
    "observed_min": "Smallest number",
    "observed_max": "Largest number",
    "observed_words": "Words with how often they stand there; n/a where there are many, or the column names people or visits",
}
REFUSED_COLUMNS: dict[str, str] = {
    "file": "Where it was read",
    "row": "Line in that file, the header being line 1; n/a where it is about the whole of it",
    "column": "Column as the file names it",
    "found": "What stands there; of days and names of persons only the shape, # for a digit and x for a letter",
    "what_to_do": "Why it was refused, and the remedy",
}


def write_merged(table: MergedTable, *, meaning: str) -> tuple[Written, ...]:
    """The table and its description; what the description of the data set says already is kept.

    A table that is as it was and wholly described is not touched.
    """
    columns = table.columns
    if not table.is_changed and set(columns) <= set(table.described):
        return ()
    rows = [{name: row.get(name) for name in columns} for row in table.rows]
    described: dict[str, str | Mapping[str, object]] = {name: _described(table, name, meaning) for name in columns}
    return write_tsv(table.path, rows, described)


def _described(table: MergedTable, name: str, meaning: str) -> str | Mapping[str, object]:
    told = table.described.get(name)
    if isinstance(told, str | Mapping):
        return told
    one = field_of(table.name, name)
    if one.kind == "day":
        known = {"DayZero": meaning} if meaning else {}
        return {"Description": f"{one.words}{f'; day 0 is: {meaning}' if meaning else ''}", "Units": one.unit, **known}
    if one.levels:
        return {"Description": one.words, "Levels": {level: level for level in one.levels}}
    return {"Description": one.words, **({"Units": one.unit} if one.unit else {})}


def dictionary_rows(tables: Sequence[MergedTable], *, meaning: str) -> list[dict[str, Cell]]:
    """Every field of the tables: its type, unit, allowed values, how many rows have it and what was seen. Visits of all subjects are one table."""
    together: dict[TableName, tuple[dict[str, str], list[Mapping[str, Cell]]]] = {}
    for table in tables:
        columns, rows = together.setdefault(table.name, ({}, []))
        columns |= {column: _words(_described(table, column, meaning)) for column in table.columns}
        rows += table.rows
    return [_entry(name, column, told, rows) for name, (columns, rows) in together.items() for column, told in columns.items()]


def _words(described: str | Mapping[str, object]) -> str:
    return described if isinstance(described, str) else str(described.get("Description", ""))


def _entry(table: TableName, column: str, told: str, rows: Sequence[Mapping[str, Cell]]) -> dict[str, Cell]:
    one = field_of(table, column)
    cells = [row[column] for row in rows if row.get(column) is not None]
    numbers = [float(cell) for cell in cells if isinstance(cell, int | float)]
    words = Counter(str(cell) for cell in cells) if one.kind == "text" and column != "lesion_id" else Counter()
    few = 0 < len(words) <= _MOST_LEVELS
    bounds = f"{one.low:g} to {one.high:g}" if one.low is not None and one.high is not None else None
    return {
        "table": table,
        "field": column,
        "description": told,
        "type": one.kind,
        "unit": one.unit or None,
        "allowed": ", ".join(one.levels) or bounds,
        "n_present": len(cells),
        "n_missing": len(rows) - len(cells),
        "observed_min": min(numbers) if numbers else None,
        "observed_max": max(numbers) if numbers else None,
        "observed_words": ", ".join(f"{word} ({n})" for word, n in sorted(words.items())) if few else None,
    }


def write_dictionary(root: Path, rows: Sequence[Mapping[str, Cell]]) -> tuple[Written, ...]:
    """data_dictionary.tsv, its columns described beside it, and the same as one JSON for programs."""
    folder = root / FOLDER
    fields = {"columns": DICTIONARY_COLUMNS, "fields": [dict(row) for row in rows]}
    return (
        *write_tsv(folder / "data_dictionary.tsv", rows, DICTIONARY_COLUMNS),
        write_json(folder / "data_dictionary_fields.json", fields),
    )


def write_refused(root: Path, refusals: Sequence[Refusal]) -> tuple[Written, ...]:
    """refused.txt for people, one line each, and refused.tsv."""
    lines = [refusal.sentence for refusal in refusals] or ["Nothing was refused."]
    rows: list[dict[str, Cell]] = [
        {"file": r.file, "row": r.row or None, "column": r.column or None, "found": r.found, "what_to_do": r.remedy}
        for r in refusals
    ]
    folder = root / FOLDER
    return write_text(folder / "refused.txt", "\n".join(lines) + "\n"), *write_tsv(folder / "refused.tsv", rows, REFUSED_COLUMNS)
