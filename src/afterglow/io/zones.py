"""Zones, prescription and plans of one painted visit as NIfTI with their tables, and back.

The report and a resumed run read only this. Nothing here needs DICOM.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.io.atomic import Written
from afterglow.io.derivatives import exam_folder
from afterglow.io.images import write_image
from afterglow.io.names import bids_name, label_of
from afterglow.io.nifti import read_image, read_labels
from afterglow.io.plans import read_plan, write_plan
from afterglow.io.plans_fields import origin_fields, read_fields, read_origin
from afterglow.io.write import write_json, write_text
from afterglow.records.dose import NOT_FOR_TREATMENT, DosePlan
from afterglow.records.errors import BadInput
from afterglow.records.zones import REASON_WORDS, ZONE_COLOURS, ZONE_WORDS, CriterionVotes, Prescription, Reason, Vote, ZoneMap

_VOTE_WORDS = {Vote.NO: "no", Vote.YES: "yes", Vote.NOT_ASSESSED: "not assessed"}
_REASONS = "reasons"


@dataclass(frozen=True)
class PaintedPlace:
    """Where the objects of one painted visit lie: the output folder, the visit, and the space of the planning image."""

    out: Path
    subject: str
    session: str
    space: str = "T1w"

    def path(self, folder: str, desc: str, suffix: str, extension: str) -> Path:
        """anat/sub-01_ses-01_space-T1w_desc-zones_dseg.nii.gz and the like."""
        entities = {"sub": self.subject, "ses": self.session, "space": self.space, "desc": label_of(desc)}
        return exam_folder(self.out, self.subject, self.session) / folder / bids_name(entities, suffix, extension)

    @property
    def index(self) -> Path:
        """The JSON that ties the objects together; it is written last."""
        return self.path("dose", "painting", "plan", ".json")


@dataclass(frozen=True, eq=False)
class PaintedObjects:
    """What lies on disk of one painted visit."""

    zones: ZoneMap
    prescription: Prescription
    plans: tuple[DosePlan, ...]


def write_nifti_objects(
    place: PaintedPlace, zones: ZoneMap, prescription: Prescription, plans: Sequence[DosePlan]
) -> tuple[Written, ...]:
    """Write zones, prescription and every plan; then the index. ValueError where two plans have one name."""
    labels = [label_of(plan.name) for plan in plans]
    if len(set(labels)) < len(labels):
        raise ValueError(f"two plans have one name: {', '.join(plan.name for plan in plans)}")
    written = write_zones(place, zones) + write_prescription(place, prescription)
    for plan, label in zip(plans, labels, strict=True):
        written += write_plan(_plan_path(place, label), plan)
    index = {"NotForTreatment": NOT_FOR_TREATMENT, "Plans": [{"Name": plan.name, "Label": label_of(plan.name)} for plan in plans]}
    return (*written, write_json(place.index, index))


def read_painted(place: PaintedPlace) -> PaintedObjects:
    """What `write_nifti_objects` wrote; MissingInput or BadInput, with the file, where it is not whole."""
    index = read_fields(place.index, ("Plans",))
    plans = tuple(read_plan(_plan_path(place, row["Label"])) for row in index["Plans"])
    return PaintedObjects(read_zones(place), read_prescription(place), plans)


def _plan_path(place: PaintedPlace, label: str) -> Path:
    return place.path("dose", f"plan{label}", "dose", ".nii.gz")


def write_zones(place: PaintedPlace, zones: ZoneMap) -> tuple[Written, ...]:
    """Label map with its table of labels, why each voxel has its label, and the votes of each criterion."""
    written: tuple[Written, ...] = ()
    rows = []
    for number, one in enumerate(zones.criteria, start=1):
        path = place.path("anat", f"votes{number}", "dseg", ".nii.gz")
        about = {"LongName": f"votes of {one.name}", "Criterion": one.words, "Levels": _levels(_VOTE_WORDS)}
        written += write_image(path, one.votes, zones.grid, sidecar=about)
        rows.append({"Name": one.name, "Words": one.words, "File": path.name})
    fields: dict[str, object] = {
        "LongName": "zones of the tumour",
        "NotForTreatment": NOT_FOR_TREATMENT,
        "Levels": _levels(ZONE_WORDS),
        "IslandsTooSmallInML": list(zones.islands_ml),
        "Criteria": rows,
        **origin_fields(zones.provenance),
    }
    path = place.path("anat", "zones", "dseg", ".nii.gz")
    written += _write_reasons(place, "zone", zones.reasons, zones)
    table = ["index\tname\tcolor"]
    table += [f"{int(z)}\t{ZONE_WORDS[z]}\t#{r:02x}{g:02x}{b:02x}" for z, (r, g, b) in ZONE_COLOURS.items()]
    written = (*written, write_text(place.path("anat", "zones", "dseg", ".tsv"), "\n".join(table) + "\n"))
    return written + write_image(path, zones.labels, zones.grid, sidecar=fields)


def read_zones(place: PaintedPlace) -> ZoneMap:
    """The zones that `write_zones` wrote."""
    path = place.path("anat", "zones", "dseg", ".nii.gz")
    fields = read_fields(path, ("Criteria", "IslandsTooSmallInML"))
    image = read_image(path)
    criteria = tuple(
        CriterionVotes(row["Name"], _read_levels(path.with_name(row["File"]), Vote), row["Words"]) for row in fields["Criteria"]
    )
    reasons = _read_levels(place.path("anat", "zonereasons", "dseg", ".nii.gz"), Reason)
    islands = tuple(float(ml) for ml in fields["IslandsTooSmallInML"])
    try:
        return ZoneMap(read_labels(image).astype(np.uint8), reasons, image.grid, criteria, read_origin(fields, path), islands)
    except ValueError as error:
        raise BadInput(f"{path}: {error}; run this visit again") from None


def write_prescription(place: PaintedPlace, prescription: Prescription) -> tuple[Written, ...]:
    """Prescribed dose in Gy (float32, 0 outside the tumour) and the reason of each voxel."""
    fields = {
        "LongName": "prescribed dose; not a calculated dose",
        "Units": "Gy",
        "NotForTreatment": NOT_FOR_TREATMENT,
        "Rule": prescription.rule,
        "LeastGy": prescription.least_gy,
        "GreatestGy": prescription.greatest_gy,
        "Reasons": _reason_table(prescription.reasons),
        **origin_fields(prescription.provenance),
    }
    path = place.path("dose", "prescription", "dose", ".nii.gz")
    reasons = _write_reasons(place, "prescription", prescription.reasons, prescription)
    return reasons + write_image(path, prescription.dose_gy, prescription.grid, sidecar=fields)


def read_prescription(place: PaintedPlace) -> Prescription:
    """The prescription that `write_prescription` wrote."""
    path = place.path("dose", "prescription", "dose", ".nii.gz")
    fields = read_fields(path, ("LeastGy", "GreatestGy", "Rule"))
    image = read_image(path)
    reasons = _read_levels(place.path("anat", "prescriptionreasons", "dseg", ".nii.gz"), Reason)
    try:
        return Prescription(
            image.load(), reasons, image.grid, float(fields["LeastGy"]), float(fields["GreatestGy"]), fields["Rule"],
            read_origin(fields, path),
        )  # fmt: skip
    except (ValueError, TypeError) as error:
        raise BadInput(f"{path}: {error}; run this visit again") from None


def _write_reasons(place: PaintedPlace, of: str, reasons: NDArray[np.uint8], noun: ZoneMap | Prescription) -> tuple[Written, ...]:
    path = place.path("anat", f"{of}{_REASONS}", "dseg", ".nii.gz")
    fields = {"LongName": f"why each voxel has its {of}", "Levels": _levels(REASON_WORDS), "Counts": _reason_table(reasons)}
    return write_image(path, reasons, noun.grid, sidecar=fields)


def _reason_table(reasons: NDArray[np.uint8]) -> dict[str, int]:
    """How many voxels have each reason, in words."""
    counts = np.bincount(reasons.ravel(), minlength=len(Reason))
    return {REASON_WORDS[one]: int(counts[one]) for one in Reason}


def _levels(words: Mapping[Any, str]) -> dict[str, str]:
    return {str(int(value)): text for value, text in words.items()}


def _read_levels(path: Path, kind: type[IntEnum]) -> NDArray[np.uint8]:
    """Labels that are all of one kind; BadInput where a value has no meaning."""
    labels = read_labels(read_image(path))
    if int(labels.max()) >= len(kind):
        raise BadInput(f"{path}: it holds the value {int(labels.max())}, which has no meaning here; run this visit again")
    return labels.astype(np.uint8)
