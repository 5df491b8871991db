"""Lesions that keep their identity from visit to visit, and what happens to them on the way."""

from dataclasses import dataclass
from typing import Literal

EventKind = Literal["new", "returned", "vanished", "split", "merged", "resected", "unseen"]
EVENT_KINDS: tuple[EventKind, ...] = ("new", "returned", "vanished", "split", "merged", "resected", "unseen")
MatchKind = Literal["first", "overlap", "distance", "name", "correction"]


@dataclass(frozen=True)
class Sighting:
    """One lesion at one visit: the name it was outlined under there, and how it was recognised."""

    session_id: str
    day: float
    drawn_id: str
    volume_ml: float  # 0 where a person's outline says that nothing is left
    matched_by: MatchKind
    agreement: float | None  # Dice with the latest earlier sighting that has voxels; None where there is none
    distance_mm: float | None  # between their nearest voxel centres where the two share no voxel; None otherwise


@dataclass(frozen=True)
class Track:
    """One lesion through the course. `parents` are the tracks whose tissue it has by splitting off or by merging."""

    lesion_id: str
    tracking_uid: str  # 2.25.…, the same on every run of the same patient
    sightings: tuple[Sighting, ...]
    parents: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.sightings:
            raise ValueError(f"lesion {self.lesion_id}: a track without a sighting")
        days = [s.day for s in self.sightings]
        if days != sorted(set(days)):
            raise ValueError(f"lesion {self.lesion_id}: its sightings are not in the order of their days: {days}")


@dataclass(frozen=True)
class Correction:
    """A person's word: what is outlined as `drawn_id` at this visit is this lesion."""

    session_id: str
    drawn_id: str
    lesion_id: str


@dataclass(frozen=True)
class Event:
    """What happened to lesions between the visit before and this one.

    "unseen" with lesions before: their place lies outside the field of view now. "unseen" with lesions after only: seen for the
    first time, at a place that no earlier visit showed, so that nobody knows whether they are new. "returned": gone before,
    outlined again at the same place.
    """

    kind: EventKind
    session_id: str
    day: float
    before: tuple[str, ...]  # lesion ids at the visit before
    after: tuple[str, ...]  # lesion ids at this visit
    words: str

    def __post_init__(self) -> None:
        if self.kind not in EVENT_KINDS:
            raise ValueError(f"event {self.kind!r} is none of {', '.join(EVENT_KINDS)}")
        if not self.before and not self.after:
            raise ValueError(f"event {self.kind!r} at ses-{self.session_id} names no lesion")
