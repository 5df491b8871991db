"""Whose row it is, and which day is 0 for each patient: calendar dates stay in the source, days are what is written."""

import re
from collections.abc import Iterable
from datetime import date

from afterglow.flows.study_map import LabelSpec, StudyMap
from afterglow.io.sheets import Sheet, SheetRow
from afterglow.io.study_cells import Unreadable, date_of, holds_date, shape_of
from afterglow.records.study import Refusal

NUMBER = re.compile(r"[-+]?[0-9.,]+([eE][-+]?[0-9]+)?")
_LABEL = re.compile(r"[0-9A-Za-z+]+")


def label_of(text: str, spec: LabelSpec, prefix: str) -> str:
    """sub-01 of whatever the source calls a patient or a visit. Unreadable where it makes no label of BIDS."""
    made = spec.label(text.removeprefix(prefix))
    if not _LABEL.fullmatch(made):
        raise Unreadable(
            'a label of BIDS has letters and digits only; take the other characters out with remove = "…" in the map'
        )
    if holds_date(made):
        raise Unreadable(
            "it is a calendar date, which would tell who this is; give visits and patients other names, with values in the map"
        )
    return f"{prefix}{made}"


def whole_cell(sheet: Sheet, row: SheetRow, column: str) -> str | None:
    """The cell. Unreadable where the sheet says that something is wrong with it."""
    wrong = sheet.bad.get((row.line, column))
    if wrong:
        raise Unreadable(wrong)
    return row.cells.get(column)


def zeros_of_column(sheet: Sheet, column: str, study_map: StudyMap) -> tuple[dict[str, date | None], list[Refusal]]:
    """Day zero of each patient from a column of dates; None where it is contradicted or cannot be read, which is refused."""
    zeros: dict[str, date | None] = {}
    seen: dict[str, int] = {}
    refusals: list[Refusal] = []
    for row in sheet.rows:
        who = _who(row, study_map.participant_id)
        try:
            cell = whole_cell(sheet, row, column)
            found = None if cell is None else date_of(cell, study_map.source.dates)
            remedy = ""
        except Unreadable as problem:
            found, remedy = None, f"{problem.remedy}; without it no day of this patient can be told"
        if who is None or (found is None and not remedy):
            continue
        if who in seen and not remedy and zeros[who] != found:
            remedy = f"it is not the day zero that row {seen[who]} gives this patient; correct the one that is wrong"
        if remedy:
            refusals.append(Refusal(sheet.file, row.line, column, repr(shape_of(row.cells.get(column) or "")), remedy))
        zeros[who] = None if remedy else found
        seen.setdefault(who, row.line)
    return zeros, refusals


def first_days(dated: Iterable[tuple[SheetRow, str, str]], spec: LabelSpec) -> dict[str, date | None]:
    """The first date of each patient, of rows with their column of dates and its form; None where one cannot be read.

    The row with that date is refused where it is read.
    """
    zeros: dict[str, date | None] = {}
    for row, column, form in dated:
        who, cell = _who(row, spec), row.cells.get(column)
        if who is None or cell is None or NUMBER.fullmatch(cell):
            continue
        try:
            found = date_of(cell, form)
        except Unreadable:
            zeros[who] = None  # it may have been the first
            continue
        known = zeros.setdefault(who, found)
        zeros[who] = None if known is None else min(known, found)
    return zeros


def _who(row: SheetRow, spec: LabelSpec) -> str | None:
    cell = row.cells.get(spec.column)
    try:
        return None if cell is None else label_of(cell, spec, "sub-")
    except Unreadable:
        return None
