"""Time and memory of the simulation: a whole head, a coarse patient of each cohort, and the rate at which a large cohort is made.

    python scripts/measure_simulation.py [head coarse cohort] [--workers 2] [--json]

head: two visits of a head of 1 mm, each with anatomy of 1 mm and three 60-frame series of 2 x 2 x 4 mm (DCE, spin-echo and
gradient-echo DSC) and diffusion, scanned and written. coarse: the first patient of each cohort at 4 mm, on one core. cohort: a few patients of
stadlbauer2025 at 4 mm, and what that makes for its 2003 examinations. Clock time means something on a quiet machine only.
"""

import argparse
import json
import resource
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from afterglow.flows.digital_exam import write_exam
from afterglow.flows.simulate import Order, simulate_cohort
from afterglow.flows.simulation_file import load_simulation, simulation_names
from afterglow.flows.work import silent
from afterglow.simulate.cohort import draw_story
from afterglow.simulate.exam import scan_visit
from afterglow.simulate.subject import make_subject

DYNAMIC_MM, SLICES, FRAMES = (2.0, 2.0, 4.0), 32, 60
ANATOMY_MM = (1.0, 1.0, 1.0)
COHORT_PATIENTS, COHORT_EXAMS = 6, 2003
GOALS = {"head": 60.0, "memory": 3.0, "coarse": 5.0, "cohort": 3.0}


def figure(name: str, value: float, unit: str, goal: float, detail: str) -> dict[str, object]:
    """One figure as `afterglow bench` prints them."""
    return {"name": name, "value": round(value, 3), "unit": unit, "goal": goal, "ok": value <= goal, "detail": detail}


def head(workers: int) -> list[dict[str, object]]:
    """Two visits with three dynamic series each, visits side by side."""
    simulation = load_simulation("stadlbauer2025")
    made = load_simulation("ademola2025").acquisition.dce
    assert made is not None
    dce = replace(made, voxel_mm=DYNAMIC_MM, slices=SLICES, frames=FRAMES)
    dsc = tuple(replace(one, voxel_mm=DYNAMIC_MM, slices=SLICES, frames=FRAMES) for one in simulation.acquisition.dsc)
    anatomy = tuple(replace(one, voxel_mm=ANATOMY_MM) for one in simulation.acquisition.anatomy)
    scanner = replace(
        simulation.acquisition.scanner, snr={**simulation.acquisition.scanner.snr, "dce": 30.0, "vfa": 60.0, "b1": 30.0}
    )
    acquisition = replace(simulation.acquisition, dce=dce, dsc=dsc, anatomy=anatomy, scanner=scanner)
    story = draw_story(simulation.cohort, None, 1, 0)
    visits = [replace(visit, roles=acquisition.roles) for visit in story.visits[:2]]
    story = replace(story, visits=tuple(visits), outcomes=(), readings=())
    size = replace(acquisition.size["full"], body_mm=1.0)
    body, *seeds = np.random.SeedSequence(1).spawn(3)
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        subject = make_subject(story, "brain", body_mm=1.0, field_t=3.0, brain_leak=scanner.brain_leak, seed=body)

        def one(n: int) -> int:
            exam = scan_visit(subject, n, visits[n], acquisition, size, seeds[n], workers=max(1, workers // 2))
            return len(
                write_exam(exam, story.subject, Path(folder) / "bids", Path(folder) / "truth", workers=max(1, workers // 2))
            )

        with ThreadPoolExecutor(max_workers=min(2, workers)) as pool:
            files = sum(pool.map(one, range(2)))
    seconds = time.perf_counter() - begun
    peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    words = f"{files} files, {workers} workers, writing included"
    return [
        figure("head_two_visits", seconds, "s", GOALS["head"], words),
        figure("head_memory", peak_gb, "GiB", GOALS["memory"], words),
    ]


def coarse() -> list[dict[str, object]]:
    """The first patient of each cohort, its body and all its visits, on one core."""
    found = []
    for name in simulation_names():
        with tempfile.TemporaryDirectory() as folder:
            begun = time.perf_counter()
            done = simulate_cohort(Order(name, 1, 1, "coarse"), Path(folder) / "out", workers=1, progress=silent)
            seconds = time.perf_counter() - begun
        words = f"{done.exams} visits in {seconds:.1f} s, body and writing included"
        found.append(figure(f"coarse_{name}", seconds / done.exams, "s/visit", GOALS["coarse"], words))
    return found


def cohort(workers: int) -> list[dict[str, object]]:
    """Hours for the whole of stadlbauer2025, from the rate of its first patients."""
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        done = simulate_cohort(
            Order("stadlbauer2025", COHORT_PATIENTS, 1, "coarse"), Path(folder) / "out", workers=workers, progress=silent
        )
        seconds = time.perf_counter() - begun
    hours = COHORT_EXAMS * seconds / done.exams / 3600
    words = f"extrapolated from {done.exams} visits of {COHORT_PATIENTS} patients in {seconds:.0f} s, {workers} processes, their start included"
    return [figure("cohort_2003", hours, "h", GOALS["cohort"], words)]


def main() -> None:
    """Measure what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", nargs="*", help="head, coarse, cohort; all of them otherwise")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    known = {"head": lambda: head(asked.workers), "coarse": coarse, "cohort": lambda: cohort(asked.workers)}
    if unknown := set(asked.what) - set(known):
        parser.error(f"unknown: {', '.join(sorted(unknown))}")
    figures = [figure for what in asked.what or known for figure in known[what]()]
    if asked.json:
        print(json.dumps({"figures": figures}, indent=2))
        return
    for one in figures:
        print(
            f"{'pass' if one['ok'] else 'MISS'}  {one['name']:<28} {one['value']:>8} {one['unit']:<8} goal {one['goal']:g}  {one['detail']}"
        )


if __name__ == "__main__":
    main()
