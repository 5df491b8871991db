"""RTPLAN files with only what a test says."""

from pathlib import Path
from typing import Any

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, RTPlanStorage


def item(**fields: Any) -> Dataset:
    made = Dataset()
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def write_plan(path: Path, **fields: Any) -> Path:
    ds = item(
        SOPClassUID=RTPlanStorage, SOPInstanceUID="2.25.1", RTPlanLabel="GK", Manufacturer="someone", FrameOfReferenceUID="2.25.9"
    )  # fmt: skip
    for name, value in fields.items():
        setattr(ds, name, value)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID, ds.file_meta.MediaStorageSOPInstanceUID = RTPlanStorage, "2.25.1"
    ds.save_as(path, enforce_file_format=True)
    return path


def target(gy: float, largest: float | None = None) -> Dataset:
    made = item(DoseReferenceType="TARGET", DoseReferenceStructureType="VOLUME", ReferencedROINumber=3)
    made.TargetPrescriptionDose = gy
    if largest is not None:
        made.TargetMaximumDose = largest
    return made
