"""Structures of an RTSTRUCT on any grid: what cannot be used is said, never mended in silence."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import RTStructureSetStorage

from afterglow.io.dicom_rt import read_dicom
from afterglow.io.rt_planes import PlaneStack, plane_stack
from afterglow.io.rt_reference import LPS_TO_RAS
from afterglow.io.rt_share import stack_share
from afterglow.records.alignment import QualityLine
from afterglow.records.dose import Structure, StructureKind
from afterglow.records.errors import BadInput, CorruptFile, GridMismatch
from afterglow.records.grid import Grid

_CLOSED = ("CLOSED_PLANAR", "CLOSEDPLANAR_XOR")
_TARGETS = ("GTV", "CTV", "PTV", "TREATED_VOLUME")
_CUT_SHARE = 1e-3
_AGAIN = "export the structure set again"


@dataclass(frozen=True, eq=False)
class StructureSet:
    """Structures of one file, and what was odd in it."""

    structures: tuple[Structure, ...]
    remarks: tuple[QualityLine, ...]


@dataclass(frozen=True)
class _Roi:
    number: int
    name: str
    frame_uid: str
    kind: StructureKind


def read_structures(
    path: Path, grid: Grid, *, frame_uid: str | None = None, names: Collection[str] | None = None
) -> tuple[Structure, ...]:
    """The structures alone; see `read_structure_set`."""
    return read_structure_set(path, grid, frame_uid=frame_uid, names=names).structures


def read_structure_set(
    path: Path, grid: Grid, *, frame_uid: str | None = None, names: Collection[str] | None = None
) -> StructureSet:
    """Every structure of an RTSTRUCT, or those of `names`, as the share of each voxel of `grid` inside it.

    Rings of one plane are combined by the even-odd rule, so that holes are holes whether written as rings in rings or by keyhole.
    A plane stands for a slab that reaches half-way to the next one, and half a spacing at the ends and at a gap; nothing is
    interpolated between planes. The grid may lie in any direction.

    BadInput where the file holds no contour, GridMismatch where `frame_uid` is given and a structure has another one. Points
    and open contours, rings that cross themselves, copies of a ring and what reaches beyond the grid are remarks.
    """
    ds = read_dicom(path, RTStructureSetStorage, "RTSTRUCT")
    rois = _named(_rois(ds, path), names, path)
    for roi in rois:
        if frame_uid is not None and roi.frame_uid != frame_uid:
            raise GridMismatch(
                f"{path}: structure {roi.name!r} lies in frame of reference {roi.frame_uid or 'unknown'}, the images in {frame_uid}; "
                "register the two first, or give the structure set of this examination"
            )
    contours = _contours(ds, path)
    remarks: list[QualityLine] = []
    if not ds.get("RTROIObservationsSequence"):
        words = "the file does not say which structure is a target; all are taken as organs"
        remarks.append(QualityLine(f"structures of {path.name}", "no observations", "warning", words))
    stacks: list[tuple[_Roi, PlaneStack]] = []
    for roi in rois:
        stack, said = plane_stack(_rings(contours.get(roi.number, []), roi, path, remarks), f"{path.name}: structure {roi.name}")
        remarks += said
        if stack is not None:
            stacks.append((roi, stack))
    if not stacks:
        raise BadInput(f"{path}: none of its {len(rois)} structures has a closed contour; draw them and {_AGAIN}")
    spacing_mm = _spacing_mm([stack for _, stack in stacks], grid, path, remarks)
    return StructureSet(tuple(_structure(roi, stack, spacing_mm, grid, path, remarks) for roi, stack in stacks), tuple(remarks))


def _rois(ds: Dataset, path: Path) -> tuple[_Roi, ...]:
    if not ds.get("StructureSetROISequence") or "ROIContourSequence" not in ds:
        raise BadInput(f"{path}: it lists no structure, or holds no contours; draw them and {_AGAIN}")
    kinds = {
        int(item.ReferencedROINumber): _kind(str(item.get("RTROIInterpretedType", "")))
        for item in ds.get("RTROIObservationsSequence") or []
        if "ReferencedROINumber" in item
    }
    found = []
    for item in ds.StructureSetROISequence:
        if "ROINumber" not in item:
            raise CorruptFile(f"{path}: a structure has no number, so that its contours cannot be found; {_AGAIN}")
        number = int(item.ROINumber)
        name = str(item.get("ROIName", "")) or f"ROI {number}"
        found.append(_Roi(number, name, str(item.get("ReferencedFrameOfReferenceUID", "")), kinds.get(number, "organ")))
    return tuple(found)


def _named(rois: tuple[_Roi, ...], names: Collection[str] | None, path: Path) -> tuple[_Roi, ...]:
    if names is None:
        return rois
    absent = sorted(set(names) - {roi.name for roi in rois})
    if absent:
        raise BadInput(f"{path}: it has no structure {absent[0]!r}; there are {', '.join(roi.name for roi in rois)}")
    return tuple(roi for roi in rois if roi.name in names)


def _kind(interpreted: str) -> StructureKind:
    return "target" if interpreted in _TARGETS else "zone" if interpreted == "DOSE_REGION" else "organ"


def _contours(ds: Dataset, path: Path) -> Mapping[int, list[Dataset]]:
    found: dict[int, list[Dataset]] = {}
    for item in ds.ROIContourSequence:
        if "ReferencedROINumber" not in item:
            raise CorruptFile(f"{path}: contours do not say which structure they belong to; {_AGAIN}")
        found.setdefault(int(item.ReferencedROINumber), []).extend(item.get("ContourSequence") or [])
    return found


def _rings(items: list[Dataset], roi: _Roi, path: Path, remarks: list[QualityLine]) -> list[NDArray[np.float64]]:
    """Closed rings (n, 3) in RAS mm; whatever else there is becomes a remark."""
    rings, skipped = [], []
    for item in items:
        kind = str(item.get("ContourGeometricType", ""))
        points = _points(item, roi, path)
        if kind in _CLOSED and len(points) >= 3:
            rings.append(points)
        else:
            skipped.append(kind if kind not in _CLOSED else f"{kind} of {len(points)} points")
    if skipped:
        kinds = ", ".join(f"{skipped.count(kind)} x {kind or 'no type'}" for kind in sorted(set(skipped)))
        remarks.append(
            _remark(path, roi, f"{kinds} passed over", "only closed contours of three points and more enclose a volume")
        )
    if not items:
        remarks.append(_remark(path, roi, "no contours", "it is left out; draw it, or remove it from the structure set"))
    return rings


def _points(item: Dataset, roi: _Roi, path: Path) -> NDArray[np.float64]:
    data = item.get("ContourData")
    try:
        numbers = np.array([] if data is None else data, dtype=np.float64).ravel()
    except (TypeError, ValueError):
        raise CorruptFile(f"{path}: structure {roi.name!r} has a contour that is not made of numbers; {_AGAIN}") from None
    count = item.get("NumberOfContourPoints")
    if numbers.size % 3 or not np.isfinite(numbers).all() or (count is not None and int(count) * 3 != numbers.size):
        raise CorruptFile(
            f"{path}: structure {roi.name!r} has a contour of {numbers.size} numbers that should hold {count} points; {_AGAIN}"
        )
    points: NDArray[np.float64] = numbers.reshape(-1, 3) @ LPS_TO_RAS[:3, :3]
    if len(points) > 1 and np.array_equal(points[0], points[-1]):
        points = points[:-1]
    return points


def _spacing_mm(stacks: list[PlaneStack], grid: Grid, path: Path, remarks: list[QualityLine]) -> float:
    """Distance between the planes of the file: the smallest that two planes of one structure have."""
    gaps = [float(gap) for stack in stacks for gap in np.diff(stack.heights_mm)]
    if gaps:
        return min(gaps)
    along = np.abs(np.linalg.inv(grid.affine[:3, :3]) @ stacks[0].normal)
    spacing = float(1.0 / np.linalg.norm(along))
    words = "no structure has two planes; each stands for one slice of the grid"
    remarks.append(QualityLine(f"planes of {path.name}", f"{spacing:.3g} mm thick", "warning", words))
    return spacing


def _structure(roi: _Roi, stack: PlaneStack, spacing_mm: float, grid: Grid, path: Path, remarks: list[QualityLine]) -> Structure:
    slabs = stack.slabs_mm(spacing_mm)
    share, volume_ml = stack_share(stack, slabs, grid)
    inside_ml = float(share.sum(dtype=np.float64)) * grid.voxel_ml
    lost = 1.0 - inside_ml / volume_ml if volume_ml > 0 else 0.0
    if lost > _CUT_SHARE and stack.reaches_beyond(slabs, grid):
        remarks.append(
            _remark(path, roi, f"{100 * lost:.3g} % of its {volume_ml:.3g} mL lie outside the grid", "that part is cut off")
        )
    gaps = stack.n_gaps(spacing_mm)
    if gaps:
        remarks.append(
            _remark(path, roi, f"{gaps} gaps between its planes", "left empty, since nothing tells parts from forgotten slices")
        )
    words = f"{path.name}, ROI {roi.number}; planes {spacing_mm:.3g} mm apart, each a slab"
    return Structure(roi.name, share, grid, roi.kind, words, roi.frame_uid)


def _remark(path: Path, roi: _Roi, found: str, words: str) -> QualityLine:
    return QualityLine(f"structure {roi.name} in {path.name}", found, "warning", words)
