"""Claims about the bridge to SimpleITK and about resampling."""

import itertools

import numpy as np
import pytest
import SimpleITK as sitk
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from afterglow.align.images import from_image, from_transform, one_itk_thread, to_image, to_transform
from afterglow.align.resample import compose, resample
from afterglow.records.grid import Grid

ORIENTATIONS = [
    np.eye(3)[list(order)] * signs for order in itertools.permutations(range(3)) for signs in itertools.product((-1, 1), repeat=3)
]
numbers = st.floats(-1, 1)


def places(grid: Grid) -> np.ndarray:
    return grid.to_mm(np.moveaxis(np.indices(grid.shape), 0, -1).astype(float))


def ramp(points: np.ndarray) -> np.ndarray:
    return points @ np.array([1.0, 2.0, -3.0]) + 4.0


def oriented(axes: np.ndarray, shape: tuple[int, int, int] = (7, 8, 9)) -> Grid:
    """A grid with the middle at (5, -3, 8) mm whose axes are a signed permutation, turned obliquely."""
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", (11, -7, 23), degrees=True).as_matrix() @ axes @ np.diag([1.5, 2.0, 2.5])
    affine[:3, 3] = np.array([5.0, -3.0, 8.0]) - affine[:3, :3] @ ((np.array(shape) - 1) / 2)
    return Grid(shape, affine)


@pytest.mark.parametrize(
    "axes", ORIENTATIONS, ids=lambda axes: "".join(f"{v:+.0f}" for v in axes.sum(axis=0) * (1 + axes.argmax(0)))
)
def test_each_of_the_48_orientations_keeps_its_place_in_the_world(axes):
    grid = oriented(axes)
    data = ramp(places(grid))
    again, where = from_image(to_image(data, grid))
    assert where.same_as(grid)
    np.testing.assert_array_equal(again, data)
    onto = Grid((4, 4, 4), np.block([[np.eye(3), np.array([[3.5], [-4.5], [6.5]])], [np.zeros((1, 3)), np.ones((1, 1))]]))
    np.testing.assert_allclose(resample(data, grid, onto), ramp(places(onto)), atol=1e-9)


@given(arrays(float, (3, 3), elements=numbers), arrays(float, 3, elements=numbers), arrays(float, 3, elements=numbers))
@settings(max_examples=60, deadline=None)
def test_oblique_and_sheared_affines_and_matrices_are_exact(skew, origin, shift):
    affine, matrix = np.eye(4), np.eye(4)
    affine[:3, :3] += 0.25 * skew
    affine[:3, 3] = 20 * origin
    matrix[:3, :3] += 0.05 * skew.T
    matrix[:3, 3] = shift
    grid = Grid((8, 8, 8), affine)
    onto = Grid(
        (3, 3, 3), np.block([[0.5 * np.eye(3), grid.to_mm(np.full(3, 3.5))[:, None]], [np.zeros((1, 3)), np.ones((1, 1))]])
    )
    looked = places(onto) @ matrix[:3, :3].T + matrix[:3, 3]
    index = grid.to_index(looked)
    inside = ((index >= 0) & (index <= 7)).all(axis=-1)
    found = resample(ramp(places(grid)), grid, onto, matrix)
    np.testing.assert_allclose(found[inside], ramp(looked)[inside], atol=1e-8)
    np.testing.assert_allclose(from_transform(to_transform(matrix)), matrix, atol=1e-12)


def test_a_wrong_shape_is_refused():
    with pytest.raises(ValueError, match="resample it first"):
        to_image(np.zeros((3, 3, 3)), Grid((3, 3, 4), np.eye(4)))
    with pytest.raises(ValueError, match="on that grid"):
        resample(np.zeros((3, 3, 3)), Grid((3, 3, 4), np.eye(4)), Grid((3, 3, 4), np.eye(4)))


def test_the_number_of_itk_threads_is_restored_even_when_uses_overlap():
    before = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    outer, inner = one_itk_thread(), one_itk_thread()
    outer.__enter__()
    inner.__enter__()
    outer.__exit__(None, None, None)
    assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == 1
    inner.__exit__(None, None, None)
    assert sitk.ProcessObject.GetGlobalDefaultNumberOfThreads() == before


def test_the_same_grid_without_a_matrix_gives_the_same_numbers_in_a_new_array():
    grid = oriented(ORIENTATIONS[5])
    data = np.random.default_rng(0).standard_normal(grid.shape).astype(np.float32)
    same = resample(data, grid, grid)
    np.testing.assert_array_equal(same, data)
    assert not np.shares_memory(same, data)


def test_what_was_not_measured_stays_so_and_does_not_spread():
    grid = Grid((6, 6, 6), np.eye(4))
    data = np.ones(grid.shape, dtype=np.float32)
    data[3, 3, 3] = np.inf
    whole, half = np.eye(4), np.eye(4)
    whole[0, 3], half[0, 3] = 1.0, 0.5
    assert np.argwhere(np.isnan(resample(data, grid, grid, whole)[:5])).tolist() == [[2, 3, 3]]
    assert np.argwhere(np.isnan(resample(data, grid, grid, half)[:5])).tolist() == [[2, 3, 3], [3, 3, 3]]


def test_outside_is_nan_for_maps_and_background_for_labels():
    grid = Grid((4, 4, 4), np.eye(4))
    shifted = Grid((4, 4, 4), np.block([[np.eye(3), np.full((3, 1), 50.0)], [np.zeros((1, 3)), np.ones((1, 1))]]))
    assert np.isnan(resample(np.ones(grid.shape, dtype=np.float32), grid, shifted)).all()
    labels = resample(np.full(grid.shape, 7, dtype=np.int16), grid, shifted, interpolation="nearest")
    assert labels.dtype == np.int16
    assert not labels.any()
    assert resample(np.ones(grid.shape, dtype=bool), grid, shifted, interpolation="nearest").dtype == bool


def test_labels_are_never_mixed():
    grid = oriented(ORIENTATIONS[17])
    labels = np.random.default_rng(1).choice([0, 3, 900], grid.shape).astype(np.int32)
    turned = Grid((12, 12, 12), np.eye(4))
    assert set(np.unique(resample(labels, grid, turned, interpolation="nearest"))) <= {0, 3, 900}


def test_a_series_is_resampled_frame_by_frame():
    grid, onto = oriented(ORIENTATIONS[3]), oriented(ORIENTATIONS[40])
    series = np.random.default_rng(2).standard_normal((*grid.shape, 3)).astype(np.float32)
    moved = resample(series, grid, onto)
    for t in range(3):
        np.testing.assert_array_equal(moved[..., t], resample(np.ascontiguousarray(series[..., t]), grid, onto))


def test_a_point_travels_through_composed_matrices_in_the_order_given():
    first, second = np.eye(4), np.eye(4)
    first[:3, 3] = (1, 2, 3)
    second[:3, :3] = Rotation.from_euler("z", 90, degrees=True).as_matrix()
    np.testing.assert_allclose(compose(first, second) @ [0, 0, 0, 1], second @ (first @ [0, 0, 0, 1]))
    np.testing.assert_array_equal(compose(), np.eye(4))
