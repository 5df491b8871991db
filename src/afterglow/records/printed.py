"""What a publication prints, and what comes of recomputing it.

A printed number has decimals, and they say how well it is known: 0.50 is somewhere from 0.495 to 0.505, 0.5 from 0.45 to 0.55.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

_PRINTED = re.compile(r"([<>≤≥=]?)\s*([-+−]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?)\s*%?")
_FINEST = 15  # decimals; numbers of a computer have no more
_SLACK = 1e-9  # of binary fractions: 0.125 printed as 0.13 and as 0.12 are both met

Verdict = Literal["reproduces", "does not reproduce", "inconsistent", "consistent", "computed", "unknown kind", "not recomputed"]
VERDICTS: dict[Verdict, str] = {
    "reproduces": "every printed figure is given by a named rule, within its rounding",
    "does not reproduce": "at least one printed figure is given by none of the rules that were tried",
    "inconsistent": "printed figures contradict one another, or what is possible at all",
    "consistent": "printed figures can stand beside one another",
    "computed": "nothing is printed to compare with; the numbers are given for their own sake",
    "unknown kind": "this version knows no such check",
    "not recomputed": "something is missing or wrong in the check itself; the sentence says what",
}


@dataclass(frozen=True)
class PrintedNumber:
    """A number as it stands in print: its value, its decimals, and whether it is only a bound (P < .001)."""

    value: float
    decimals: int
    relation: Literal["=", "<", ">"] = "="
    strict: bool = True  # of a bound: < and >, not ≤ and ≥

    @classmethod
    def read(cls, printed: object, decimals: int | None = None) -> "PrintedNumber":
        """From "<0.001", "12.50", Decimal, int or float; `decimals` where the digits do not show them.

        ValueError where it is no number.
        """
        if isinstance(printed, bool) or not isinstance(printed, (str, int, float, Decimal)):
            raise ValueError(f"{printed!r} is no number")
        found = _PRINTED.fullmatch(str(printed).strip())
        if found is None:
            hint = "; write a decimal point" if isinstance(printed, str) and "," in printed else ""
            raise ValueError(f"{printed!r} is no number{hint}")
        sign, digits = found.groups()
        exact = Decimal(digits.replace("−", "-"))
        value = float(exact)
        if not math.isfinite(value):
            raise ValueError(f"{printed!r} is no finite number")
        exponent = exact.as_tuple().exponent
        assert isinstance(exponent, int)
        relation: Literal["=", "<", ">"] = "<" if sign in "<≤" and sign else ">" if sign in ">≥" and sign else "="
        return cls(value, min(max(-exponent, 0), _FINEST) if decimals is None else decimals, relation, sign not in ("≤", "≥"))

    @property
    def half_unit(self) -> float:
        """Half a unit of the last printed digit."""
        return 0.5 * 10.0**-self.decimals

    @property
    def low(self) -> float:
        """The smallest number that is printed so."""
        return self.value - self.half_unit if self.relation == "=" else -math.inf if self.relation == "<" else self.value

    @property
    def high(self) -> float:
        """The largest number that is printed so."""
        return self.value + self.half_unit if self.relation == "=" else math.inf if self.relation == ">" else self.value

    def is_met_by(self, value: float) -> bool:
        """Whether `value` rounds to it (a half may go either way), or keeps its bound."""
        if not math.isfinite(value):
            return False
        if self.relation != "=" and self.strict and value == self.value:
            return False
        slack = _SLACK * max(1.0, abs(self.value)) if self.relation == "=" else 0.0
        return self.low - slack <= value <= self.high + slack

    def is_cut_from(self, value: float) -> bool:
        """Whether `value` gives it when digits are cut off instead of rounded."""
        if self.relation != "=" or not math.isfinite(value):
            return False
        unit = 10.0**-self.decimals
        return abs(math.trunc(value / unit + math.copysign(_SLACK, value)) * unit - self.value) < unit * 1e-6

    def __str__(self) -> str:
        sign = "" if self.relation == "=" else self.relation if self.strict else {"<": "≤", ">": "≥"}[self.relation]
        return f"{sign}{self.value:.{self.decimals}f}"


@dataclass(frozen=True, eq=False)
class PrintedTable:
    """A table of numbers beside the checks: cells as they stand in the file, None where one is empty."""

    name: str
    columns: Mapping[str, tuple[str | None, ...]]
    comes_with_afterglow: bool = False

    def column(self, name: str) -> str | None:
        """The full name of a column, which may be given without its last parts: Ktrans_before of Ktrans_before_per_min."""
        if name in self.columns:
            return name
        longer = [column for column in self.columns if column.startswith(f"{name}_")]
        return longer[0] if len(longer) == 1 else None


@dataclass(frozen=True, eq=False)
class PrintedCheck:
    """One thing to recompute: of what kind, from which numbers, and what is printed."""

    id: str
    kind: str
    input: Mapping[str, object]
    where: str  # the file, for sentences
    title: str = ""
    method: str = ""
    seed: str = ""  # number of the paper
    published: Mapping[str, object] | None = None


@dataclass(frozen=True, eq=False)
class PrintedFile:
    """A file of checks with its source."""

    name: str
    title: str
    citation: str
    doi: str
    checks: tuple[PrintedCheck, ...]


@dataclass(frozen=True, eq=False)
class AuditFinding:
    """What came of one check: the numbers, which rules give the printed ones, and sentences for a person."""

    id: str
    kind: str
    title: str
    verdict: Verdict
    recomputed: Mapping[str, object]
    sentences: tuple[str, ...]
    rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # printed figure -> the rules that give it

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"{self.id}: {self.verdict!r} is no verdict")
        if not self.sentences:
            raise ValueError(f"{self.id}: a finding says something")
