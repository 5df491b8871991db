"""`afterglow power`: how many patients a study by a method needs, by studies of digital patients without images."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

import numpy as np

from afterglow.cohort.power import ENOUGH, DigitalCases, PowerCurve, PowerEndpoint, check_sizes, power_curve
from afterglow.cohort.power_endpoints import (
    before_after_endpoints,
    between_endpoints,
    call_endpoints,
    change_endpoints,
    roc_endpoints,
)
from afterglow.flows.cohort_analyses import both_visits
from afterglow.flows.cohort_cases import gather
from afterglow.flows.method import Method, load_method
from afterglow.flows.method_cohort import Analysis, BeforeAfter, Between, Calls, CohortSpec, Roc
from afterglow.flows.method_painted import Zones
from afterglow.flows.power_zones import zone_cases, zone_quantities, zone_remarks
from afterglow.flows.simulation_file import Simulation, load_simulation, simulation_names
from afterglow.flows.table_cohort import as_tables, check_wcv, each_table_patient, quantities_read
from afterglow.flows.work import Progress
from afterglow.io.atomic import Written, write_bytes
from afterglow.records.case import Marker
from afterglow.records.errors import BadInput, BadMethod
from afterglow.records.group import LinePlot
from afterglow.records.statistic import PlainCurve, Values
from afterglow.report.figures.cohort_lines import lines_figure
from afterglow.simulate.numbers import TRUE_QUANTITIES

_KINDS = (Calls, Roc, Between, BeforeAfter, Zones)
_AT_ONCE = 2000  # patients that are held together


@dataclass(frozen=True)
class PowerOrder:
    """What is asked for. `endpoint`: an analysis of [cohort], the primary one where empty; `simulation`: the method's own where empty."""

    method: str
    patients: tuple[int, ...]
    repeats: int = 500
    wcv: Mapping[str, float] = field(default_factory=dict)
    seed: int = 1
    null: bool = False
    endpoint: str = ""
    level: float = 0.95
    simulation: str = ""


@dataclass(frozen=True)
class PowerFound:
    """What the simulated studies came to."""

    order: PowerOrder
    method: str
    analysis: str
    simulation: str
    curves: tuple[PowerCurve, ...]
    remarks: tuple[str, ...]


def power_of(order: PowerOrder, *, progress: Progress) -> PowerFound:
    """Simulate the studies. BadInput where sizes, noise or the endpoint are not as they should be, BadMethod without [cohort]."""
    method, spec = _method(order.method)
    check_sizes(order.patients, repeats=order.repeats, level=order.level)
    simulation = load_simulation(order.simulation or _simulation_of(method))
    analysis = _analysis(spec, order.endpoint or spec.primary)
    if isinstance(analysis, Zones):
        return _of_zones(order, method, simulation, analysis, progress)
    rules, markers = tuple(getattr(analysis, "rules", ())), _markers(spec, analysis)
    wanted = [m.name for m in markers]
    needed = quantities_read(method, rules, wanted)
    check_wcv(order.wcv, needed)
    small = spec.model_copy(update={"analysis": (analysis,), "marker": tuple(m for m in spec.marker if m.name in wanted)})
    cases = _cases(order, method, simulation, small, rules, markers, progress)
    _check_cases(cases, spec, simulation)
    endpoints = _endpoints(analysis, markers, (spec.positive[0], spec.negative[0]))
    curves = _curves(order, endpoints, cases, progress)
    return PowerFound(order, method.name, analysis.name, simulation.name, curves, tuple(_remarks(order, spec, analysis, needed)))


def _of_zones(order: PowerOrder, method: Method, simulation: Simulation, spec: Zones, progress: Progress) -> PowerFound:
    """Studies of a change inside the aggressive zone: no outcome is needed."""
    needed = zone_quantities(spec)
    check_wcv(order.wcv, needed)
    progress("drawing patients", 0, 1)
    cases = zone_cases(simulation, spec, needed, order.repeats * max(order.patients), order.seed, order.wcv)
    curves = _curves(order, change_endpoints(needed), cases, progress)
    noise = "noise (wCV): " + ", ".join(f"{name} {order.wcv[name]:g}" for name in needed)
    remarks = (noise, *zone_remarks(spec, needed), *_null_words(order))
    return PowerFound(order, method.name, spec.name, simulation.name, curves, remarks)


def _curves(
    order: PowerOrder, endpoints: Sequence[PowerEndpoint], cases: DigitalCases, progress: Progress
) -> tuple[PowerCurve, ...]:
    made = []
    for number, endpoint in enumerate(endpoints):
        progress(endpoint.name, number, len(endpoints))
        null_seed = order.seed + 1 + number if order.null else None
        made.append(power_curve(endpoint, cases, order.patients, repeats=order.repeats, level=order.level, null_seed=null_seed))
    return tuple(made)


def write_power(path: Path, found: PowerFound) -> Written:
    """Power over the number of patients as PNG, with the band that the number of repeats leaves."""
    sizes = np.array([one.patients for one in found.curves[0].at], dtype=np.float64)
    said = "share of studies that find what is not there" if found.order.null else "share of studies that succeed"
    lines = []
    for curve in found.curves:
        power, low, high = (
            np.array([getattr(one.power, name) for one in curve.at], dtype=np.float64) for name in ("value", "low", "high")
        )
        lines.append(
            PlainCurve(curve.endpoint.name, sizes, power, _X, said, low, high, rule="band: Clopper-Pearson of the repeats")
        )
    words, share = ("1 less the level", 1 - found.order.level) if found.order.null else ("80 %, for orientation", ENOUGH)
    lines.append(PlainCurve(words, np.linspace(sizes.min(), sizes.max(), 50), np.full(50, share), _X, said))
    caption = f"{found.method}, {found.analysis}: {found.order.repeats} simulated studies of each size, seed {found.order.seed}"
    return write_bytes(path, lines_figure(LinePlot("power", (("", tuple(lines)),), caption=caption)).image)


_X = "patients in the study"


def _method(name: str) -> tuple[Method, CohortSpec]:
    method = load_method(name)
    if method.cohort is None:
        raise BadMethod(f"{method.name}: its file has no [cohort], which says how a cohort is analysed; add one (docs: cohorts)")
    return method, method.cohort


def _simulation_of(method: Method) -> str:
    if method.name not in simulation_names():
        raise BadInput(
            f"{method.name}: no digital cohort has that name; say which one to draw patients from with --simulation: "
            f"{', '.join(simulation_names())}, or the path of a .toml file"
        )
    return method.name


def _analysis(spec: CohortSpec, name: str) -> Analysis:
    """The analysis of that name, of a kind whose power can be simulated."""
    found = next((one for one in spec.analysis if one.name == name), None)
    able = ", ".join(one.name for one in spec.analysis if isinstance(one, _KINDS)) or "no analysis of this method"
    if found is None:
        raise BadInput(f"no analysis is called {name!r}; power can be simulated for {able}")
    if not isinstance(found, _KINDS):
        raise BadInput(f"power of {name!r} is not simulated, since it is of the kind {found.do!r}; it can be for {able}")
    return found


def _markers(spec: CohortSpec, analysis: Analysis) -> tuple[Marker, ...]:
    """The markers of the analysis that a lesion has a true number of."""
    known = {one.name: one.record() for one in spec.marker}
    asked = [known[name] for name in getattr(analysis, "markers", ())]
    able = tuple(m for m in asked if m.quantity in TRUE_QUANTITIES)
    if asked and not able:
        raise BadInput(
            f"{analysis.name!r} reads {asked[0].quantity}, of which a digital lesion has no true number without a scan; "
            f"there are {', '.join(TRUE_QUANTITIES)}"
        )
    return able


def _endpoints(analysis: Analysis, markers: tuple[Marker, ...], sides: tuple[str, str]) -> tuple[PowerEndpoint, ...]:
    match analysis:
        case Calls():
            return call_endpoints(analysis.rules)
        case Roc():
            return roc_endpoints(markers)
        case Between():
            return between_endpoints(markers, analysis.test, sides)
        case BeforeAfter():
            return before_after_endpoints(markers, sides)
        case _:
            raise BadInput(f"power of {analysis.name!r} is not simulated, since it is of the kind {analysis.do!r}")


def _cases(
    order: PowerOrder, method: Method, simulation: Simulation, spec: CohortSpec, rules: tuple[str, ...], markers: tuple[Marker, ...],
    progress: Progress,
) -> DigitalCases:  # fmt: skip
    """The cases of repeats times the largest size of patients, some thousand patients at a time."""
    total = order.repeats * max(order.patients)
    people = each_table_patient(method, simulation, total, order.seed, order.wcv, rules=rules, markers=[m.name for m in markers])
    compared = markers if any(isinstance(one, BeforeAfter) for one in spec.analysis) else ()
    columns: list[tuple[Values, ...]] = []
    names = [*(("call", r) for r in rules), *(("marker", m.name) for m in markers), *(("before", m.name) for m in compared)]
    for done in range(0, total, _AT_ONCE):
        progress("drawing patients", done, total)
        told, study = as_tables(list(islice(people, _AT_ONCE)))
        cohort = gather(told, study, method, spec, held=(len(told), 0))
        found = cohort.cases
        pairs = [both_visits(m, cohort)[0] for m in compared]
        columns.append((
            np.array([int(c.participant_id) - 1 for c in found], dtype=np.float64),
            np.array([c.positive for c in found], dtype=np.float64),
            *(np.array([_number(c.calls.get(r)) for c in found], dtype=np.float64) for r in rules),
            *(np.array([c.value(m.name) for c in found], dtype=np.float64) for m in markers), *pairs,
        ))  # fmt: skip
    whole = [np.concatenate(parts) for parts in zip(*columns, strict=True)]
    held: dict[str, dict[str, Values]] = {"call": {}, "marker": {}, "before": {}}
    for (kind, name), column in zip(names, whole[2:], strict=True):
        held[kind][name] = column
    return DigitalCases(whole[0].astype(np.intp), whole[1].astype(bool), held["call"], held["marker"], held["before"])


def _number(call: bool | None) -> float:
    return np.nan if call is None else float(call)


def _check_cases(cases: DigitalCases, spec: CohortSpec, simulation: Simulation) -> None:
    if not cases.truth.any() or cases.truth.all():
        lacking = spec.negative if cases.truth.any() else spec.positive
        raise BadInput(
            f"{simulation.name}: no patient of that digital cohort ends with {' or '.join(lacking)}, as the method's [cohort] has it; "
            "make the outcomes of both files alike"
        )


def _remarks(order: PowerOrder, spec: CohortSpec, analysis: Analysis, needed: tuple[str, ...]) -> Iterator[str]:
    noise = ", ".join(f"{name} {order.wcv[name]:g}" for name in needed)
    yield f"noise (wCV): {noise}" if noise else "nothing measured is read, so no noise"
    unread = [name for name in order.wcv if name not in needed]
    if unread:
        yield f"the wCV of {', '.join(unread)} is not read by this endpoint"
    read = {m.name: m.quantity for m in spec.marker if m.name in getattr(analysis, "markers", ())}
    without = [name for name, quantity in read.items() if quantity not in TRUE_QUANTITIES]
    if without:
        yield f"left out, since a digital lesion has no true number of them without a scan: {', '.join(without)}"
    yield (
        "what maps get wrong otherwise, lesions that cannot be measured and outcomes that are wrong are not in it: real studies need more "
        "patients"
    )
    yield from _null_words(order)


def _null_words(order: PowerOrder) -> Iterator[str]:
    if order.null:
        yield f"the null: patients were exchanged so that there is nothing to find; a test errs in {1 - order.level:.3g} of studies"
