"""Claims on dual-echo region curves of a tumour that leaks (OSIPI's dsc_dual_echo_roi): artery, tumour, white matter, TE 2 and 30 ms."""

from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat

from afterglow.kernels.dsc_leakage import choose_leakage, corrected_rates
from afterglow.kernels.dsc_signal import baseline, dual_echo_rate, rate_change
from afterglow.kernels.dsc_timing import bolus_frames, steady_frames
from afterglow.kernels.dsc_volume import blood_volume

FILE = Path(__file__).parents[3] / "shared/data/osipi/dsc_dual_echo_roi/data.mat"
pytestmark = [pytest.mark.shared, pytest.mark.skipif(not FILE.is_file(), reason="no ../shared/data/osipi here")]


@pytest.fixture(scope="module")
def regions() -> tuple[np.ndarray, slice, slice, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Times, frames before contrast, frames from arrival on, and each region's rate from the late echo alone and from both."""
    data = loadmat(FILE)
    te1_s, te2_s, tr_s = (float(data[name][0, 0]) for name in ("TE1", "TE2", "TR"))
    times = tr_s * np.arange(121)
    white = data["NAWM_SIt"][1].astype(float)
    skip = steady_frames(white)
    bolus = bolus_frames(times, -np.log(white / white[skip : skip + 5].mean()) / te2_s, skip=skip)
    before = slice(skip, bolus.last_baseline + 1)
    found = {}
    for name in ("AIF", "tumor", "NAWM"):
        first, second = (data[f"{name}_SIt"][n : n + 1].astype(float) for n in (0, 1))
        s1, s2 = baseline(first, before).mean, baseline(second, before).mean
        single = rate_change(second, s2, te2_s, floor=0.0).per_s
        found[name] = single, dual_echo_rate(first, second, s1, s2, te1_s=te1_s, te2_s=te2_s, floor=0.0).per_s
    return times, before, slice(bolus.last_baseline, 121), found


def test_without_a_leak_one_echo_and_two_agree(regions) -> None:
    _, _, _, found = regions
    for name in ("AIF", "NAWM"):
        single, double = found[name]
        assert np.abs(single - double).max() < 0.12 * double.max()


def test_t1_pulls_one_echo_below_its_baseline_and_two_stay_above(regions) -> None:
    single, double = regions[3]["tumor"]
    late = [float(rate[0, -20:].mean()) for rate in (single, double)]
    assert late[0] < -0.5 * np.abs(single).max()
    assert late[1] > 0.3 * double.max()


def test_corrected_for_the_t2star_leak_that_is_left_the_curve_comes_back(regions) -> None:
    times, before, window, found = regions
    tumour, white = found["tumor"][1], found["NAWM"][1][0]
    leakage = choose_leakage(times, tumour, white, baseline(tumour, before).sd, window=window)
    assert leakage.k2_per_s[0] < 0  # T2* is all that two echoes see
    corrected = corrected_rates(times, tumour, white, leakage, window=window)
    assert abs(corrected[0, -20:].mean()) < 0.05 * tumour.max()
    ratio = blood_volume(times, corrected, window=window) / blood_volume(times, white[None], window=window)
    assert 0.9 < ratio[0] < 1.5  # uncorrected it is 4.3, and of one echo -3.2
