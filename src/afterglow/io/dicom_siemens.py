"""Siemens' header style: AcquisitionTime of every file, echo-planar slices as a mosaic with their times in private tags."""

from collections.abc import Iterator

from pydicom.dataset import Dataset, PrivateBlock

from afterglow.io.dicom_bytes import decimals, milliseconds
from afterglow.io.dicom_csa import CsaTag, csa_header, mosaic, mosaic_position
from afterglow.io.dicom_geometry import Planes, planes
from afterglow.io.dicom_modules import (
    Maker,
    classic,
    is_map,
    pixel_description,
    put_frame,
    put_moment,
    put_number,
    put_pixels,
    put_window,
    slices_of,
)  # fmt: skip
from afterglow.io.dicom_nouns import DicomSeries, DicomVisit
from afterglow.records.protocol import Epi, Spgr

MAKER = Maker("siemens", "SIEMENS")


def siemens_files(series: DicomSeries, visit: DicomVisit) -> Iterator[Dataset]:
    """One object for each slice, or for each frame of echo-planar imaging; the same object, filled anew each time.

    Time of a slice: AcquisitionTime; of a slice in a mosaic: AcquisitionTime + MosaicRefAcqTimes (0019,1029) in ms.
    """
    if isinstance(series.protocol, Epi) and series.n_slices > 1:
        yield from _mosaics(series, visit)
        return
    ds = classic(series, visit, MAKER, _image_type(series))
    ds.SequenceName = _sequence_name(series)
    private = _private(ds, series)
    for frame, k in slices_of(ds, series, visit, MAKER):
        put_moment(ds, series, visit, series.seconds(frame, k))
        ds.AcquisitionNumber = frame + 1
        if series.b_s_mm2:
            _diffusion(ds, private, series.b_s_mm2[frame])
        yield ds


def _image_type(series: DicomSeries) -> tuple[str, ...]:
    if is_map(series):
        return ("DERIVED", "PRIMARY", "OTHER")
    if series.b_s_mm2:  # one image for each b-value, without a direction: the trace
        return ("DERIVED", "PRIMARY", "DIFFUSION", "TRACEW", "ND")
    return ("ORIGINAL", "PRIMARY", "M", "ND")


def _sequence_name(series: DicomSeries) -> str:
    match series.protocol:
        case Spgr():
            return "*fl3d1"
        case Epi("gradient"):
            return f"*epfid2d1_{series.grid.shape[0]}"
        case Epi():
            return f"*epse2d1_{series.grid.shape[0]}"
        case _:
            return "*ep_b" if series.b_s_mm2 else "*tfl3d1"


def _private(ds: Dataset, series: DicomSeries) -> PrivateBlock:
    """Opens group 0019; the matrix as text goes to group 0051."""
    ds.private_block(0x0051, "SIEMENS MR HEADER", create=True).add_new(0x0B, "SH", _matrix(series))
    return ds.private_block(0x0019, "SIEMENS MR HEADER", create=True)


def _matrix(series: DicomSeries) -> str:
    columns, rows = series.grid.shape[:2]
    return f"{rows}*{columns}"


def _diffusion(ds: Dataset, private: PrivateBlock, b_s_mm2: float) -> None:
    ds.SequenceName = f"*ep_b{b_s_mm2:.0f}{'t' if b_s_mm2 > 0 else ''}"
    directionality = "ISOTROPIC" if b_s_mm2 > 0 else "NONE"
    for offset, vr, value in ((0x0C, "IS", f"{b_s_mm2:.0f}"), (0x0D, "CS", directionality)):
        private.add_new(offset, vr, value)


def _mosaics(series: DicomSeries, visit: DicomVisit) -> Iterator[Dataset]:
    where = planes(series.grid)
    columns, rows, n_slices = series.grid.shape
    ds = classic(series, visit, MAKER, (*_image_type(series), "MOSAIC"))
    ds.SequenceName = _sequence_name(series)
    ds.ImagePositionPatient = decimals(mosaic_position(where, rows, columns))
    slices_ms = [1000.0 * seconds for seconds in series.slice_times_s]
    private = _private(ds, series)
    private.add_new(0x0A, "US", n_slices)
    if slices_ms:
        private.add_new(0x29, "FD", slices_ms)
    csa = ds.private_block(0x0029, "SIEMENS CSA HEADER", create=True)
    for offset, vr, value in (
        (0x08, "CS", "IMAGE NUM 4"),
        (0x09, "LO", "20000101"),
        (0x10, "OB", _csa(series, where, slices_ms)),
    ):
        csa.add_new(offset, vr, value)
    put_window(ds, series, series.slope)
    for frame in range(series.n_frames):
        picture = mosaic(where.pixels(series.frame(frame)))
        pixel_description(ds, series, *picture.shape)
        put_pixels(ds, picture)
        put_number(ds, series, visit, MAKER, frame + 1)
        put_frame(ds, series, frame)
        put_moment(ds, series, visit, series.seconds(frame))
        ds.AcquisitionNumber = frame + 1
        yield ds


def _csa(series: DicomSeries, where: Planes, slices_ms: list[float]) -> bytes:
    def written(values: tuple[float, ...]) -> list[str]:
        return [f"{value:.8f}" for value in values]

    columns, rows, n_slices = series.grid.shape
    tags = {
        "NumberOfImagesInMosaic": CsaTag("US", [str(n_slices)]),
        "AcquisitionMatrixText": CsaTag("SH", [_matrix(series)]),
        "SliceNormalVector": CsaTag("FD", written(tuple(where.along_slices.tolist()))),
        "ImagePositionPatient": CsaTag("DS", written(tuple(mosaic_position(where, rows, columns).tolist()))),
        "ImageOrientationPatient": CsaTag("DS", written(where.orientation)),
        "PixelSpacing": CsaTag("DS", written((where.spacing_mm[1], where.spacing_mm[0]))),
        "SpacingBetweenSlices": CsaTag("DS", written((where.spacing_mm[2],))),
        "EchoTime": CsaTag("DS", [milliseconds(series.timing.te_s) or ""]),
        "RepetitionTime": CsaTag("DS", [milliseconds(series.timing.tr_s) or ""]),
    }
    if slices_ms:
        tags["MosaicRefAcqTimes"] = CsaTag("FD", written(tuple(slices_ms)), multiplicity=0)
    return csa_header(tags)
