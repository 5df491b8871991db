"""What a group analysis writes beside its report: figures with their data, every number and test, the cases, what was refused."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from afterglow.io.atomic import Written, write_bytes
from afterglow.io.write import Cell, write_tsv
from afterglow.records.case import Case
from afterglow.records.document import Figure
from afterglow.records.group import DataTable, GroupFacts
from afterglow.records.statistic import Estimated, Tested
from afterglow.records.study import Refusal

ESTIMATE_COLUMNS = {
    "family": "Table of the report that the number stands in",
    "name": "What was estimated",
    "value": "The number; n/a where there is none, which note explains",
    "low": "Lower end of the interval",
    "high": "Upper end of the interval",
    "level": "Nominal level of the interval",
    "rule": "How the interval was made",
    "n": "How many it rests on",
    "unit": "UCUM unit of value",
    "note": "What a reader should know",
}
TEST_COLUMNS = {
    "family": "Family of tests",
    "test": "Name of the test",
    "about": "What was compared",
    "rule": "Exact rule: exact or asymptotic, zeros, ties, corrections, centre",
    "n": "Size of each group, or number of pairs",
    "statistic_name": "Which statistic",
    "statistic": "Its value",
    "p": "P value; n/a where the test was not made, which note explains",
    "p_adjusted": "P value adjusted for the family",
    "adjusted_by": "How it was adjusted",
    "effects": "Effects with their intervals",
    "note": "What a reader should know",
}
CASE_COLUMNS = {
    "participant_id": "Subject label, with the prefix sub-",
    "session_id": "Visit that the outcome is about",
    "lesion_id": "Lesion",
    "day": "Day of the visit on the subject's own clock",
    "label": "Outcome",
    "basis": "How the outcome is known",
    "positive": "Whether it counts as positive",
    "before_session": "Visit that changes are counted from; n/a where there is none",
    "kind": "call of a rule (1 speaks for a positive outcome, 0 against), value of a marker, or reference: the marker in reference tissue",
    "name": "Rule or marker",
    "value": "The number; n/a of a call: it cannot tell",
}
REFUSAL_COLUMNS = {
    "file": "Table",
    "row": "Line in it; 0 where the whole is meant",
    "column": "Column",
    "found": "What was found",
    "remedy": "What to do",
}


def write_figures(folder: Path, figures: Sequence[Figure]) -> Iterator[Written]:
    """Each picture as it was drawn, the same as SVG, and the numbers behind it."""
    for figure in figures:
        yield write_bytes(folder / f"{figure.name}.png", figure.image)
        if figure.vector is not None:
            yield write_bytes(folder / f"{figure.name}.svg", figure.vector)
        if figure.data is not None:
            yield from write_tsv(folder / f"{figure.name}.tsv", figure.data.records, figure.data.described)


def write_tables(folder: Path, tables: Sequence[DataTable]) -> Iterator[Written]:
    """Each table of a publication made again, with what its columns hold; numbers as they are, not as they are printed."""
    for table in tables:
        keys = [column.key for column in table.columns]
        rows: list[dict[str, Cell]] = [dict(zip(keys, row, strict=True)) for row in table.rows]
        yield from write_tsv(folder / f"{table.name}.tsv", rows, {column.key: column.words for column in table.columns})


def write_statistics(folder: Path, facts: GroupFacts) -> Iterator[Written]:
    """estimates.tsv and tests.tsv: every number of the report, one row each."""
    estimates = [_estimate(family, one) for family, found in facts.estimates for one in found]
    tests = [_test(family, one) for family, found in facts.tests for one in found]
    yield from write_tsv(folder / "estimates.tsv", estimates, ESTIMATE_COLUMNS)
    yield from write_tsv(folder / "tests.tsv", tests, TEST_COLUMNS)


def write_cases(folder: Path, cases: Sequence[Case]) -> tuple[Written, ...]:
    """cases.tsv: one row for each case and call, marker, or marker in reference tissue."""
    rows: list[dict[str, Cell]] = []
    for case in cases:
        about: dict[str, Cell] = {
            "participant_id": f"sub-{case.participant_id}", "session_id": f"ses-{case.session_id}" if case.session_id else None,
            "lesion_id": case.lesion_id, "day": case.day, "label": case.label, "basis": case.basis, "positive": int(case.positive),
            "before_session": f"ses-{case.before_session}" if case.before_session else None,
        }  # fmt: skip
        calls = {name: None if call is None else int(call) for name, call in case.calls.items()}
        for kind, found in (("call", calls), ("value", case.values), ("reference", case.reference)):
            rows += [{**about, "kind": kind, "name": name, "value": value} for name, value in found.items()]
    return write_tsv(folder / "cases.tsv", rows, CASE_COLUMNS)


def write_refusals(folder: Path, refusals: Sequence[Refusal]) -> tuple[Written, ...]:
    """refusals.tsv: rows that were not used, and why."""
    rows: list[dict[str, Cell]] = [
        {"file": r.file, "row": r.row, "column": r.column or None, "found": r.found, "remedy": r.remedy} for r in refusals
    ]
    return write_tsv(folder / "refusals.tsv", rows, REFUSAL_COLUMNS)


def _estimate(family: str, one: Estimated) -> dict[str, Cell]:
    return {
        "family": family, "name": one.name, "value": one.value, "low": one.low, "high": one.high, "level": one.level, "rule": one.rule or None,
        "n": one.n, "unit": one.unit, "note": one.note or None,
    }  # fmt: skip


def _test(family: str, one: Tested) -> dict[str, Cell]:
    return {
        "family": family, "test": one.name, "about": one.about or None, "rule": one.rule, "n": [str(n) for n in one.n],
        "statistic_name": one.statistic_name or None, "statistic": one.statistic, "p": one.p, "p_adjusted": one.p_adjusted,
        "adjusted_by": one.adjusted_by or None, "effects": [_effect(e) for e in one.effects] or None, "note": one.note or None,
    }  # fmt: skip


def _effect(one: Estimated) -> str:
    if one.value is None:
        return f"{one.name} not known"
    ends = "" if one.low is None else f" ({one.low!r} to {one.high!r}, {one.rule})"
    return f"{one.name} {one.value!r}{ends}"
