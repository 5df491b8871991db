"""NIfTI images and parameter maps written with the same bytes for the same content."""

import struct
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from afterglow.io.atomic import Written, write_bytes
from afterglow.io.names import bids_name, parse_name
from afterglow.io.write import write_json
from afterglow.kernels.types import STATUS_WORDS, Status
from afterglow.records.grid import Grid
from afterglow.records.maps import ParameterMap, Provenance

# zlib's level 4 packs a noisy 16-bit series 2.6 times as fast as its 6 and 1.5 % larger; float32 maps come out the same.
COMPRESSION = 4
_GZIP_HEADER = b"\x1f\x8b\x08\x00" + bytes(4) + b"\x00\xff"  # no time, no name, unknown system: nothing that varies
_CODES = {"uint8": 2, "int16": 4, "float32": 16, "uint16": 512}
_SLAB_BYTES = 4 * 2**20
_SCANNER = 1  # NIFTI_XFORM_SCANNER_ANAT


def write_image(
    path: Path,
    array: NDArray[Any],
    grid: Grid,
    *,
    times_s: NDArray[np.float64] | None = None,
    sidecar: Mapping[str, object] | None = None,
) -> tuple[Written, ...]:
    """Write .nii.gz from (i, j, k) or (i, j, k, t) of float32, uint8, int16 or uint16, stored without scaling.

    A JSON sidecar is written beside it where `sidecar` or `times_s` (t,) is given; times go to FrameTimesStart.
    ValueError where the shape is not the grid's. Unwritable where the folder is.
    """
    n_frames = array.shape[3] if array.ndim == 4 else 1
    if array.shape[:3] != grid.shape or array.ndim not in (3, 4):
        raise ValueError(f"{path.name}: the array is {array.shape} but its grid is {grid.shape}")
    if times_s is not None and times_s.shape != (n_frames,):
        raise ValueError(f"{path.name}: {times_s.size} times for {n_frames} frames")
    fields = dict(sidecar or {})
    if times_s is not None:
        fields["FrameTimesStart"] = times_s.tolist()
    image = write_bytes(path, packed(_header(array, grid, times_s), array))
    return (image, write_json(_sidecar_path(path), fields)) if fields else (image,)


def write_mask(
    path: Path, mask: NDArray[np.bool_], grid: Grid, *, sidecar: Mapping[str, object] | None = None
) -> tuple[Written, ...]:
    """Write a mask (i, j, k) as 0 and 1."""
    return write_image(path, mask.astype(np.uint8), grid, sidecar=sidecar)


def write_map(parameter_map: ParameterMap, path: Path, *, with_status: bool = False) -> tuple[Written, ...]:
    """Write a parameter map as float32 with NaN where nothing was measured, and everything about it in its sidecar.

    Its standard error, where there is one, goes beside it as desc-se; its status, where asked for, as desc-status
    (uint8, its meanings in the sidecar). Returns every file written.
    """
    quantity, provenance = parameter_map.quantity, parameter_map.provenance
    fields = {
        "LongName": quantity.long_name,
        "Units": quantity.unit,
        "Quantity": quantity.name,
        "Symbol": quantity.symbol,
        "CAPLEX": quantity.caplex or None,
        "DICOMCode": quantity.dicom or None,
        "NotMeasured": "NaN",
        "StatusCounts": _status_counts(parameter_map.status),
        **_origin(provenance),
    }
    written = write_image(path, parameter_map.values, parameter_map.grid, sidecar=fields)
    if parameter_map.standard_error is not None:
        error = {
            "LongName": f"standard error of {quantity.long_name}",
            "Units": quantity.unit,
            "NotMeasured": "NaN",
            **_origin(provenance),
        }
        written += write_image(_companion(path, "se"), parameter_map.standard_error, parameter_map.grid, sidecar=error)
    if with_status:
        status = {
            "LongName": f"status of {quantity.long_name}",
            "Levels": {str(int(s)): STATUS_WORDS[s] for s in Status},
            **_origin(provenance),
        }
        written += write_image(_companion(path, "status"), parameter_map.status, parameter_map.grid, sidecar=status)
    return written


def _origin(provenance: Provenance) -> dict[str, object]:
    """Where a map comes from. Seconds are left to the manifest: they differ from run to run, a map must not."""
    return {
        "Step": provenance.step,
        "Settings": dict(provenance.settings),
        "Sources": list(provenance.sources),
        "Methods": provenance.sentence,
        "DOIs": list(provenance.dois),
        "GeneratedBy": {"Name": "afterglow", "Version": provenance.version},
    }


def _status_counts(status: NDArray[np.uint8]) -> dict[str, int]:
    counts = np.bincount(status.ravel(), minlength=len(Status))
    return {STATUS_WORDS[s]: int(counts[s]) for s in Status}


def _companion(path: Path, desc: str) -> Path:
    name = parse_name(path.name)
    if name is None:
        raise ValueError(f"{path.name} is not a BIDS name")
    return path.with_name(bids_name({**name.entities, "desc": name.entities.get("desc", "") + desc}, name.suffix, name.extension))


def _sidecar_path(path: Path) -> Path:
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def _header(array: NDArray[Any], grid: Grid, times_s: NDArray[np.float64] | None) -> bytes:
    if array.dtype.name not in _CODES:
        raise ValueError(f"voxels of {array.dtype.name} are not written; convert to one of {', '.join(_CODES)}")
    header = nib.Nifti1Header(endianness="<")
    header.set_data_dtype(_CODES[array.dtype.name])
    header.set_data_shape(array.shape)
    header.set_sform(grid.affine, code=_SCANNER)
    header.set_qform(grid.affine, code=_SCANNER, strip_shears=False)
    header.set_xyzt_units("mm", "sec")
    header.set_slope_inter(1, 0)
    if times_s is not None and times_s.size > 1:
        header["pixdim"][4] = np.median(np.diff(times_s))  # for viewers only; afterglow never reads it
    header["magic"] = b"n+1"
    header["vox_offset"] = 352
    return bytes(header.binaryblock) + bytes(4)


def packed(header: bytes, array: NDArray[Any]) -> Iterator[bytes]:
    """Header and voxels (x fastest) as a gzip stream, a few megabytes at a time."""
    engine = zlib.compressobj(COMPRESSION, zlib.DEFLATED, -15)
    crc, size = 0, 0
    yield _GZIP_HEADER
    for part in (header, *_voxels(array)):
        crc, size = zlib.crc32(part, crc), size + len(part)
        yield engine.compress(part)
    yield engine.flush()
    yield struct.pack("<II", crc, size & 0xFFFFFFFF)


def _voxels(array: NDArray[Any]) -> Iterator[bytes]:
    last = array.shape[-1]
    step = max(1, _SLAB_BYTES * last // max(array.nbytes, 1))
    little = array.dtype.newbyteorder("<")
    for start in range(0, last, step):
        yield array[..., start : start + step].astype(little, copy=False).tobytes(order="F")
