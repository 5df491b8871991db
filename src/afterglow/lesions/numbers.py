"""All wanted numbers of one region in one map, each with its doubt and what a reader should know."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.lesions.border import Outlines
from afterglow.lesions.hotspot import find_hotspot
from afterglow.lesions.intervals import FEW_VOXELS, NO_DOUBT, Doubt, Sample, doubts_of, sample_of, spot_doubt
from afterglow.lesions.statistics import statistic_of
from afterglow.records.maps import ParameterMap
from afterglow.records.measurement import split_statistic

_LEAST_COVERED = 0.8  # of a region, or its number is flagged


@dataclass(frozen=True, eq=False)
class RegionNumber:
    """A value with draws of what it could as well have been. None: not measured."""

    value: float | None
    doubt: Doubt = NO_DOUBT
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class RegionNumbers:
    """One region in one map."""

    name: str
    sample: Sample
    volume_ml: float
    flags: tuple[str, ...]
    numbers: Mapping[str, RegionNumber]


def numbers_of(
    parameter_map: ParameterMap, mask: NDArray[np.bool_], name: str, outlines: Outlines | None, statistics: Sequence[str]
) -> RegionNumbers:
    """Measure the region by every statistic. `outlines` are the region redrawn; None leaves its border out of the doubt."""
    sample = sample_of(parameter_map, mask)
    spots = [s for s in statistics if s.startswith("hotspot")]
    numbers = {s: _hottest(parameter_map, mask, s) for s in spots}
    values = {
        s: statistic_of(s, sample.values, parameter_map.quantity, voxel_ml=sample.voxel_ml) if sample.values.size else None
        for s in statistics
        if s not in spots
    }
    measured = {s: value for s, value in values.items() if value is not None}
    flat = parameter_map.values.ravel().astype(np.float64) if outlines is not None else np.zeros(0)
    doubts = doubts_of(sample, measured, outlines, flat)
    numbers |= {s: RegionNumber(value, doubts.get(s, NO_DOUBT)) for s, value in values.items()}
    volume_ml = sample.n_region * sample.voxel_ml
    return RegionNumbers(name, sample, volume_ml, _flags(sample, name), numbers)


def _hottest(parameter_map: ParameterMap, mask: NDArray[np.bool_], statistic: str) -> RegionNumber:
    _, radius_mm = split_statistic(statistic)
    assert radius_mm is not None
    spot = find_hotspot(parameter_map.values, mask, parameter_map.grid, radius_mm)
    if spot is None:
        return RegionNumber(None)
    errors = parameter_map.standard_error
    own = None if errors is None else errors.ravel()[spot.voxels].astype(np.float64)
    return RegionNumber(spot.value, spot_doubt(spot.value, own), spot.flags)


def _flags(sample: Sample, what: str) -> tuple[str, ...]:
    flags = []
    if sample.values.size == 0:
        flags.append(f"{what}: no voxel was measured")
    elif sample.values.size < FEW_VOXELS:
        flags.append(f"{what}: only {sample.values.size} voxels")
    if 0 < sample.values.size < _LEAST_COVERED * sample.n_region:
        flags.append(f"{what}: {sample.values.size} of {sample.n_region} voxels measured")
    return tuple(flags)
