"""Claims about the continuous arterial curve."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterglow.kernels.aif_curve import continuous_artery
from afterglow.kernels.aif_population import georgiou, parker
from afterglow.kernels.fit import fit_tissue
from afterglow.kernels.models import MODELS
from afterglow.kernels.types import Status

FINE = np.arange(0, 400, 0.25)
FRAMES = np.arange(0, 400, 5.0)


def artery(times: np.ndarray, arrival_s: float = 42.0) -> np.ndarray:
    return parker(times, delay_s=arrival_s) / 0.58


@pytest.mark.parametrize("population", [parker, georgiou])
def test_between_frames_the_curve_is_closer_than_a_straight_line(population) -> None:
    true = population(FINE, delay_s=42.0) / 0.58
    found = continuous_artery(FRAMES, population(FRAMES, delay_s=42.0) / 0.58, at_s=FINE)
    straight = np.interp(FINE, FRAMES, population(FRAMES, delay_s=42.0) / 0.58)
    after = FINE > 45  # Parker's curve jumps at arrival
    assert found.status == Status.OK
    assert np.sqrt(np.mean((found.plasma_mM - true)[after] ** 2)) < 0.5 * np.sqrt(np.mean((straight - true)[after] ** 2))


def test_ktrans_is_right_at_five_seconds_where_a_straight_line_is_not() -> None:
    truth = np.array([[0.2, 0.1, 0.0], [0.35, 0.2, 0.0], [0.1, 0.05, 0.0]])
    curves = MODELS["tofts"].curve(FINE, artery(FINE), truth[:, :2], at_s=FRAMES)
    found = continuous_artery(FRAMES, artery(FRAMES), at_s=FINE)
    errors = []
    for times, plasma in ((FINE, found.plasma_mM), (FRAMES, artery(FRAMES))):
        fit = fit_tissue("tofts", FRAMES, curves, times, plasma)
        errors.append(np.sqrt(np.mean((fit.values[:, 0] / truth[:, 0] - 1) ** 2)))
    assert errors[0] < 0.02
    assert errors[0] < 0.5 * errors[1]


@given(st.floats(-1e4, 1e4))
@settings(max_examples=10, deadline=None)
def test_the_clocks_origin_does_not_matter(origin: float) -> None:
    plain = continuous_artery(FRAMES, artery(FRAMES), at_s=FINE)
    moved = continuous_artery(FRAMES + origin, artery(FRAMES), at_s=FINE + origin)
    np.testing.assert_allclose(moved.plasma_mM, plain.plasma_mM, atol=2e-2 * plain.plasma_mM.max())


def test_the_dose_scales_the_curve() -> None:
    plain = continuous_artery(FRAMES, artery(FRAMES), at_s=FINE)
    double = continuous_artery(FRAMES, 2 * artery(FRAMES), at_s=FINE)
    np.testing.assert_allclose(double.plasma_mM, 2 * plain.plasma_mM, atol=5e-3 * plain.plasma_mM.max())


def test_noise_is_smoothed_and_the_rms_says_how_much_there_was() -> None:
    noise = np.random.default_rng(0).normal(0, 0.3, FRAMES.size)
    found = continuous_artery(FRAMES, artery(FRAMES) + noise, at_s=FRAMES)
    assert np.sqrt(np.mean((found.plasma_mM - artery(FRAMES)) ** 2)) < 0.2
    assert 0.2 < found.rms_mM < 0.35


def test_before_the_bolus_there_is_nothing_and_nowhere_is_it_negative() -> None:
    found = continuous_artery(FRAMES, artery(FRAMES), at_s=FINE)
    assert found.plasma_mM[FINE < 25].max() < 1e-2
    assert found.plasma_mM.min() >= 0


def test_frames_that_are_missing_are_left_out() -> None:
    holed = artery(FRAMES)
    holed[[3, 30, 41]] = np.nan, np.inf, np.nan
    known = np.isfinite(holed)
    found = continuous_artery(FRAMES, holed, at_s=FINE)
    assert found.status == Status.OK
    np.testing.assert_array_equal(found.plasma_mM, continuous_artery(FRAMES[known], holed[known], at_s=FINE).plasma_mM)


@pytest.mark.parametrize(
    ("plasma", "status"),
    [
        (np.full(80, np.nan), Status.NOT_FINITE),
        (np.zeros(80), Status.NO_UPTAKE),
        (np.exp(-FRAMES / 50), Status.NO_UPTAKE),  # the bolus came before the first frame
        (5 + 5 * np.sin(FRAMES / 4), Status.NO_CONVERGENCE),
    ],
)
def test_what_is_no_artery_is_said_and_is_not_drawn(plasma: np.ndarray, status: Status) -> None:
    found = continuous_artery(FRAMES, plasma, at_s=FINE)
    assert found.status == status
    assert np.isnan(found.plasma_mM).all()


@pytest.mark.parametrize(
    ("times", "words"), [(FRAMES[:-1], r"shape \(80,\) does not fit times of shape \(79,\)"), (FRAMES[::-1], "times must rise")]
)
def test_what_does_not_fit_together_is_refused(times: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        continuous_artery(times, artery(FRAMES), at_s=FINE)
