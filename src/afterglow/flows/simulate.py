"""`afterglow simulate`: a digital cohort in BIDS with its truth beside it, patient by patient, resumable."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread

import numpy as np

from afterglow.flows.digital_dicom import write_exam_dicom
from afterglow.flows.digital_exam import write_exam
from afterglow.flows.digital_tables import write_cohort_tables, write_story_truth
from afterglow.flows.keys import versions
from afterglow.flows.simulation_file import Simulation, load_simulation, simulation_text
from afterglow.flows.work import Progress
from afterglow.io.atomic import Written, clean_temporary, require_free
from afterglow.io.dicom_nouns import ScanTiming
from afterglow.io.dicom_write import STYLES, require_pydicom
from afterglow.io.manifest import ManifestEntry, fingerprint, is_finished, output_entry, publish, read_manifest, record
from afterglow.io.sidecar import read_json
from afterglow.io.write import write_json
from afterglow.records.errors import AfterglowError, BadInput, Stopped
from afterglow.simulate.cohort import draw_stories, draw_story
from afterglow.simulate.exam import scan_visit
from afterglow.simulate.exam_plans import bytes_of_visit, stillness
from afterglow.simulate.series import DigitalExam
from afterglow.simulate.story import Story
from afterglow.simulate.subject import FIELDS, make_subject
from afterglow.simulate.tissues import Tissue, with_barrier

_SETTINGS = "simulation.json"


@dataclass(frozen=True)
class Order:
    """What was asked for; the same order gives the same bytes."""

    method: str
    patients: int | None  # None: as many as the paper
    seed: int
    size: str
    dicom: str | None = None  # a style of io.dicom_write.STYLES
    ideal: bool = False  # without noise, motion, field errors and inflow

    @property
    def name(self) -> str:
        """The cohort's name, or that of the user's file."""
        return Path(self.method).name.removesuffix(".toml")

    def settings(self) -> dict[str, object]:
        """As the folder remembers them; the number of patients too, since groups are dealt over all of them.

        A user's file is known by its name and content, not by where it lies.
        """
        digest = hashlib.sha256(simulation_text(self.method).encode("utf-8")).hexdigest()
        return {
            "method": self.name, "patients": self.patients, "seed": self.seed, "size": self.size, "dicom": self.dicom,
            "ideal": self.ideal, "simulation_sha256": digest,
        }  # fmt: skip


@dataclass(frozen=True)
class SimulationReport:
    """Where the cohort lies, what was made now and what was there already, and what could not be made."""

    bids: Path
    truth: Path
    patients: int
    exams: int
    made: int
    failures: tuple[str, ...]


def simulate_cohort(order: Order, out: Path, *, workers: int, progress: Progress) -> SimulationReport:
    """Draw the cohort, scan every visit that is not there yet, and write it below `out`.

    Many patients are made side by side by `workers` processes, one patient's visits by as many threads. BadMethod for an unknown
    method or impossible numbers, BadInput for a folder that holds something else, Unwritable where there is no room.
    """
    simulation = load_simulation(order.method)
    _check(order, simulation)
    stories = draw_stories(simulation.cohort, order.patients, order.seed, _healthy(simulation))
    begun = _is_begun(out, order)
    clean_temporary(out)
    if begun:
        publish(out)  # a kill between a patient's record and the manifest
    entries = read_manifest(out)
    wanted = {story.subject: fingerprint((), {**order.settings(), "subject": story.subject}, versions()) for story in stories}
    missing = [n for n, s in enumerate(stories) if not is_finished(entries, f"sub-{s.subject}", wanted[s.subject])]
    n_visits = sum(len(stories[n].visits) for n in missing)
    need = n_visits * bytes_of_visit(simulation.acquisition, simulation.acquisition.size[order.size], FIELDS[simulation.site])
    require_free(out, need * (2 if order.dicom else 1))
    _write_tables(order, simulation, stories, out)
    failures = []
    for done, failed in enumerate(_made(order, out, missing, wanted, stories, workers), start=1):
        failures += [failed] if failed else []
        progress("simulating patients", done, len(missing))
    return SimulationReport(
        out / "bids",
        out / "truth",
        len(stories),
        sum(len(s.visits) for s in stories),
        len(missing) - len(failures),
        tuple(failures),
    )


def _healthy(simulation: Simulation) -> Mapping[str, Tissue]:
    """The brain that the cohort's ratios refer to."""
    return with_barrier(simulation.acquisition.scanner.brain_leak)


def _check(order: Order, simulation: Simulation) -> None:
    if order.patients is not None and order.patients < 1:
        raise BadInput(f"{order.patients} patients cannot be simulated; give 1 or more")
    if order.seed < 0:
        raise BadInput(f"a seed of {order.seed} is negative; give 0 or more")
    if order.size not in simulation.acquisition.size:
        raise BadInput(f"{order.size!r} is no size of {simulation.name}; there are {', '.join(simulation.acquisition.size)}")
    if order.dicom is not None:
        if order.dicom not in STYLES:
            raise BadInput(f"{order.dicom!r} is no DICOM style; there are {', '.join(STYLES)}")
        require_pydicom()


def _is_begun(out: Path, order: Order) -> bool:
    """Whether the folder holds the same order already; False where it is still to be made, BadInput where it is not ours."""
    path, settings = out / _SETTINGS, order.settings()
    if path.is_file():
        found = read_json(path)
        differing = [name for name in settings if found.get(name) != settings[name]]
        if differing:
            raise BadInput(
                f"{path}: this folder was begun with {differing[0]} = {found.get(differing[0])!r}, now it is {settings[differing[0]]!r}; "
                "give the same order to go on, or another folder"
            )
        return True
    if out.exists() and not out.is_dir():
        raise BadInput(f"{out}: it is a file; give a new folder")
    if out.exists() and any(not one.name.startswith(f".{_SETTINGS}.") for one in out.iterdir()):
        raise BadInput(f"{out}: it is there and not empty, and no simulation began it; give a new folder")
    return False


def _write_tables(order: Order, simulation: Simulation, stories: tuple[Story, ...], out: Path) -> None:
    """The order and everything of the data set that is not a patient's image; in the manifest too, so that `verify` knows them."""
    settings = order.settings()
    written = (write_json(out / _SETTINGS, settings), *write_cohort_tables(simulation, stories, out / "bids", seed=order.seed))
    outputs = tuple(output_entry(one, out) for one in written)
    wanted = fingerprint((), settings, versions())
    record(out, ManifestEntry("cohort", "done", order.name, wanted, (), outputs, settings, versions()))


def _made(
    order: Order, out: Path, missing: list[int], wanted: dict[str, str], stories: tuple[Story, ...], workers: int
) -> Iterator[str]:
    """Make the missing patients; yields a sentence for each that failed, "" for each that did not, as they end."""
    jobs = [(order, out, n, wanted[stories[n].subject]) for n in missing]
    if len(jobs) <= 1 or workers == 1:
        yield from (_make_patient(*job, workers) for job in jobs)
        return
    with ProcessPoolExecutor(min(workers, len(jobs)), get_context("spawn"), initializer=_end_with_parent) as pool:
        running = [pool.submit(_make_patient, *job, 1) for job in jobs]
        try:
            yield from (one.result() for one in as_completed(running))
        except BrokenProcessPool:
            raise Stopped(
                f"one of {min(workers, len(jobs))} processes was ended from outside, perhaps for lack of memory; finished patients are "
                "kept, start the same command again with fewer workers"
            ) from None
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _end_with_parent() -> None:
    """A worker must not outlive a killed run: it would write beside the next one, or wait for work for ever."""
    parent = parent_process()
    if parent is not None:
        Thread(target=_end_after, args=(parent,), daemon=True).start()


def _end_after(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _make_patient(order: Order, out: Path, index: int, wanted: str, workers: int) -> str:
    """One patient in full, from the story to the manifest; the sentence of a stated error, or ""."""
    simulation = load_simulation(order.method)
    story = draw_story(simulation.cohort, order.patients, order.seed, index, _healthy(simulation))
    key, settings = f"sub-{story.subject}", {**order.settings(), "subject": story.subject}
    try:
        written = _scan_and_write(order, simulation, story, index, out, workers)
    except (AfterglowError, ValueError) as error:
        record(out, ManifestEntry(key, "failed", order.name, wanted, (), (), settings, versions(), message=str(error)))
        return f"{key}: {error}"
    outputs = tuple(output_entry(one, out) for one in written)
    record(out, ManifestEntry(key, "done", order.name, wanted, (), outputs, settings, versions()))
    return ""


def _scan_and_write(order: Order, simulation: Simulation, story: Story, index: int, out: Path, workers: int) -> list[Written]:
    acquisition = stillness(simulation.acquisition) if order.ideal else simulation.acquisition
    size = acquisition.size[order.size]
    seed = np.random.SeedSequence(order.seed, spawn_key=(index,))
    body, *visits = seed.spawn(1 + len(story.visits))
    subject = make_subject(
        story,
        simulation.site,
        body_mm=size.body_mm,
        field_t=acquisition.field_t,
        brain_leak=acquisition.scanner.brain_leak,
        seed=body,
    )
    side_by_side = min(workers, len(story.visits))

    def one(number: int) -> list[Written]:
        inside = max(1, workers // side_by_side)
        exam = scan_visit(subject, number, story.visits[number], acquisition, size, visits[number], workers=inside)
        written = list(write_exam(exam, story.subject, out / "bids", out / "truth", workers=inside))
        return written + (_dicom(order, simulation, story, exam, out) if order.dicom else [])

    with ThreadPoolExecutor(max_workers=side_by_side) as pool:
        written = [file for files in pool.map(one, range(len(story.visits))) for file in files]
    written.append(write_story_truth(story, out / "truth", seed=order.seed, index=index))
    return written


def _dicom(order: Order, simulation: Simulation, story: Story, exam: DigitalExam, out: Path) -> list[Written]:
    told = {s.role: ScanTiming(s.timing.tr_s, s.timing.te_s, s.timing.ti_s, s.timing.flip_deg) for s in exam.series}
    return list(
        write_exam_dicom(
            exam, out / "dicom", str(order.dicom), cohort=f"{order.name} {order.seed} {order.size}{' ideal' * order.ideal}", subject=story.subject,
            participant=story.participant, body_part=simulation.site.upper(), told=told,
        )
    )  # fmt: skip
