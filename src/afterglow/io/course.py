"""A patient's course in one JSON file: visits, treatments, lesions, events, calls. `afterglow course` and viewers read it."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from afterglow.io.atomic import Written
from afterglow.io.derivatives import exam_folder, report_path
from afterglow.io.names import bids_name
from afterglow.io.sidecar import read_json
from afterglow.io.write import write_json
from afterglow.records.errors import MissingInput
from afterglow.records.result import PatientResult


def course_path(out: Path, subject: str) -> Path:
    """sub-01/sub-01_course.json"""
    return exam_folder(out, subject, "") / bids_name({"sub": subject}, "course", ".json")


def write_course(out: Path, patient: PatientResult) -> Written:
    """Everything between the visits; what was measured at each stands in measurements.tsv."""
    course = patient.course
    content: dict[str, object] = {
        "participant_id": f"sub-{patient.participant_id}",
        "method": patient.method,
        "visits": [{"session_id": f"ses-{v.session_id}" if v.session_id else "", "day": v.day} for v in course.visits],
        "treatments": [asdict(t) for t in course.treatments],
        "lesions": [asdict(t) for t in course.tracks],
        "events": [asdict(e) for e in course.events],
        "calls": [{**asdict(v), "numbers": [list(n) for n in v.numbers]} for v in patient.verdicts],
        "lead_times": [asdict(one) for one in patient.leads],
        "remarks": [asdict(q) for q in patient.quality],
        "report": report_path(out, patient.participant_id).name,
    }
    return write_json(course_path(out, patient.participant_id), content)


def read_course(out: Path, subject: str) -> Mapping[str, object]:
    """What `write_course` wrote. MissingInput where that subject has no course there."""
    path = course_path(out, subject)
    if not path.is_file():
        raise MissingInput(
            f"{path}: there is no course of sub-{subject}; run the method on it first, or give the folder it wrote"
        )
    return read_json(path)
