"""The tables of a method file that say where to measure."""

from typing import Literal

from afterglow.flows.method_steps import Strict
from afterglow.records.lesion import ReferenceKind


class ReferenceSpec(Strict):
    """The tissue that lesions are divided by, and whether the mirrored lesion may stand in for a missing outline."""

    kind: ReferenceKind
    mirror_when_missing: bool
    source: str


class LesionsSpec(Strict):
    """How lesions keep their names from visit to visit, and what a visit without an outline gets."""

    identity: Literal["names", "places"]
    carry: Literal["refit", "rigid"]
    source: str
