"""JSON sidecars: found by the inheritance principle of BIDS, read strictly, every field with the file that gave it."""

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, TypeGuard

from afterglow.io.integrity import opened
from afterglow.io.names import parse_name
from afterglow.records.errors import BadInput


@dataclass(frozen=True)
class Sidecar:
    """The merged fields of all JSON files that apply to one image, and the file each field came from."""

    image: Path
    fields: Mapping[str, object]
    origin: Mapping[str, Path]

    def __contains__(self, name: str) -> bool:
        return name in self.fields

    @property
    def is_empty(self) -> bool:
        return not self.fields

    def where(self, name: str) -> Path:
        """The file that gave a field, or the image where none did."""
        return self.origin.get(name, self.image)

    def refuse(self, name: str, remedy: str) -> NoReturn:
        """Raise BadInput with file, field, found value and remedy."""
        found = json.dumps(self.fields.get(name), ensure_ascii=False)
        raise BadInput(f"{self.where(name)}: {name} is {found if len(found) < 80 else found[:77] + '...'}; {remedy}")

    def number(self, name: str) -> float | None:
        """A finite number, or None where the field is absent or null."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not _is_finite_number(value):
            self.refuse(name, "write one finite number, without quotes or units")
        return float(value)

    def numbers(self, name: str) -> tuple[float, ...] | None:
        """A list of finite numbers (a single number counts as a list of one), or None where absent."""
        value = self.fields.get(name)
        if value is None:
            return None
        if not isinstance(value, list):
            single = self.number(name)
            return None if single is None else (single,)
        if not all(_is_finite_number(v) for v in value):
            self.refuse(name, "write a list of finite numbers, without quotes or units")
        return tuple(float(v) for v in value)

    def text(self, name: str) -> str | None:
        """A string, or None where absent or empty."""
        value = self.fields.get(name)
        if value is None or value == "":
            return None
        if not isinstance(value, str):
            self.refuse(name, "write it as text in quotes")
        return value


def _is_finite_number(value: object) -> TypeGuard[int | float]:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:  # an integer beyond the range of a float
        return False


def read_sidecar(image: Path, root: Path) -> Sidecar:
    """All JSON files between `root` and the image that apply to it, merged; the nearest and most specific wins.

    A file applies when it has the image's suffix and none of its entities contradicts the image's name. Two files of
    one folder and one specificity that say different things about one field raise BadInput.
    """
    merged: dict[str, object] = {}
    origin: dict[str, Path] = {}
    depth: dict[str, tuple[Path, int]] = {}
    for path, level in applicable(image, root, ".json"):
        for name, value in read_json(path).items():
            if name in merged and depth[name] == level and merged[name] != value:
                raise BadInput(
                    f"{path}: {name} is {value!r} here but {merged[name]!r} in {origin[name].name}; keep one of the two"
                )
            merged[name], origin[name], depth[name] = value, path, level
    return Sidecar(image, merged, origin)


def sidecar_files(image: Path, root: Path) -> tuple[Path, ...]:
    """The files that say how an image was made: JSON as `read_sidecar` reads it, and b-values."""
    return tuple(path for extension in (".json", ".bval") for path, _ in applicable(image, root, extension))


def applicable(image: Path, root: Path, extension: str) -> list[tuple[Path, tuple[Path, int]]]:
    """Files that apply to `image` by inheritance, from the most general to the most specific, with (folder, entities)."""
    name = parse_name(image.name)
    if name is None:
        beside = image.with_name(image.name.partition(".")[0] + extension)
        return [(beside, (image.parent, 0))] if beside.is_file() else []
    found: list[tuple[Path, tuple[Path, int]]] = []
    for folder in _folders(image, root):
        here: list[tuple[int, Path]] = []
        for path in folder.glob(f"*{name.suffix}{extension}"):
            other = parse_name(path.name)
            if other and other.suffix == name.suffix and other.entities.items() <= name.entities.items():
                here.append((len(other.entities), path))
        found += [(path, (folder, count)) for count, path in sorted(here)]
    return found


def _folders(image: Path, root: Path) -> Iterable[Path]:
    parents = [image.parent, *image.parent.parents]
    return reversed(parents[: parents.index(root) + 1]) if root in parents else [image.parent]


def read_json(path: Path) -> dict[str, object]:
    """A JSON object; BadInput where the file is damaged, no object, or names one field twice."""
    with opened(path) as stream:
        raw = stream.read()
    try:
        content = json.loads(raw.decode("utf-8-sig"), object_pairs_hook=_without_repeats)
    except UnicodeDecodeError as error:
        raise BadInput(f"{path}: byte {error.start} is not UTF-8; save the file as UTF-8") from None
    except json.JSONDecodeError as error:
        raise BadInput(f"{path}: it is not valid JSON at line {error.lineno} ({error.msg}); mend or convert it again") from None
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise BadInput(f"{path}: {reason}; mend or convert it again") from None
    if not isinstance(content, dict):
        raise BadInput(f"{path}: it holds a {type(content).__name__}, not an object with named fields; mend or convert it again")
    return content


def _without_repeats(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"it names {twice} twice")
    return fields
