"""The reference of a leakage correction: the mean rate curve of brain that does not leak."""

from typing import NamedTuple

import numpy as np

from afterglow.kernels.dsc_signal import baseline
from afterglow.kernels.spgr import Frames
from afterglow.kernels.types import Array, Index, Mask

_LATE_FRAMES = 10
_BOLUS_OVER_NOISE = 3.0  # less is no tissue with blood in it: cerebrospinal fluid, air
_FEWEST = 20  # voxels


class Reference(NamedTuple):
    """The mean curve and the voxels behind it."""

    per_s: Array  # (t,)
    members: Index  # which of the curves
    n_candidates: int  # voxels with a bolus that were not excluded


def reference_curve(rates: Array, *, baseline_frames: Frames, exclude: Mask, within_sd: float = 1.0) -> Reference:
    """Mean of the curves (n, t) that end where they began: over the last ten frames within one SD of their baseline.

    Two-sided, so that leakage of either sign is left out (CAPLEX M.LC1.001; the one-sided rule is Boxerman's, AJNR 27:859).
    `exclude` (n,) marks lesions, vessels, arteries and fluid. Each voxel's SD is that of its own baseline, so at little
    noise even recirculation fails; then `within_sd` has to be larger. ValueError with the counts where under twenty are left.
    """
    if exclude.shape != rates.shape[:1] or rates.shape[1] < 2 * _LATE_FRAMES:
        raise ValueError(
            f"rates of shape {rates.shape} and exclusions of {exclude.shape}: they must be (n, t) and (n,), t at least {2 * _LATE_FRAMES}"
        )
    before = baseline(rates, baseline_frames)
    late = rates[:, -_LATE_FRAMES:].mean(axis=1)
    top = (rates[:, :-2] + rates[:, 1:-1] + rates[:, 2:]).max(axis=1) / 3  # one frame of noise alone is soon that high
    candidates = ~exclude & (top - before.mean > _BOLUS_OVER_NOISE * before.sd)  # NaN is none
    members = np.flatnonzero(candidates & (np.abs(late - before.mean) <= within_sd * before.sd))
    n = int(np.count_nonzero(candidates))
    if members.size < _FEWEST:
        raise ValueError(
            f"of {n} voxels with a bolus outside the exclusions only {members.size} end within {within_sd:g} SD of their baseline: "
            f"at least {_FEWEST} are needed as a reference; allow more SD or exclude less"
        )
    return Reference(rates[members].mean(axis=0, dtype=np.float64), members, n)
