"""Lines, signs, weighting and encoding of spectroscopy, each against an answer found another way."""

import cmath
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterglow.kernels import spectrum

PPM = st.floats(0.5, 6.0)
MHZ = st.sampled_from([63.87, 127.73])
PEAKS = {"NAA": 2.01, "Cr": 3.03, "Cr CH2": 3.91, "Cho": 3.20, "water": 4.65, "lipid CH2": 1.30, "lipid CH3": 0.90}


def one_line(times_s: np.ndarray, ppm: float, mhz: float, *, lorentz_hz: float = 3.0, gauss_hz: float = 0.0) -> np.ndarray:
    return spectrum.fid(
        times_s,
        np.ones(1),
        frequency_hz=spectrum.hz_of_ppm(np.array([ppm]), spectrometer_mhz=mhz, reference_ppm=4.65),
        phase_rad=np.zeros(1),
        lorentz_hz=np.array([lorentz_hz]),
        gauss_hz=np.array([gauss_hz]),
    )


@settings(max_examples=20)
@given(
    st.lists(st.tuples(PPM, st.floats(-5, 5), st.floats(-3, 3), st.floats(0.5, 9), st.floats(0, 9)), min_size=1, max_size=4), MHZ
)
def test_an_fid_is_the_sum_of_its_lines(lines: list[tuple[float, float, float, float, float]], mhz: float) -> None:
    times_s = np.arange(12) * 8e-3
    ppm, size, phase, lorentz, gauss = np.array(lines).T
    frequency = spectrum.hz_of_ppm(ppm, spectrometer_mhz=mhz, reference_ppm=4.65)
    made = spectrum.fid(times_s, size, frequency_hz=frequency, phase_rad=phase, lorentz_hz=lorentz, gauss_hz=gauss)
    for at, t in enumerate(times_s):
        direct = sum(
            a * cmath.exp(1j * (2 * math.pi * (4.65 - p) * mhz * t + f)) * math.exp(-math.pi * w * t - (math.pi * g * t) ** 2 / 4 / math.log(2))
            for p, a, f, w, g in lines
        )  # fmt: skip
        assert abs(made[at] - direct) < 1e-9


@pytest.mark.parametrize("name", PEAKS)
@pytest.mark.parametrize("mhz", [63.87, 127.73])
def test_a_reader_of_the_standard_finds_each_peak_at_its_shift(name: str, mhz: float) -> None:
    dwell_s, n = 1 / 2000, 4096
    spectrum_of_it = np.fft.fftshift(np.fft.fft(one_line(np.arange(n) * dwell_s, PEAKS[name], mhz)))
    # appendix A of the standard: frequency rises from left to right and is minus the shift from the reference
    ppm = 4.65 - np.fft.fftshift(np.fft.fftfreq(n, dwell_s)) / mhz
    assert ppm[np.abs(spectrum_of_it).argmax()] == pytest.approx(PEAKS[name], abs=0.6 / (n * dwell_s) / mhz)
    np.testing.assert_allclose(spectrum.ppm_axis(n, dwell_s=dwell_s, spectrometer_mhz=mhz, reference_ppm=4.65), ppm, atol=1e-12)
    assert ppm[0] > ppm[-1]


@given(PPM, MHZ)
def test_shift_and_frequency_are_each_others_inverse(ppm: float, mhz: float) -> None:
    hz = spectrum.hz_of_ppm(np.array(ppm), spectrometer_mhz=mhz, reference_ppm=4.65)
    assert float(spectrum.ppm_of_hz(hz, spectrometer_mhz=mhz, reference_ppm=4.65)) == pytest.approx(ppm)


@pytest.mark.parametrize(("lorentz", "gauss"), [(6.0, 0.0), (0.0, 6.0), (3.0, 5.0)])
def test_widths_are_full_widths_at_half_maximum(lorentz: float, gauss: float) -> None:
    dwell_s, n = 1 / 1000, 2**16
    times_s = np.arange(n) * dwell_s
    fid = one_line(times_s, 4.65, 63.87, lorentz_hz=lorentz, gauss_hz=gauss)
    fid[0] *= 0.5
    real = np.fft.fftshift(np.fft.fft(fid)).real
    width_hz = (real > real.max() / 2).sum() / (n * dwell_s)
    expected = float(spectrum.voigt_width_hz(np.array(lorentz), np.array(gauss)))
    assert width_hz == pytest.approx(expected, abs=0.05)


@given(st.floats(0.02, 0.4), st.floats(2.0, 12.0))
def test_a_doublet_beats_with_its_coupling_from_the_excitation_on(te_s: float, j_hz: float) -> None:
    times_s = np.linspace(0, 0.3, 40)
    offset_hz, phase_rad = spectrum.doublet(j_hz, te_s)
    zero = np.zeros(2)
    made = spectrum.fid(times_s, np.full(2, 0.5), frequency_hz=offset_hz, phase_rad=phase_rad, lorentz_hz=zero, gauss_hz=zero)
    np.testing.assert_allclose(made, np.cos(np.pi * j_hz * (te_s + times_s)), atol=1e-9)


def test_lactate_is_inverted_at_135_ms_and_upright_at_twice_that() -> None:
    for te_s, sign in ((0.135, -1), (0.288, 1)):
        offset_hz, phase_rad = spectrum.doublet(6.93, te_s)
        times_s = np.arange(2048) / 2000
        centre = spectrum.hz_of_ppm(np.array(1.33), spectrometer_mhz=127.73, reference_ppm=4.65)
        fid = spectrum.fid(
            times_s, np.full(2, 0.5), frequency_hz=centre + offset_hz, phase_rad=phase_rad, lorentz_hz=np.full(2, 2.0), gauss_hz=np.zeros(2)
        )  # fmt: skip
        real = np.fft.fftshift(np.fft.fft(fid)).real
        ppm = spectrum.ppm_axis(2048, dwell_s=1 / 2000, spectrometer_mhz=127.73, reference_ppm=4.65)
        highest = np.abs(real).argmax()
        assert np.sign(real[highest]) == sign
        assert abs(abs(ppm[highest] - 1.33) * 127.73 - 6.93 / 2) < 1.0


@settings(max_examples=20)
@given(st.floats(0.03, 0.3), st.floats(1.0, 4.0), st.floats(0.3, 3.0), st.floats(0.05, 0.5))
def test_the_press_weight_is_where_repeated_pulses_settle(te_s: float, tr_s: float, t1_s: float, t2_s: float) -> None:
    def recovered(along: float, wait_s: float) -> float:
        return 1 + (along - 1) * math.exp(-wait_s / t1_s)

    along = 1.0
    for _ in range(60):
        excited, along = along, 0.0
        along = -recovered(along, te_s / 4)
        along = -recovered(along, te_s / 2)
        along = recovered(along, tr_s - 3 * te_s / 4)
    expected = excited * math.exp(-te_s / t2_s)
    assert spectrum.press_weight(te_s=te_s, tr_s=tr_s, t1_s=t1_s, t2_s=t2_s) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("n", [7, 8])
@pytest.mark.parametrize("hamming", [False, True])
def test_the_point_spread_sums_to_one_over_the_field_of_view(n: int, hamming: bool) -> None:
    at = (np.arange(n * 6) + 0.5) / 6 - 0.5
    for voxel in range(n):
        assert spectrum.point_spread(n, voxel - at, hamming=hamming).mean() * n == pytest.approx(1.0, abs=1e-12)
        assert spectrum.point_spread(n, np.arange(n) - float(voxel), hamming=hamming).sum() == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("n", [7, 8])
def test_the_point_spread_is_a_fourier_transform_cut_off(n: int) -> None:
    fine = 5
    truth = np.random.default_rng(0).random(n * fine)
    at = np.arange(n * fine) / fine
    steps = np.fft.fft(truth) / fine
    kept = np.zeros(n * fine, complex)
    for k in range(-(n // 2), n // 2 + 1):
        kept[k] = steps[k] * (0.5 if 2 * abs(k) == n else 1.0)
    expected = (np.fft.ifft(kept) * fine).real[::fine]
    spread = spectrum.point_spread(n, np.arange(float(n))[:, None] - at, hamming=False) / fine
    np.testing.assert_allclose(spread @ truth, expected, atol=1e-12)


def test_hamming_widens_the_point_spread_and_lowers_its_side_lobes() -> None:
    away = np.linspace(0, 8, 801)
    plain, weighted = (spectrum.point_spread(16, away, hamming=h) for h in (False, True))
    assert (weighted > weighted[0] / 2).sum() > 1.3 * (plain > plain[0] / 2).sum()
    beyond = away > 2.5
    assert np.abs(weighted[beyond] / weighted[0]).max() < 0.1 * np.abs(plain[beyond] / plain[0]).max()


def test_the_box_is_full_within_and_half_at_its_edges() -> None:
    at = lambda x: float(spectrum.box_profile(np.array(x), centre_mm=2.0, width_mm=60.0, edge_mm=6.0))  # noqa: E731
    assert at(2.0) == pytest.approx(1.0, abs=1e-9)
    assert at(32.0) == pytest.approx(0.5, abs=1e-9)
    assert (at(29.0), at(35.0)) == (pytest.approx(0.9, abs=1e-3), pytest.approx(0.1, abs=1e-3))


def test_the_box_of_a_lower_shift_lies_further_up_the_gradient() -> None:
    shift = lambda ppm: spectrum.box_shift_mm(ppm, transmit_ppm=2.6, spectrometer_mhz=64.0, bandwidth_hz=1280.0, width_mm=80.0)  # noqa: E731
    assert shift(2.6) == 0.0
    assert shift(2.01) - shift(3.20) == pytest.approx(1.19 * 64.0 / 1280.0 * 80.0)
