"""NIfTI-MRS files (doi:10.1002/mrm.29418), the same bytes for the same content.

NIfTI-2, as the standard prefers; keys and their types as in its definitions of version 0.11, which nifti-mrs 1.4 checks.
"""

import json
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from afterglow.io.atomic import Written, write_bytes
from afterglow.io.images import packed
from afterglow.io.write import plain, write_json
from afterglow.kernels.spectrum import PROTON_MHZ_PER_T, WATER_PPM
from afterglow.records.grid import Grid

MRS_VERSION = "mrs_v0_11"
_ECODE = 44  # NIFTI_ECODE_MRS
_COMPLEX64 = 32  # NIFTI_TYPE_COMPLEX64
_SCANNER = 1  # NIFTI_XFORM_SCANNER_ANAT
_NIFTI2_BYTES = 540
_NAME_BYTES = 15  # of intent_name, less its closing zero


@dataclass(frozen=True, eq=False)
class MrsHeader:
    """What a reader of proton spectra must be told. `box_mm`: opposite corners (3,) of the excited box along the grid's axes."""

    dwell_s: float
    spectrometer_mhz: float
    te_s: float
    tr_s: float
    water_suppressed: bool
    box_mm: tuple[NDArray[np.float64], NDArray[np.float64]] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.dwell_s <= 1 or not 0 < self.te_s < self.tr_s or self.spectrometer_mhz <= 0:
            raise ValueError(
                f"a dwell time of {self.dwell_s} s, TE {self.te_s} s, TR {self.tr_s} s and {self.spectrometer_mhz} MHz are no protocol"
            )


def write_mrs(
    path: Path, fids: NDArray[np.complex64], grid: Grid, header: MrsHeader, *, sidecar: Mapping[str, object] | None = None
) -> tuple[Written, Written]:
    """Write FIDs (i, j, k, t) as .nii.gz with the standard's header extension, and the BIDS sidecar beside it.

    The sign of the FIDs is the standard's (see kernels.spectrum). ValueError where the shape is not the grid's, Unwritable
    where the folder is.
    """
    if fids.ndim != 4 or fids.shape[:3] != grid.shape or fids.dtype != np.complex64:
        raise ValueError(f"{path.name}: the FIDs are {fids.dtype.name} of {fids.shape} but their grid is {grid.shape}")
    extension = _extension(_standard_fields(header, grid))
    written = write_bytes(path, packed(_header(fids, grid, header, len(extension)) + extension, fids))
    beside = path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")
    return written, write_json(beside, {**_bids_fields(header), **(sidecar or {})})


def _standard_fields(header: MrsHeader, grid: Grid) -> dict[str, object]:
    fields: dict[str, object] = {
        "SpectrometerFrequency": [float(header.spectrometer_mhz)],
        "ResonantNucleus": ["1H"],
        "SpectralWidth": 1 / header.dwell_s,
        "EchoTime": float(header.te_s),
        "RepetitionTime": float(header.tr_s),
        "SpecFreqChemShift": WATER_PPM,
        "WaterSuppressed": header.water_suppressed,
        "kSpace": [False, False, False],
    }
    if header.box_mm is not None:
        fields["VOI"] = _box_affine(header.box_mm, grid).tolist()
    return fields


def _box_affine(box_mm: tuple[NDArray[np.float64], NDArray[np.float64]], grid: Grid) -> NDArray[np.float64]:
    """The box as the affine (4, 4) of one voxel along the grid's axes."""
    axes = grid.affine[:3, :3] / np.array(grid.spacing_mm)
    size_mm = np.abs(np.linalg.solve(axes, box_mm[1] - box_mm[0]))
    affine = np.eye(4)
    affine[:3, :3] = axes * size_mm
    affine[:3, 3] = (box_mm[0] + box_mm[1]) / 2
    return affine


def _bids_fields(header: MrsHeader) -> dict[str, object]:
    return {
        "MagneticFieldStrength": round(header.spectrometer_mhz / PROTON_MHZ_PER_T, 4),
        "PulseSequenceType": "PRESS",
        "MRAcquisitionType": "3D",
        "ResonantNucleus": "1H",
        "SpectrometerFrequency": header.spectrometer_mhz,
        "SpectralWidth": 1 / header.dwell_s,
        "EchoTime": header.te_s,
        "RepetitionTime": header.tr_s,
        "WaterSuppression": header.water_suppressed,
    }


def _extension(fields: Mapping[str, object]) -> bytes:
    """One NIfTI header extension, a multiple of 16 bytes as the standard wants."""
    text = json.dumps(plain(fields), allow_nan=False).encode("utf-8")
    size = -(-(8 + len(text)) // 16) * 16
    return struct.pack("<ii", size, _ECODE) + text.ljust(size - 8, b"\0")


def _header(fids: NDArray[np.complex64], grid: Grid, about: MrsHeader, extension_bytes: int) -> bytes:
    header = nib.Nifti2Header(endianness="<")
    header.set_data_dtype(_COMPLEX64)
    header.set_data_shape(fids.shape)
    header.set_sform(grid.affine, code=_SCANNER)
    header.set_qform(grid.affine, code=_SCANNER, strip_shears=False)
    header.set_xyzt_units("mm", "sec")
    header.set_slope_inter(1, 0)
    header["pixdim"][4] = about.dwell_s
    header["intent_name"] = MRS_VERSION.encode("ascii")[:_NAME_BYTES]
    header["magic"] = b"n+2"
    header["vox_offset"] = _NIFTI2_BYTES + 4 + extension_bytes
    return bytes(header.binaryblock) + b"\x01\x00\x00\x00"
