"""Text, JSON and tables, the same bytes for the same content, each written whole or not at all."""

import json
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from afterglow.io.atomic import Written, write_bytes
from afterglow.io.tables import GUARDED

Cell = str | int | float | bool | None | Sequence[str]
_AT_ONCE = 4096  # lines
_BREAKS = str.maketrans({"\t": " ", "\n": " ", "\r": " "})


def write_text(path: Path, text: str) -> Written:
    """UTF-8 text as it is."""
    return write_bytes(path, text.encode("utf-8"))


def write_json(path: Path, content: Mapping[str, object]) -> Written:
    """An object with its fields in the order given; NaN and Inf become null, since JSON has neither."""
    return write_bytes(path, json_bytes(content))


def json_bytes(content: Mapping[str, object]) -> bytes:
    """The bytes that `write_json` writes."""
    return (json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8")


def plain(value: object) -> object:
    """Records' values as JSON knows them: mappings, lists, text, numbers, null."""
    match value:
        case None | bool() | str() | int():
            return value
        case float():
            return value if math.isfinite(value) else None
        case np.generic() | np.ndarray():
            return plain(value.tolist())
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case Path():
            return value.as_posix()
        case list() | tuple():
            return [plain(item) for item in value]
        case _:
            raise TypeError(f"{type(value).__name__} has no form in JSON")


def write_tsv(
    path: Path, rows: Iterable[Mapping[str, Cell]], columns: Mapping[str, str | Mapping[str, object]]
) -> tuple[Written, Written]:
    """A table and, beside it, the JSON that describes every column: (table, description).

    `columns` gives the columns in order, each with a description (text, or an object with Description, Units, Levels).
    None and NaN are written n/a, lists joined by "; ". A text cell that a spreadsheet would run as a formula gets an
    apostrophe in front. ValueError where a row has other cells than the columns.
    """
    described = {name: {"Description": words} if isinstance(words, str) else words for name, words in columns.items()}
    return write_bytes(path, _lines(path.name, rows, columns)), write_json(path.with_suffix(".json"), described)


def _lines(name: str, rows: Iterable[Mapping[str, Cell]], columns: Mapping[str, object]) -> Iterator[bytes]:
    """The table in parts of some thousand lines, so that a long one is never held whole."""
    lines = ["\t".join(columns)]
    for number, row in enumerate(rows, start=1):
        if row.keys() != columns.keys():
            raise ValueError(f"{name}: row {number} and the columns differ in {sorted(row.keys() ^ columns.keys())}")
        lines.append("\t".join(_cell(row[column]) for column in columns))
        if len(lines) >= _AT_ONCE:
            yield ("\n".join(lines) + "\n").encode("utf-8")
            lines = []
    yield ("\n".join(lines) + "\n" if lines else "").encode("utf-8")


def _cell(value: Cell) -> str:
    if value is None:
        return "n/a"
    if isinstance(value, bool | np.bool_):
        return "true" if value else "false"
    if isinstance(value, int | np.integer):
        return str(int(value))
    if isinstance(value, float | np.floating):
        number = float(value)
        return "n/a" if math.isnan(number) else repr(number)
    if not isinstance(value, str):
        value = "; ".join(value)
    return _guarded(value.translate(_BREAKS).strip()) or "n/a"


def _guarded(text: str) -> str:
    if not GUARDED.match(text):
        return text
    try:
        float(text)
    except ValueError:
        return "'" + text
    return text
