"""Unevenness inside a lesion: patches of tumour and scar, and perfusion that varies from place to place about a stated mean."""

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid
from afterglow.simulate.scene import Box, Drawn
from afterglow.simulate.story import Perfusion
from afterglow.simulate.warp import smooth_noise

Map = NDArray[np.float32]

_TEXTURE_MM = 5.0
_SOFT = 0.6  # width of a patch's border, in standard deviations of its noise


def patchwork(mean: float, noise: Map, weight: Map) -> Map:
    """Share of tumour (i, j, k): patches with soft borders whose mean, weighted by the enhancing tissue, is exactly `mean`."""
    if mean in (0.0, 1.0) or not weight.any():
        return np.full(noise.shape, mean, np.float32)
    where = weight > 0
    at, mass = noise[where].astype(np.float64), weight[where].astype(np.float64)
    low, high = float(at.min()) - 1.0, float(at.max()) + 1.0
    for _ in range(60):
        level = (low + high) / 2
        share = float((np.clip((at - level) / _SOFT + 0.5, 0, 1) * mass).sum() / mass.sum())
        low, high = (level, high) if share > mean else (low, level)
    out: Map = np.clip((noise - level) / _SOFT + 0.5, 0, 1).astype(np.float32)
    return out


def draw_perfusion(part: Map, mean: Perfusion, box: Box, grid: Grid, rng: np.random.Generator) -> Drawn:
    """Amounts of a tissue with those shares (i, j, k) of the box: log-normal from place to place, the tissue's mean exactly `mean`."""
    ktrans, ve, vp = (
        part * _textured(value, mean.spread * share, part, grid, rng)
        for value, share in ((mean.ktrans_per_min, 1.0), (mean.ve, 0.4), (mean.vp, 1.0))
    )
    return Drawn(box, grid, ktrans, ve, vp, mean.delay_s, mean.architecture)


def _textured(mean: float, sigma: float, where: Map, grid: Grid, rng: np.random.Generator) -> Map:
    field = np.exp(sigma * np.clip(smooth_noise(rng, grid, scale_mm=_TEXTURE_MM), -2.5, 2.5))
    total = float((field * where).sum())
    out: Map = (field * (mean * where.sum() / total if total > 0 else mean)).astype(np.float32)
    return out
