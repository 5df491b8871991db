"""The numbers that a check asks about, each fetched with its sentence where it is missing or cannot be one."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from afterglow.records.errors import BadInput
from afterglow.records.printed import PrintedCheck, PrintedNumber, PrintedTable

MOST = 10**9  # no paper counts further; larger counts are slips of the pen
Interval = tuple[float, float]
Value = float | Interval | tuple[float, ...]


@dataclass(frozen=True)
class Computed:
    """What a check comes to: numbers under the names of the format, and by rule for the printed figures that several give."""

    values: Mapping[str, object]
    rules: dict[str, dict[str, Value]] = field(default_factory=dict)  # printed figure -> rule -> value; the usual rule first
    about: str = ""  # "10 of 11": what the numbers are about, for sentences
    against: tuple[str, ...] = ()  # sentences about what contradicts itself or cannot be
    notes: tuple[str, ...] = ()  # sentences about what a reader should know
    agrees: str = ""  # the sentence of a check that finds nothing against what is printed
    spans: dict[str, dict[str, Interval]] = field(default_factory=dict)  # like `rules`, as far as rounded inputs leave it open


@dataclass(frozen=True)
class AskedCheck:
    """A check with the tables beside it."""

    check: PrintedCheck
    tables: Mapping[str, PrintedTable] = field(default_factory=dict)
    readings: tuple[str, ...] = ()  # names of what the paper compares, in its order

    def refuse(self, words: str) -> BadInput:
        """The BadInput to raise about this check."""
        return BadInput(f"{self.check.where}: check {self.check.id!r}: {words}")

    def has(self, *keys: str) -> bool:
        return all(self.check.input.get(key) is not None for key in keys)

    def raw(self, key: str) -> object:
        """Whatever stands under the key, which must be there."""
        value = self.check.input.get(key)
        if value is None:
            found = ", ".join(self.check.input) or "nothing"
            raise self.refuse(f"{self.check.kind} needs the input {key!r} (found: {found}); add it")
        return value

    def text(self, key: str) -> str:
        value = self.raw(key)
        if not isinstance(value, str) or not value.strip():
            raise self.refuse(f"{key} is {_short(value)}; write text")
        return value.strip()

    def number(self, key: str) -> float:
        return self.as_number(key, self.raw(key))

    def count(self, key: str) -> int:
        return self.as_count(key, self.raw(key))

    def numbers(self, key: str) -> tuple[float, ...]:
        return tuple(self.as_number(key, item) for item in self.items(key))

    def counts(self, key: str) -> tuple[int, ...]:
        return tuple(self.as_count(key, item) for item in self.items(key))

    def items(self, key: str, length: int | None = None) -> Sequence[object]:
        """A list, of `length` parts where that is given."""
        return self.as_items(key, self.raw(key), length)

    def as_items(self, key: str, value: object, length: int | None = None) -> Sequence[object]:
        if not isinstance(value, (list, tuple)) or not value:
            raise self.refuse(f"{key} is {_short(value)}; write a list")
        if length is not None and len(value) != length:
            raise self.refuse(f"{key} holds {len(value)} parts; it needs {length}")
        return value

    def as_number(self, key: str, value: object) -> float:
        """A finite number; text such as "0,05" or NaN is refused."""
        if isinstance(value, str):
            try:
                printed = PrintedNumber.read(value)
            except ValueError as error:
                raise self.refuse(f"{key}: {error}") from None
            if printed.relation != "=":
                raise self.refuse(f"{key} is {value!r}, a bound; write a number")
            return printed.value
        if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
            raise self.refuse(f"{key} is {_short(value)}; write a number")
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if not math.isfinite(number):
            raise self.refuse(f"{key} is {_short(value)}; write a finite number")
        return number

    def as_count(self, key: str, value: object) -> int:
        number = self.as_number(key, value)
        if number < 0 or number != int(number):
            raise self.refuse(f"{key} is {_short(value)}; a count is a whole number from 0")
        if number > MOST:
            raise self.refuse(f"{key} is {_short(value)}; no paper counts beyond {MOST}")
        return int(number)

    def level(self) -> float:
        """The level of an interval: 0.95 where it is not said; 95 means the same."""
        level = self.number("level") if self.has("level") else 0.95
        level = level / 100 if level > 1 else level
        if not 0.5 <= level < 1:
            raise self.refuse(f"level is {level:g}; write 0.95 or 95")
        return level

    def share(self, x_key: str, n_key: str) -> tuple[int, int]:
        """x of n, where x is not more than n and n not 0."""
        x, n = self.count(x_key), self.count(n_key)
        self.check_share(x, n, f"{x_key} of {n_key}")
        return x, n

    def check_share(self, x: int, n: int, words: str) -> None:
        if n == 0:
            raise self.refuse(f"{words} is {x} of 0; a share needs something to be a part of")
        if x > n:
            raise self.refuse(f"{words} is {x} of {n}; a part cannot exceed its whole")

    def printed(self, key: str) -> PrintedNumber:
        """An input with the decimals that it is printed with."""
        try:
            return PrintedNumber.read(self.raw(key))
        except ValueError as error:
            raise self.refuse(f"{key}: {error}") from None

    def said(self, key: str) -> object | None:
        """What is printed under a key, or None."""
        return None if self.check.published is None else self.check.published.get(key)

    def table(self, name: str) -> PrintedTable:
        if name not in self.tables:
            raise self.refuse(f"there is no table {name!r} beside it; put it there, or name its folder with --data")
        return self.tables[name]


def _short(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 40 else f"{text[:36]} …"
