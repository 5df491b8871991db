"""Claims about T1 from variable flip angles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares
from scipy.stats import t as student

from afterglow.kernels.spgr import spgr_signal
from afterglow.kernels.types import Status
from afterglow.kernels.vfa import t1_vfa

BOUNDS_S = (0.02, 20.0)
FLIPS = np.array([2.0, 5, 10, 15, 20])


def made(t1_s, *, flip_deg=FLIPS, tr_s=0.005, b1=1.0, s0=1000.0):
    b1 = np.broadcast_to(b1, np.shape(t1_s))[..., None]
    return spgr_signal(1 / np.asarray(t1_s)[..., None], s0=s0, flip_deg=flip_deg, tr_s=np.asarray(tr_s), b1=b1)


@given(
    st.lists(st.floats(1, 45), min_size=2, max_size=7, unique_by=round),
    st.lists(st.floats(0.1, 5), min_size=1, max_size=9),
    st.floats(0.003, 0.03),
    st.floats(0.6, 1.4),
)
def test_without_noise_t1_is_exact_for_any_flip_angles_and_b1(flip_deg, t1_s, tr_s, b1):
    flips, t1 = np.array(flip_deg), np.array(t1_s)
    fit = t1_vfa(made(t1, flip_deg=flips, tr_s=tr_s, b1=b1), flip_deg=flips, tr_s=tr_s, b1=b1, t1_bounds_s=BOUNDS_S)
    per_voxel = t1_vfa(
        made(t1, flip_deg=flips, tr_s=tr_s, b1=b1), flip_deg=flips, tr_s=tr_s, b1=np.full(t1.shape, b1), t1_bounds_s=BOUNDS_S
    )
    for found in (fit, per_voxel):
        np.testing.assert_allclose(found.t1_s, t1, rtol=1e-4)
        np.testing.assert_allclose(found.s0, 1000, rtol=1e-4)
        assert (found.status == Status.OK).all()


def test_each_voxel_has_its_own_b1():
    rng = np.random.default_rng(0)
    t1, b1 = rng.uniform(0.3, 3, (4, 5, 6)), rng.uniform(0.6, 1.4, (4, 5, 6))
    fit = t1_vfa(made(t1, b1=b1), flip_deg=FLIPS, tr_s=0.005, b1=b1, t1_bounds_s=BOUNDS_S)
    np.testing.assert_allclose(fit.t1_s, t1, rtol=1e-8)


def test_each_flip_angle_may_have_its_own_repetition_time():
    tr_s, t1 = np.array([0.004, 0.004, 0.02, 0.02]), np.linspace(0.2, 3, 20)
    flips = np.array([3.0, 12, 12, 20])
    fit = t1_vfa(made(t1, flip_deg=flips, tr_s=tr_s), flip_deg=flips, tr_s=tr_s, t1_bounds_s=BOUNDS_S)
    np.testing.assert_allclose(fit.t1_s, t1, rtol=1e-8)


def test_two_flip_angles_give_the_closed_form():
    rng = np.random.default_rng(3)
    y = made(rng.uniform(0.5, 2, 200), flip_deg=np.array([3.0, 15])) + rng.normal(0, 0.3, (200, 2))
    (s1, s2), (c1, c2) = np.sin(np.deg2rad([3, 15])), np.cos(np.deg2rad([3, 15]))
    e1 = (y[:, 0] * s2 - y[:, 1] * s1) / (y[:, 0] * s2 * c1 - y[:, 1] * s1 * c2)
    fit = t1_vfa(y, flip_deg=np.array([3.0, 15]), tr_s=0.005, t1_bounds_s=BOUNDS_S)
    np.testing.assert_allclose(fit.t1_s, -0.005 / np.log(e1), rtol=1e-8)
    assert np.isnan(fit.t1_se_s).all()


@pytest.mark.parametrize("snr", [300, 30, 8])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_no_start_of_a_bounded_solver_finds_a_smaller_error(snr, dtype):
    rng = np.random.default_rng(snr)
    t1, b1 = rng.uniform(0.2, 4, 25), rng.uniform(0.7, 1.3, 25)
    y = made(t1, b1=b1)
    y = (y + rng.normal(0, y.max() / snr, y.shape)).astype(dtype)
    fit = t1_vfa(y, flip_deg=FLIPS, tr_s=0.005, b1=b1, t1_bounds_s=BOUNDS_S)
    for number in range(t1.size):
        solved = [
            least_squares(
                lambda p, n=number: y[n] - made(p[0], b1=b1[n], s0=1000 * p[1]),
                [start, 1.0],
                bounds=([BOUNDS_S[0], 0], [BOUNDS_S[1], np.inf]),
                ftol=1e-14,
                xtol=1e-14,
                gtol=1e-14,
            )
            for start in (0.2, 1.0, 3.0, 12.0)
        ]
        unit = made(float(fit.t1_s[number]), b1=b1[number], s0=1.0)
        sse = ((y[number] - unit * (unit @ y[number]) / (unit @ unit)) ** 2).sum()
        assert sse <= 2 * min(s.cost for s in solved) * (1 + 1e-6)


@settings(max_examples=20)
@given(st.floats(1e-3, 1e6))
def test_the_receiver_gain_scales_s0_and_leaves_t1(gain):
    y = made(np.array([0.5, 1.5])) + np.array([[1.0, -2, 1, 0, 1]])
    one, other = (t1_vfa(g * y, flip_deg=FLIPS, tr_s=0.005, t1_bounds_s=BOUNDS_S) for g in (1.0, gain))
    np.testing.assert_allclose(other.t1_s, one.t1_s, rtol=1e-7)
    np.testing.assert_allclose(other.t1_se_s, one.t1_se_s, rtol=1e-6)
    np.testing.assert_allclose(other.s0, gain * one.s0, rtol=1e-7)


def test_voxels_do_not_talk_and_keep_their_shape_and_type():
    rng = np.random.default_rng(5)
    y = (made(rng.uniform(0.3, 3, (5, 4, 3))) + rng.normal(0, 5, (5, 4, 3, 5))).astype(np.float32)
    together = t1_vfa(y, flip_deg=FLIPS, tr_s=0.005, t1_bounds_s=BOUNDS_S)
    alone = t1_vfa(y[2, 1, 0], flip_deg=FLIPS, tr_s=0.005, t1_bounds_s=BOUNDS_S)
    assert together.t1_s.shape == (5, 4, 3)
    assert together.t1_s.dtype == np.float32
    np.testing.assert_allclose(together.t1_s[2, 1, 0], alone.t1_s, rtol=1e-5)


def test_the_standard_error_covers_the_truth_in_95_of_100():
    rng = np.random.default_rng(11)
    y = made(np.full(20_000, 1.2)) + rng.normal(0, 0.5, (20_000, 5))
    fit = t1_vfa(y, flip_deg=FLIPS, tr_s=0.005, t1_bounds_s=BOUNDS_S)
    inside = np.abs(fit.t1_s - 1.2) <= student.ppf(0.975, 3) * fit.t1_se_s
    assert 0.94 < inside.mean() < 0.96


def test_what_cannot_be_fitted_says_why():
    y = made(np.array([1.0, 1.0, 1.0, 100.0, 1.0]))
    y[0, 2], y[1], y[2] = np.nan, 0.0, -y[2]
    b1 = np.array([1.0, 1, 1, 1, np.nan])
    fit = t1_vfa(y, flip_deg=FLIPS, tr_s=0.005, b1=b1, t1_bounds_s=BOUNDS_S)
    assert fit.status.tolist() == [Status.NOT_FINITE, Status.NO_SIGNAL, Status.NO_SIGNAL, Status.AT_BOUND, Status.NOT_FINITE]
    assert np.isnan(fit.t1_s[[0, 1, 2, 4]]).all()
    assert fit.t1_s[3] == pytest.approx(BOUNDS_S[1])
    assert np.isnan(fit.t1_se_s[3])


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"flip_deg": FLIPS[:4]}, "4 flip angles for 5 signals"),
        ({"flip_deg": np.full(5, 10.0)}, "two different flip angles"),
        ({"tr_s": np.array([0.005, 0.005])}, "2 repetition times"),
        ({"tr_s": 0.0}, "above 0 s"),
        ({"t1_bounds_s": (2.0, 1.0)}, "not a range"),
    ],
)
def test_a_protocol_that_cannot_give_t1_is_refused(changed, words):
    given_ = {"flip_deg": FLIPS, "tr_s": 0.005, "t1_bounds_s": BOUNDS_S} | changed
    with pytest.raises(ValueError, match=words):
        t1_vfa(np.ones((3, 5)), **given_)
