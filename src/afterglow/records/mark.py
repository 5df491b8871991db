"""A mark that a reader or a program set in a visit: a lesion that it found, or a false one."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class DetectionMark:
    """One mark. `lesion_id` None: it lies on no lesion."""

    participant_id: str
    session_id: str
    reader: str  # empty where one alone marked
    score: float  # higher is surer
    lesion_id: str | None

    def __post_init__(self) -> None:
        if not self.participant_id:
            raise ValueError("a mark belongs to a participant")
        if not math.isfinite(self.score):
            raise ValueError(f"sub-{self.participant_id}: a mark with a score of {self.score:g}")
