"""A marker beside the truth: one value for each exam, what the exam was, and whose it was."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from afterglow.records.errors import BadInput
from afterglow.records.locking import locked
from afterglow.records.statistic import Values

Flags = NDArray[np.bool_]
Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Labelled:
    """One marker in the exams in which it was measured; `label` makes it from a table's columns."""

    name: str
    values: Values  # (n,) in the marker's unit
    truth: Flags  # (n,) whether the exam is a positive one
    patients: Codes  # (n,) 0, 1, 2 …: whose exam
    higher_is_positive: bool = True
    left_out: int = 0  # exams without a value

    def __post_init__(self) -> None:
        for name in ("values", "truth", "patients"):
            object.__setattr__(self, name, locked(getattr(self, name)))

    @property
    def scores(self) -> Values:
        """The values turned so that higher speaks for positive."""
        return self.values if self.higher_is_positive else -self.values

    @property
    def n_positive(self) -> int:
        return int(self.truth.sum())

    @property
    def n_negative(self) -> int:
        return int(self.truth.size) - self.n_positive

    @property
    def n_patients(self) -> int:
        return int(self.patients.max()) + 1 if self.patients.size else 0

    @property
    def clustered(self) -> bool:
        """Whether a patient has several exams."""
        return self.n_patients < self.truth.size

    @property
    def words(self) -> str:
        """What a reader should know about the exams; empty where there is nothing."""
        out = [f"{self.left_out} exams without a value left out"] if self.left_out else []
        if self.clustered:
            out.append(f"{self.truth.size} exams of {self.n_patients} patients")
        return "; ".join(out)

    @property
    def lacking(self) -> str:
        """Why nothing can be told apart here; empty where both kinds of exams are there."""
        if not self.truth.size:
            return "no exam with a value"
        return "no positive exam" if not self.n_positive else "no negative exam" if not self.n_negative else ""


def label(
    name: str, values: ArrayLike, truth: ArrayLike, patients: Sequence[str] | None = None, *, higher_is_positive: bool = True
) -> Labelled:
    """Leave out exams without a value, and count them; without `patients` each exam is of another one.

    BadInput for lists of different length, for a truth that is not known, and for values without end.
    """
    numbers, true = np.asarray(values, dtype=np.float64), truths(f"truth of {name}", truth)
    whose = codes(patients, true.size)
    if numbers.ndim != 1 or numbers.size != true.size:
        raise BadInput(f"{name}: {numbers.size} values and {true.size} truths; give one truth for each exam")
    if np.isinf(numbers).any():
        raise BadInput(f"{name}: {int(np.isinf(numbers).sum())} infinite values; write n/a where a ratio has no value")
    kept = ~np.isnan(numbers)
    left_out = int(numbers.size - kept.sum())
    return Labelled(name, numbers[kept], true[kept], recoded(whose[kept]), higher_is_positive, left_out)


def label_together(
    markers: dict[str, ArrayLike], truth: ArrayLike, patients: Sequence[str] | None = None, *, higher_is_positive: bool = True
) -> tuple[Labelled, ...]:
    """Several markers on the same exams: an exam that lacks one of them is left out of all."""
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in markers.items()}
    true = truths("truth of the markers", truth)
    for name, column in columns.items():
        if column.shape != true.shape:
            raise BadInput(f"{name}: {column.size} values and {true.size} truths; give one truth for each exam")
    missing = np.any([np.isnan(c) for c in columns.values()], axis=0) if columns else np.zeros(true.shape, dtype=bool)
    return tuple(
        label(name, np.where(missing, np.nan, column), true, patients, higher_is_positive=higher_is_positive)
        for name, column in columns.items()
    )


def truths(name: str, truth: ArrayLike) -> Flags:
    """Yes or no for each exam. BadInput where it is neither: an exam of unknown outcome is not a negative one."""
    given = np.asarray(truth, dtype=np.float64)
    if given.ndim != 1:
        raise BadInput(f"{name}: {given.ndim} dimensions where a list belongs; give yes or no for each exam")
    if np.isnan(given).any():
        raise BadInput(
            f"{name}: {int(np.isnan(given).sum())} exams of which yes or no is not known; leave them out first, and count them"
        )
    if not np.isin(given, (0.0, 1.0)).all():
        odd = given[~np.isin(given, (0.0, 1.0))][0]
        raise BadInput(f"{name}: {odd:g}, which is neither 0 nor 1; give yes or no for each exam")
    return given.astype(bool)


def codes(patients: Sequence[str] | None, n: int) -> Codes:
    """Patients as numbers; each exam its own where none is given."""
    if patients is None:
        return np.arange(n, dtype=np.intp)
    if len(patients) != n:
        raise BadInput(f"{len(patients)} patients for {n} exams; give one patient for each exam")
    return recoded(np.asarray(patients))


def recoded(patients: NDArray[np.generic]) -> Codes:
    """0, 1, 2 … for what is there."""
    found: Codes = np.unique(patients, return_inverse=True)[1].astype(np.intp).reshape(-1)
    return found
