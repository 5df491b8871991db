"""The tables of a study: which fields each has, what they mean, and by what a row is known."""

from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

from afterglow.records.course import TreatmentKind
from afterglow.records.study import BASES

FieldKind = Literal["label", "text", "number", "whole", "day"]
TableName = Literal["participants", "sessions", "treatments", "outcomes", "readings"]


@dataclass(frozen=True)
class StudyField:
    """One column. `levels` are the only words it takes; `low` and `high` bound its numbers; `hint` says what may be wrong."""

    name: str
    kind: FieldKind
    words: str
    unit: str = ""
    needed: bool = False
    levels: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    hint: str = ""


SUBJECT = StudyField("participant_id", "label", "Subject label, with the prefix sub-", needed=True)
_VISIT = StudyField("session_id", "label", "Visit label, with the prefix ses-", needed=True)
_ANY_VISIT = StudyField("session_id", "label", "Visit label, with the prefix ses-; n/a for every visit")
_DAY = StudyField("day", "day", "Day on the subject's own clock", "d", needed=True)

TABLES: dict[TableName, tuple[StudyField, ...]] = {
    "participants": (
        SUBJECT,
        StudyField("age_years", "number", "Age", "a", low=0, high=120, hint="write the age in years"),
        StudyField("sex", "text", "Sex"),
        StudyField("site", "text", "Where the patient was scanned"),
        StudyField("diagnosis", "text", "Diagnosis"),
        StudyField("grade", "text", "WHO grade"),
        StudyField("idh", "text", "IDH status"),
        StudyField("mgmt", "text", "MGMT promoter methylation"),
    ),
    "sessions": (SUBJECT, _VISIT, _DAY, StudyField("scanner", "text", "Scanner")),
    "treatments": (
        SUBJECT,
        _DAY,
        StudyField("kind", "text", "What was done", needed=True, levels=get_args(TreatmentKind)),
        StudyField("dose_gy", "number", "Total dose", "Gy", low=0, high=200, hint="write the total dose in Gy, not in cGy"),
        StudyField("fractions", "whole", "Number of fractions", low=1, high=100),
        StudyField("target", "text", "What was treated"),
        StudyField("agent", "text", "Drug"),
    ),
    "outcomes": (
        SUBJECT,
        _ANY_VISIT,
        StudyField("lesion_id", "text", "Lesion; n/a for every lesion"),
        StudyField("label", "text", "What the lesion turned out to be", needed=True),
        StudyField("basis", "text", f"How that is known: {', '.join(BASES)} …", needed=True),
        StudyField("day", "day", "Day on which it became known, on the subject's own clock", "d"),
    ),
    "readings": (
        SUBJECT,
        _VISIT,
        StudyField("lesion_id", "text", "Lesion", needed=True),
        StudyField("reader", "text", "Who read", needed=True),
        StudyField("method", "text", "With what", needed=True),
        StudyField("call", "text", "What the reader said", needed=True),
        StudyField("confidence", "number", "How sure, 0 to 1", low=0, high=1, hint="divide a percentage by 100"),
    ),
}  # fmt: skip
KEYS: dict[TableName, tuple[str, ...]] = {  # two rows that agree in these are about the same thing
    "participants": ("participant_id",),
    "sessions": ("participant_id", "session_id"),
    "treatments": ("participant_id", "day", "kind", "target", "agent"),
    "outcomes": ("participant_id", "session_id", "lesion_id"),
    "readings": ("participant_id", "session_id", "lesion_id", "reader", "method"),
}


@cache
def field_of(table: TableName, name: str) -> StudyField:
    """The field of that name; of participants a column of one's own, kept as text."""
    return next((one for one in TABLES[table] if one.name == name), StudyField(name, "text", name.replace("_", " ")))
