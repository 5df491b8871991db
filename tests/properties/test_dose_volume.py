"""Claims about the spread of a dose over a volume: closed forms, and what holds of every dose."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import brentq

from afterglow.kernels.dose_effect import biologically_effective_dose, equivalent_in_2gy, equivalent_uniform_dose
from afterglow.kernels.dose_volume import cumulative, dose_at, dose_at_share, sampled_spread, volume_at, voxel_spread
from afterglow.kernels.partial import carried_share, share_of_shape

Array = NDArray[np.float64]
SAMPLES = 5
RADIUS_MM = (3 * 10_000 / (4 * np.pi)) ** (1 / 3)  # of a sphere of 10 mL
CONE_MM, CONE_RADIUS_MM = 30.0, (3 * 10_000 / (np.pi * 30.0)) ** 0.5  # height, radius of the base


def grid_of(n: int, off: tuple[float, float, float]) -> tuple[Array, Array]:
    """Affine of n x n x n voxels of 1 mm around the origin, moved by `off`, and the places of the voxels (n, n, n, 3)."""
    affine = np.eye(4)
    affine[:3, 3] = -(n - 1) / 2 + np.array(off)
    index = np.stack(np.meshgrid(*[np.arange(float(n))] * 3, indexing="ij"), axis=-1)
    return affine, index + affine[:3, 3]


def in_sphere(points: Array) -> NDArray[np.bool_]:
    return (points**2).sum(axis=-1) <= RADIUS_MM**2


def in_cone(points: Array, axis: Array) -> NDArray[np.bool_]:
    """Apex at half the height along the axis, base at minus half."""
    along = points @ axis
    height = CONE_MM / 2 - along
    across = (points**2).sum(axis=-1) - along**2
    return (height >= 0) & (height <= CONE_MM) & (across <= (height * CONE_RADIUS_MM / CONE_MM) ** 2)


def off_by(found: float, true: float) -> float:
    return abs(found / true - 1)


offs = st.tuples(*[st.floats(-0.5, 0.5)] * 3)


@settings(max_examples=4, deadline=None)
@given(offs, st.sampled_from([(1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.6, 0.8, 0.0), (0.48, 0.6, 0.64)]))
def test_a_sphere_in_a_dose_that_falls_evenly_follows_the_closed_form_to_a_thousandth(
    off: tuple[float, float, float], direction: tuple[float, float, float]
) -> None:
    affine, places = grid_of(32, off)
    share = share_of_shape(in_sphere, shape=(32, 32, 32), affine=affine, samples=SAMPLES)
    spread = sampled_spread(20 + 0.8 * (places @ np.array(direction)), share, voxel_ml=1e-3, samples=SAMPLES)

    def above(t: float) -> float:
        """Share of the sphere beyond t radii along the rising dose."""
        return (2 - 3 * t + t**3) / 4

    for dose in (12.0, 16.0, 20.0, 24.0, 28.0):
        assert abs(volume_at(spread, dose) / 10 - above((dose - 20) / 0.8 / RADIUS_MM)) < 1e-3
    for share_of_it in (0.98, 0.95, 0.5, 0.02):
        true = 20 + 0.8 * RADIUS_MM * brentq(lambda t, s=share_of_it: above(t) - s, -1, 1)
        assert off_by(dose_at_share(spread, share_of_it), true) < 1e-3
    assert off_by(spread.mean_gy, 20) < 1e-3


@settings(max_examples=4, deadline=None)
@given(offs)
def test_a_sphere_in_a_dose_that_falls_from_its_middle_follows_the_closed_form_to_a_thousandth(
    off: tuple[float, float, float],
) -> None:
    affine, places = grid_of(32, off)
    share = share_of_shape(in_sphere, shape=(32, 32, 32), affine=affine, samples=SAMPLES)
    dose = 32 - 1.2 * np.linalg.norm(places, axis=-1)
    spread = sampled_spread(dose, share, voxel_ml=1e-3, samples=SAMPLES)
    for gy in (18.0, 20.0, 24.0, 28.0):  # 16 Gy lies within a twentieth of a millimetre of the border of the sphere
        assert abs(volume_at(spread, gy) / 10 - ((32 - gy) / 1.2 / RADIUS_MM) ** 3) < 1e-3
    for share_of_it in (0.98, 0.95, 0.5, 0.02):
        assert off_by(dose_at_share(spread, share_of_it), 32 - 1.2 * RADIUS_MM * share_of_it ** (1 / 3)) < 1e-3
    assert off_by(spread.mean_gy, 32 - 0.9 * RADIUS_MM) < 1e-3


@pytest.mark.parametrize(
    ("off", "axis"),
    [((0.0, 0.0, 0.0), (0.0, 0.0, 1.0)), ((0.3, 0.2, 0.44), (0.48, 0.6, 0.64)), ((-0.1, 0.5, 0.2), (0.8, 0.36, 0.48))],
)
def test_a_cone_in_a_dose_that_falls_along_its_axis_follows_the_closed_form_to_a_thousandth(
    off: tuple[float, float, float], axis: tuple[float, float, float]
) -> None:
    along = np.array(axis)
    affine, places = grid_of(48, off)
    share = share_of_shape(lambda points: in_cone(points, along), shape=(48, 48, 48), affine=affine, samples=SAMPLES)
    spread = sampled_spread(20 + 0.5 * (places @ along), share, voxel_ml=1e-3, samples=SAMPLES)
    top = 20 + 0.25 * CONE_MM  # at the apex
    for gy in (14.0, 16.0, 20.0, 24.0):
        assert abs(volume_at(spread, gy) / 10 - ((top - gy) / 0.5 / CONE_MM) ** 3) < 1e-3
    for share_of_it in (0.98, 0.95, 0.5, 0.02):
        assert off_by(dose_at_share(spread, share_of_it), top - 0.5 * CONE_MM * share_of_it ** (1 / 3)) < 1e-3


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_volumes_fall_and_doses_agree_with_them(seed: int, hole: float) -> None:
    rng = np.random.default_rng(seed)
    dose = rng.uniform(0, 30, (5, 6, 7)) * (rng.random((5, 6, 7)) > hole)
    share = np.clip(rng.normal(0.5, 0.6, dose.shape), 0, 1).astype(np.float32)
    for spread in (voxel_spread(dose, share, voxel_ml=0.5), sampled_spread(dose, share, voxel_ml=0.5, samples=3)):
        assert spread.total_ml == pytest.approx(float(share.sum()) * 0.5, rel=1e-5)
        doses, volumes = cumulative(spread, step_gy=0.1)
        assert volumes[0] == pytest.approx(spread.total_ml)
        assert volumes[-1] == 0
        assert (np.diff(volumes) <= 0).all()
        assert doses[-1] > spread.greatest_gy
        assert spread.least_gy <= spread.mean_gy * (1 + 1e-5) and spread.mean_gy <= spread.greatest_gy * (1 + 1e-5)
        for ml in spread.total_ml * rng.uniform(0.01, 1, 5):
            found = dose_at(spread, float(ml))
            assert volume_at(spread, found) >= ml * (1 - 2e-6)
            assert volume_at(spread, found * 1.0002 + 1e-3) <= ml * (1 + 1e-6)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.1, 40))
def test_an_even_dose_is_the_same_everywhere(seed: int, gy: float) -> None:
    share = np.random.default_rng(seed).random((4, 4, 4)).astype(np.float32)
    spread = sampled_spread(np.full(share.shape, gy, dtype=np.float32), share, voxel_ml=1.0, samples=5)
    assert volume_at(spread, gy) == pytest.approx(spread.total_ml)
    assert dose_at_share(spread, 1.0) == pytest.approx(gy, rel=1e-5)
    assert dose_at_share(spread, 0.02) == pytest.approx(gy, rel=1e-4)
    assert equivalent_uniform_dose(spread.dose_gy, spread.volume_ml, a=-10) == pytest.approx(gy, rel=1e-4)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.2, 5))
def test_more_dose_scales_every_figure(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    dose, share = rng.uniform(1, 20, (5, 5, 5)), rng.random((5, 5, 5)).astype(np.float32)
    once = sampled_spread(dose, share, voxel_ml=1.0, samples=3)
    more = sampled_spread(dose * factor, share, voxel_ml=1.0, samples=3)
    assert more.mean_gy == pytest.approx(once.mean_gy * factor, rel=1e-5)
    for part in (0.95, 0.5, 0.05):
        assert dose_at_share(more, part) == pytest.approx(dose_at_share(once, part) * factor, rel=2e-4)


def test_voxels_without_a_dose_are_left_out_and_their_share_is_said() -> None:
    dose = np.full((4, 4, 4), 10.0)
    dose[:1] = np.nan
    share = np.ones((4, 4, 4), dtype=np.float32)
    for spread in (voxel_spread(dose, share, voxel_ml=1.0), sampled_spread(dose, share, voxel_ml=1.0, samples=3)):
        assert spread.covered == pytest.approx(0.75)
        assert spread.total_ml == pytest.approx(48)
        assert spread.mean_gy == pytest.approx(10)
    nothing = sampled_spread(np.full((4, 4, 4), np.nan), share, voxel_ml=1.0, samples=3)
    assert nothing.covered == 0
    assert np.isnan(nothing.mean_gy)
    assert np.isnan(dose_at(nothing, 1.0))


def test_a_structure_of_nothing_has_no_dose() -> None:
    spread = sampled_spread(np.ones((3, 3, 3)), np.zeros((3, 3, 3), dtype=np.float32), voxel_ml=1.0, samples=3)
    assert (spread.covered, spread.total_ml) == (1.0, 0.0)
    assert np.isnan(spread.mean_gy)
    assert volume_at(spread, 0.0) == 0
    with pytest.raises(ValueError, match="odd number"):
        sampled_spread(np.ones((3, 3, 3)), np.zeros((3, 3, 3)), voxel_ml=1.0, samples=4)


def test_the_mean_is_the_equivalent_dose_of_exponent_one_and_extremes_its_limits() -> None:
    doses, volumes = np.array([5.0, 10.0, 30.0]), np.array([1.0, 2.0, 1.0])
    assert equivalent_uniform_dose(doses, volumes, a=1) == pytest.approx(13.75)
    assert equivalent_uniform_dose(doses, volumes, a=-2000) == pytest.approx(5, rel=1e-3)
    assert equivalent_uniform_dose(doses, volumes, a=2000) == pytest.approx(30, rel=1e-3)
    assert equivalent_uniform_dose(np.array([0.0, 10.0]), np.ones(2), a=-1) == 0
    assert equivalent_uniform_dose(np.zeros(2), np.ones(2), a=2) == 0
    with pytest.raises(ValueError, match="not zero"):
        equivalent_uniform_dose(doses, volumes, a=0)


def test_two_gray_fractions_are_their_own_equivalent() -> None:
    assert equivalent_in_2gy(np.array(60.0), alpha_beta_gy=3.0, fractions=30) == pytest.approx(60)
    assert biologically_effective_dose(np.array(16.0), alpha_beta_gy=10.0, fractions=1) == pytest.approx(16 * 2.6)
    with pytest.raises(ValueError, match="no linear-quadratic model"):
        equivalent_in_2gy(np.array(1.0), alpha_beta_gy=0.0, fractions=1)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_a_share_laid_on_a_finer_grid_keeps_its_volume(seed: int) -> None:
    share = np.random.default_rng(seed).random((4, 5, 3)).astype(np.float32)
    to_source = np.diag([0.5, 0.5, 0.5, 1.0])
    to_source[:3, 3] = -0.25  # two new voxels to each old one
    fine = carried_share(share, to_source=to_source, shape=(8, 10, 6), samples=2)
    assert fine.sum() / 8 == pytest.approx(share.sum(), rel=1e-6)
    assert np.array_equal(carried_share(share, to_source=np.eye(4), shape=share.shape, samples=3), share)


def test_a_turned_mask_keeps_its_volume_to_a_thousandth() -> None:
    mask = np.zeros((40, 40, 40), dtype=np.float32)
    mask[10:30, 12:28, 15:25] = 1
    angle = np.radians(23)
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    centre = np.eye(4)
    centre[:3, 3] = 19.5
    turned = carried_share(mask, to_source=centre @ turn @ np.linalg.inv(centre), shape=mask.shape, samples=5)
    assert turned.sum() == pytest.approx(mask.sum(), rel=1e-3)
