"""Claims about the spoiled gradient echo: signal, relaxation, concentration."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.kernels.spgr import concentration, plasma_from_blood, spgr_r1, spgr_signal

flips = st.floats(2, 60)
repetitions = st.floats(0.002, 0.1)
t1s = st.floats(0.2, 4.0)


@given(flips, repetitions, t1s, st.floats(0.6, 1.4))
def test_signal_follows_the_ernst_formula(flip_deg, tr_s, t1_s, b1):
    angle, e1 = np.deg2rad(flip_deg * b1), np.exp(-tr_s / t1_s)
    expected = 7 * np.sin(angle) * (1 - e1) / (1 - np.cos(angle) * e1)
    assert spgr_signal(1 / t1_s, s0=7.0, flip_deg=flip_deg, tr_s=tr_s, b1=b1) == pytest.approx(expected, rel=1e-9)


@given(flips, repetitions, t1s, st.floats(0.6, 1.4), st.sampled_from([np.float32, np.float64]))
def test_concentration_undoes_the_signal(flip_deg, tr_s, t10_s, b1, dtype):
    made_mM = np.concatenate([np.zeros(3), np.linspace(-0.05, 5, 40)])
    signal = spgr_signal(1 / t10_s + 4.5 * made_mM, s0=900.0, flip_deg=flip_deg, tr_s=tr_s, b1=b1).astype(dtype)
    found = concentration(signal, t10_s=t10_s, flip_deg=flip_deg, tr_s=tr_s, r1_per_mM_s=4.5, baseline_frames=slice(0, 3), b1=b1)
    assert found.dtype == dtype
    tolerance = 1e-9 if dtype == np.float64 else _float32_error(made_mM, t10_s, flip_deg * b1, tr_s)
    np.testing.assert_array_less(np.abs(found - made_mM), tolerance + 1e-12)


def _float32_error(made_mM, t10_s, flip_deg, tr_s):
    """What rounding the signal to 24 bits costs: where the signal nears its ceiling, much."""
    rates = 1 / t10_s + 4.5 * made_mM
    signal = spgr_signal(rates, s0=1.0, flip_deg=flip_deg, tr_s=tr_s)
    slope = (spgr_signal(rates * 1.001, s0=1.0, flip_deg=flip_deg, tr_s=tr_s) - signal) / (0.001 * rates)
    gain = 4.5 * slope / signal
    before = spgr_signal(1 / t10_s * 1.001, s0=1.0, flip_deg=flip_deg, tr_s=tr_s)
    return 8 * np.finfo(np.float32).eps * (1 / np.maximum(gain, 1e-12) + np.abs(made_mM)) + 1e-7 * before


@given(flips, repetitions, t1s, st.floats(0.001, 0.01))
def test_the_decay_that_the_agent_adds_is_undone_too(flip_deg, tr_s, t10_s, te_s):
    made_mM = np.concatenate([np.zeros(3), np.linspace(-0.05, 3, 30)])
    rates = 1 / t10_s + 4.5 * made_mM
    signal = spgr_signal(rates, s0=900.0, flip_deg=flip_deg, tr_s=tr_s, te_s=te_s, r2star_per_s=20 + 6 * made_mM)
    rising = np.concatenate([np.diff(signal[3:]) > 0, [True]]).cumprod().astype(bool)  # beyond its top a signal has two answers
    found = concentration(
        signal,
        t10_s=t10_s,
        flip_deg=flip_deg,
        tr_s=tr_s,
        r1_per_mM_s=4.5,
        baseline_frames=slice(0, 3),
        te_s=te_s,
        r2star_per_mM_s=6.0,
    )
    trace = spgr_signal(1 / t10_s + 4.5e-6, s0=900.0, flip_deg=flip_deg, tr_s=tr_s, te_s=te_s, r2star_per_s=20 + 6e-6)
    if trace > signal[0]:  # a first trace of agent brightens the voxel
        np.testing.assert_allclose(found[3:-1][rising[:-1]], made_mM[3:-1][rising[:-1]], rtol=1e-4, atol=1e-6)
    else:
        assert np.isnan(found).all()


def test_a_signal_that_decay_can_never_reach_is_saturated():
    signal = np.array([100.0, 100, 100, 660])
    settings = {"t10_s": 1.4, "flip_deg": 20.0, "tr_s": 0.005, "r1_per_mM_s": 4.5, "baseline_frames": slice(0, 3)}
    assert np.isfinite(concentration(signal, **settings)[3])
    assert np.isnan(concentration(signal, **settings, te_s=0.01, r2star_per_mM_s=20.0)[3])


def test_relaxation_comes_back_from_the_signal():
    rates = np.array([[0.5, 0.8, 2.0, 30.0], [1.0, 1.0, 4.0, 9.0]])
    signal = spgr_signal(rates, s0=np.array([[50.0], [700.0]]), flip_deg=12.0, tr_s=0.004)
    found = spgr_r1(signal, baseline_signal=signal[:, 0], t10_s=1 / rates[:, 0], flip_deg=12.0, tr_s=0.004)
    np.testing.assert_allclose(found, rates, rtol=1e-10)


def test_what_lies_above_the_ceiling_is_not_measured_and_is_not_clipped():
    ceiling = spgr_signal(1e9, s0=1.0, flip_deg=15.0, tr_s=0.004) / spgr_signal(1.0, s0=1.0, flip_deg=15.0, tr_s=0.004)
    signal = 100 * np.array([1.0, 1.0, 0.99 * ceiling, 1.01 * ceiling])
    found = concentration(signal, t10_s=1.0, flip_deg=15.0, tr_s=0.004, r1_per_mM_s=4.5, baseline_frames=slice(0, 2))
    assert found[2] > 10
    assert np.isnan(found[3])


def test_negative_concentrations_stay():
    found = concentration(
        np.array([100.0, 100, 98, 60]), t10_s=1.0, flip_deg=15.0, tr_s=0.004, r1_per_mM_s=4.5, baseline_frames=slice(0, 2)
    )
    assert (found[2:] < 0).all()


def test_an_absent_voxel_is_absent_and_leaves_the_others_alone():
    signal = np.array([[100.0, 100, 200], [0.0, 0, 200], [100.0, 100, 200], [100, np.nan, 200]])
    t10 = np.array([1.0, 1.0, np.nan, 1.0])
    settings = {"flip_deg": 15.0, "tr_s": 0.004, "r1_per_mM_s": 4.5, "baseline_frames": slice(0, 2)}
    found = concentration(signal, t10_s=t10, **settings)
    alone = concentration(signal[:1], t10_s=t10[:1], **settings)
    np.testing.assert_array_equal(found[0], alone[0])
    assert np.isnan(found[1:]).all()


def test_the_receiver_gain_does_not_matter():
    signal = np.array([90.0, 110, 100, 250, 180])
    settings = {
        "t10_s": 1.2,
        "flip_deg": 15.0,
        "tr_s": 0.004,
        "r1_per_mM_s": 4.5,
        "baseline_frames": np.array([True, True, True, False, False]),
    }
    np.testing.assert_allclose(
        concentration(signal, **settings), concentration(37.5 * signal, **settings), rtol=1e-12, atol=1e-13
    )


def test_plasma_holds_the_agent_of_the_whole_blood():
    np.testing.assert_allclose(plasma_from_blood(np.array([5.5]), haematocrit=0.45), [10.0])
    with pytest.raises(ValueError, match="haematocrit 45"):
        plasma_from_blood(np.ones(3), haematocrit=45)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"baseline_frames": slice(0, 0)}, "no frame before contrast"),
        ({"te_s": 0.002}, "come together"),
        ({"r1_per_mM_s": 0.0}, "not a relaxivity"),
    ],
)
def test_a_missing_piece_of_physics_is_said(changed, words):
    settings = {"t10_s": 1.0, "flip_deg": 15.0, "tr_s": 0.004, "r1_per_mM_s": 4.5, "baseline_frames": slice(0, 2)}
    with pytest.raises(ValueError, match=words):
        concentration(np.ones(4), **(settings | changed))
