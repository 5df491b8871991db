"""The fit of spectra: it finds what was put in, its bounds are honest, and what cannot be fitted says so."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.rooms.mrs_files import DWELL_S, MHZ, TE_S, USUAL, decays

from afterglow.kernels.spectrum_align import averaged, eddy_corrected, water_phase
from afterglow.kernels.spectrum_fit import SpectrumFit, SpectrumSetting, fit_spectra, noise_of, setting
from afterglow.kernels.spectrum_lines import NAMES, nuisance
from afterglow.kernels.spectrum_ratio import fieller_least, ratio_error
from afterglow.kernels.types import Status

POINTS = 768
CHO, NAA, LAC = (NAMES.index(name) for name in ("cho", "naa", "lac"))


def _how(te_s: float = TE_S, mhz: float = MHZ, reach_hz: float = 10.0) -> SpectrumSetting:
    return setting(
        POINTS, dwell_s=DWELL_S, spectrometer_mhz=mhz, te_s=te_s, reference_ppm=4.65, water_ppm=4.65, reach_hz=reach_hz
    )


HOW = _how()


def _fit(fids: np.ndarray, how: SpectrumSetting = HOW) -> SpectrumFit:
    return fit_spectra(fids.reshape(-1, POINTS), how)


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.floats(0.5, 20.0), min_size=6, max_size=6), st.floats(-8.0, 8.0), st.floats(-3.1, 3.1), st.floats(2.0, 9.0),
    st.floats(0.0, 300.0),
)  # fmt: skip
def test_without_noise_every_signal_shift_phase_and_width_is_found(
    sizes: list[float], shift_hz: float, phase_rad: float, gauss_hz: float, water: float
) -> None:
    given_sizes = dict(zip(NAMES, sizes, strict=True))
    clean = decays(given_sizes, (1,), shift_hz=shift_hz, phase_rad=phase_rad, gauss_hz=gauss_hz, water=water, points=POINTS)
    found = _fit(clean.astype(np.complex128))
    assert found.status[0] == Status.OK
    np.testing.assert_allclose(found.amplitudes[0], sizes, rtol=5e-3, atol=5e-3)
    assert found.shift_hz[0] == pytest.approx(shift_hz, abs=0.02)
    assert found.gauss_hz[0] == pytest.approx(gauss_hz, abs=0.05)
    assert np.exp(1j * found.phase_rad[0]) == pytest.approx(np.exp(1j * phase_rad), abs=0.01)


def test_the_bounds_are_honest_for_a_single_voxel_and_for_an_image_that_learns_its_baseline() -> None:
    sizes = {**USUAL, "lac": 3.0}
    shift = np.random.default_rng(1).normal(0, 2, 400)
    every = decays(sizes, (400,), noise=0.8, seed=2, water=100.0, points=POINTS, shift_hz=shift)
    alone = [fit_spectra(every[n : n + 40], HOW) for n in range(0, 400, 40)]  # too few voxels to learn from
    free = np.concatenate([one.amplitudes for one in alone]), np.concatenate([one.errors for one in alone])
    together = fit_spectra(every, HOW)
    assert not any(one.learned.any() for one in alone)
    assert together.learned.mean() > 0.95
    truth = np.array([sizes[name] for name in NAMES])
    for amplitudes, errors in (free, (together.amplitudes, together.errors)):
        score = (amplitudes - truth) / errors
        np.testing.assert_allclose(score.std(axis=0), 1.0, atol=0.15)
        assert (np.abs(score.mean(axis=0)) < 0.25).all()
    assert np.median(together.errors[:, CHO]) < 0.75 * np.median(free[1][:, CHO])


def test_scaling_the_signal_scales_signals_and_bounds_and_nothing_else() -> None:
    fids = decays(USUAL, (5,), noise=0.5, seed=3, points=POINTS).astype(np.complex128)
    a, b = _fit(fids), _fit(1000 * fids)
    np.testing.assert_allclose(1000 * a.amplitudes, b.amplitudes, rtol=1e-3)
    np.testing.assert_allclose(1000 * a.errors, b.errors, rtol=1e-3)
    np.testing.assert_allclose(a.shift_hz, b.shift_hz, atol=1e-3)


def test_voxels_that_hold_zeros_or_nan_say_so_and_disturb_no_other() -> None:
    fids = decays(USUAL, (6,), noise=0.5, seed=4, points=POINTS)
    broken = fids.copy()
    broken[1], broken[4, 7] = 0, np.nan
    whole, part = _fit(fids), _fit(broken)
    assert part.status.tolist() == [Status.OK, Status.NO_SIGNAL, Status.OK, Status.OK, Status.NOT_FINITE, Status.OK]
    assert np.isnan(part.amplitudes[[1, 4]]).all()
    np.testing.assert_allclose(part.amplitudes[[0, 2, 3, 5]], whole.amplitudes[[0, 2, 3, 5]], rtol=1e-9)


@pytest.mark.parametrize(
    "fids", [np.ones((1, POINTS)), np.full((1, POINTS), 1j), np.random.default_rng(0).normal(size=(2, POINTS, 2)) @ [1, 1j]]
)
def test_what_holds_no_lines_is_fitted_without_a_crash(fids: np.ndarray) -> None:
    found = _fit(fids.astype(np.complex128))
    assert found.snr.shape == (fids.shape[0],)
    assert ((found.snr < 8) | np.isin(found.status, (Status.POOR_FIT, Status.NO_CONVERGENCE))).all()


def test_lactate_is_found_inverted_at_135_ms_and_upright_at_288_ms() -> None:
    for te_s, sign in ((0.135, -1), (0.288, 1)):
        clean = decays({"naa": 10.0, "lac": 5.0}, (1,), te_s=te_s, points=POINTS).astype(np.complex128)
        near = np.fft.fftshift(np.fft.fft(clean[0]))
        axis = 4.65 - np.fft.fftshift(np.fft.fftfreq(POINTS, DWELL_S)) / -1 / -MHZ
        assert np.sign(near.real[np.abs(axis - 1.33) < 0.1].sum()) == sign
        assert _fit(clean, _how(te_s)).amplitudes[0, LAC] == pytest.approx(5.0, rel=0.01)


def test_noise_is_read_from_the_end_of_the_decay() -> None:
    fids = decays(USUAL, (50,), noise=0.7, seed=5, water=1000.0, points=POINTS)
    assert np.median(noise_of(fids)) == pytest.approx(0.7, rel=0.05)


def test_the_nuisance_is_orthonormal_and_holds_water_of_any_width_near_its_place() -> None:
    t = HOW.times_s
    span = nuisance(t, water_ppm=4.65, spectrometer_mhz=MHZ, reference_ppm=4.65, reach_hz=10.0)
    np.testing.assert_allclose(span.signals @ span.signals.conj().T, np.eye(span.signals.shape[0]), atol=1e-10)
    first = span.signals[: span.n_water]
    for hz, lorentz in ((0.0, 4.0), (7.3, 3.0), (-12.0, 9.0)):
        water = np.exp(2j * np.pi * hz * t - np.pi * lorentz * t)
        assert np.linalg.norm(water - (water @ first.conj().T) @ first) < 0.02 * np.linalg.norm(water)


# --- alignment ---


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**31), st.floats(-20, 20), st.floats(-3, 3))
def test_drift_between_averages_is_taken_out(seed: int, hz: float, phase: float) -> None:
    t = np.arange(256) * DWELL_S
    clean = decays(USUAL, (6,), points=256, seed=seed, noise=0.1).astype(np.complex128)
    moved = clean * np.exp(1j * (2 * np.pi * hz * t + phase))
    together = averaged(np.stack([clean, moved], axis=-1))
    assert np.linalg.norm(together - clean) < 0.03 * np.linalg.norm(clean)


def test_a_voxels_own_water_takes_shift_phase_and_eddy_currents_away() -> None:
    rng = np.random.default_rng(6)
    t = np.arange(POINTS) * DWELL_S
    shift, phase = rng.normal(0, 10, 8), rng.uniform(-3, 3, 8)
    eddy = 0.4 * np.exp(-t / 0.02)
    turn = np.exp(1j * (2 * np.pi * shift[:, None] * t + phase[:, None] + eddy))
    water = 5000 * np.exp(-t / 0.07) * turn + rng.normal(size=(8, POINTS, 2)) @ [1, 1j]
    clean = decays(USUAL, (8,), points=POINTS).astype(np.complex128)
    found, off_hz = water_phase(water, dwell_s=DWELL_S, nominal_hz=0.0)
    early = slice(0, 300)
    np.testing.assert_allclose(eddy_corrected(clean * turn, found)[:, early], clean[:, early], atol=0.3)
    np.testing.assert_allclose(off_hz, shift, atol=0.2)


def test_a_voxel_without_water_is_only_moved_to_where_water_should_be() -> None:
    phase, off_hz = water_phase(np.zeros((2, 64), dtype=np.complex64), dwell_s=DWELL_S, nominal_hz=5.0)
    np.testing.assert_allclose(phase[0], 2 * np.pi * 5.0 * np.arange(64) * DWELL_S)
    assert (off_hz == 0).all()


# --- ratios ---


def test_the_least_ratio_is_exceeded_by_the_true_one_in_975_of_1000_draws_even_where_the_divisor_is_lost() -> None:
    rng = np.random.default_rng(7)
    covariance = np.array([[0.30, 0.05], [0.05, 0.25]])
    for over, under in ((6.0, 3.0), (6.0, 0.4), (4.0, 8.0)):
        drawn = rng.multivariate_normal([over, under], covariance, 20000)
        least = fieller_least(drawn[:, 0], drawn[:, 1], np.broadcast_to(covariance, (20000, 2, 2)))
        assert np.isfinite(least).mean() > 0.95
        assert np.mean(least[np.isfinite(least)] <= over / under) == pytest.approx(0.975, abs=0.006)


def test_the_error_of_a_ratio_is_its_scatter() -> None:
    rng = np.random.default_rng(8)
    covariance = np.array([[0.04, 0.01], [0.01, 0.09]])
    drawn = rng.multivariate_normal([5.0, 10.0], covariance, 20000)
    errors = ratio_error(drawn[:, 0], drawn[:, 1], np.broadcast_to(covariance, (20000, 2, 2)))
    assert np.median(errors) == pytest.approx(np.std(drawn[:, 0] / drawn[:, 1]), rel=0.03)


def test_a_ratio_over_nothing_is_not_a_number_and_what_is_not_there_bounds_nothing() -> None:
    covariance = np.eye(2)[None] * 0.01
    assert np.isnan(ratio_error(np.array([1.0]), np.array([0.0]), covariance))[0]
    assert np.isnan(fieller_least(np.array([0.05]), np.array([5.0]), covariance))[0]
