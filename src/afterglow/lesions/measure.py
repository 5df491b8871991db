"""Numbers of a region: Measurements with intervals, and ratios to the reference tissue.

An interval holds the noise of the voxels and the border of the outline (intervals.py). It speaks of this scan, not of
repeating it: that is what repeatability is for.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.lesions.border import Outlines, border_sd_mm, redraw, rim_of
from afterglow.lesions.intervals import interval_of
from afterglow.lesions.numbers import RegionNumber, RegionNumbers, numbers_of
from afterglow.lesions.ratios import over_reference, reference_statistic, scaled_threshold, usable_reference
from afterglow.records.lesion import Lesion, Reference
from afterglow.records.maps import ParameterMap
from afterglow.records.measurement import SHAPE_STATISTICS, Measurement, unit_of


@dataclass(frozen=True)
class Labels:
    """What every measurement of one exam has in common."""

    participant_id: str
    session_id: str
    day: float
    space: str
    method: str
    run_id: str


@dataclass(frozen=True)
class Wanted:
    """What to measure of one quantity: one [[measure]] of a method file."""

    quantity: str
    statistics: tuple[str, ...]
    normalised: bool
    regions: tuple[str, ...] = ("lesion",)
    rim_mm: float | None = None
    border_sd_mm: float | None = None  # None: half the smallest edge of a voxel


@dataclass(frozen=True, eq=False)
class _Place:
    """One region of one lesion."""

    lesion_id: str
    region: str
    mask: NDArray[np.bool_]
    outlines: Outlines | None


def measure(
    parameter_map: ParameterMap,
    lesion: Lesion,
    reference: Reference | None,
    *,
    statistic: str,
    normalised: bool,
    labels: Labels,
    border_sd_mm: float | None = None,
) -> Measurement:
    """One statistic of one map in the lesion; with `normalised` its ratio to the reference.

    A voxel without a value (NaN) does not count; a region without any gives a Measurement without a value, and flags say why.
    ValueError for the ratio of a shape of the histogram.
    """
    wanted = Wanted(parameter_map.quantity.name, (statistic,), normalised, border_sd_mm=border_sd_mm)
    if normalised and statistic in SHAPE_STATISTICS:
        raise ValueError(f"{statistic} over that of the reference says nothing")
    rows = measure_visit({parameter_map.quantity.name: parameter_map}, (lesion,), reference, (wanted,), labels=labels)
    return next(m for m in rows if m.region == "lesion" and m.is_normalised == normalised)


def measure_reference(parameter_map: ParameterMap, reference: Reference, *, statistic: str, labels: Labels) -> Measurement:
    """One statistic of one map in the reference tissue itself."""
    background = numbers_of(parameter_map, reference.mask, "reference", None, (statistic,))
    return _plain_row(parameter_map, background, "", statistic, labels)


def measure_visit(
    maps: Mapping[str, ParameterMap],
    lesions: Sequence[Lesion],
    reference: Reference | None,
    wanted: Sequence[Wanted],
    *,
    labels: Labels,
) -> tuple[Measurement, ...]:
    """Everything that a method measures at one visit, in the order of its file; each outline is redrawn once for all.

    A quantity without a map, and a part that a lesion was not separated into, give no row. Shapes of the histogram have no
    ratio. `maps` go by the name of their quantity.
    """
    drawn: dict[tuple[str, str, float | None, float | None], _Place] = {}
    made: list[Measurement] = []
    for spec in wanted:
        one = maps.get(spec.quantity)
        if one is None:
            continue
        for lesion in lesions:
            for region in spec.regions:
                key = (lesion.lesion_id, region, spec.rim_mm, spec.border_sd_mm)
                mask = None if key in drawn else _mask_of(lesion, region, spec.rim_mm)
                if mask is not None:
                    outlines = redraw(mask, lesion.grid, border_sd_mm(lesion.grid, spec.border_sd_mm))
                    drawn[key] = _Place(lesion.lesion_id, region, mask, outlines)
        ids = [(lesion.lesion_id, region, spec.rim_mm, spec.border_sd_mm) for lesion in lesions for region in spec.regions]
        made += _rows(one, [drawn[key] for key in ids if key in drawn], reference, spec, labels)
    return tuple(made)


def _mask_of(lesion: Lesion, region: str, rim_mm: float | None) -> NDArray[np.bool_] | None:
    if region == "lesion":
        return lesion.mask
    if region == "rim" and rim_mm is not None:
        return rim_of(lesion.mask, lesion.grid, rim_mm)
    return next((part for kind, part in lesion.parts if kind == region), None)


def _rows(
    one: ParameterMap, places: Sequence[_Place], reference: Reference | None, spec: Wanted, labels: Labels
) -> list[Measurement]:
    """The rows of one quantity: for each statistic the reference, then every region plain and over the reference."""
    background = None
    if reference is not None:
        needed = (*spec.statistics, *(reference_statistic(s) for s in spec.statistics))
        background = numbers_of(one, reference.mask, "reference", None, tuple(dict.fromkeys(needed)))
    scaled = _scaled(spec, background)
    regions = [
        numbers_of(one, place.mask, place.region, place.outlines, tuple(dict.fromkeys((*spec.statistics, *scaled.values()))))
        for place in places
    ]
    made = []
    for statistic in spec.statistics:
        if background is not None:
            made.append(_plain_row(one, background, "", statistic, labels))
        for place, region in zip(places, regions, strict=True):
            made.append(_plain_row(one, region, place.lesion_id, statistic, labels))
            if spec.normalised and statistic not in SHAPE_STATISTICS:
                kind = "none" if reference is None else reference.kind
                own = scaled.get(statistic, statistic)
                made.append(_ratio_row(one, region, background, (place.lesion_id, statistic, own, kind), labels))
    return made


def _scaled(spec: Wanted, background: RegionNumbers | None) -> dict[str, str]:
    """Statistics with a threshold of the ratio -> the same with the threshold in the quantity's own unit."""
    mean = None if background is None or "mean" not in background.numbers else background.numbers["mean"].value
    if mean is None or not spec.normalised:
        return {}
    return {s: scaled_threshold(s, mean) for s in spec.statistics if scaled_threshold(s, mean) != s}


def _plain_row(one: ParameterMap, region: RegionNumbers, lesion_id: str, statistic: str, labels: Labels) -> Measurement:
    unit = unit_of(statistic, one.quantity.unit, normalised=False)
    number = region.numbers[statistic]
    return _row(one, region, lesion_id, statistic, number, unit, ("", None), (*region.flags, *number.flags), labels)


def _ratio_row(
    one: ParameterMap, region: RegionNumbers, background: RegionNumbers | None, what: tuple[str, str, str, str], labels: Labels
) -> Measurement:
    lesion_id, statistic, own, kind = what
    number, below = RegionNumber(None), None
    flags: tuple[str, ...] = ("no reference region",)
    if background is not None:
        usable, flags = usable_reference(background, statistic)
        below = usable.value
        if not flags:
            number = over_reference(region.numbers[own], usable, statistic, region.sample.values)
        flags = (*background.flags, *flags, *number.flags)
    unit = unit_of(statistic, one.quantity.unit, normalised=True)
    return _row(one, region, lesion_id, statistic, number, unit, (kind, below), (*region.flags, *flags), labels)


def _row(
    one: ParameterMap,
    region: RegionNumbers,
    lesion_id: str,
    statistic: str,
    number: RegionNumber,
    unit: str,
    divided_by: tuple[str, float | None],
    flags: tuple[str, ...],
    labels: Labels,
) -> Measurement:
    ends = None if number.value is None else interval_of(number.value, number.doubt.draws)
    return Measurement(
        labels.participant_id,
        labels.session_id,
        labels.day,
        lesion_id,
        region.name,
        one.quantity.name,
        statistic,
        number.value,
        unit,
        None if ends is None else ends[0],
        None if ends is None else ends[1],
        "" if ends is None else f"95 %: {' + '.join(number.doubt.holds)}",
        region.sample.values.size,
        region.volume_ml,
        *divided_by,
        labels.space,
        labels.method,
        labels.run_id,
        flags,
    )
