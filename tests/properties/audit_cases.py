"""Checks made in tests: one of a kind with its input, and tables of numbers beside it."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from afterglow.cohort.audit import audit_check
from afterglow.records.printed import AuditFinding, PrintedCheck, PrintedTable


def finding(kind: str, given: Mapping[str, object], **more: Any) -> AuditFinding:
    """What comes of a check; `tables` as name -> column -> numbers, `printed` what is published."""
    tables = {name: table(name, columns) for name, columns in more.pop("tables", {}).items()}
    readings = more.pop("readings", ())
    check = PrintedCheck("test", kind, exact(given), "test.json", published=exact(more.pop("printed", None)), **more)
    return audit_check(check, tables, readings=readings)


def recomputed(kind: str, given: Mapping[str, object], **more: Any) -> Mapping[str, Any]:
    """The numbers of a check that can be made."""
    found = finding(kind, given, **more)
    assert found.verdict != "not recomputed", found.sentences
    return found.recomputed


def table(name: str, columns: Mapping[str, Sequence[object]]) -> PrintedTable:
    return PrintedTable(name, {key: tuple(None if v is None else str(v) for v in values) for key, values in columns.items()})


def exact(value: Any) -> Any:
    """Floats as decimals, as they are read from a file."""
    if isinstance(value, dict):
        return {key: exact(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [exact(inner) for inner in value]
    return Decimal(repr(value)) if isinstance(value, float) else value
