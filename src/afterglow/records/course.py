"""A patient's story: visits in order, and what was done between them."""

from dataclasses import dataclass
from typing import Literal

from afterglow.records.measurement import Measurement
from afterglow.records.track import Event, Track

TreatmentKind = Literal["surgery", "radiotherapy", "radiosurgery", "drug"]


@dataclass(frozen=True)
class Treatment:
    """One treatment, on the subject's own clock."""

    kind: TreatmentKind
    day: float
    dose_gy: float | None = None
    fractions: int | None = None
    target: str = ""
    agent: str = ""


@dataclass(frozen=True)
class Visit:
    """One session with its day and what was measured."""

    session_id: str
    day: float
    measurements: tuple[Measurement, ...]


@dataclass(frozen=True)
class Course:
    """Visits in the order of their days, and treatments."""

    participant_id: str
    visits: tuple[Visit, ...]
    treatments: tuple[Treatment, ...] = ()
    tracks: tuple[Track, ...] = ()
    events: tuple[Event, ...] = ()

    def __post_init__(self) -> None:
        days = [visit.day for visit in self.visits]
        for earlier, later in zip(self.visits, self.visits[1:], strict=False):
            if earlier.day == later.day:
                raise ValueError(
                    f"sub-{self.participant_id}: ses-{earlier.session_id} and ses-{later.session_id} both lie on day {later.day:g}; "
                    "correct the sessions table, two visits need two days"
                )
        if days != sorted(days):
            raise ValueError(f"sub-{self.participant_id}: visits are not in the order of their days: {days}")
