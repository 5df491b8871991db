"""Drawing a cohort under surveillance: its deal, and the story of each patient with all examinations."""

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import cast

import numpy as np

from afterglow.records.course import Treatment
from afterglow.simulate.cohort_deal import Deal, Group, deal_cards, deal_groups, draw_values, printed_size, with_implied
from afterglow.simulate.cohort_draw import stream
from afterglow.simulate.cohort_surveillance import Finding, Surveillance
from afterglow.simulate.cohort_timeline import Detection, Due, Slot, extra_examinations, needed, timeline
from afterglow.simulate.story import LesionState, Outcome, Reading, Story, VisitStory

_FULL = 0.8  # of the study may be filled at the shortest interval, so that intervals still differ


@dataclass(frozen=True)
class Watched:
    """A dealt cohort under surveillance: patients, their examinations that count, and how many quiet ones each has."""

    patients: Deal
    findings: tuple[tuple[str, ...], ...]  # by patient, in the order of time
    examinations: Deal
    extra: tuple[int, ...]


def deal_surveillance(cohort: Surveillance, patients: int | None, seed: int) -> Watched:
    """Settle groups, printed counts and numbers of examinations for that many patients (None: as published)."""
    printed = printed_size(cohort.group)
    n = printed if patients is None else patients
    groups = deal_groups(cohort.group, n, seed)
    members: dict[Hashable, str] = {index: group.name for index, group in enumerate(groups)}
    cards = deal_cards(cohort.column, cohort.value, members, seed)
    deal = Deal(seed, groups, cards)
    orders = [stream(seed, "order", k).permutation(len(group.findings)) for k, group in enumerate(groups)]
    findings = tuple(tuple(g.findings[k] for k in order) for g, order in zip(groups, orders, strict=True))
    exams: dict[Hashable, str] = {(k, place): name for k, row in enumerate(findings) for place, name in enumerate(row)}
    dealt_exams = Deal(seed, groups, deal_cards(cohort.examination_column, cohort.examination_value, exams, seed))
    needs = [
        needed([_due(cohort, dealt_exams, name, (k, place), 0.0) for place, name in enumerate(row)])
        for k, row in enumerate(findings)
    ]
    total = max(round(cohort.schedule.examinations * n / printed), sum(needs))
    extra = extra_examinations(needs, total, cohort.schedule.most, _longest(cohort, deal), stream(seed, "extra"))
    return Watched(deal, findings, dealt_exams, tuple(extra))


def _longest(cohort: Surveillance, deal: Deal) -> list[int]:
    """Examinations that fit into the study at the shortest interval, by patient; what counts must fit in any case."""
    shortest = {word: low for word, (low, _) in cohort.schedule.interval_months.items()}
    mine = (_words(cohort, deal, k)[cohort.schedule.by] for k in range(len(deal.groups)))
    return [int(_FULL * cohort.schedule.study_months / shortest[word]) for word in mine]


def _words(cohort: Surveillance, deal: Deal, index: int) -> dict[str, str]:
    group = deal.groups[index].name
    words = {c.name: deal.word(c, index) for c in cohort.column if not c.groups or group in c.groups}
    return with_implied(words, cohort.implied)


def _due(cohort: Surveillance, exams: Deal, name: str, key: tuple[int, int], delay_d: float) -> Due:
    finding = cohort.finding_of(name)
    detection = ""
    for column in cohort.examination_column:
        if column.name == finding.detection and (not column.groups or name in column.groups):
            detection = exams.word(column, key)
    return Due(cast(Detection, detection), delay_d, finding.follow_ups)


@dataclass(frozen=True)
class _Event:
    """One examination that counts, with what was drawn for it."""

    finding: Finding
    due: Due
    known: Mapping[str, float]
    words: Mapping[str, str]


def draw_surveillance(cohort: Surveillance, watched: Watched, index: int, subject: str, tissues: Mapping[str, float]) -> Story:
    """The story of the patient at that place."""
    deal = watched.patients
    rng = stream(deal.seed, "patient", index)
    group = deal.groups[index]
    words = _words(cohort, deal, index)
    known = draw_values(cohort.value, group.name, index, deal, dict(tissues), rng)
    events = [_event(cohort, watched, (index, place), known, words, rng) for place in range(len(watched.findings[index]))]
    slots = timeline(
        [event.due for event in events], watched.extra[index], first_d=known[cohort.schedule.first_d],
        interval_months=cohort.schedule.interval_months[words[cohort.schedule.by]], study_months=cohort.schedule.study_months, rng=rng,
    )  # fmt: skip
    own = [value for value in cohort.value if not value.groups or group.name in value.groups]
    shown: dict[str, str | float | None] = {v.name: round(known[v.name], v.decimals) for v in own if v.column}
    secret = {column.name for column in cohort.column if column.hidden}
    shown |= {name: word for name, word in words.items() if name not in secret}
    hidden: dict[str, str | float] = {"group": group.name} | {v.name: known[v.name] for v in own if not v.column}
    hidden |= {name: word for name, word in words.items() if name in secret}
    hidden |= {f"finding_{k + 1}": event.finding.name for k, event in enumerate(events)}
    visits = tuple(
        VisitStory(_session(k), slot.day, _lesion(cohort, slot, events, known, words), _roles(cohort, rng))
        for k, slot in enumerate(slots)
    )
    outcomes, readings = _told(cohort, slots, events)
    return Story(
        subject, group.truth, shown, visits, _treatments(cohort, group, slots, events, known, words), outcomes, readings, hidden
    )


def _event(
    cohort: Surveillance, watched: Watched, key: tuple[int, int], known: Mapping[str, float], words: Mapping[str, str],
    rng: np.random.Generator,
) -> _Event:  # fmt: skip
    name = watched.findings[key[0]][key[1]]
    drawn = draw_values(cohort.examination_value, name, key, watched.examinations, dict(known), rng)
    columns = [c for c in cohort.examination_column if not c.groups or name in c.groups]
    said = {column.name: watched.examinations.word(column, key) for column in columns}
    due = _due(cohort, watched.examinations, name, key, drawn.get(cohort.schedule.delay_d, 0.0))
    return _Event(cohort.finding_of(name), due, drawn, dict(words) | said)


def _session(place: int) -> str:
    return f"{place + 1:02d}"


def _lesion(
    cohort: Surveillance, slot: Slot, events: Sequence[_Event], known: Mapping[str, float], words: Mapping[str, str]
) -> LesionState:
    if slot.event < 0:
        return cohort.quiet.draw(known, words)
    event = events[slot.event]
    spec = {"counted": event.finding.lesion, "growing": cohort.growing, "delayed": cohort.delayed, "quiet": cohort.treated}[
        slot.moment
    ]
    return spec.draw(event.known, event.words)


def _roles(cohort: Surveillance, rng: np.random.Generator) -> tuple[str, ...]:
    """The schedule's series without those that are missing by chance."""
    lacks = {role for missing in cohort.missing for role in missing.roles if rng.random() < missing.share}
    return tuple(role for role in cohort.schedule.roles if role not in lacks)


def _told(
    cohort: Surveillance, slots: Sequence[Slot], events: Sequence[_Event]
) -> tuple[tuple[Outcome, ...], tuple[Reading, ...]]:
    """An outcome for each examination that counts; readings of these, and of those that follow while one reading still misses it."""
    outcomes, readings = [], []
    for k, slot in enumerate(slots):
        if slot.moment == "quiet":
            continue
        finding = events[slot.event].finding
        lesion = str(slot.event + 1)  # all recurrences of a patient are separate ones
        if slot.moment == "counted":
            outcomes.append(Outcome(_session(k), finding.label, cohort.basis, slot.day, lesion))
        for method, call in finding.calls.items():
            seen = finding.label if slot.moment == "delayed" else call
            readings.append(Reading(_session(k), cohort.reader, method, seen, lesion_id=lesion))
    return tuple(outcomes), tuple(readings)


def _treatments(
    cohort: Surveillance,
    group: Group,
    slots: Sequence[Slot],
    events: Sequence[_Event],
    known: Mapping[str, float],
    words: Mapping[str, str],
) -> tuple[Treatment, ...]:
    """First treatments on the patient's clock, then what followed each recurrence, counted from the day it was acted upon."""
    done = [
        one.draw(known) for one in cohort.first_treatment if all(words.get(c) == word for c, word in (one.when or {}).items())
    ]
    for number, event in enumerate(events):
        acted_d = max(slot.day for slot in slots if slot.event == number and slot.moment != "quiet")
        for one in cohort.recurrence_treatment:
            concerned = not one.groups or event.finding.name in one.groups
            if concerned and all(event.words.get(c) == word for c, word in (one.when or {}).items()):
                treatment = one.draw(event.known)
                done.append(replace(treatment, day=treatment.day + acted_d))
    return tuple(sorted(done, key=lambda treatment: treatment.day))
