"""Claims about T1 with the flip angle from inversion-prepared and plain gradient echoes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterglow.kernels.hifi import Train, irspgr_signal, t1_hifi
from afterglow.kernels.spgr import spgr_signal
from afterglow.kernels.types import Status

TRAIN = Train(echo_spacing_s=0.0054, n_pulses=160, flip_deg=5.0, wait_s=0.2, centre=0.5)
PROTOCOL = {"ti_s": np.array([0.168, 1.068]), "train": TRAIN, "flip_deg": np.array([2.0, 5, 12]), "tr_s": 0.0054}
RANGES = {"t1_bounds_s": (0.05, 8.0), "b1_bounds": (0.4, 1.9)}


def simulated(t1_s, ti_s, train, b1):
    """The magnetisation pulse by pulse, through as many cycles as a steady state takes."""
    m, flip = 1.0, np.deg2rad(train.flip_deg * b1)
    for _ in range(300):
        m = 1 - (1 + m) * np.exp(-ti_s / t1_s)  # inverted, then recovering
        for number in range(train.n_pulses):
            if number == round(train.centre * train.n_pulses):
                signal = abs(m * np.sin(flip))
            m = 1 - (1 - m * np.cos(flip)) * np.exp(-train.echo_spacing_s / t1_s)
        m = 1 - (1 - m) * np.exp(-train.wait_s / t1_s)
    return signal


@settings(max_examples=15, deadline=None)
@given(
    st.floats(0.2, 3), st.floats(0.05, 2), st.floats(0.6, 1.4), st.integers(5, 60), st.sampled_from([0.0, 0.5]), st.floats(0, 2)
)
def test_the_closed_form_is_the_magnetisation_pulse_by_pulse(t1_s, ti_s, b1, n_pulses, centre, wait_s):
    train = Train(0.006, 2 * n_pulses, 8.0, wait_s, centre)
    assert irspgr_signal(t1_s, s0=1.0, ti_s=ti_s, train=train, b1=b1) == pytest.approx(simulated(t1_s, ti_s, train, b1), abs=1e-9)


def made(t1, b1, s0=1000.0):
    ir = irspgr_signal(t1[:, None], s0=s0, ti_s=PROTOCOL["ti_s"], train=TRAIN, b1=b1[:, None])
    return ir, spgr_signal(1 / t1[:, None], s0=s0, flip_deg=PROTOCOL["flip_deg"], tr_s=PROTOCOL["tr_s"], b1=b1[:, None])


def test_without_noise_t1_s0_and_flip_angle_are_exact():
    rng = np.random.default_rng(0)
    t1, b1 = rng.uniform(0.4, 3.0, 300), rng.uniform(0.7, 1.4, 300)
    fit = t1_hifi(*made(t1, b1), **PROTOCOL, **RANGES)
    np.testing.assert_allclose(fit.t1_s, t1, rtol=1e-5)
    np.testing.assert_allclose(fit.b1, b1, rtol=1e-5)
    np.testing.assert_allclose(fit.s0, 1000, rtol=1e-5)


def test_with_noise_every_voxel_has_an_answer_or_a_reason():
    rng = np.random.default_rng(1)
    t1, b1 = rng.uniform(0.4, 3.0, 500), rng.uniform(0.7, 1.4, 500)
    ir, spgr = (y + rng.normal(0, 1.0, y.shape) for y in made(t1, b1))
    ir[0, 0], ir[1], spgr[1] = np.nan, 0, 0
    fit = t1_hifi(ir, spgr, **PROTOCOL, **RANGES)
    assert fit.status[0] == Status.NOT_FINITE
    assert fit.status[1] == Status.NO_SIGNAL
    answered = fit.status == Status.OK
    assert answered.mean() > 0.97
    z = (fit.t1_s - t1)[answered] / fit.t1_se_s[answered]
    assert np.median(np.abs(z)) == pytest.approx(0.816, rel=0.15)  # Student's t with two degrees of freedom


def test_too_few_signals_are_refused():
    with pytest.raises(ValueError, match="three in all"):
        t1_hifi(np.ones(1), np.ones(1), ti_s=np.array([0.5]), train=TRAIN, flip_deg=np.array([5.0]), tr_s=0.005, **RANGES)
