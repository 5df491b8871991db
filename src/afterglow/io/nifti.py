"""NIfTI images: the header now, the voxels when asked for, every byte checked before it becomes a number."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from afterglow.io.header import HEADER_BYTES, Header, parse_header
from afterglow.io.integrity import GZIP_RATIO, blocks, verify_gzip
from afterglow.records.alignment import QualityLine
from afterglow.records.errors import BadInput, CorruptFile
from afterglow.records.grid import Grid

FloatImage = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Image:
    """An image file whose header was checked.

    `load()` reads the voxels: float32, scaled by slope and intercept, (i, j, k) where `n_frames` is 1, else
    (i, j, k, t), in the file's own (Fortran) order. NaN and Inf voxels stay as they are; see `describe`.
    """

    path: Path
    grid: Grid
    n_frames: int
    load: Callable[[], FloatImage] = field(repr=False)


def read_image(path: Path) -> Image:
    """Read and check the header of a .nii or .nii.gz; the voxels are read by `load()`, which checks every byte.

    Raises BadInput, CorruptFile or MissingInput with the file, what was found and what to do.
    """
    header = read_header(path)
    return Image(path, header.grid, header.n_frames, lambda: _load(path, header))


def read_header(path: Path) -> Header:
    """The checked header alone; a size that the file cannot hold is refused here, before any allocation."""
    head = bytearray()
    for block in blocks(path):
        head += block
        if len(head) >= HEADER_BYTES:
            break
    try:
        header = parse_header(bytes(head[:HEADER_BYTES]), path)
    except BadInput:
        if path.suffix == ".gz":
            verify_gzip(path)  # a damaged file is called damaged, not badly converted
        raise
    on_disk = path.stat().st_size
    most = on_disk * GZIP_RATIO if path.suffix == ".gz" else on_disk
    if header.n_bytes > most:
        raise CorruptFile(
            f"{path}: its header claims {_size(header.n_bytes)} but the file of {_size(on_disk)} cannot hold more than "
            f"{_size(most)}; copy it again from its source"
        )
    return header


def _load(path: Path, expected: Header) -> FloatImage:
    stored, header = _stored(path, expected)
    if header.dtype == np.dtype("=f4") and (header.slope, header.inter) == (1.0, 0.0):
        return cast(FloatImage, stored)
    scaled = np.empty(stored.shape, dtype=np.float32, order="F")
    last = stored.ndim - 1
    # Inf after scaling is counted by `describe` like any other voxel that is not finite.
    with np.errstate(over="ignore", invalid="ignore"):
        for index in range(stored.shape[last]):  # one slab at a time: float64 is needed but not for all voxels at once
            slab = stored[..., index]
            plain = (header.slope, header.inter) == (1.0, 0.0)
            scaled[..., index] = slab if plain else slab.astype(np.float64) * header.slope + header.inter
    return scaled


def _stored(path: Path, expected: Header) -> tuple[NDArray[Any], Header]:
    """The stored numbers after the whole file passed its checks, and the header that came with these very bytes."""
    content = np.empty(expected.n_bytes, dtype=np.uint8)
    filled = 0
    for block in blocks(path):
        if filled + len(block) > content.size:
            raise CorruptFile(f"{path}: it holds more bytes than the {content.size} its header needs; {_AGAIN}")
        content[filled : filled + len(block)] = np.frombuffer(block, dtype=np.uint8)
        filled += len(block)
    if filled < content.size:
        raise CorruptFile(f"{path}: it ends after {filled} of the {content.size} bytes its header needs; {_AGAIN}")
    header = parse_header(content[:HEADER_BYTES].tobytes(), path)
    if header.n_bytes != expected.n_bytes or not header.grid.same_as(expected.grid) or header.n_frames != expected.n_frames:
        raise CorruptFile(f"{path}: the file changed while it was in use; let the writer finish and start again")
    shape = header.grid.shape if header.n_frames == 1 else (*header.grid.shape, header.n_frames)
    return content[header.offset :].view(header.dtype).reshape(shape, order="F"), header


_AGAIN = "copy it again from its source"


def read_labels(image: Image) -> NDArray[np.int32]:
    """Whole numbers of a mask or a segmentation (i, j, k); BadInput where a voxel is no whole number from 0 up."""
    if image.n_frames != 1:
        raise BadInput(f"{image.path}: it has {image.n_frames} frames, a mask has one; take the frame you mean")
    values = image.load()
    if not np.isfinite(values).all():
        raise BadInput(
            f"{image.path}: {np.count_nonzero(~np.isfinite(values))} voxels are not finite; a mask holds whole numbers"
        )
    labels = values.astype(np.int32)
    odd = labels != values
    if odd.any() or labels.min() < 0:
        found = float(values[odd][0]) if odd.any() else float(labels.min())
        raise BadInput(f"{image.path}: it holds the value {found:g}; a mask holds whole numbers from 0 up, threshold it first")
    return labels


def describe(data: FloatImage, source: str) -> tuple[QualityLine, ...]:
    """Refuse an image without content and count what is odd in a usable one.

    data (i, j, k) or (i, j, k, t). BadInput where no voxel is finite, where all are equal, or where a series never
    changes. Otherwise remarks: voxels that are not finite, frames that repeat the one before.
    """
    frames = [data[..., t] for t in range(data.shape[3])] if data.ndim == 4 else [data]
    counted = [_range(frame) for frame in frames]
    n_bad = sum(bad for bad, _, _ in counted)
    low, high = min(low for _, low, _ in counted), max(high for _, _, high in counted)
    if n_bad == data.size:
        raise BadInput(f"{source}: not one of its {data.size} voxels is finite; convert the scan again")
    if low == high:
        word = "zero" if low == 0 else f"{low:g}"
        raise BadInput(f"{source}: every voxel is {word}, the image is empty; convert the scan again")
    repeated = [
        t
        for t in range(1, len(frames))
        if counted[t] == counted[t - 1] and np.array_equal(frames[t], frames[t - 1], equal_nan=True)
    ]
    if len(frames) > 1 and len(repeated) == len(frames) - 1:
        raise BadInput(f"{source}: all its {len(frames)} frames are the same, nothing changes over time; convert the scan again")
    return _remarks(n_bad, data.size, repeated, source)


def _range(frame: FloatImage) -> tuple[int, float, float]:
    """How many voxels are not finite, and the lowest and highest of the others (Inf and -Inf where there is none)."""
    low, high = float(frame.min()), float(frame.max())
    if np.isfinite(low) and np.isfinite(high):
        return 0, low, high
    finite = frame[np.isfinite(frame)]
    if not finite.size:
        return frame.size, np.inf, -np.inf
    return frame.size - finite.size, float(finite.min()), float(finite.max())


def _remarks(n_bad: int, n_all: int, repeated: list[int], source: str) -> tuple[QualityLine, ...]:
    lines = []
    if n_bad:
        found = f"{n_bad} of {n_all} values are NaN or Inf"
        lines.append(
            QualityLine(f"finite values in {source}", found, "warning", "these voxels are left out and marked as not finite")
        )
    if repeated:
        numbers = ", ".join(str(t + 1) for t in repeated[:10]) + (" …" if len(repeated) > 10 else "")
        found = f"frame {numbers} repeats the frame before"
        lines.append(
            QualityLine(f"frames of {source}", found, "warning", "check the conversion: a frame may have been written twice")
        )
    return tuple(lines)


def _size(n_bytes: float) -> str:
    for unit in ("bytes", "KiB", "MiB", "GiB"):
        if n_bytes < 1024:
            return f"{n_bytes:.4g} {unit}"
        n_bytes /= 1024
    return f"{n_bytes:.4g} TiB"
