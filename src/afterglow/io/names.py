"""BIDS file names: entities, suffix, extension, and the patterns that pick files by them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from afterglow.records.errors import BadInput

# The order of the BIDS specification; model and param are those of the derivatives extension for maps (BEP016).
ENTITY_ORDER = (
    "sub", "ses", "sample", "task", "tracksys", "acq", "nuc", "voi", "ce", "trc", "stain", "rec", "dir", "run", "mod", "echo",
    "flip", "inv", "mt", "part", "proc", "hemi", "space", "split", "recording", "chunk", "seg", "res", "den", "label",
    "model", "param", "desc",
)  # fmt: skip
IMAGE_EXTENSIONS = (".nii.gz", ".nii")
_LABEL = re.compile(r"[0-9A-Za-z+]+")


@dataclass(frozen=True)
class BidsName:
    """A file name taken apart: sub-01_ce-gadolinium_dce.nii.gz -> {"sub": "01", "ce": "gadolinium"}, dce, .nii.gz."""

    entities: Mapping[str, str]
    suffix: str
    extension: str


def parse_name(name: str) -> BidsName | None:
    """The parts of a BIDS file name; None where it is not one."""
    stem, dot, extension = name.partition(".")
    *pairs, suffix = stem.split("_")
    entities: dict[str, str] = {}
    for pair in pairs:
        key, dash, value = pair.partition("-")
        if not dash or not key or not value or key in entities:
            return None
        entities[key] = value
    return BidsName(entities, suffix, dot + extension) if suffix and "-" not in suffix else None


def bids_name(entities: Mapping[str, str], suffix: str, extension: str) -> str:
    """A file name with its entities in the order of the specification; empty values are left out."""
    unknown = set(entities) - set(ENTITY_ORDER)
    if unknown:
        raise ValueError(f"not a BIDS entity: {', '.join(sorted(unknown))}")
    for key, value in entities.items():
        if value and not _LABEL.fullmatch(value):
            raise ValueError(f"{key}-{value}: a BIDS label holds letters and digits only")
    pairs = [f"{key}-{entities[key]}" for key in ENTITY_ORDER if entities.get(key)]
    return "_".join((*pairs, suffix)) + extension


def label_of(words: str) -> str:
    """Free words as a BIDS label: letters and digits only ("left frontal" -> "leftfrontal")."""
    return re.sub(r"[^0-9A-Za-z]", "", words)


@dataclass(frozen=True)
class Pattern:
    """Which files play a role: a folder, a suffix, and entities that must be there with a value ("*": any)."""

    folder: str
    suffix: str
    entities: Mapping[str, str]

    def takes(self, name: BidsName) -> bool:
        """Whether a file of `folder` with that name is meant.

        An anatomical image after contrast (ce-) is only taken where the pattern names `ce`, and phase or complex
        parts only where it names `part`: neither may slip in as a plain image.
        """
        if name.suffix != self.suffix or name.extension not in IMAGE_EXTENSIONS:
            return False
        if self.folder == "anat" and "ce" in name.entities and "ce" not in self.entities:
            return False
        if name.entities.get("part", "mag") != "mag" and "part" not in self.entities:
            return False
        return all(
            name.entities.get(key) == value or (value == "*" and key in name.entities) for key, value in self.entities.items()
        )


def parse_pattern(words: str) -> Pattern:
    """`anat/*_ce-gadolinium_T1w.nii.gz` as a Pattern; BadInput where it is not one."""
    folder, slash, name = words.partition("/")
    *pairs, suffix = name.partition(".")[0].split("_")
    entities = dict(pair.split("-", 1) for pair in pairs if pair != "*" and "-" in pair)
    if not slash or not suffix or "*" in suffix or any("-" not in pair for pair in pairs if pair != "*"):
        raise BadInput(f"{words!r} names no BIDS files; write it like 'perf/*_acq-fast_dce' (folder, entities, suffix)")
    return Pattern(folder, suffix, entities)


def sort_key(path: Path) -> tuple[tuple[str, int, str], ...]:
    """Orders files by their entities, numbers as numbers: flip-2 before flip-10."""
    name = parse_name(path.name)
    entities = name.entities if name else {}
    return tuple((key, int(value) if value.isdecimal() else 0, value) for key, value in entities.items())
