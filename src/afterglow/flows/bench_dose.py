"""`afterglow bench dose`: widths of the research kernel's shots, speed and optimum of its plans, and what painting spares."""

import time
from functools import partial
from importlib import import_module
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.flows.bench_dose_phantom import Round, round_tumour
from afterglow.flows.figures import BenchFigure, at_least, at_most
from afterglow.flows.method import load_method
from afterglow.flows.work import Progress
from afterglow.painting.machine import MACHINES, MODEL_C, Machine
from afterglow.painting.plan import first_programme, make_plan
from afterglow.painting.reach import Reached
from afterglow.painting.settings import PlanSettings
from afterglow.painting.shots import Parts, part_doses, shot_tables, summed
from afterglow.painting.weights import best_weights, programme
from afterglow.records.dose import NOT_FOR_TREATMENT, DosePlan
from afterglow.records.errors import BadMethod

METHOD = "seyithanoglu2025"


def settings_of(method: str) -> PlanSettings:
    """What the method's plans are made with."""
    paint = load_method(method).paint
    if paint is None:
        raise BadMethod(f"{method}: it has no [paint], so it makes no plans")
    return paint.plan.optimiser


SETTINGS = settings_of(METHOD)
SIZES_ML = {13: 13.2, 50: 50.0}
_SECONDS = {13: 10.0, 50: 30.0}


class _Both(NamedTuple):
    uniform: DosePlan
    painted: DosePlan
    wall_s: float
    cpu_s: float


def bench_dose(*, peers: bool, progress: Progress) -> list[BenchFigure]:
    """Figures of the kernel, of two plans each for a small and a large tumour, and of the optimum against a second solver with `peers`."""
    progress("shots", 0, 4)
    begin = time.perf_counter()
    for machine in MACHINES.values():
        shot_tables(machine, False)
    figures = [figure for machine in MACHINES.values() for figure in _widths(machine)]
    figures.append(_superposition(time.perf_counter() - begin))
    for stage, (label, ml) in enumerate(SIZES_ML.items(), start=1):
        progress(f"two plans of {ml:g} mL", stage, 4)
        phantom = round_tumour(ml)
        figures += _plans(label, phantom, _both(phantom))
    progress("optimum", 3, 4)
    return [*figures, _optimum(round_tumour(SIZES_ML[13]), peers)]


def _widths(machine: Machine) -> list[BenchFigure]:
    """Full width at half maximum and penumbra along x and z, judged where a source gives a number."""
    figures = []
    for number, one in enumerate(machine.collimators):
        for axis, along in enumerate("xz"):
            width, penumbra = _profile(machine, number, 2 * axis)
            name = f"{machine.name}_{one.size_mm}mm_{along}"
            figures.append(_beside(f"fwhm_{name}", width, one.fwhm_mm[axis], 1.0, f"{machine.title}; within 1 mm of"))
            close = 0.1 * one.penumbra_mm[axis]
            figures.append(
                _beside(
                    f"penumbra_{name}", penumbra, one.penumbra_mm[axis], close, f"{machine.title}; 80 to 20 %, within 10 % of"
                )
            )
    return figures


def _beside(name: str, value: float, known: float, close: float, words: str) -> BenchFigure:
    """A width in mm beside that of a source, NaN where there is none."""
    if not np.isfinite(known):
        return BenchFigure(name, value, "mm", None, None, f"{words.split(';', maxsplit=1)[0]}; no source found")
    return BenchFigure(name, value, "mm", known, abs(value - known) <= close, f"{words} {known:g} mm")


def _profile(machine: Machine, number: int, axis: int) -> tuple[float, float]:
    places = np.linspace(-45, 45, 9001)
    points = np.zeros((len(places), 3))
    points[:, axis] = places
    dose = summed(points, Parts(np.zeros((1, 3)), np.array([number]), np.zeros(1), np.ones(1)), shot_tables(machine, False))
    wide = {level: float(np.ptp(places[dose >= level * dose.max()])) for level in (0.2, 0.5, 0.8)}
    return wide[0.5], (wide[0.2] - wide[0.8]) / 2


def _superposition(seconds: float) -> BenchFigure:
    """Largest difference between the dose of many shots and the sum of their doses, over the largest dose."""
    rng = np.random.default_rng(1)
    points, m = rng.normal(size=(2000, 3)) * 25, 30
    parts = Parts(rng.normal(size=(m, 3)) * 12, rng.integers(0, len(MODEL_C.collimators), m), np.zeros(m), rng.uniform(1, 20, m))
    tables = shot_tables(MODEL_C, False)
    together, each = summed(points, parts, tables), part_doses(points, parts, tables).sum(axis=1, dtype=np.float64)
    error = float(np.abs(together - each).max() / each.max())
    return at_most(
        "superposition_error", error, "1", 1e-6, f"{m} shots at 2000 points; tables of all shots made in {seconds:.1f} s; seed 1"
    )


def _both(phantom: Round) -> _Both:
    make = partial(make_plan, target=phantom.target, grid=phantom.grid, brain=phantom.brain, machine=MODEL_C, settings=SETTINGS)
    wall, cpu = time.perf_counter(), time.process_time()
    uniform, painted = make("uniform", phantom.uniform_gy), make("painted", phantom.painted_gy)
    return _Both(uniform, painted, time.perf_counter() - wall, time.process_time() - cpu)


def _plans(label: int, phantom: Round, both: _Both) -> list[BenchFigure]:
    ml = phantom.target.volume_ml
    shots = f"{len(both.uniform.shots)} and {len(both.painted.shots)} shots"
    figures = [
        at_most(
            f"seconds_{label}ml", both.cpu_s, "s", _SECONDS[label],
            f"of processor, one thread: both plans of a round tumour of {ml:.1f} mL with their dose on {phantom.grid}; {both.wall_s:.1f} s by the clock; {shots}",
        )
    ]  # fmt: skip
    for plan, wanted in ((both.uniform, phantom.uniform_gy), (both.painted, phantom.painted_gy)):
        inside = wanted > 0
        rest = Reached(wanted[inside].astype(np.float64), phantom.target.share[inside].astype(np.float64), SETTINGS)
        for band, ratio in zip(rest.bands(), rest.d95(plan.dose.dose_gy[inside].astype(np.float64)), strict=True):
            level = float(rest.wanted_gy[band].min())
            detail = f"D95 of the part prescribed {level:g} Gy over that; the prescription lies on the {100 * plan.isodose:.0f} % isodose"
            figures.append(at_least(f"d95_{label}ml_{plan.name}_{level:g}gy", ratio, "1", SETTINGS.zone_least, detail))
    return [*figures, *_spared(label, phantom, both)]


def _spared(label: int, phantom: Round, both: _Both) -> list[BenchFigure]:
    """What painting changes around the tumour; not judged."""
    v12 = [float(np.count_nonzero(p.dose.dose_gy >= 12)) * phantom.grid.voxel_ml for p in (both.uniform, both.painted)]
    mean = [float(p.dose.dose_gy[phantom.brain].mean(dtype=np.float64)) for p in (both.uniform, both.painted)]
    said = f"painted 15 to 18 Gy less uniform 16 Gy; uniform {{:.4g}}, painted {{:.4g}}; {NOT_FOR_TREATMENT}"
    return [
        BenchFigure(f"v12_change_{label}ml", v12[1] - v12[0], "mL", None, None, f"target included, {said.format(*v12)}"),
        BenchFigure(
            f"mean_brain_change_{label}ml",
            100 * (mean[1] / mean[0] - 1),
            "%",
            None,
            None,
            f"brain with target, in Gy: {said.format(*mean)}",
        ),
    ]


def _optimum(phantom: Round, peers: bool) -> BenchFigure:
    """The objective over the one that Clarabel finds for the same programme, less one."""
    name, goal = "optimum_excess", 0.01
    if not peers or find_spec("clarabel") is None:
        words = "not measured: --no-peers" if not peers else "not measured: clarabel is not installed"
        return BenchFigure(name, None, "1", goal, None, words)
    asked = first_programme(phantom.painted_gy, phantom.target, phantom.grid, phantom.brain, MODEL_C, SETTINGS)
    begin = time.process_time()
    found = best_weights(asked, SETTINGS)
    own_s = time.process_time() - begin
    begin = time.process_time()
    reference = clarabel_optimum(*programme(asked, SETTINGS))
    detail = f"HiGHS {own_s:.1f} s, Clarabel {time.process_time() - begin:.1f} s of processor; {len(found.values_gy)} candidates, {len(asked.wanted_gy)} points"
    return at_most(name, abs(found.objective / reference - 1), "1", goal, detail)


def clarabel_optimum(costs: NDArray[np.float64], matrix: Any, right: NDArray[np.float64]) -> float:
    """Least costs x with `matrix x <= right` and x >= 0, by an interior point method of another make."""
    from scipy.sparse import csc_matrix, identity, vstack

    clarabel = import_module("clarabel")
    n = len(costs)
    rows = csc_matrix(vstack([csc_matrix(matrix), -identity(n)]))
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    cones = [clarabel.NonnegativeConeT(rows.shape[0])]
    solver = clarabel.DefaultSolver(csc_matrix((n, n)), costs, rows, np.concatenate([right, np.zeros(n)]), cones, settings)
    return float(solver.solve().obj_val)
