"""GE's header style: one AcquisitionTime for the whole series, each image's own time in TriggerTime."""

from collections.abc import Iterator

from pydicom.dataset import Dataset, PrivateBlock

from afterglow.io.dicom_bytes import milliseconds
from afterglow.io.dicom_modules import Maker, classic, is_map, slices_of
from afterglow.io.dicom_nouns import DicomSeries, DicomVisit
from afterglow.records.protocol import Epi, Spgr

MAKER = Maker("ge", "GE MEDICAL SYSTEMS")
_SEVERAL_B = 1_000_000_000  # what the scanner adds to the b-value where a series has several (dcm2niix reads it modulo that)


def ge_files(series: DicomSeries, visit: DicomVisit) -> Iterator[Dataset]:
    """One object for each slice; the same object, filled anew each time.

    Time of a slice: AcquisitionTime (the start of the series) + TriggerTime in ms.
    """
    derived = ("DERIVED", "SECONDARY", "OTHER")
    ds = classic(series, visit, MAKER, derived if is_map(series) else ("ORIGINAL", "PRIMARY", "OTHER"))
    private = _private(ds, series)
    ds.AcquisitionNumber = 1
    if series.is_dynamic:
        ds.NumberOfTemporalPositions = series.n_frames
    for frame, k in slices_of(ds, series, visit, MAKER):
        if series.is_dynamic:
            ds.TriggerTime = milliseconds(series.seconds(frame, k))
            ds.TemporalPositionIdentifier = frame + 1
        if series.b_s_mm2:
            private.add_new(0x39, "IS", [f"{_SEVERAL_B + series.b_s_mm2[frame]:.0f}", "8", "0", "0"])
        yield ds


def _private(ds: Dataset, series: DicomSeries) -> PrivateBlock:
    acquisition = ds.private_block(0x0019, "GEMS_ACQU_01", create=True)
    acquisition.add_new(0x9C, "LO", _pulse_sequence(series))
    if series.b_s_mm2:
        for offset in (0xBB, 0xBC, 0xBD):  # the direction, none in a trace image
            acquisition.add_new(offset, "DS", "0")
    ds.private_block(0x0021, "GEMS_RELA_01", create=True).add_new(0x4F, "SS", series.n_slices)
    private = ds.private_block(0x0043, "GEMS_PARM_01", create=True)
    private.add_new(0x2F, "SS", 0)  # magnitude
    return private


def _pulse_sequence(series: DicomSeries) -> str:
    match series.protocol:
        case Spgr():
            return "efgre3d"
        case Epi():
            return "epi"
        case _:
            return "epi2" if series.b_s_mm2 else "fse"
