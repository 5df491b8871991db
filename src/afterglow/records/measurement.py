"""The seam: left of a Measurement are images, right of it are tables."""

from dataclasses import dataclass, fields

from afterglow.records.quantity import QUANTITIES

STATISTICS = ("mean", "median", "p5", "p25", "p75", "p95", "sd", "max", "value")


@dataclass(frozen=True)
class Measurement:
    """One number about one region at one visit. None is "not measured"; zero is a value.

    A normalised measurement (ratio to the reference) has unit "1" and carries `reference_value` in the
    quantity's own unit. The fields, in this order, are the columns of measurements.tsv.
    """

    participant_id: str
    session_id: str
    day: float
    lesion_id: str
    region: str  # lesion, reference
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
        if self.statistic not in STATISTICS:
            raise ValueError(f"measurement with unknown statistic {self.statistic!r}; known: {', '.join(STATISTICS)}")
        if not self.unit:
            raise ValueError(f"measurement of {self.quantity} without a unit")
        if self.ci_low is not None and self.ci_high is not None and self.ci_low > self.ci_high:
            raise ValueError(f"measurement of {self.quantity}: interval {self.ci_low} to {self.ci_high} is upside down")

    @property
    def is_normalised(self) -> bool:
        """A ratio to the reference tissue."""
        return self.reference_kind != ""


MEASUREMENT_COLUMNS = tuple(f.name for f in fields(Measurement))
