"""Claims about reading many volumes at once: scipy's order 1, the mean of two readings, nothing outside."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.transform import Rotation

from afterglow.kernels.trilinear import sampled_pairs

SHAPE = (8, 9, 6)
seeds = st.integers(0, 2**31)


def drawn(seed: int, count: int = 1) -> tuple[list[np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Volumes, a turned and scaled grid, and how far its two readings lie apart."""
    rng = np.random.default_rng(seed)
    matrix = Rotation.from_euler("xyz", rng.uniform(-20, 20, 3), degrees=True).as_matrix() * rng.uniform(0.4, 1.6)
    volumes = [rng.normal(size=SHAPE).astype(np.float32) for _ in range(count)]
    return volumes, matrix, rng.uniform(-1.0, 3.0, 3), rng.uniform(-0.6, 0.6, 3)


def by_scipy(values: np.ndarray, matrix: np.ndarray, origin: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Order 1; exactly 0 as soon as a place lies outside the outermost voxel centres."""
    at = np.einsum("ab,bijk->aijk", matrix, np.indices(shape, dtype=float)) + origin[:, None, None, None]
    inside = np.all((at >= 0) & (at <= np.array(values.shape)[:, None, None, None] - 1), axis=0)
    return np.where(inside, ndimage.map_coordinates(values.astype(np.float64), at, order=1, mode="nearest"), 0.0)


@given(seeds)
def test_each_volume_is_the_mean_of_two_readings_of_scipy(seed: int) -> None:
    volumes, matrix, origin, apart = drawn(seed)
    (found,) = sampled_pairs(volumes, matrix, origin, (7, 6, 5), apart=apart)
    sides = [by_scipy(volumes[0], matrix, origin + sign * apart / 2, (7, 6, 5)) for sign in (-1, 1)]
    np.testing.assert_allclose(found, np.mean(sides, axis=0), atol=2e-6)


@given(seeds)
def test_readings_that_coincide_are_one_reading(seed: int) -> None:
    volumes, matrix, origin, _ = drawn(seed)
    (found,) = sampled_pairs(volumes, matrix, origin, (7, 6, 5), apart=np.zeros(3))
    np.testing.assert_allclose(found, by_scipy(volumes[0], matrix, origin, (7, 6, 5)), atol=2e-6)


@given(seeds, st.integers(1, 15))
def test_volumes_that_travel_together_are_read_as_each_alone(seed: int, count: int) -> None:
    volumes, matrix, origin, apart = drawn(seed, count)
    together = list(sampled_pairs(volumes, matrix, origin, (4, 4, 4), apart=apart))
    assert len(together) == count
    for volume, found in zip(volumes, together, strict=True):
        (alone,) = sampled_pairs([volume], matrix, origin, (4, 4, 4), apart=apart)
        np.testing.assert_array_equal(found, alone)


def test_the_same_grid_gives_back_every_voxel_to_the_edge() -> None:
    (values,), _, _, _ = drawn(1)
    (found,) = sampled_pairs([values], np.eye(3), np.zeros(3), SHAPE, apart=np.zeros(3))
    np.testing.assert_array_equal(found, values)


@given(seeds, st.floats(-100, 100))
def test_a_constant_stays_the_constant_inside_and_is_halved_where_one_reading_lies_outside(seed: int, level: float) -> None:
    _, matrix, origin, apart = drawn(seed)
    (found,) = sampled_pairs([np.full(SHAPE, level, np.float32)], matrix, origin, (7, 6, 5), apart=apart)
    ones = [by_scipy(np.ones(SHAPE), matrix, origin + sign * apart / 2, (7, 6, 5)) for sign in (-1, 1)]
    np.testing.assert_allclose(found, level * np.mean(ones, axis=0), rtol=1e-5, atol=1e-6)


def test_nothing_is_read_beyond_the_last_voxel_centre() -> None:
    values = np.ones(SHAPE, np.float32)
    (found,) = sampled_pairs([values], np.eye(3), np.array([0.5, 0.0, 0.0]), SHAPE, apart=np.zeros(3))
    assert (found[:-1] == 1).all()
    assert (found[-1] == 0).all()


def test_no_volumes_give_none_and_a_sheet_is_refused() -> None:
    assert list(sampled_pairs([], np.eye(3), np.zeros(3), (2, 2, 2), apart=np.zeros(3))) == []
    with pytest.raises(ValueError, match="too thin"):
        list(sampled_pairs([np.ones((4, 4, 1), np.float32)], np.eye(3), np.zeros(3), (2, 2, 1), apart=np.zeros(3)))
