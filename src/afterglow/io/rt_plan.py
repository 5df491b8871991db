"""What an RTPLAN prescribes; and why afterglow writes none."""

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pydicom.dataset import Dataset
from pydicom.uid import RTPlanStorage

from afterglow.io.dicom_rt import read_dicom
from afterglow.records.errors import NotForTreatment

_DOSES = ("TargetMinimumDose", "TargetPrescriptionDose", "TargetMaximumDose", "DeliveryMaximumDose", "OrganAtRiskMaximumDose")


@dataclass(frozen=True)
class DoseReference:
    """One dose reference of a plan; None where the plan does not tell. Doses in Gy."""

    kind: str  # TARGET or ORGAN_AT_RISK
    structure_type: str  # POINT, VOLUME, COORDINATES or SITE
    description: str
    roi_number: int | None
    target_minimum_gy: float | None
    target_prescription_gy: float | None
    target_maximum_gy: float | None
    delivery_maximum_gy: float | None
    organ_maximum_gy: float | None

    @property
    def isodose(self) -> float | None:
        """Share of the target's largest dose on which the prescription lies, where both are told."""
        if self.target_prescription_gy is None or not self.target_maximum_gy:
            return None
        return self.target_prescription_gy / self.target_maximum_gy


@dataclass(frozen=True)
class DeliveredPlan:
    """What the standard's part of an RTPLAN says. Private elements, in which a Gamma Knife keeps its shots, are not read."""

    label: str
    uid: str
    frame_uid: str
    structure_set_uid: str
    manufacturer: str
    references: tuple[DoseReference, ...]
    fractions: int | None
    n_beams: int
    n_control_points: int
    n_application_setups: int
    isocentres_mm: tuple[tuple[float, float, float], ...]  # RAS, of the control points, each once

    @property
    def prescription_gy(self) -> float | None:
        """The one target prescription dose; None where there is none or several that differ."""
        told = {one.target_prescription_gy for one in self.references if one.target_prescription_gy is not None}
        return next(iter(told)) if len(told) == 1 else None


def read_plan_prescription(path: Path) -> DeliveredPlan:
    """Prescribed doses, fractions, and how many beams and isocentres an RTPLAN has; None where it does not tell."""
    ds = read_dicom(path, RTPlanStorage, "RTPLAN")
    beams = list(ds.get("BeamSequence") or [])
    points = [point for beam in beams for point in beam.get("ControlPointSequence") or []]
    groups = list(ds.get("FractionGroupSequence") or [])
    sets = list(ds.get("ReferencedStructureSetSequence") or [])
    return DeliveredPlan(
        label=str(ds.get("RTPlanLabel", "")),
        uid=str(ds.get("SOPInstanceUID", "")),
        frame_uid=str(ds.get("FrameOfReferenceUID", "")),
        structure_set_uid=str(sets[0].get("ReferencedSOPInstanceUID", "")) if sets else "",
        manufacturer=str(ds.get("Manufacturer", "")),
        references=tuple(_reference(item) for item in ds.get("DoseReferenceSequence") or []),
        fractions=_whole(groups[0], "NumberOfFractionsPlanned") if len(groups) == 1 else None,
        n_beams=len(beams),
        n_control_points=len(points),
        n_application_setups=len(ds.get("ApplicationSetupSequence") or []),
        isocentres_mm=_isocentres(points),
    )


def refuse_rt_plan() -> NoReturn:
    """Raise NotForTreatment: an RTPLAN is an order to a machine, and nothing here may give one."""
    raise NotForTreatment(
        "an RTPLAN is not written: its dose comes from a research kernel that is not commissioned, and a plan file is an order to "
        "a treatment machine; carry the zones (RTSTRUCT, SEG) or the prescription (RTDOSE) into the planning system and plan there"
    )


def _reference(item: Dataset) -> DoseReference:
    minimum, prescription, maximum, delivered, organ = (_number(item, name) for name in _DOSES)
    return DoseReference(
        str(item.get("DoseReferenceType", "")), str(item.get("DoseReferenceStructureType", "")),
        str(item.get("DoseReferenceDescription", "")), _whole(item, "ReferencedROINumber"),
        minimum, prescription, maximum, delivered, organ,
    )  # fmt: skip


def _number(item: Dataset, name: str) -> float | None:
    value = item.get(name)
    return None if value in (None, "") else float(value)


def _whole(item: Dataset, name: str) -> int | None:
    value = _number(item, name)
    return None if value is None else int(value)


def _isocentres(points: list[Dataset]) -> tuple[tuple[float, float, float], ...]:
    found: dict[tuple[float, float, float], None] = {}
    for point in points:
        place = point.get("IsocenterPosition")
        if place not in (None, "") and len(place) == 3:
            x, y, z = (float(mm) for mm in place)
            found[-x, -y, z] = None
    return tuple(found)
