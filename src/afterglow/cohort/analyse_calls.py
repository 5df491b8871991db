"""Analyses of calls: how often rules are right, which of two is right more often, and which one spoke first."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from afterglow.cohort.clustered import clustered_difference, clustered_rates
from afterglow.cohort.confusion import Confusion, confusion_of, metrics
from afterglow.cohort.lead import lead_summary
from afterglow.cohort.paired_readings import compare_readings
from afterglow.cohort.part import Part, Sides, file_name
from afterglow.cohort.rank_sum import mann_whitney
from afterglow.cohort.signed_rank import wilcoxon
from afterglow.records.case import Case
from afterglow.records.group import BoxPlot, CrossTable
from afterglow.records.lead import LeadTime
from afterglow.records.statistic import Estimated, Groups, Tested

_ANSWERS = ("sensitivity", "specificity")


def analyse_calls(name: str, sides: Sides, rules: Sequence[str]) -> Part:
    """Confusion matrix and ratios of each rule; the first rule against each other one on the exams that both called."""
    crossed, estimates, answers, cautions = [], [], [], []
    for rule in rules:
        called = [c for c in sides.cases if c.calls.get(rule) is not None]
        counts = confusion_of([c.calls.get(rule) for c in sides.cases], sides.truth)
        crossed.append(_table(rule, counts, sides))
        found = metrics(counts, measured=rule)
        estimates.append((f"{rule}: calls against outcomes, exams taken as independent", tuple(found.values())))
        if sides.clustered:
            rates = clustered_rates(
                [bool(c.calls[rule]) for c in called], [c.positive for c in called], [c.participant_id for c in called]
            )
            estimates.append((f"{rule}: several exams of a patient taken together", tuple(rates.values())))
        answers += [found[key] for key in _ANSWERS] if rule == rules[0] else []
        if counts.uncalled:
            cautions.append(f"{rule} made no call in {counts.uncalled} of {len(sides.cases)} cases; its ratios are of the others")
    tests = [test for other in rules[1:] for test in _compared(sides, rules[0], other)]
    families = ((f"{name}: which rule is right more often", tuple(tests)),) if tests else ()
    return Part(name, tuple(answers), tuple(estimates), families, tuple(crossed), cautions=tuple(cautions))


def _table(rule: str, counts: Confusion, sides: Sides) -> CrossTable:
    note = f"{counts.uncalled} without a call" if counts.uncalled else ""
    rows = np.array([[counts.tp, counts.fp], [counts.fn, counts.tn]], dtype=np.int64)
    return CrossTable(
        f"{rule} against outcome",
        "call",
        "outcome",
        (sides.positive, sides.negative),
        (sides.positive, sides.negative),
        rows,
        note,
    )


def _compared(sides: Sides, first: str, second: str) -> list[Tested]:
    """In pairs, on the exams that both called; with patients as clusters where they have several."""
    both = [c for c in sides.cases if c.calls.get(first) is not None and c.calls.get(second) is not None]
    truth, one, two = ([c.positive for c in both], [bool(c.calls[first]) for c in both], [bool(c.calls[second]) for c in both])
    tests = list(compare_readings(truth, one, two, names=(first, second)))
    if sides.clustered:
        for words, kind in (("sensitivity", True), ("specificity", False)):
            of_kind = [n for n, t in enumerate(truth) if t is kind]
            right = [[calls[n] == kind for n in of_kind] for calls in (one, two)]
            tests.append(
                clustered_difference(
                    f"{words}, {first} less {second}", right[0], right[1], [both[n].participant_id for n in of_kind]
                )
            )
    return tests


def subgroup_of(case: Case, rules: tuple[str, str]) -> str | None:
    """By the outcome and by which rule got it right; None where either made no call."""
    calls = [case.calls.get(rule) for rule in rules]
    if None in calls:
        return None
    right = [call == case.positive for call in calls]
    said = "both rules" if all(right) else "neither rule" if not any(right) else f"{rules[right.index(True)]} only"
    return f"{case.label}, {said}"


def analyse_lead(name: str, leads: Sequence[LeadTime], first: str, second: str) -> Part:
    """Days by which the first rule spoke before the second, growth meanwhile, and volumes: early, delayed, called by both at once."""
    found = lead_summary(leads, first, second)
    days, total = found.summary, len(found.days)
    number = {
        "called first": found.n_first, "called on the same day": sum(d == 0 for d in found.days),
        "called later": sum(d < 0 for d in found.days), f"called by {first} alone": found.n_only_method,
        f"called by {second} alone": found.n_only_over,
    }  # fmt: skip
    counts = tuple(Estimated(words, float(n), n=total, unit="{lesions}") for words, n in number.items())
    ahead = [d for d in found.days if d > 0]
    of_days = tuple(
        Estimated(words, value, n=len(ahead), unit="d", note="of lesions that it called first")
        for words, value in (
            ("mean lead", float(np.mean(ahead)) if ahead else None), ("shortest lead", min(ahead, default=None)),
            ("longest lead", max(ahead, default=None)), ("median of all leads", days.median),
        )
    )  # fmt: skip
    volumes = _volumes(leads, first, second)
    pictures = (BoxPlot(file_name(name, "volumes"), volumes, _volume_tests(volumes), log=True, caption=_CAPTION),)
    drawn = any(np.isfinite(v).sum() for v in volumes.values)
    patients = () if found.of_patients is None else (found.of_patients,)
    caution = f"{name}: some patients have several lesions; the Wilcoxon test takes lesions as independent, the mean over patients does not"
    return Part(
        name, (found.test, *patients), ((f"Lead of {first} over {second}", (*counts, *of_days)),),
        ((f"{name}: days and growth", (found.test, *patients, found.growth)), (f"{name}: volumes", _volume_tests(volumes))),
        pictures=pictures if drawn else (), cautions=(caution,) if patients else (),
    )  # fmt: skip


_CAPTION = (
    "Volume when the first rule called a lesion that the second had not (early), of the same lesions when the second did (delayed), and of lesions "
    "that both called at once."
)


def _volumes(leads: Sequence[LeadTime], first: str, second: str) -> Groups:
    pair = [x for x in leads if {x.rule_early, x.rule_late} == {first, second} and x.days is not None]
    ahead = [x for x in pair if x.days and x.rule_early == first]
    at_once = [x for x in pair if x.days == 0]
    columns = ([x.volume_early_ml for x in ahead], [x.volume_late_ml for x in ahead], [x.volume_early_ml for x in at_once])
    values = tuple(np.array([np.nan if v is None else v for v in column], dtype=np.float64) for column in columns)
    return Groups("lesion volume at the call", "mL", ("early", "delayed", "both at once"), values)


def _volume_tests(volumes: Groups) -> tuple[Tested, ...]:
    early, delayed, at_once = volumes.values
    tests = [wilcoxon(early, delayed, unit="mL", about="volume, delayed less early, of the same lesions")]
    for (one, a), (two, b) in pairwise((("early", early), ("both at once", at_once), ("delayed", delayed))):
        a_there, b_there = a[np.isfinite(a)], b[np.isfinite(b)]
        if a_there.size and b_there.size:
            tests.append(mann_whitney(a_there, b_there, unit="mL", about=f"volume, {one} less {two}"))
    return tuple(tests)
