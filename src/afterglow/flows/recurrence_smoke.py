"""`afterglow bench recurrence`: sixteen small made patients from a learning set through two trainings to scores, timed and repeated."""

import hashlib
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from threadpoolctl import threadpool_limits

from afterglow.flows.cohort import facts_of
from afterglow.flows.cohort_analyses import carry_out_analyses
from afterglow.flows.cohort_cases import Cohort
from afterglow.flows.cohort_recurrence import predicted_cohort, predicted_flow
from afterglow.flows.figures import BenchFigure, at_least, at_most
from afterglow.flows.method import load_method
from afterglow.flows.method_predictions import Predictions
from afterglow.flows.predict_beside import MapsBeside
from afterglow.flows.predict_visit import PredictSettings, open_models, predict_visit
from afterglow.flows.recurrence_smoke_cases import CHANNELS, SPACING_MM, smoke_cases, smoke_splits
from afterglow.flows.train_files import training_data
from afterglow.flows.work import Progress, silent
from afterglow.io.atomic import Written
from afterglow.io.learning import read_learning_set, write_learning_set
from afterglow.io.predictions import collect_predictions, predictions_path, read_predictions
from afterglow.io.write import write_text
from afterglow.records.errors import BadMethod
from afterglow.records.predicted import any_voxel, hit_at
from afterglow.records.recurrence import ModelWanted, Predicted
from afterglow.records.study import Participant, Study
from afterglow.recurrence.extra import need_nnunet
from afterglow.recurrence.predict import predict_case
from afterglow.recurrence.presets import SMOKE, Preset
from afterglow.recurrence.target import MARGIN_MM
from afterglow.recurrence.train import train_model
from afterglow.report.group import group_document
from afterglow.report.html import document_html

SEED = 8
THRESHOLD = 0.5
METHOD = "yoon2024"
BRIEF = replace(SMOKE, name="smoke, cut short", epochs=2)
SECONDS, GIBIBYTES = 300.0, 4.0
WANTED = (ModelWanted("combined", ("CE-T1w", "FLAIR", "ve")), ModelWanted("conventional", ("CE-T1w", "FLAIR")))


class SmokeRun(NamedTuple):
    """What a smoke run came to."""

    rows: tuple[Predicted, ...]
    wall_s: float
    cpu_s: float


def bench_recurrence(*, progress: Progress) -> list[BenchFigure]:
    """Seconds, memory, hits of both models, and whether a training comes out the same when it is repeated."""
    need_nnunet()
    with ExitStack() as stack:
        stack.enter_context(threadpool_limits(limits=1))  # two threads that wait for a busy processor take many times as long
        first, second = (Path(stack.enter_context(TemporaryDirectory(prefix="afterglow-smoke-"))) for _ in range(2))
        run = smoke(first, progress=progress)
        memory = _peak_gib()
        progress("a shorter training, twice", 0, 1)
        one, two = (trained_briefly(first / "models", folder) for folder in (second / "one", second / "two"))
    words = (
        f"16 made patients, 10 to learn from, seed {SEED}: data set, both trainings, predictions, scores, pictures, group report"
    )
    figures = [
        at_most("smoke_seconds", run.wall_s, "s", SECONDS, f"by the clock, one thread; {words}"),
        at_most("smoke_processor_seconds", run.cpu_s, "s", SECONDS, "of processor, the same"),
    ]
    if memory is not None:
        figures.append(at_most("smoke_peak_memory", memory, "GiBy", GIBIBYTES, "largest memory of this process"))
    figures.append(
        at_least(
            "smoke_repeats", float(one == two), "1", 1.0, f"1: the combined model trained twice for {BRIEF.epochs} epochs has the same "
            f"weights to the last bit and gives the same map; SHA-256 {one[:12]}…",
        )
    )  # fmt: skip
    return [*figures, *_answers(run.rows)]


def smoke(folder: Path, *, progress: Progress) -> SmokeRun:
    """The whole way in a folder: MODELS and OUT below it."""
    wall, cpu = time.perf_counter(), time.process_time()
    models, out = folder / "models", folder / "out"
    write_learning_set(models, smoke_cases(SEED), CHANNELS, smoke_splits(SEED), method=METHOD, spacing_mm=SPACING_MM, left_out={})
    learning = read_learning_set(models)
    data = training_data(learning)
    for one in WANTED:
        train_model(data, one, SMOKE, models / one.name, method=METHOD, device="cpu", seed=SEED, progress=progress)
    readers = open_models(models, [one.name for one in WANTED], METHOD, trust=False)
    settings = PredictSettings("CE-T1w", THRESHOLD, MARGIN_MM)
    found = [
        predict_visit(
            out, learning.case(subject), readers, CHANNELS, settings, beside=MapsBeside(), method=METHOD, progress=progress
        )
        for subject in (*learning.splits.test, *learning.splits.folds[0].held_out)
    ]
    collect_predictions(out)
    progress("statistics", 0, 1)
    write_group(out)
    rows = tuple(row for visit in found for row in visit.rows)
    return SmokeRun(rows, time.perf_counter() - wall, time.process_time() - cpu)


def trained_briefly(models: Path, folder: Path, preset: Preset = BRIEF) -> str:
    """SHA-256 of what a short training of the combined model leaves: its weights, and its map of a test patient."""
    learning = read_learning_set(models)
    card = train_model(
        training_data(learning), WANTED[0], preset, folder, method=METHOD, device="cpu", seed=SEED, progress=silent
    )
    found = predict_case(folder, card, learning.case(learning.splits.test[0]))
    return hashlib.sha256(repr(sorted(card.files.items())).encode() + found.probability.tobytes()).hexdigest()


def write_group(out: Path) -> Written:
    """The method's own analysis of what was predicted, as a page."""
    method = load_method(METHOD)
    if method.cohort is None:
        raise BadMethod(f"{METHOD}: it has no [cohort]")
    asked = {one.name: one for one in method.cohort.analysis if isinstance(one, Predictions)}
    rows = read_predictions(predictions_path(out))
    predicted = {name: predicted_cohort(predictions_path(out), rows, one) for name, one in asked.items()}
    people = tuple(Participant(one.participant_id) for one in next(iter(predicted.values())).patients)
    study, cohort = Study(people, ()), Cohort((), {}, predicted_flow(predicted), (), (), predicted=predicted)
    parts = carry_out_analyses(method.cohort, cohort, study, silent)
    return write_text(out / "group.html", document_html(group_document(facts_of(method, method.cohort, cohort, study, parts))))


def _answers(rows: Sequence[Predicted]) -> list[BenchFigure]:
    """What ve adds where it was made to: the combined model hits at least one recurrence more than the conventional one."""
    hits = {one.name: _values(rows, one.name, hit_at(THRESHOLD)) for one in WANTED}
    called = {one.name: [row for row in rows if (row.model, row.measure) == (one.name, any_voxel(THRESHOLD))] for one in WANTED}
    gain = sum(hits["combined"]) - sum(hits["conventional"])
    told = ", ".join(f"{name} {sum(values):.0f} of {len(values)}" for name, values in hits.items())
    figures = [at_least("smoke_hits_gained", gain, "{patients}", 1.0, f"recurrences hit at {THRESHOLD:g} by {told}")]
    for name, own in called.items():
        well = [row for row in own if row.recurs is False]
        quiet = sum(row.value == 0 for row in well)
        words = f"patients who did not recur and in whom no voxel reaches {THRESHOLD:g}; not judged"
        figures.append(BenchFigure(f"smoke_quiet_{name}", float(quiet), "{patients}", None, None, f"of {len(well)} {words}"))
    return figures


def _values(rows: Sequence[Predicted], model: str, measure: str) -> list[float]:
    return [row.value for row in rows if (row.model, row.measure) == (model, measure)]


def _peak_gib() -> float | None:
    """The most memory that this process has held; None on Windows, which does not tell it this way."""
    if sys.platform == "win32":
        return None
    import resource

    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**30 if sys.platform == "darwin" else 2**20)
