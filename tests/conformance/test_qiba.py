"""Claims against the QIBA v6 digital reference object: the fit, and what the artery did between frames."""

import numpy as np
import pytest
from scipy.io import loadmat
from tests.conftest import SHARED

from afterglow.kernels.aif_curve import continuous_artery
from afterglow.kernels.fit import fit_tissue
from afterglow.kernels.spgr import concentration

KTRANS = np.repeat([0.01, 0.02, 0.05, 0.1, 0.2, 0.35], 5)


def ktrans_error_percent(every: int, first: int, *, continuous: bool) -> float:
    """Root mean square relative error of Ktrans over the 30 tissues, with each `every`-th frame from `first` on."""
    qiba = loadmat(SHARED / "data" / "dcemri-jl" / "qiba6.mat")
    times, plasma = qiba["t"].ravel(), qiba["Cp"].ravel()
    seen = times[first::every]
    signal = qiba["DCEdata"].reshape(times.size, -1).T.astype(float)[:, first::every]
    before = slice(0, max(1, int(np.searchsorted(seen, 55.0))))
    curves = concentration(signal, t10_s=1.0, flip_deg=30.0, tr_s=0.005, r1_per_mM_s=4.5, baseline_frames=before)
    sampled = plasma[first::every]
    artery = continuous_artery(seen, sampled, at_s=times).plasma_mM if continuous else sampled
    fit = fit_tissue("tofts", seen, curves, times if continuous else seen, artery)
    return float(100 * np.sqrt(np.mean((fit.values[:, 0] / KTRANS - 1) ** 2)))


@pytest.mark.shared
def test_at_half_a_second_the_error_is_that_of_the_reference_itself() -> None:
    assert ktrans_error_percent(1, 0, continuous=False) <= 0.07


@pytest.mark.shared
@pytest.mark.parametrize("first", [0, 4, 8])
def test_at_five_seconds_a_continuous_artery_keeps_the_error_under_one_per_cent(first: int) -> None:
    assert ktrans_error_percent(10, first, continuous=True) <= 1.0
    assert ktrans_error_percent(10, first, continuous=False) > 1.0  # what straight lines between samples cost
