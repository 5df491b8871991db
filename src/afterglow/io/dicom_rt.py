"""What SEG, RTSTRUCT and RTDOSE share: a strict reader, and patient, study and frame of reference taken from the planning series."""

import hashlib
import io
import struct
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.errors import InvalidDicomError
from pydicom.filewriter import dcmwrite
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian

from afterglow import __version__
from afterglow.io.dicom_bytes import uid
from afterglow.io.rt_reference import ReferenceSeries
from afterglow.records.errors import BadInput, CorruptFile, MissingInput

_UNDEFINED = 0xFFFFFFFF
# What pydicom raises on bytes that are not what they say.
_DAMAGE = (OSError, EOFError, struct.error, ValueError, KeyError, NotImplementedError, OverflowError, TypeError)
MANUFACTURER, MODEL = "afterglow", "afterglow research"
_COPIED = (
    "PatientName", "PatientID", "IssuerOfPatientID", "PatientBirthDate", "PatientSex", "PatientAge", "PatientIdentityRemoved",
    "DeidentificationMethod", "StudyInstanceUID", "StudyID", "StudyDate", "StudyTime", "StudyDescription", "AccessionNumber",
    "ReferringPhysicianName", "PositionReferenceIndicator",
)  # fmt: skip
SERIES_NUMBERS = {"SEG": 9001, "RTSTRUCT": 9002, "RTDOSE": 9003}  # beyond a scanner's own
_TYPE_2 = (
    "PatientName", "PatientID", "PatientBirthDate", "PatientSex", "StudyID", "StudyDate", "StudyTime", "AccessionNumber",
    "ReferringPhysicianName", "PositionReferenceIndicator", "OperatorsName",
)  # fmt: skip


def read_dicom(path: Path, sop_class: UID, what: str, *, also: UID | None = None) -> Dataset:
    """A whole DICOM file of one kind, or of the kind `also`; MissingInput, CorruptFile or BadInput, with the file, where it is not one."""
    if not path.is_file():
        raise MissingInput(f"{path}: there is no such file; give the {what} file itself")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd is said below, about the file
            dataset = _opened(path, (sop_class, also))
            _check_whole(dataset, path)
            found = str(dataset.SOPClassUID)
            for _ in dataset.iterall():  # pydicom reads an element when it is asked for; ask for all
                pass
    except InvalidDicomError:
        raise BadInput(f"{path}: it is not a DICOM file; give the {what} as the planning system exported it") from None
    except AttributeError:
        raise BadInput(f"{path}: it does not say what kind of object it is (SOPClassUID); export the {what} again") from None
    except _DAMAGE as error:
        raise CorruptFile(f"{path}: it ends too early or is damaged ({error}); export it again") from None
    if found not in (sop_class, also):
        raise BadInput(f"{path}: it is a {UID(found).name}, not a {sop_class.name}; give the {what}")
    return dataset


def _opened(path: Path, kinds: tuple[UID | None, ...]) -> Dataset:
    """A data set; old programs leave out the 128 bytes and the "DICM" before it, and then the kind of object must fit."""
    try:
        return dcmread(path)
    except InvalidDicomError:
        try:
            dataset = dcmread(path, force=True)
            fits = "SOPClassUID" in dataset and dataset.SOPClassUID in kinds
        except (*_DAMAGE, AttributeError):
            fits = False
        if not fits:
            raise
        implicit, _ = dataset.original_encoding
        dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        return dataset


def _check_whole(dataset: Dataset, path: Path) -> None:
    """A sequence cut between two items reads without an error, only shorter than it says."""
    for tag in dataset.keys():  # noqa: SIM118 - iterating the data set itself would convert its elements
        raw = dataset.get_item(tag)
        if isinstance(raw, RawDataElement) and raw.value is not None and len(raw.value) < raw.length != _UNDEFINED:
            raise CorruptFile(f"{path}: it ends after {len(raw.value)} of the {raw.length} bytes of {raw.tag}; copy it again")


def opened_object(reference: ReferenceSeries, sop_class: UID, modality: str, description: str, content: bytes) -> Dataset:
    """A new object beside the planning series: its patient, study and frame of reference; UIDs made of `content`, dates copied.

    The same content gives the same object: there is no clock in it.
    """
    ds, source = Dataset(), reference.header
    ds.SpecificCharacterSet = "ISO_IR 192"
    for name in _COPIED:
        if name in source:
            value = source.get(name)
            setattr(ds, name, str(value) if name.endswith("Name") else value)
    for name in _TYPE_2:
        if name not in ds:
            setattr(ds, name, "")
    digest = hashlib.sha256(content).hexdigest()
    parts = (reference.series_uid, sop_class, description, digest)
    ds.SOPClassUID, ds.SOPInstanceUID = sop_class, uid(*parts, "instance")
    ds.SeriesInstanceUID, ds.SeriesNumber, ds.InstanceNumber = uid(*parts, "series"), SERIES_NUMBERS[modality], 1
    ds.Modality, ds.SeriesDescription = modality, description[:64]
    put_moment(ds, reference, "Series", "InstanceCreation")
    ds.FrameOfReferenceUID = reference.frame_uid
    ds.Manufacturer, ds.ManufacturerModelName = MANUFACTURER, MODEL
    ds.SoftwareVersions, ds.DeviceSerialNumber = __version__, "0"
    return ds


def put_moment(ds: Dataset, reference: ReferenceSeries, *kinds: str) -> None:
    """Dates and times, where the source tells them; nothing here knows a better one."""
    day, time = reference.moment
    for kind in kinds:
        if day:
            setattr(ds, f"{kind}Date", day)
            setattr(ds, f"{kind}Time", time or "000000")


def research(words: str) -> str:
    """A description that says what it is, within DICOM's 64 characters."""
    return f"{words[:32]} - RESEARCH, NOT FOR TREATMENT"


def object_bytes(dataset: Dataset, *, implicit: bool = False) -> bytes:
    """A whole file in little endian; implicit where a decimal string may pass the 65,534 bytes of explicit VR (PS3.3 C.8.8.6)."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = dataset.SOPClassUID, dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
    meta.ImplementationClassUID, meta.ImplementationVersionName = uid("objects"), "AFTERGLOW"
    dataset.file_meta = meta
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()


def digest_of(*parts: NDArray[np.generic] | str) -> bytes:
    """What arrays and words hold, as bytes to make a UID of."""
    total = hashlib.sha256()
    for part in parts:
        total.update(part.encode() if isinstance(part, str) else np.ascontiguousarray(part).tobytes())
        total.update(b"\0")
    return total.digest()
