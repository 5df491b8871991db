"""Contrast agent over time in each tissue: the true plasma curve, and exact extended Tofts concentrations."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.aif_population import parker
from afterglow.kernels.convolution import exp_convolve, sample
from afterglow.kernels.types import Array
from afterglow.records.locking import locked
from afterglow.simulate.tissues import Tissue

_STEP_S = 1.0  # of the plasma curve; the convolution is exact between its samples
_CIRCULATION_S = 8.0  # from the arm to the carotid artery; assumed
_DISPERSION_S = 4.0  # mean spread between the aorta, where Parker measured, and the carotid artery; assumed
_TRANSIT_S = (4.5, 3.5)  # artery to sinus: pure delay, and spread; together a cerebral transit of 8 s, assumed
_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Bolus:
    """Plasma concentration in carotid artery and sagittal sinus after one injection, finely sampled."""

    times_s: NDArray[np.float64]  # (n,)
    artery_mM: Array  # (n,) plasma
    vein_mM: Array  # (n,) plasma
    haematocrit: float

    def __post_init__(self) -> None:
        for name in ("times_s", "artery_mM", "vein_mM"):
            object.__setattr__(self, name, locked(getattr(self, name)))


def make_bolus(*, start_s: float, until_s: float, haematocrit: float, scale: float) -> Bolus:
    """The population curve of doi:10.1002/mrm.21066, spread on its way to the head.

    `start_s` is the start of the injection, `scale` the patient's size of the curve against the population's.
    """
    times_s = np.arange(0.0, until_s + _STEP_S, _STEP_S)
    aorta_mM = scale * parker(times_s, delay_s=start_s + _CIRCULATION_S) / (1.0 - haematocrit)
    artery = exp_convolve(times_s, aorta_mM, 1.0 / _DISPERSION_S) / _DISPERSION_S
    delay_s, spread_s = _TRANSIT_S
    vein = exp_convolve(times_s, artery, 1.0 / spread_s, delay_s=delay_s) / spread_s
    return Bolus(times_s, artery, vein, haematocrit)


def tissue_curve(bolus: Bolus, tissue: Tissue, at_s: Array) -> Array:
    """Concentration in mM of a whole voxel of that tissue. at_s (t,) -> (t,)."""
    if tissue.blood:
        plasma = bolus.artery_mM if tissue.blood == "artery" else bolus.vein_mM
        return (1.0 - bolus.haematocrit) * sample(bolus.times_s, plasma, at_s=at_s)
    if tissue.ve <= 0:
        return tissue.vp * sample(bolus.times_s, bolus.artery_mM, at_s=at_s, delay_s=tissue.delay_s)
    parameters = (np.array([value]) for value in (tissue.ktrans_per_min, tissue.ve, tissue.vp))
    curve: Array = extended_tofts_curves(bolus, *parameters, delay_s=tissue.delay_s, at_s=at_s)[0]
    return curve


def extended_tofts_curves(
    bolus: Bolus, ktrans_per_min: Array, ve: Array, vp: Array, *, delay_s: float, at_s: Array
) -> NDArray[np.float32]:
    """Concentration in mM (CAPLEX M.IC1.005; doi:10.1002/(SICI)1522-2586(199909)10:3<223::AID-JMRI2>3.0.CO;2-S).

    Parameters (n,), amounts per volume of voxel with ve > 0 -> (n, t).
    """
    at = np.asarray(at_s, dtype=np.float64)
    plasma = sample(bolus.times_s, bolus.artery_mM, at_s=at, delay_s=delay_s)
    out = np.empty((ktrans_per_min.size, at.size), dtype=np.float32)
    for first in range(0, ktrans_per_min.size, _CHUNK):
        part = slice(first, first + _CHUNK)
        per_s = np.asarray(ktrans_per_min[part], dtype=np.float64) / 60.0
        leaked = exp_convolve(bolus.times_s, bolus.artery_mM, per_s / ve[part], at_s=at, delay_s=delay_s)
        out[part] = vp[part, None] * plasma + per_s[:, None] * leaked
    return out
