"""Curves for the claims about DSC: an artery, brain and tumours of known blood volume and leakage."""

import numpy as np

from afterglow.kernels.convolution import exp_convolve

TIMES = 1.5 * np.arange(60)
UNEVEN = np.cumsum(np.random.default_rng(7).uniform(0.9, 2.1, 60))
ARRIVAL_S = 15.0


def artery(times, *, arrival_s=ARRIVAL_S, rise_s=4.0, recirculation=0.12):
    """First pass of gamma shape and what comes round again, peak 1."""
    since = np.maximum(times - arrival_s, 0) / rise_s
    return since**3 * np.exp(3 * (1 - since)) + recirculation * (1 - np.exp(-since / 3))


def tissue(times, *, mtt_s=4.0, recirculation=0.12):
    """Rate curve in 1/s of brain with an exponential residue: what flows in stays for `mtt_s` on average."""
    fine = np.arange(times[0], times[-1] + 0.1, 0.1)
    curve = exp_convolve(fine, artery(fine, recirculation=recirculation), 1 / mtt_s, at_s=times) / mtt_s
    return 10 * curve


def leaking(times, reference, *, k1, k2, kep=0.0):
    """Curves that obey the leakage model exactly; parameters of one shape (n,) -> (n, t)."""
    k1, k2, kep = np.broadcast_arrays(np.atleast_1d(k1), k2, kep)
    return k1[:, None] * reference - k2[:, None] * exp_convolve(times, reference, kep)
