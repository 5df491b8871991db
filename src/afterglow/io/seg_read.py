"""Segments of a DICOM segmentation as structures on the grid they were drawn on."""

import struct
import warnings
from pathlib import Path

import highdicom as hd
import numpy as np
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import UID, SegmentationStorage

from afterglow.io.dicom_rt import read_dicom
from afterglow.io.rt_alignment import placed
from afterglow.io.rt_reference import LPS_TO_RAS
from afterglow.records.dose import Structure, StructureKind
from afterglow.records.errors import BadInput, CorruptFile, GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.zones import ZONE_WORDS

_LABEL_MAP = UID("1.2.840.10008.5.1.4.1.1.66.7")  # label map segmentation storage, too new for pydicom's own table
_TARGETS = tuple(code.value for code in (codes.SCT.Neoplasm, codes.SCT.NeoplasmPrimary, codes.SCT.Lesion))


def is_segmentation(path: Path) -> bool:
    """Whether the file calls itself a segmentation; False too where it cannot be read, which another reader will tell."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = dcmread(path, force=True, specific_tags=["SOPClassUID"]).get("SOPClassUID")
    except (OSError, EOFError, struct.error, ValueError, KeyError, TypeError, AttributeError, NotImplementedError, OverflowError):
        return False
    return found in (SegmentationStorage, _LABEL_MAP)


def read_segments(
    path: Path, grid: Grid, *, frame_uid: str | None = None, series_uid: str | None = None
) -> tuple[Structure, ...]:
    """Each segment as its share of the voxels of `grid`, which must be those that it was drawn on; nothing is resampled.

    GridMismatch where `series_uid` is given and the segmentation refers to another series, where `frame_uid` is given and is not
    its own, or where the voxels differ. BadInput where it has no segment.
    """
    ds = read_dicom(path, SegmentationStorage, "SEG", also=_LABEL_MAP)
    _check_origin(ds, path, frame_uid, series_uid)
    if not ds.get("SegmentSequence"):
        raise BadInput(f"{path}: it has no segment; export the segmentation again")
    volume, affine, segmentation = _volume(ds, path)
    frame = str(ds.get("FrameOfReferenceUID", ""))
    found = []
    for index, number in enumerate(n for n in segmentation.segment_numbers if n > 0):
        described = segmentation.get_segment_description(number)
        name = str(described.segment_label)
        share = placed(volume[..., index], Grid((volume.shape[0], volume.shape[1], volume.shape[2]), affine), grid)
        if share is None:
            raise GridMismatch(
                f"{path}: segment {name!r} does not lie on the voxels of the image ({grid}); give the series that it was drawn on"
            )
        kind = _kind(name, str(described.segmented_property_type.value))
        found.append(Structure(name, share, grid, kind, f"{path.name}, segment {number}", frame))
    return tuple(found)


def _check_origin(ds: Dataset, path: Path, frame_uid: str | None, series_uid: str | None) -> None:
    frame = str(ds.get("FrameOfReferenceUID", ""))
    if frame_uid is not None and frame != frame_uid:
        raise GridMismatch(
            f"{path}: its frame of reference is {frame or 'unknown'}, that of the images {frame_uid}; give the segmentation of these images"
        )
    referred = [str(item.get("SeriesInstanceUID", "")) for item in ds.get("ReferencedSeriesSequence") or []]
    if series_uid is not None and series_uid not in referred:
        raise GridMismatch(
            f"{path}: it segments series {', '.join(referred) or 'unknown'}, not {series_uid}; give the segmentation of these images"
        )


def _volume(ds: Dataset, path: Path) -> tuple[NDArray[np.float32], NDArray[np.float64], hd.seg.Segmentation]:
    """Shares (slices, rows, columns, segments), their index -> RAS affine, and the segmentation."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            segmentation = hd.seg.Segmentation.from_dataset(ds, copy=False)
            volume = segmentation.get_volume(combine_segments=False, rescale_fractional=True)
    except (ValueError, RuntimeError, AttributeError, KeyError, IndexError, TypeError, NotImplementedError) as error:
        raise CorruptFile(f"{path}: its frames make no volume ({error}); export the segmentation again") from None
    array = np.asarray(volume.array, dtype=np.float32)
    return array, LPS_TO_RAS @ np.asarray(volume.affine, dtype=np.float64), segmentation


def _kind(name: str, code: str) -> StructureKind:
    if name in ZONE_WORDS.values():
        return "zone"
    return "target" if code in _TARGETS else "organ"
