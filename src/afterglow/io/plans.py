"""One dose plan as NIfTI, its sidecar and the table of its shots, and back."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from afterglow.io.atomic import Written
from afterglow.io.images import write_image
from afterglow.io.nifti import read_image
from afterglow.io.plans_fields import origin_fields, read_fields, read_origin
from afterglow.io.tables import Row, read_table
from afterglow.io.write import Cell, write_tsv
from afterglow.records.dose import NOT_FOR_TREATMENT, DoseGrid, DosePlan, Shot
from afterglow.records.errors import BadInput

_SHOTS: Mapping[str, str | Mapping[str, object]] = {
    "x_mm": {"Description": "Isocentre, to the right in the space of the dose image", "Units": "mm"},
    "y_mm": {"Description": "Isocentre, to the front", "Units": "mm"},
    "z_mm": {"Description": "Isocentre, to the head", "Units": "mm"},
    "collimator_mm": {"Description": "Collimator of all sectors, or of each in turn; 0: blocked", "Units": "mm"},
    "weight_gy": {"Description": "Dose that the shot alone leaves at its focus", "Units": "Gy"},
}
_NEEDED = ("Name", "Origin", "Source", "FrameOfReferenceUID", "Isodose", "Prescribed", "Reasons")


def write_plan(path: Path, plan: DosePlan) -> tuple[Written, ...]:
    """Write `path` (…_dose.nii.gz: float32 Gy, NaN where the dose grid does not reach), its sidecar and …_shots.tsv beside it."""
    fields = {
        "LongName": f"dose of the {plan.name} plan",
        "Units": "Gy",
        "NotForTreatment": NOT_FOR_TREATMENT,
        "NotMeasured": "NaN",
        "Name": plan.name,
        "Origin": plan.dose.origin,
        "Source": plan.dose.source,
        "FrameOfReferenceUID": plan.dose.frame_uid,
        "Isodose": plan.isodose,
        "Prescribed": plan.prescribed,
        "Reasons": list(plan.reasons),
        "Shots": len(plan.shots),
        **origin_fields(plan.provenance),
    }
    shots = write_tsv(_shots_path(path), [_row(shot) for shot in plan.shots], _SHOTS)
    return shots + write_image(path, plan.dose.dose_gy, plan.dose.grid, sidecar=fields)


def read_plan(path: Path) -> DosePlan:
    """The plan that `write_plan` wrote; MissingInput or BadInput, with the file, where it is not whole."""
    fields = read_fields(path, (*_NEEDED, "Shots"))
    image = read_image(path)
    shots = tuple(_shot(row) for row in read_table(_shots_path(path), tuple(_SHOTS)))
    if len(shots) != fields["Shots"]:
        raise BadInput(f"{_shots_path(path)}: it has {len(shots)} shots, its plan {fields['Shots']}; run this visit again")
    try:
        dose = DoseGrid(image.load(), image.grid, fields["Origin"], fields["Source"], fields["FrameOfReferenceUID"])
        return _plan(fields, dose, shots, path)
    except ValueError as error:
        raise BadInput(f"{path}: {error}; run this visit again") from None


def _plan(fields: Mapping[str, Any], dose: DoseGrid, shots: tuple[Shot, ...], path: Path) -> DosePlan:
    return DosePlan(
        fields["Name"], dose, shots, fields["Isodose"], fields["Prescribed"], read_origin(fields, path), tuple(fields["Reasons"])
    )


def _shots_path(path: Path) -> Path:
    return path.with_name(path.name.removesuffix("_dose.nii.gz") + "_shots.tsv")


def _row(shot: Shot) -> dict[str, Cell]:
    x, y, z = (float(v) for v in shot.position_mm)
    collimators = [str(int(mm)) for mm in shot.collimator_mm]
    return {"x_mm": x, "y_mm": y, "z_mm": z, "collimator_mm": collimators, "weight_gy": float(shot.weight_gy)}


def _shot(row: Row) -> Shot:
    x, y, z, weight = (row.number(name) for name in ("x_mm", "y_mm", "z_mm", "weight_gy"))
    if x is None or y is None or z is None or weight is None:
        raise BadInput(f"{row.path}: line {row.line} lacks a number; a shot needs a place and a weight")
    try:
        collimators = tuple(int(mm) for mm in row.required("collimator_mm").split("; "))
        return Shot((x, y, z), collimators, weight)
    except ValueError as error:
        raise row.refuse("collimator_mm", f"write whole millimetres joined by '; ' ({error})") from None
