"""Diffusion-weighted images: what their voxels' truth is, and how an echo-planar readout bends them."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterglow.kernels.diffusion import mono_exponential_adc
from afterglow.records.grid import Grid
from afterglow.simulate.diffusion_images import DWI_PLANS, DwiPlan, acquire_dwi, pure_signal
from afterglow.simulate.field_error import dipole_field_ppm, field_error_ppm, shifted_lines
from afterglow.simulate.scanner import SmoothField
from afterglow.simulate.scene import Scene
from afterglow.simulate.tissues import TISSUES
from afterglow.simulate.voxels import voxel_means

EVEN = SmoothField(np.array([1.0, *[0.0] * 9]), np.zeros(3))
STILL = np.eye(4)
NAMES = ("grey", "white", "csf", "artery", "vein", "fat", "marrow", "muscle", "oedema", "core", "tumour")
QUIET = 1e9  # an SNR


def grid(shape: tuple[int, int, int], *steps_mm: float) -> Grid:
    steps = steps_mm or (2.0, 2.0, 2.0)
    affine = np.diag([*steps, 1.0])
    affine[:3, 3] = np.array(steps) / 2  # the corner of the first voxel lies at 0
    return Grid(shape, affine)


def cube(name: str, n: int = 12) -> Scene:
    whole = np.ones((n, n, n), np.float32)
    return Scene(grid((n, n, n)), TISSUES, {name: whole}, {}, whole, ())


@pytest.fixture(scope="module")
def bars() -> Scene:
    """One bar of 6 x 20 x 20 mm for each tissue along x."""
    shape = (3 * len(NAMES), 10, 10)
    fractions = {name: np.zeros(shape, np.float32) for name in NAMES}
    for n, name in enumerate(fractions):
        fractions[name][3 * n : 3 * n + 3] = 1.0
    return Scene(grid(shape), TISSUES, fractions, {}, np.ones(shape, np.float32), ())


@pytest.mark.parametrize("b_s_mm2", [(1000.0, 0.0), (0.0,), (0.0, 0.0, 1000.0), (-5.0, 1000.0)])
def test_b_values_that_cannot_be_are_refused(b_s_mm2):
    with pytest.raises(ValueError, match="rise from 0"):
        DwiPlan(b_s_mm2, 5.0, 0.08, 30.0, "in this test")


@pytest.mark.parametrize("name", ["grey", "white", "csf", "oedema", "core", "tumour"])
def test_pure_tissue_has_the_adc_of_its_row(name):
    scene, plan = cube(name, 8), replace(DWI_PLANS["b 0, 1000"], snr=QUIET)
    dwi = acquire_dwi(scene, scene.grid, STILL, plan, receive=EVEN, rng=np.random.default_rng(0))
    for truth in dwi.maps:
        np.testing.assert_allclose(truth.values[1:-1, 1:-1, 1:-1], TISSUES[name].adc_mm2_s, rtol=1e-4)


@pytest.mark.parametrize("plan", ["b 0, 1000", "b 0, 1000, 2000"])
def test_without_noise_a_fit_finds_the_true_adc_of_voxels_that_are_not_mixed_much(bars, plan):
    made = replace(DWI_PLANS[plan], snr=QUIET)
    coarse = grid((16, 4, 4), 4.0, 5.0, 5.0)
    dwi = acquire_dwi(bars, coarse, STILL, made, receive=EVEN, rng=np.random.default_rng(0))
    adc, mean = (truth.values for truth in dwi.maps)
    signals = dwi.image.values().astype(np.float64)
    there = np.isfinite(adc) & (signals[..., -1] > 200 * dwi.image.slope)  # whole numbers tell nothing further down
    found = mono_exponential_adc(signals[there], np.array(made.b_s_mm2), noise_floor=0.0).adc_mm2_s
    pure = np.abs(adc[there] / mean[there] - 1) < 0.002
    assert pure.sum() > 15
    np.testing.assert_allclose(found[pure], adc[there][pure], rtol=0.005)


def test_a_mixture_decays_more_slowly_than_the_mean_of_its_tissues(bars):
    dwi = acquire_dwi(bars, grid((11, 4, 4), 6.0, 5.0, 5.0), np.diag([1.0, 1, 1, 1]) + np.eye(4, k=3) * 3.0,
                      replace(DWI_PLANS["b 0, 1000"], snr=QUIET), receive=EVEN, rng=np.random.default_rng(0))  # fmt: skip
    adc, mean = (truth.values[1:-2, 1:-1, 1:-1] for truth in dwi.maps)
    assert (adc <= mean * (1 + 1e-4)).all()
    assert (adc < 0.95 * mean).any()


def test_fat_and_arteries_are_gone_from_diffusion_images_and_air_has_no_adc():
    plan = DWI_PLANS["b 0, 1000"]
    white = pure_signal(TISSUES["white"], TISSUES, plan)
    assert pure_signal(TISSUES["fat"], TISSUES, plan) < 0.1 * white
    assert pure_signal(TISSUES["artery"], TISSUES, plan) < 0.15 * white
    scene = cube("white", 8)
    wide = Grid((12, 8, 8), scene.grid.affine)
    dwi = acquire_dwi(scene, wide, STILL, plan, receive=EVEN, rng=np.random.default_rng(0))
    assert np.isnan(dwi.maps[0].values[9:]).all()
    assert np.isfinite(dwi.maps[0].values[:8]).all()


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.floats(-3, 3))
def test_shifted_lines_lose_nothing_and_pile_up_where_they_meet(seed, amount):
    rng = np.random.default_rng(seed)
    values = np.zeros((3, 24, 4), np.float32)
    values[:, 8:16] = rng.random((3, 8, 4))
    moved = shifted_lines(values, (amount * rng.random(values.shape)).astype(np.float32))
    np.testing.assert_allclose(moved.sum(axis=1), values.sum(axis=1), rtol=1e-4)
    np.testing.assert_array_equal(shifted_lines(values, np.zeros_like(values)), values)
    even = shifted_lines(values, np.full_like(values, 2.0))
    np.testing.assert_allclose(even[:, 2:], values[:, :-2], atol=1e-6)


def test_the_field_around_a_sphere_is_a_dipole_and_inside_there_is_none():
    n, radius_mm = 40, 32.0
    space = grid((n, n, n), 4.0, 4.0, 4.0)
    arm = (np.indices((n, n, n)).reshape(3, -1).T - (n - 1) / 2) * 4.0
    r = np.linalg.norm(arm, axis=1)
    tissue = np.clip((radius_mm - r) / 4.0 + 0.5, 0, 1).astype(np.float32).reshape(n, n, n)
    scene = Scene(space, TISSUES, {"grey": tissue}, {}, np.ones_like(tissue), ())
    for along in (np.array([0.0, 0.0, 1.0]), np.array([0.6, 0.0, 0.8])):
        field, found = dipole_field_ppm(scene, along)
        assert found.same_as(space)
        expected = -9.4 / 3 * (radius_mm / np.maximum(r, 1)) ** 3 * (3 * (arm @ along / np.maximum(r, 1)) ** 2 - 1)
        flat, near = field.ravel(), (r > 44) & (r < 64)
        assert np.abs(flat[r < 24]).max() < 0.05
        assert np.abs(flat[near] - expected[near]).max() < 0.05
        assert expected[near].min() < -1.5


def test_the_shim_takes_away_what_it_can_and_is_told_where():
    block = np.pad(np.ones((12, 12, 10), np.float32), 4)
    scene = Scene(grid((20, 20, 18)), TISSUES, {"grey": block}, {}, np.ones_like(block), ())
    raw, _ = dipole_field_ppm(scene, np.array([0.0, 0.0, 1.0]))
    left, space = field_error_ppm(scene, np.array([0.0, 0.0, 1.0]), ("grey",))
    inside = voxel_means(scene.fractions["grey"], scene.grid, space, STILL) > 0.9
    assert left[inside].std() < 0.8 * raw[inside].std()
    assert abs(left[inside].mean()) < 0.02
    with pytest.raises(ValueError, match="of which the scene has none"):
        field_error_ppm(scene, np.array([0.0, 0.0, 1.0]), ("white",))


def test_a_distorted_image_is_the_plain_one_moved_by_its_displacement():
    n = 32
    tissue = np.zeros((n, n, n), np.float32)
    tissue[4:-4, 4:-4, 4:-4] = 1.0
    tissue[12:20, 12:20, 20:24] = 0.0  # a cell of air
    scene = Scene(grid((n, n, n)), TISSUES, {"white": tissue}, {}, np.ones_like(tissue), ())
    plan = replace(DWI_PLANS["b 0, 1000"], snr=QUIET, distortion_mm_per_ppm=2.0, shimmed=("white",))
    scan = grid((16, 16, 16), 4.0, 4.0, 4.0)
    bent = acquire_dwi(scene, scan, STILL, plan, receive=EVEN, rng=np.random.default_rng(0))
    plain = acquire_dwi(scene, scan, STILL, replace(plan, distortion_mm_per_ppm=0.0), receive=EVEN, rng=np.random.default_rng(0))
    b0, flat = (one.image.values()[..., 0].astype(np.float64) for one in (bent, plain))
    np.testing.assert_allclose(b0.sum(axis=1), flat.sum(axis=1), rtol=0.02, atol=0.02)
    y_mm = np.arange(16) * 4.0
    moved = (b0.sum(axis=0) * y_mm[:, None]).sum() / b0.sum() - (flat.sum(axis=0) * y_mm[:, None]).sum() / flat.sum()
    shift = bent.maps[2].values
    assert moved == pytest.approx((shift * flat).sum() / flat.sum(), abs=0.1)
    assert np.abs(shift[flat > 0.5 * flat.max()]).max() > 1.0
    there = np.isfinite(bent.maps[0].values)
    np.testing.assert_allclose(bent.maps[0].values[there], TISSUES["white"].adc_mm2_s, rtol=1e-3)
