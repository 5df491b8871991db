"""One case of OSIPI's conformance data, the layout of a file of them, and readers of its cells."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.records.errors import BadInput
from afterglow.records.locking import locked

Kind = Literal["tofts", "etofts", "patlak", "2cxm", "2cum", "t1_vfa", "si_to_conc", "population_aif", "dsc"]
Row = Mapping[str, str]
Value = float | str | NDArray[np.float64]


class Tolerance(NamedTuple):
    """A value passes where |value - reference| <= absolute + relative |reference|."""

    absolute: float
    relative: float


@dataclass(frozen=True, eq=False)
class Case:
    """One row (or one labelled group of rows): what goes in, what should come out, and how close.

    `inputs` and `reference` are in house units, which their names carry; a reference is one number or a curve.
    """

    file: str  # relative to the folder
    kind: Kind
    label: str
    inputs: Mapping[str, Value]
    reference: Mapping[str, float | NDArray[np.float64]]
    tolerance: Mapping[str, Tolerance]

    def __post_init__(self) -> None:
        if set(self.reference) != set(self.tolerance):
            raise ValueError(
                f"{self.file}, {self.label}: references {sorted(self.reference)} and tolerances {sorted(self.tolerance)} differ"
            )
        for name in ("inputs", "reference"):
            values = {key: locked(v) if isinstance(v, np.ndarray) else v for key, v in getattr(self, name).items()}
            object.__setattr__(self, name, values)

    def worst(self, name: str, measured: float | NDArray[np.float64]) -> float:
        """The largest error of a measured value over what OSIPI allows: at most 1 passes. NaN never passes: it is infinite."""
        reference = np.asarray(self.reference[name])
        allowed = self.tolerance[name].absolute + self.tolerance[name].relative * np.abs(reference)
        ratio = np.abs(np.asarray(measured) - reference) / allowed
        return float(np.where(np.isfinite(ratio), ratio, np.inf).max())


class Layout(NamedTuple):
    """One row of the table of known files: a pattern of the name, the columns it must have, its reader."""

    name: str
    columns: tuple[str, ...]
    read: Callable[[str, list[Row]], Iterator[Case]]


def number(name: str, row: Row, column: str) -> float:
    """The one number of a cell. BadInput with file and row where there is another count of them."""
    values = numbers(name, row, column)
    if values.size != 1:
        raise BadInput(f"{name}, {row['label']}: {column} holds {values.size} numbers, expected one")
    return float(values[0])


def numbers(name: str, row: Row, column: str) -> NDArray[np.float64]:
    """The numbers of one cell, parted by blanks."""
    try:
        values = np.array([float(word) for word in row[column].split()])
    except ValueError as error:
        raise BadInput(f"{name}, {row['label']}: {column} holds something that is not a number ({error})") from error
    if values.size == 0 or not np.isfinite(values).all():
        raise BadInput(f"{name}, {row['label']}: {column} is empty or not finite")
    return values


def same_length(name: str, row: Row, first: str, *others: str) -> list[NDArray[np.float64]]:
    """The numbers of some cells, as many in each. BadInput where they differ."""
    arrays = [numbers(name, row, column) for column in (first, *others)]
    sizes = [array.size for array in arrays]
    if len(set(sizes)) != 1:
        raise BadInput(f"{name}, {row['label']}: {', '.join((first, *others))} hold {sizes} numbers; they must agree")
    return arrays
