"""Exports of REDCap: one sparse table for everything becomes a table for each instrument, codes become labels.

An export has one line for each record, event and repeat; a line of a repeated instrument leaves the columns of all others
empty. Here the lines of each instrument are gathered, and what is known once of a patient or an event is filled down into them.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from afterglow.io.sheets import Sheet, SheetForm, SheetRow, read_text_sheet
from afterglow.records.errors import BadInput

EVENT, REPEATED, INSTANCE = "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"
PLACES = (EVENT, REPEATED, INSTANCE)
BASE = "record"  # the sheet of what is not repeated, where no dictionary says to which instrument it belongs
_SPOKEN = {"Event Name": EVENT, "Repeat Instrument": REPEATED, "Repeat Instance": INSTANCE}  # in an export with labels
_HEADS = {  # of a dictionary as downloaded from the project page, and as the API gives it
    "name": ("Variable / Field Name", "field_name"),
    "form": ("Form Name", "form_name"),
    "kind": ("Field Type", "field_type"),
    "label": ("Field Label", "field_label"),
    "choices": ("Choices, Calculations, OR Slider Labels", "select_choices_or_calculations"),
    "identifier": ("Identifier?", "identifier"),
}
_FIXED = {"yesno": {"1": "Yes", "0": "No"}, "truefalse": {"1": "True", "0": "False"}}
_BOX = re.compile(r"(.+?)___(.+)")
_CHECKED, _UNCHECKED = ("1", "Checked"), ("0", "Unchecked")


@dataclass(frozen=True)
class DictionaryField:
    """A line of the data dictionary: a variable with its instrument, and the labels of its codes."""

    name: str
    form: str
    kind: str
    label: str
    choices: Mapping[str, str] = field(default_factory=dict)
    identifier: bool = False


def is_redcap(sheet: Sheet) -> bool:
    """Whether a table looks like an export of REDCap."""
    return any(name in sheet.columns for name in (*PLACES, *_SPOKEN)) or any(_BOX.fullmatch(name) for name in sheet.columns)


def read_redcap_dictionary(path: Path) -> tuple[DictionaryField, ...]:
    """The fields of a data dictionary in its order. BadInput where the file is none."""
    sheet = read_text_sheet(path, SheetForm())
    heads = {key: next((name for name in names if name in sheet.columns), None) for key, names in _HEADS.items()}
    lacking = [names[0] for key, names in _HEADS.items() if heads[key] is None and key != "identifier"]
    if lacking:
        raise BadInput(f"{path}: it has no column {lacking[0]!r}; download the data dictionary of the project as CSV")
    fields = []
    for row in sheet.rows:
        cells = {key: (row.cells.get(name) or "") if name else "" for key, name in heads.items()}
        if not cells["name"] or cells["kind"] == "descriptive":
            continue
        choices = _FIXED.get(cells["kind"]) or _choices(cells["choices"], cells["kind"])
        marked = cells["identifier"].lower() in ("y", "yes", "1", "true")
        fields.append(DictionaryField(cells["name"], cells["form"], cells["kind"], cells["label"], choices, marked))
    if not fields:
        raise BadInput(f"{path}: it describes no field; download the data dictionary of the project as CSV")
    return tuple(fields)


def unsparsed(sheet: Sheet, fields: Sequence[DictionaryField] = ()) -> tuple[Sheet, ...]:
    """One long table for each instrument, with the record, event and repeat of each line, and filled down what is known once.

    Without a dictionary the instruments that repeat are known from the lines they stand in; the rest is the sheet "record".
    """
    if not sheet.columns:
        return (sheet,)
    sheet = _labelled(_boxed(_renamed(sheet, fields), fields), fields)
    record = sheet.columns[0]
    data = [name for name in sheet.columns[1:] if name not in PLACES and not name.startswith("redcap_")]
    forms = _forms(sheet, data, fields)
    known = _Known(sheet, record, data)
    identifiers = frozenset(one.name for one in fields if one.identifier)
    made = []
    for form, names in forms.items():
        rows = tuple(known.filled(row, names) for row in sheet.rows if _stands_in(row, form, names, fields))
        columns = (record, *(name for name in PLACES if name in sheet.columns), *data)
        file = f"{sheet.file}, instrument {form}"
        made.append(replace(sheet, name=form, file=file, columns=columns, rows=rows, refusals=(), identifiers=identifiers))
    return (replace(made[0], refusals=sheet.refusals), *made[1:]) if made else (sheet,)


def _choices(words: str, kind: str) -> dict[str, str]:
    if kind not in ("radio", "dropdown", "checkbox"):
        return {}
    pairs = (one.partition(",") for one in words.split("|") if one.strip())
    return {code.strip(): label.strip() for code, _, label in pairs}


def _renamed(sheet: Sheet, fields: Sequence[DictionaryField]) -> Sheet:
    """Headers that are labels become the names of variables, where the dictionary has each label once."""
    labels = [one.label for one in fields]
    names = {one.label: one.name for one in fields if labels.count(one.label) == 1}
    names |= {
        f"{one.label} (choice={label})": f"{one.name}___{_key(code)}" for one in fields for code, label in one.choices.items()
    }
    kept = {one.name for one in fields}
    to = {name: name if name in kept else _SPOKEN.get(name, names.get(name, name)) for name in sheet.columns}
    rows = tuple(SheetRow(row.line, {to[name]: cell for name, cell in row.cells.items()}) for row in sheet.rows)
    bad = {(line, to.get(name, name)): words for (line, name), words in sheet.bad.items()}
    return replace(sheet, columns=tuple(to[name] for name in sheet.columns), rows=rows, bad=bad)


def _key(code: str) -> str:
    """A code as REDCap writes it behind the three underscores of a checkbox: lower case, a minus as an underscore."""
    return code.lower().replace("-", "_")


def _boxed(sheet: Sheet, fields: Sequence[DictionaryField]) -> Sheet:
    """The columns of a checkbox, field___1, field___2, become one column that lists what is checked."""
    labels = {one.name: {_key(code): label for code, label in one.choices.items()} for one in fields if one.kind == "checkbox"}
    boxes: dict[str, dict[str, str]] = {}
    for name in sheet.columns:
        match = _BOX.fullmatch(name)
        if match is not None:
            boxes.setdefault(match[1], {})[name] = labels.get(match[1], {}).get(match[2], match[2])
    bad = dict(sheet.bad)
    rows = []
    for row in sheet.rows:
        cells: dict[str, str | None] = {name: cell for name, cell in row.cells.items() if not _BOX.fullmatch(name)}
        for name, columns in boxes.items():
            found = [row.cells.get(column) for column in columns]
            if any(cell is not None and cell not in (*_CHECKED, *_UNCHECKED) for cell in found):
                bad[row.line, name] = "a checkbox is 1 or 0, Checked or Unchecked; export it again"
            checked = [label for column, label in columns.items() if row.cells.get(column) in _CHECKED]
            cells[name] = "; ".join(checked) or None
        rows.append(SheetRow(row.line, cells))
    names = dict.fromkeys(match[1] if (match := _BOX.fullmatch(name)) else name for name in sheet.columns)
    return replace(sheet, columns=tuple(names), rows=tuple(rows), bad=bad)


def _labelled(sheet: Sheet, fields: Sequence[DictionaryField]) -> Sheet:
    """Codes become their labels; what is a label already stays; anything else is marked."""
    choices = {one.name: one.choices for one in fields if one.choices and one.kind != "checkbox"}
    bad = dict(sheet.bad)
    rows = []
    for row in sheet.rows:
        cells = dict(row.cells)
        for name, labels in choices.items():
            cell = cells.get(name)
            if cell is None or cell in labels.values():
                continue
            cells[name] = labels.get(cell, cell)
            if cell not in labels:
                known = ", ".join(f"{code} ({label})" for code, label in labels.items())
                bad[row.line, name] = f"the dictionary has no such code or label; it has {known}"
        rows.append(SheetRow(row.line, cells))
    return replace(sheet, rows=tuple(rows), bad=bad)


def _forms(sheet: Sheet, data: Sequence[str], fields: Sequence[DictionaryField]) -> dict[str, tuple[str, ...]]:
    """The columns of each instrument, in the order of the dictionary, or as the lines of the export tell."""
    forms: dict[str, list[str]] = {}
    if fields:
        home = {one.name: one.form for one in fields}
        for name in data:
            form = home.get(name) or (name.removesuffix("_complete") if name.removesuffix("_complete") in home.values() else BASE)
            forms.setdefault(form, []).append(name)
    else:
        for name in data:
            found = [row.cells.get(REPEATED) for row in sheet.rows if row.cells.get(name) is not None]
            forms.setdefault(next((one for one in found if one), BASE), []).append(name)
    return {form: tuple(names) for form, names in forms.items()}


def _stands_in(row: SheetRow, form: str, names: Iterable[str], fields: Sequence[DictionaryField]) -> bool:
    """Whether a line says something in this instrument; that it is marked as complete says nothing."""
    repeated = row.cells.get(REPEATED)
    if repeated is not None and repeated not in (form, form.replace("_", " ").title()) and _plain(repeated) != _plain(form):
        return False
    return any(row.cells.get(name) is not None for name in names if not (fields and name == f"{form}_complete"))


def _plain(form: str) -> str:
    return re.sub(r"[^a-z0-9]", "", form.lower())


class _Known:
    """What is known once of a patient or of one event, to be filled down."""

    def __init__(self, sheet: Sheet, record: str, data: Sequence[str]) -> None:
        self.record, self.data = record, data
        self.said: dict[tuple[str | None, ...], dict[str, set[str]]] = {}
        for row in sheet.rows:
            if row.cells.get(REPEATED):
                continue
            places = [self._event(row)] if row.cells.get(INSTANCE) else [self._event(row), (row.cells.get(record),)]
            for name in data:
                cell = row.cells.get(name)
                for place in places if cell is not None else ():
                    self.said.setdefault(place, {}).setdefault(name, set()).add(str(cell))

    def _event(self, row: SheetRow) -> tuple[str | None, ...]:
        """The event a line belongs to; a repeated event by its number, a repeated instrument by the event it stands in."""
        instance = None if row.cells.get(REPEATED) else row.cells.get(INSTANCE)
        return row.cells.get(self.record), row.cells.get(EVENT), instance

    def filled(self, row: SheetRow, own: Sequence[str]) -> SheetRow:
        """The line with the columns of other instruments: what its event says, else what the record says once."""
        cells = {name: cell for name, cell in row.cells.items() if name == self.record or name in PLACES}
        sources = [self.said.get(place, {}) for place in (self._event(row), (row.cells.get(self.record),))]
        for name in self.data:
            cells[name] = row.cells.get(name)
            if name not in own and cells[name] is None:
                known = next((source[name] for source in sources if name in source), set())
                cells[name] = next(iter(known)) if len(known) == 1 else None
        return SheetRow(row.line, cells)
