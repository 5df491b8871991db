"""A coarse map on other voxels: mass is conserved, constants stay, what is not measured stays so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from afterglow.align.conservative import carry_map, carry_with_share
from afterglow.align.resample import resample
from afterglow.kernels.overlap import overlap_mean
from afterglow.records.grid import Grid

seeds = st.integers(0, 2**31)


def _grid(
    shape: tuple[int, int, int], spacing: tuple[float, ...], origin: tuple[float, ...], turn: np.ndarray | None = None
) -> Grid:
    affine = np.eye(4)
    affine[:3, :3] = (np.eye(3) if turn is None else turn) @ np.diag(spacing)
    affine[:3, 3] = origin
    return Grid(shape, affine)


def _around(source: Grid, spacing: tuple[float, ...], margin_mm: float) -> Grid:
    """A grid that covers the source's box wholly."""
    corners = np.array(np.meshgrid(*[(-0.5, n - 0.5) for n in source.shape])).reshape(3, -1).T
    low, high = source.to_mm(corners).min(axis=0) - margin_mm, source.to_mm(corners).max(axis=0) + margin_mm
    shape = tuple(int(np.ceil(span / step)) for span, step in zip(high - low, spacing, strict=True))
    return _grid(shape, spacing, tuple(low + np.array(spacing) / 2))


@settings(max_examples=30, deadline=None)
@given(seeds, st.tuples(*[st.floats(0.7, 13.0)] * 3))
def test_mass_is_conserved_exactly_between_parallel_grids(seed: int, spacing: tuple[float, float, float]) -> None:
    rng = np.random.default_rng(seed)
    source = _grid((3, 4, 2), (10.0, 9.0, 11.0), tuple(rng.uniform(-5, 5, 3)))
    values = rng.normal(size=source.shape)
    values[rng.random(values.shape) < 0.2] = np.nan
    onto = _around(source, spacing, 3.0)
    mean, share = carry_with_share(values, source, onto)
    assert np.nansum(mean * share) * onto.voxel_ml == pytest.approx(np.nansum(values) * source.voxel_ml, rel=1e-9, abs=1e-9)


@settings(max_examples=10, deadline=None)
@given(seeds)
def test_mass_is_conserved_within_half_a_per_cent_between_turned_grids(seed: int) -> None:
    rng = np.random.default_rng(seed)
    turn = Rotation.from_rotvec(rng.uniform(-0.6, 0.6, 3)).as_matrix()
    source = _grid((4, 3, 3), (10.0, 10.0, 10.0), (1.0, 2.0, 3.0), turn)
    values = rng.uniform(0.5, 2.0, size=source.shape)
    onto = _around(source, (3.0, 3.0, 4.0), 4.0)
    mean, share = carry_with_share(values, source, onto)
    assert np.nansum(mean * share) * onto.voxel_ml == pytest.approx(values.sum() * source.voxel_ml, rel=5e-3)


@settings(max_examples=20, deadline=None)
@given(seeds, st.floats(0.1, 100.0))
def test_a_constant_stays_constant_whatever_the_transform(seed: int, level: float) -> None:
    rng = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(rng.uniform(-1, 1, 3)).as_matrix()
    matrix[:3, 3] = rng.uniform(-8, 8, 3)
    source, onto = _grid((4, 4, 4), (10.0, 10.0, 10.0), (-15.0,) * 3), _grid((6, 5, 4), (5.0, 6.0, 7.0), (-12.0,) * 3)
    mean, share = carry_with_share(np.full(source.shape, level), source, onto, matrix)
    np.testing.assert_allclose(mean[share > 0], level, rtol=1e-12)
    assert np.isnan(mean[share == 0]).all()


@given(seeds)
def test_the_same_grid_changes_nothing(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(4, 5, 3))
    values[1, 2, 1] = np.nan
    grid = _grid((4, 5, 3), (10.0, 8.0, 12.0), (3.0, -4.0, 1.0))
    np.testing.assert_allclose(carry_map(values, grid, grid, least_share=0.5), values, rtol=1e-6)


def test_what_was_not_measured_is_not_measured_on_finer_voxels_and_nothing_lies_between_the_values() -> None:
    values = np.array([[[1.0]], [[np.nan]], [[5.0]]])
    source, onto = _grid((3, 1, 1), (10.0, 10.0, 10.0), (0.0, 0.0, 0.0)), _grid((30, 2, 2), (1.0, 5.0, 5.0), (-4.5, -2.5, -2.5))
    found = carry_map(values, source, onto, least_share=0.5)
    assert (found[:10] == 1.0).all()
    assert np.isnan(found[10:20]).all()
    assert (found[20:] == 5.0).all()


def test_a_voxel_that_is_covered_by_less_than_asked_is_not_measured() -> None:
    values = np.array([[[2.0]], [[np.nan]]])
    source, onto = _grid((2, 1, 1), (10.0, 10.0, 10.0), (0.0, 0.0, 0.0)), _grid((1, 1, 1), (20.0, 10.0, 10.0), (5.0, 0.0, 0.0))
    assert carry_map(values, source, onto, least_share=0.5)[0, 0, 0] == 2.0
    assert np.isnan(carry_map(values, source, onto, least_share=0.51)[0, 0, 0])


@settings(max_examples=15, deadline=None)
@given(seeds)
def test_six_points_along_each_axis_come_near_the_exact_shares(seed: int) -> None:
    rng = np.random.default_rng(seed)
    matrix = np.eye(4)
    matrix[[0, 1, 2], [0, 1, 2]] = rng.uniform(0.1, 0.6, 3)
    matrix[:3, 3] = rng.uniform(0, 1, 3)
    values = rng.uniform(0, 1, (4, 4, 4))
    exact, _ = overlap_mean(values, matrix, (5, 5, 5))
    counted, _ = overlap_mean(values, matrix, (5, 5, 5), points=6)
    both = np.isfinite(exact) & np.isfinite(counted)
    assert np.abs(exact - counted)[both].max() < 0.25
    assert np.abs(exact - counted)[both].mean() < 0.03


@given(seeds)
def test_flipped_and_exchanged_axes_are_followed(seed: int) -> None:
    values = np.random.default_rng(seed).normal(size=(2, 3, 4))
    matrix = np.array([[0, -1.0, 0, 1], [0, 0, 1.0, 0], [1.0, 0, 0, 0], [0, 0, 0, 1.0]])
    found, share = overlap_mean(values, matrix, (4, 2, 3))
    np.testing.assert_allclose(found, np.transpose(values, (2, 0, 1))[:, ::-1], rtol=1e-12)
    assert (share == 1).all()


def test_on_finer_voxels_nearest_and_conservative_agree_inside_each_coarse_voxel() -> None:
    values = np.random.default_rng(3).normal(size=(3, 3, 3)).astype(np.float32)
    source, onto = _grid((3, 3, 3), (10.0, 10.0, 10.0), (0.0,) * 3), _grid((30, 30, 30), (1.0, 1.0, 1.0), (-4.5,) * 3)
    np.testing.assert_allclose(
        carry_map(values, source, onto, least_share=0.5), resample(values, source, onto, interpolation="nearest"), rtol=1e-6
    )


def test_a_map_of_another_shape_is_refused() -> None:
    grid = _grid((2, 2, 2), (1.0, 1.0, 1.0), (0.0,) * 3)
    with pytest.raises(ValueError, match="its grid is"):
        carry_map(np.zeros((3, 2, 2)), grid, grid, least_share=0.5)
