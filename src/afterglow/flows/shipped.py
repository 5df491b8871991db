"""Files that come with afterglow, or a user's own copy of one: by name, or by a path."""

from collections.abc import Sequence
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from afterglow.records.errors import BadMethod


def shipped_folder(*below: str) -> Traversable:
    """The folder of method files, or one below it."""
    return files("afterglow.methods").joinpath(*below)


def shipped_names(folder: Traversable) -> tuple[str, ...]:
    """Names of the files in a folder, without their ending."""
    return tuple(sorted(f.name.removesuffix(".toml") for f in folder.iterdir() if f.name.endswith(".toml")))


def shipped_text(name: str, folder: Traversable, *, kind: str, known: Sequence[str]) -> str:
    """A file by its name, or by a path that ends in .toml. BadMethod where there is none; `kind` says of what."""
    if name.endswith(".toml") or "/" in name:
        path = Path(name)
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise BadMethod(f"{path}: cannot be read as a {kind} file ({error})") from error
    if name not in known:
        raise BadMethod(f"unknown {kind} {name!r}; known: {', '.join(known)}, or the path of a .toml file")
    return (folder / f"{name}.toml").read_text(encoding="utf-8")
