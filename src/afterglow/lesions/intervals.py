"""How far a region's number could be off in this scan: through the noise of its voxels, and through where its border runs.

Noise. Blocks of 3 x 3 x 3 voxels are drawn with replacement, since neighbours share noise and smoothing. The noise of the
fits is in the scatter between voxels already, so a fit's standard error is not added to it: it would count twice. It
counts in two cases. Where the standard errors say more than the scatter does (a smoothed map scatters little and is not the
surer for it), the draws are widened to what they say. Where a bootstrap does not hold (the tails of the histogram, a hot
spot, fewer than ten voxels or five blocks), the values are moved by their standard errors instead. Errors of neighbours are
taken as shared as far as neighbours differ by less than their errors would have them.

Border. The statistic of every redrawn outline (border.py), as its distance from the number itself. Every second distance is
reflected: the drawn outline may be the true one moved, or the true one the drawn one moved, and where the border is sharp
the two pull the number in opposite directions. Of means of simulated lesions whose outlines were off by as much as was
told, 88 to 92 % of such intervals hold the true mean; without reflection it was 12 to 70 %.

The two are independent and are added draw by draw. What another scan would give is in neither: see repeatability.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.lesions.border import DRAWS, Outlines
from afterglow.lesions.statistics import PERCENTS, Values, draws_of, moved_of
from afterglow.records.maps import ParameterMap
from afterglow.records.measurement import split_statistic

BLOCK_VOXELS = 3  # along each axis
FEW_VOXELS = 10
_LEAST_BLOCKS = 5  # fewer cannot show their spread
_BOOTSTRAPPED = ("mean", "median", "p25", "p75", "iqr", "volume_above", "share_above")
_MOVED = (*_BOOTSTRAPPED, *PERCENTS)  # an interval from standard errors alone; not the maximum, nor shapes, which noise shifts
_EITHER_WAY = np.resize([1.0, -1.0], DRAWS)
_MOVES = 200  # draws of the standard errors
_CLEARLY = 1.5  # times the variance of the bootstrap, which few blocks know to a fifth
_MOST_SHARED = 0.9  # correlation of neighbours' errors


@dataclass(frozen=True, eq=False)
class Sample:
    """The measured voxels of a region in one map."""

    values: Values  # (n,)
    errors: Values | None  # (n,), standard errors; None where the map has none, or not everywhere
    block: NDArray[np.intp]  # (n,)
    shared: float  # voxels that share one error, at least 1
    n_region: int
    voxel_ml: float


@dataclass(frozen=True, eq=False)
class Doubt:
    """Draws of a number, with what they hold in words."""

    draws: Values  # (DRAWS,), NaN where there is no interval
    holds: tuple[str, ...]


NO_DOUBT = Doubt(np.full(DRAWS, np.nan), ())


def sample_of(parameter_map: ParameterMap, mask: NDArray[np.bool_]) -> Sample:
    """What of the region was measured."""
    if mask.shape != parameter_map.grid.shape:
        raise ValueError(f"a region of shape {mask.shape} on a map of shape {parameter_map.grid.shape}")
    where = np.argwhere(mask)
    values = parameter_map.values[mask].astype(np.float64)
    known = np.isfinite(values)
    _, block = np.unique(where // BLOCK_VOXELS, axis=0, return_inverse=True)
    _, block = np.unique(block.ravel()[known], return_inverse=True)
    errors, shared = None, 1.0
    if parameter_map.standard_error is not None:
        given = parameter_map.standard_error[mask].astype(np.float64)[known]
        if given.size and np.isfinite(given).all():
            errors = given
            shared = _shared(np.where(mask, parameter_map.values, np.nan).astype(np.float64), float(np.mean(given**2)))
    return Sample(values[known], errors, block, shared, len(where), parameter_map.grid.voxel_ml)


def _shared(values: Values, variance: float) -> float:
    """How many voxels have one error between them, from how little neighbours differ: (i, j, k), NaN outside -> at least 1."""
    if variance <= 0:
        return 1.0
    factor = 1.0
    for axis in range(3):
        steps = np.diff(values, axis=axis)
        steps = steps[np.isfinite(steps)]
        if steps.size:
            alike = float(np.clip(1 - (steps**2).mean() / (2 * variance), 0, _MOST_SHARED))
            factor *= (1 + alike) / (1 - alike)
    return min(factor, float(BLOCK_VOXELS**3))


def doubts_of(sample: Sample, values: dict[str, float], outlines: Outlines | None, flat: Values) -> dict[str, Doubt]:
    """The doubt of each statistic that has a value; `flat` are all values of the map, for voxels that an outline may gain."""
    noise = _noise(sample, values)
    moved = _outline_draws(tuple(noise), outlines, flat, sample.voxel_ml)
    made = {}
    for name, value in values.items():
        doubt = noise.get(name, NO_DOUBT)
        if name in moved and outlines is not None:
            words = (*doubt.holds, f"outline (border ±{outlines.sd_mm:.2g} mm)")
            doubt = Doubt(_possible(name, doubt.draws + _EITHER_WAY * (moved[name] - value)), words)
        made[name] = doubt
    return made


def _possible(name: str, draws: Values) -> Values:
    """Shares stay between nothing and all, volumes above nothing."""
    base = split_statistic(name)[0]
    return np.clip(draws, 0, 1) if base == "share_above" else np.maximum(draws, 0) if base == "volume_above" else draws


def spot_doubt(value: float, errors: Values | None) -> Doubt:
    """A hot spot's doubt, at the place found: the standard error of its mean, the errors of its voxels taken as apart."""
    if errors is None or not errors.size or not np.isfinite(errors).all():
        return NO_DOUBT
    spread = float(np.sqrt((errors**2).sum())) / errors.size
    return Doubt(value + spread * np.random.default_rng(0).normal(size=DRAWS), ("errors of the fits at that place",))


def _noise(sample: Sample, values: dict[str, float]) -> dict[str, Doubt]:
    blocks = int(sample.block.max()) + 1 if sample.values.size else 0
    enough = blocks >= _LEAST_BLOCKS and sample.values.size >= FEW_VOXELS
    drawn = _bootstrap(sample, tuple({*values, "mean"}), blocks) if enough else {}
    made = {name: Doubt(drawn[name], ("voxels (block bootstrap)",)) for name in values if name in drawn}
    if sample.errors is None:
        return made
    by_fits = float(np.mean(sample.errors**2)) * sample.shared / max(sample.values.size, 1)
    widened = tuple(made) if enough and by_fits > _CLEARLY * float(drawn["mean"].var()) else ()
    rest = tuple(name for name in values if name not in made and split_statistic(name)[0] in _MOVED)
    for name, apart in _moved_by_errors(sample, (*rest, *widened)).items():
        if name in made:
            more = max(float(apart.var() - made[name].draws.var()), 0.0) ** 0.5
            extra = more * np.random.default_rng(2).normal(size=DRAWS)
            made[name] = Doubt(made[name].draws + extra, ("voxels (block bootstrap, widened to the errors of the fits)",))
        else:
            made[name] = Doubt(values[name] + np.resize(apart, DRAWS), ("errors of the fits",))
    return made


def _bootstrap(sample: Sample, names: tuple[str, ...], blocks: int) -> dict[str, Values]:
    rng = np.random.default_rng(0)  # the same voxels give the same interval
    picks = rng.integers(0, blocks, (DRAWS, blocks))
    counts = np.zeros((DRAWS, blocks), dtype=np.int16)
    np.add.at(counts, (np.arange(DRAWS)[:, None], picks), 1)
    weights = counts[:, sample.block]
    strapped = tuple(name for name in names if split_statistic(name)[0] in _BOOTSTRAPPED)
    made = draws_of(strapped, sample.values, weights, voxel_ml=sample.voxel_ml)
    size = weights.sum(axis=1) / sample.values.size  # a draw of large blocks is no larger lesion
    return {name: draws / size if name.startswith("volume_above") else draws for name, draws in made.items()}


def _moved_by_errors(sample: Sample, names: tuple[str, ...]) -> dict[str, Values]:
    """Distances of each statistic from its own mean when every value moves by its standard error: name: (_MOVES,)."""
    if not names or sample.errors is None:
        return {}
    noise = np.random.default_rng(3).normal(size=(_MOVES, sample.values.size))
    found = moved_of(names, sample.values + sample.errors * noise, voxel_ml=sample.voxel_ml)
    wider = np.sqrt(sample.shared)
    return {name: wider * (draws - draws.mean()) for name, draws in found.items()}


def _outline_draws(names: tuple[str, ...], outlines: Outlines | None, flat: Values, voxel_ml: float) -> dict[str, Values]:
    if outlines is None or not names:
        return {}
    values = flat[outlines.voxels]
    known = np.isfinite(values)
    return draws_of(names, values[known], outlines.weights[:, known], voxel_ml=voxel_ml)


def interval_of(value: float, draws: Values) -> tuple[float, float] | None:
    """2.5 and 97.5 percentile of the draws, never past the number itself; None where fewer than half of them exist."""
    finite = draws[np.isfinite(draws)]
    if finite.size < DRAWS // 2:
        return None
    low, high = np.percentile(finite, [2.5, 97.5])
    return min(float(low), value), max(float(high), value)
