"""How a cohort is drawn: distributions, numbers made of other numbers, and printed counts dealt like cards."""

import math
import zlib
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeVar

import numpy as np
from scipy.special import ndtr, ndtri

STRICT: dict[str, Any] = {"extra": "forbid"}  # read by whoever fills these records from a file: unknown keys are refused
Number = float | str  # a number, or the name of a value drawn before
Bounds = tuple[float, float]
Key = TypeVar("Key", bound=Hashable)
_PRINTED = ("mean", "sd", "median", "min", "max")


@dataclass(frozen=True)
class Part:
    """A distribution. `low` and `high` truncate it; `mean` and `median` are those of the normal and log-normal before that.

    "quantiles" goes through `points` (probability, value), evenly in value or in its logarithm between them.
    """

    shape: Literal["fixed", "uniform", "normal", "lognormal", "quantiles", "log quantiles"]
    n: int = 1  # how many at the printed size of the group, where a value has several parts
    at: float | None = None  # fixed
    mean: float | None = None  # normal
    median: float | None = None  # lognormal
    sigma: float | None = None  # of the value (normal) or of its natural logarithm (lognormal)
    low: float | None = None
    high: float | None = None
    points: tuple[tuple[float, float], ...] = ()
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        need = {
            "fixed": ("at",), "uniform": ("low", "high"), "normal": ("mean", "sigma", "low", "high"),
            "lognormal": ("median", "sigma", "low", "high"), "quantiles": ("points",), "log quantiles": ("points",),
        }[self.shape]  # fmt: skip
        given = tuple(
            name for name in ("at", "mean", "median", "sigma", "low", "high", "points") if getattr(self, name) not in (None, ())
        )
        if given != need:
            raise ValueError(
                f"a {self.shape} part is given by {', '.join(need)}, found {', '.join(given) or 'nothing'}; give just these"
            )
        if self.n < 1:
            raise ValueError(f"a part stands for n = {self.n} patients; give 1 or more, or take the part out")
        if self.sigma is not None and not 0 < self.sigma < math.inf:
            raise ValueError(f"sigma is {self.sigma}; a spread is positive, and a value without one is fixed")
        if not math.isfinite(self.mean or 0.0) or (self.median is not None and not 0 < self.median < math.inf):
            raise ValueError(
                f"the centre is {self.mean if self.median is None else self.median}; give a finite number, above 0 for a median"
            )
        self._check_range()

    def _check_range(self) -> None:
        low, high = self.bounds()
        if not (math.isfinite(low) and math.isfinite(high)) or low > high or (low == high and self.shape != "fixed"):
            raise ValueError(f"the range {low:g} to {high:g} is empty; low must lie below high")
        if "log" in self.shape and low <= 0:
            raise ValueError(f"the lower end is {low:g}; a logarithm needs it above 0")
        if self.points:
            chances = [p for p, _ in self.points]
            values = [v for _, v in self.points]
            if chances[0] != 0 or chances[-1] != 1 or chances != sorted(set(chances)) or values != sorted(values):
                raise ValueError(f"points {self.points} do not rise from probability 0 to 1; sort them")

    def bounds(self) -> Bounds:
        """Smallest and largest value."""
        if self.at is not None:
            return self.at, self.at
        if self.points:
            return self.points[0][1], self.points[-1][1]
        return (math.nan if self.low is None else self.low), (math.nan if self.high is None else self.high)

    def quantile(self, chance: float) -> float:
        """The value below which that share of draws lies."""
        low, high = self.bounds()
        if self.shape == "fixed":
            return low
        if self.shape == "uniform":
            return low + chance * (high - low)
        if self.points:
            chances, values = (np.array(row) for row in zip(*self.points, strict=True))
            if self.shape == "log quantiles":
                return min(max(math.exp(float(np.interp(chance, chances, np.log(values)))), low), high)
            return float(np.interp(chance, chances, values))
        if self.shape == "lognormal":
            drawn = math.exp(self._between(chance, math.log(self.median or 1.0), math.log(low), math.log(high)))
            return min(max(drawn, low), high)
        return self._between(chance, self.mean or 0.0, low, high)

    def _between(self, chance: float, centre: float, low: float, high: float) -> float:
        """Of the normal distribution cut at both ends."""
        sigma = self.sigma or 1.0
        first, last = ndtr((low - centre) / sigma), ndtr((high - centre) / sigma)
        drawn = centre + sigma * float(ndtri(first + chance * (last - first)))
        return min(max(drawn, low), high)


@dataclass(frozen=True)
class Value:
    """A drawn number: one of its parts, times powers of other values, plus other values, held between `low` and `high`.

    Several parts are dealt, so that their counts come out exactly; values that share a `deck` get the same part.
    `printed` is what the paper prints about the result.
    """

    name: str
    unit: str
    parts: tuple[Part, ...]
    source: str
    groups: tuple[str, ...] = ()  # empty: everybody
    times: Mapping[str, float] = field(default_factory=dict)  # value -> power
    plus: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    deck: str = ""
    column: bool = False  # a column of participants.tsv; otherwise known to the truth alone
    decimals: int = 1  # of that column
    printed: Mapping[str, float] = field(default_factory=dict)
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError(f"{self.name}: no source; name the paper's place, or say what is assumed and why")
        if not self.parts:
            raise ValueError(f"{self.name}: no parts; give one distribution at least")
        unknown = sorted(set(self.printed) - set(_PRINTED))
        if unknown:
            raise ValueError(f"{self.name}: printed has {unknown[0]!r}; known: {', '.join(_PRINTED)}")

    @property
    def deck_name(self) -> str:
        return self.deck or self.name

    def result(self, drawn: float, known: Mapping[str, float]) -> float:
        """The value made of a draw and of what was drawn before."""
        made = drawn * math.prod(float(known[name] ** power) for name, power in self.times.items())
        made += sum(known[name] for name in self.plus)
        return min(max(made, -math.inf if self.low is None else self.low), math.inf if self.high is None else self.high)

    def range(self, known: Mapping[str, Bounds]) -> Bounds:
        """Smallest and largest possible result; ValueError where it rests on a value that is not there."""
        for name in (*self.times, *self.plus):
            if name not in known:
                raise ValueError(
                    f"{self.name} is made of {name!r}, which no value before it gives; correct the name or the order"
                )
        ends = [end for part in self.parts for end in part.bounds()]
        low, high = min(ends), max(ends)
        for name, power in self.times.items():
            if known[name][0] < 0 or (power < 0 and known[name][0] == 0) or low < 0:
                raise ValueError(f"{self.name} multiplies {name}, which can be {known[name][0]:g}; only positive values multiply")
            factors = sorted(end**power for end in known[name])
            low, high = low * factors[0], high * factors[1]
        low, high = (end + sum(known[name][k] for name in self.plus) for k, end in enumerate((low, high)))
        floor, ceiling = -math.inf if self.low is None else self.low, math.inf if self.high is None else self.high
        return min(max(low, floor), ceiling), min(max(high, floor), ceiling)


@dataclass(frozen=True)
class Column:
    """A word for each patient (or examination) with its printed counts, dealt so that these come out exactly."""

    name: str
    counts: Mapping[str, int]
    source: str
    groups: tuple[str, ...] = ()  # empty: everybody
    hidden: bool = False  # known to the truth alone
    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    def __post_init__(self) -> None:
        if not self.source:
            raise ValueError(f"{self.name}: no source; name the paper's place, or say what is assumed and why")
        if not self.counts or min(self.counts.values()) < 0 or sum(self.counts.values()) == 0:
            raise ValueError(f"{self.name}: counts {dict(self.counts)} are not counts; give whole numbers from 0")


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Random numbers of their own for each thing that is drawn."""
    return np.random.default_rng([seed, *(zlib.crc32(n.encode()) if isinstance(n, str) else n for n in names)])


def apportioned(weights: Sequence[float], total: int) -> list[int]:
    """Whole numbers that sum to `total` in proportion to the weights, by largest remainder (the earlier wins a tie)."""
    exact = [total * weight / sum(weights) for weight in weights]
    counts = [math.floor(share + 1e-9) for share in exact]
    by_rest = sorted(range(len(weights)), key=lambda k: (-(exact[k] - counts[k]), k))
    for k in by_rest[: total - sum(counts)]:
        counts[k] += 1
    return counts


def dealt(keys: Sequence[Key], weights: Sequence[float], rng: np.random.Generator) -> dict[Key, int]:
    """Which of the weights' places each key gets: counts by largest remainder, order by chance."""
    cards = np.repeat(np.arange(len(weights)), apportioned(weights, len(keys)))
    return {key: int(card) for key, card in zip(keys, rng.permutation(cards), strict=True)}
