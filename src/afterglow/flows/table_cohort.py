"""A digital cohort as tables alone: stories, the numbers that scans would give with a stated noise, calls, outcomes. No image, no file.

The noise is log-normal: it multiplies, its median is 1 (no bias), and its wCV is the one that is given for the quantity. One draw for
each quantity and visit serves the plain number and its ratio; what the ratio is over carries no noise of its own.
"""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from afterglow.flows.cohort_cases import Told
from afterglow.flows.method import Method
from afterglow.flows.simulation_file import Simulation
from afterglow.records.course import Course, Visit
from afterglow.records.errors import BadInput
from afterglow.records.measurement import Measurement
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import SIZE_KINDS, Reading, Rule
from afterglow.records.study import Outcome, Participant, Refusal, Study
from afterglow.response.identity import SIZES
from afterglow.response.judge import judge_course
from afterglow.simulate.cohort import each_story
from afterglow.simulate.cohort_draw import stream
from afterglow.simulate.numbers import TRUE_QUANTITIES, healthy_tissue, true_number
from afterglow.simulate.story import LesionState, Story, VisitStory
from afterglow.simulate.tissues import with_barrier

_MEASURABLE = ("longest_diameter", "bidimensional_product")  # what rules of size look at besides the size they sum


@dataclass(frozen=True, eq=False)
class TablePatient:
    """One digital patient in tables."""

    told: Told
    participant: Participant
    outcomes: tuple[Outcome, ...]
    readings: tuple[Reading, ...]
    refusals: tuple[Refusal, ...]


def table_cohort(
    method: Method,
    simulation: Simulation,
    patients: int | None,
    seed: int,
    wcv: Mapping[str, float],
    *,
    rules: Collection[str] | None = None,
    markers: Collection[str] | None = None,
) -> tuple[dict[str, Told], Study]:
    """What runs and tables of such a cohort would say; `patients` None: as many as were published, with all printed counts.

    `wcv` by quantity, as a fraction. `rules` and `markers` are those that will be read, all where none are named; one that reads a
    quantity of which a lesion has no true number is left out. BadInput where a wCV lacks or is none.
    """
    return as_tables(each_table_patient(method, simulation, patients, seed, wcv, rules=rules, markers=markers))


def as_tables(patients: Iterator[TablePatient] | Sequence[TablePatient]) -> tuple[dict[str, Told], Study]:
    """Several patients as the group level takes them."""
    found = tuple(patients)
    study = Study(
        tuple(p.participant for p in found), tuple(o for p in found for o in p.outcomes), tuple(r for p in found for r in p.readings),
        {p.participant.participant_id: p.told.course.treatments for p in found}, tuple(r for p in found for r in p.refusals),
    )  # fmt: skip
    return {p.participant.participant_id: p.told for p in found if p.told.course.visits}, study


def each_table_patient(
    method: Method,
    simulation: Simulation,
    patients: int | None,
    seed: int,
    wcv: Mapping[str, float],
    *,
    rules: Collection[str] | None = None,
    markers: Collection[str] | None = None,
) -> Iterator[TablePatient]:
    """The patients of `table_cohort` one by one."""
    judged = [r for r in _rules(method, rules) if all(q in TRUE_QUANTITIES for q in r.quantities)]
    check_wcv(wcv, quantities_read(method, rules, markers))
    scanner = simulation.acquisition.scanner
    made = _Maker(
        method, simulation, _numbers_read(method, judged, markers), {q: math.sqrt(math.log1p(v**2)) for q, v in wcv.items()},
        {q: stream(seed, "noise", q) for q in wcv}, f"digital, seed {seed}",
    )  # fmt: skip
    for story in each_story(simulation.cohort, patients, seed, with_barrier(scanner.brain_leak)):
        yield made.patient(story, judged)


def quantities_read(
    method: Method, rules: Collection[str] | None = None, markers: Collection[str] | None = None
) -> tuple[str, ...]:
    """The quantities whose noise the rules and markers need; those without a true number are not among them."""
    read = [q for rule in _rules(method, rules) for q in rule.quantities]
    read += [m.quantity for m in (method.cohort.marker if method.cohort else ()) if markers is None or m.name in markers]
    return tuple(q for q in dict.fromkeys(read) if q in TRUE_QUANTITIES)


def check_wcv(wcv: Mapping[str, float], needed: Sequence[str]) -> None:
    """BadInput where a quantity has no wCV, or one that is none: how well a number repeats is never guessed."""
    for name, value in wcv.items():
        if name not in QUANTITIES:
            raise BadInput(f"a wCV of {name!r}, which is no quantity; those with a true number are {', '.join(TRUE_QUANTITIES)}")
        if not (math.isfinite(value) and 0 <= value < 2):
            raise BadInput(f"a wCV of {value:g} for {name}; give a fraction from 0 (a perfect scan), such as .2 for 20 %")
    lacking = [name for name in needed if name not in wcv]
    if lacking:
        raise BadInput(
            f"how well {lacking[0]} repeats is not said: give its wCV, such as --wcv {lacking[0]}=.2; `afterglow repeatability` finds it "
            "from people scanned twice, docs/calls lists what is published, and 0 stands for a perfect scan"
        )


def _rules(method: Method, names: Collection[str] | None) -> list[Rule]:
    return [spec.record() for spec in method.rule if names is None or spec.name in names]


def _numbers_read(method: Method, rules: Sequence[Rule], markers: Collection[str] | None) -> tuple[tuple[str, str, bool], ...]:
    """Quantity, statistic, whether it is a ratio; a plain marker brings its ratio along, which knows the reference tissue."""
    read = [("volume", "value", False)]
    for rule in rules:
        read += [(q, rule.statistic, rule.normalised) for q in rule.quantities]
        read += [(q, "value", False) for q in _MEASURABLE if rule.kind in SIZE_KINDS]
    for marker in method.cohort.marker if method.cohort else ():
        if (markers is None or marker.name in markers) and marker.quantity in TRUE_QUANTITIES:
            both = marker.normalised or (marker.at != "change" and marker.quantity not in SIZES)
            read += [(marker.quantity, marker.statistic, marker.normalised)]
            read += [(marker.quantity, marker.statistic, True)] if both else []
    return tuple(dict.fromkeys(read))


class _Maker:
    """What all patients of a cohort share, and a stream of noise for each quantity."""

    def __init__(
        self, method: Method, simulation: Simulation, read: Sequence[tuple[str, str, bool]], log_sd: Mapping[str, float],
        noise: Mapping[str, np.random.Generator], run_id: str,
    ) -> None:  # fmt: skip
        scanner = simulation.acquisition.scanner
        self.method, self.read, self.log_sd, self.noise, self.run_id = method, read, log_sd, noise, run_id
        self.healthy = healthy_tissue(simulation.site, brain_leak=scanner.brain_leak)
        self.haematocrit = scanner.haematocrit
        self.leads = {role for name in method.leads for role in method.series[name].roles}
        spec = method.cohort
        self.labels = (*spec.positive, *spec.negative) if spec else ()

    def patient(self, story: Story, rules: Sequence[Rule]) -> TablePatient:
        """Everything about one story."""
        readings = tuple(
            Reading(story.subject, r.session, r.lesion_id, r.reader, r.method, r.call, r.confidence) for r in story.readings
        )
        visits = tuple(self._visits(story))
        course = Course(story.subject, visits, story.treatments)
        verdicts = judge_course(course, rules, (), site=self.method.site, readings=readings)
        columns = {name: None if cell in (None, "n/a") else str(cell) for name, cell in story.participant.items()}
        known = [o for o in story.outcomes if not self.labels or o.label in self.labels]
        outcomes = tuple(Outcome(story.subject, o.session, o.lesion_id, o.label, o.basis, o.day) for o in known)
        refused = tuple(self._refused(story, o.label) for o in story.outcomes if o not in known)
        return TablePatient(Told(course, verdicts), Participant(story.subject, columns), outcomes, readings, refused)

    def _refused(self, story: Story, label: str) -> Refusal:
        remedy = f"the method takes {', '.join(self.labels)}; name it in [cohort] of the method, or change the simulation"
        return Refusal("phenotype/outcomes.tsv", 0, "label", f"sub-{story.subject}: {label!r}", remedy)

    def _visits(self, story: Story) -> Iterator[Visit]:
        """Those with a series that the method starts from; the lesion is named as outcomes and readings name it, else as before."""
        named = {o.session: o.lesion_id for o in story.outcomes} | {r.session: r.lesion_id for r in story.readings}
        lesion_id = "1"
        for visit in story.visits:
            lesion_id = named.get(visit.session, lesion_id)
            noise = {quantity: float(rng.standard_normal()) for quantity, rng in self.noise.items()}
            if self.leads & set(visit.roles):
                yield Visit(visit.session, visit.day, tuple(self._measured(story.subject, visit, lesion_id, noise)))

    def _measured(self, subject: str, visit: VisitStory, lesion_id: str, noise: Mapping[str, float]) -> Iterator[Measurement]:
        for quantity, statistic, is_ratio in self.read:
            if not all(role in visit.roles for role in TRUE_QUANTITIES[quantity]):
                continue
            yield self._number(subject, visit, lesion_id, (quantity, statistic, is_ratio), noise.get(quantity, 0.0), visit.lesion)

    def _number(
        self, subject: str, visit: VisitStory, lesion_id: str, which: tuple[str, str, bool], noise: float, lesion: LesionState
    ) -> Measurement:
        quantity, statistic, is_ratio = which
        true = true_number(quantity, lesion, self.healthy, haematocrit=self.haematocrit)
        sd = self.log_sd.get(quantity)  # None: a size that is only looked at, or read by nothing
        over = true.reference if is_ratio and true.reference is not None else 1.0
        value = true.value / over * (1.0 if sd is None else math.exp(sd * noise))
        ends = (None, None) if sd is None else sorted(value * math.exp(side * 1.96 * sd) for side in (-1, 1))
        return Measurement(
            subject, visit.session, visit.day, lesion_id, "lesion", quantity, statistic, value, "1" if is_ratio else QUANTITIES[quantity].unit,
            ends[0], ends[1], "" if sd is None else "the wCV that was given", 0, lesion.volume_ml, self.method.reference.kind if is_ratio else "",
            over if is_ratio else None, "table", self.method.name, self.run_id,
        )  # fmt: skip
