"""Claims about the gamma index: closed forms, brute force, and what a fair comparison must not do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from afterglow.kernels.gamma_index import gamma_index

Array = NDArray[np.float64]


def smooth_dose(rng: np.random.Generator, shape: tuple[int, int, int]) -> Array:
    places = np.stack(np.meshgrid(*(np.arange(float(n)) for n in shape), indexing="ij"), axis=-1)
    dose = np.full(shape, 2.0)
    for _ in range(3):
        centre, width = rng.uniform(0, np.array(shape)), rng.uniform(1.5, 4)
        dose += rng.uniform(5, 20) * np.exp(-((places - centre) ** 2).sum(-1) / (2 * width**2))
    return dose


def brute_force(
    reference: Array, evaluated: Array, spacing: tuple[float, float, float], tolerance: float, distance: float
) -> Array:
    """Gamma of every voxel against every place of a lattice twenty times finer than the grid."""
    fine = [np.linspace(0, n - 1, 20 * (n - 1) + 1) for n in reference.shape]
    places = np.stack(np.meshgrid(*fine, indexing="ij")).reshape(3, -1)
    dose = map_coordinates(evaluated, places, order=1)
    out = np.empty(reference.shape)
    for voxel in np.ndindex(reference.shape):
        far = (((places - np.array(voxel)[:, None]) * np.array(spacing)[:, None] / distance) ** 2).sum(axis=0)
        out[voxel] = np.sqrt((far + ((dose - reference[voxel]) / tolerance) ** 2).min())
    return np.minimum(out, 2.0)


def gamma(reference: Array, evaluated: Array, **more: object) -> NDArray[np.float32]:
    asked: dict[str, object] = {"spacing_mm": (1.0, 1.0, 1.0), "tolerance_gy": np.full(reference.shape, 0.5)}
    asked |= {"distance_mm": 1.0, "steps": 4, "greatest": 2.0, **more}
    return gamma_index(reference, evaluated, **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", [0, 1, 2, 3])
def test_gamma_is_what_brute_force_finds(seed: int) -> None:
    """In doses as rough and steep as these, ten tolerances a millimetre, two voxels in a hundred may be up to .2 too high."""
    rng = np.random.default_rng(seed)
    reference = smooth_dose(rng, (4, 4, 4))
    evaluated = reference * 1.05 + rng.normal(0, 0.4, reference.shape)
    found = gamma(reference, evaluated, spacing_mm=(1.0, 1.5, 0.8), distance_mm=0.8)
    true = brute_force(reference, evaluated, (1.0, 1.5, 0.8), 0.5, 0.8)
    missed = found - true
    assert float((missed > 0.02).mean()) < 0.04
    assert float(missed.max()) < 0.2
    assert float(-missed.min()) < 0.2  # the lattice of the brute force is the coarser one
    assert float(np.abs(missed).mean()) < 0.03


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_where_doses_hardly_change_gamma_is_never_above_what_brute_force_finds(seed: int) -> None:
    """Far from a target all eight cells around a voxel hold its dose, so that none is left out."""
    rng = np.random.default_rng(seed)
    reference = 0.1 * smooth_dose(rng, (4, 4, 4))
    evaluated = 1.02 * reference + rng.normal(0, 0.02, reference.shape)
    found = gamma(reference, evaluated, spacing_mm=(1.0, 1.5, 0.8), distance_mm=0.8)
    true = brute_force(reference, evaluated, (1.0, 1.5, 0.8), 0.5, 0.8)
    assert float((found - true).max()) < 1e-4
    assert float((found - true).min()) > -0.05  # a twentieth of a voxel of 1.5 mm, in distances of .8 mm


@settings(max_examples=30, deadline=None)
@given(st.floats(-2, 2), st.floats(0.1, 3))
def test_an_even_difference_is_counted_in_tolerances(difference: float, tolerance: float) -> None:
    flat = np.full((4, 4, 4), 10.0)
    found = gamma(flat, flat + difference, tolerance_gy=np.full(flat.shape, tolerance))
    np.testing.assert_allclose(found, min(abs(difference) / tolerance, 2.0), atol=1e-6)


@settings(max_examples=30, deadline=None)
@given(st.floats(0.2, 4), st.floats(-1, 1), st.floats(0.5, 2))
def test_a_shifted_slope_follows_the_closed_form(slope: float, shift_mm: float, distance: float) -> None:
    """gamma = |slope x shift| / sqrt(tolerance^2 + (slope x distance)^2)."""
    across = np.arange(12.0)[:, None, None] * np.ones((12, 5, 5))
    found = gamma(20 + slope * across, 20 + slope * (across - shift_mm), distance_mm=distance)[4:8]
    np.testing.assert_allclose(found, min(abs(slope * shift_mm) / np.hypot(0.5, slope * distance), 2), atol=2e-5)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_dose_agrees_with_itself_and_looser_criteria_never_raise_gamma(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dose = smooth_dose(rng, (7, 7, 7))
    other = dose + rng.normal(0, 0.5, dose.shape)
    assert not gamma(dose, dose).any()
    strict = gamma(dose, other)
    for looser in ({"tolerance_gy": np.full(dose.shape, 0.8)}, {"distance_mm": 1.5}):
        assert float((gamma(dose, other, **looser) - strict).max()) <= 5e-3


def test_voxels_that_are_not_asked_for_or_not_known_have_no_gamma() -> None:
    dose = smooth_dose(np.random.default_rng(1), (6, 6, 6))
    tolerance = np.full(dose.shape, 0.5)
    tolerance[0] = 0
    other = dose.copy()
    other[3, 3, 3] = np.nan
    found = gamma(dose, other, tolerance_gy=tolerance)
    assert np.isnan(found[0]).all()
    assert np.isnan(found[3, 3, 3])
    assert np.isfinite(found).sum() == 5 * 36 - 1


def test_doses_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="not on one grid"):
        gamma(np.ones((3, 3, 3)), np.ones((3, 3, 4)))
    with pytest.raises(ValueError, match="above zero"):
        gamma(np.ones((3, 3, 3)), np.ones((3, 3, 3)), distance_mm=0.0)
