"""Bytes that can be trusted: hashes, and gzip streams checked to their last byte.

A NIfTI reader that stops where the voxels end never sees the checksum that gzip keeps behind them, so a flipped bit
becomes another voxel value and nobody notices. Here every block of a file passes through one generator that checks
the header strictly and the CRC-32 and length of every member, and refuses anything behind the last one.

Not every flip can be noticed, but one that is not leaves every decompressed byte as it was, proven by CRC-32 and length:
gzip protects neither its modification time, stored name, comment and extra field nor which of the known compression and
system codes it holds; and deflate has padding bits and several ways to say one thing, such as a run of zeros.
"""

import hashlib
import zlib
from collections.abc import Generator, Iterator
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

from afterglow.records.errors import BadInput, CorruptFile, MissingInput

GZIP_MAGIC = b"\x1f\x8b"
GZIP_RATIO = 1032  # deflate cannot pack more bytes than this into one
_FIXED_HEADER = 10  # bytes of a gzip header before its optional fields
_BLOCK = 64 * 1024  # read in small blocks, so that one of them unpacks to 66 MB at most
_KNOWN_XFL = (0, 2, 4)
_KNOWN_OS = (*range(14), 16, 18, 19, 255)  # RFC 1952 and the codes that zlib itself writes


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes as they lie on the disk, as 64 hexadecimal digits."""
    with opened(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def opened(path: Path) -> BufferedReader:
    """The file opened for reading bytes; MissingInput or BadInput where that cannot be."""
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise MissingInput(f"{path}: there is no such file; check the path") from None
    except OSError as error:
        raise BadInput(f"{path}: it cannot be opened ({error.strerror}); check what it is and who may read it") from None


def verify_gzip(path: Path) -> int:
    """Read a gzip file whole, check the CRC-32 and the length of every member, and give its decompressed size in bytes.

    CorruptFile, naming the file, where a byte is wrong, missing or too many.
    """
    return sum(len(block) for block in gunzipped(path))


def blocks(path: Path) -> Iterator[bytes]:
    """The content of a .nii or .nii.gz file, block by block; a .gz is decompressed and checked on the way.

    The name and the content must agree: BadInput where a .nii.gz is not compressed or a .nii is.
    """
    with opened(path) as stream:
        packed = stream.read(2) == GZIP_MAGIC
    if path.suffix == ".gz":
        return gunzipped(path)
    if packed:
        raise BadInput(f"{path}: it is gzip data without .gz in its name; rename it to {path.name}.gz")
    return _plain(path)


def gunzipped(path: Path) -> Iterator[bytes]:
    """Decompressed blocks of a gzip file; the last one arrives only after every check has passed."""
    with opened(path) as stream:
        rest = _read(stream, path)
        while True:
            rest = yield from _member(stream, rest, path)
            rest = rest or _read(stream, path)
            if not rest:
                return
            if not rest.startswith(GZIP_MAGIC[: len(rest)]):
                raise CorruptFile(f"{path}: bytes follow the end of the gzip data; copy the file again from its source")


def _member(stream: BinaryIO, rest: bytes, path: Path) -> Generator[bytes, None, bytes]:
    """One gzip member; returns what was read beyond it."""
    while len(rest) < _FIXED_HEADER:
        more = _read(stream, path)
        if not more:
            break
        rest += more
    _check_header(rest, path)
    engine = zlib.decompressobj(wbits=31)  # 31: gzip wrapper, so that zlib compares CRC and length itself
    held = b""  # one block behind, so that a stream with a wrong CRC never looks complete
    while not engine.eof:
        if not rest:
            rest = _read(stream, path)
            if not rest:
                raise CorruptFile(f"{path}: the gzip data ends too early, the file is truncated; copy it again from its source")
        try:
            block = engine.decompress(rest)
        except zlib.error as error:
            raise CorruptFile(
                f"{path}: its gzip data is damaged ({_reason(error)}); copy it again from its source or convert the scan again"
            ) from None
        rest = b""
        if block:
            if held:
                yield held
            held = block
    if held:
        yield held
    return engine.unused_data


def _reason(error: zlib.error) -> str:
    return str(error).rpartition(": ")[2]


def _check_header(head: bytes, path: Path) -> None:
    """Refuse what no writer of gzip files writes; without this a flipped flag would go unseen."""
    again = "copy it again from its source"
    if head and GZIP_MAGIC.startswith(head[:2]) and len(head) < _FIXED_HEADER:
        raise CorruptFile(f"{path}: the gzip header ends after {len(head)} bytes, the file is truncated; {again}")
    if not head:
        raise CorruptFile(f"{path}: the file is empty; {again}")
    if not head.startswith(GZIP_MAGIC):
        raise CorruptFile(
            f"{path}: it starts with {head[:2].hex()}, not with gzip's 1f8b; rename it to .nii if it is not packed, else {again}"
        )
    method, flags, extra_flags, system = head[2], head[3], head[8], head[9]
    if method != 8:
        raise CorruptFile(f"{path}: gzip method {method} is unknown (8 is the only one); {again}")
    if flags & 0b1110_0001:  # reserved bits, and FTEXT: an image is no text
        raise CorruptFile(f"{path}: gzip flags {flags:#04x} hold bits that no writer of images sets; {again}")
    if extra_flags not in _KNOWN_XFL or system not in _KNOWN_OS:
        raise CorruptFile(f"{path}: gzip header with unknown codes (XFL {extra_flags}, OS {system}); {again}")


def _plain(path: Path) -> Iterator[bytes]:
    with opened(path) as stream:
        while block := _read(stream, path):
            yield block


def _read(stream: BinaryIO, path: Path) -> bytes:
    try:
        return stream.read(_BLOCK)
    except OSError as error:
        raise CorruptFile(f"{path}: reading failed ({error.strerror}); copy it to a sound disk") from None
