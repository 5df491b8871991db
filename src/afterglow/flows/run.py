"""`afterglow run … participant`: every subject asked for, resumable, one failure never the batch."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from afterglow import __version__
from afterglow.flows.chunk import Chunk
from afterglow.flows.keys import versions
from afterglow.flows.many import PatientJob, PatientRun, make_patients
from afterglow.flows.method import Method, load_method, method_text
from afterglow.flows.place import Place
from afterglow.flows.work import Progress
from afterglow.io.atomic import clean_temporary, require_writable
from afterglow.io.bids import Dataset, open_dataset
from afterglow.io.derivatives import write_description
from afterglow.io.dosimetry import collect_dosimetry
from afterglow.io.manifest import ManifestEntry, merged_at_the_end, output_entry, record
from afterglow.io.measurements import measurements_below, write_measurements
from afterglow.io.readings import read_readings
from afterglow.io.repeatability import read_repeatability
from afterglow.io.verdicts import collect_verdicts
from afterglow.records.errors import MissingInput
from afterglow.records.result import PatientResult
from afterglow.response.repeatability import with_own


@dataclass(frozen=True, eq=False)
class RunReport:
    """What a run came to: each patient in a few words, and remarks on how it was carried out."""

    out: Path
    told: tuple[PatientRun, ...]
    remarks: tuple[str, ...] = ()

    @property
    def patients(self) -> tuple[PatientResult, ...]:
        """The patients with all their maps, where the run was asked to keep them."""
        return tuple(one.result for one in self.told if one.result is not None)

    @property
    def reports(self) -> tuple[Path, ...]:
        return tuple(one.report for one in self.told if one.report is not None)

    @property
    def failures(self) -> tuple[str, ...]:
        """A sentence for each visit, or whole patient, that could not be made."""
        return tuple(sentence for one in self.told for sentence in one.failures)

    @property
    def n_failed(self) -> int:
        """Patients that failed in part or in whole."""
        return sum(bool(one.failures) for one in self.told)


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
    scheduler: str = "",
    chunk: Chunk | None = None,
    keep_results: bool = False,
) -> RunReport:
    """Carry out a method on a BIDS data set; finished visits are skipped. AfterglowError where nothing can be done at all.

    `repeatability` is a table of one's own test-retest pairs (afterglow repeatability); its rows win over the ones that come
    with it. Several patients are made at once by `workers` processes, or by those of the dask `scheduler`; a script that asks
    for that keeps its own start under `if __name__ == "__main__":`. `keep_results` hands back every map of every patient,
    who are then made in this process, in turn.
    """
    method, text = load_method(method_name), method_text(method_name)
    dataset = open_dataset(bids_dir)
    subjects = _wanted(dataset, participants)
    chosen = subjects if chunk is None else chunk.part(subjects)
    require_writable(out)
    clean_temporary(out)
    write_description(out, source=dataset.root, version=__version__, method=method.name, method_doi=method.doi)
    own = read_repeatability(repeatability) if repeatability is not None else ()
    place = Place(dataset, out.absolute(), outlines_dir, with_own(own), read_readings(dataset.root))
    jobs = [PatientJob(place, one, method, text, tuple(session_labels), keep_result=keep_results) for one in chosen]
    with merged_at_the_end(place.out):
        told, remarks = make_patients(jobs, workers=workers, scheduler=scheduler, progress=progress)
        progress("tables", 0, 1)
        write_tables(place.out, method)
    if chunk is not None:
        remarks += (f"chunk {chunk.number}/{chunk.of}: {len(chosen)} of {len(subjects)} subjects",)
    return RunReport(place.out, tuple(told), remarks)


def _wanted(dataset: Dataset, participants: Sequence[str]) -> tuple[str, ...]:
    labels = tuple(dict.fromkeys(p.removeprefix("sub-") for p in participants))
    unknown = [label for label in labels if label not in dataset.subjects]
    if unknown:
        raise MissingInput(
            f"{dataset.root}: there is no sub-{unknown[0]}; it has {len(dataset.subjects)} subjects, the first is sub-{dataset.subjects[0]}"
        )
    return labels or dataset.subjects


def write_tables(out: Path, method: Method) -> None:
    """measurements.tsv, verdicts.tsv and, where tumours are painted, dosimetry.tsv of all visits that are on disk; whoever writes them last has seen all.

    Several processes may do this at once: each looks again after its own write, and repeats it where a patient came in between.
    """
    while True:
        before = _sources(out)
        written = [*write_measurements(out / "measurements.tsv", measurements_below(out)), *collect_verdicts(out)]
        written += collect_dosimetry(out)
        outputs = tuple(output_entry(one, out) for one in written)
        record(out, ManifestEntry("tables", "done", method.name, "", (), outputs, {}, versions()))
        if _sources(out) == before:
            return


def _sources(out: Path) -> list[tuple[str, int, int]]:
    """The tables of every visit and patient, as they are now."""
    paths = [
        *out.glob("sub-*/**/*_measurements.tsv"),
        *out.glob("sub-*/*_verdicts.tsv"),
        *out.glob("sub-*/**/dose/*_dosimetry.tsv"),
    ]
    return sorted((path.as_posix(), path.stat().st_mtime_ns, path.stat().st_size) for path in paths)
