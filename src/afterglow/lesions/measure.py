"""Numbers of a region: Measurements with intervals, and ratios to the reference tissue.

An interval is the 2.5 to 97.5 percentile of a block bootstrap: blocks of neighbouring voxels are drawn with replacement,
since voxels of one block share noise and smoothing. The noise of the fits is in the voxels' spread already. It speaks of
this scan and this outline, not of repeating the scan: that is what repeatability is for.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.lesion import Lesion, Reference
from afterglow.records.maps import ParameterMap
from afterglow.records.measurement import Measurement

_DRAWS = 400
_BLOCK_VOXELS = 3  # along each axis
_FEW_VOXELS = 10
_LEAST_BLOCKS = 5  # fewer cannot show their spread
_BOOTSTRAPPED = ("mean", "median", "p25", "p75")  # a bootstrap does not hold in the tails
INTERVAL = "95 %, block bootstrap of voxels"
_LEAST_COVERED = 0.8  # of a region, or its number is flagged
_RATIO_FLOOR_SE = 2.0  # a reference less than two standard errors from zero makes no ratio
STATISTIC_FUNCTIONS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "mean": lambda v: v.mean(axis=-1),
    "median": lambda v: np.median(v, axis=-1),
    "p5": lambda v: np.percentile(v, 5, axis=-1),
    "p25": lambda v: np.percentile(v, 25, axis=-1),
    "p75": lambda v: np.percentile(v, 75, axis=-1),
    "p95": lambda v: np.percentile(v, 95, axis=-1),
    "sd": lambda v: v.std(axis=-1, ddof=1) if v.shape[-1] > 1 else np.full(v.shape[:-1], np.nan),
    "max": lambda v: v.max(axis=-1),
}


@dataclass(frozen=True)
class Labels:
    """What every measurement of one exam has in common."""

    participant_id: str
    session_id: str
    day: float
    space: str
    method: str
    run_id: str


@dataclass(frozen=True, eq=False)
class _Sample:
    values: NDArray[np.float64]  # (n,) measured voxels of the region
    block: NDArray[np.intp]  # (n,)
    n_region: int


def measure(
    parameter_map: ParameterMap, lesion: Lesion, reference: Reference | None, *, statistic: str, normalised: bool, labels: Labels
) -> Measurement:
    """One statistic of one map in the lesion; with `normalised` its ratio to the same statistic of the reference.

    A voxel without a value (NaN) does not count; a region without any gives a Measurement without a value, and flags say why.
    """
    sample = _sample(parameter_map, lesion.mask)
    flags = _flags(sample, "lesion")
    value, draws = _statistic(sample, statistic)
    reference_value: float | None = None
    if normalised and reference is None:
        value, draws, flags = None, None, (*flags, "no reference region")
    elif normalised and reference is not None:
        background = _sample(parameter_map, reference.mask)
        reference_value, reference_draws = _statistic(background, statistic)
        flags += _flags(background, "reference")
        value, draws, more = _ratio(value, draws, reference_value, reference_draws)
        flags += more
    low, high = (None, None) if draws is None else _interval(draws)
    return Measurement(
        labels.participant_id,
        labels.session_id,
        labels.day,
        lesion.lesion_id,
        "lesion",
        parameter_map.quantity.name,
        statistic,
        value,
        "1" if normalised else parameter_map.quantity.unit,
        low,
        high,
        "" if low is None else INTERVAL,
        sample.values.size,
        lesion.volume_ml,
        reference.kind if normalised and reference is not None else "none" if normalised else "",
        reference_value,
        labels.space,
        labels.method,
        labels.run_id,
        flags,
    )


def measure_reference(parameter_map: ParameterMap, reference: Reference, *, statistic: str, labels: Labels) -> Measurement:
    """One statistic of one map in the reference tissue itself."""
    sample = _sample(parameter_map, reference.mask)
    value, draws = _statistic(sample, statistic)
    low, high = (None, None) if draws is None else _interval(draws)
    voxels = int(np.count_nonzero(reference.mask))
    return Measurement(
        labels.participant_id,
        labels.session_id,
        labels.day,
        "",
        "reference",
        parameter_map.quantity.name,
        statistic,
        value,
        parameter_map.quantity.unit,
        low,
        high,
        "" if low is None else INTERVAL,
        sample.values.size,
        voxels * reference.grid.voxel_ml,
        "",
        None,
        labels.space,
        labels.method,
        labels.run_id,
        _flags(sample, "reference"),
    )


def _sample(parameter_map: ParameterMap, mask: NDArray[np.bool_]) -> _Sample:
    if mask.shape != parameter_map.grid.shape:
        raise ValueError(f"a region of shape {mask.shape} on a map of shape {parameter_map.grid.shape}")
    where = np.argwhere(mask)
    values = parameter_map.values[mask].astype(np.float64)
    known = np.isfinite(values)
    corner = where // _BLOCK_VOXELS
    _, block = np.unique(corner, axis=0, return_inverse=True)
    return _Sample(values[known], block.ravel()[known], len(where))


def _statistic(sample: _Sample, statistic: str) -> tuple[float | None, NDArray[np.float64] | None]:
    """The value, and what it becomes in bootstrap draws."""
    if not sample.values.size:
        return None, None
    function = STATISTIC_FUNCTIONS[statistic]
    value = float(function(sample.values))
    if not np.isfinite(value):
        return None, None
    rng = np.random.default_rng(0)  # the same voxels give the same interval
    members = [np.flatnonzero(sample.block == b) for b in np.unique(sample.block)]
    if statistic not in _BOOTSTRAPPED or len(members) < _LEAST_BLOCKS or sample.values.size < _FEW_VOXELS:
        return value, np.full(_DRAWS, np.nan)
    draws = np.empty(_DRAWS)
    for i in range(_DRAWS):
        rows = np.concatenate([members[j] for j in rng.integers(0, len(members), len(members))])
        draws[i] = function(sample.values[rows])
    return value, draws


def _ratio(
    value: float | None, draws: NDArray[np.float64] | None, below: float | None, below_draws: NDArray[np.float64] | None
) -> tuple[float | None, NDArray[np.float64] | None, tuple[str, ...]]:
    if value is None or draws is None or below is None or below_draws is None:
        return None, None, ("no reference value",) if below is None else ()
    spread = float(below_draws.std()) if np.isfinite(below_draws).all() else 0.0
    if below <= 0 or below < _RATIO_FLOOR_SE * spread:
        return None, None, (f"reference value {below:.3g} is within {_RATIO_FLOOR_SE:g} standard errors of zero: no ratio",)
    usable = ~(below_draws <= 0)
    flags = ("ratio interval is wide: the reference is near zero",) if below < 5 * spread else ()
    return value / below, draws[usable] / below_draws[usable], flags


def _interval(draws: NDArray[np.float64]) -> tuple[float | None, float | None]:
    finite = draws[np.isfinite(draws)]
    if finite.size < _DRAWS // 2:
        return None, None
    low, high = np.percentile(finite, [2.5, 97.5])
    return float(low), float(high)


def _flags(sample: _Sample, what: str) -> tuple[str, ...]:
    flags = []
    if sample.values.size == 0:
        flags.append(f"{what}: no voxel was measured")
    elif sample.values.size < _FEW_VOXELS:
        flags.append(f"{what}: only {sample.values.size} voxels")
    if 0 < sample.values.size < _LEAST_COVERED * sample.n_region:
        flags.append(f"{what}: {sample.values.size} of {sample.n_region} voxels measured")
    return tuple(flags)
