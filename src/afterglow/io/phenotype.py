"""Tables of a study's own in phenotype/: probabilities of a model or a reader, marks of a detector."""

from collections.abc import Mapping
from pathlib import Path

from afterglow.io.tables import Row, read_table
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.mark import DetectionMark

CasePlace = tuple[str, str, str]  # participant, session, lesion; empty: every visit, every lesion


def read_probabilities(root: Path, table: str, column: str) -> Mapping[CasePlace, float]:
    """A column of phenotype/TABLE.tsv by what it is about; an empty cell is not known.

    The table has participant_id, and session_id and lesion_id where rows are about one visit or lesion. MissingInput where
    there is no such table, BadInput where a cell is no probability or two rows are about the same.
    """
    found: dict[CasePlace, float] = {}
    lines: dict[CasePlace, int] = {}
    for row in _rows(root, table, ("participant_id", column)):
        place = _place(row)
        if place in lines:
            raise BadInput(
                f"{row.path}: lines {lines[place]} and {row.line} are about the same lesion and visit; keep one, or average them"
            )
        lines[place] = row.line
        value = row.number(column)
        if value is None:
            continue
        if not 0 <= value <= 1:
            raise row.refuse(column, "a probability lies between 0 and 1; divide a percentage by 100")
        found[place] = value
    return found


def of_place(values: Mapping[CasePlace, float], participant: str, session: str, lesion: str) -> float | None:
    """The value that is most particular about a lesion at a visit, the lesion counting before the visit; None where there is none."""
    places = ((session, lesion), ("", lesion), (session, ""), ("", ""))
    return next((values[participant, *place] for place in places if (participant, *place) in values), None)


def read_marks(root: Path, table: str) -> tuple[DetectionMark, ...]:
    """phenotype/TABLE.tsv with participant_id, session_id, score, lesion_id (n/a: a false mark) and, of several, reader."""
    return tuple(
        DetectionMark(
            row.required("participant_id").removeprefix("sub-"),
            (row.text("session_id") or "").removeprefix("ses-"),
            row.text("reader") or "",
            _score(row),
            row.text("lesion_id"),
        )
        for row in _rows(root, table, ("participant_id", "session_id", "score", "lesion_id"))
    )


def _rows(root: Path, table: str, needed: tuple[str, ...]) -> tuple[Row, ...]:
    path = root / "phenotype" / f"{table}.tsv"
    if not path.is_file():
        raise MissingInput(f"{path}: the method file reads this table and it is not there; add it, or take the analysis out")
    return read_table(path, needed)


def _place(row: Row) -> CasePlace:
    session, lesion = row.text("session_id") or "", row.text("lesion_id") or ""
    return row.required("participant_id").removeprefix("sub-"), session.removeprefix("ses-"), lesion


def _score(row: Row) -> float:
    score = row.number("score")
    if score is None:
        raise row.refuse("score", "a mark has a score, higher where it is surer")
    return score
