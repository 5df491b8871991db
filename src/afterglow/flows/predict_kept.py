"""What was predicted of a patient earlier, for a report that is written again: shown as long as it is of the files that are there."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from afterglow.flows.place import Place
from afterglow.io.integrity import sha256
from afterglow.io.recurrence_maps import RecurrencePlace, find_stories, predicted_from, read_story
from afterglow.records.alignment import QualityLine
from afterglow.records.document import Section
from afterglow.records.errors import BadInput, MissingInput

TOLD = "prediction"  # setting of a patient's entry in the manifest: the hashes of the sections that the page holds


@dataclass(frozen=True)
class KeptPrediction:
    """The sections that a page takes in, the hash of each, and a line for each that is left out."""

    sections: tuple[Section, ...] = ()
    told: str = ""
    left_out: tuple[QualityLine, ...] = ()


def kept_prediction(place: Place, subject: str) -> KeptPrediction:
    """Predictions of a patient that lie in the output folder. Nothing is predicted, and no model is needed."""
    sections: list[Section] = []
    told: list[str] = []
    left_out: list[QualityLine] = []
    for story in find_stories(place.out, subject):
        try:
            why = _why_stale(predicted_from(story), (place.dataset.root, place.out))
            section = None if why else read_story(story)
        except (BadInput, MissingInput) as error:
            why, section = str(error), None
        if section is None:
            left_out.append(_line(story, why))
        else:
            sections.append(section)
            told.append(sha256(story.story_path))
    return KeptPrediction(tuple(sections), " ".join(told), tuple(left_out))


def _line(story: RecurrencePlace, why: str) -> QualityLine:
    where = f" of ses-{story.session}" if story.session else ""
    return QualityLine("prediction of recurrence", f"the one{where} is left out: {why}", "warning")


def _why_stale(sources: Mapping[str, str], roots: Iterable[Path]) -> str:
    """Why a prediction is not of the files that are there; empty where it is. Sources lie in the data set or in the output folder."""
    roots = tuple(roots)
    for name, digest in sources.items():
        there = [path for path in (root / name for root in roots) if path.is_file()]
        if not any(sha256(path) == digest for path in there):
            what = "is not the file any more" if there else "is gone"
            return f"{name} {what} that it was made from; `afterglow predict` again (of a patient of the learning set after `train --data-only`)"
    return ""
