"""Every byte of a compressed image counts."""

import gzip
import zlib

import numpy as np
import pytest
from io_files import GRID, noise, put_image

from afterglow.io.atomic import write_bytes
from afterglow.io.integrity import blocks, sha256, verify_gzip
from afterglow.io.nifti import read_image
from afterglow.records.errors import BadInput, CorruptFile, MissingInput
from afterglow.records.grid import Grid

MODIFICATION_TIME, COMPRESSION_CODE, SYSTEM_CODE = range(4, 8), 8, 9


@pytest.fixture(scope="module")
def image(tmp_path_factory):
    grid = Grid((48, 48, 24), np.diag([1.0, 1.0, 1.0, 1.0]))
    return put_image(tmp_path_factory.mktemp("gz") / "sub-01_T1w.nii.gz", noise(grid.shape), grid=grid)


def flipped(path, bit, folder):
    content = bytearray(path.read_bytes())
    content[bit // 8] ^= 1 << bit % 8
    spoilt = folder / path.name
    spoilt.write_bytes(content)
    return spoilt


def is_found(path):
    try:
        read_image(path).load()
    except (CorruptFile, BadInput) as error:
        assert str(path) in str(error)
        return True
    return False


def test_600_of_600_random_bit_flips_are_found(image, tmp_path):
    bits = np.random.default_rng(20260101).choice(image.stat().st_size * 8, size=600, replace=False)
    missed = [int(bit) for bit in bits if not is_found(flipped(image, int(bit), tmp_path))]
    assert missed == []


def test_a_damaged_file_is_called_corrupt_wherever_the_flip_lies(image, tmp_path):
    for bit in np.random.default_rng(1).choice(np.arange(800, image.stat().st_size * 8), size=60, replace=False):
        with pytest.raises(CorruptFile):
            read_image(flipped(image, int(bit), tmp_path)).load()


@pytest.mark.parametrize("background", [False, True])
def test_every_flip_of_a_small_file_is_found_or_provably_harmless(tmp_path, background):
    grid = Grid((4, 3, 2), GRID.affine)
    voxels = noise(grid.shape)
    voxels[2:] *= not background  # a run of zeros can be packed in several ways, so some flips there say the same
    path = put_image(tmp_path / "sound" / "sub-01_T1w.nii.gz", voxels, grid=grid)
    content = gzip.decompress(path.read_bytes())
    unnoticed = []
    for bit in range(path.stat().st_size * 8):
        spoilt = flipped(path, bit, tmp_path)
        if not is_found(spoilt):
            unnoticed.append(bit)
            assert b"".join(blocks(spoilt)) == content
    in_header = {bit // 8 for bit in unnoticed if bit // 8 < 10}
    assert in_header <= {*MODIFICATION_TIME, COMPRESSION_CODE, SYSTEM_CODE}
    assert len(unnoticed) < path.stat().st_size * 8 / 20


def test_truncation_is_found_at_every_length(tmp_path):
    path = put_image(tmp_path / "sound" / "sub-01_T1w.nii.gz", noise(GRID.shape))
    content = path.read_bytes()
    short = tmp_path / path.name
    for length in [*range(0, 40), *range(40, len(content), 97), *range(len(content) - 10, len(content))]:
        short.write_bytes(content[:length])
        with pytest.raises(CorruptFile, match=r"truncated|empty"):
            verify_gzip(short)
        assert is_found(short)


@pytest.mark.parametrize("tail", [b"\0", b"\0" * 512, b"garbage", b"\x1f", b"\x1f\x8b", b"\x1f\x8b\x08\x00junk"])
def test_bytes_behind_the_end_are_refused(image, tmp_path, tail):
    path = tmp_path / image.name
    path.write_bytes(image.read_bytes() + tail)
    with pytest.raises(CorruptFile, match=image.name):
        verify_gzip(path)


def test_a_file_of_several_gzip_members_is_read_whole(tmp_path):
    content = bytes(range(256)) * 1000
    path = tmp_path / "a.nii.gz"
    path.write_bytes(b"".join(gzip.compress(content[n : n + 50_000]) for n in range(0, len(content), 50_000)))
    assert b"".join(blocks(path)) == content
    assert verify_gzip(path) == len(content)


def test_a_stored_file_name_is_legal(tmp_path):
    path = tmp_path / "a.nii.gz"
    with path.open("wb") as raw, gzip.GzipFile("a rather long name.nii", "wb", fileobj=raw) as stream:
        stream.write(b"voxels")
    assert b"".join(blocks(path)) == b"voxels"


@pytest.mark.parametrize("member", [0, 1])
def test_the_last_block_never_comes_before_the_checksum_was_compared(tmp_path, member):
    parts = [bytearray(gzip.compress(b"x" * 100)), bytearray(gzip.compress(b"y" * 100))]
    parts[member][-6] ^= 1
    path = tmp_path / "a.nii.gz"
    path.write_bytes(b"".join(parts))
    got = b""
    with pytest.raises(CorruptFile, match="incorrect data check"):
        for block in blocks(path):
            got += block
    assert got == b"x" * 100 * member


@pytest.mark.parametrize(
    ("offset", "value", "words"),
    [(0, 0x1E, "starts with"), (2, 9, "method 9"), (3, 0x20, "flags"), (3, 1, "flags"), (8, 3, "XFL 3")],
)
def test_headers_that_no_writer_makes_are_refused(image, tmp_path, offset, value, words):
    content = bytearray(image.read_bytes())
    content[offset] = value
    path = tmp_path / image.name
    path.write_bytes(content)
    with pytest.raises(CorruptFile, match=words):
        verify_gzip(path)


def test_names_and_contents_must_agree(tmp_path):
    packed = write_bytes(tmp_path / "a.nii", gzip.compress(b"abc")).path
    with pytest.raises(BadInput, match=r"rename it to a\.nii\.gz"):
        next(blocks(packed))
    plain = write_bytes(tmp_path / "b.nii.gz", b"abcdefghijklmnop").path
    with pytest.raises(CorruptFile, match=r"rename it to \.nii"):
        next(blocks(plain))


def test_a_bomb_stops_at_the_size_its_header_claims(tmp_path):
    path = put_image(tmp_path / "sub-01_T1w.nii.gz")
    image = read_image(path)
    content = gzip.decompress(path.read_bytes())
    path.write_bytes(gzip.compress(content + bytes(300_000_000), 1))
    with pytest.raises(CorruptFile, match="more bytes"):
        image.load()


def test_a_file_that_is_not_there_is_missing(tmp_path):
    with pytest.raises(MissingInput, match=r"nothing\.nii\.gz"):
        read_image(tmp_path / "nothing.nii.gz")
    with pytest.raises(BadInput, match="cannot be opened"):
        sha256(tmp_path)


def test_the_hash_is_that_of_the_bytes_on_the_disk(tmp_path):
    written = write_bytes(tmp_path / "a.bin", [b"ab", b"c"])
    assert written.sha256 == sha256(written.path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_deflate_never_packs_tighter_than_the_ratio_that_bounds_a_claim():
    from afterglow.io.integrity import GZIP_RATIO

    assert len(zlib.compress(bytes(10_000_000), 9)) * GZIP_RATIO > 10_000_000
