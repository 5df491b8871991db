"""Enhanced multiframe: a whole series in one object, its times frame by frame in functional groups (PS3.3 A.36.2)."""

from collections.abc import Iterator

import numpy as np
from pydicom.datadict import tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import EnhancedMRImageStorage

from afterglow.io.dicom_bytes import date, date_time, decimal, decimals, time, uid
from afterglow.io.dicom_contrast import enhanced_contrast
from afterglow.io.dicom_enhanced_groups import duration_s, frame_description, is_original, modifier, pulse_sequence, shared_groups
from afterglow.io.dicom_geometry import planes
from afterglow.io.dicom_modules import Maker, opened, pixel_description, put_number, put_pixels
from afterglow.io.dicom_nouns import DicomSeries, DicomVisit

MAKER = Maker("enhanced", "AFTERGLOW")  # nothing private: whatever reads it must live on the standard alone


def enhanced_files(series: DicomSeries, visit: DicomVisit) -> Iterator[Dataset]:
    """One object for the series. Time of a slice: FrameAcquisitionDateTime of its FrameContentSequence."""
    ds = opened(series, visit, MAKER, EnhancedMRImageStorage)
    put_number(ds, series, visit, MAKER, 1)
    start = series.moment(visit)
    ds.ContentDate, ds.ContentTime = date(start), time(start)
    frame_description(ds, series)
    ds.ImageType = ds.pop("FrameType").value  # the same words, under another name in the frames
    _acquisition(ds, series, visit)
    enhanced_contrast(ds, series, visit)
    columns, rows, n_slices = series.grid.shape
    pixel_description(ds, series, rows, columns)
    ds.NumberOfFrames = series.n_frames * n_slices
    ds.BurnedInAnnotation, ds.LossyImageCompression, ds.PresentationLUTShape = "NO", "00", "IDENTITY"
    _dimensions(ds, series, visit)
    ds.SharedFunctionalGroupsSequence = Sequence([shared_groups(series, visit)])
    places = [(frame, k) for frame in range(series.n_frames) for k in range(n_slices)]
    where = planes(series.grid)
    positions = [decimals(position) for position in where.positions_mm]
    ds.PerFrameFunctionalGroupsSequence = Sequence([_frame(series, visit, positions[k], frame, k) for frame, k in places])
    put_pixels(ds, np.concatenate([where.pixels(series.frame(frame)) for frame in range(series.n_frames)]))
    yield ds


def _acquisition(ds: Dataset, series: DicomSeries, visit: DicomVisit) -> None:
    ds.AcquisitionNumber, ds.AcquisitionContextSequence = series.number, Sequence([])
    ds.AcquisitionDateTime = date_time(series.moment(visit, series.seconds(0)))
    ds.ContentQualification, ds.ApplicableSafetyStandardAgency = "RESEARCH", "IEC"
    ds.ResonantNucleus, ds.MagneticFieldStrength = "1H", decimal(series.field_t)
    if is_original(series):
        ds.KSpaceFiltering = "NONE"
        before_last_s = series.seconds(series.n_frames - 1) - series.seconds(0)
        slices_in_turn = series.n_slices if series.slice_times_s else 1
        ds.AcquisitionDuration = before_last_s + slices_in_turn * duration_s(series)
        pulse_sequence(ds, series)


def _dimensions(ds: Dataset, series: DicomSeries, visit: DicomVisit) -> None:
    """Stack, slice, and what the frames of a slice differ in."""
    organization = uid(visit.cohort, visit.subject, visit.session, MAKER.style, series.number, "dimensions")
    item = Dataset()
    item.DimensionOrganizationUID = organization
    ds.DimensionOrganizationSequence = Sequence([item])
    pointers = [("StackID", "FrameContentSequence"), ("InStackPositionNumber", "FrameContentSequence")]
    if series.b_s_mm2:
        pointers.append(("DiffusionBValue", "MRDiffusionSequence"))
    elif len(series.ti_s) > 1:
        pointers.append(("InversionTimes", "MRModifierSequence"))
    elif series.n_frames > 1:
        pointers.append(("TemporalPositionIndex", "FrameContentSequence"))
    ds.DimensionOrganizationType = "3D_TEMPORAL" if series.is_dynamic else "3D"
    items = []
    for keyword, group in pointers:
        one = Dataset()
        one.DimensionOrganizationUID = organization
        one.DimensionIndexPointer, one.FunctionalGroupPointer = _tag(keyword), _tag(group)
        one.DimensionDescriptionLabel = keyword
        items.append(one)
    ds.DimensionIndexSequence = Sequence(items)


def _tag(keyword: str) -> int:
    tag = tag_for_keyword(keyword)
    if tag is None:
        raise ValueError(f"{keyword} is no keyword of DICOM")
    return tag


def _frame(series: DicomSeries, visit: DicomVisit, position: list[str], frame: int, k: int) -> Dataset:
    """The functional groups of slice k of one frame."""
    groups, place = Dataset(), Dataset()
    place.ImagePositionPatient = position
    groups.PlanePositionSequence = Sequence([place])
    groups.FrameContentSequence = Sequence([_content(series, visit, frame, k)])
    if series.b_s_mm2:
        groups.MRDiffusionSequence = Sequence([_diffusion(series.b_s_mm2[frame])])
    if len(series.ti_s) > 1:
        groups.MRModifierSequence = Sequence([modifier(series, (series.ti_s[frame],))])
    if series.injection is not None:
        groups.ContrastBolusUsageSequence = Sequence([_contrast_usage(series, frame)])
    return groups


def _content(series: DicomSeries, visit: DicomVisit, frame: int, k: int) -> Dataset:
    content = Dataset()
    start_s, lasts_s = series.seconds(frame, k), duration_s(series)
    content.FrameAcquisitionNumber = frame + 1
    content.FrameAcquisitionDateTime = date_time(series.moment(visit, start_s))
    content.FrameReferenceDateTime = date_time(series.moment(visit, start_s + lasts_s / 2))
    content.FrameAcquisitionDuration = 1000.0 * lasts_s
    content.StackID, content.InStackPositionNumber = "1", k + 1
    index = [1, k + 1]
    if series.n_frames > 1:
        index.append(_rank(series, frame))
    if series.is_dynamic:
        content.TemporalPositionIndex = frame + 1
    content.DimensionIndexValues = index
    return content


def _rank(series: DicomSeries, frame: int) -> int:
    """Which value of the third dimension a frame has, counted from 1: its place among the b-values or inversion times, or its number."""
    values = series.b_s_mm2 or (series.ti_s if len(series.ti_s) > 1 else ())
    return sorted(set(values)).index(values[frame]) + 1 if values else frame + 1


def _diffusion(b_s_mm2: float) -> Dataset:
    item = Dataset()
    item.DiffusionBValue = float(b_s_mm2)
    item.DiffusionDirectionality = "ISOTROPIC" if b_s_mm2 > 0 else "NONE"
    return item


def _contrast_usage(series: DicomSeries, frame: int) -> Dataset:
    """Whether the agent was in the patient by then; taken for granted where the time of the injection is not known."""
    start_s = series.injection.start_s if series.injection else None
    item = Dataset()
    item.ContrastBolusAgentNumber = 1
    item.ContrastBolusAgentAdministered = "NO" if start_s is not None and series.seconds(frame) < start_s else "YES"
    item.ContrastBolusAgentDetected, item.ContrastBolusAgentPhase = None, None
    return item
