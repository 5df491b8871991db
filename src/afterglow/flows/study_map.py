"""A map says which column of somebody's tables is what: a TOML file. An unknown key is refused."""

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationError, field_validator, model_validator

from afterglow.flows.method_steps import Strict
from afterglow.io.integrity import opened
from afterglow.io.sheets import Sheet, SheetForm
from afterglow.io.study import nearest, suggestion
from afterglow.io.study_cells import date_pattern
from afterglow.io.study_fields import TABLES, TableName
from afterglow.records.errors import BadInput, MissingInput

_FREE = re.compile(r"[a-z][a-z0-9_]*")


class SourceSpec(Strict):
    """How the files are written."""

    encoding: str = "utf-8"
    separator: Literal["", "\t", ";", ","] = ""
    decimal: Literal["", ".", ","] = ""
    dates: str = ""
    missing: tuple[str, ...] = ()

    @field_validator("dates")
    @classmethod
    def _is_a_form(cls, dates: str) -> str:
        if dates:
            date_pattern(dates)
        return dates

    def form(self) -> SheetForm:
        return SheetForm(self.encoding, self.separator, self.missing)


class LabelSpec(Strict):
    """How a name becomes a label of BIDS, which has letters and digits alone."""

    column: str = ""
    remove: str = ""  # characters to take out
    pad: int = Field(default=0, ge=0, le=12)  # digits of a plain number, with zeros in front
    prefix: str = ""

    def label(self, text: str) -> str:
        """The label of a cell."""
        short = "".join(one for one in text if one not in self.remove)
        return self.prefix + (short.zfill(self.pad) if short.isdigit() else short)


class DayZeroSpec(Strict):
    """Which day is 0 for each patient: a date in a column, or the first date in the table of visits or treatments."""

    meaning: str = Field(min_length=1)  # "end of radiotherapy": it stands in the description of every column of days
    sheet: str = ""
    column: str = ""
    first: Literal["", "sessions", "treatments"] = ""

    @model_validator(mode="after")
    def _one_way(self) -> "DayZeroSpec":
        if bool(self.column) == bool(self.first):
            raise ValueError('give either column, or first = "sessions" or "treatments"')
        if self.sheet and not self.column:
            raise ValueError("sheet goes with column")
        return self


class TableSpec(Strict):
    """Rows of one of our tables: from which sheet, which column is which field, and what the words mean."""

    sheet: str = ""
    columns: dict[str, str] = Field(default_factory=dict)
    constant: dict[str, str] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    where: dict[str, tuple[str, ...]] = Field(default_factory=dict)  # only lines with one of these words in that column
    keep: tuple[str, ...] = ()  # of participants: columns kept under their own names
    once: bool = False  # lines that say the same are one, as in a sheet with a line for each visit
    dates: str = ""

    @field_validator("dates")
    @classmethod
    def _is_a_form(cls, dates: str) -> str:
        if dates:
            date_pattern(dates)
        return dates

    def check(self, table: TableName) -> None:
        """ValueError where a field is none of the table's, is given twice, or is not given at all."""
        known = [one.name for one in TABLES[table] if one.name != "participant_id"]
        for name in (*self.columns, *self.constant):
            free = table == "participants" and _FREE.fullmatch(name) and not nearest(name, known)
            if name not in known and not free:
                raise ValueError(f"{name!r} is no field of {table}; {suggestion(name, known)}")
        if self.keep and table != "participants":
            raise ValueError(f"keep goes with participants; give the columns of {table} their fields")
        twice = set(self.columns) & set(self.constant)
        if twice:
            raise ValueError(f"{min(twice)!r} is given by a column and as a constant; keep one")
        unread = set(self.values) - set(self.columns)
        if unread:
            raise ValueError(f"values of {min(unread)!r}, which no column gives; add it to columns")
        lacking = [
            one.name
            for one in TABLES[table]
            if one.needed and one.name in known and one.name not in {*self.columns, *self.constant}
        ]
        if lacking:
            raise ValueError(f"no column and no constant gives {lacking[0]!r}, which {table} need")


class StudyMap(Strict):
    """A whole map."""

    source: SourceSpec = SourceSpec()
    participant_id: LabelSpec
    session_id: LabelSpec = LabelSpec()
    day_zero: DayZeroSpec | None = None
    labels: tuple[str, ...] = ()  # the only labels that outcomes may have
    participants: tuple[TableSpec, ...] = ()
    sessions: tuple[TableSpec, ...] = ()
    treatments: tuple[TableSpec, ...] = ()
    outcomes: tuple[TableSpec, ...] = ()
    readings: tuple[TableSpec, ...] = ()

    @field_validator(*TABLES, mode="before")
    @classmethod
    def _one_or_several(cls, value: object) -> object:
        return (value,) if isinstance(value, dict) else value

    @model_validator(mode="after")
    def _fits_together(self) -> "StudyMap":
        if not self.participant_id.column:
            raise ValueError("participant_id needs the column that names the patient")
        if self.session_id.column:
            raise ValueError("session_id takes remove, pad and prefix; its column is given with each table")
        if not any(self.blocks(table) for table in TABLES):
            raise ValueError(f"it maps no table; add at least one of {', '.join(TABLES)}")
        for table in TABLES:
            for block in self.blocks(table):
                block.check(table)
        if (
            self.day_zero
            and self.day_zero.first
            and not any(self.blocks("sessions" if self.day_zero.first == "sessions" else "treatments"))
        ):
            raise ValueError(f"day zero is the first of {self.day_zero.first}, which the map does not have")
        return self

    def blocks(self, table: TableName) -> tuple[TableSpec, ...]:
        """The blocks that make rows of a table."""
        found: tuple[TableSpec, ...] = getattr(self, table)
        return found


def load_map(path: Path) -> StudyMap:
    """A map, checked. BadInput names the file, the key and what is wrong with it."""
    with opened(path) as stream:
        try:
            return StudyMap.model_validate(tomllib.loads(stream.read().decode("utf-8-sig")))
        except UnicodeDecodeError as error:
            raise BadInput(f"{path}: byte {error.start} is not UTF-8; save the map as UTF-8") from None
        except tomllib.TOMLDecodeError as error:
            raise BadInput(f"{path}: not a TOML file ({error})") from None
        except ValidationError as error:
            raise BadInput(f"{path}: {_first_problem(error)}") from None


def plain_map(sheets: Sequence[Sheet]) -> StudyMap:
    """The map of tables that have our own names already. MissingInput where none of them has."""
    blocks: dict[str, object] = {}
    for table, fields in TABLES.items():
        made = [_plain_block(table, sheet, [one.name for one in fields]) for sheet in sheets if sheet.name == table]
        if made and any(made):
            blocks[table] = [block for block in made if block]
    if not blocks:
        names = ", ".join(repr(sheet.name) for sheet in sheets[:5])
        raise MissingInput(f"none of the tables ({names}) is named {', '.join(TABLES)}; say what is what with --map map.toml")
    dated = any("acq_time" in str(block) for block in blocks.values())
    zero = {"day_zero": {"meaning": "first visit", "first": "sessions"}} if dated else {}
    try:
        return StudyMap.model_validate({"participant_id": {"column": "participant_id"}, **zero, **blocks})
    except ValidationError as error:
        raise BadInput(f"the tables as they are: {_first_problem(error)}; or say what is what with --map map.toml") from None


def _plain_block(table: str, sheet: Sheet, names: Sequence[str]) -> dict[str, object] | None:
    if "participant_id" not in sheet.columns:
        return None
    columns = {name: name for name in names if name in sheet.columns and name != "participant_id"}
    if table == "sessions" and "day" not in columns and "acq_time" in sheet.columns:
        columns["day"] = "acq_time"
    kept = [name for name in sheet.columns if name not in names] if table == "participants" else []
    return {"sheet": sheet.file, "columns": columns, "keep": kept}


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    where = ".".join(str(part) for part in first["loc"]) or "the map"
    unknown = first["type"] == "extra_forbidden"
    what = "unknown key; remove it or correct its spelling" if unknown else first["msg"].removeprefix("Value error, ")
    return f"{where}: {what}"
