"""The header and the extension of a NIfTI-MRS file, read strictly."""

import json
import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from afterglow.io.header import parse_header
from afterglow.io.sidecar import Sidecar
from afterglow.kernels.spectrum import WATER_PPM
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid

_ECODE = 44  # NIFTI_ECODE_MRS
_COMPLEX: dict[int, np.dtype[Any]] = {32: np.dtype(np.complex64), 1792: np.dtype(np.complex128)}
_REAL = (2, 4, 8, 16, 64, 256, 512, 768, 1024, 1280)
_FLOAT64 = 64
_TIME_UNITS = {0: 1.0, 8: 1.0, 16: 1e-3, 24: 1e-6}  # xyzt_units to seconds
_WIDTH_SHARE = 0.01  # by which dwell time and spectral width may contradict one another
_MHZ = (10.0, 1000.0)
_LONGEST_ECHO_S = 2.0  # a larger number was written in milliseconds
_AVERAGES = "DIM_DYN"
_RECONVERT = "convert the scan again"


@dataclass(frozen=True, eq=False)
class MrsTold:
    """All that a file tells of its decays."""

    grid: Grid
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    offset: int
    dwell_s: float
    spectrometer_mhz: float
    te_s: float
    tr_s: float
    reference_ppm: float
    box: NDArray[np.float64] | None
    bandwidth_hz: tuple[float, float, float] | None
    remarks: tuple[str, ...]

    @property
    def n_points(self) -> int:
        """Samples of one decay."""
        return self.shape[3]


def unpacked(head: bytes, path: Path) -> Any:
    """nibabel's header of either NIfTI version, in the file's byte order; BadInput where it is none."""
    for size, kind in ((348, nib.Nifti1Header), (540, nib.Nifti2Header)):
        for order in "<>":
            if head[:4] == np.array(size, order + "i4").tobytes() and len(head) >= kind.template_dtype.itemsize:
                return kind(head[: kind.template_dtype.itemsize], endianness=order, check=False)
    raise BadInput(f"{path}: it is no NIfTI file; {_RECONVERT}, with spec2nii for instance")


def read_told(head: bytes, path: Path, sidecar: Sidecar) -> MrsTold:
    """Everything told by the bytes before the first voxel, and by the sidecar where the header is silent."""
    raw = unpacked(head, path)
    intent = bytes(raw["intent_name"]).rstrip(b"\0").decode("latin-1")
    if not intent.startswith("mrs_v"):
        raise BadInput(f"{path}: its intent is {intent!r}, not that of NIfTI-MRS (mrs_v…); convert the spectra with spec2nii")
    code = int(raw["datatype"])
    if code not in _COMPLEX:
        kind = "real numbers" if code in _REAL else f"numbers of type {code}"
        raise BadInput(
            f"{path}: it holds {kind}, but a decay is complex; export the complex data, not a magnitude or a real spectrum"
        )
    fields = _extension(head, raw, path)
    shape = _shape(raw, fields, path)
    slope, inter = float(raw["scl_slope"]), float(raw["scl_inter"])
    if (math.isfinite(slope) and slope not in (0, 1)) or (math.isfinite(inter) and inter != 0):
        raise BadInput(
            f"{path}: its numbers are scaled (slope {slope:g}, intercept {inter:g}), which complex data know not; {_RECONVERT}"
        )
    geometry = parse_header(_as_plain_image(raw, shape), path)
    dwell_s = _dwell_s(raw, fields, path)
    reference_ppm, ppm_remark = _reference_ppm(fields, path)
    _require_protons(fields, path)
    return MrsTold(
        geometry.grid,
        shape,
        _COMPLEX[code].newbyteorder(raw.endianness),
        int(float(raw["vox_offset"])),
        dwell_s,
        _megahertz(fields, sidecar, path),
        _seconds("EchoTime", fields, sidecar, path),
        _seconds("RepetitionTime", fields, sidecar, path),
        reference_ppm,
        _box(fields, path),
        _bandwidth(sidecar),
        tuple(words for words in (ppm_remark, _water_remark(fields)) if words),
    )


def _as_plain_image(raw: Any, shape: tuple[int, ...]) -> bytes:
    """The header of an ordinary image with this geometry, which is checked as that of any image."""
    plain = raw.copy()
    plain["datatype"], plain["bitpix"] = _FLOAT64, 64
    plain["dim"] = [3, *shape[:3], 1, 1, 1, 1]
    plain["xyzt_units"] = int(raw["xyzt_units"]) & 7
    plain["scl_slope"], plain["scl_inter"] = 1, 0
    return bytes(plain.binaryblock) + bytes(4)


def _extension(head: bytes, raw: Any, path: Path) -> Mapping[str, Any]:
    """The JSON of the standard's header extension."""
    place, order = raw.template_dtype.itemsize + 4, raw.endianness
    while place + 8 <= min(len(head), int(float(raw["vox_offset"]))):
        size, code = struct.unpack(order + "ii", head[place : place + 8])
        if size < 16 or size % 16:
            break
        if code == _ECODE:
            return _object(head[place + 8 : place + size].rstrip(b"\0 "), path)
        place += size
    raise BadInput(f"{path}: it has no NIfTI-MRS header extension, so echo time and frequency are not known; {_RECONVERT}")


def _object(text: bytes, path: Path) -> Mapping[str, Any]:
    try:
        fields = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise BadInput(f"{path}: its header extension is no valid JSON ({error}); {_RECONVERT}") from None
    if not isinstance(fields, dict):
        raise BadInput(f"{path}: its header extension holds a {type(fields).__name__}, not named fields; {_RECONVERT}")
    return fields


def _shape(raw: Any, fields: Mapping[str, Any], path: Path) -> tuple[int, ...]:
    """Sizes (i, j, k, t) and averages; coils and different experiments are refused."""
    rank = int(raw["dim"][0])
    sizes = [int(n) for n in raw["dim"][1 : rank + 1]]
    if not 4 <= rank <= 7 or min(sizes) < 1 or sizes[3] < 2:
        raise BadInput(f"{path}: its sizes are {sizes}; three dimensions of space, then time, are needed; {_RECONVERT}")
    for number, size in enumerate(sizes[4:], start=5):
        tag = str(fields.get(f"dim_{number}", ""))
        if size == 1 or tag == _AVERAGES:
            continue
        if tag == "DIM_COIL":
            raise BadInput(
                f"{path}: its {size} coils are not combined; combine them with the scanner or a coil combination first"
            )
        raise BadInput(
            f"{path}: dimension {number} ({tag or 'without a name'}) has {size} entries that are no mere averages ({_AVERAGES}); write the one you mean"
        )
    kspace = fields.get("kSpace")
    if isinstance(kspace, list) and any(kspace):
        raise BadInput(f"{path}: it is still in k-space ({kspace}); reconstruct it into voxels first")
    return tuple(sizes)


def _dwell_s(raw: Any, fields: Mapping[str, Any], path: Path) -> float:
    """Time between samples, from pixdim, with the spectral width as a second witness."""
    units = int(raw["xyzt_units"]) & 56
    dwell_s = float(raw["pixdim"][4]) * _TIME_UNITS.get(units, math.nan)
    if not (math.isfinite(dwell_s) and 0 < dwell_s < 0.1):
        raise BadInput(
            f"{path}: its dwell time (pixdim[4]) is {float(raw['pixdim'][4]):g}; it is needed in seconds, {_RECONVERT}"
        )
    width_hz = fields.get("SpectralWidth")
    if width_hz is None:
        return dwell_s
    if not _is_number(width_hz) or width_hz <= 0 or abs(dwell_s * width_hz - 1) > _WIDTH_SHARE:
        raise BadInput(
            f"{path}: a dwell time of {dwell_s:g} s and a SpectralWidth of {width_hz} Hz contradict one another; {_RECONVERT}"
        )
    return dwell_s


def _require_protons(fields: Mapping[str, Any], path: Path) -> None:
    nucleus = fields.get("ResonantNucleus")
    first = nucleus[0] if isinstance(nucleus, list) and nucleus else nucleus
    if first != "1H":
        raise BadInput(f"{path}: its nucleus (ResonantNucleus) is {first!r}; afterglow fits proton spectra (1H) only")


def _megahertz(fields: Mapping[str, Any], sidecar: Sidecar, path: Path) -> float:
    value = fields.get("SpectrometerFrequency", sidecar.fields.get("SpectrometerFrequency"))
    first = value[0] if isinstance(value, list) and value else value
    if not _is_number(first) or not _MHZ[0] <= first <= _MHZ[1]:
        raise BadInput(f"{path}: SpectrometerFrequency is {first!r}; the proton frequency in MHz is needed, {_RECONVERT}")
    return float(first)


def _seconds(name: str, fields: Mapping[str, Any], sidecar: Sidecar, path: Path) -> float:
    """A time from the extension or else the sidecar; where both tell, they must agree."""
    inner, outer = fields.get(name), sidecar.number(name)
    if inner is None and outer is None:
        raise BadInput(
            f"{path}: neither its header nor its sidecar gives {name}, and it is not guessed; write {name} (s) into the sidecar"
        )
    for value in (inner, outer):
        if value is not None and (not _is_number(value) or not 0 < value < _LONGEST_ECHO_S * (1 if name == "EchoTime" else 30)):
            raise BadInput(f"{path}: {name} is {value!r}; it is needed in seconds, correct or convert it")
    if inner is not None and outer is not None and abs(inner - outer) > 1e-3 * max(inner, outer):
        raise BadInput(f"{path}: {name} is {inner:g} s in its header and {outer:g} s in its sidecar; keep the right one")
    return float(outer if inner is None else inner)  # type: ignore[arg-type]


def _reference_ppm(fields: Mapping[str, Any], path: Path) -> tuple[float, str]:
    value = fields.get("SpecFreqChemShift")
    first = value[0] if isinstance(value, list) and value else value
    if first is None:
        return (
            WATER_PPM,
            f"the file does not say which chemical shift lies at 0 Hz; {WATER_PPM} ppm is taken, as NIfTI-MRS readers do",
        )
    if not _is_number(first) or not -5 < first < 15:
        raise BadInput(f"{path}: SpecFreqChemShift is {first!r}; a chemical shift in ppm is needed")
    return float(first), ""


def _water_remark(fields: Mapping[str, Any]) -> str:
    return "the file says that its water was not suppressed" if fields.get("WaterSuppressed") is False else ""


def _box(fields: Mapping[str, Any], path: Path) -> NDArray[np.float64] | None:
    """The excited box as an affine; None where the file does not tell."""
    value = fields.get("VOI")
    if value is None:
        return None
    try:
        box = np.array(value, dtype=np.float64)
    except (TypeError, ValueError):
        box = np.zeros(0)
    if box.shape != (4, 4) or not np.isfinite(box).all() or abs(np.linalg.det(box[:3, :3])) < 1e-6:
        raise BadInput(
            f"{path}: its box (VOI) is no invertible 4 x 4 affine; correct it, or leave it out so that the whole grid counts"
        )
    return box


def _bandwidth(sidecar: Sidecar) -> tuple[float, float, float] | None:
    """Bandwidths of the three pulses that select the box along i, j, k: a sidecar field of ours, since no standard has one."""
    values = sidecar.numbers("SelectionBandwidth")
    if values is None:
        return None
    if len(values) != 3 or min(values) <= 0:
        sidecar.refuse("SelectionBandwidth", "write three positive numbers in Hz, along i, j and k")
    a, b, c = values
    return a, b, c


def _is_number(value: object) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
