"""Images come back as they were written, and wrong headers are stated errors."""

import gzip
import struct

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from io_files import GRID, noise, patched, put_image
from scipy.spatial.transform import Rotation

from afterglow.io.header import HEADER_BYTES, parse_header
from afterglow.io.images import write_image, write_mask
from afterglow.io.nifti import describe, read_image, read_labels
from afterglow.records.errors import AfterglowError, BadInput, CorruptFile
from afterglow.records.grid import Grid

shapes = st.tuples(*[st.integers(1, 6)] * 3)
angles = st.tuples(*[st.floats(-180, 180)] * 3)
spacings_mm = st.tuples(*[st.floats(0.3, 8)] * 3)
corners_mm = st.tuples(*[st.floats(-200, 200)] * 3)


@st.composite
def grids(draw):
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", draw(angles), degrees=True).as_matrix() * draw(spacings_mm)
    affine[:3, 0] *= draw(st.sampled_from([1, -1]))  # left-handed as well
    affine[:3, 3] = draw(corners_mm)
    return Grid(draw(shapes), affine)


@settings(max_examples=60, deadline=None)
@given(grids(), st.integers(0, 5), st.data())
def test_what_is_written_is_read_again_exactly(tmp_path_factory, grid, n_frames, data):
    shape = grid.shape if n_frames < 2 else (*grid.shape, n_frames)
    array = data.draw(hnp.arrays(np.float32, shape, elements=st.floats(width=32)))
    path = tmp_path_factory.mktemp("nii") / "sub-01_T1w.nii.gz"
    write_image(path, array, grid)
    image = read_image(path)
    np.testing.assert_array_equal(image.load(), array)
    np.testing.assert_array_equal(image.grid.affine[:3], grid.affine[:3].astype(np.float32))
    assert image.grid.shape == grid.shape


@settings(max_examples=20, deadline=None)
@given(grids(), st.sampled_from([np.uint8, np.int16, np.uint16]), st.data())
def test_an_independent_reader_sees_the_same_image(tmp_path_factory, grid, dtype, data):
    array = data.draw(hnp.arrays(dtype, grid.shape))
    path = tmp_path_factory.mktemp("nii") / "sub-01_T1w.nii.gz"
    write_image(path, array, grid)
    other = nib.load(path)
    np.testing.assert_array_equal(np.asanyarray(other.dataobj), array)
    np.testing.assert_allclose(other.affine, grid.affine, atol=1e-4)
    np.testing.assert_allclose(other.get_qform(), grid.affine, atol=0.1)
    np.testing.assert_array_equal(read_image(path).load(), array.astype(np.float32))


@pytest.mark.parametrize("kind", [nib.Nifti1Image, nib.Nifti2Image])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_files_of_another_writer_are_scaled_like_it_scales_them(tmp_path, kind, order, dtype, ending):
    stored = np.random.default_rng(0).integers(0, 100, size=(4, 3, 5, 2)).astype(order + dtype)
    header = kind.header_class(endianness=order)
    header.set_data_dtype(stored.dtype)
    image = kind(stored, np.diag([2, 2, 2, 1]), header)
    image.header.set_slope_inter(0.25, -3)
    path = tmp_path / f"a{ending}"
    image.to_filename(path)
    expected = nib.load(path).get_fdata(dtype=np.float64).astype(np.float32)
    loaded = read_image(path).load()
    assert loaded.dtype == np.float32
    np.testing.assert_array_equal(loaded, expected)


def test_the_same_content_gives_the_same_bytes(tmp_path):
    first = write_image(tmp_path / "a" / "sub-01_T1w.nii.gz", noise(GRID.shape), GRID)
    second = write_image(tmp_path / "b" / "sub-01_T1w.nii.gz", np.asfortranarray(noise(GRID.shape)), GRID)
    assert first[0].sha256 == second[0].sha256


def test_left_handed_affines_are_legal(tmp_path):
    grid = Grid((3, 3, 3), np.diag([-1.0, 1.0, 1.0, 1.0]))
    assert read_image(put_image(tmp_path / "a.nii.gz", noise((3, 3, 3)), grid=grid)).grid.same_as(grid)


def test_a_slope_of_zero_means_unscaled(tmp_path):
    path = put_image(tmp_path / "a.nii.gz")
    np.testing.assert_array_equal(read_image(patched(path, 112, "2f", 0, 7)).load(), noise(GRID.shape))


SPOILT = {
    "dim[0] = 0": (40, "h", (0,), BadInput, r"dim\[0\] is 0"),
    "dim[0] = 9": (40, "h", (9,), BadInput, r"dim\[0\] is 9"),
    "dim[0] = -3": (40, "h", (-3,), BadInput, r"dim\[0\] is -3"),
    "dim[0] = 1": (40, "h", (1,), BadInput, "three dimensions"),
    "a size of 0": (42, "h", (0,), BadInput, r"sizes are \[0, 5, 4\]"),
    "a negative size": (44, "h", (-5,), BadInput, r"sizes are \[6, -5, 4\]"),
    "five dimensions": (40, "6h", (5, 6, 5, 2, 1, 2), BadInput, "split or reshape"),
    "402 GiB": (40, "5h", (4, 6000, 6000, 3000, 1), CorruptFile, r"claims 402\.3 GiB"),
    "more than there is": (42, "h", (7,), CorruptFile, r"ends after 832 of the 912"),
    "less than there is": (42, "h", (5,), CorruptFile, "more bytes"),
    "pixdim 0": (80, "f", (0,), BadInput, r"pixdim\) are 0, 2, 3"),
    "pixdim NaN": (84, "f", (np.nan,), BadInput, r"pixdim\) are 2, nan, 3"),
    "pixdim negative": (88, "f", (-3,), BadInput, r"pixdim\) are 2, 2, -3"),
    "pixdim of kilometres": (80, "f", (2e6,), BadInput, r"pixdim\) are 2e\+06"),
    "an image on the moon": (292, "f", (3.8e11,), BadInput, "farther than any image"),
    "pixdim that contradicts the affine": (80, "f", (2.5,), BadInput, "2.5x2x3 mm but the affine 2x2x3"),
    "metres": (123, "b", (1,), BadInput, "metres"),
    "slope NaN": (112, "f", (np.nan,), BadInput, "scl_slope nan"),
    "slope Inf": (112, "f", (np.inf,), BadInput, "scl_slope inf"),
    "intercept NaN": (116, "f", (np.nan,), BadInput, "scl_inter nan"),
    "RGB": (70, "2h", (128, 24), BadInput, "RGB, not plain numbers"),
    "complex": (70, "2h", (32, 64), BadInput, "complex64"),
    "unknown type": (70, "2h", (77, 8), BadInput, "of type 77"),
    "bitpix": (72, "h", (16,), BadInput, "bitpix 16 contradicts"),
    "vox_offset too small": (108, "f", (0,), BadInput, "vox_offset 0"),
    "vox_offset NaN": (108, "f", (np.nan,), BadInput, "vox_offset nan"),
    "header size 349": (0, "i", (349,), BadInput, "header size 349"),
    "magic": (344, "4s", (b"abc",), BadInput, "magic"),
    "half of a pair": (344, "4s", (b"ni1",), BadInput, "pair"),
    "no orientation": (252, "2h", (0, 0), BadInput, "left and right are unknown"),
    "affine NaN": (280, "f", (np.nan,), BadInput, "not finite"),
    "affine singular": (296, "4f", (2, 0, 0, 0), BadInput, "singular"),
    "affine with a zero column": (280, "f", (0,), BadInput, "singular"),
    "affine sheared": (284, "f", (0.2,), BadInput, "sheared by 5.7 degrees"),
    "q against s": (268, "f", (5,), BadInput, "disagree by up to 5 mm"),
    "quaternion NaN": (256, "f", (np.nan,), BadInput, "not finite|no rotation"),
    "quaternion too long": (256, "3f", (1, 1, 1), BadInput, "no rotation"),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_header_is_refused_with_file_and_value(tmp_path, name):
    offset, fmt, values, kind, words = SPOILT[name]
    path = patched(put_image(tmp_path / "sub-01_T1w.nii.gz"), offset, fmt, *values)
    with pytest.raises(kind, match=words) as caught:
        read_image(path).load()
    assert str(path) in str(caught.value)
    assert ";" in str(caught.value), "an error says what to do"


def test_no_header_ends_in_an_unstated_error(tmp_path):
    rng = np.random.default_rng(3)
    image = nib.Nifti2Image(noise(GRID.shape), GRID.affine)
    sources = [gzip.decompress(put_image(tmp_path / "a.nii.gz").read_bytes())[:HEADER_BYTES], image.to_bytes()[:HEADER_BYTES]]
    outcomes = {"read": 0, "refused": 0}
    for n in range(4000):
        head = bytearray(sources[n % 2])
        for _ in range(rng.integers(1, 6)):
            size = int(rng.choice([1, 2, 4, 8]))
            start = int(rng.integers(len(head) - size))
            head[start : start + size] = bytes(size) if rng.random() < 0.3 else rng.bytes(size)
        try:
            parse_header(bytes(head), tmp_path / "a.nii")
            outcomes["read"] += 1
        except AfterglowError as error:
            assert "a.nii: " in str(error) and ";" in str(error)
            outcomes["refused"] += 1
    assert min(outcomes.values()) > 1000


def test_the_claimed_size_of_a_plain_file_is_compared_before_allocation(tmp_path):
    content = bytearray(gzip.decompress(put_image(tmp_path / "a.nii.gz").read_bytes()))
    struct.pack_into("<5h", content, 40, 4, 6000, 6000, 3000, 1)
    path = tmp_path / "b.nii"
    path.write_bytes(content)
    with pytest.raises(CorruptFile, match="402"):
        read_image(path)


def test_a_file_compressed_twice_is_named_so(tmp_path):
    path = put_image(tmp_path / "a.nii.gz")
    path.write_bytes(gzip.compress(path.read_bytes()))
    with pytest.raises(BadInput, match="compressed twice"):
        read_image(path)


def test_a_time_step_in_the_header_is_never_believed(tmp_path):
    path = patched(put_image(tmp_path / "a.nii.gz", noise((*GRID.shape, 3))), 92, "f", np.nan)
    assert read_image(path).n_frames == 3


def test_a_file_that_changes_between_header_and_voxels_is_noticed(tmp_path):
    image = read_image(put_image(tmp_path / "a.nii.gz"))
    put_image(tmp_path / "a.nii.gz", grid=Grid(GRID.shape, np.diag([2.0, 2.0, 3.1, 1.0])))
    with pytest.raises(CorruptFile, match="changed while"):
        image.load()


@pytest.mark.parametrize(
    ("array", "words"),
    [
        (np.zeros(GRID.shape), "every voxel is zero"),
        (np.full(GRID.shape, 7), "every voxel is 7"),
        (np.full(GRID.shape, np.nan), "not one of its 120 voxels is finite"),
        (np.repeat(noise(GRID.shape)[..., None], 5, axis=3), "all its 5 frames are the same"),
    ],
)
def test_an_image_without_content_is_refused(array, words):
    with pytest.raises(BadInput, match=words):
        describe(array.astype(np.float32), "sub-01/a.nii.gz")


def test_voxels_that_are_not_finite_are_kept_and_counted(tmp_path):
    array = noise((*GRID.shape, 3))
    array[0, 0, 0], array[1, 1, 1, 2] = np.nan, np.inf
    data = read_image(put_image(tmp_path / "a.nii.gz", array)).load()
    np.testing.assert_array_equal(data, array)
    (line,) = describe(data, "a")
    assert line.found == "4 of 360 values are NaN or Inf" and line.level == "warning"


def test_a_frame_that_repeats_the_one_before_is_remarked():
    array = noise((*GRID.shape, 4))
    array[..., 2] = array[..., 1]
    assert describe(array, "a")[0].found == "frame 3 repeats the frame before"


def test_a_sound_image_has_no_remarks():
    assert describe(noise((*GRID.shape, 4)), "a") == ()


@pytest.mark.parametrize(("value", "words"), [(0.5, "value 0.5"), (-1, "value -1"), (np.nan, "not finite")])
def test_labels_are_whole_numbers_from_zero_up(tmp_path, value, words):
    array = np.zeros(GRID.shape, dtype=np.float32)
    array[2, 2, 2] = value
    with pytest.raises(BadInput, match=words):
        read_labels(read_image(put_image(tmp_path / "a.nii.gz", array)))


def test_a_mask_comes_back(tmp_path):
    mask = noise(GRID.shape) > 100
    write_mask(tmp_path / "a.nii.gz", mask, GRID)
    np.testing.assert_array_equal(read_labels(read_image(tmp_path / "a.nii.gz")), mask)


@pytest.mark.parametrize(
    "bad", [np.zeros((6, 5, 3), np.float32), np.zeros((6, 5), np.float32), np.zeros((6, 5, 4), np.complex64)]
)
def test_only_an_array_that_fits_its_grid_is_written(tmp_path, bad):
    with pytest.raises(ValueError):
        write_image(tmp_path / "a.nii.gz", bad, GRID)
