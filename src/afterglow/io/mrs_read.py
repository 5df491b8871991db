"""Reading NIfTI-MRS (doi:10.1002/mrm.29418): proton decays with their header extension, nothing guessed.

Geometry is checked as that of any NIfTI. What would have to be guessed (echo time, dwell time, frequency) is refused; what may be
missing is said: a box, a water reference, the chemical shift at 0 Hz.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.io.integrity import blocks
from afterglow.io.mrs_header import MrsTold, read_told
from afterglow.io.sidecar import read_sidecar
from afterglow.kernels.spectrum_align import averaged
from afterglow.records.errors import BadInput, CorruptFile, GridMismatch
from afterglow.records.spectra import Fids, SpectralSeries


@dataclass(frozen=True, eq=False)
class _Header:
    """What is told of the decays, and where their numbers lie in the file."""

    told: MrsTold
    shape: tuple[int, ...]  # (i, j, k, t, …)
    dtype: np.dtype[Any]
    offset: int


def read_mrs(path: Path, root: Path, water: Path | None = None) -> SpectralSeries:
    """A spectroscopic image whose decays are read when asked for, and its water reference where one is given.

    Averages (DIM_DYN) of one experiment are brought to one frequency and phase and averaged. BadInput, CorruptFile, MissingInput
    or GridMismatch, naming the file, what was found and what to do.
    """
    told = _open(path, root).told
    reference = None if water is None else _open(water, root)
    if water is not None and reference is not None:
        _check_alike(path, told, water, reference.told)
    return SpectralSeries(
        grid=told.grid,
        dwell_s=told.dwell_s,
        spectrometer_mhz=told.spectrometer_mhz,
        te_s=told.te_s,
        tr_s=told.tr_s,
        reference_ppm=told.reference_ppm,
        load=lambda: _load(path, root),
        source=_relative(path, root),
        box=told.box,
        water=None if water is None else lambda: _load(water, root),
        water_source="" if water is None else _relative(water, root),
        remarks=told.remarks,
        bandwidth_hz=told.bandwidth_hz,
    )


def _relative(path: Path, root: Path) -> str:
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name


def _check_alike(path: Path, told: MrsTold, water: Path, other: MrsTold) -> None:
    """The reference must lie voxel on voxel and sample by sample on the metabolites."""
    if not told.grid.same_as(other.grid):
        raise GridMismatch(f"{water}: its grid is {other.grid} but that of {path.name} is {told.grid}, or lies elsewhere; give the reference of this scan")  # fmt: skip
    if abs(told.dwell_s / other.dwell_s - 1) > 1e-3 or told.n_points != other.n_points:
        raise BadInput(
            f"{water}: {other.n_points} points every {other.dwell_s:g} s, but {path.name} has {told.n_points} every "
            f"{told.dwell_s:g} s; give the reference of this scan"
        )
    if abs(told.spectrometer_mhz / other.spectrometer_mhz - 1) > 1e-3:
        raise BadInput(
            f"{water}: it was measured at {other.spectrometer_mhz:g} MHz, {path.name} at {told.spectrometer_mhz:g} MHz; "
            "give the reference of this scan"
        )


def _open(path: Path, root: Path) -> _Header:
    """The checked header and extension: as many bytes as come before the first voxel."""
    head = bytearray()
    wanted = 544
    for block in blocks(path):
        head += block
        if len(head) >= 544:
            wanted = _offset(bytes(head), path)
        if len(head) >= wanted:
            break
    return _parsed(bytes(head), path, root)


def _parsed(head: bytes, path: Path, root: Path) -> _Header:
    told = read_told(head, path, read_sidecar(path, root))
    return _Header(told, told.shape, told.dtype, told.offset)


def _offset(head: bytes, path: Path) -> int:
    """Bytes before the first voxel, as the header claims; a claim beyond reason is refused before it is read."""
    from afterglow.io.mrs_header import unpacked

    offset = float(unpacked(head, path)["vox_offset"])
    if not math.isfinite(offset) or not 0 <= offset < 64 * 2**20:
        raise BadInput(f"{path}: vox_offset {offset:g} leaves no sensible room for its header; convert the scan again")
    return int(offset)


def _load(path: Path, root: Path) -> Fids:
    """The decays (i, j, k, t) as complex64, averages averaged."""
    content = bytearray()
    for block in blocks(path):
        content += block
    header = _parsed(bytes(content[: _offset(bytes(content[:544]), path)]), path, root)
    needed = header.offset + math.prod(header.shape) * header.dtype.itemsize
    if len(content) != needed:
        word = "ends after" if len(content) < needed else "holds"
        raise CorruptFile(
            f"{path}: it {word} {len(content)} of the {needed} bytes its header needs; copy it again from its source"
        )
    stored = np.frombuffer(content, dtype=header.dtype, offset=header.offset).reshape(header.shape, order="F")
    fids: NDArray[np.complex64] = np.ascontiguousarray(stored.reshape(*header.shape[:4], -1), dtype=np.complex64)
    _require_complex(fids, path)
    return averaged(fids) if fids.shape[-1] > 1 else fids[..., 0]


def _require_complex(fids: Fids, path: Path) -> None:
    finite = np.isfinite(fids)
    if not finite.any():
        raise BadInput(f"{path}: not one of its {fids.size} values is finite; convert the scan again")
    if not np.any(fids[finite]):
        raise BadInput(f"{path}: every value is zero, there is no signal; convert the scan again")
    if not np.any(fids.imag[finite]):
        raise BadInput(
            f"{path}: its imaginary part is zero throughout, so it holds no decay but a real curve; export complex data"
        )
