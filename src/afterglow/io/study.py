"""What a group analysis reads beside measurements: participants, outcomes, readings and treatments of a BIDS data set."""

import difflib
from collections.abc import Iterable, Sequence

from afterglow.io.bids import Dataset
from afterglow.io.readings import read_readings
from afterglow.io.tables import Row, read_table
from afterglow.records.errors import BadInput
from afterglow.records.study import BASES, Outcome, Participant, Refusal, Study

OUTCOMES = "phenotype/outcomes.tsv"
_CLOSE = 0.75  # share of letters in common from which a word is taken for a misspelt one


def load_study(dataset: Dataset, *, labels: Sequence[str] = ()) -> Study:
    """The study beside the images; with `labels`, an outcome of another label is refused.

    A row of outcomes.tsv that cannot be used is left out and becomes a refusal; the others count. BadInput where a whole
    table is wrong, or a line of readings or treatments is, as `run` says it too.
    """
    named = [Participant(name, cells) for name, cells in dataset.participants.items()]
    silent = [Participant(name) for name in dataset.subjects if name not in dataset.participants]
    people = tuple(sorted((*named, *silent), key=lambda p: p.participant_id))
    outcomes, refusals = read_outcomes(dataset, labels=labels)
    readings = tuple(reading for found in read_readings(dataset.root).values() for reading in found)
    return Study(people, outcomes, readings, dataset.treatments, refusals)


def read_outcomes(dataset: Dataset, *, labels: Sequence[str] = ()) -> tuple[tuple[Outcome, ...], tuple[Refusal, ...]]:
    """Rows of phenotype/outcomes.tsv, and those that were refused: none of either where there is no such table."""
    path = dataset.root / OUTCOMES
    if not path.is_file():
        return (), ()
    found: list[tuple[Row, Outcome]] = []
    refusals: list[Refusal] = []
    for row in read_table(path, ("participant_id", "label", "basis")):
        try:
            outcome = _outcome(row, labels)
            _check_place(row, outcome, dataset)
        except _Refused as refused:
            refusals.append(refused.refusal)
        else:
            found.append((row, outcome))
    kept, repeated = _once(found)
    return tuple(kept), tuple(sorted((*refusals, *repeated), key=lambda r: r.row))


class _Refused(Exception):
    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.sentence)
        self.refusal = refusal


def _refused(row: Row, column: str, remedy: str) -> _Refused:
    cell = row.text(column)
    return _Refused(Refusal(OUTCOMES, row.line, column, "an empty cell" if cell is None else repr(cell), remedy))


def _outcome(row: Row, labels: Sequence[str]) -> Outcome:
    participant, label, basis = row.text("participant_id"), row.text("label"), row.text("basis")
    if participant is None:
        raise _refused(row, "participant_id", "write the subject, such as sub-01")
    if label is None:
        raise _refused(
            row, "label", "an outcome that is not known is no row; write what the lesion turned out to be, or remove it"
        )
    if labels and label not in labels:
        raise _refused(row, "label", f"misspelt label? {suggestion(label, labels)}")
    if basis is None:
        raise _refused(row, "basis", f"say how it is known: {', '.join(BASES)}")
    if basis not in BASES and nearest(basis, BASES):
        raise _refused(row, "basis", suggestion(basis, BASES))
    try:
        day = row.number("day")
    except BadInput:
        raise _refused(row, "day", "write a finite number of days on the subject's own clock, or n/a") from None
    session, lesion = row.text("session_id") or "", row.text("lesion_id") or ""
    return Outcome(participant.removeprefix("sub-"), session.removeprefix("ses-"), lesion, label, basis, day)


def _check_place(row: Row, outcome: Outcome, dataset: Dataset) -> None:
    """The participant and the visit that an outcome is about are there."""
    folder = dataset.root / f"sub-{outcome.participant_id}"
    if outcome.participant_id not in dataset.subjects and outcome.participant_id not in dataset.participants:
        raise _refused(row, "participant_id", "no such participant is in the data set; correct the name or remove the row")
    if outcome.session_id and folder.is_dir() and not (folder / f"ses-{outcome.session_id}").is_dir():
        visits = ", ".join(sorted(path.name for path in folder.glob("ses-*"))) or "none with a label"
        raise _refused(
            row, "session_id", f"that participant's visits are: {visits}; correct it, or write n/a where it is about every visit"
        )


def _once(found: Iterable[tuple[Row, Outcome]]) -> tuple[list[Outcome], list[Refusal]]:
    """One row for each lesion and visit: a repeat is left out, and of rows that contradict one another all are."""
    by_key: dict[tuple[str, str, str], list[tuple[Row, Outcome]]] = {}
    for row, outcome in found:
        by_key.setdefault(outcome.key, []).append((row, outcome))
    kept, refusals = [], []
    for rows in by_key.values():
        first = rows[0][1]
        if all(outcome == first for _, outcome in rows):
            kept.append(first)
            refusals += [
                _refused(row, "participant_id", f"line {rows[0][0].line} says the same; keep one").refusal for row, _ in rows[1:]
            ]
            continue
        lines = " and ".join(str(row.line) for row, _ in rows)
        remedy = (
            f"lines {lines} are about the same lesion and visit and differ; keep the one that is right, none is taken until then"
        )
        refusals += [_refused(row, "label", remedy).refusal for row, _ in rows]
    return kept, refusals


def nearest(word: str, known: Sequence[str]) -> str | None:
    """The known word that was probably meant."""
    lower = {one.lower(): one for one in known}
    close = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=_CLOSE)
    return lower[close[0]] if close else None


def suggestion(word: str, known: Sequence[str]) -> str:
    """What to do about a word that is none of the known ones."""
    meant = nearest(word, known)
    return f"did you mean {meant!r}?" if meant else f"write one of {', '.join(known)}"
