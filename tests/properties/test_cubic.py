"""Claims about the cubic spline: scipy's answer, knots kept, polynomials exact, edges that go on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from afterglow.kernels.cubic import cubic_resampled

SHAPE = (9, 8, 7)
seeds = st.integers(0, 2**31)


def drawn(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A volume, and the small turn and shift of a head that moved."""
    rng = np.random.default_rng(seed)
    turn = Rotation.from_euler("xyz", rng.uniform(-8, 8, 3), degrees=True).as_matrix()
    middle = (np.array(SHAPE) - 1) / 2
    return rng.normal(size=SHAPE).astype(np.float32), turn, middle - turn @ middle + rng.uniform(-1.5, 1.5, 3)


def places(matrix: np.ndarray, origin: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Where each voxel is read, (3, i, j, k)."""
    return np.einsum("ab,bijk->aijk", matrix, np.indices(shape, dtype=float)) + origin[:, None, None, None]


@given(seeds)
def test_inside_the_volume_it_is_the_spline_of_scipy(seed: int) -> None:
    values, matrix, origin = drawn(seed)
    at = places(matrix, origin, SHAPE)
    inside = np.all((at >= 0) & (at <= np.array(SHAPE)[:, None, None, None] - 1), axis=0)
    expected = ndimage.map_coordinates(values.astype(np.float64), at, order=3, mode="mirror")
    found = cubic_resampled(values, matrix, origin, SHAPE)
    assert inside.any()
    np.testing.assert_allclose(found[inside], expected[inside], atol=1e-5)


@given(seeds)
def test_a_place_outside_has_the_value_of_the_nearest_edge(seed: int) -> None:
    values, matrix, origin = drawn(seed)
    last = np.array(SHAPE)[:, None, None, None] - 1
    edge = np.clip(places(matrix, origin - 4.0, SHAPE), 0, last)
    expected = ndimage.map_coordinates(values.astype(np.float64), edge, order=3, mode="mirror")
    np.testing.assert_allclose(cubic_resampled(values, matrix, origin - 4.0, SHAPE), expected, atol=1e-5)


@given(seeds)
def test_a_grid_that_does_not_move_keeps_every_voxel(seed: int) -> None:
    values, _, _ = drawn(seed)
    np.testing.assert_allclose(cubic_resampled(values, np.eye(3), np.zeros(3), SHAPE), values, atol=1e-5)


@given(seeds, st.floats(-1e3, 1e3))
def test_a_constant_stays_the_constant_wherever_it_is_read(seed: int, level: float) -> None:
    _, matrix, origin = drawn(seed)
    found = cubic_resampled(np.full(SHAPE, level, np.float32), matrix, origin - 3.0, SHAPE)
    np.testing.assert_allclose(found, np.float32(level), rtol=2e-6, atol=1e-6)


@given(seeds)
def test_the_result_is_linear_in_the_volume(seed: int) -> None:
    values, matrix, origin = drawn(seed)
    other = drawn(seed + 1)[0]
    both = cubic_resampled(2 * values - 3 * other, matrix, origin, SHAPE)
    apart = 2 * cubic_resampled(values, matrix, origin, SHAPE) - 3 * cubic_resampled(other, matrix, origin, SHAPE)
    np.testing.assert_allclose(both, apart, atol=2e-5)


@pytest.mark.parametrize("shape", [(1, 1, 1), (12, 3, 20)])
def test_the_new_grid_may_have_any_shape(shape: tuple[int, int, int]) -> None:
    values, matrix, origin = drawn(5)
    at = np.clip(places(matrix, origin, shape), 0, np.array(SHAPE)[:, None, None, None] - 1)
    expected = ndimage.map_coordinates(values.astype(np.float64), at, order=3, mode="mirror")
    found = cubic_resampled(values, matrix, origin, shape)
    assert found.shape == shape
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(2, 5, 5), (5, 2, 2), (3, 3, 2), (1, 6, 6), (2, 2, 1)])
def test_a_volume_of_one_or_two_slices_is_read_as_scipy_reads_it(shape: tuple[int, int, int]) -> None:
    values = np.random.default_rng(3).normal(size=shape).astype(np.float32)
    origin = np.array([0.3, 0.4, 0.2])
    at = np.clip(places(np.eye(3), origin, shape), 0, np.array(shape)[:, None, None, None] - 1)
    expected = ndimage.map_coordinates(values.astype(np.float64), at, order=3, mode="mirror")
    np.testing.assert_allclose(cubic_resampled(values, np.eye(3), origin, shape), expected, atol=1e-5)
