"""Structures as an RTSTRUCT: contours in the slices of the planning series."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import RTStructureSetStorage

from afterglow.io.atomic import Written, write_bytes
from afterglow.io.dicom_bytes import code, uid
from afterglow.io.dicom_rt import digest_of, object_bytes, opened_object, research
from afterglow.io.rt_contours import volume_rings
from afterglow.io.rt_reference import LPS_TO_RAS, ReferencedInstance, ReferenceSeries
from afterglow.kernels.contours import Ring
from afterglow.records.dose import NOT_FOR_TREATMENT, Structure
from afterglow.records.errors import BadInput, GridMismatch

_STUDY_COMPONENT = "1.2.840.10008.3.1.2.3.1"  # the study class that planning systems write here (retired, still usual)
_INTERPRETED = {"target": "GTV", "zone": "DOSE_REGION", "organ": "ORGAN"}
NEOPLASM = ("108369006", "SCT", "Neoplasm")
_OTHER_COLOUR = (204, 121, 167)


@dataclass(frozen=True, eq=False)
class _Roi:
    number: int
    structure: Structure
    colour: tuple[int, int, int]
    rings: tuple[tuple[int, Ring], ...]


def write_structures(
    path: Path,
    structures: Sequence[Structure],
    reference: ReferenceSeries,
    *,
    label: str = "AFTERGLOW",
    colours: Mapping[str, tuple[int, int, int]] | None = None,
) -> Written:
    """Write structures as closed planar contours in the slices of `reference`, holes by keyhole (PS3.3 C.8.8.6.3).

    The grid of each structure must be that of the series (GridMismatch). BadInput where one is empty or two have one name. The
    same structures give the same bytes.
    """
    names = [one.name for one in structures]
    if len(set(names)) < len(names) or not names:
        raise BadInput(f"{path}: structures are told apart by their names, and here are {names}; name each once")
    rois = [_roi(n, one, reference, colours or {}) for n, one in enumerate(structures, start=1)]
    words = [f"{roi.structure.name} {roi.structure.kind} {roi.colour}" for roi in rois]
    content = digest_of(label, *words, *(array for roi in rois for array in _arrays(roi)))
    ds = opened_object(reference, RTStructureSetStorage, "RTSTRUCT", research(f"{label} structures"), content)
    ds.StructureSetLabel, ds.StructureSetName = label[:16], research(label)
    ds.StructureSetDescription = NOT_FOR_TREATMENT
    ds.StructureSetDate, ds.StructureSetTime = reference.moment
    ds.ReferencedFrameOfReferenceSequence = Items([_frame_of_reference(reference)])
    ds.StructureSetROISequence = Items([_structure_item(roi, reference) for roi in rois])
    ds.ROIContourSequence = Items([_contour_item(roi, reference) for roi in rois])
    ds.RTROIObservationsSequence = Items([_observation(roi) for roi in rois])
    ds.ApprovalStatus = "UNAPPROVED"
    return write_bytes(path, object_bytes(ds, implicit=True))


def tracking_uid(reference: ReferenceSeries, name: str) -> str:
    """The same region has the same tracking UID in every object of one planning series."""
    return str(uid(reference.series_uid, "region", name))


def _roi(number: int, one: Structure, reference: ReferenceSeries, colours: Mapping[str, tuple[int, int, int]]) -> _Roi:
    if one.frame_uid and one.frame_uid != reference.frame_uid:
        raise GridMismatch(
            f"structure {one.name}: its frame of reference is {one.frame_uid}, that of the series in {reference.source} "
            f"{reference.frame_uid}; give the series that it was drawn on"
        )
    share = reference.arranged(one.share, one.grid, f"structure {one.name}")
    rings = tuple(volume_rings(share))
    if not rings:
        raise BadInput(f"structure {one.name} is empty, and an RTSTRUCT holds no structure without contours; leave it out")
    return _Roi(number, one, colours.get(one.name, _OTHER_COLOUR), rings)


def _arrays(roi: _Roi) -> list[Ring]:
    return [np.append(ring.ravel(), k) for k, ring in roi.rings]


def _frame_of_reference(reference: ReferenceSeries) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = reference.series_uid
    series.ContourImageSequence = Items([image_item(one) for one in reference.instances])
    study = Dataset()
    study.ReferencedSOPClassUID, study.ReferencedSOPInstanceUID = _STUDY_COMPONENT, reference.study_uid
    study.RTReferencedSeriesSequence = Items([series])
    frame = Dataset()
    frame.FrameOfReferenceUID = reference.frame_uid
    frame.RTReferencedStudySequence = Items([study])
    return frame


def image_item(instance: ReferencedInstance) -> Dataset:
    """Reference to one slice."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = instance.sop_class, instance.sop_instance
    if instance.frame is not None:
        item.ReferencedFrameNumber = instance.frame
    return item


def _structure_item(roi: _Roi, reference: ReferenceSeries) -> Dataset:
    item = Dataset()
    item.ROINumber, item.ReferencedFrameOfReferenceUID = roi.number, reference.frame_uid
    item.ROIName, item.ROIDescription = roi.structure.name[:64], NOT_FOR_TREATMENT
    item.ROIVolume = f"{roi.structure.volume_ml:.6g}"
    item.ROIGenerationAlgorithm = "AUTOMATIC"
    item.ROIGenerationDescription = research("afterglow")
    item.TrackingID, item.TrackingUID = roi.structure.name[:64], tracking_uid(reference, roi.structure.name)
    return item


def _contour_item(roi: _Roi, reference: ReferenceSeries) -> Dataset:
    item = Dataset()
    item.ROIDisplayColor = list(roi.colour)
    item.ContourSequence = Items([_contour(n, k, ring, reference) for n, (k, ring) in enumerate(roi.rings, start=1)])
    item.ReferencedROINumber = roi.number
    return item


def _contour(number: int, k: int, ring: Ring, reference: ReferenceSeries) -> Dataset:
    index = np.column_stack((ring, np.full(len(ring), float(k))))
    points = reference.grid.to_mm(index) @ LPS_TO_RAS[:3, :3]
    item = Dataset()
    item.ContourImageSequence = Items([image_item(reference.instances[k])])
    item.ContourGeometricType, item.NumberOfContourPoints, item.ContourNumber = "CLOSED_PLANAR", len(points), number
    item.ContourData = [f"{mm:.5f}" for mm in points.ravel()]
    return item


def _observation(roi: _Roi) -> Dataset:
    item = Dataset()
    item.ObservationNumber, item.ReferencedROINumber = roi.number, roi.number
    item.ROIObservationLabel = roi.structure.name[:16]
    if roi.structure.kind == "target":
        item.RTROIIdentificationCodeSequence = code(*NEOPLASM)
    item.RTROIInterpretedType, item.ROIInterpreter = _INTERPRETED[roi.structure.kind], ""
    return item
