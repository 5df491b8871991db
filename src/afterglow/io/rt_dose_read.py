"""An RTDOSE as a dose grid in Gy: units, scaling, direction and completeness checked before a number is believed."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import RTDoseStorage

from afterglow.io.dicom_rt import read_dicom
from afterglow.io.rt_reference import LPS_TO_RAS
from afterglow.records.dose import DoseGrid
from afterglow.records.errors import BadInput, CorruptFile, GridMismatch
from afterglow.records.grid import Grid

HIGHEST_GY = 200.0  # no treatment of the brain reaches it; a dose in cGy does
_WHOLE = ("PLAN", "MULTI_PLAN", "PLAN_OVERVIEW", "RECORD")
_NEEDED = (
    "DoseUnits", "DoseType", "DoseSummationType", "DoseGridScaling", "Rows", "Columns", "PixelSpacing",
    "ImagePositionPatient", "ImageOrientationPatient", "PixelData",
)  # fmt: skip
_UNEVEN_MM = 0.02
_RIGHT_ANGLE = 1e-4
_AGAIN = "export the dose again"


def read_dose(path: Path, *, frame_uid: str | None = None) -> DoseGrid:
    """The dose of a whole plan in Gy on its own grid (i along columns, j along rows, k along frames).

    GridMismatch where `frame_uid` is given and the dose lies in another frame of reference. BadInput where the dose is relative,
    no physical dose, that of a beam or fraction alone, higher than any treatment (cGy), or on frames of uneven spacing;
    CorruptFile where pixels are missing.
    """
    if path.is_dir():
        raise BadInput(f"{path}: it is a folder; give the one RTDOSE file that holds the dose of the whole plan")
    ds = read_dicom(path, RTDoseStorage, "RTDOSE")
    for name in _NEEDED:
        if ds.get(name) in (None, ""):
            raise BadInput(f"{path}: it has no {name}; {_AGAIN} with the dose grid included")
    _check_kind(ds, path)
    found = str(ds.get("FrameOfReferenceUID", ""))
    if frame_uid is not None and found != frame_uid:
        raise GridMismatch(
            f"{path}: its frame of reference is {found or 'unknown'}, that of the images {frame_uid}; register the two first, or give "
            "the dose that was planned on these images"
        )
    grid = _grid(ds, path)
    dose_gy = _stored(ds, path) * float(ds.DoseGridScaling)
    largest = float(dose_gy.max())
    if not 0 < largest <= HIGHEST_GY:
        words = "every voxel is zero" if largest == 0 else f"its largest dose is {largest:.5g} Gy, as if it were in cGy"
        raise BadInput(f"{path}: {words}; {_AGAIN} with absolute dose in Gy")
    return DoseGrid(np.asfortranarray(dose_gy.transpose(2, 1, 0), dtype=np.float32), grid, "delivered plan", path.name, found)


def _check_kind(ds: Dataset, path: Path) -> None:
    units, kind, summed = str(ds.DoseUnits), str(ds.DoseType), str(ds.DoseSummationType)
    if units != "GY":
        raise BadInput(f"{path}: its dose is in {units}, not in GY; {_AGAIN} as absolute dose")
    if kind != "PHYSICAL":
        raise BadInput(f"{path}: its dose is of the type {kind}, not PHYSICAL; {_AGAIN} as physical dose")
    if summed not in _WHOLE:
        raise BadInput(f"{path}: it holds the dose of one {summed} alone; {_AGAIN} for the whole plan, in one file")
    try:
        scaling = float(ds.DoseGridScaling)
    except ValueError:
        scaling = float("nan")
    if not (np.isfinite(scaling) and scaling > 0):
        raise BadInput(f"{path}: DoseGridScaling is {ds.DoseGridScaling}; {_AGAIN}")


def _stored(ds: Dataset, path: Path) -> NDArray[np.float64]:
    """Stored numbers (frames, rows, columns)."""
    frames = int(ds.get("NumberOfFrames") or 1)
    bits = int(ds.get("BitsAllocated", 0))
    if bits not in (16, 32) or int(ds.get("SamplesPerPixel", 1)) != 1:
        raise BadInput(f"{path}: its pixels have {bits} bits; a dose has 16 or 32")
    needed = int(ds.Rows) * int(ds.Columns) * frames * bits // 8
    compressed = ds.file_meta.TransferSyntaxUID.is_compressed and not ds.file_meta.TransferSyntaxUID.is_deflated
    if not compressed and len(ds.PixelData) < needed:
        raise CorruptFile(
            f"{path}: it ends after {len(ds.PixelData)} of the {needed} bytes of its dose; copy it again from its source"
        )
    try:
        stored = ds.pixel_array
    except (ValueError, RuntimeError, NotImplementedError, AttributeError, EOFError) as error:
        raise CorruptFile(f"{path}: its pixels cannot be unpacked ({error}); {_AGAIN} without compression") from None
    if int(stored.min()) < 0:
        raise BadInput(f"{path}: it holds negative doses, as a difference of two plans does; give the dose of one plan")
    return stored.reshape(frames, int(ds.Rows), int(ds.Columns)).astype(np.float64)


def _grid(ds: Dataset, path: Path) -> Grid:
    direction = np.array(ds.ImageOrientationPatient, dtype=np.float64)
    position = np.array(ds.ImagePositionPatient, dtype=np.float64)
    spacing = np.array(ds.PixelSpacing, dtype=np.float64)
    if direction.size != 6 or position.size != 3 or spacing.size != 2 or (spacing <= 0).any():
        raise BadInput(f"{path}: it does not say where its dose lies; {_AGAIN}")
    row, column = direction[:3], direction[3:]
    lengths = np.array([np.linalg.norm(row), np.linalg.norm(column)])
    if np.abs(lengths - 1).max() > _RIGHT_ANGLE or abs(float(row @ column)) > _RIGHT_ANGLE:
        raise BadInput(f"{path}: its rows and columns are not at right angles; {_AGAIN}")
    step_mm = _step_mm(ds, direction, position, path)
    normal = np.cross(row, column)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = row * spacing[1], column * spacing[0]
    affine[:3, 2], affine[:3, 3] = normal * step_mm, position
    return Grid((int(ds.Columns), int(ds.Rows), int(ds.get("NumberOfFrames") or 1)), LPS_TO_RAS @ affine)


def _step_mm(ds: Dataset, direction: NDArray[np.float64], position: NDArray[np.float64], path: Path) -> float:
    """Distance from frame to frame along the normal of rows and columns; the first lies at ImagePositionPatient (PS3.3 C.8.8.3.2)."""
    frames = int(ds.get("NumberOfFrames") or 1)
    vector = ds.get("GridFrameOffsetVector")
    offsets = np.atleast_1d(np.array(0.0 if vector in (None, "") else vector, dtype=np.float64))
    if frames == 1:
        thickness = float(ds.get("SliceThickness") or 0.0)
        if thickness <= 0:
            raise BadInput(f"{path}: its only frame does not say how thick it is; {_AGAIN} for the whole volume")
        return thickness
    if offsets.size != frames:
        raise BadInput(f"{path}: GridFrameOffsetVector has {offsets.size} values for {frames} frames; {_AGAIN}")
    steps = np.diff(offsets)
    if np.abs(steps - steps.mean()).max() > _UNEVEN_MM or abs(float(steps.mean())) < _UNEVEN_MM:
        raise BadInput(f"{path}: its frames are {steps.min():.4g} to {steps.max():.4g} mm apart; {_AGAIN} on an even grid")
    step = float(offsets[-1] - offsets[0]) / (frames - 1)
    if offsets[0] == 0:
        return step
    axial = float(np.cross(direction[:3], direction[3:])[2])
    if abs(abs(axial) - 1) > _RIGHT_ANGLE or abs(offsets[0] - position[2]) > _UNEVEN_MM:
        raise BadInput(
            f"{path}: GridFrameOffsetVector starts at {offsets[0]:g}, which is neither 0 nor the height of an axial first frame; {_AGAIN}"
        )
    return step * float(np.sign(axial))  # the values are heights in the patient
