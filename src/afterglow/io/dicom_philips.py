"""Philips' classic header style: dynamics numbered and timed in private tags, and two slopes of which only the private one counts.

RescaleSlope gives numbers for the display, chosen anew for each series; the values that may be compared between series are stored
numbers over the private scale slope (2005,100E): value = (stored x RescaleSlope + RescaleIntercept) / (RescaleSlope x scale slope).
The times of single slices are nowhere in this style.
"""

from collections.abc import Iterator

import numpy as np
from pydicom.dataset import Dataset, PrivateBlock

from afterglow.io.dicom_modules import Maker, classic, is_map, slices_of
from afterglow.io.dicom_nouns import DicomSeries, DicomVisit
from afterglow.records.protocol import Epi, Spgr

MAKER = Maker("philips", "Philips Medical Systems")
_DISPLAYED_MAX = 2047.0  # where the brightest voxel of a series is put for the display; assumed


def philips_files(series: DicomSeries, visit: DicomVisit) -> Iterator[Dataset]:
    """One object for each slice, numbered through the times of a slice first; the same object, filled anew each time.

    Time of a frame: AcquisitionTime (the start of the series) + DynamicScanBeginTime (2005,10A0) in s.
    """
    derived = ("DERIVED", "SECONDARY", "OTHER")
    ds = classic(
        series, visit, MAKER, derived if is_map(series) else ("ORIGINAL", "PRIMARY", "M_SE" if _spin(series) else "M_FFE")
    )
    ds.AcquisitionNumber = series.number
    ds.RescaleSlope = f"{_DISPLAYED_MAX / max(int(series.stored.max()), 1):.8g}"
    imaging = ds.private_block(0x2001, "Philips Imaging DD 001", create=True)
    scaling = ds.private_block(0x2005, "Philips MR Imaging DD 001", create=True)
    _constant(imaging, scaling, series)
    if series.is_dynamic:
        ds.NumberOfTemporalPositions = series.n_frames
    for frame, k in slices_of(ds, series, visit, MAKER, time_last=False):
        imaging.add_new(0x0A, "IS", str(k + 1))
        if series.is_dynamic:
            ds.TemporalPositionIdentifier = frame + 1
            scaling.add_new(0xA0, "FL", series.seconds(frame))
        if series.b_s_mm2:
            b_s_mm2 = float(series.b_s_mm2[frame])
            imaging.add_new(0x03, "FL", b_s_mm2)
            imaging.add_new(0x04, "CS", "I" if b_s_mm2 > 0 else "N")
        yield ds


def scale_slope(slope: float) -> float:
    """The private scale slope (float32): stored numbers over it are the values."""
    return float(np.float32(1.0 / slope))


def _constant(imaging: PrivateBlock, scaling: PrivateBlock, series: DicomSeries) -> None:
    imaging.add_new(0x18, "SL", series.n_slices)
    imaging.add_new(0x20, "LO", _technique(series))
    imaging.add_new(0x81, "IS", str(series.n_frames if series.is_dynamic else 1))
    scaling.add_new(0x0D, "FL", 0.0)
    scaling.add_new(0x0E, "FL", scale_slope(series.slope))


def _spin(series: DicomSeries) -> bool:
    match series.protocol:
        case Epi(echo):
            return echo == "spin"
        case Spgr():
            return False
        case _:
            return bool(series.b_s_mm2) or series.role in ("T2w", "FLAIR")


def _technique(series: DicomSeries) -> str:
    match series.protocol:
        case Spgr():
            return "T1FFE"
        case Epi(echo):
            return "SEEPI" if echo == "spin" else "FEEPI"
        case _:
            return "DwiSE" if series.b_s_mm2 else "TSE" if _spin(series) else "T1TFE"
