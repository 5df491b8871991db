"""NIfTI headers read strictly: a value that cannot be right is a stated error, never silently mended."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError
from numpy.typing import NDArray

from afterglow.records.errors import BadInput, CorruptFile
from afterglow.records.grid import Grid

HEADER_BYTES = 544  # enough for NIfTI-1 (348 + 4) and NIfTI-2 (540 + 4)
NUMERIC = {
    2: "uint8", 4: "int16", 8: "int32", 16: "float32", 64: "float64",
    256: "int8", 512: "uint16", 768: "uint32", 1024: "int64", 1280: "uint64",
}  # fmt: skip
OTHER_TYPES = {1: "binary", 32: "complex64", 128: "RGB", 1536: "float128", 1792: "complex128", 2304: "RGBA"}
SHEAR_COSINE = 1e-3  # 0.06 degrees, a quarter of a millimetre over a head; float32 rounding gives 1e-6
VOXEL_MM = (0.005, 500.0)  # no image of a body is finer or coarser
FARTHEST_MM = 1e4  # and none lies farther from the scanner's centre
SPACING_SHARE = 0.01  # pixdim and the affine may differ by this share
_KINDS = {348: (nib.Nifti1Header, b"n+1\0", b"ni1\0"), 540: (nib.Nifti2Header, b"n+2\0", b"ni2\0")}
_RECONVERT = "convert the scan again"


@dataclass(frozen=True, eq=False)
class Header:
    """What a NIfTI header says, after every check. `n_frames` is 1 for a three-dimensional image."""

    grid: Grid
    n_frames: int
    dtype: np.dtype[Any]  # of the stored numbers, with their byte order
    offset: int  # bytes before the first voxel
    slope: float
    inter: float

    @property
    def n_bytes(self) -> int:
        """Size of the whole decompressed file."""
        return self.offset + math.prod(self.grid.shape) * self.n_frames * self.dtype.itemsize


def parse_header(head: bytes, path: Path) -> Header:
    """The checked header from the first bytes of a decompressed .nii; BadInput or CorruptFile, naming `path`."""
    raw = _unpack(head, path)
    shape, n_frames = _shape(raw, path)
    dtype = _dtype(raw, path)
    with np.errstate(all="ignore"):  # a signalling NaN warns when it is widened; every value is checked for itself below
        slope, inter = _scaling(raw, path)
        pixdim_mm = _pixdim(raw, path)
        affine = _affine(raw, shape, pixdim_mm, path)
        return Header(Grid(shape, affine), n_frames, dtype, _offset(raw, path), slope, inter)


def _unpack(head: bytes, path: Path) -> Any:
    if head.startswith(b"\x1f\x8b"):
        raise BadInput(f"{path}: it is compressed twice; decompress it once with gunzip")
    for size, (kind, magic, pair_magic) in _KINDS.items():
        for order in "<>":
            if head[:4] != np.array(size, order + "i4").tobytes():
                continue
            needed = kind.template_dtype.itemsize
            if len(head) < needed:
                raise CorruptFile(f"{path}: its header ends after {len(head)} of {needed} bytes; copy it again from its source")
            raw = kind(head[:needed], endianness=order, check=False)
            found = head[344:348] if size == 348 else head[4:8]
            if found == pair_magic:
                raise BadInput(f"{path}: it is the header of a .hdr/.img pair; convert the pair into one .nii.gz")
            if found != magic:
                raise BadInput(f"{path}: magic {found!r} is not that of a NIfTI file ({magic!r}); {_RECONVERT}")
            return raw
    said = int.from_bytes(head[:4], "little")
    raise BadInput(f"{path}: it is no NIfTI file (header size {said}, not 348 or 540); {_RECONVERT}")


def _shape(raw: Any, path: Path) -> tuple[tuple[int, int, int], int]:
    dim = [int(n) for n in raw["dim"]]
    rank = dim[0]
    if not 1 <= rank <= 7:
        raise BadInput(f"{path}: dim[0] is {rank}, an image has 2 to 4 dimensions; {_RECONVERT}")
    sizes = dim[1 : rank + 1]
    if min(sizes) < 1:
        raise BadInput(f"{path}: its sizes are {sizes}, each must be at least 1; {_RECONVERT}")
    if rank < 2 or any(n != 1 for n in sizes[4:]):
        raise BadInput(f"{path}: its sizes are {sizes}, afterglow reads three dimensions and time; split or reshape the image")
    i, j, k, t = (*sizes[:4], 1, 1)[:4]
    return (i, j, k), t


def _dtype(raw: Any, path: Path) -> np.dtype[Any]:
    code, bits = int(raw["datatype"]), int(raw["bitpix"])
    if code not in NUMERIC:
        raise BadInput(
            f"{path}: its voxels are {OTHER_TYPES.get(code, f'of type {code}')}, not plain numbers; export the grey values"
        )
    dtype = np.dtype(NUMERIC[code]).newbyteorder(raw.endianness)
    if bits != dtype.itemsize * 8:
        raise BadInput(f"{path}: bitpix {bits} contradicts datatype {NUMERIC[code]}; {_RECONVERT}")
    return dtype


def _scaling(raw: Any, path: Path) -> tuple[float, float]:
    slope, inter = float(raw["scl_slope"]), float(raw["scl_inter"])
    if not (math.isfinite(slope) and math.isfinite(inter)):
        raise BadInput(
            f"{path}: scl_slope {slope:g} and scl_inter {inter:g} must be finite; {_RECONVERT}, the scaling of the signal is lost"
        )
    return (1.0, 0.0) if slope == 0 else (slope, inter)  # slope 0 means "not scaled" in the NIfTI standard


def _offset(raw: Any, path: Path) -> int:
    offset, least = float(raw["vox_offset"]), raw.template_dtype.itemsize + 4
    if not math.isfinite(offset) or offset < least or offset != int(offset):
        raise BadInput(f"{path}: vox_offset {offset:g} is not a whole number of at least {least}; {_RECONVERT}")
    return int(offset)


def _pixdim(raw: Any, path: Path) -> tuple[float, float, float]:
    a, b, c = (float(v) for v in raw["pixdim"][1:4])
    low, high = VOXEL_MM
    if not all(low <= v <= high for v in (a, b, c)):  # NaN compares as false
        raise BadInput(
            f"{path}: voxel sizes (pixdim) are {a:g}, {b:g}, {c:g} mm, each must lie between {low:g} and {high:g}; {_RECONVERT}"
        )
    space_unit = int(raw["xyzt_units"]) & 7
    if space_unit not in (0, 2):
        word = {1: "metres", 3: "micrometres"}.get(space_unit, f"code {space_unit}")
        raise BadInput(f"{path}: its lengths are in {word} (xyzt_units), not millimetres; {_RECONVERT}")
    return a, b, c


def _affine(raw: Any, shape: tuple[int, int, int], pixdim_mm: tuple[float, float, float], path: Path) -> NDArray[np.float64]:
    s_code, q_code = int(raw["sform_code"]), int(raw["qform_code"])
    if s_code <= 0 and q_code <= 0:
        raise BadInput(
            f"{path}: neither sform_code nor qform_code is set, so left and right are unknown; {_RECONVERT} and keep its orientation"
        )
    if s_code <= 0:
        return _checked_affine(_qform(raw, path), pixdim_mm, path)
    s_affine = _checked_affine(np.asarray(raw.get_sform(), dtype=np.float64), pixdim_mm, path)
    if q_code <= 0:
        return s_affine
    q_affine = _checked_affine(_qform(raw, path), pixdim_mm, path)
    apart_mm = _farthest_corner_mm(s_affine, q_affine, shape)
    if apart_mm > 0.5 * min(pixdim_mm):
        raise BadInput(
            f"{path}: its sform and its qform disagree by up to {apart_mm:.3g} mm, so programs place it differently; "
            "copy the right one over the other"
        )
    return s_affine


def _qform(raw: Any, path: Path) -> NDArray[np.float64]:
    quaternion = [float(raw[name]) for name in ("quatern_b", "quatern_c", "quatern_d")]
    try:
        return np.asarray(raw.get_qform(), dtype=np.float64)
    except (HeaderDataError, ValueError):
        raise BadInput(f"{path}: its qform quaternion {quaternion} is no rotation; {_RECONVERT}") from None


def _checked_affine(affine: NDArray[np.float64], pixdim_mm: tuple[float, float, float], path: Path) -> NDArray[np.float64]:
    if not np.isfinite(affine).all():
        raise BadInput(f"{path}: its affine holds values that are not finite; {_RECONVERT}")
    if np.abs(affine).max() > FARTHEST_MM:
        raise BadInput(f"{path}: its affine holds {np.abs(affine).max():g} mm, farther than any image of a body; {_RECONVERT}")
    columns = affine[:3, :3]
    lengths_mm = np.linalg.norm(columns, axis=0)
    if lengths_mm.min() == 0 or abs(np.linalg.det(columns / lengths_mm)) < SHEAR_COSINE:
        raise BadInput(f"{path}: its affine is singular, it puts different voxels in one place; {_RECONVERT}")
    unit = columns / lengths_mm
    cosine = float(np.abs(unit.T @ unit - np.eye(3)).max())
    if cosine > SHEAR_COSINE:
        angle_deg = math.degrees(math.asin(min(cosine, 1.0)))
        raise BadInput(f"{path}: its affine is sheared by {angle_deg:.2g} degrees; resample it to a rectangular grid")
    if np.abs(lengths_mm / pixdim_mm - 1).max() > SPACING_SHARE:
        said, found = ("x".join(f"{v:.4g}" for v in values) for values in (pixdim_mm, lengths_mm))
        raise BadInput(f"{path}: pixdim says voxels of {said} mm but the affine {found} mm; {_RECONVERT}")
    return affine


def _farthest_corner_mm(a: NDArray[np.float64], b: NDArray[np.float64], shape: tuple[int, int, int]) -> float:
    corners = np.array(np.meshgrid(*((0, n - 1) for n in shape), [1], indexing="ij"), dtype=np.float64).reshape(4, -1)
    return float(np.linalg.norm((a - b)[:3] @ corners, axis=0).max())
