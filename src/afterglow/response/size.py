"""Rules of size over a whole course: the sum over the lesions, its smallest value so far, new lesions, a second scan.

Any number of visits. Lesions are named by identity: what split is summed, what merged is not counted twice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from afterglow.records.course import Course, Visit
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import PATIENT, Category, Verdict
from afterglow.response.after_radiation import time_words
from afterglow.response.baseline import NO_SCAN_BEFORE, NOT_RECORDED, RADIATION, Before, before, latest_radiation
from afterglow.response.case import Case, Numbers
from afterglow.response.identity import Number, Wanted, family, is_new, lesions_at, own, size_of
from afterglow.response.size_rules import LABELS, NOT_CONSIDERED, SIZE_CRITERIA, SizeCriteria
from afterglow.response.wording import cannot_tell, printed, sentences, with_unit

_CATEGORIES: dict[str, Category] = {
    "PD": "progression",
    "PR": "response",
    "CR": "response",
    "SD": "no change",
    "PD?": "cannot tell",
}
_LOCAL = ("local progression", "local control")  # SPINO has these two alone


@dataclass(frozen=True)
class _Sums:
    """The sum of the targets at baseline, the smallest up to the visit before, and now. All were measured."""

    first: float
    nadir: float
    nadir_session: str
    now: float
    grown: float  # per cent of the smallest sum; of the first where that was 0
    changed: float  # per cent of the first


def judge_sizes(case: Case) -> Iterator[Verdict]:
    """The verdict of a rule of size at every visit after its baseline, for all lesions together."""
    criteria = SIZE_CRITERIA[case.rule.kind, case.rule.quantities[0]]
    waiting: dict[str, str] = {}  # session of the baseline -> visit where progression was first seen and awaits a second scan
    for now in case.course.visits:
        found = _baseline(case.course, criteria, now)
        if found is None:
            continue
        key = "" if found.visit is None else found.visit.session_id
        verdict = _at_visit(case, criteria, found, now, waiting.get(key, ""))
        if verdict.label == "PD?":
            waiting.setdefault(key, now.session_id)
        elif verdict.category != "cannot tell":
            waiting.pop(key, None)
        yield verdict


def category_of_sum(criteria: SizeCriteria, sums: Sequence[float], *, grown_percent: float) -> str:
    """CR, PR, SD or PD of the last of these sums: growth against the smallest before it, a fall against the first."""
    first, nadir, now = sums[0], min(sums[:-1]), sums[-1]
    if (nadir > 0 and now >= nadir * (1 + grown_percent / 100)) or (nadir == 0 and now > 0):
        return "PD"
    if now == 0:
        return "CR"
    if criteria.fallen_percent is not None and now <= first * (1 - criteria.fallen_percent / 100):
        return "PR"
    return "SD"


def targets_at(visit: Visit, criteria: SizeCriteria) -> tuple[str, ...]:
    """The lesions of a visit that are large enough to be followed, the largest ones where the criteria limit their number.

    The extent across is the largest product over the longest diameter: the width there can only be larger.
    """
    fit = [one for one in lesions_at(visit) if _is_measurable(visit, one, criteria)]
    if criteria.most_targets is not None:
        fit = sorted(fit, key=lambda one: (-(_size(visit, "longest_diameter", one) or 0.0), one))[: criteria.most_targets]
    return tuple(sorted(fit))


def _is_measurable(visit: Visit, lesion_id: str, criteria: SizeCriteria) -> bool:
    length, product = (_size(visit, q, lesion_id) for q in ("longest_diameter", "bidimensional_product"))
    if criteria.longest_mm == 0:
        return (_size(visit, criteria.quantity, lesion_id) or 0.0) > 0
    return bool(length and product and length >= criteria.longest_mm and product / length >= criteria.across_mm)


def _size(visit: Visit, quantity: str, lesion_id: str) -> float | None:
    m = own(visit, Wanted(quantity, "value", False), lesion_id)
    return None if m is None else m.value


def _baseline(course: Course, criteria: SizeCriteria, now: Visit) -> Before | None:
    """The visit that sums are compared with; None where `now` is that visit, or lies before it."""
    if criteria.baseline == "before treatment" or not any(t.kind in RADIATION for t in course.treatments):
        return before(course, now, "before treatment")
    treatment = latest_radiation(course, now)
    if treatment is None:
        return None
    first = next(visit for visit in course.visits if visit.day > treatment.day)
    return None if first.session_id == now.session_id else Before(first, treatment)


def _at_visit(case: Case, criteria: SizeCriteria, found: Before, now: Visit, awaited: str) -> Verdict:
    name = f"sum of {QUANTITIES[criteria.quantity].long_name}"
    if found.visit is None:
        numbers: Numbers = ((f"{name}, before", None),)
        return case.verdict(PATIENT, None, now, "cannot tell", sentences(cannot_tell(NO_SCAN_BEFORE), NOT_CONSIDERED), numbers)
    targets = targets_at(found.visit, criteria)
    new = _new_lesions(case.course, criteria, found.visit, now)
    sums, numbers, why = _sums(case.course, criteria, targets, found.visit, now)
    if sums is None:
        label, said = ("PD", _new_words(new)) if new else ("", cannot_tell(why))
    else:
        label = _label(case, criteria, sums, new, now)
        said = _sum_words(case, criteria, sums, found.visit, now)
    return _verdict(case, criteria, found, now, (label, said), sums, numbers, new, awaited)


def _verdict(
    case: Case,
    criteria: SizeCriteria,
    found: Before,
    now: Visit,
    call: tuple[str, str],
    sums: _Sums | None,
    numbers: Numbers,
    new: tuple[str, ...],
    awaited: str,
) -> Verdict:
    label, said = call
    early = criteria.confirm_within_days is not None and found.treatment is not None
    early = early and now.day - (found.treatment.day if found.treatment else now.day) <= (criteria.confirm_within_days or 0.0)
    confirmed = ""
    if label == "PD" and early and not awaited:
        label = "PD?"
        said = cannot_tell(
            f"{said}, and growth within {(criteria.confirm_within_days or 0) / 7:g} weeks of radiation needs a second scan"
        )
    elif label == "PD" and awaited:
        confirmed = f"This scan confirms what was first seen at ses-{awaited}."
    category: Category = _CATEGORIES.get(label, "cannot tell")
    value = sums.grown if sums is not None else 100.0 if category != "cannot tell" else None
    grew = category == "progression" and found.treatment is not None
    notes = (
        "" if sums is None else _new_words(new), confirmed, _left_out(found.visit, criteria), _old(criteria, found),
        NOT_RECORDED if found.note else "", case.rule.caution,
        time_words(case.site, (criteria.quantity,), found.treatment, now.day) if grew else "", NOT_CONSIDERED,
    )  # fmt: skip
    lead = f"{LABELS[label].capitalize()} ({label}): " if label in LABELS and category != "cannot tell" else ""
    shown = _local(criteria, label) if case.rule.kind == "spino" else label
    return case.verdict(PATIENT, found.visit, now, category, sentences(lead + said, *notes), numbers, value=value, label=shown)


def _local(criteria: SizeCriteria, label: str) -> str:
    return "" if not label else _LOCAL[0] if label == "PD" else _LOCAL[1]


def _label(case: Case, criteria: SizeCriteria, sums: _Sums, new: tuple[str, ...], now: Visit) -> str:
    found = category_of_sum(criteria, (sums.first, sums.nadir, sums.now), grown_percent=case.rule.threshold)
    if new:
        return "PD"
    left = [one for one in lesions_at(now) if (_size(now, "volume", one) or 0.0) > 0]
    return "PR" if found == "CR" and left else found  # a lesion too small to be a target is still there


def _sums(
    course: Course, criteria: SizeCriteria, targets: tuple[str, ...], first: Visit, now: Visit
) -> tuple[_Sums | None, Numbers, str]:
    name, wanted = f"sum of {QUANTITIES[criteria.quantity].long_name}", Wanted(criteria.quantity, "value", False)
    if not targets:
        why = f"no lesion at ses-{first.session_id} is {criteria.longest_mm:g} mm long and {criteria.across_mm:g} mm across"
        return None, ((f"{name}, ses-{first.session_id}", None), (f"{name}, ses-{now.session_id}", None)), why
    members = family(course, targets)
    past = [visit for visit in course.visits if first.day <= visit.day < now.day]
    found: list[tuple[Visit, Number]] = [(visit, size_of(course, visit, wanted, members)) for visit in (*past, now)]
    known = [(visit.session_id, n.value) for visit, n in found[:-1] if n.value is not None]
    start, last = found[0][1], found[-1][1]
    smallest = min(known, key=lambda pair: pair[1], default=("", None))
    numbers = (
        (f"{name}, ses-{first.session_id}", start.value),
        (f"smallest before, ses-{smallest[0]}", smallest[1]),
        (f"{name}, ses-{now.session_id}", last.value),
    )
    for visit, number in (found[0], found[-1]):
        if number.value is None:
            return None, numbers, f"the {name} is not known at ses-{visit.session_id} ({number.why})"
    a, b, low = start.value or 0.0, last.value or 0.0, smallest[1] or 0.0
    changed = 100 * (b / a - 1)
    return _Sums(a, low, smallest[0], b, 100 * (b / low - 1) if low > 0 else changed, changed), numbers, ""


def _new_lesions(course: Course, criteria: SizeCriteria, first: Visit, now: Visit) -> tuple[str, ...]:
    """Lesions that were not there at baseline or before, as far as the criteria count them."""
    earlier = [visit for visit in course.visits if visit.day <= first.day]
    seen = [one for one in lesions_at(now) if (_size(now, "volume", one) or 0.0) > 0 and is_new(course, now, one, earlier)]
    return tuple(one for one in seen if criteria.new_counts == "any" or _is_measurable(now, one, criteria))


def _new_words(new: tuple[str, ...]) -> str:
    if not new:
        return ""
    return f"{'lesion' if len(new) == 1 else 'lesions'} {', '.join(new)} {'is' if len(new) == 1 else 'are'} new since baseline".capitalize()


def _sum_words(case: Case, criteria: SizeCriteria, sums: _Sums, first: Visit, now: Visit) -> str:
    unit = with_unit(QUANTITIES[criteria.quantity].unit)
    what = QUANTITIES[criteria.quantity].long_name
    fallen = "" if criteria.fallen_percent is None else f", partial response from {-criteria.fallen_percent:g} % of baseline"
    smallest = f", and {sums.grown:+.0f} % from the smallest, {printed(sums.nadir)}{unit} at ses-{sums.nadir_session}"
    return (
        f"the sum of {what} went from {printed(sums.first)}{unit} at ses-{first.session_id} to {printed(sums.now)}{unit} at ses-{now.session_id}, "
        f"{sums.changed:+.0f} %{'' if sums.nadir_session == first.session_id else smallest} "
        f"(progression from {case.rule.threshold:+g} % of the smallest{fallen})"
    )


def _left_out(visit: Visit | None, criteria: SizeCriteria) -> str:
    if visit is None:
        return ""
    out = [one for one in lesions_at(visit) if one not in targets_at(visit, criteria)]
    limit = "" if criteria.most_targets is None else f" or beyond the {criteria.most_targets} largest"
    return f"Not in the sum, too small at baseline{limit}: lesion {', '.join(out)}" if out else ""


def _old(criteria: SizeCriteria, found: Before) -> str:
    if criteria.baseline_within_days is None or found.visit is None or found.treatment is None:
        return ""
    days = found.treatment.day - found.visit.day
    most = criteria.baseline_within_days
    return f"Mind: the baseline is {days:g} days older than treatment, the criteria take {most:g} at most" if days > most else ""
