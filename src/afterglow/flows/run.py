"""`afterglow run … participant`: every subject asked for, one after the other, resumable."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from afterglow import __version__
from afterglow.flows.keys import versions
from afterglow.flows.method import Method, load_method, method_text
from afterglow.flows.patient import run_patient
from afterglow.flows.place import Place
from afterglow.flows.visit import record_failure
from afterglow.flows.work import Progress
from afterglow.io.atomic import clean_temporary, require_writable
from afterglow.io.bids import Dataset, open_dataset
from afterglow.io.derivatives import report_path, write_description
from afterglow.io.manifest import ManifestEntry, output_entry, publish, record
from afterglow.io.measurements import collect_measurements, write_measurements
from afterglow.io.readings import read_readings
from afterglow.io.repeatability import read_repeatability
from afterglow.io.verdicts import collect_verdicts
from afterglow.records.errors import AfterglowError, MissingInput
from afterglow.records.result import PatientResult
from afterglow.response.repeatability import with_own


@dataclass(frozen=True, eq=False)
class RunReport:
    """What a run came to."""

    out: Path
    patients: tuple[PatientResult, ...]
    reports: tuple[Path, ...]
    failures: tuple[str, ...]


def run_participants(
    bids_dir: Path,
    out: Path,
    method_name: str,
    *,
    participants: Sequence[str],
    session_labels: Sequence[str],
    outlines_dir: Path | None,
    workers: int,
    progress: Progress,
    repeatability: Path | None = None,
) -> RunReport:
    """Carry out a method on a BIDS data set; finished visits are skipped. AfterglowError where nothing can be done at all.

    `repeatability` is a table of one's own test-retest pairs (afterglow repeatability); its rows win over the ones that come with it.
    """
    method, text = load_method(method_name), method_text(method_name)
    dataset = open_dataset(bids_dir)
    subjects = _wanted(dataset, participants)
    require_writable(out)
    clean_temporary(out)
    publish(out)
    write_description(out, source=dataset.root, version=__version__, method=method.name, method_doi=method.doi)
    own = read_repeatability(repeatability) if repeatability is not None else ()
    place = Place(dataset, out.absolute(), outlines_dir, with_own(own), read_readings(dataset.root))
    patients: list[PatientResult] = []
    failures: list[str] = []
    for number, subject in enumerate(subjects):
        progress(f"sub-{subject}", number, len(subjects))
        try:
            patient, failed = run_patient(place, subject, method, text, wanted=session_labels, workers=workers, progress=progress)
        except AfterglowError as error:  # what concerns all visits of a subject does not stop the others
            patient, failed = None, [str(error)]
            record_failure(place, subject, None, method, str(error))
        failures += failed
        if patient is not None:
            patients.append(patient)
    _tables(place.out, method)
    reports = tuple(report_path(place.out, patient.participant_id) for patient in patients)
    return RunReport(place.out, tuple(patients), reports, tuple(failures))


def _wanted(dataset: Dataset, participants: Sequence[str]) -> tuple[str, ...]:
    labels = tuple(p.removeprefix("sub-") for p in participants)
    unknown = [label for label in labels if label not in dataset.subjects]
    if unknown:
        raise MissingInput(
            f"{dataset.root}: there is no sub-{unknown[0]}; it has {len(dataset.subjects)} subjects, the first is sub-{dataset.subjects[0]}"
        )
    return labels or dataset.subjects


def _tables(out: Path, method: Method) -> None:
    """measurements.tsv and verdicts.tsv of all visits that are on disk."""
    written = [*write_measurements(out / "measurements.tsv", collect_measurements(out)), *collect_verdicts(out)]
    outputs = tuple(output_entry(one, out) for one in written)
    record(out, ManifestEntry("tables", "done", method.name, "", (), outputs, {}, versions()))
