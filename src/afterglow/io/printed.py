"""Files of printed numbers: the JSON format of checks, a TOML table that a person writes, and the CSV tables beside them."""

import csv
import io
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from afterglow.io.integrity import opened
from afterglow.records.errors import BadInput
from afterglow.records.printed import PrintedCheck, PrintedTable

_MISSING = ("", "n/a", "NA", "nan", "NaN")
_LARGEST = 64 * 2**20  # bytes; a paper's numbers fit into a thousandth of it
_HEAD = ("title", "citation", "doi", "seed", "note")
_ABOUT_FILE = (*_HEAD, "readings", "checks", "check")


@dataclass(frozen=True, eq=False)
class PrintedText:
    """What stands in a file: its head, checks in the format's own words, and entries in a person's words."""

    path: Path
    head: Mapping[str, str]
    checks: tuple[PrintedCheck, ...]
    entries: tuple[tuple[str, int, Mapping[str, object]], ...]  # heading, its number, keys
    readings: tuple[str, ...] = ()  # names of what the paper compares


def read_printed(path: Path) -> PrintedText:
    """A .toml file, or JSON by any other name. Numbers keep the decimals that they are written with (as Decimal).

    BadInput where it is neither, holds no check, or names two checks alike.
    """
    text = _text(path)
    content = _toml(path, text) if path.suffix.lower() == ".toml" else _json(path, text)
    if isinstance(content, list):
        content = {"checks": content}
    if not isinstance(content, dict):
        raise BadInput(f"{path}: it holds a {type(content).__name__}; write an object with a list 'checks'")
    listed = [item for name in ("checks", "check") if name in content for item in _listed(path, name, content[name])]
    seed = str(content.get("seed", ""))
    checks = tuple(_check(path, number, item, seed) for number, item in enumerate(listed, start=1))
    entries = _entries(path, content) if path.suffix.lower() == ".toml" else ()
    if not checks and not entries:
        raise BadInput(f"{path}: it holds no check; write a list 'checks' in JSON, or tables such as [[proportion]] in TOML")
    _refuse_twins(path, [check.id for check in checks])
    head = {name: str(content[name]) for name in _HEAD if name in content}
    readings = content.get("readings", [])
    if not isinstance(readings, list) or not all(isinstance(name, str) for name in readings):
        raise BadInput(f"{path}: 'readings' is {str(readings)[:40]!r}; write a list of names in quotes")
    return PrintedText(path, head, checks, entries, tuple(readings))


def read_printed_table(path: Path, *, comes_with_afterglow: bool = False) -> PrintedTable:
    """A comma-separated table with a header; empty cells are missing. BadInput where lines do not fit under the header."""
    lines = [line for line in csv.reader(io.StringIO(_text(path))) if any(cell.strip() for cell in line)]
    if not lines:
        raise BadInput(f"{path}: the table is empty; write a line of column names and one line for each row")
    names = [name.strip() for name in lines[0]]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BadInput(f"{path}: the column {twice[0]!r} stands there twice; keep one of them")
    for number, line in enumerate(lines[1:], start=2):
        if len(line) != len(names):
            raise BadInput(
                f"{path}: line {number} has {len(line)} cells under {len(names)} columns; "
                "separate cells by commas and write decimals with a point"
            )
    columns = {
        name: tuple(None if line[i].strip() in _MISSING else line[i].strip() for line in lines[1:])
        for i, name in enumerate(names)
    }
    return PrintedTable(path.name, columns, comes_with_afterglow)


def _text(path: Path) -> str:
    with opened(path) as stream:
        raw = stream.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise BadInput(f"{path}: it is larger than {_LARGEST // 2**20} MiB; give the file of printed numbers alone")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None


def _no_constant(word: str) -> object:
    raise ValueError(f"{word} is no number of a paper")


def _json(path: Path, text: str) -> object:
    try:
        return json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}: it is no JSON (line {error.lineno}, {error.msg}); a table in TOML ends in .toml") from None
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: it cannot be read as JSON ({error or 'nested too deeply'}); write finite numbers") from None


def _toml(path: Path, text: str) -> object:
    try:
        return tomllib.loads(text, parse_float=Decimal)
    except (tomllib.TOMLDecodeError, ValueError, RecursionError) as error:
        raise BadInput(
            f'{path}: it is no TOML ({error}); numbers have a decimal point, text stands in quotes, P < .001 is "<0.001"'
        ) from None


def _listed(path: Path, name: str, value: object) -> Sequence[object]:
    if not isinstance(value, list):
        raise BadInput(f"{path}: {name!r} is a {type(value).__name__}; write a list of checks")
    return value


def _check(path: Path, number: int, item: object, seed: str) -> PrintedCheck:
    if not isinstance(item, dict):
        raise BadInput(f"{path}: check {number} is {str(item)[:40]!r}; write an object with id, kind and input")
    named = f"check {number}"
    if item.get("id") is None:
        raise BadInput(f"{path}: {named} has no 'id'; give it a name of its own")
    named = f"check {item['id']!r}"
    kind, given, published = item.get("kind"), item.get("input"), item.get("published")
    if not isinstance(kind, str) or not kind:
        raise BadInput(f"{path}: {named} has no 'kind'; say what to recompute, such as \"proportion_ci\"")
    if not isinstance(given, dict):
        raise BadInput(f"{path}: {named} has no 'input'; write an object with its numbers")
    if published is not None and not isinstance(published, dict):
        raise BadInput(f"{path}: {named} has 'published' that is no object; write null or an object with what is printed")
    texts = {key: str(item[key]) for key in ("title", "method") if item.get(key) is not None}
    said = item.get("seed") or seed or _seed_of(str(item["id"]))
    return PrintedCheck(str(item["id"]), kind, given, path.name, seed=str(said), published=published, **texts)


def _seed_of(name: str) -> str:
    """S002-mcnemar is a check of paper 002."""
    head = name.partition("-")[0]
    return head[1:] if head[:1] == "S" and head[1:].isdigit() else ""


def _entries(path: Path, content: Mapping[str, object]) -> tuple[tuple[str, int, Mapping[str, object]], ...]:
    found: list[tuple[str, int, Mapping[str, object]]] = []
    for name, value in content.items():
        if name in _ABOUT_FILE:
            continue
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise BadInput(f"{path}: {name!r} is no heading of printed numbers; write it as [[{name}]], or take it out")
        found += [(name, number, item) for number, item in enumerate(value, start=1)]
    return tuple(found)


def _refuse_twins(path: Path, ids: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise BadInput(f"{path}: two checks are named {name!r}; give each an id of its own")
        seen.add(name)
