"""A digital patient written as a BIDS data set, and the truth beside it, never inside it."""

from pathlib import Path

from afterglow.flows.digital_exam import write_exam
from afterglow.flows.digital_tables import write_description, write_story_tables, write_story_truth
from afterglow.simulate.patient import DigitalPatient
from afterglow.simulate.template import NOTICE


def write_patient(patient: DigitalPatient, bids: Path, truth: Path, *, workers: int = 1) -> None:
    """Scans, sidecars, tables and outlines below `bids`; true maps, curves, motion and story below `truth`."""
    readme = f"{patient.description}\nNo real patient. Seed {patient.seed}.\n\n{NOTICE}\n"
    write_description(bids, "afterglow digital patients", readme)
    write_story_tables((patient.story,), bids)
    for visit in patient.visits:
        write_exam(visit, patient.story.subject, bids, truth, workers=workers)
    write_story_truth(patient.story, truth, seed=patient.seed)
