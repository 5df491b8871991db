"""The modules that every classic MR image has, whoever made the scanner (PS3.3 A.4)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import UID, MRImageStorage

from afterglow.io.dicom_bytes import date, decimal, decimals, milliseconds, scaling, time, uid
from afterglow.io.dicom_contrast import classic_contrast
from afterglow.io.dicom_geometry import Planes, planes
from afterglow.io.dicom_nouns import DicomSeries, DicomVisit
from afterglow.records.protocol import Anatomy, Diffusion, Epi, InversionRecovery, Spgr

MHZ_PER_T = 42.577478  # proton gyromagnetic ratio over 2 pi, CODATA
_DIGITAL = "Simulated: no patient was scanned. Header in the style of the manufacturer named."


@dataclass(frozen=True)
class Maker:
    """Whose header this imitates. The model says that no such scanner was used."""

    style: str
    manufacturer: str
    model: str = "AFTERGLOW DIGITAL"
    software: str = "AFTERGLOW DIGITAL PATIENT"
    serial: str = "00000"


@dataclass(frozen=True)
class SequenceKind:
    """ScanningSequence, SequenceVariant and MRAcquisitionType (PS3.3 C.8.3.1)."""

    scanning: tuple[str, ...]
    variant: tuple[str, ...]
    acquisition: str  # 2D or 3D


# How each contrast is usually acquired; assumed, since nothing quantitative is read from it.
_ANATOMIES = {
    "T1w": SequenceKind(("GR", "IR"), ("SP", "MP"), "3D"),
    "T2w": SequenceKind(("SE",), ("SK",), "3D"),
    "FLAIR": SequenceKind(("SE", "IR"), ("SK",), "3D"),
}


def sequence_of(series: DicomSeries) -> SequenceKind:
    """What kind of sequence made the series."""
    match series.protocol:
        case Spgr():
            return SequenceKind(("GR",), ("SP",), "3D")
        case Epi(echo):
            return SequenceKind(("EP", "SE" if echo == "spin" else "GR"), ("SK",), "2D")
        case Diffusion():
            return SequenceKind(("EP", "SE"), ("SK",), "2D")
        case InversionRecovery():
            return SequenceKind(("GR", "IR"), ("MP",), "3D")
        case Anatomy(contrast):
            return _ANATOMIES.get(contrast, SequenceKind(("GR",), ("NONE",), "3D"))


def is_map(series: DicomSeries) -> bool:
    """The voxels are a computed quantity rather than a signal."""
    return series.role == "b1"


def instance_uid(visit: DicomVisit, series: DicomSeries, maker: Maker, number: int) -> UID:
    """SOPInstanceUID of the n-th file of a series."""
    return uid(visit.cohort, visit.subject, visit.session, maker.style, series.number, number)


def opened(series: DicomSeries, visit: DicomVisit, maker: Maker, sop_class: UID) -> Dataset:
    """A new object with its patient, study, series, frame of reference and equipment."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = sop_class
    _patient(ds, visit)
    visit_parts = (visit.cohort, visit.subject, visit.session, maker.style)
    ds.StudyInstanceUID = uid(*visit_parts)
    ds.StudyDate, ds.StudyTime = date(visit.start), time(visit.start)
    ds.StudyID, ds.AccessionNumber, ds.ReferringPhysicianName = visit.session[:16], "", ""
    ds.StudyDescription = "Digital patient (simulated)"
    start = series.moment(visit)
    ds.SeriesInstanceUID = uid(*visit_parts, series.number)
    ds.Modality, ds.SeriesNumber, ds.SeriesDescription = "MR", series.number, series.description[:64]
    ds.SeriesDate, ds.SeriesTime = date(start), time(start)
    ds.BodyPartExamined, ds.PatientPosition = visit.body_part, "HFS"
    ds.FrameOfReferenceUID, ds.PositionReferenceIndicator = uid(*visit_parts, "frame of reference"), ""
    ds.Manufacturer, ds.ManufacturerModelName = maker.manufacturer, maker.model
    ds.SoftwareVersions, ds.DeviceSerialNumber = maker.software, maker.serial
    ds.InstitutionName, ds.ImageComments = "AFTERGLOW (SIMULATED)", _DIGITAL
    return ds


def _patient(ds: Dataset, visit: DicomVisit) -> None:
    ds.PatientName, ds.PatientID = f"DIGITAL^PATIENT {visit.subject}", f"DIGITAL-{visit.subject}"
    ds.PatientBirthDate, ds.PatientSex = "", visit.sex
    if visit.age_years is not None:
        ds.PatientAge = f"{int(visit.age_years):03d}Y"
    if visit.weight_kg is not None:
        ds.PatientWeight = decimal(visit.weight_kg)


def classic(series: DicomSeries, visit: DicomVisit, maker: Maker, image_type: tuple[str, ...]) -> Dataset:
    """What all files of a classic series share; each file is this object with its own pixels, place and time put in."""
    ds = opened(series, visit, maker, MRImageStorage)
    ds.ImageType = list(image_type)
    sequence, timing = sequence_of(series), series.timing
    ds.ScanningSequence, ds.SequenceVariant = list(sequence.scanning), list(sequence.variant)
    ds.ScanOptions, ds.MRAcquisitionType = "", sequence.acquisition
    ds.RepetitionTime, ds.EchoTime = milliseconds(timing.tr_s), milliseconds(timing.te_s)
    ds.EchoTrainLength = _echo_train(series)
    if "IR" in sequence.scanning and not series.ti_s:
        ds.InversionTime = None
    if timing.flip_deg is not None:
        ds.FlipAngle = decimal(timing.flip_deg)
    ds.MagneticFieldStrength = decimal(series.field_t)
    ds.ImagingFrequency, ds.ImagedNucleus = decimal(round(MHZ_PER_T * series.field_t, 6)), "1H"
    ds.EchoNumbers, ds.NumberOfAverages = 1, "1"
    classic_contrast(ds, series, visit)
    _plane(ds, series)
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = "0", scaling(series.slope), "US"
    return ds


def _echo_train(series: DicomSeries) -> int | None:
    """EPI reads all lines after one excitation (assumed: one shot), a spoiled gradient echo one; for others it is not known."""
    if series.is_planar:
        return series.grid.shape[1]
    return 1 if isinstance(series.protocol, Spgr) else None


def _plane(ds: Dataset, series: DicomSeries) -> None:
    where = planes(series.grid)
    between_columns, between_rows, between_slices = where.spacing_mm
    ds.PixelSpacing = decimals((between_rows, between_columns))
    ds.SliceThickness = ds.SpacingBetweenSlices = decimal(between_slices)  # slices without gap
    ds.ImageOrientationPatient = decimals(where.orientation)
    if not is_map(series):
        columns, rows = series.grid.shape[:2]
        ds.AcquisitionMatrix = [0, columns, rows, 0]
        ds.InPlanePhaseEncodingDirection = "COL"  # assumed: simulated images have no distortion that would tell


def pixel_description(ds: Dataset, series: DicomSeries, rows: int, columns: int) -> None:
    """The Image Pixel module but its pixels: twelve bits where they suffice, signed only where values are negative."""
    low, high = int(series.stored.min()), int(series.stored.max())
    bits = 12 if low >= 0 and high < 4096 else 16
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, bits, bits - 1
    ds.PixelRepresentation = 1 if low < 0 else 0


def put_window(ds: Dataset, series: DicomSeries, slope: float) -> None:
    """Centre and width that show the whole range of the series, in the numbers that the slope makes of the stored ones."""
    low, high = int(series.stored.min()), int(series.stored.max())
    width = (high - low + 1) * slope
    ds.WindowCenter, ds.WindowWidth = decimal((low + high + 1) / 2 * slope), decimal(width)
    if width < 1:  # the usual function is not defined there
        ds.VOILUTFunction = "LINEAR_EXACT"


def put_pixels(ds: Dataset, pixels: NDArray[np.int16]) -> None:
    """PixelData in little endian; an even number of bytes, as 16-bit pixels always are."""
    ds.PixelData = pixels.astype("<i2", copy=False).tobytes()
    ds["PixelData"].VR = "OW"


def put_slice(ds: Dataset, where: Planes, k: int) -> None:
    """Place of slice k."""
    ds.ImagePositionPatient = decimals(where.positions_mm[k])
    ds.SliceLocation = decimal(round(float(where.positions_mm[k] @ where.along_slices), 6))


def put_frame(ds: Dataset, series: DicomSeries, frame: int) -> None:
    """b-value or inversion time of a frame."""
    if series.b_s_mm2:
        ds.DiffusionBValue = float(series.b_s_mm2[frame])
    if series.ti_s:
        ds.InversionTime = milliseconds(series.ti_s[frame] if len(series.ti_s) > 1 else series.ti_s[0])


def put_moment(ds: Dataset, series: DicomSeries, visit: DicomVisit, seconds: float) -> None:
    """Acquisition so many seconds after the start of the series; the content is as old as that."""
    moment = series.moment(visit, seconds)
    ds.AcquisitionDate, ds.AcquisitionTime = date(moment), time(moment)
    ds.ContentDate, ds.ContentTime = date(moment), time(moment)


def put_number(ds: Dataset, series: DicomSeries, visit: DicomVisit, maker: Maker, number: int) -> None:
    """InstanceNumber and the UID that goes with it."""
    ds.InstanceNumber, ds.SOPInstanceUID = number, instance_uid(visit, series, maker, number)


def slices_of(
    ds: Dataset, series: DicomSeries, visit: DicomVisit, maker: Maker, *, time_last: bool = True
) -> Iterator[tuple[int, int]]:
    """Fill `ds` with one slice after the other and yield its (frame, k); `time_last` runs through the slices of a frame first."""
    where = planes(series.grid)
    columns, rows, n_slices = series.grid.shape
    pixel_description(ds, series, rows, columns)
    order = [(t, k) for t in range(series.n_frames) for k in range(n_slices)]
    if not time_last:
        order.sort(key=lambda place: (place[1], place[0]))
    put_window(ds, series, float(ds.RescaleSlope))
    for number, (frame, k) in enumerate(order, start=1):
        put_number(ds, series, visit, maker, number)
        put_slice(ds, where, k)
        put_frame(ds, series, frame)
        put_moment(ds, series, visit, 0.0)
        put_pixels(ds, where.pixels(series.frame(frame)[..., k : k + 1]))
        yield frame, k
