"""Volumes and times read back from DICOM files, each style by its own tags only; mosaics as nibabel understands them."""

import warnings
from datetime import datetime, timedelta
from typing import Any

import nibabel as nib
import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # nibabel calls its readers experimental
    from nibabel.nicom.dicomwrappers import wrapper_from_data

LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def moment(day: str, clock: str) -> datetime:
    return datetime.strptime(day + clock, "%Y%m%d%H%M%S.%f")


# How each style tells which frame a file belongs to, and when it was: only the tags of that style are used.
def frame_of(ds: Any, style: str) -> float:
    if "DiffusionBValue" in ds:
        tags = {"siemens": (0x0019, 0x100C), "ge": (0x0043, 0x1039), "philips": (0x2001, 0x1003)}
        value = ds[tags[style]].value
        return float(int(value[0]) - 1_000_000_000) if style == "ge" else float(value)
    if ds.SeriesDescription == "irt1":
        return float(ds.InversionTime)
    match style:
        case "siemens":
            return float(ds.AcquisitionNumber)
        case _:
            return float(ds.get("TemporalPositionIdentifier", 1))


def offset_s(ds: Any, style: str) -> float:
    """Seconds after AcquisitionTime."""
    match style:
        case "ge":
            return float(ds.TriggerTime) / 1000.0
        case "philips":
            return float(ds[0x2005, 0x10A0].value)
        case _:
            return 0.0


def slope_of(ds: Any, style: str) -> np.float32:
    return np.float32(1.0 / ds[0x2005, 0x100E].value if style == "philips" else float(ds.RescaleSlope))


def classic_volume(sets: list[Any], style: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Stored numbers (columns, rows, k, t), RAS affine, moments (t, k)."""
    row, column = np.array(sets[0].ImageOrientationPatient, float).reshape(2, 3)
    normal = np.cross(row, column)
    frames = sorted({frame_of(ds, style) for ds in sets})
    places = sorted({round(float(np.dot(ds.ImagePositionPatient, normal)), 4) for ds in sets})
    array = np.full((sets[0].Columns, sets[0].Rows, len(places), len(frames)), -1)
    when = np.empty((len(frames), len(places)), dtype=object)
    corners = {}
    for ds in sets:
        k, t = places.index(round(float(np.dot(ds.ImagePositionPatient, normal)), 4)), frames.index(frame_of(ds, style))
        array[:, :, k, t] = ds.pixel_array.T
        corners[k] = np.array(ds.ImagePositionPatient, float)
        if "ContrastFlowRate" in ds:  # dynamic
            when[t, k] = moment(ds.AcquisitionDate, ds.AcquisitionTime) + timedelta(seconds=offset_s(ds, style))
    down, across = (float(value) for value in sets[0].PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 3] = row * across, column * down, corners[0]
    affine[:3, 2] = (corners[len(places) - 1] - corners[0]) / (len(places) - 1)
    return array, LPS_TO_RAS @ affine, when


def mosaic_volume(sets: list[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same from mosaics, tiles and geometry as nibabel understands them."""
    wrapped = [wrapper_from_data(ds) for ds in sorted(sets, key=lambda ds: (ds.AcquisitionDate, ds.AcquisitionTime))]
    assert all(one.is_mosaic for one in wrapped)
    array = np.stack([one.get_unscaled_data() for one in wrapped], axis=-1)
    delays = [timedelta(milliseconds=float(ms)) for ms in np.atleast_1d(sets[0][0x0019, 0x1029].value)]
    when = [[moment(one.get("AcquisitionDate"), one.get("AcquisitionTime")) + delay for delay in delays] for one in wrapped]
    return array, LPS_TO_RAS @ wrapped[0].affine, np.array(when, dtype=object)


def enhanced_volume(ds: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The same from functional groups, frames placed by their dimension indices."""
    groups = ds.PerFrameFunctionalGroupsSequence
    shared = ds.SharedFunctionalGroupsSequence[0]
    index = np.array([list(group.FrameContentSequence[0].DimensionIndexValues) for group in groups]) - 1
    n_slices, n_frames = index[:, 1].max() + 1, (index[:, 2].max() + 1 if index.shape[1] > 2 else 1)
    array = np.full((ds.Columns, ds.Rows, n_slices, n_frames), -1)
    when = np.empty((n_frames, n_slices), dtype=object)
    corners = {}
    for group, place, pixels in zip(groups, index, ds.pixel_array, strict=True):
        k, t = place[1], place[2] if len(place) > 2 else 0
        array[:, :, k, t] = pixels.T
        corners[k] = np.array(group.PlanePositionSequence[0].ImagePositionPatient, float)
        when[t, k] = datetime.strptime(group.FrameContentSequence[0].FrameAcquisitionDateTime, "%Y%m%d%H%M%S.%f")
    row, column = np.array(shared.PlaneOrientationSequence[0].ImageOrientationPatient, float).reshape(2, 3)
    down, across = (float(value) for value in shared.PixelMeasuresSequence[0].PixelSpacing)
    affine = np.eye(4)
    affine[:3, 0], affine[:3, 1], affine[:3, 3] = row * across, column * down, corners[0]
    affine[:3, 2] = (corners[n_slices - 1] - corners[0]) / (n_slices - 1)
    return array, LPS_TO_RAS @ affine, when


def volume(sets: list[Any], style: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    if style == "enhanced":
        return enhanced_volume(sets[0])
    return mosaic_volume(sets) if "MOSAIC" in sets[0].ImageType else classic_volume(sets, style)


def upright(array: np.ndarray, affine: np.ndarray) -> tuple[np.ndarray, np.ndarray, bool]:
    """Axes turned to right, front, head without resampling; and whether the slices were reversed on the way."""
    turned = nib.as_closest_canonical(nib.Nifti1Image(array.astype(np.int16), affine))
    _, sense = nib.io_orientation(affine)[2]
    return np.asarray(turned.dataobj), turned.affine, bool(sense < 0)
