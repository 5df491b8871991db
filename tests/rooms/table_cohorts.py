"""Digital cohorts as tables, and what the group level makes of them."""

from collections.abc import Collection, Mapping
from dataclasses import replace

from afterglow.cohort.part import Part
from afterglow.flows.cohort_analyses import carry_out_analyses
from afterglow.flows.cohort_cases import Cohort, Told, gather
from afterglow.flows.method import Method, load_method
from afterglow.flows.method_cohort import CohortSpec
from afterglow.flows.simulation_file import load_simulation
from afterglow.flows.table_cohort import quantities_read, table_cohort
from afterglow.flows.work import silent
from afterglow.records.study import Study

NAMES = ("ademola2025", "behar2023", "stadlbauer2025")


def method_of(name: str) -> tuple[Method, CohortSpec]:
    method = load_method(name)
    assert method.cohort is not None
    return method, method.cohort


def tables(
    name: str,
    patients: int | None,
    seed: int = 1,
    noise: float | Mapping[str, float] = 0.0,
    *,
    rules: Collection[str] | None = None,
    markers: Collection[str] | None = None,
) -> tuple[dict[str, Told], Study]:
    """With one wCV for all, or with one for each quantity; for those rules and markers alone, where they are named."""
    method = load_method(name)
    wcv = dict.fromkeys(quantities_read(method), noise) if isinstance(noise, float) else noise
    return table_cohort(method, load_simulation(name), patients, seed, wcv, rules=rules, markers=markers)


def gathered(name: str, told: Mapping[str, Told], study: Study) -> Cohort:
    method, spec = method_of(name)
    return gather(told, study, method, spec, held=(len(told), 0))


def analysed(name: str, told: Mapping[str, Told], study: Study, *analyses: str) -> tuple[Part, ...]:
    """These analyses of the method, or all."""
    method, spec = method_of(name)
    kept = tuple(one for one in spec.analysis if not analyses or one.name in analyses)
    small = spec.model_copy(update={"analysis": kept})
    return carry_out_analyses(small, gather(told, study, method, small, held=(len(told), 0)), study, silent)


def renamed(told: Mapping[str, Told], study: Study, names: Mapping[str, str]) -> tuple[dict[str, Told], Study]:
    """The same patients under other names."""

    def own(one: Told, name: str) -> Told:
        visits = tuple(
            replace(v, measurements=tuple(replace(m, participant_id=name) for m in v.measurements)) for v in one.course.visits
        )
        verdicts = tuple(replace(v, participant_id=name) for v in one.verdicts)
        return Told(replace(one.course, participant_id=name, visits=visits), verdicts)

    return {names[key]: own(one, names[key]) for key, one in told.items()}, Study(
        tuple(replace(p, participant_id=names[p.participant_id]) for p in study.participants),
        tuple(replace(o, participant_id=names[o.participant_id]) for o in study.outcomes),
        tuple(replace(r, participant_id=names[r.participant_id]) for r in study.readings),
        {names[key]: done for key, done in study.treatments.items()},
    )


def with_outcomes(study: Study, labels: Mapping[str, str]) -> Study:
    """The study with another outcome for each patient."""
    return Study(
        study.participants, tuple(replace(o, label=labels[o.participant_id]) for o in study.outcomes), study.readings, study.treatments
    )  # fmt: skip
