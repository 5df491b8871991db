"""A dose grid as an RTDOSE in the frame of reference of the planning series."""

from decimal import ROUND_UP, Decimal
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence as Items
from pydicom.uid import RTDoseStorage, RTPlanStorage

from afterglow.io.atomic import Written, write_bytes
from afterglow.io.dicom_bytes import decimal, decimals, uid
from afterglow.io.dicom_geometry import planes
from afterglow.io.dicom_rt import digest_of, object_bytes, opened_object, put_moment, research
from afterglow.io.rt_reference import ReferenceSeries
from afterglow.io.rt_structures_write import image_item
from afterglow.records.dose import NOT_FOR_TREATMENT, DoseGrid
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid

# Within the 64 characters of DoseComment.
_COMMENTS = {
    "prescription": "PRESCRIPTION - not calculated dose; research, not for treatment",
    "research kernel": NOT_FOR_TREATMENT,
    "delivered plan": "Copy of a delivered dose; research, not for treatment",
}
_LARGEST = 2**32 - 1


def write_dose(path: Path, dose: DoseGrid, reference: ReferenceSeries, *, name: str) -> Written:
    """Write a dose in Gy as 32-bit whole numbers, on its own grid, in the frame of reference of the planning series.

    A rim that the dose does not reach (NaN) is cut off; BadInput where there is NaN inside the rest, since RTDOSE has no word for
    it, or the dose is of another frame of reference. The rounding is at most a four-thousand-millionth of the largest dose.
    The same dose gives the same bytes.
    """
    if dose.frame_uid and dose.frame_uid != reference.frame_uid:
        raise BadInput(
            f"dose of {dose.source}: its frame of reference is {dose.frame_uid}, that of the series in {reference.source} "
            f"{reference.frame_uid}; give the series that the dose was planned on"
        )
    array, grid = _covered(dose)
    pixels, grid = _upright(array, grid)
    scaling = _scaling(float(array.max()))
    content = digest_of(pixels, grid.affine, name, dose.origin, scaling)
    ds = opened_object(reference, RTDoseStorage, "RTDOSE", research(name), content)
    put_moment(ds, reference, "Content")
    _put_geometry(ds, grid)
    ds.DoseUnits, ds.DoseType, ds.DoseSummationType = "GY", "PHYSICAL", "PLAN"
    ds.DoseComment, ds.DoseGridScaling = _COMMENTS[dose.origin], scaling
    if dose.origin == "research kernel":
        ds.TissueHeterogeneityCorrection = "WATER"
    ds.ReferencedRTPlanSequence = Items([_plan_item(ds)])
    ds.ReferencedImageSequence = Items([image_item(one) for one in reference.instances])
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 32, 32, 31, 0
    stored = np.rint(pixels.astype(np.float64) / float(scaling))
    ds.PixelData = np.minimum(stored, _LARGEST).astype("<u4").tobytes()
    ds["PixelData"].VR = "OW"
    return write_bytes(path, object_bytes(ds))


def _plan_item(ds: Dataset) -> Dataset:
    """DICOM wants a plan behind every plan dose. This one has a name and no object: afterglow writes no RTPLAN."""
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = RTPlanStorage, uid(ds.SOPInstanceUID, "plan")
    return item


def _covered(dose: DoseGrid) -> tuple[NDArray[np.float32], Grid]:
    """The smallest box that holds every finite dose."""
    finite = np.isfinite(dose.dose_gy)
    if not finite.any():
        raise BadInput(f"dose of {dose.source}: no voxel has a dose; nothing is written")
    kept = [np.flatnonzero(finite.any(axis=tuple(n for n in range(3) if n != axis))) for axis in range(3)]
    box = tuple(slice(int(one[0]), int(one[-1]) + 1) for one in kept)
    inside = dose.dose_gy[box]
    if not np.isfinite(inside).all():
        raise BadInput(
            f"dose of {dose.source}: {np.count_nonzero(~np.isfinite(inside))} voxels inside it have no dose, which RTDOSE cannot "
            "say; write a dose on a box that is covered whole"
        )
    affine = dose.grid.affine.copy()
    affine[:3, 3] = dose.grid.to_mm(np.array([float(one[0]) for one in kept]))
    return inside, Grid((inside.shape[0], inside.shape[1], inside.shape[2]), affine)


def _upright(array: NDArray[np.float32], grid: Grid) -> tuple[NDArray[np.float32], Grid]:
    """Frames (k, rows, columns) and their grid (columns, rows, frames), turned so that frames follow the normal of rows and columns."""
    try:
        where = planes(grid)
    except ValueError as error:
        raise BadInput(f"dose grid: {error}") from None
    forward = float(np.cross(where.along_row, where.along_column) @ where.along_slices) > 0
    flips = (where.flip_i, where.flip_j, not forward)
    turned = array[tuple(slice(None, None, -1 if flip else 1) for flip in flips)]
    signs = np.array([-1.0 if flip else 1.0 for flip in flips])
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm(np.array([n - 1.0 if flip else 0.0 for flip, n in zip(flips, grid.shape, strict=True)]))
    affine[:3, :3] = grid.affine[:3, :3] * signs
    return np.ascontiguousarray(turned.transpose(2, 1, 0)), Grid(grid.shape, affine)


def _put_geometry(ds: Dataset, grid: Grid) -> None:
    where = planes(grid)
    between_columns, between_rows, between_slices = where.spacing_mm
    columns, rows, frames = grid.shape
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows, ds.Columns, ds.NumberOfFrames = rows, columns, frames
    ds.FrameIncrementPointer = (0x3004, 0x000C)
    ds.GridFrameOffsetVector = decimals(np.round(np.arange(frames) * between_slices, 8))
    ds.PixelSpacing, ds.SliceThickness = decimals((between_rows, between_columns)), decimal(between_slices)
    ds.ImageOrientationPatient, ds.ImagePositionPatient = decimals(where.orientation), decimals(where.positions_mm[0])


def _scaling(largest_gy: float) -> str:
    """Gy for each step as a decimal string of ten digits, rounded up so that the largest dose still fits; 1 where all is zero."""
    if largest_gy <= 0:
        return "1"
    exact = Decimal(largest_gy) / _LARGEST
    return f"{exact.quantize(Decimal(10) ** (exact.adjusted() - 9), rounding=ROUND_UP):.9E}"
