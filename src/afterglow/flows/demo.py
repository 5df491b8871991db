"""`afterglow demo`: a simulated patient before and after radiosurgery, the whole way to a report, held against its truth."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from afterglow.flows.digital import write_patient
from afterglow.flows.run import run_participants
from afterglow.flows.work import Progress
from afterglow.io.atomic import require_writable
from afterglow.records.errors import AfterglowError
from afterglow.records.response import Category, Verdict
from afterglow.records.result import ExamResult
from afterglow.simulate.patient import simulate_patient
from afterglow.simulate.plan import PLANS
from afterglow.simulate.series import DigitalExam

METHOD = "ademola2025"
SCENARIO = "necrosis"
EXPECTED: dict[str, Category] = {"necrosis": "response", "recurrence": "progression"}
QUANTITIES = ("ktrans", "ve", "vp")
TOLERANCE = 0.05  # of the true value


@dataclass(frozen=True)
class TruthError:
    """Lesion mean and median as measured and as simulated."""

    session: str
    quantity: str
    unit: str
    measured: float
    true: float
    median_measured: float
    median_true: float

    @property
    def relative(self) -> float:
        return self.measured / self.true - 1

    @property
    def median_relative(self) -> float:
        return self.median_measured / self.median_true - 1


@dataclass(frozen=True, eq=False)
class DemoReport:
    """Where the report is, how far the numbers are from the truth, and whether the call is right."""

    report: Path
    bids: Path
    errors: tuple[TruthError, ...]
    verdict: Verdict
    expected: Category

    @property
    def right(self) -> bool:
        return self.verdict.category == self.expected


def run_demo(folder: Path, *, seed: int, workers: int, progress: Progress) -> DemoReport:
    """Simulate, quantify, judge and report below `folder`, then compare with the truth. AfterglowError as in any run."""
    require_writable(folder)
    tell = lambda done, total: progress("simulating a patient", done, total)  # noqa: E731
    patient = simulate_patient(SCENARIO, seed=seed, plan=PLANS["brain"], workers=workers, progress=tell)
    progress("writing the scans", 0, 1)
    bids = folder / "bids"
    write_patient(patient, bids, folder / "truth", workers=workers)
    run = run_participants(
        bids,
        folder / "results",
        METHOD,
        participants=[patient.story.subject],
        session_labels=(),
        outlines_dir=None,
        workers=workers,
        progress=progress,
        keep_results=True,
    )
    if run.failures or not run.patients:
        raise AfterglowError("; ".join(run.failures) or "the demo made no patient")
    result = run.patients[0]
    errors = tuple(e for exam, visit in zip(result.exams, patient.visits, strict=True) for e in _errors(exam, visit))
    return DemoReport(run.reports[0], bids, errors, result.verdicts[0], EXPECTED[SCENARIO])


def _errors(exam: ExamResult, visit: DigitalExam) -> list[TruthError]:
    """Over the voxels of the true lesion that were measured."""
    made = []
    lesion = visit.truth.map_of("enhancing", "dce").values > 0.5
    for name in QUANTITIES:
        found = exam.map_of(name)
        if found is None:
            continue
        true = visit.truth.map_of(name, "dce").values
        where = lesion & np.isfinite(found.values)
        values = found.values[where], true[where]
        means, medians = (float(v.mean()) for v in values), (float(np.median(v)) for v in values)
        made.append(TruthError(exam.session, name, found.quantity.unit, *means, *medians))
    return made
