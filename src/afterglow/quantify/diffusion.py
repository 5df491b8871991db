"""Diffusion-weighted images to a map of the apparent diffusion coefficient."""

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.diffusion import mono_exponential_adc
from afterglow.kernels.smoothing import foreground
from afterglow.quantify.made import map_from_voxels, provenance
from afterglow.records.alignment import QualityLine
from afterglow.records.errors import BadInput
from afterglow.records.maps import ParameterMap, Provenance
from afterglow.records.protocol import Diffusion
from afterglow.records.series import Series

_SHELL_S_MM2 = 50.0  # b-values closer than this are one
_FLOOR_SIGMAS = 2.0  # a Rician magnitude below twice the noise no longer decays
_RAYLEIGH = np.sqrt(2 / np.pi)  # sigma over the mean of a magnitude without signal


def adc_map(series: Series) -> tuple[ParameterMap, NDArray[np.float32], Provenance, QualityLine]:
    """ADC on the series' own grid, and its image without weighting (i, j, k) to register by.

    Directions of one b-value are averaged geometrically (the trace). Signals under twice the noise of air are left out.
    """
    if not isinstance(series.protocol, Diffusion):
        raise BadInput(f"{series.source}: it is not a diffusion series")
    b_s_mm2, images = _shells(series.load(), np.array(series.protocol.b_s_mm2))
    unweighted = np.ascontiguousarray(images[..., 0])
    try:
        mask = foreground(unweighted.astype(np.float64))
    except ValueError as error:
        raise BadInput(f"{series.source}: {error}; is this a magnitude image?") from error
    air = images[..., -1][~mask]
    air = air[np.isfinite(air) & (air > 0)]
    sigma = float(air.mean() * _RAYLEIGH) if air.size > 100 else 0.0
    found = mono_exponential_adc(images[mask], b_s_mm2, noise_floor=_FLOOR_SIGMAS * sigma)
    shells = ", ".join(f"{b:.0f}" for b in b_s_mm2)
    sentence = f"ADC was fitted by nonlinear least squares to the mono-exponential decay over b = {shells} s/mm2, without signals under {_FLOOR_SIGMAS:g} times the noise."
    how = provenance("adc", sentence, {"b_s_mm2": tuple(float(b) for b in b_s_mm2), "noise_sigma": sigma}, (series.source,))
    one = map_from_voxels("adc", found.adc_mm2_s, found.status, mask, series.grid, how, found.adc_se_mm2_s)
    cut = float(np.mean(found.n_used < b_s_mm2.size))
    level, advice = ("note", "there ADC rests on the smaller b-values") if cut > 0.05 else ("ok", "")
    line = QualityLine("ADC: voxels with a signal at the noise floor", f"{100 * cut:.1f} %", level, advice)  # type: ignore[arg-type]
    return one, unweighted, how, line


def _shells(images: NDArray[np.float32], b_s_mm2: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Distinct b-values (m,) rising, and the geometric mean image (i, j, k, m) of each."""
    order = np.argsort(b_s_mm2, kind="stable")
    starts = np.flatnonzero(np.diff(b_s_mm2[order], prepend=-np.inf) > _SHELL_S_MM2)
    groups = np.split(order, starts[1:])
    means = []
    for group in groups:
        with np.errstate(divide="ignore", invalid="ignore"):
            means.append(np.exp(np.log(images[..., group]).mean(axis=-1)) if group.size > 1 else images[..., group[0]])
    return np.array([b_s_mm2[g].mean() for g in groups]), np.stack(means, axis=-1).astype(np.float32)
