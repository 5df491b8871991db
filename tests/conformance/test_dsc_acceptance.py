"""What a DSC system must show on a digital truth before its numbers are believed.

The rest of the list stands elsewhere: sign, exponent, shift, swapped axes (tests/properties/test_loop.py), area of the fitted curve
(test_gamma_variate.py), deconvolution against a loop over voxels (test_dsc_deconvolution.py), ratios of blood volume
(tests/rooms/test_simulate_dsc.py), OSIPI's curves (test_osipi_dsc.py), leakage and alignment (test_dsc_leakage_table.py).
"""

from dataclasses import replace

import numpy as np
import pytest
from scipy.signal import fftconvolve

from afterglow.kernels.dsc_deconvolution import STEPPED_THRESHOLDS, Deconvolved, deconvolve_oscillation
from afterglow.kernels.dsc_leakage import boxerman, corrected_rates
from afterglow.kernels.dsc_signal import baseline, rate_change
from afterglow.kernels.dsc_timing import arrivals
from afterglow.kernels.dsc_volume import blood_volume
from afterglow.kernels.gamma_variate import fit_gamma_variate, gamma_area
from afterglow.kernels.loop import vascular_loop
from afterglow.simulate.dsc_signal import LEAKAGE_PROTOCOLS, Scan, leakage_case, vascular_at_frames
from afterglow.simulate.vascular import Bolus, Echoes, Network, artery_mM

FRAME_S = 1.74
TIMES_S = FRAME_S * np.arange(60)
FINE_S = np.arange(0, 110, 0.01)
ARTERY = artery_mM(FINE_S, replace(Bolus(), plateau=0.0))
FLOW_PER_S = 0.01


def tissue(mtt_s: float, delay_s: float) -> np.ndarray:
    """Curve at the frames behind an exponential residue."""
    since_s = FINE_S - delay_s
    residue = np.where(since_s >= 0, FLOW_PER_S * np.exp(-np.maximum(since_s, 0) / mtt_s), 0.0)
    return np.interp(TIMES_S, FINE_S, 0.01 * fftconvolve(ARTERY, residue)[: FINE_S.size])


def flow(curve: np.ndarray) -> Deconvolved:
    """oSVD of 50 voxels with all but no noise."""
    noisy = curve + np.random.default_rng(0).normal(0, curve.max() / 1e4, (50, 60))
    artery = np.interp(TIMES_S, FINE_S, ARTERY)
    return deconvolve_oscillation(TIMES_S, artery, noisy, oscillation_limit=0.035, thresholds=STEPPED_THRESHOLDS)


@pytest.mark.parametrize("mtt_s", [3.0, 4.0, 6.0, 9.0])
def test_delays_of_one_three_and_six_seconds_come_back_to_a_frame(mtt_s):
    artery = np.interp(TIMES_S, FINE_S, ARTERY)
    at_once = float(np.median(flow(tissue(mtt_s, 0.0)).tmax_s))
    for delay_s in (1.0, 3.0, 6.0):
        curve = tissue(mtt_s, delay_s)
        assert np.median(flow(curve).tmax_s) - at_once == pytest.approx(delay_s, abs=FRAME_S)
        found, arterial = arrivals(TIMES_S, np.stack([curve, artery]))
        assert found - arterial == pytest.approx(delay_s, abs=FRAME_S)


@pytest.mark.parametrize(("mtt_s", "low", "high"), [(3.0, 0.4, 0.7), (4.0, 0.5, 0.75), (8.0, 0.65, 0.9), (9.0, 0.65, 0.9)])
def test_at_slow_frames_flow_is_low_and_tmax_has_a_floor_so_both_are_relative(mtt_s, low, high):
    """The prototype: .45 at 3 to 4 s and .71 at 8 to 9 s, noise included; a Tmax of 2 to 3 s where there is no delay."""
    found = flow(tissue(mtt_s, 0.0))
    assert low < np.median(found.cbf_per_s) / FLOW_PER_S < high
    assert np.median(found.tmax_s) >= FRAME_S


# The prototype's volumes from the first pass alone; the truth is 2.
FIRST_PASS = {
    "90 no preload T1": 0.86,
    "90 preload T1": 1.54,
    "60 preload T1": 1.80,
    "30 no preload T1": 1.89,
    "60 preload T2*": 2.50,
    "30 no preload washout": 2.55,
}


@pytest.mark.parametrize("name", FIRST_PASS)
def test_no_fitted_first_pass_is_a_better_volume_than_the_corrected_curve(name):
    case = leakage_case(LEAKAGE_PROTOCOLS[name])
    signals = np.stack([case.tissue, case.reference])
    before = slice(0, case.baseline_frames)
    rates = rate_change(signals, baseline(signals, before).mean, case.te_s, floor=0.0).per_s
    fit = fit_gamma_variate(case.times_s, rates, noise=1e-3)
    leaky, whole = gamma_area(tp_s=fit.values[:, 1], alpha=fit.values[:, 2], ymax=fit.values[:, 3])
    assert leaky / whole == pytest.approx(FIRST_PASS[name], abs=0.3)
    window = slice(case.baseline_frames - 1, case.times_s.size)
    found = boxerman(case.times_s, rates[:1], rates[1], np.full(1, 1e-6), window=window)
    mended = corrected_rates(case.times_s, rates[:1], rates[1], found, window=window)
    areas = [blood_volume(case.times_s, curves, window=window)[0] for curves in (mended, rates[1:])]
    assert abs(areas[0] / areas[1] - 2) < abs(leaky / whole - 2)


@pytest.mark.parametrize(("cnr", "low", "high"), [((4.5, 5.5), 0.55, 0.8), ((8.0, 9.0), 0.7, 0.88), ((15.0, 40.0), 0.92, 1.0)])
def test_the_sign_of_a_voxel_is_worth_what_the_spin_echos_contrast_is(cnr, low, high):
    """The prototype: right in 59 to 69 % at 5, in 76 to 83 % at 8 to 9, in 92 % from 15 on.

    At 5 it is 75 % here: only curves that a gamma-variate follows (R2 of .75) have a loop, which leaves the worst ones out.
    """
    rng, right, used = np.random.default_rng(3), 0, 0
    for name, sign in (("arteriole", 1), ("venule", -1)):
        for cbv in (0.015, 0.025, 0.04, 0.06):
            fits = []
            rates = vascular_at_frames(Scan(), Bolus(), Network(), Echoes(), name)
            for rate, te_s in zip(rates, (0.022, 0.033), strict=True):
                signal = np.exp(-te_s * cbv * rate) + rng.normal(0, 0.01, (4000, 60))
                curves = rate_change(signal, baseline(signal, slice(0, 8)).mean, te_s, floor=0.0).per_s
                fits.append(fit_gamma_variate(TIMES_S, curves, noise=0.01 / te_s))
            loop = vascular_loop(*fits, shift_s=0.0)
            here = np.isfinite(loop.mti) & (fits[1].cnr >= cnr[0]) & (fits[1].cnr < cnr[1])
            right += np.count_nonzero(np.sign(loop.mti[here]) == sign)
            used += np.count_nonzero(here)
    assert used > 500
    assert low <= right / used <= high, f"{right} of {used}"
