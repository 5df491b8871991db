"""Small parts of DICOM that every file needs: UIDs, decimal strings, dates, and the bytes of a file."""

import io
import uuid
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian
from pydicom.valuerep import format_number_as_ds

_NAMESPACE = uuid.UUID("5f0e6b1c-3a6f-5c1d-9d3e-2f1f7a0c9b11")  # drawn once
_IMPLEMENTATION = UID(f"2.25.{uuid.uuid5(_NAMESPACE, 'implementation').int}")
_IMPLEMENTATION_NAME = "AFTERGLOW_DIGI"


def uid(*parts: object) -> UID:
    """The same UID for the same parts: 2.25. and a name-based UUID as a whole number (DICOM PS3.5 B.2)."""
    words = "\n".join(str(part) for part in parts)
    return UID(f"2.25.{uuid.uuid5(_NAMESPACE, words).int}")


def decimal(value: float) -> str:
    """A decimal string: sixteen characters at most."""
    return format_number_as_ds(float(value))


def decimals(values: tuple[float, ...] | NDArray[np.float64]) -> list[str]:
    """Several decimal strings."""
    return [decimal(float(value)) for value in values]


def milliseconds(seconds: float | None) -> str | None:
    """DICOM's milliseconds; None, which is written as an empty element, where it is not known."""
    return None if seconds is None else decimal(round(seconds * 1000.0, 6))


def date(moment: datetime) -> str:
    """DA."""
    return moment.strftime("%Y%m%d")


def time(moment: datetime) -> str:
    """TM with microseconds."""
    return moment.strftime("%H%M%S.%f")


def date_time(moment: datetime) -> str:
    """DT with microseconds."""
    return moment.strftime("%Y%m%d%H%M%S.%f")


def code(value: str, scheme: str, meaning: str) -> Sequence:
    """A code sequence of one item."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, scheme, meaning
    return Sequence([item])


def scaling(slope: float) -> str:
    """A slope whose float32 is exactly that of `slope`: nine digits say it all."""
    return str(np.float32(slope))


def file_bytes(dataset: Dataset) -> bytes:
    """A whole file, explicit little endian; the same bytes for the same content."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.ImplementationClassUID = _IMPLEMENTATION
    meta.ImplementationVersionName = _IMPLEMENTATION_NAME
    dataset.file_meta = meta  # pydicom wants it there
    buffer = io.BytesIO()
    dcmwrite(buffer, dataset, enforce_file_format=True)
    return buffer.getvalue()
