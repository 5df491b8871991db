"""Claims about the average brain laid on a head: shading cuts nothing off, and what is no head is not believed."""

import nibabel as nib
import numpy as np
import pytest
from align_heads import CONTRASTS, box, make_head, pose, scan
from tests.learning_patients import one_head

from afterglow.align.head_template import TemplateBrain, lay_template_brain
from afterglow.flows import learning_brain
from afterglow.flows.learning_brain import average, found_brain, holds_average_brain
from afterglow.lesions.brain_joined import joined_region, share_followed
from afterglow.lesions.brain_region import brain_region
from afterglow.records.errors import GridMismatch, MissingInput
from afterglow.records.grid import Grid

GRID = box((62, 74, 58), (3.2, 3.2, 3.2), (0, -18, 8))
TURNED = pose((4, -6, 8), (12, -9, 6), np.array([0.0, -18.0, 8.0]))


def shade(grid: Grid) -> np.ndarray:
    """A coil that sees the back of the head at a quarter of the front."""
    y = grid.to_mm(np.stack(np.indices(grid.shape), axis=-1).astype(float))[..., 1]
    return np.exp((y - 20) / 170)


@pytest.fixture(scope="module")
def person():
    return make_head(1)


@pytest.fixture(scope="module")
def truth(person):
    tissue = np.asarray(person.fractions["grey"] + person.fractions["white"] + person.fractions["tumour"], dtype=np.float32)
    return scan(tissue, person.affine, GRID, TURNED) > 0.5


@pytest.fixture(scope="module")
def shaded(person):
    seen = scan(person.contrast(CONTRASTS["ce_t1w"]), person.affine, GRID, TURNED, noise=0.02, seed=1)
    return np.asarray(400.0 * seen * shade(GRID), dtype=np.float32)


@pytest.fixture(scope="module")
def found(shaded):
    return found_brain(shaded, GRID, None, name="CE-T1w")


def missed(mask, truth):
    return 1.0 - mask[truth].mean()


def test_a_lobe_in_shade_stays_in_the_brain(shaded, truth, found):
    mask, told = found
    assert missed(brain_region(shaded, GRID, None), truth) > 0.05
    assert missed(mask, truth) < 0.01
    assert np.count_nonzero(mask) < 1.4 * np.count_nonzero(truth)
    assert told.startswith("brain: the average brain laid on CE-T1w, joined with what is bright beside it, ")


@pytest.mark.slow
def test_it_is_trusted_with_its_numbers_and_is_the_same_twice(shaded):
    one, two = (lay_template_brain(shaded, GRID, average(), name="CE-T1w") for _ in range(2))
    assert one.trusted
    assert one.remark == ""
    assert one.matrix.tobytes() == two.matrix.tobytes()
    quality = dict(one.quality)
    assert quality["sharpness"] > 0.25
    assert 0.85 < quality["least_stretch"] <= quality["most_stretch"] < 1.15


@pytest.mark.slow
@pytest.mark.parametrize("cut", [slice(0, 40), slice(20, 58), slice(14, 44)])
def test_a_slab_is_enough(shaded, truth, cut):
    affine = GRID.affine.copy()
    affine[:3, 3] = GRID.to_mm(np.array([0.0, 0.0, float(cut.start)]))
    grid = Grid((GRID.shape[0], GRID.shape[1], cut.stop - cut.start), affine)
    mask, told = found_brain(shaded[:, :, cut], grid, None, name="CE-T1w")
    assert "average brain laid on" in told
    assert missed(mask, truth[:, :, cut]) < 0.01


@pytest.mark.slow
@pytest.mark.parametrize("axes", ["LAS", "PSR", "IRP"])
def test_the_order_of_the_axes_does_not_matter(shaded, truth, found, axes):
    turn = nib.orientations.ornt_transform(nib.io_orientation(GRID.affine), nib.orientations.axcodes2ornt(axes))
    other, there = (nib.orientations.apply_orientation(one, turn) for one in (shaded, found[0]))
    grid = Grid(other.shape, GRID.affine @ nib.orientations.inv_ornt_aff(turn, GRID.shape))
    mask, _ = found_brain(np.ascontiguousarray(other), grid, None, name="CE-T1w")
    assert 2 * np.count_nonzero(mask & there) / (np.count_nonzero(mask) + np.count_nonzero(there)) > 0.99


@pytest.mark.slow
@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_head_turned_by_20_degrees_far_from_the_middle_of_the_scanner_is_found(shaded, truth, axis):
    turn = [0.0, 0.0, 0.0]
    turn[axis] = 20.0
    away = Grid(GRID.shape, pose(tuple(turn), (60, -80, 90)) @ GRID.affine)
    mask, told = found_brain(shaded, away, None, name="CE-T1w")
    assert "average brain laid on" in told
    assert missed(mask, truth) < 0.01


def test_coarse_cubes_and_one_value_are_not_believed():
    noise = np.random.default_rng(1).random((30, 30, 30)).astype(np.float32)
    coarse, fine = (Grid((30, 30, 30), np.diag([mm, mm, mm, 1.0])) for mm in (5.0, 4.0))
    assert "not laid on voxels of 5.0 x 5.0 x 5.0 mm" in lay_template_brain(noise, coarse, average(), name="T1w").remark
    flat = lay_template_brain(np.zeros((30, 30, 30)), fine, average(), name="T1w")
    assert not flat.trusted
    assert flat.remark == "T1w holds one value everywhere"
    assert not flat.mask.any()
    with pytest.raises(MissingInput, match=r"no brain was found in the image.*; the average brain is not laid on voxels of"):
        found_brain(noise, coarse, None, name="T1w")
    with pytest.raises(GridMismatch, match=r"T1w: the array is"):
        lay_template_brain(noise, GRID, average(), name="T1w")


@pytest.mark.slow
def test_noise_and_a_ball_are_not_believed():
    grid = Grid((60, 60, 60), np.diag([3.0, 3.0, 3.0, 1.0]))
    rng = np.random.default_rng(1)
    noise = rng.random(grid.shape).astype(np.float32)
    ball = np.where(np.linalg.norm(np.indices(grid.shape) - 29.5, axis=0) < 24, 300.0, 5.0) + rng.normal(0, 9, grid.shape)
    for image in (noise, ball):
        laid = lay_template_brain(image, grid, average(), name="T1w")
        assert not laid.trusted
        assert laid.remark


def test_where_it_is_not_believed_brightness_stands_alone_and_lobes_may_be_missing():
    here = one_head(4)
    mask, told = found_brain(here.anatomy, here.grid, here.lesion, name="CE-T1w")
    np.testing.assert_array_equal(mask, brain_region(here.anatomy, here.grid, here.lesion))
    assert "by its brightness alone" in told
    assert "lobes in shade can be missing, look at it (the average brain is not laid on voxels of" in told


def test_where_it_is_believed_the_sentence_says_that_the_mask_holds_something_of_it(monkeypatch: pytest.MonkeyPatch):
    here = one_head(4)
    bright = brain_region(here.anatomy, here.grid, here.lesion)
    away_mm = np.where(bright, -1.0, 99.0).astype(np.float32)
    laid = TemplateBrain(away_mm, np.eye(4), (), trusted=True)
    monkeypatch.setattr(learning_brain, "lay_template_brain", lambda *_, **__: laid)
    mask, told = found_brain(here.anatomy, here.grid, here.lesion, name="CE-T1w")
    assert (mask & bright).sum() == bright.sum()
    assert holds_average_brain((told, "another remark"))
    monkeypatch.undo()
    assert not holds_average_brain(
        (found_brain(here.anatomy, here.grid, here.lesion, name="CE-T1w")[1], "brain: a given outline")
    )


def test_brightness_is_followed_beside_the_average_brain_and_no_farther_and_the_lesion_is_inside():
    grid = Grid((40, 40, 40), np.diag([2.0, 2.0, 2.0, 1.0]))
    away_mm = np.full(grid.shape, 99.0, dtype=np.float32)
    away_mm[:, 10:20, 10:20] = np.abs(2.0 * np.arange(40) - 29.0)[:, None, None] - 10.0
    bright, lesion = (np.zeros(grid.shape, dtype=bool) for _ in range(2))
    bright[12:30, 12:18, 12:18] = True
    lesion[35:37, 15, 15] = True
    whole = joined_region(away_mm, bright, lesion)
    assert whole[(away_mm <= 2) | lesion].all()
    np.testing.assert_array_equal(np.flatnonzero(whole[:, 15, 15]), [*range(9, 23), 35, 36])
    np.testing.assert_array_equal(np.flatnonzero(whole[:, 11, 11]), range(9, 21))
    assert share_followed(away_mm, bright) == pytest.approx(11 / 18)
    assert np.isnan(share_followed(away_mm, np.zeros(grid.shape, dtype=bool)))
