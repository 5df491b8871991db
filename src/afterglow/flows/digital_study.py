"""`afterglow demo --study`: the whole study of a method on its digital cohort, from the first scan to the group report."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from afterglow.flows.cohort import GroupReport, run_group
from afterglow.flows.method import load_method
from afterglow.flows.run import RunReport, run_participants
from afterglow.flows.simulate import Order, SimulationReport, simulate_cohort
from afterglow.flows.simulation_file import simulation_names
from afterglow.flows.work import Progress
from afterglow.records.errors import BadMethod

Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class StudyReport:
    """What each of the three parts came to, and how long it took by the clock."""

    simulated: SimulationReport
    measured: RunReport
    group: GroupReport
    seconds: tuple[tuple[str, float], ...]  # part, seconds of this call: what was finished before costs next to nothing

    @property
    def failures(self) -> tuple[str, ...]:
        """A sentence for each patient that could not be simulated, and each visit that could not be measured."""
        return (*self.simulated.failures, *self.measured.failures)


def run_study(
    folder: Path, method_name: str, *, patients: int | None, seed: int, size: str, workers: int, progress: Progress
) -> StudyReport:
    """Simulate the cohort, measure every patient, analyse the group, below `folder`; goes on where it was stopped.

    `patients` None: as many as the publication has. BadMethod where the method has no digital cohort or says nothing about
    groups; otherwise the errors of the three parts. One failed patient never stops the others.
    """
    method = load_method(method_name)
    if method.name not in simulation_names():
        raise BadMethod(
            f"{method.name}: no digital cohort has that name; there are {', '.join(simulation_names())}. "
            "A method of your own on one of them: keep that name in its file"
        )
    if method.cohort is None:
        raise BadMethod(
            f"{method.name}: its file has no [cohort], so that no study of it can be analysed; add one (docs: cohorts)"
        )
    if method.recurrence is not None:
        raise BadMethod(
            f"{method.name}: its study trains models, which takes hours, so it is not made in one go; call `afterglow simulate`, `run … participant`, "
            "`train`, `predict` and `run … group` one after the other (docs: recurrence)"
        )
    seconds: list[tuple[str, float]] = []

    def timed(part: str, work: Callable[[], Made]) -> Made:
        began = time.monotonic()
        made = work()
        seconds.append((part, time.monotonic() - began))
        return made

    order = Order(method.name, patients, seed, size)
    simulated = timed("simulate", lambda: simulate_cohort(order, folder, workers=workers, progress=progress))
    out = folder / "results"
    measured = timed("participant", lambda: _measure(simulated.bids, out, method_name, workers, progress))
    group = timed("group", lambda: run_group(simulated.bids, out, method_name, progress=progress))
    return StudyReport(simulated, measured, group, tuple(seconds))


def _measure(bids: Path, out: Path, method_name: str, workers: int, progress: Progress) -> RunReport:
    return run_participants(
        bids, out, method_name, participants=(), session_labels=(), outlines_dir=None, workers=workers, progress=progress
    )
