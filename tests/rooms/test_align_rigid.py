"""Claims about the registration of one image onto another, on heads whose pose is known."""

import numpy as np
import pytest
import SimpleITK as sitk
from align_heads import CONTRASTS, box, brain_points, distance_mm, make_head, pose, scan

from afterglow.align.rigid import register
from afterglow.records.errors import GridMismatch
from afterglow.records.grid import Grid

ANATOMY = box((80, 96, 64), (2.6, 2.6, 2.6), (0, -18, 10))
DYNAMIC = box((56, 60, 22), (4.0, 4.0, 5.5), (0, -18, 18))
MIDDLE = np.array([0.0, -18.0, 10.0])
NAMES = ("dce", "t1w")
TENTH_OF_A_VOXEL_MM = 0.4
TRUE = pose((4, -3, 6), (4, -5, 3), MIDDLE)


@pytest.fixture(scope="module")
def head():
    return make_head(1)


@pytest.fixture(scope="module")
def anatomy(head):
    return scan(head.contrast(CONTRASTS["ce_t1w"]), head.affine, ANATOMY, noise=0.02, seed=1)


@pytest.fixture(scope="module")
def dynamic(head):
    return scan(head.contrast(CONTRASTS["spgr"]), head.affine, DYNAMIC, TRUE, noise=0.04, seed=2)


@pytest.fixture(scope="module")
def plain(anatomy, dynamic):
    return register(dynamic, DYNAMIC, anatomy, ANATOMY, names=NAMES)


@pytest.mark.parametrize(
    ("turn_deg", "shift_mm"),
    [((0, 0, 0), (0, 0, 0)), ((0, 0, 45), (0, 40, 0)), ((-40, 0, 0), (25, 0, 30))],
)
def test_heads_are_found_up_to_45_degrees_and_40_mm(head, anatomy, turn_deg, shift_mm):
    moved = pose(turn_deg, shift_mm, MIDDLE)
    seen = scan(head.contrast(CONTRASTS["spgr"]), head.affine, DYNAMIC, moved, noise=0.04, seed=2)
    found = register(seen, DYNAMIC, anatomy, ANATOMY, names=NAMES)
    assert found.trusted, found.remark
    assert distance_mm(found.matrix, moved, brain_points(head)).max() < TENTH_OF_A_VOXEL_MM


def test_the_contrast_does_not_matter(head, anatomy):
    seen = scan(head.contrast(CONTRASTS["t2w"]), head.affine, DYNAMIC, TRUE, noise=0.04, seed=2)
    found = register(seen, DYNAMIC, anatomy, ANATOMY, names=NAMES)
    assert found.trusted, found.remark
    assert distance_mm(found.matrix, TRUE, brain_points(head)).max() < TENTH_OF_A_VOXEL_MM


def test_source_and_target_exchanged_give_the_inverse(head, anatomy, dynamic, plain):
    back = register(anatomy, ANATOMY, dynamic, DYNAMIC, names=NAMES[::-1])
    assert (back.source, back.target) == ("t1w", "dce")
    assert distance_mm(back.matrix @ plain.matrix, np.eye(4), brain_points(head)).max() < TENTH_OF_A_VOXEL_MM


def test_the_storage_order_of_the_voxels_does_not_matter(head, anatomy, dynamic, plain):
    flip = np.diag([-1.0, 1.0, 1.0, 1.0])
    flip[0, 3] = DYNAMIC.shape[0] - 1
    swap = np.eye(4)[[2, 0, 1, 3]]
    stored = np.ascontiguousarray(dynamic[::-1].transpose(1, 2, 0))
    grid = Grid(stored.shape, DYNAMIC.affine @ flip @ swap)
    other = register(stored, grid, anatomy, ANATOMY, names=NAMES)
    assert distance_mm(other.matrix, plain.matrix, brain_points(head)).max() < TENTH_OF_A_VOXEL_MM


def test_the_same_bytes_whatever_the_threads_of_itk(anatomy, dynamic, plain):
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    try:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before + 3)
        again = register(dynamic, DYNAMIC, anatomy, ANATOMY, names=NAMES)
        assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == before + 3
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(before)
    assert again.matrix.tobytes() == plain.matrix.tobytes()
    assert again.quality == plain.quality


def test_voxels_that_are_not_finite_and_hot_voxels_do_not_matter(head, anatomy, dynamic):
    spoilt = dynamic.copy()
    spoilt[30:33, 30:33, 10] = np.nan
    spoilt[20, 30, 5], spoilt[50, 50, 20], spoilt[45, 20, 9] = np.inf, -np.inf, 1e9
    found = register(spoilt, DYNAMIC, anatomy, ANATOMY, names=NAMES)
    assert found.trusted, found.remark
    assert distance_mm(found.matrix, TRUE, brain_points(head)).max() < TENTH_OF_A_VOXEL_MM


def test_a_mask_keeps_out_what_moves_on_its_own(head, anatomy, dynamic):
    i, j, k = np.indices(ANATOMY.shape)
    brain = scan(head.fractions["grey"] + head.fractions["white"] + head.fractions["csf"], head.affine, ANATOMY) > 0.3
    foreign = anatomy.copy()
    low = k < 20
    foreign[low] = ((i + j) // 9 % 2)[low]  # a neck that is elsewhere
    mask = brain & (k > 22)
    found = register(dynamic, DYNAMIC, foreign, ANATOMY, names=NAMES, target_mask=mask)
    assert found.trusted, found.remark
    assert distance_mm(found.matrix, TRUE, brain_points(head)).max() < TENTH_OF_A_VOXEL_MM


def test_headers_that_put_the_images_half_a_metre_apart_are_overcome_and_reported(head, anatomy, dynamic):
    away = np.eye(4)
    away[:3, 3] = (300, -400, 100)
    found = register(dynamic, Grid(DYNAMIC.shape, away @ DYNAMIC.affine), anatomy, ANATOMY, names=NAMES)
    assert found.trusted
    assert "by the scanner's coordinates" in found.remark
    assert distance_mm(found.matrix, away @ TRUE, brain_points(head)).max() < TENTH_OF_A_VOXEL_MM


def spine(grid: Grid) -> np.ndarray:
    i, j, k = np.indices(grid.shape)
    tubes = ((34, 6, 1.0), (23, 2, 0.5), (28, 24, 0.4))
    return sum(((i - 28) ** 2 + (j - y) ** 2 < r * r) * a for y, r, a in tubes) * (1 + 0.4 * np.cos(k / 2))


@pytest.mark.parametrize("wrong", ["spine", "upside down", "another head"])
def test_a_wrong_pair_is_noticed(head, anatomy, dynamic, wrong):
    rng = np.random.default_rng(3)
    noise = rng.standard_normal(DYNAMIC.shape)
    match wrong:
        case "spine":
            source = spine(DYNAMIC) + 0.03 * noise
        case "upside down":
            source = dynamic[:, :, ::-1]
        case _:
            other = make_head(2)
            source = scan(other.contrast(CONTRASTS["spgr"]), other.affine, DYNAMIC, noise=0.04)
    found = register(source, DYNAMIC, anatomy, ANATOMY, names=NAMES)
    assert not found.trusted
    assert "dce could not be laid on t1w" in found.remark


def test_images_without_a_shared_part_are_noticed(head):
    low, high = box((80, 80, 12), (2.9, 2.9, 4.0), (0, -18, -40)), box((112, 120, 20), (2, 2, 2), (0, -18, 70))
    below = scan(head.contrast(CONTRASTS["spgr"]), head.affine, low, noise=0.03)
    above = scan(head.contrast(CONTRASTS["ce_t1w"]), head.affine, high, noise=0.03)
    assert not register(below, low, above, high, names=NAMES).trusted


@pytest.mark.parametrize("value", [0.0, 5.0, np.nan])
def test_a_constant_image_is_noticed(anatomy, value):
    found = register(np.full(DYNAMIC.shape, value), DYNAMIC, anatomy, ANATOMY, names=NAMES)
    assert not found.trusted
    assert "one value everywhere" in found.remark
    np.testing.assert_array_equal(found.matrix, np.eye(4))


def test_a_single_section_is_laid_somewhere_or_refused_but_never_breaks(dynamic, anatomy):
    one = Grid((*DYNAMIC.shape[:2], 1), DYNAMIC.affine)
    found = register(dynamic[:, :, 11:12], one, anatomy, ANATOMY, names=NAMES)
    assert np.isfinite(found.matrix).all()
    assert found.trusted or found.remark


def test_shapes_and_masks_that_do_not_fit_are_refused(anatomy, dynamic):
    with pytest.raises(GridMismatch, match="dce"):
        register(dynamic[1:], DYNAMIC, anatomy, ANATOMY, names=NAMES)
    with pytest.raises(GridMismatch, match="t1w: the mask"):
        register(dynamic, DYNAMIC, anatomy, ANATOMY, names=NAMES, target_mask=np.zeros(ANATOMY.shape, dtype=bool))
