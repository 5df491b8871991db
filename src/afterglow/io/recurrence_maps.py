"""What was predicted of one visit on disk: probability maps with their sidecars, binary maps, pictures, and the section of its report."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from afterglow.io.atomic import Written, write_bytes
from afterglow.io.derivatives import exam_folder
from afterglow.io.images import write_image, write_mask
from afterglow.io.names import bids_name, label_of
from afterglow.io.sidecar import read_json
from afterglow.io.write import write_json
from afterglow.records.document import Block, Figure, Section, Table, Text
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.recurrence import NOT_FOR_DECISIONS, RecurrenceMap


@dataclass(frozen=True)
class RecurrencePlace:
    """Where the predictions of one visit lie: the output folder, the visit, and the image whose space they are in."""

    out: Path
    subject: str
    session: str
    space: str

    @property
    def folder(self) -> Path:
        """OUT/sub-01/ses-pre/recurrence"""
        return exam_folder(self.out, self.subject, self.session) / "recurrence"

    def map_path(self, model: str) -> Path:
        """sub-01_ses-pre_space-CET1w_label-recurrence_model-combined_probseg.nii.gz: BIDS labels hold no hyphen."""
        return self.folder / self._name("probseg", ".nii.gz", space=self.space, label="recurrence", model=model)

    def mask_path(self, model: str) -> Path:
        """The binary map at the threshold, beside the probabilities."""
        return self.folder / self._name("mask", ".nii.gz", space=self.space, label="recurrence", model=model)

    @property
    def table_path(self) -> Path:
        """sub-01_ses-pre_predictions.tsv, which OUT/predictions.tsv is collected from."""
        return self.folder / self._name("predictions", ".tsv")

    @property
    def story_path(self) -> Path:
        """The section of the report; its pictures lie beside it."""
        return self.folder / self._name("recurrence", ".json")

    def picture_path(self, name: str) -> Path:
        return self.folder / self._name("figure", ".png", desc=name)

    def _name(self, suffix: str, extension: str, **more: str) -> str:
        labels = {key: label_of(value) for key, value in more.items()}
        return bids_name({"sub": self.subject, "ses": self.session, **labels}, suffix, extension)


def write_recurrence_map(
    place: RecurrencePlace, made: RecurrenceMap, *, threshold: float, about: Mapping[str, object]
) -> tuple[Written, ...]:
    """The probability of each voxel (NaN: not measured) and the binary map at the threshold, each with everything about it.

    `about` says which model it was: the hash of its card, of its data, and the like.
    """
    sources = {
        "Subject": made.subject,
        "Session": made.session,
        "Model": made.model,
        "Shown": made.shown,
        "Folds": list(made.folds),
        "Threshold": threshold,
        **about,
        "Settings": dict(made.provenance.settings),
        "Sources": list(made.provenance.sources),
        "Methods": made.provenance.sentence,
        "DOIs": list(made.provenance.dois),
        "GeneratedBy": {"Name": "afterglow", "Version": made.provenance.version},
    }
    fields = {
        "LongName": "probability that the tumour comes back",
        "Units": "1",
        "NotMeasured": "NaN",
        "NotForDecisions": NOT_FOR_DECISIONS,
        **sources,
    }
    written = write_image(place.map_path(made.model), made.probability, made.grid, sidecar=fields)
    inside = np.nan_to_num(made.probability, nan=-np.inf) >= threshold
    binary = {
        "LongName": f"probability that the tumour comes back of at least {threshold:g}",
        "Type": "Lesion",
        "NotForDecisions": NOT_FOR_DECISIONS,
        **sources,
    }
    return (*written, *write_mask(place.mask_path(made.model), inside, made.grid, sidecar=binary))


def write_story(place: RecurrencePlace, section: Section) -> tuple[Written, ...]:
    """The section of the report with its pictures, so that a report that is written again shows it again."""
    written = [write_bytes(place.picture_path(block.name), block.image) for block in section.blocks if isinstance(block, Figure)]
    content = {"Title": section.title, "Anchor": section.anchor, "Blocks": [_plain(block) for block in section.blocks]}
    return (*written, write_json(place.story_path, content))


def read_story(place: RecurrencePlace) -> Section | None:
    """What `write_story` wrote; None where nothing was predicted. BadInput where it is damaged."""
    path = place.story_path
    if not path.is_file():
        return None
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        blocks = tuple(_block(place, one) for one in content["Blocks"])
        return Section(content["Title"], blocks, content["Anchor"])
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"{path}: {error!r} is missing or malformed; predict this patient again") from error


def find_stories(out: Path, subject: str) -> tuple[RecurrencePlace, ...]:
    """Every visit of a patient whose section lies in an output folder. Its space is not told: maps are not looked for by it."""
    home = exam_folder(out, subject, "")
    found = []
    for folder in (home / "recurrence", *sorted(home.glob("ses-*/recurrence"))):
        session = folder.parent.name.removeprefix("ses-") if folder.parent != home else ""
        place = RecurrencePlace(out, subject, session, "")
        found += [place] if place.story_path.is_file() else []
    return tuple(found)


def predicted_from(place: RecurrencePlace) -> Mapping[str, str]:
    """Every file that the maps beside a section were made from, with its SHA-256. BadInput where they do not tell it."""
    found: dict[str, str] = {}
    paths = sorted(place.folder.glob("*_label-recurrence_model-*_probseg.json"))
    for path in paths:
        sources = read_json(path).get("SourceSHA256")
        if not isinstance(sources, dict):
            raise BadInput(f"{path}: it does not tell what the map was made from; predict this patient again")
        found |= {str(name): str(digest) for name, digest in sources.items()}
    if not paths:
        raise MissingInput(f"{place.folder}: its maps are gone; predict this patient again")
    return found


def _plain(block: Block) -> dict[str, object]:
    match block:
        case Text():
            return {"kind": "text", "words": block.words, "set": block.kind}
        case Table():
            return {"kind": "table", "caption": block.caption, "columns": block.columns, "rows": block.rows}
        case Figure():
            digest = hashlib.sha256(block.image).hexdigest()
            return {"kind": "figure", "name": block.name, "sha256": digest, "caption": block.caption, "alt": block.alt}


def _block(place: RecurrencePlace, one: Mapping[str, Any]) -> Block:
    match one["kind"]:
        case "text":
            return Text(one["words"], one["set"])
        case "table":
            return Table(one["caption"], tuple(one["columns"]), tuple(tuple(row) for row in one["rows"]))
        case "figure":
            picture = _picture(place.picture_path(one["name"]), one["sha256"])
            return Figure(one["name"], picture, "image/png", one["caption"], one["alt"])
        case other:
            raise ValueError(f"block {other}")


def _picture(path: Path, digest: str) -> bytes:
    if not path.is_file():
        raise MissingInput(f"{path}: a picture of the report is missing; predict this patient again")
    image = path.read_bytes()
    if hashlib.sha256(image).hexdigest() != digest:
        raise BadInput(f"{path}: this is not the picture that was made for the report; predict this patient again")
    return image
