"""`afterglow run … group`: measurements, calls and outcomes of a cohort become the analyses that the method names, and a report."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from afterglow import __version__
from afterglow.cohort.characteristics import characteristics
from afterglow.cohort.part import Part
from afterglow.flows.cohort_analyses import carry_out_analyses
from afterglow.flows.cohort_cases import Cohort, gather, held_in, read_beside, read_lesion_curves, read_told
from afterglow.flows.cohort_painted import painted_cautions, painted_flow, read_painted_cohort
from afterglow.flows.cohort_recurrence import (
    held_against,
    predicted_facts,
    predicted_flow,
    predicted_groups,
    read_predicted_cohorts,
)
from afterglow.flows.keys import versions
from afterglow.flows.long_table import long_table_of_run, write_long
from afterglow.flows.method import Method, load_method, method_text
from afterglow.flows.method_cohort import CohortSpec, Curves
from afterglow.flows.work import Progress
from afterglow.io.atomic import Written, clean_temporary, require_writable, write_bytes
from afterglow.io.bids import Dataset, open_dataset
from afterglow.io.group import write_cases, write_figures, write_refusals, write_statistics, write_tables
from afterglow.io.manifest import ManifestEntry, fingerprint, input_entry, output_entry, publish, record
from afterglow.io.study import OUTCOMES, load_study
from afterglow.io.write import write_text
from afterglow.records.errors import BadMethod, MissingInput
from afterglow.records.group import CHECKLISTS, GroupFacts
from afterglow.records.response import Rule
from afterglow.records.statistic import Estimated, Tested
from afterglow.records.study import Study
from afterglow.report.group import group_document
from afterglow.report.html import document_html
from afterglow.report.pdf import document_pdf

FOLLOWED = ("followed", "not followed")


@dataclass(frozen=True, eq=False)
class GroupReport:
    """What a group analysis came to."""

    report: Path
    facts: GroupFacts
    n_cases: int
    refusals: tuple[str, ...]

    @property
    def counted(self) -> str:
        """ "24 cases"; patients where nothing is asked about outcomes."""
        return f"{self.n_cases} cases" if self.n_cases else f"{sum(self.facts.sizes)} patients analysed"

    @property
    def answer(self) -> str:
        """The primary endpoint in a line."""
        return "; ".join(_in_short(one) for one in self.facts.primary) or self.facts.answer


def _in_short(one: Estimated | Tested) -> str:
    value = one.value if isinstance(one, Estimated) else one.p
    if value is None:
        return f"{one.name}: {one.note}"
    if isinstance(one, Tested):
        return f"{one.about or one.name}: P = {value:.3g} ({one.name}, {one.rule})"
    ends = "" if one.low is None or one.high is None else f" ({one.low:.3g} to {one.high:.3g}, {one.rule})"
    return f"{one.name} {value:.3g}{ends}, n = {one.n}"


def run_group(bids_dir: Path, out: Path, method_name: str, *, progress: Progress) -> GroupReport:
    """Analyse what the participant level has measured. MissingInput where there is nothing to analyse, or no outcome that is asked for."""
    method = load_method(method_name)
    if method.cohort is None:
        raise BadMethod(f"{method.name}: its file has no [cohort], which says how a cohort is analysed; add one (docs: cohorts)")
    dataset = open_dataset(bids_dir)
    require_writable(out)
    clean_temporary(out)
    publish(out)
    progress("reading", 0, 1)
    study = load_study(dataset, labels=(*method.cohort.positive, *method.cohort.negative, *method.cohort.instead))
    if method.cohort.positive and not study.outcomes:
        why = f"; the first row refused: {study.refusals[0].sentence}" if study.refusals else ""
        raise MissingInput(f"{dataset.root / OUTCOMES}: no outcome to hold calls against{why}; add the table (docs: data)")
    cohort = _cohort(out, dataset, study, method, method.cohort)
    parts = carry_out_analyses(method.cohort, cohort, study, progress)
    facts = facts_of(method, method.cohort, cohort, study, parts)
    written = list(_write(out, facts, cohort, study))
    settings = {"method": method_text(method_name), "level": "group"}
    inputs = tuple(input_entry(path, dataset.root) for path in _tables(dataset.root))
    run_id = fingerprint(inputs, settings, versions())
    record(
        out,
        ManifestEntry(
            "group", "done", method.name, run_id, inputs, tuple(output_entry(one, out) for one in written), settings, versions()
        ),
    )
    return GroupReport(out / "group.html", facts, len(cohort.cases), tuple(r.sentence for r in cohort.refusals))


def _cohort(out: Path, dataset: Dataset, study: Study, method: Method, spec: CohortSpec) -> Cohort:
    """The cases, and whatever else the analyses read."""
    columns, marks = read_beside(dataset.root, spec)
    told = read_told(out, dataset)
    cohort = replace(gather(told, study, method, spec, held=held_in(dataset), probabilities=columns), marks=marks)
    if spec.positive and not cohort.cases:
        raise MissingInput(
            f"{out}: no outcome has a measured lesion; run the participant level first. {cohort.refusals[len(study.refusals)].sentence}"
        )
    if not told:
        raise MissingInput(f"{out}: nothing was measured; run the participant level first, and see its failures")
    if any(isinstance(one, Curves) for one in spec.analysis):
        cohort = replace(cohort, curves=read_lesion_curves(out, cohort.cases))
    painted = read_painted_cohort(out, {name: one.course for name, one in told.items()}, method, spec)
    predicted = read_predicted_cohorts(out, method, spec, study)
    flow = (*cohort.flow, *painted_flow(painted, len(told)), *predicted_flow(predicted))
    return replace(cohort, painted=painted, predicted=predicted, flow=flow)


def _tables(root: Path) -> list[Path]:
    found = [root / "participants.tsv", *sorted((root / "phenotype").glob("*.tsv"))]
    return [path for path in found if path.is_file()]


def facts_of(method: Method, spec: CohortSpec, cohort: Cohort, study: Study, parts: Sequence[Part]) -> GroupFacts:
    """What the report is made of."""
    primary = next(part for part in parts if part.name == spec.primary)
    labels, named = _groups(spec, cohort)
    people = [(person, named[person.participant_id]) for person in study.participants if person.participant_id in named]
    return GroupFacts(
        method=method.name, title=f"{method.title}: the cohort", question=spec.question, primary=primary.answers,
        flow=cohort.flow, doi=method.doi,
        answer="" if primary.answers else f"The analysis {spec.primary} gave no number.",
        labels=labels, sizes=tuple(sum(group == one for _, group in people) for one in labels),
        cohort=characteristics(people, labels),
        pictures=tuple(picture for part in parts for picture in part.pictures),
        crossed=tuple(table for part in parts for table in part.crossed),
        tables=tuple(table for part in parts for table in part.tables),
        estimates=tuple(one for part in parts for one in part.estimates),
        tests=tuple(one for part in parts for one in part.tests),
        cautions=tuple(dict.fromkeys((*_cautions(spec, cohort, parts), *spec.cautions))),
        checklists=CHECKLISTS if spec.positive or cohort.predicted else (),  # both are about telling outcomes apart
        checklist_facts=_known(method, spec, cohort),
        methods_paragraph=_paragraph(method, spec, cohort),
    )  # fmt: skip


def _groups(spec: CohortSpec, cohort: Cohort) -> tuple[tuple[str, ...], dict[str, str]]:
    """The groups of the cohort table and whose is which: by outcome; by what came after a
    prediction; else those who were followed and those who were not; else one."""
    if spec.positive:
        sick = {c.participant_id for c in cohort.cases if c.positive}
        names = sorted({c.participant_id for c in cohort.cases})
        return spec.sides, {name: spec.sides[0] if name in sick else spec.sides[1] for name in names}
    predicted = predicted_groups(cohort.predicted, spec)
    if predicted is not None:
        return predicted
    followed = cohort.painted.followed
    if followed is None:
        return ("measured",), dict.fromkeys(cohort.told, "measured")
    return FOLLOWED, {name: FOLLOWED[name not in followed] for name in cohort.told}


def _cautions(spec: CohortSpec, cohort: Cohort, parts: Sequence[Part]) -> Iterator[str]:
    patients = len({c.participant_id for c in cohort.cases})
    if patients < len(cohort.cases):
        yield (
            f"{len(cohort.cases)} cases come from {patients} patients: cases of one patient are alike, and intervals that take them "
            "as independent are too narrow; those that do not stand beside"
        )
    for kind, words in zip((True, False), spec.sides, strict=True):
        if words and not any(c.positive is kind for c in cohort.cases):
            yield f"no case is {words}: nothing can be told apart"
    yield from (words for part in parts for words in part.cautions)
    yield from painted_cautions(cohort.painted, tuple(cohort.told))
    if cohort.refusals:
        yield f"{len(cohort.refusals)} rows of the tables were not used; group/refusals.tsv says which and why"


def _known(method: Method, spec: CohortSpec, cohort: Cohort) -> dict[str, str]:
    """By the keys of report/lists: what the data say for the items of a checklist; the rest is for the authors."""
    said = {
        "missing_data": "A number that was not measured is left out of the analyses that read it, and the number of such cases is said."
    }
    if not spec.positive:
        return {**said, **predicted_facts(cohort.predicted, spec)}
    bases = sorted({c.basis for c in cohort.cases})
    positive = sum(c.positive for c in cohort.cases)
    return {
        "reference_standard": f"{', '.join((*spec.positive, *spec.negative))}, known by {', '.join(bases)}",
        "events": f"{positive} cases {spec.positive[0]}, {len(cohort.cases) - positive} {spec.negative[0]}",
        "cutoff": "; ".join(
            f"{r.name}: {r.threshold:g} {r.unit}, set beforehand ({r.source})" for r in _thresholds(method, spec)
        ),
        "indeterminate": "Cases of which a rule cannot tell are counted, and left out of its ratios; see the tables of counts.",
        **said,
    }


def _thresholds(method: Method, spec: CohortSpec) -> Iterator[Rule]:
    return (r for r in (one.record() for one in method.rule) if r.name in spec.rules and r.kind != "reading")


def _paragraph(method: Method, spec: CohortSpec, cohort: Cohort) -> str:
    tests = "; ".join(f"{one.name} ({one.do}; {one.source})" for one in spec.analysis)
    who = f"Patients are those whose scans were measured: {len(cohort.told)}; {held_against(cohort.predicted, spec)}. "
    if spec.positive:
        patients = len({c.participant_id for c in cohort.cases})
        labels = f"{', '.join(spec.positive)} against {', '.join(spec.negative)}"
        who = f"Cases are lesions at visits with an outcome in phenotype/outcomes.tsv ({labels}): {len(cohort.cases)} of {patients} patients. "
    return (
        f"{who}Measurements and calls are those of method {method.name} ({method.citation}), carried out with afterglow {__version__}. "
        f"Analyses: {tests}. The rule of each test and of each interval stands beside its number."
    )


def _write(out: Path, facts: GroupFacts, cohort: Cohort, study: Study) -> Iterator[Written]:
    document = group_document(facts)
    yield write_text(out / "group.html", document_html(document))
    with suppress(MissingInput):  # typst is an extra: the page on screen holds the same
        yield write_bytes(out / "group.pdf", document_pdf(document))
    yield from write_figures(out / "group" / "figures", document.figures)
    yield from write_tables(out / "group" / "tables", facts.tables)
    yield from write_statistics(out / "group", facts)
    if cohort.cases:
        yield from write_cases(out / "group", cohort.cases)
    yield from write_refusals(out / "group", cohort.refusals)
    yield from write_long(out / "group", long_table_of_run(out, study), parquet=find_spec("pyarrow") is not None)
