"""Small spectroscopic images written for tests: known lines in known voxels."""

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from afterglow.io.mrs import MrsHeader, write_mrs
from afterglow.kernels.spectrum import Complex
from afterglow.kernels.spectrum_lines import NAMES, line_basis
from afterglow.records.grid import Grid

MHZ, TE_S, TR_S, DWELL_S, POINTS = 63.87, 0.135, 2.0, 0.001, 1024
USUAL = {"naa": 10.0, "cr": 5.0, "cho": 4.5, "lac": 0.0, "mi": 1.0, "cr2": 3.0}
GRID = Grid((4, 4, 2), np.array([[10.0, 0, 0, -15], [0, 10.0, 0, -20], [0, 0, 10.0, 5], [0, 0, 0, 1]]))


def decays(
    amplitudes: Mapping[str, Any], shape: tuple[int, ...], *, noise: float = 0.0, seed: int = 0, gauss_hz: float = 4.0,
    shift_hz: Any = 0.0, phase_rad: Any = 0.0, water: float = 0.0, te_s: float = TE_S, mhz: float = MHZ, points: int = POINTS,
) -> Complex:  # fmt: skip
    """Decays (…, t) with these signals in every voxel, and residual water at 0 Hz."""
    t = np.arange(points) * DWELL_S
    basis = line_basis(t, te_s=te_s, spectrometer_mhz=mhz, reference_ppm=4.65)
    size = np.stack([np.broadcast_to(amplitudes.get(name, 0.0), shape) for name in NAMES], axis=-1)
    turn = np.exp(
        2j * np.pi * np.broadcast_to(shift_hz, shape)[..., None] * t + 1j * np.broadcast_to(phase_rad, shape)[..., None]
        - (np.pi * gauss_hz * t) ** 2 / (4 * np.log(2))
    )  # fmt: skip
    rng = np.random.default_rng(seed)
    drawn = rng.normal(size=(*shape, points, 2)) @ np.array([1.0, 1j])
    out: Complex = ((size @ basis + water * np.exp(-t / 0.075)) * turn + noise * drawn).astype(np.complex64)
    return out


def write_spectra(
    path: Path, fids: Complex, grid: Grid = GRID, *, box: bool = False, te_s: float = TE_S, suppressed: bool = True
) -> Path:
    """A NIfTI-MRS file of them; with a box that leaves the outermost voxels of each section out."""
    i, j, k = grid.shape
    corners = (grid.to_mm(np.array([0.5, 0.5, -0.5])), grid.to_mm(np.array([i - 1.5, j - 1.5, k - 0.5]))) if box else None
    write_mrs(path, fids.astype(np.complex64), grid, MrsHeader(DWELL_S, MHZ, te_s, TR_S, suppressed, corners))
    return path


def rewrite(path: Path, *, fields: Mapping[str, Any] | None = None, drop: tuple[str, ...] = (), data: Any = None, header: Mapping[str, Any] | None = None) -> Path:  # fmt: skip
    """The same file with other fields in its extension, other data or another header, unpacked (.nii)."""
    image = nib.load(path)
    content = image.header.extensions[0].get_content()
    extension = json.loads(content.rstrip(b"\0")) if isinstance(content, bytes) else dict(content)
    for name in drop:
        extension.pop(name)
    extension.update(fields or {})
    values = np.asarray(image.dataobj) if data is None else data
    raw = image.header.copy()
    raw.set_data_dtype(values.dtype)
    raw.set_data_shape(values.shape)
    raw["pixdim"][4] = image.header["pixdim"][4]
    for key, value in (header or {}).items():
        raw[key] = value
    text = json.dumps(extension).encode()
    size = -(-(8 + len(text)) // 16) * 16
    raw["vox_offset"] = 544 + size
    raw["magic"] = b"n+2"
    out = path.with_name("other_" + path.name.removesuffix(".gz"))
    out.write_bytes(bytes(raw.binaryblock) + b"\1\0\0\0" + struct.pack("<ii", size, 44) + text.ljust(size - 8, b"\0") + values.tobytes(order="F"))  # fmt: skip
    return out


def write_rda(
    path: Path, fids: Complex, *, spacing_mm: float = 10.0, voxel_position: tuple[float, float, float] = (-15.0, -20.0, 5.0)
) -> Path:
    """A Siemens RDA file of a spectroscopic image (i, j, k, t): a text header, then little-endian complex doubles."""
    i, j, k, t = fids.shape
    fields = {
        "PatientName": "Name of Nobody", "PatientID": "4711", "PatientSex": "F", "PatientBirthDate": "19700101", "ModelName": "Test",
        "DeviceSerialNumber": "1", "SoftwareVersion[0]": "test", "InstitutionName": "none", "TransmitCoil": "Body", "SequenceName": "press",
        "ProtocolName": "csi", "PatientPosition": "HFS", "PatientWeight": "70", "TR": "2000.0", "TE": "135.0", "TM": "0.0", "TI": "0.0",
        "FlipAngle": "90.0", "MRFrequency": f"{MHZ}", "Nucleus": "1H", "DwellTime": f"{1e6 * DWELL_S:.0f}", "VectorSize": f"{t}",
        "CSIMatrixSize[0]": f"{i}", "CSIMatrixSize[1]": f"{j}", "CSIMatrixSize[2]": f"{k}",
        **{f"PositionVector[{n}]": f"{v}" for n, v in enumerate(voxel_position)},
        "RowVector[0]": "1.0", "RowVector[1]": "0.0", "RowVector[2]": "0.0", "ColumnVector[0]": "0.0", "ColumnVector[1]": "1.0",
        "ColumnVector[2]": "0.0", "PixelSpacingRow": f"{spacing_mm}", "PixelSpacingCol": f"{spacing_mm}", "SliceThickness": f"{spacing_mm}",
    }  # fmt: skip
    head = (
        ">>> Begin of header <<<\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        + ">>> End of header <<<\r\n"
    )
    body = np.transpose(fids, (2, 1, 0, 3)).astype("<c16").tobytes()
    path.write_bytes(head.encode("ascii") + body)
    return path
