"""A learning set on disk: every case on one grid, a data card with every hash, and splits that are written once."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from afterglow.io.images import write_image, write_mask
from afterglow.io.integrity import sha256
from afterglow.io.learning_cards import card_fields, read_card_fields, splits_fields, splits_of
from afterglow.io.learning_notice import LearningNotice, write_notice
from afterglow.io.nifti import read_image, read_labels
from afterglow.io.sidecar import read_json
from afterglow.io.write import json_bytes, write_json
from afterglow.records.errors import BadInput, MissingInput, NotVerified
from afterglow.records.recurrence import Channel, LearningCase, Splits

MASKS = ("brain", "label", "enhancing")
_FILE_NAME = re.compile(r"[0-9A-Za-z][0-9A-Za-z-]*")


@dataclass(frozen=True)
class StoredCase:
    """One case of a learning set as its files lie on disk. `key` stands for all that it was made from; empty: not known."""

    subject: str
    session: str
    recurs: bool | None
    files: Mapping[str, str]  # path below the folder of the data -> SHA-256
    sources: Mapping[str, str]
    remarks: tuple[str, ...]
    key: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "files", MappingProxyType(dict(self.files)))
        object.__setattr__(self, "sources", MappingProxyType(dict(self.sources)))

    @property
    def folder(self) -> str:
        """sub-01_ses-pre"""
        return case_folder(self.subject, self.session)


@dataclass(frozen=True, eq=False)
class LearningSet:
    """A learning set that was read from MODELS: its card checked, its images read when they are asked for."""

    folder: Path  # of the data: MODELS/data
    method: str
    channels: tuple[Channel, ...]
    spacing_mm: float
    splits: Splits
    entries: Mapping[str, StoredCase]  # by subject
    left_out: Mapping[str, str]  # subject -> why
    sha256: str  # of data.json

    def case(self, subject: str) -> LearningCase:
        """One case with its images, their hashes checked. MissingInput where the set has no such patient."""
        if subject not in self.entries:
            why = self.left_out.get(subject)
            raise MissingInput(
                f"{self.folder}: sub-{subject} is not in the learning set"
                + (f" ({why})" if why else f"; it has {len(self.entries)}")
            )
        return read_case(self.folder, self.entries[subject], self.channels)

    def cases(self) -> Iterator[LearningCase]:
        """Every case, one after the other: never all in memory."""
        for subject in self.entries:
            yield self.case(subject)

    def path(self, subject: str, name: str) -> Path:
        """Where a channel, or "brain", "label" or "enhancing", of a patient lies. MissingInput where there is none."""
        stored = self.entries.get(subject)
        path = f"{case_folder(subject, stored.session)}/{name}.nii.gz" if stored else ""
        if stored is None or path not in stored.files:
            raise MissingInput(f"{self.folder}: there is no {name} of sub-{subject} in the learning set")
        return self.folder / path


def case_folder(subject: str, session: str) -> str:
    """sub-01_ses-pre; sub-01 where the data set has no sessions."""
    return f"sub-{subject}" + (f"_ses-{session}" if session else "")


def write_learning_set(
    folder: Path,
    cases: Iterable[LearningCase],
    channels: tuple[Channel, ...],
    splits: Splits,
    *,
    method: str,
    spacing_mm: float,
    left_out: Mapping[str, str],
) -> Path:
    """Write MODELS/data below `folder` (MODELS): cases one after the other, splits once, and last the data card, which is returned.

    BadInput where a patient stands twice or in no split, or where splits that are there already differ.
    """
    stored = [write_case(folder, case, channels) for case in cases]
    return write_learning_card(folder, stored, channels, splits, method=method, spacing_mm=spacing_mm, left_out=left_out)


def write_case(folder: Path, case: LearningCase, channels: Sequence[Channel], *, key: str = "") -> StoredCase:
    """Write the images of one case; its own case.json comes last, so that a killed run leaves none half done."""
    data, name = folder / "data", case_folder(case.subject, case.session)
    for channel in channels:
        if not _FILE_NAME.fullmatch(channel.name) or channel.name in MASKS:
            raise BadInput(f"channel {channel.name!r}: its name becomes a file name; use letters, digits and hyphens")
        if channel.name not in case.images:
            raise MissingInput(f"sub-{case.subject} ses-{case.session}: the channel {channel.name} is missing")
    (data / name / "case.json").unlink(missing_ok=True)
    files: dict[str, str] = {}
    for channel in channels:
        image = np.asarray(case.images[channel.name], dtype=np.float32)
        files[f"{name}/{channel.name}.nii.gz"] = write_image(data / name / f"{channel.name}.nii.gz", image, case.grid)[0].sha256
    for mask in MASKS:
        voxels = getattr(case, mask)
        if voxels is None:
            (data / name / f"{mask}.nii.gz").unlink(missing_ok=True)
        else:
            files[f"{name}/{mask}.nii.gz"] = write_mask(data / name / f"{mask}.nii.gz", voxels, case.grid)[0].sha256
    stored = StoredCase(case.subject, case.session, case.recurs, files, case.sources, case.remarks, key)
    write_json(data / name / "case.json", _case_fields(stored))
    return stored


def finished_case(folder: Path, subject: str, session: str, key: str) -> StoredCase | None:
    """A case that was made from the same sources and settings and whose files are all whole; None: make it (again)."""
    path = folder / "data" / case_folder(subject, session) / "case.json"
    if not key or not path.is_file():
        return None
    try:
        stored = _stored_case(read_json(path))
    except (BadInput, KeyError, TypeError, ValueError, AttributeError):
        return None
    if stored.key != key or (stored.subject, stored.session) != (subject, session):
        return None
    whole = all(
        (folder / "data" / name).is_file() and sha256(folder / "data" / name) == digest for name, digest in stored.files.items()
    )
    return stored if whole else None


def write_learning_card(
    folder: Path,
    cases: Sequence[StoredCase],
    channels: tuple[Channel, ...],
    splits: Splits,
    *,
    method: str,
    spacing_mm: float,
    left_out: Mapping[str, str],
    notice: LearningNotice | None = None,
) -> Path:
    """The splits, once, and the data card over cases that are written.

    A card of before that lacks the notice alone stays as it is, for models name its hash.
    """
    _check_cases(cases, splits)
    data = folder / "data"
    _write_splits(data, splits)
    content = card_fields(
        channels,
        [_case_fields(one) for one in sorted(cases, key=lambda one: one.subject)],
        method=method,
        spacing_mm=spacing_mm,
        left_out=left_out,
        splits_sha256=sha256(data / "splits.json"),
    )
    path = data / "data.json"
    noticed = write_notice(data, notice)
    if path.is_file() and path.read_bytes() == json_bytes(content):
        return path
    return write_json(path, content | noticed).path


def _check_cases(cases: Sequence[StoredCase], splits: Splits) -> None:
    subjects = [one.subject for one in cases]
    twice = next((one for one in subjects if subjects.count(one) > 1), None)
    if twice is not None:
        raise BadInput(f"sub-{twice} is twice in the learning set; one visit of a patient can be learnt from")
    named = {*splits.test, *splits.folds[0].training, *splits.folds[0].held_out}
    stray = sorted(named ^ set(subjects))
    if stray:
        where = "has no case" if stray[0] in named else "is in no split"
        raise BadInput(f"sub-{stray[0]} {where}: cases and splits must name the same patients")


def _write_splits(data: Path, splits: Splits) -> None:
    path = data / "splits.json"
    if not path.is_file():
        write_json(path, splits_fields(splits))
        return
    there = read_splits(data.parent)
    if there != splits:
        raise BadInput(
            f"{path}: these splits were written before and differ ({_difference(there, splits)}); "
            "models that were trained on them would have seen their test patients: use another folder"
        )


def _difference(old: Splits, new: Splits) -> str:
    """In which way two splits differ, the plainest first."""
    everyone = [{*one.test, *one.folds[0].training, *one.folds[0].held_out} for one in (old, new)]
    if everyone[0] != everyone[1]:
        more, fewer = sorted(everyone[1] - everyone[0]), sorted(everyone[0] - everyone[1])
        words = [f"sub-{more[0]} is new" if more else "", f"sub-{fewer[0]} is gone" if fewer else ""]
        return " and ".join(word for word in words if word)
    for what in ("kind", "seed", "stratified_by"):
        if getattr(old, what) != getattr(new, what):
            return f"{what.replace('_', ' ')} was {getattr(old, what)}, now {getattr(new, what)}"
    if len(old.folds) != len(new.folds):
        return f"{len(old.folds)} folds, now {len(new.folds)}"
    return "other patients in the test set" if set(old.test) != set(new.test) else "other patients in the folds"


def read_splits(folder: Path) -> Splits:
    """The splits of MODELS. BadInput where a patient is in two of them, or the file is none of ours."""
    path = folder / "data" / "splits.json"
    try:
        return splits_of(read_json(path))
    except (KeyError, TypeError, AttributeError) as error:
        raise BadInput(
            f"{path}: {error!r} is missing or malformed; restore the file, or build the learning set in another folder"
        ) from None
    except ValueError as error:
        raise BadInput(f"{path}: {error}; correct it, or build the learning set in another folder") from None


def read_learning_set(folder: Path) -> LearningSet:
    """The learning set of MODELS, from its data card. MissingInput where there is none, NotVerified where the splits were changed."""
    path = folder / "data" / "data.json"
    if not path.is_file():
        raise MissingInput(f"{path}: there is no learning set; make it first (afterglow train)")
    content: Mapping[str, Any] = read_json(path)
    splits = read_splits(folder)
    try:
        card = read_card_fields(content)
        stored = [_stored_case(one) for one in content["cases"]]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(
            f"{path}: {error!r} is missing or malformed; restore the file, or build the learning set in another folder"
        ) from None
    if sha256(path.with_name("splits.json")) != card.splits_sha256:
        raise NotVerified(
            f"{path.with_name('splits.json')}: it is not the file that data.json names; restore it, or build the learning set in another folder"
        )
    _check_cases(stored, splits)
    entries = MappingProxyType({one.subject: one for one in stored})
    left_out = MappingProxyType(dict(card.left_out))
    return LearningSet(folder / "data", card.method, card.channels, card.spacing_mm, splits, entries, left_out, sha256(path))


def read_case(data: Path, stored: StoredCase, channels: Sequence[Channel]) -> LearningCase:
    """A case with its images. NotVerified where a file is not what the card says."""
    for name, digest in stored.files.items():
        if not (data / name).is_file() or sha256(data / name) != digest:
            raise NotVerified(f"{data / name}: it is gone or not the file that data.json names; build the learning set again")
    where = stored.folder
    opened = {channel.name: read_image(data / where / f"{channel.name}.nii.gz") for channel in channels}
    masks = {name: read_image(data / where / f"{name}.nii.gz") for name in MASKS if f"{where}/{name}.nii.gz" in stored.files}
    grid = masks["brain"].grid
    for name, image in {**opened, **masks}.items():
        if not image.grid.same_as(grid):
            raise BadInput(
                f"{image.path}: {name} is on another grid ({image.grid}) than brain ({grid}); build the learning set again"
            )
    laid = {name: read_labels(image) > 0 for name, image in masks.items()}
    images = {name: image.load() for name, image in opened.items()}
    return LearningCase(
        stored.subject, stored.session, grid, images, laid["brain"], laid.get("label"), laid.get("enhancing"),
        stored.sources, stored.remarks,
    )  # fmt: skip


def _case_fields(one: StoredCase) -> dict[str, object]:
    return {
        "subject": one.subject,
        "session": one.session,
        "recurs": one.recurs,
        "sources": dict(sorted(one.sources.items())),
        "files": dict(sorted(one.files.items())),
        "remarks": list(one.remarks),
        "key": one.key,
    }


def _stored_case(content: Mapping[str, Any]) -> StoredCase:
    recurs = content["recurs"]
    if recurs is not None and not isinstance(recurs, bool):
        raise ValueError(f"recurs is {recurs!r}")
    return StoredCase(
        str(content["subject"]), str(content["session"]), recurs, dict(content["files"]), dict(content["sources"]),
        tuple(str(word) for word in content["remarks"]), str(content["key"]),
    )  # fmt: skip
