"""A map to paint by: whose it is, in whose space it lies, and which model made it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from afterglow.flows.course_outlines import CourseVisit
from afterglow.io.integrity import sha256
from afterglow.io.learning_maps import sidecar_of
from afterglow.io.names import BidsName, label_of, parse_name
from afterglow.io.sidecar import read_json
from afterglow.records.alignment import QualityLine
from afterglow.records.errors import BadInput
from afterglow.records.painted import PaintedVisit
from afterglow.records.recurrence import NOT_FOR_DECISIONS

_SEEN = {
    "test": "the patient is of its test set",
    "out of fold": "the patient was held out of its folds",
    "training": "it had learned from this patient",
    "new": "the patient is new to it",
}


@dataclass(frozen=True)
class Steering:
    """What a report says of the map that a dose was painted by."""

    sentence: str
    line: QualityLine


def steering_of(by: Path, visit: CourseVisit, root: Path) -> Steering:
    """What the map says of itself by its name and its sidecar. `root` is the data set's.

    BadInput where it is of another patient or visit, lies in another space, or was made from other images than the one that is planned on.
    """
    name = parse_name(by.name) or BidsName({}, "", "")
    beside = sidecar_of(by)
    fields = read_json(beside) if beside.is_file() else {}
    subjects = _check_person(by, name, fields, visit.exam.subject)
    _check_visit(by, name, fields, visit.exam.session)
    _check_space(by, name, visit.anchor.series.role)
    _check_sources(by, fields, visit.anchor.series.source, root)
    return _model_told(by, fields) if "Model" in fields else _map_told(by, known=bool(subjects))


def steered(painted: PaintedVisit, steering: Steering) -> PaintedVisit:
    """The painted visit, which says in its quality lines and in its methods what steered the dose."""
    before = painted.prescription.provenance
    after = replace(before, sentence=f"{before.sentence} {steering.sentence}")
    return replace(
        painted,
        prescription=replace(painted.prescription, provenance=after),
        provenance=tuple(after if one is before else one for one in painted.provenance),
        quality=(*painted.quality, steering.line),
    )


def _check_person(by: Path, name: BidsName, fields: Mapping[str, object], subject: str) -> set[str]:
    """Everybody whom the map names."""
    sources = fields.get("Sources")
    listed = [str(one) for one in sources] if isinstance(sources, list) else []
    told = {one.partition("/")[0].removeprefix("sub-") for one in listed if one.startswith("sub-")}
    told |= {str(one) for one in (fields.get("Subject"), name.entities.get("sub")) if one}
    strange = sorted(told - {subject})
    if strange:
        raise BadInput(f"{by}: it is a map of sub-{strange[0]}, and sub-{subject} is painted; give that patient's own map")
    return told


def _check_visit(by: Path, name: BidsName, fields: Mapping[str, object], session: str) -> None:
    told = {str(one) for one in (fields.get("Session"), name.entities.get("ses")) if one}
    strange = sorted(told - {session})
    if strange:
        raise BadInput(
            f"{by}: it was made from ses-{strange[0]}, and ses-{session} is painted; a map is laid by its coordinates, so paint the visit that it was made from"
        )


def _check_space(by: Path, name: BidsName, planned_on: str) -> None:
    """An outline's `space-T1w` means the CE-T1w as well, and so does a map's."""
    space = name.entities.get("space")
    if space and space not in (label_of(planned_on), label_of(planned_on.rpartition("-")[2])):
        raise BadInput(
            f"{by}: it lies in the space of {space}, and the dose is planned on {planned_on}; lay it on that image first"
        )


def _check_sources(by: Path, fields: Mapping[str, object], planned_on: str, root: Path) -> None:
    """Where the map tells the hashes of its sources, the image that is planned on is one of them and still the same."""
    sources = fields.get("SourceSHA256")
    if not isinstance(sources, dict) or not sources:
        return
    if planned_on not in sources:
        raise BadInput(
            f"{by}: it was not made from {planned_on}, which the dose is planned on; predict this visit, or paint the other"
        )
    if sha256(root / planned_on) != sources[planned_on]:
        raise BadInput(f"{by}: {planned_on} is not the file any more that it was made from; predict this patient again")


def _model_told(by: Path, fields: Mapping[str, object]) -> Steering:
    """The model, how it was asked, and the threshold at which its maps are called."""
    folds, card, shown = fields.get("Folds"), fields.get("ModelCardSHA256"), fields.get("Shown")
    numbers = ", ".join(str(one) for one in folds) if isinstance(folds, list) else ""
    parts = (
        f"of method {fields['Method']}" if fields.get("Method") else "",
        f"fold{'s' if ',' in numbers else ''} {numbers}" if numbers else "",
        f"model card {str(card)[:12]}…" if card else "without a card",
        _SEEN.get(str(shown), ""),
        f"called at a threshold of {fields['Threshold']}" if fields.get("Threshold") is not None else "",
    )
    words = f"the probability of model {fields['Model']} ({'; '.join(part for part in parts if part)})"
    seen = shown == "training"
    advice = "the model had learned from this patient, so its map proves nothing" if seen else NOT_FOR_DECISIONS.rstrip(".")
    line = QualityLine("dose painted by", f"{words}, {by.name}", "warning" if seen else "note", advice)
    return Steering(f"The dose was painted by {words}. {NOT_FOR_DECISIONS}", line)


def _map_told(by: Path, *, known: bool) -> Steering:
    """A map of one's own, which names no model."""
    advice = "it is laid by its coordinates" + ("" if known else "; whose it is, neither its name nor a sidecar tells")
    return Steering(
        f"The dose was painted by {by.name}, which names no model.",
        QualityLine("dose painted by", f"{by.name}, which names no model", "note" if known else "warning", advice),
    )
