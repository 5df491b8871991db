"""Siemens' own parts: the CSA2 header, and slices laid out as a mosaic.

Layout as nibabel documents it (nibabel.nicom: Siemens format DICOM with CSA header; Siemens mosaic format). Only the tags that are
known here are written; a scanner writes some eighty more, and a series header with its whole protocol, which we do not imitate.
"""

import math
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.io.dicom_geometry import Planes, Vector

_CHECK = 77
_LEAST_ITEMS = 6  # a scanner leaves room for six
# Siemens' own numbers of the types, quoted from memory; readers do not use them.
_SYNGO = {"DS": 3, "FD": 4, "IS": 6, "US": 10, "CS": 16, "LO": 19, "SH": 22}


@dataclass(frozen=True)
class CsaTag:
    """Values of one tag as text."""

    vr: str
    values: Sequence[str]
    multiplicity: int | None = None  # 0 where any number may stand; None: as many as there are


def csa_header(tags: Mapping[str, CsaTag]) -> bytes:
    """The bytes of CSAImageHeaderInfo, second version ("SV10")."""
    parts = [b"SV10\x04\x03\x02\x01", struct.pack("<2I", len(tags), _CHECK)]
    for name, tag in tags.items():
        n_items = max(_LEAST_ITEMS, len(tag.values))
        multiplicity = len(tag.values) if tag.multiplicity is None else tag.multiplicity
        head = (name.encode("ascii"), multiplicity, tag.vr.encode("ascii"), _SYNGO[tag.vr], n_items, _CHECK)
        parts.append(struct.pack("<64si4s3i", *head))
        for number in range(n_items):
            text = tag.values[number].encode("ascii") + b"\0" if number < len(tag.values) else b""
            parts.append(struct.pack("<4i", len(text), len(text), _CHECK, len(text)))
            parts.append(text + bytes(-len(text) % 4))
    return b"".join(parts)


def tiles_across(n_slices: int) -> int:
    """The mosaic is a square of so many tiles."""
    return math.ceil(math.sqrt(n_slices))


def mosaic(pixels: NDArray[np.int16]) -> NDArray[np.int16]:
    """Slices (k, rows, columns) as tiles of one picture, from the upper left, line by line; tiles left over are zero."""
    n_slices, rows, columns = pixels.shape
    across = tiles_across(n_slices)
    padded = np.zeros((across * across, rows, columns), dtype=np.int16)
    padded[:n_slices] = pixels
    grid = padded.reshape(across, across, rows, columns).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(grid.reshape(across * rows, across * columns))


def mosaic_position(where: Planes, rows: int, columns: int) -> Vector:
    """ImagePositionPatient (3,) of a mosaic: where the corner would be if the whole picture were one slice with the same centre."""
    across = tiles_across(len(where.positions_mm))
    width, height, _ = where.spacing_mm
    shift = where.along_row * width * (across - 1) * columns / 2 + where.along_column * height * (across - 1) * rows / 2
    position: Vector = where.positions_mm[0] - shift
    return position
