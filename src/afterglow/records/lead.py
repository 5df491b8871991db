"""How much earlier one rule spoke of progression than another."""

from dataclasses import dataclass


@dataclass(frozen=True)
class LeadTime:
    """The first day on which each of two rules called progression of one lesion, and the lesion's size on those days.

    `day_late` None: the later rule has not called progression up to the last visit.
    """

    lesion_id: str
    rule_early: str
    rule_late: str
    day_early: float
    day_late: float | None
    volume_early_ml: float | None
    volume_late_ml: float | None
    participant_id: str = ""  # whose lesion it is, where leads of several patients are put together

    def __post_init__(self) -> None:
        if self.rule_early == self.rule_late:
            raise ValueError(f"lesion {self.lesion_id}: rule {self.rule_early} cannot be ahead of itself")
        if self.day_late is not None and self.day_late < self.day_early:
            raise ValueError(
                f"lesion {self.lesion_id}: {self.rule_early} called on day {self.day_early:g}, after {self.rule_late} "
                f"on day {self.day_late:g}; the earlier one comes first"
            )

    @property
    def days(self) -> float | None:
        """Days between the two calls; None where the later rule has not called."""
        return None if self.day_late is None else self.day_late - self.day_early
