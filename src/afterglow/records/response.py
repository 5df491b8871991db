"""Rules and what they say."""

import math
from dataclasses import dataclass
from typing import Literal

Category = Literal["progression", "response", "no change", "cannot tell"]
CATEGORIES: tuple[Category, ...] = ("progression", "response", "no change", "cannot tell")
Change = Literal["percent", "difference", "none"]


@dataclass(frozen=True)
class Rule:
    """A row: which number, how it is compared, and who says so.

    `kind` "change" compares two visits, "ratio state" reads the ratio now and before treatment (ademola2025).
    A number above `threshold` speaks for progression.
    """

    name: str
    kind: Literal["change", "ratio state"]
    quantities: tuple[str, ...]
    statistic: str
    normalised: bool
    change: Change
    threshold: float
    combine: Literal["only", "either", "both"]
    unit: str
    source: str  # DOI and section
    caution: str = ""

    def __post_init__(self) -> None:
        if not self.quantities:
            raise ValueError(f"rule {self.name}: names no quantity")
        if not math.isfinite(self.threshold):
            raise ValueError(f"rule {self.name}: the threshold must be a number")
        if not self.source:
            raise ValueError(f"rule {self.name}: a threshold needs its source")
        if (self.combine == "only") != (len(self.quantities) == 1):
            raise ValueError(f"rule {self.name}: one quantity is combined as 'only', several as 'either' or 'both'")


@dataclass(frozen=True)
class Repeatability:
    """Test-retest spread of one quantity at one site: wCV as a fraction, with where it comes from."""

    quantity: str
    normalised: bool
    site: str
    wcv: float
    source: str
    confirmed: bool

    @property
    def rc_percent(self) -> float:
        """The change that repeating alone exceeds in 5 % of pairs: 2.77 wCV, in per cent."""
        return 277.0 * self.wcv


@dataclass(frozen=True)
class Verdict:
    """A call with the numbers it used, its threshold and its distance to it in repeatability units."""

    participant_id: str
    lesion_id: str
    rule: str
    from_session: str
    to_session: str
    category: Category
    value: float | None
    unit: str
    threshold: float
    distance_rc: float | None
    repeatability_source: str
    sentence: str
    numbers: tuple[tuple[str, float | None], ...]
    label: str = ""  # the rule's own word where it has one: "PD", "SD" …

    def __post_init__(self) -> None:
        if self.category not in CATEGORIES:
            raise ValueError(f"verdict {self.category!r} is none of {', '.join(CATEGORIES)}")
        if not self.numbers:
            raise ValueError("a verdict shows the numbers it used")
        if self.category != "cannot tell" and self.value is None:
            raise ValueError("a verdict without a value can only say that it cannot tell")
        if self.category == "cannot tell" and "because" not in self.sentence:
            raise ValueError("'cannot tell' says why: its sentence holds 'because'")
        if not self.sentence:
            raise ValueError("a verdict is a sentence")
