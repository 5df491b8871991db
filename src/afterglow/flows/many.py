"""One patient as a task, and many of them: in turn, on the processors of this machine, or on a cluster."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from threadpoolctl import threadpool_limits

from afterglow.align.images import one_itk_thread
from afterglow.flows.engine import (
    INSTALL,
    Broken,
    Workers,
    has_dask,
    in_turn,
    local_workers,
    scheduler_workers,
    side_by_side,
)
from afterglow.flows.method import Method
from afterglow.flows.patient import run_patient
from afterglow.flows.place import Place
from afterglow.flows.visit import record_failure
from afterglow.flows.work import Progress, silent
from afterglow.io.derivatives import report_path
from afterglow.io.manifest import merging_later
from afterglow.records.response import Verdict
from afterglow.records.result import PatientResult

Row = TypeVar("Row")


@dataclass(frozen=True, eq=False)
class PatientJob:
    """All that one patient's task needs, so that it can be sent to another process."""

    place: Place
    subject: str
    method: Method
    method_text: str
    sessions: tuple[str, ...]  # the visits asked for; empty for all
    workers: int = 1  # threads inside
    keep_result: bool = False


@dataclass(frozen=True, eq=False)
class PatientRun:
    """What became of one patient: light, so that thousands fit into memory. `result` holds the maps where they were asked for."""

    participant_id: str
    sessions: tuple[str, ...]  # the visits that are on disk, in their order
    verdicts: tuple[Verdict, ...]
    report: Path | None  # None where no visit could be made
    failures: tuple[str, ...]
    result: PatientResult | None = None


def make_patient(job: PatientJob, progress: Progress = silent) -> PatientRun:
    """One patient with all visits, in this process; libraries keep to one thread, so that the bytes never depend on the machine."""
    with merging_later(), _one_thread():
        result, failures = run_patient(
            job.place, job.subject, job.method, job.method_text, wanted=job.sessions, workers=job.workers, progress=progress
        )
    if result is None:
        return PatientRun(job.subject, (), (), None, tuple(failures))
    visits = tuple(exam.session for exam in result.exams)
    report = report_path(job.place.out, job.subject)
    return PatientRun(job.subject, visits, result.verdicts, report, tuple(failures), result if job.keep_result else None)


@contextmanager
def _one_thread() -> Iterator[None]:
    with threadpool_limits(limits=1), one_itk_thread():
        yield


def make_patients(
    jobs: Sequence[PatientJob], *, workers: int, scheduler: str, progress: Progress
) -> tuple[list[PatientRun], tuple[str, ...]]:
    """Every patient, in the order of the jobs, and remarks on how they were carried out. One that fails never stops the others.

    With a scheduler's address its workers share the patients, one each at a time; else `workers` processes of this machine
    do. One patient alone, or without dask, is made in this process with as many threads inside.
    """
    remarks: tuple[str, ...] = ()
    with ExitStack() as stack:
        hands: Workers | None = None
        if scheduler:
            hands = stack.enter_context(scheduler_workers(scheduler))
        elif workers > 1 and len(jobs) > 1 and not any(job.keep_result for job in jobs):
            if has_dask():
                hands = stack.enter_context(local_workers(min(workers, len(jobs))))
            else:
                remarks = (
                    f"dask.distributed is not installed: one patient after the other, with {workers} threads inside each; "
                    f"{INSTALL} makes {workers} patients at once",
                )
        if hands is None:
            inside = [replace(job, workers=workers) for job in jobs]
            came = in_turn(partial(make_patient, progress=progress), inside)
        else:
            came = side_by_side(make_patient, [_narrowed(job) for job in jobs], hands)
        return _told(jobs, came, progress, "" if hands is None else hands.note), remarks


def _told(
    jobs: Sequence[PatientJob], came: Iterator[tuple[int, PatientRun | Broken]], progress: Progress, note: str
) -> list[PatientRun]:
    runs: dict[int, PatientRun] = {}
    progress(_words(runs, jobs) + note, 0, len(jobs))
    for number, made in came:
        runs[number] = _failed(jobs[number], made) if isinstance(made, Broken) else made
        progress(_words(runs, jobs), len(runs), len(jobs))
    return [runs[number] for number in range(len(jobs))]


def _words(runs: dict[int, PatientRun], jobs: Sequence[PatientJob]) -> str:
    failed = sum(bool(run.failures) for run in runs.values())
    return f"{len(runs)} of {len(jobs)} patient{'s' * (len(jobs) != 1)}" + (f", {failed} failed" if failed else "")


def _failed(job: PatientJob, broken: Broken) -> PatientRun:
    """A patient whose task came to nothing, as a line in the manifest; its visits that were finished before stay so."""
    name = f"sub-{job.subject}"
    sentence = broken.sentence if name in broken.sentence else f"{name}: {broken.sentence}"
    record_failure(job.place, job.subject, None, job.method, sentence)
    return PatientRun(job.subject, (), (), None, (sentence,))


def _narrowed(job: PatientJob) -> PatientJob:
    """The job without the tables of the other patients: what is sent stays small, however large the cohort."""
    subject, place = job.subject, job.place
    dataset = replace(
        place.dataset,
        subjects=(subject,),
        participants=_only(subject, place.dataset.participants),
        treatments=_only(subject, place.dataset.treatments),
    )
    return replace(job, place=replace(place, dataset=dataset, readings=_only(subject, place.readings)))


def _only(subject: str, table: Mapping[str, Row]) -> dict[str, Row]:
    return {subject: table[subject]} if subject in table else {}
