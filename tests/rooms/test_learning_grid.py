"""Claims about the one grid of a patient: it holds the brain, blurs nothing that needs no blurring, and invents no value."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.learning_patients import one_head

from afterglow.align.common_grid import isotropic_grid, laid_known, laid_mask
from afterglow.lesions.brain_region import brain_region
from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid

HERE = np.eye(4)


def oblique(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float], turn: float) -> Grid:
    affine = np.diag([*spacing_mm, 1.0])
    turned = np.eye(4)
    turned[:2, :2] = [[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]
    affine[:3, 3] = [-20.0, 11.0, 5.0]
    return Grid(shape, turned @ affine)


@settings(max_examples=60)
@given(
    st.tuples(*(st.sampled_from([0.8, 1.0, 2.0, 4.0]),) * 3),
    st.sampled_from([1.0, 1.5, 2.0]),
    st.sampled_from([0.0, 5.0]),
    st.floats(-0.5, 0.5),
)
def test_the_grid_is_isotropic_and_holds_all_that_is_inside(
    steps: tuple[float, float, float], spacing_mm: float, margin_mm: float, turn: float
) -> None:
    grid = oblique((20, 18, 16), steps, turn)
    inside = np.zeros(grid.shape, dtype=bool)
    inside[4:15, 2:9, 7:16] = True
    onto = isotropic_grid(grid, inside, spacing_mm=spacing_mm, margin_mm=margin_mm)
    assert onto.spacing_mm == pytest.approx((spacing_mm,) * 3)
    at = onto.to_index(grid.to_mm(np.argwhere(inside).astype(float)))
    assert (at > -0.5 - 1e-6).all()
    assert (at < np.array(onto.shape) - 0.5 + 1e-6).all()
    axes = onto.affine[:3, :3] / spacing_mm
    np.testing.assert_allclose(axes, grid.affine[:3, :3] / np.array(grid.spacing_mm), atol=1e-12)


def test_voxels_of_the_wanted_size_are_kept_as_they_are() -> None:
    grid = oblique((20, 18, 16), (1.0, 1.0, 1.0), 0.3)
    data = np.random.default_rng(1).normal(size=grid.shape).astype(np.float32)
    inside = np.zeros(grid.shape, dtype=bool)
    inside[5:9, 6:12, 3:10] = True
    onto = isotropic_grid(grid, inside, spacing_mm=1.0, margin_mm=2.0)
    assert onto.shape == (8, 10, 11)
    np.testing.assert_allclose(laid_known(data, grid, onto, HERE), data[3:11, 4:14, 1:12], atol=1e-5)


def test_larger_voxels_hold_the_mean_of_those_inside_them() -> None:
    grid = Grid((8, 8, 8), np.diag([1.0, 1.0, 1.0, 1.0]))
    data = np.random.default_rng(2).normal(size=grid.shape).astype(np.float32)
    onto = isotropic_grid(grid, np.ones(grid.shape, dtype=bool), spacing_mm=2.0, margin_mm=0.0)
    assert onto.shape == (4, 4, 4)
    blocks = data.reshape(4, 2, 4, 2, 4, 2).mean(axis=(1, 3, 5))
    np.testing.assert_allclose(laid_known(data, grid, onto, HERE), blocks, atol=1e-5)


@settings(max_examples=40)
@given(st.integers(0, 10_000), st.floats(0.05, 0.6), st.floats(-1.5, 1.5))
def test_what_is_not_measured_bends_no_value_beside_it(seed: int, share: float, shift_mm: float) -> None:
    rng = np.random.default_rng(seed)
    grid = Grid((9, 8, 7), np.diag([2.0, 2.0, 3.0, 1.0]))
    data = np.where(rng.random(grid.shape) < share, np.nan, 0.3).astype(np.float32)
    matrix = np.eye(4)
    matrix[0, 3] = shift_mm
    laid = laid_known(data, grid, Grid((14, 14, 14), np.diag([1.0, 1.0, 1.0, 1.0])), matrix)
    known = laid[np.isfinite(laid)]
    np.testing.assert_allclose(known, 0.3, atol=1e-5)
    whole = laid_known(np.full(grid.shape, 0.3, np.float32), grid, grid, HERE)
    assert np.isfinite(whole).all()


def test_a_map_that_is_known_nowhere_stays_so_and_beyond_the_field_of_view_there_is_nothing() -> None:
    grid = Grid((5, 5, 5), np.eye(4))
    far = np.eye(4)
    far[0, 3] = 100.0
    assert np.isnan(laid_known(np.full(grid.shape, np.nan, np.float32), grid, grid, HERE)).all()
    assert np.isnan(laid_known(np.ones(grid.shape, np.float32), grid, grid, far)).all()
    assert not laid_mask(np.ones(grid.shape, dtype=bool), grid, grid, far).any()


def test_a_grid_around_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing to lay a grid around"):
        isotropic_grid(Grid((4, 4, 4), np.eye(4)), np.zeros((4, 4, 4), dtype=bool), spacing_mm=1.0, margin_mm=1.0)


def test_the_brain_region_holds_the_brain_its_ventricles_and_the_outlined_tumour_and_no_scalp() -> None:
    here = one_head(4)
    found = brain_region(here.anatomy, here.grid, here.lesion)
    assert found[here.brain].mean() > 0.97
    assert found[here.lesion].all()
    assert np.count_nonzero(found) < 1.35 * np.count_nonzero(here.brain)
    shell = (here.anatomy > 180) & ~here.brain & ~here.lesion
    assert found[shell].mean() < 0.1


def test_air_has_no_brain() -> None:
    grid = Grid((20, 20, 20), np.diag([4.0, 4.0, 4.0, 1.0]))
    with pytest.raises(MissingInput, match="no brain was found"):
        brain_region(np.random.default_rng(1).random(grid.shape).astype(np.float32), grid, None)
