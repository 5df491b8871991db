"""How fast the group level is on large tables: every analysis of a method and its report, and DeLong alone.

    python scripts/measure_cohort.py [METHOD] [--measurements 100000] [--exams 100000] [--seed 1] [--profile N] [--json]

A digital cohort without images (flows/table_cohort) has about as many measurements as asked for; what is timed is what
`afterglow run … group` does with them after reading: cases, analyses, the document with its pictures, HTML. Making the cohort is not
timed. Drawing 1e5 exams and two markers for DeLong is not timed either. One core: OMP_NUM_THREADS=1.
"""

import argparse
import cProfile
import json
import pstats
import sys
import time

import numpy as np

from afterglow.cohort.auc import auc, compare_aucs
from afterglow.cohort.labelled import label_together
from afterglow.flows.cohort import facts_of
from afterglow.flows.cohort_analyses import carry_out_analyses
from afterglow.flows.cohort_cases import gather
from afterglow.flows.method import load_method
from afterglow.flows.simulation_file import load_simulation
from afterglow.flows.table_cohort import quantities_read, table_cohort
from afterglow.report.group import group_document
from afterglow.report.html import document_html
from afterglow.simulate.cohort import cohort_size

_GOAL_S = {"group": 60.0, "delong": 1.0}
_WCV = 0.2  # of every quantity: the figure is a time, not a finding


def group_level(asked: argparse.Namespace) -> list[dict[str, object]]:
    """Seconds of each part, on about that many measurements."""
    method, simulation = load_method(asked.method), load_simulation(asked.method)
    if method.cohort is None:
        raise SystemExit(f"{asked.method}: its file has no [cohort]")
    wcv = dict.fromkeys(quantities_read(method), _WCV)
    small = cohort_size(simulation.cohort)
    each = _count(table_cohort(method, simulation, small, asked.seed, wcv)[0]) / small
    patients = int(np.ceil(asked.measurements / each))
    told, study = table_cohort(method, simulation, patients, asked.seed, wcv)
    clock, begun = [time.perf_counter()], time.process_time()
    cohort = gather(told, study, method, method.cohort, held=(patients, 0))
    clock.append(time.perf_counter())
    parts = carry_out_analyses(method.cohort, cohort, study, _said)
    clock.append(time.perf_counter())
    page = document_html(group_document(facts_of(method, method.cohort, cohort, study, parts)))
    clock.append(time.perf_counter())
    own = time.process_time() - begun
    words = f"{_count(told)} measurements, {patients} patients, {len(cohort.cases)} cases"
    seconds = dict(zip(("cases", "analyses", "report"), np.diff(clock).tolist(), strict=True))
    rows = [_figure(f"{asked.method}_{name}", value, None, words) for name, value in seconds.items()]
    return [
        *rows,
        _figure(
            f"{asked.method}_group",
            clock[-1] - clock[0],
            _GOAL_S["group"],
            f"{words}, page of {len(page)} bytes; {own:.1f} s of processor",
        ),
    ]


def _count(told: dict) -> int:  # type: ignore[type-arg]
    return sum(len(visit.measurements) for one in told.values() for visit in one.course.visits)


def _said(what: str, done: int, total: int) -> None:
    print(f"[{time.perf_counter():9.2f} s] {what}", file=sys.stderr, flush=True)


def delong(asked: argparse.Namespace) -> list[dict[str, object]]:
    """One area with its interval, and two areas compared."""
    rng = np.random.default_rng(asked.seed)
    truth = rng.random(asked.exams) < 0.3
    markers = {name: rng.normal(size=asked.exams) + shift * truth for name, shift in (("first", 1.0), ("second", 0.9))}
    samples = label_together(dict(markers), truth)
    begun = time.perf_counter()
    area = auc(samples[0])
    middle = time.perf_counter()
    test = compare_aucs(samples)
    end = time.perf_counter()
    words = f"{asked.exams} exams"
    return [
        _figure("delong_interval", middle - begun, _GOAL_S["delong"], f"{words}, area {area.value:.4f}, {area.rule}"),
        _figure("delong_paired", end - middle, _GOAL_S["delong"], f"{words}, two markers, {test.rule}"),
    ]


def _figure(name: str, value: float, goal: float | None, detail: str) -> dict[str, object]:
    return {
        "name": name,
        "value": value,
        "unit": "s",
        "goal": goal,
        "ok": None if goal is None else value < goal,
        "detail": detail,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("method", nargs="?", default="stadlbauer2025")
    parser.add_argument("--measurements", type=int, default=100_000)
    parser.add_argument("--exams", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--profile", type=int, default=0, help="show as many functions that took longest")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    profiler = cProfile.Profile()
    rows = profiler.runcall(group_level, asked) if asked.profile else group_level(asked)
    if asked.profile:
        pstats.Stats(profiler, stream=sys.stderr).sort_stats("cumulative").print_stats(asked.profile)
    rows += delong(asked)
    if asked.json:
        print(json.dumps({"figures": rows}, indent=1))
        return
    for row in rows:
        mark = {True: "pass", False: "MISS", None: "    "}[row["ok"]]  # type: ignore[index]
        print(f"{mark}  {row['name']:<28} {row['value']:8.2f} s  {row['detail']}")


if __name__ == "__main__":
    main()
