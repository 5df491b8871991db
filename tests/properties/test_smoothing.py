"""Claims about the foreground and about smoothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from afterglow.kernels.smoothing import foreground, smooth_in_space, smooth_in_time


def head(noise, seed=0):
    """A ball of tissue with a dark hole and a few bright vessels in noisy air, and where it is."""
    rng = np.random.default_rng(seed)
    x, y, z = np.meshgrid(*(np.arange(n) - n / 2 for n in (64, 64, 12)), indexing="ij")
    ball = (x / 24) ** 2 + (y / 28) ** 2 + (z / 9) ** 2 < 1
    signal = np.where(ball, 100.0 + 40 * np.sin(x / 7), 0.0)
    signal[(x - 5) ** 2 + y**2 < 16] *= 0.02
    signal[30:33, 20:23] = np.where(ball[30:33, 20:23], 2000, 0)
    noisy = np.hypot(signal + rng.normal(0, noise, ball.shape), rng.normal(0, noise, ball.shape))
    return noisy, ball


@pytest.mark.parametrize("noise", [1.0, 5.0, 12.0])
@pytest.mark.parametrize("gain", [0.01, 1000.0])
def test_the_subject_is_found_whole_and_without_the_air(noise, gain):
    image, ball = head(noise)
    mask = foreground((gain * image).astype(np.float32))
    overlap = 2 * np.count_nonzero(mask & ball) / (np.count_nonzero(mask) + np.count_nonzero(ball))
    assert overlap > 0.97
    assert ndimage.label(mask)[1] == 1


def test_air_of_zeros_and_absent_voxels_are_outside():
    image, ball = head(1.0)
    image[~ball] = 0
    image[0] = np.nan
    mask = foreground(image)
    assert not (mask & ~ball).any()
    assert np.count_nonzero(mask) > 0.97 * np.count_nonzero(ball)


def test_an_empty_image_is_an_error():
    with pytest.raises(ValueError, match="no positive voxel"):
        foreground(np.zeros((4, 4, 4)))


@given(st.floats(0.5, 12), st.floats(-5, 5))
@settings(max_examples=15)
def test_smoothing_in_space_leaves_a_constant_and_its_gaps(fwhm_mm, level):
    image = np.full((9, 8, 7), level)
    image[2:4, 3, 1] = np.nan
    smooth = smooth_in_space(image, fwhm_mm=fwhm_mm, spacing_mm=(1, 2, 3))
    np.testing.assert_array_equal(np.isnan(smooth), np.isnan(image))
    np.testing.assert_allclose(smooth[np.isfinite(smooth)], level, rtol=1e-9, atol=1e-12)


def test_smoothing_in_space_has_the_width_it_says_in_millimetres():
    image = np.zeros((61, 61, 61))
    image[30, 30, 30] = 1
    smooth = smooth_in_space(image, fwhm_mm=8.0, spacing_mm=(1.0, 2.0, 2.0))
    for axis, step in enumerate((1.0, 2.0, 2.0)):
        line = np.moveaxis(smooth, axis, 0)[:, 30, 30] / smooth.max()
        above = np.interp(0.5, line[30:][::-1], step * np.arange(31)[::-1])
        assert 2 * above == pytest.approx(8.0, rel=0.02)


def test_frames_are_smoothed_alike_and_do_not_mix():
    rng = np.random.default_rng(0)
    series = rng.normal(size=(6, 7, 5, 4)).astype(np.float32)
    series[1, 1, 1, 2] = np.nan
    smooth = smooth_in_space(series, fwhm_mm=3.0, spacing_mm=(1, 1, 1))
    assert smooth.dtype == np.float32
    for frame in range(4):
        np.testing.assert_array_equal(smooth[..., frame], smooth_in_space(series[..., frame], fwhm_mm=3.0, spacing_mm=(1, 1, 1)))


@given(st.lists(st.floats(0.5, 20), min_size=5, max_size=30), st.floats(0.5, 60), st.floats(-300, 300))
def test_smoothing_in_time_leaves_a_constant_on_any_clock(steps_s, fwhm_s, origin_s):
    times = np.cumsum(steps_s) + origin_s
    curve = np.full((2, times.size), 3.7)
    curve[1, 2] = np.nan
    smooth = smooth_in_time(times, curve, fwhm_s=fwhm_s)
    np.testing.assert_allclose(smooth[0], 3.7, rtol=1e-9)
    assert np.isnan(smooth[1, 2])
    np.testing.assert_allclose(np.delete(smooth[1], 2), 3.7, rtol=1e-9)


def test_the_clock_does_not_change_what_is_smoothed():
    rng = np.random.default_rng(0)
    times, curve = np.cumsum(rng.uniform(1, 6, 40)), rng.normal(size=(3, 40))
    one, other = (smooth_in_time(times + origin, curve, fwhm_s=12) for origin in (0.0, 777.0))
    np.testing.assert_allclose(one, other, atol=1e-9)


def test_frames_that_lie_close_together_do_not_count_more():
    sparse = np.arange(0, 200, 5.0)
    dense = np.union1d(sparse, np.arange(50, 100, 0.5))
    at = np.searchsorted(dense, sparse[14:30])
    ramp = [smooth_in_time(t, np.sin(t / 25), fwhm_s=15) for t in (sparse, dense)]
    np.testing.assert_allclose(ramp[1][at], ramp[0][14:30], atol=0.01)


def test_smoothing_in_time_takes_noise_away():
    times = np.arange(0, 300, 2.0)
    noisy = np.random.default_rng(0).normal(size=(200, times.size))
    assert smooth_in_time(times, noisy, fwhm_s=10).std() < 0.5
    np.testing.assert_array_equal(smooth_in_time(times, noisy, fwhm_s=0), noisy)
