"""What was read, done and written, with hashes: the memory of a run, and the proof that nothing changed since.

Each exam has a file of its own under OUT/.afterglow/exams; OUT/manifest.json is all of them merged. Two processes never
write the same exam file, and whoever writes manifest.json last has seen them all: a process looks again after its own
write and repeats it where an exam file came or changed in between. So no update is lost, and no lock is needed.

To merge takes as long as there are exams, so a run over many of them merges at its start and its end only.
"""

import hashlib
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

from afterglow.io.atomic import Written, write_bytes
from afterglow.io.integrity import sha256
from afterglow.io.sidecar import read_json
from afterglow.io.write import json_bytes
from afterglow.records.errors import AfterglowError, BadInput, MissingInput

State = Literal["done", "failed"]
_STATES: dict[str, State] = {"done": "done", "failed": "failed"}
_KEY = re.compile(r"[0-9A-Za-z_+-]+")
_SCHEMA = 1
_merged_later: ContextVar[bool] = ContextVar("manifest merged later", default=False)


@dataclass(frozen=True)
class FileEntry:
    """One file: its path with forward slashes (inputs relative to the data set, outputs to the output folder)."""

    path: str
    sha256: str
    n_bytes: int


@dataclass(frozen=True)
class ManifestEntry:
    """One exam (key sub-01_ses-01), one patient (sub-01) or the group.

    `fingerprint` stands for inputs, settings and versions together; the same fingerprint means the same outputs.
    """

    key: str
    state: State
    method: str
    fingerprint: str
    inputs: tuple[FileEntry, ...]
    outputs: tuple[FileEntry, ...]
    settings: Mapping[str, object]
    versions: Mapping[str, str]
    seconds: Mapping[str, float] = field(default_factory=dict)
    methods_text: str = ""
    message: str = ""  # the error of a failed exam

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.key):
            raise ValueError(f"manifest key {self.key!r} is no plain label")


@dataclass(frozen=True)
class Manifest:
    """Everything that OUT/manifest.json says."""

    out: Path
    entries: Mapping[str, ManifestEntry]


def input_entry(path: Path, root: Path) -> FileEntry:
    """An input file with its hash."""
    return FileEntry(path.relative_to(root).as_posix(), sha256(path), path.stat().st_size)


def output_entry(written: Written, out: Path) -> FileEntry:
    """A written file with the hash of what was written."""
    return FileEntry(written.path.relative_to(out).as_posix(), written.sha256, written.n_bytes)


def fingerprint(inputs: tuple[FileEntry, ...], settings: Mapping[str, object], versions: Mapping[str, str]) -> str:
    """SHA-256 over inputs (paths and hashes), settings and versions, whatever their order."""
    files = {entry.path: entry.sha256 for entry in inputs}
    content = {"inputs": _ordered(files), "settings": _ordered(settings), "versions": _ordered(versions)}
    return hashlib.sha256(json_bytes(content)).hexdigest()


def _ordered(value: object) -> object:
    if isinstance(value, Mapping):
        return {key: _ordered(value[key]) for key in sorted(value)}
    return [_ordered(item) for item in value] if isinstance(value, list | tuple) else value


def record(out: Path, entry: ManifestEntry) -> None:
    """Put one exam into the manifest, in place of what was said about it before; safe beside other processes."""
    write_bytes(_exam_file(out, entry.key), json_bytes(_to_json(entry)))
    if not _merged_later.get():
        publish(out)


@contextmanager
def merging_later() -> Iterator[None]:
    """Inside, `record` writes the exam's own file and leaves manifest.json to whoever calls `publish` in the end."""
    before = _merged_later.set(True)
    try:
        yield
    finally:
        _merged_later.reset(before)


@contextmanager
def merged_at_the_end(out: Path) -> Iterator[None]:
    """Merge what earlier runs left, then no more until the end, which comes after an error or Ctrl-C too."""
    publish(out)
    try:
        with merging_later():
            yield
    finally:
        publish(out)


def publish(out: Path) -> None:
    """Write OUT/manifest.json from the exam files."""
    while True:
        before = _exam_bytes(out)
        write_bytes(out / "manifest.json", _merged(before))
        if _exam_bytes(out) == before:
            return


def read_manifest(out: Path) -> Manifest:
    """The manifest of an output folder; empty where nothing was written yet. BadInput where it is damaged."""
    path = out / "manifest.json"
    if not path.is_file():
        return Manifest(out, {})
    exams = read_json(path).get("exams")
    if not isinstance(exams, dict):
        raise BadInput(f"{path}: it lists no exams; run again, or restore the file")
    return Manifest(out, {key: _from_json(content, path) for key, content in exams.items()})


def is_finished(manifest: Manifest, key: str, wanted: str) -> bool:
    """Whether an exam was done with this fingerprint and all its outputs are still there with their size."""
    return _is_whole(manifest.out, manifest.entries.get(key), wanted)


def is_finished_on_disk(out: Path, key: str, wanted: str) -> bool:
    """As `is_finished`, but asks the exam's own file, however many others there are; a damaged one proves nothing."""
    return _is_whole(out, read_entry(out, key), wanted)


def read_entry(out: Path, key: str) -> ManifestEntry | None:
    """What is said about one exam now, by its own file; None where that is not there or damaged."""
    path = _exam_file(out, key)
    try:
        return _from_json(read_json(path), path) if path.is_file() else None
    except BadInput:
        return None


def _is_whole(out: Path, entry: ManifestEntry | None, wanted: str) -> bool:
    if entry is None or entry.state != "done" or entry.fingerprint != wanted:
        return False
    files = [(out / output.path, output.n_bytes) for output in entry.outputs]
    return all(path.is_file() and path.stat().st_size == n_bytes for path, n_bytes in files)


def verify(manifest: Manifest, *, inputs_root: Path | None = None) -> list[str]:
    """A sentence for each output (and, with the data set's root, each input) that is missing or differs by any byte.

    The manifest itself is compared with the exam files it was made from, so a change to either is found too.
    """
    problems = _verify_itself(manifest.out)
    for entry in manifest.entries.values():
        for output in entry.outputs:
            problems += _verify_file(manifest.out, output, f"written for {entry.key}")
        if inputs_root is not None:
            for source in entry.inputs:
                problems += _verify_file(inputs_root, source, f"read for {entry.key}")
    return list(dict.fromkeys(problems))


def _verify_itself(out: Path) -> list[str]:
    path = out / "manifest.json"
    if not path.is_file():
        return [f"{path}: it is missing; run again"]
    if path.read_bytes() != _merged(_exam_bytes(out)):
        return [
            f"{path}: it differs from the exam files under {out / '.afterglow'}; a run is still going on or was killed, or one of them was changed"
        ]
    return []


def _verify_file(root: Path, entry: FileEntry, role: str) -> list[str]:
    relative = PurePosixPath(entry.path)
    path = root / relative
    if relative.is_absolute() or ".." in relative.parts:
        return [f"{entry.path}: it lies outside {root}; the manifest was changed"]
    try:
        found = sha256(path)
    except MissingInput:
        return [f"{path}: {role}, now missing"]
    except AfterglowError as error:
        return [str(error)]
    return [] if found == entry.sha256 else [f"{path}: {role}, changed since (SHA-256 {found[:12]}…, was {entry.sha256[:12]}…)"]


def _exam_file(out: Path, key: str) -> Path:
    return out / ".afterglow" / "exams" / f"{key}.json"


def _exam_bytes(out: Path) -> dict[str, bytes]:
    folder = out / ".afterglow" / "exams"
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("[!.]*.json"))}


def _merged(exams: Mapping[str, bytes]) -> bytes:
    """manifest.json from the bytes of the exam files, which are indented to fit and otherwise taken as they are."""
    bodies = [f'    "{key}": '.encode() + body.strip().replace(b"\n", b"\n    ") for key, body in sorted(exams.items())]
    inner = b"{\n" + b",\n".join(bodies) + b"\n  }" if bodies else b"{}"
    return f'{{\n  "schema": {_SCHEMA},\n  "exams": '.encode() + inner + b"\n}\n"


def _to_json(entry: ManifestEntry) -> dict[str, object]:
    files = {name: [vars(one) for one in getattr(entry, name)] for name in ("inputs", "outputs")}
    return {**vars(entry), **files}


def _from_json(content: object, path: Path) -> ManifestEntry:
    try:
        if not isinstance(content, dict):
            raise TypeError
        files = {name: tuple(FileEntry(**one) for one in content[name]) for name in ("inputs", "outputs")}
        return ManifestEntry(**{**content, **files, "state": _STATES[content["state"]]})
    except (KeyError, TypeError, ValueError):
        raise BadInput(f"{path}: one of its exams is damaged; remove that exam's files and run again") from None
