"""The seam: left of a Measurement are images, right of it are tables."""

import math
from dataclasses import dataclass, fields

from afterglow.records.quantity import QUANTITIES

STATISTICS = (
    "mean", "median", "p5", "p10", "p25", "p75", "p90", "p95", "iqr", "sd", "skewness", "kurtosis", "entropy", "max", "value",
)  # fmt: skip
AT_STATISTICS = ("hotspot", "volume_above", "share_above")  # written with a number: hotspot@5 (mm), volume_above@1.75
SHAPE_STATISTICS = ("skewness", "kurtosis", "entropy")  # of the histogram: dividing by a reference says nothing more
_UNITS = {"skewness": "1", "kurtosis": "1", "entropy": "bit", "volume_above": "mL", "share_above": "1"}


def split_statistic(name: str) -> tuple[str, float | None]:
    """ "hotspot@5" -> ("hotspot", 5.0), "mean" -> ("mean", None). ValueError for a name that no statistic has."""
    base, at, number = name.partition("@")
    if not at and base in STATISTICS:
        return base, None
    if base not in AT_STATISTICS:
        known = ", ".join((*STATISTICS[:-1], *(f"{one}@…" for one in AT_STATISTICS)))
        raise ValueError(f"unknown statistic {name!r}; known: {known}")
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not math.isfinite(value) or (base == "hotspot" and value <= 0):
        what = "a radius in mm" if base == "hotspot" else "a threshold"
        raise ValueError(
            f"statistic {name!r}: {base} takes {what} after the @, such as {base}@{5 if base == 'hotspot' else 1.75}"
        )
    return base, value


def unit_of(statistic: str, quantity_unit: str, *, normalised: bool) -> str:
    """The unit of a statistic of a quantity: its own, 1 for a ratio, and that of the statistic where it is no such number."""
    return _UNITS.get(split_statistic(statistic)[0], "1" if normalised else quantity_unit)


@dataclass(frozen=True)
class Measurement:
    """One number about one region at one visit. None is "not measured"; zero is a value.

    A normalised measurement (ratio to the reference) carries `reference_value` in the quantity's own unit; its own unit
    is "1", or mL for the volume above a ratio. The fields, in this order, are the columns of measurements.tsv.
    """

    participant_id: str
    session_id: str
    day: float
    lesion_id: str
    region: str  # lesion, enhancing, necrosis, cavity, rim, reference
    quantity: str
    statistic: str
    value: float | None
    unit: str
    ci_low: float | None
    ci_high: float | None
    ci_kind: str
    n_voxels: int
    volume_ml: float
    reference_kind: str
    reference_value: float | None
    space: str
    method: str
    run_id: str
    flags: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.quantity not in QUANTITIES:
            raise ValueError(f"measurement of unknown quantity {self.quantity!r}")
        split_statistic(self.statistic)
        if not self.unit:
            raise ValueError(f"measurement of {self.quantity} without a unit")
        if self.ci_low is not None and self.ci_high is not None and self.ci_low > self.ci_high:
            raise ValueError(f"measurement of {self.quantity}: interval {self.ci_low} to {self.ci_high} is upside down")

    @property
    def is_normalised(self) -> bool:
        """A ratio to the reference tissue."""
        return self.reference_kind != ""


MEASUREMENT_COLUMNS = tuple(f.name for f in fields(Measurement))
