"""The DICOM series that objects refer to: the planning image, its slices in order, and whose frame of reference it is."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from afterglow.io.rt_alignment import placed
from afterglow.records.errors import BadInput, GridMismatch, MissingInput
from afterglow.records.grid import Grid

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_UNEVEN_MM = 0.05  # scanners write positions with rounding; a missing slice is far more
_TURNED = 1e-4  # cosine


@dataclass(frozen=True)
class ReferencedInstance:
    """One slice: the file it is in, and which frame of it where there are several."""

    sop_class: str
    sop_instance: str
    frame: int | None = None


@dataclass(frozen=True, eq=False)
class ReferenceSeries:
    """One volume of a DICOM series. Axes of `grid`: columns, rows, slices in the order of `instances` (RAS mm)."""

    source: str  # name of the folder
    grid: Grid
    frame_uid: str
    series_uid: str
    study_uid: str
    instances: tuple[ReferencedInstance, ...]
    datasets: tuple[Dataset, ...]  # headers without pixels, sorted by slice; one where all frames are in one file

    @property
    def header(self) -> Dataset:
        """The first file: patient, study and series."""
        return self.datasets[0]

    @property
    def moment(self) -> tuple[str, str]:
        """Date and time of the series, else of its first image or of the study; empty where none is told."""
        ds = self.header
        for kind in ("Series", "Acquisition", "Content", "Study"):
            if ds.get(f"{kind}Date"):
                return str(ds.get(f"{kind}Date")), str(ds.get(f"{kind}Time", ""))
        return "", ""

    def arranged(self, array: NDArray[Any], grid: Grid, what: str) -> NDArray[Any]:
        """`array` (i, j, k) of `grid` with its axes as this series has them; nothing is resampled.

        GridMismatch where the voxels are not those of the series within a thousandth of a millimetre.
        """
        turned = placed(array, grid, self.grid)
        if turned is not None and turned.size == array.size:
            return turned
        raise GridMismatch(
            f"{what}: its grid ({grid}) is not that of the DICOM series in {self.source} ({self.grid}); give the series that the "
            "planning image was made from"
        )


def reference_series(folder: Path) -> ReferenceSeries:
    """The one image series in a folder, its slices sorted along their normal. Files that are no DICOM are passed over.

    MissingInput where there is none; BadInput where there are several series or volumes, a slice is missing, no frame of
    reference is told, or the slices are mosaics.
    """
    datasets = _headers(folder)
    series = sorted({str(ds.SeriesInstanceUID) for ds in datasets})
    if len(series) > 1:
        raise BadInput(f"{folder}: it holds {len(series)} image series; give the folder of the planning series alone")
    first = datasets[0]
    if "MOSAIC" in list(first.get("ImageType", [])):
        raise BadInput(f"{folder}: its slices lie in mosaics, to which no object can refer; give the anatomical planning series")
    if not first.get("FrameOfReferenceUID"):
        raise BadInput(f"{folder}: its series has no FrameOfReferenceUID, and none is invented; export it from the scanner again")
    if not first.get("StudyInstanceUID") or not first.get("SOPClassUID"):
        raise BadInput(f"{folder}: its files name no study or no kind of image; export the series from the scanner again")
    if "PerFrameFunctionalGroupsSequence" in first:
        return _multiframe(folder, datasets)
    return _single_frames(folder, datasets)


def _headers(folder: Path) -> list[Dataset]:
    if not folder.is_dir():
        raise MissingInput(f"{folder}: there is no such folder; give the folder with the DICOM files of the planning series")
    found: list[Dataset] = []
    for path in sorted(path for path in folder.iterdir() if path.is_file()):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                ds = dcmread(path, stop_before_pixels=True)
        except (InvalidDicomError, EOFError):
            continue
        if "Rows" in ds and "SeriesInstanceUID" in ds and "SOPInstanceUID" in ds:
            found.append(ds)
    if not found:
        raise MissingInput(f"{folder}: there is no DICOM image in it; give the folder of the planning series itself")
    return found


def _single_frames(folder: Path, datasets: list[Dataset]) -> ReferenceSeries:
    for ds in datasets:
        if any(name not in ds for name in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")):
            raise BadInput(f"{folder}: slice {ds.get('InstanceNumber', '?')} does not say where it lies; export the series again")
    first = datasets[0]
    direction = np.array(first.ImageOrientationPatient, dtype=np.float64)
    for ds in datasets:
        other = np.array(ds.ImageOrientationPatient, dtype=np.float64)
        if np.abs(other - direction).max() > _TURNED or (ds.Rows, ds.Columns) != (first.Rows, first.Columns):
            raise BadInput(f"{folder}: its slices differ in direction or size (a scout?); give the folder of one volume")
    positions = np.array([ds.ImagePositionPatient for ds in datasets], dtype=np.float64)
    order = _order(folder, direction, positions)
    thickness = float(first.get("SpacingBetweenSlices") or first.get("SliceThickness") or 0.0)
    spacing = tuple(float(mm) for mm in first.PixelSpacing)
    grid = _grid(folder, (int(first.Columns), int(first.Rows)), direction, spacing, positions[order], thickness)
    return _series(folder, grid, [datasets[n] for n in order])


def _multiframe(folder: Path, datasets: list[Dataset]) -> ReferenceSeries:
    if len(datasets) > 1:
        raise BadInput(f"{folder}: it holds {len(datasets)} multi-frame files; give the folder of one volume")
    ds = datasets[0]
    shared, frames = ds.SharedFunctionalGroupsSequence[0], ds.PerFrameFunctionalGroupsSequence
    try:
        positions = np.array([_group(f, shared, "PlanePositionSequence").ImagePositionPatient for f in frames], dtype=np.float64)
        turns = np.array(
            [_group(f, shared, "PlaneOrientationSequence").ImageOrientationPatient for f in frames], dtype=np.float64
        )
        measures = _group(frames[0], shared, "PixelMeasuresSequence")
    except AttributeError as error:
        raise BadInput(f"{folder}: its frames do not say where they lie ({error}); export the series again") from None
    if np.abs(turns - turns[0]).max() > _TURNED:
        raise BadInput(f"{folder}: its frames differ in direction; give the folder of one volume")
    order = _order(folder, turns[0], positions)
    thickness = float(measures.get("SpacingBetweenSlices") or measures.get("SliceThickness") or 0.0)
    spacing = tuple(float(mm) for mm in measures.PixelSpacing)
    grid = _grid(folder, (int(ds.Columns), int(ds.Rows)), turns[0], spacing, positions[order], thickness)
    return _series(folder, grid, [ds], [int(n) + 1 for n in order])


def _group(frame: Dataset, shared: Dataset, name: str) -> Dataset:
    """A functional group of a frame, or the one that all share."""
    group: Dataset = (frame if name in frame else shared).__getattr__(name)[0]
    return group


def _order(folder: Path, direction: NDArray[np.float64], positions: NDArray[np.float64]) -> NDArray[np.intp]:
    """Slices along the normal of rows and columns; BadInput where two lie in one place or one is missing."""
    along = positions @ np.cross(direction[:3], direction[3:])
    order = np.argsort(along, kind="stable")
    gaps = np.diff(along[order])
    if gaps.size and gaps.min() < _UNEVEN_MM:
        raise BadInput(f"{folder}: several of its {along.size} images lie in one place (a dynamic series?); give one volume")
    if gaps.size and gaps.max() - gaps.min() > 2 * _UNEVEN_MM:
        raise BadInput(
            f"{folder}: its slices are {gaps.min():.3g} to {gaps.max():.3g} mm apart, one may be missing; give the whole series"
        )
    return order


def _grid(
    folder: Path,
    size: tuple[int, int],
    direction: NDArray[np.float64],
    spacing: Sequence[float],
    positions: NDArray[np.float64],
    thickness_mm: float,
) -> Grid:
    """Grid of columns, rows and slices; a single slice is as thick as its header says."""
    if len(positions) > 1:
        step = (positions[-1] - positions[0]) / (len(positions) - 1)
    elif thickness_mm > 0:
        step = np.cross(direction[:3], direction[3:]) * thickness_mm
    else:
        raise BadInput(f"{folder}: its only slice does not say how thick it is; give the whole series")
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1] = direction[:3] * spacing[1], direction[3:] * spacing[0]
    affine[:3, 2], affine[:3, 3] = step, positions[0]
    return Grid((size[0], size[1], len(positions)), LPS_TO_RAS @ affine)


def _series(folder: Path, grid: Grid, datasets: list[Dataset], frames: Sequence[int] = ()) -> ReferenceSeries:
    first = datasets[0]
    if frames:
        instances = [ReferencedInstance(str(first.SOPClassUID), str(first.SOPInstanceUID), frame) for frame in frames]
    else:
        instances = [ReferencedInstance(str(ds.SOPClassUID), str(ds.SOPInstanceUID)) for ds in datasets]
    return ReferenceSeries(
        folder.name, grid, str(first.FrameOfReferenceUID), str(first.SeriesInstanceUID), str(first.StudyInstanceUID),
        tuple(instances), tuple(datasets),
    )  # fmt: skip
