"""The patient's own space: one place for all visits, found from the visits themselves."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.records.alignment import Alignment
from afterglow.records.grid import Grid


@dataclass(frozen=True, eq=False)
class PatientSpace:
    """Where every visit lies in one space that favours none of them.

    `visits` holds one rigid Alignment for each visit (source "ses-<label>", target "patient"): its matrix takes a point of the
    patient's space (RAS mm) to the scanner's coordinates of that visit's anatomy. A visit that could not be laid on the others
    is there with `trusted` False and a remark. `pairs` are the registrations between visits that the space was made from.
    """

    grid: Grid  # isotropic, holds the heads of all visits that are trusted
    visits: tuple[Alignment, ...]
    pairs: tuple[Alignment, ...]
    method: str  # in words
    flags: tuple[str, ...] = ()  # left and right exchanged, visits that could not be laid on the others …

    def __post_init__(self) -> None:
        names = [one.source for one in self.visits]
        if len(set(names)) != len(names):
            raise ValueError(f"a visit stands twice in the patient's space: {', '.join(names)}")

    def to_visit(self, session: str) -> NDArray[np.float64] | None:
        """The matrix (4, 4) from the patient's space to that visit; None where the visit is not trusted or not there."""
        found = next((one for one in self.visits if one.source == f"ses-{session}"), None)
        return found.matrix if found is not None and found.trusted else None

    def between(self, session: str, other: str) -> NDArray[np.float64] | None:
        """The matrix (4, 4) that takes a point of visit `session` to visit `other`; None where one of them is not trusted."""
        here, there = self.to_visit(session), self.to_visit(other)
        return None if here is None or there is None else there @ np.linalg.inv(here)
