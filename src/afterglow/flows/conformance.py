"""`afterglow conformance`: reference cases in, the error of each against its tolerance out."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from threadpoolctl import threadpool_limits

from afterglow.flows.figures import BenchFigure
from afterglow.flows.work import Progress
from afterglow.io.osipi import read_cases
from afterglow.io.osipi_case import Case, Kind
from afterglow.kernels.aif_population import POPULATION_AIFS
from afterglow.kernels.delayed import fit_delayed
from afterglow.kernels.dsc_deconvolution import STEPPED_THRESHOLDS, deconvolve_oscillation, flow_ml_100g_min
from afterglow.kernels.dsc_volume import blood_volume, blood_volume_ml_100g
from afterglow.kernels.fit import fit_tissue
from afterglow.kernels.models import MODELS
from afterglow.kernels.spgr import concentration
from afterglow.kernels.types import Array
from afterglow.kernels.vfa import t1_vfa
from afterglow.records.errors import BadInput

DELAY_RANGE_S = (-10.0, 10.0)  # the range that OSIPI's tests give a fit with delay
T1_BOUNDS_S = (0.01, 50.0)  # wide: no case of OSIPI's comes near
FIFTH = 0.2
OSCILLATION_LIMIT = 0.035  # Wu 2003, doi:10.1002/mrm.10522


class Measured(NamedTuple):
    """What was found for one quantity, and its standard error where the fit gives one."""

    value: Array  # () or (t,)
    standard_error: float = np.nan


Answer = Mapping[str, Measured]  # by the name of the reference


def run_conformance(directory: Path, *, progress: Progress) -> list[BenchFigure]:
    """A figure for each case and quantity under `directory`, one for each file, and one for the files left alone.

    MissingInput where there is no case, BadInput with file and row where a case cannot be computed.
    """
    found = read_cases(directory)
    answers: dict[int, Answer] = {}
    with threadpool_limits(limits=1):  # many small problems: threads would wait for one another
        for batch in _batches(found.cases):
            progress(found.cases[batch[0]].file, len(answers), len(found.cases))
            answers.update(zip(batch, _answers([found.cases[i] for i in batch]), strict=True))
    progress("done", len(found.cases), len(found.cases))
    figures: list[BenchFigure] = []
    for file in dict.fromkeys(case.file for case in found.cases):
        cases = [(case, answers[i]) for i, case in enumerate(found.cases) if case.file == file]
        figures += _file_figures(_short_name(file, found.cases), cases)
    return [*figures, _unknown(found.unknown)]


def _batches(cases: Sequence[Case]) -> list[list[int]]:
    """Tissue curves that share frames and artery are fitted in one call, which makes its tables once."""
    together: dict[tuple[object, ...], list[int]] = {}
    for i, case in enumerate(cases):
        key: tuple[object, ...] = (i,)
        if case.kind in MODELS:
            curves = (_array(case, name).tobytes() for name in ("times_s", "plasma_times_s", "plasma_mM"))
            key = (case.file, _is_late(case), *curves)
        together.setdefault(key, []).append(i)
    return list(together.values())


def _answers(cases: Sequence[Case]) -> list[Answer]:
    kind, kernel = cases[0].kind, WAYS[cases[0].kind]
    try:
        return kernel(cases)
    except ValueError as problem:
        raise BadInput(f"{cases[0].file}, {cases[0].label}: cannot be computed as {kind}: {problem}") from problem


def _tissue(cases: Sequence[Case]) -> list[Answer]:
    """Fits of the case's model; with the delay as one more unknown where the reference has one."""
    first = cases[0]
    times_s, artery = _array(first, "times_s"), (_array(first, "plasma_times_s"), _array(first, "plasma_mM"))
    curves = np.stack([_array(case, "tissue_mM") for case in cases])
    arguments = MODELS[first.kind].arguments
    if not _is_late(first):
        fit = fit_tissue(first.kind, times_s, curves, *artery)
        return [_parameters(arguments, *row) for row in zip(fit.values, fit.standard_errors, strict=True)]
    late = fit_delayed(first.kind, times_s, curves, *artery, delay_range_s=DELAY_RANGE_S)
    rows = zip(late.fit.values, late.fit.standard_errors, late.delay_s, late.delay_error_s, strict=True)
    return [
        {**_parameters(arguments, values, errors), "delay_s": Measured(delay, float(error))}
        for values, errors, delay, error in rows
    ]


def _parameters(arguments: Sequence[str], values: Array, errors: Array) -> Answer:
    return {name: Measured(value, float(error)) for name, value, error in zip(arguments, values, errors, strict=True)}


def _is_late(case: Case) -> bool:
    return case.reference["delay_s"] != 0


def _relaxation(cases: Sequence[Case]) -> list[Answer]:
    """R1 by nonlinear least squares at nominal flip angles: OSIPI's references are without B1."""
    answers: list[Answer] = []
    for case in cases:
        fit = t1_vfa(
            _array(case, "signal"), flip_deg=_array(case, "flip_deg"), tr_s=_array(case, "tr_s"), t1_bounds_s=T1_BOUNDS_S
        )
        answers.append({"r1_per_s": Measured(1 / fit.t1_s, float(fit.t1_se_s / fit.t1_s**2))})
    return answers


def _concentration(cases: Sequence[Case]) -> list[Answer]:
    return [
        {
            "tissue_mM": Measured(
                concentration(
                    _array(case, "signal"),
                    t10_s=_number(case, "t10_s"),
                    flip_deg=_number(case, "flip_deg"),
                    tr_s=_number(case, "tr_s"),
                    r1_per_mM_s=_number(case, "r1_per_mM_s"),
                    baseline_frames=slice(int(_number(case, "baseline_first")), int(_number(case, "baseline_stop"))),
                )
            )
        }
        for case in cases
    ]


def _population(cases: Sequence[Case]) -> list[Answer]:
    return [
        {
            "blood_mM": Measured(
                POPULATION_AIFS[str(case.inputs["curve"])].curve(_array(case, "times_s"), delay_s=_number(case, "delay_s"))
            )
        }
        for case in cases
    ]


def _bolus(cases: Sequence[Case]) -> list[Answer]:
    """Blood volume by the ratio of areas, flow by oSVD. The curves are of whole blood at a density of 1: per 100 mL."""
    answers: list[Answer] = []
    for case in cases:
        times_s, artery, tissue = (_array(case, name) for name in ("times_s", "artery", "tissue"))
        areas = blood_volume(times_s, np.stack([artery, tissue]), window=slice(0, times_s.size))
        volume = blood_volume_ml_100g(areas[1:], arterial_area=float(areas[0]), kh=1.0, density_g_per_ml=1.0)
        found = deconvolve_oscillation(
            times_s, artery, tissue[None], oscillation_limit=OSCILLATION_LIMIT, thresholds=STEPPED_THRESHOLDS
        )
        flow = flow_ml_100g_min(found.cbf_per_s, kh=1.0, density_g_per_ml=1.0)
        answers.append({"cbv_ml_100ml": Measured(volume[0]), "cbf_ml_100ml_min": Measured(flow[0])})
    return answers


WAYS: dict[Kind, Callable[[Sequence[Case]], list[Answer]]] = {
    "tofts": _tissue,
    "etofts": _tissue,
    "patlak": _tissue,
    "2cum": _tissue,
    "2cxm": _tissue,
    "t1_vfa": _relaxation,
    "si_to_conc": _concentration,
    "population_aif": _population,
    "dsc": _bolus,
}

QUANTITIES: dict[str, tuple[str, str]] = {  # reference -> name in a figure, UCUM unit
    "ktrans_per_min": ("ktrans", "/min"),
    "ve": ("ve", "1"),
    "vp": ("vp", "1"),
    "ps_per_min": ("ps", "/min"),
    "fp_ml_100ml_min": ("fp", "mL/(100.mL)/min"),
    "delay_s": ("delay", "s"),
    "r1_per_s": ("r1", "/s"),
    "tissue_mM": ("concentration", "mmol/L"),
    "blood_mM": ("concentration", "mmol/L"),
    "cbv_ml_100ml": ("cbv", "mL/(100.mL)"),
    "cbf_ml_100ml_min": ("cbf", "mL/(100.mL)/min"),
}


class _Judged(NamedTuple):
    figure: BenchFigure
    share: float  # largest error over the tolerance; infinite without an answer
    by_noise: bool  # more than a fifth, but within two standard errors


def _file_figures(name: str, cases: Sequence[tuple[Case, Answer]]) -> list[BenchFigure]:
    judged = [_judge(name, case, key, found) for case, answer in cases for key, found in answer.items()]
    return [*(j.figure for j in judged), _summary(name, len(cases), judged)]


def _judge(file: str, case: Case, key: str, found: Measured) -> _Judged:
    """One quantity of one case; of a curve, its worst sample."""
    value = np.atleast_1d(np.asarray(found.value, dtype=np.float64))
    share = case.worst(key, value)
    reference, allowed = np.atleast_1d(case.reference[key]), case.tolerance[key]
    tolerance = allowed.absolute + allowed.relative * np.abs(reference)
    at = int(np.argmax(np.abs(value - reference) / tolerance))  # a NaN counts as the largest
    error, within = float(value[at] - reference[at]), share <= FIFTH
    quantity, unit = QUANTITIES[key]
    words = [f"error {error:+.2e}, tolerance {tolerance[at]:.2e}, {100 * share:.2f} % of it"]
    if value.size > 1:
        words.append(f"worst of {value.size} samples")
    if np.isfinite(found.standard_error):
        words.append(f"standard error {found.standard_error:.1e}")
    words.append("within a fifth" if within else "more than a fifth")
    figure = BenchFigure(
        name=f"{file}/{case.label}/{quantity}",
        value=float(value[at]) if np.isfinite(value[at]) else None,
        unit=unit,
        goal=float(reference[at]),
        ok=share <= 1,
        detail="; ".join(words) if np.isfinite(value[at]) else f"no answer; tolerance {tolerance[at]:.2e}",
    )
    return _Judged(figure, share, not within and abs(error) <= 2 * found.standard_error)


def _summary(name: str, n_cases: int, judged: Sequence[_Judged]) -> BenchFigure:
    largest = max(j.share for j in judged)
    worst = next(j.figure.name for j in judged if j.share == largest)
    n_fifth, n_noise = sum(j.share <= FIFTH for j in judged), sum(j.by_noise for j in judged)
    return BenchFigure(
        name=f"{name}/largest_error",
        value=largest if np.isfinite(largest) else None,
        unit="tolerances",
        goal=1.0,
        ok=largest <= 1,
        detail=f"{n_cases} cases, {sum(j.share <= 1 for j in judged)} of {len(judged)} values within the tolerance, {n_fifth} within a fifth"
        f"{f', {n_noise} more within two standard errors' if n_noise else ''}; worst {worst}",
    )


def _unknown(files: Sequence[str]) -> BenchFigure:
    return BenchFigure(
        "unknown_files", float(len(files)), "files", None, None, ", ".join(files) if files else "every CSV file was read"
    )


def _short_name(file: str, cases: Sequence[Case]) -> str:
    """The file's stem; its whole path where another file of the folder has that stem too."""
    stems = {case.file: Path(case.file).stem for case in cases}
    return stems[file] if list(stems.values()).count(stems[file]) == 1 else file


def _array(case: Case, name: str) -> Array:
    return np.asarray(case.inputs[name], dtype=np.float64)


def _number(case: Case, name: str) -> float:
    return float(case.inputs[name])
