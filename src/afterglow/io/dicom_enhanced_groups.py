"""What all frames of an enhanced MR object share: geometry, sequence, scaling (PS3.3 C.8.13, C.7.6.16).

An object is ORIGINAL only where the protocol knows repetition time, echo time and flip angle; then the standard wants a whole
description of the sequence. What a simulation has no number for is marked as assumed; nothing in afterglow reads it.
"""

import numpy as np
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from afterglow.io.dicom_bytes import code, decimal, decimals, milliseconds, scaling
from afterglow.io.dicom_geometry import planes
from afterglow.io.dicom_modules import MHZ_PER_T, is_map, put_window, sequence_of
from afterglow.io.dicom_nouns import DicomSeries, DicomVisit
from afterglow.records.protocol import Anatomy, Epi, Spgr

_REGIONS = {"BRAIN": ("12738006", "SCT", "Brain"), "SPINE": ("421060004", "SCT", "Spine")}
_CONTRASTS = {"T1w": "T1", "T2w": "T2", "FLAIR": "FLUID_ATTENUATED"}
_BANDWIDTH_HZ = 500.0  # of a pixel; assumed


def is_original(series: DicomSeries) -> bool:
    """The sequence is known well enough to be described. Trace images and maps are derived in any case."""
    timing = series.timing
    known = None not in (timing.tr_s, timing.te_s, timing.flip_deg)
    return known and not series.b_s_mm2 and not is_map(series)


def duration_s(series: DicomSeries) -> float:
    """How long one frame took: the step between frames (over the slices, where they have times), else one line per repetition (assumed)."""
    n_slices, timing = series.n_slices, series.timing
    if series.times_s is not None and series.times_s.size > 1:
        return float(np.median(np.diff(series.times_s))) / (n_slices if series.slice_times_s else 1)
    lines = series.grid.shape[1] * (n_slices if isinstance(series.protocol, Spgr) else 1)
    return (timing.tr_s or 0.0) * lines


def acquisition_contrast(series: DicomSeries) -> str:
    """AcquisitionContrast (PS3.3 C.8.13.3.1)."""
    if series.b_s_mm2:
        return "DIFFUSION"
    match series.protocol:
        case Epi():
            return "PERFUSION"
        case Spgr():
            return "PERFUSION" if series.is_dynamic else "T1"
        case Anatomy(contrast):
            return _CONTRASTS.get(contrast, "UNKNOWN")
        case _:
            return "T1"


def frame_description(ds: Dataset, series: DicomSeries) -> None:
    """FrameType and the macro of common MR image attributes (PS3.3 C.8.16.2, C.8.13.3.1)."""
    contrast = acquisition_contrast(series)
    flavour = {"UNKNOWN": "OTHER"}.get(contrast, contrast)
    ds.FrameType = ["ORIGINAL", "PRIMARY", flavour, "NONE"] if is_original(series) else ["DERIVED", "PRIMARY", flavour, "NONE"]
    ds.PixelPresentation, ds.VolumetricProperties, ds.VolumeBasedCalculationTechnique = "MONOCHROME", "VOLUME", "NONE"
    ds.ComplexImageComponent, ds.AcquisitionContrast = "MAGNITUDE", contrast


def pulse_sequence(ds: Dataset, series: DicomSeries) -> None:
    """The MR Pulse Sequence module (PS3.3 C.8.13.4); k-space as such sequences usually traverse it, assumed."""
    sequence = sequence_of(series)
    planar, spin = "EP" in sequence.scanning, "SE" in sequence.scanning
    ds.PulseSequenceName, ds.MRAcquisitionType = (
        f"{'ep' if planar else 'se' if spin else 'spgr'}{sequence.acquisition}",
        sequence.acquisition,
    )
    ds.EchoPulseSequence = "SPIN" if spin else "GRADIENT"
    if spin:
        ds.MultipleSpinEcho = "NO"
    ds.MultiPlanarExcitation = ds.PhaseContrast = ds.TimeOfFlightContrast = "NO"
    ds.SteadyStatePulseSequence = "LONGITUDINAL" if isinstance(series.protocol, Spgr) else "NONE"
    ds.EchoPlanarPulseSequence = "YES" if planar else "NO"
    ds.SaturationRecovery, ds.SpectrallySelectedSuppression = "NO", "FAT" if planar else "NONE"
    ds.OversamplingPhase, ds.GeometryOfKSpaceTraversal = "NONE", "RECTILINEAR"
    ds.SegmentedKSpaceTraversal = "FULL" if planar else "SINGLE"
    ds.RectilinearPhaseEncodeReordering, ds.NumberOfKSpaceTrajectories = "LINEAR", 1
    if sequence.acquisition == "3D":
        ds.CoverageOfKSpace = "FULL"


def shared_groups(series: DicomSeries, visit: DicomVisit) -> Dataset:
    """The functional groups that do not change from frame to frame."""
    groups = Dataset()
    _place(groups, series)
    frame_type = Dataset()
    frame_description(frame_type, series)
    groups.MRImageFrameTypeSequence = Sequence([frame_type])
    anatomy = Dataset()
    anatomy.AnatomicRegionSequence, anatomy.FrameLaterality = code(*_REGIONS[visit.body_part]), "U"
    groups.FrameAnatomySequence = Sequence([anatomy])
    _values(groups, series)
    _timing(groups, series)
    if is_original(series):
        _machine(groups, series)
    return groups


def _one(groups: Dataset, keyword: str, item: Dataset) -> None:
    setattr(groups, keyword, Sequence([item]))


def _place(groups: Dataset, series: DicomSeries) -> None:
    where = planes(series.grid)
    between_columns, between_rows, between_slices = where.spacing_mm
    measures, orientation = Dataset(), Dataset()
    measures.PixelSpacing = decimals((between_rows, between_columns))
    measures.SliceThickness = measures.SpacingBetweenSlices = decimal(between_slices)
    orientation.ImageOrientationPatient = decimals(where.orientation)
    _one(groups, "PixelMeasuresSequence", measures)
    _one(groups, "PlaneOrientationSequence", orientation)


def _values(groups: Dataset, series: DicomSeries) -> None:
    """What stored numbers mean; a map of the flip angle says its unit."""
    rescaled, shown = Dataset(), Dataset()
    rescaled.RescaleIntercept, rescaled.RescaleSlope, rescaled.RescaleType = "0", scaling(series.slope), "US"
    put_window(shown, series, series.slope)
    _one(groups, "PixelValueTransformationSequence", rescaled)
    _one(groups, "FrameVOILUTSequence", shown)
    if is_map(series):
        real = Dataset()
        real.RealWorldValueFirstValueMapped, real.RealWorldValueLastValueMapped = 0, int(series.stored.max())
        real.RealWorldValueIntercept, real.RealWorldValueSlope = 0.0, float(series.slope)
        real.LUTLabel, real.LUTExplanation = "B1", "Reached over nominal flip angle"
        real.MeasurementUnitsCodeSequence = code("1", "UCUM", "no units")
        _one(groups, "RealWorldValueMappingSequence", real)


def _timing(groups: Dataset, series: DicomSeries) -> None:
    """Repetition, echo, flip angle and averages, as far as they are known."""
    timing, known = Dataset(), series.timing
    if known.tr_s is not None:
        timing.RepetitionTime = milliseconds(known.tr_s)
    if known.flip_deg is not None:
        timing.FlipAngle = decimal(known.flip_deg)
    if is_original(series):
        train = series.grid.shape[1] if series.is_planar else 1
        timing.EchoTrainLength = timing.GradientEchoTrainLength = train
        timing.RFEchoTrainLength = 1 if "SE" in sequence_of(series).scanning else 0
        _no_energy(timing)
    if len(timing):
        _one(groups, "MRTimingAndRelatedParametersSequence", timing)
    if known.te_s is not None:
        echo = Dataset()
        echo.EffectiveEchoTime = 1000.0 * known.te_s
        _one(groups, "MREchoSequence", echo)


def _no_energy(timing: Dataset) -> None:
    """The standard wants absorbed power and gradient output; a simulation has neither, so both are zero."""
    absorbed = Dataset()
    absorbed.SpecificAbsorptionRateDefinition, absorbed.SpecificAbsorptionRateValue = "IEC_WHOLE_BODY", 0.0
    timing.SpecificAbsorptionRateSequence = Sequence([absorbed])
    timing.GradientOutputType, timing.GradientOutput = "DB_DT", 0.0
    modes = []
    for kind in ("STATIC FIELD", "RF", "GRADIENT"):
        mode = Dataset()
        mode.OperatingModeType, mode.OperatingMode = kind, "IEC_NORMAL"
        modes.append(mode)
    timing.OperatingModeSequence = Sequence(modes)


def _machine(groups: Dataset, series: DicomSeries) -> None:
    """Encoding, modifiers and coils of an acquired image; all but the frequency and the matrix assumed."""
    columns, rows, n_slices = series.grid.shape
    sequence = sequence_of(series)
    view = Dataset()
    view.InPlanePhaseEncodingDirection, view.PercentSampling, view.PercentPhaseFieldOfView = "COLUMN", "100", "100"
    view.MRAcquisitionFrequencyEncodingSteps, view.MRAcquisitionPhaseEncodingStepsInPlane = columns, rows
    if sequence.acquisition == "3D":
        view.MRAcquisitionPhaseEncodingStepsOutOfPlane = n_slices
    imaging = Dataset()
    imaging.MagnetizationTransfer, imaging.BloodSignalNulling, imaging.Tagging = "NONE", "NO", "NONE"
    imaging.TransmitterFrequency, imaging.PixelBandwidth = round(MHZ_PER_T * series.field_t, 6), decimal(_BANDWIDTH_HZ)
    averages = Dataset()
    averages.NumberOfAverages = 1.0
    _one(groups, "MRFOVGeometrySequence", view)
    _one(groups, "MRImagingModifierSequence", imaging)
    _one(groups, "MRAveragesSequence", averages)
    if len(series.ti_s) < 2:  # several inversion times belong to the frames
        _one(groups, "MRModifierSequence", modifier(series, series.ti_s))
    receive, transmit = Dataset(), Dataset()
    receive.ReceiveCoilName, receive.ReceiveCoilType, receive.QuadratureReceiveCoil = "DIGITAL", "VOLUME", "NO"
    receive.ReceiveCoilManufacturerName = ""
    transmit.TransmitCoilName, transmit.TransmitCoilManufacturerName, transmit.TransmitCoilType = "DIGITAL", "", "BODY"
    _one(groups, "MRReceiveCoilSequence", receive)
    _one(groups, "MRTransmitCoilSequence", transmit)


def modifier(series: DicomSeries, ti_s: tuple[float, ...]) -> Dataset:
    """The MR Modifier macro (PS3.3 C.8.13.5.5) with these inversion times; nothing else is played out in the simulation."""
    item = Dataset()
    item.InversionRecovery = "YES" if "IR" in sequence_of(series).scanning else "NO"
    if ti_s:
        item.InversionTimes = [1000.0 * value for value in ti_s]
    item.FlowCompensation, item.T2Preparation, item.SpatialPresaturation = "NONE", "NO", "NONE"
    item.SpectrallySelectedExcitation = "NONE"
    item.Spoiling = "RF_AND_GRADIENT" if isinstance(series.protocol, Spgr) else "NONE"
    item.PartialFourier, item.ParallelAcquisition = "NO", "NO"
    return item
