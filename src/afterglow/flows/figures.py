"""What `bench` and `conformance` report: one measured number beside its goal."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class BenchFigure:
    """A name that stays, a value measured now, and whether it reaches its goal. None: not measured, or not judged."""

    name: str
    value: float | None
    unit: str  # UCUM, or words for what is counted
    goal: float | None
    ok: bool | None
    detail: str

    def __post_init__(self) -> None:
        for number in (self.value, self.goal):
            if number is not None and not math.isfinite(number):
                raise ValueError(f"figure {self.name} holds {number}; None is the word for not measured")

    def as_dict(self) -> dict[str, object]:
        """The object that `--json` prints in its list of figures."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "goal": self.goal,
            "ok": self.ok,
            "detail": self.detail,
        }


def at_least(name: str, value: float, unit: str, goal: float, detail: str) -> BenchFigure:
    """A figure that reaches its goal from there on."""
    return BenchFigure(name, value, unit, goal, value >= goal, detail)


def at_most(name: str, value: float, unit: str, goal: float, detail: str) -> BenchFigure:
    """A figure that reaches its goal up to there."""
    return BenchFigure(name, value, unit, goal, value <= goal, detail)
