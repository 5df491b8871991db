"""Tables of the digital patients: every key of a simulation file, and what is printed against what is drawn."""

import dataclasses
import types
import typing
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

import numpy as np
from reference_tables import doi, table
from simulation_words import words_of

from afterglow.flows.simulation_file import Simulation, load_simulation, simulation_names
from afterglow.simulate.cohort import draw_stories
from afterglow.simulate.cohort_draw import Value
from afterglow.simulate.cohort_surveillance import Surveillance
from afterglow.simulate.story import Story
from afterglow.simulate.tissues import with_barrier
from afterglow.simulate.vascular import ARCHITECTURES

SEEDS = {"course": range(1, 13), "surveillance": range(1, 2)}  # small cohorts scatter more
NAMES = {  # record -> the heading under which its keys stand in a file
    "Simulation": "At the top",
    "Course": "`[cohort]`, `kind = \"course\"`",
    "Surveillance": "`[cohort]`, `kind = \"surveillance\"`",
    "Group": "`[[cohort.group]]`",
    "Column": "`[[cohort.column]]`, `[[cohort.examination_column]]`",
    "Value": "`[[cohort.value]]`, `[[cohort.examination_value]]`",
    "Part": "`parts` of a value",
    "VisitSpec": "`[[cohort.visit]]`",
    "LesionSpec": "`[cohort.visit.lesion]` and other lesions",
    "PerfusionSpec": "`tumour`, `scar`, `infiltration` of a lesion",
    "TreatmentSpec": "`[[cohort.treatment]]`, `[[cohort.first_treatment]]`, `[[cohort.recurrence_treatment]]`",
    "OutcomeSpec": "`[[cohort.outcome]]`",
    "ReadingSpec": "`[[cohort.reading]]`",
    "MissingSpec": "`[[cohort.missing]]`",
    "NestSpec": "`[cohort.nest]`",
    "Finding": "`[[cohort.finding]]`",
    "Schedule": "`[cohort.schedule]`",
    "Acquisition": "`[acquisition]`",
    "Contrast": "`[acquisition.agent]`",
    "Scanner": "`[acquisition.scanner]`",
    "Size": "`[acquisition.size.full]`, `[acquisition.size.coarse]`",
    "DceProtocol": "`[acquisition.dce]`",
    "Bolus": "`[acquisition.dce.injection]`, `[acquisition.dsc.injection]`",
    "DscProtocol": "`[[acquisition.dsc]]`",
    "DwiProtocol": "`[acquisition.dwi]`",
    "MrsiProtocol": "`[acquisition.mrsi]`",
    "AnatomyProtocol": "`[[acquisition.anatomy]]`",
}  # fmt: skip
SUBTABLES = {("Simulation", "cohort"), ("Simulation", "acquisition")}  # they have headings of their own


def records(kind: object = Simulation) -> dict[str, type]:
    """Every record that a simulation file fills, by name, from the top down."""
    found: dict[str, type] = {}
    waiting = [kind]
    while waiting:
        here = waiting.pop(0)
        waiting += typing.get_args(here)
        if isinstance(here, type) and dataclasses.is_dataclass(here) and here.__name__ not in found:
            found[here.__name__] = here
            waiting += [hint for _, hint in hints(here)]
    return found


def hints(record: type) -> Iterator[tuple[dataclasses.Field[object], object]]:
    """The keys of a record with what may stand there."""
    known = typing.get_type_hints(record)
    for field in dataclasses.fields(record):
        yield field, known[field.name]


def simulation_keys() -> str:
    parts = []
    for name, record in sorted(records().items(), key=lambda one: list(NAMES).index(one[0])):
        said = " ".join((record.__doc__ or "").split())
        parts += [f"## {NAMES[name]}\n", f"{said}\n", _keys(name, record)]
    return "\n".join(parts)


def _keys(name: str, record: type) -> str:
    rows = [
        (f"`{field.name}`", _allowed(hint), "yes" if _needed(field) else "no", words_of(name, field.name))
        for field, hint in hints(record)
        if (name, field.name) not in SUBTABLES
    ]
    return table(("Key", "Value", "Needed", "What it does"), rows)


def _needed(field: dataclasses.Field[object]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _allowed(kind: object) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return " or ".join(f"`{a}`" for a in arguments if a)
    if origin in (typing.Union, types.UnionType):
        if set(arguments) >= {float, str}:
            return "number, or the name of a value"
        return " or ".join(_allowed(a) for a in arguments if a is not type(None))
    if origin is tuple:
        return f"list of {_plural(arguments[0])}" if arguments[-1] is Ellipsis else f"list of {len(arguments)} numbers"
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"table of {_plural(arguments[1])}"
    plain = {str: "text", float: "number", int: "whole number", bool: "`true` or `false`"}
    return plain.get(kind, "table")  # type: ignore[call-overload]


def _plural(kind: object) -> str:
    one = _allowed(kind)
    return one if one.startswith(("list", "table of", "`")) or one == "text" else f"{one}s"


def architectures() -> str:
    rows = [(f"`{name}`", *(f"{share:g}" for share in shares)) for name, shares in ARCHITECTURES.items()]
    return table(("Architecture", "Arterioles", "Capillaries", "Venules"), rows)


@cache
def cohorts() -> str:
    """For each cohort what is printed and what comes back."""
    parts = []
    for name in simulation_names():
        one = load_simulation(name)
        parts += [f"### {name}\n", f"{one.title}. DOI: {doi(one.doi)}.\n"]
        drawn = [
            draw_stories(one.cohort, None, seed, with_barrier(one.acquisition.scanner.brain_leak))
            for seed in SEEDS[one.cohort.kind]
        ]
        parts.append(table(("What", "Printed", "Drawn", "Place"), [*_sizes(one, drawn), *_numbers(one, drawn)]))
    return "\n".join(parts)


def _sizes(one: Simulation, drawn: Sequence[Sequence[Story]]) -> Iterator[tuple[str, str, str, str]]:
    taking_part = [group for group in one.cohort.group if not group.excluded or getattr(one.cohort, "with_excluded", False)]
    patients = "; ".join(sorted({str(len(stories)) for stories in drawn}))
    yield "patients", str(sum(group.n for group in taking_part)), patients, "groups of the file"
    if one.cohort.kind == "surveillance":
        visits = "; ".join(sorted({str(sum(len(story.visits) for story in stories)) for stories in drawn}))
        yield "examinations", str(one.cohort.schedule.examinations), visits, one.cohort.schedule.source
    for truth in dict.fromkeys(group.truth for group in taking_part):
        printed = sum(group.n for group in taking_part if group.truth == truth)
        counts = {sum(story.group == truth for story in stories) for stories in drawn}
        yield f"of them: {truth}", str(printed), "; ".join(map(str, sorted(counts))), "groups of the file"


def _numbers(one: Simulation, drawn: Sequence[Sequence[Story]]) -> Iterator[tuple[str, str, str, str]]:
    """Values with printed results, over all seeds."""
    surveyed = getattr(one.cohort, "examination_value", ())
    for value in (*one.cohort.value, *surveyed):
        if not value.printed:
            continue
        found = np.array([number for stories in drawn for story in stories for number in _of(one, value, story)])
        concerned = f" ({', '.join(value.groups)})" if value.groups else ""
        unit = "" if value.unit == "1" else f" {value.unit}"
        pairs = [(statistic, printed, _statistic(found, statistic)) for statistic, printed in value.printed.items()]
        yield (
            f"`{value.name}`{concerned}", "; ".join(f"{s} {p:g}" for s, p, _ in pairs) + unit,
            "; ".join(f"{s} {d:.3g}" for s, _, d in pairs) + unit, value.source,
        )  # fmt: skip


def _of(one: Simulation, value: Value, story: Story) -> list[float]:
    """What was drawn for this patient, or for each of its examinations; nothing where the value is of other groups."""
    told = {**story.participant, **story.hidden}
    if value.name in told:
        return [float(str(told[value.name]))] if not value.groups or story.hidden["group"] in value.groups else []
    return _of_examinations(one, value, story) if isinstance(one.cohort, Surveillance) else []


def _of_examinations(one: Simulation, value: Value, story: Story) -> list[float]:
    """Volumes of the lesion at the examinations that counted; stories keep nothing else of an examination's own numbers."""
    found = []
    volumes = {visit.session: visit.lesion.volume_ml for visit in story.visits}
    for outcome in story.outcomes:
        finding = one.cohort.finding_of(str(story.hidden[f"finding_{outcome.lesion_id}"]))
        if finding.lesion.volume_ml == value.name and (not value.groups or finding.name in value.groups):
            found.append(volumes[outcome.session])
    return found


def _statistic(found: np.ndarray, name: str) -> float:
    if not found.size:
        raise ValueError("a value with printed results is never drawn; correct how it is looked up")
    return float({"mean": np.mean, "sd": np.std, "median": np.median, "min": np.min, "max": np.max}[name](found))


FRAGMENTS = {"simulation-keys": simulation_keys, "architectures": architectures, "cohorts": cohorts}
