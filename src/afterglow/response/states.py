"""ademola2025: the ratio now, read with the ratio before treatment. A state machine with all states listed.

| now | before treatment | call |
| --- | --- | --- |
| hyperperfused | any, or no scan | progression (recurrent metastasis) |
| absent | hyperperfused | response (necrosis favoured) |
| absent | absent | cannot tell: this tumour never showed on perfusion |
| absent | no scan | cannot tell: nobody knows whether it would show |
| not measured | any | cannot tell |

A state that repeating the scan could turn is none: the call is *cannot tell* then, for the state before treatment too where the
call rests on it.
"""

from dataclasses import dataclass
from typing import Literal

from afterglow.records.course import Visit
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import Category, Repeatability, Rule, Verdict
from afterglow.response.baseline import Before, window_words
from afterglow.response.case import Case
from afterglow.response.identity import Number, Wanted, number_of
from afterglow.response.wording import cannot_tell, sentences, source_words

State = Literal["present", "absent", "unknown"]
CALLS: dict[tuple[State, State], Category] = {
    ("present", "present"): "progression",
    ("present", "absent"): "progression",
    ("present", "unknown"): "progression",
    ("absent", "present"): "response",
    ("absent", "absent"): "cannot tell",
    ("absent", "unknown"): "cannot tell",
    ("unknown", "present"): "cannot tell",
    ("unknown", "absent"): "cannot tell",
    ("unknown", "unknown"): "cannot tell",
}
_REASONS: dict[tuple[State, State], str] = {
    ("present", "present"): "The lesion is hyperperfused now: recurrent metastasis is favoured",
    ("present", "absent"): "The lesion is hyperperfused now, and was not before treatment: recurrent metastasis is favoured",
    (
        "present",
        "unknown",
    ): "The lesion is hyperperfused now: recurrent metastasis is favoured; there is no scan before treatment to compare with",
    ("absent", "present"): "The lesion was hyperperfused before treatment and is not now: necrosis is favoured",
    ("absent", "absent"): "this tumour did not show on perfusion before treatment either, so its absence now says nothing",
    (
        "absent",
        "unknown",
    ): "the lesion is not hyperperfused now, and there is no scan before treatment to tell whether this tumour would show",
}


_ON_BEFORE: tuple[Category, ...] = ("response",)  # calls that need the state before treatment


def state_of(ratios: list[float | None], *, threshold: float, combine: str) -> State:
    """Hyperperfusion present or absent from one or more ratios; unknown where a ratio that decides is missing."""
    high = [None if r is None else r >= threshold for r in ratios]
    if combine == "both":
        if False in high:
            return "absent"
        return "unknown" if None in high else "present"
    if True in high:
        return "present"
    return "unknown" if None in high else "absent"


@dataclass(frozen=True)
class _Ratios:
    """The ratios of one visit, in the order of the rule's quantities."""

    visit: Visit | None
    numbers: tuple[Number, ...]

    @property
    def values(self) -> list[float | None]:
        return [n.value for n in self.numbers]


def judge_states(case: Case, lesion_id: str, found: Before, now: Visit) -> Verdict:
    """The verdict of a `ratio state` rule on one lesion at one visit."""
    rule = case.rule
    then, there = _ratios(case, lesion_id, found.visit), _ratios(case, lesion_id, now)
    states = tuple(state_of(r.values, threshold=rule.threshold, combine=rule.combine) for r in (there, then))
    category, reason = CALLS[states[0], states[1]], _reason(states[0], states[1], there)
    deciding = _deciding(there.values, rule)
    spread = None if deciding is None else case.spread(rule.quantities[deciding])
    value = None if deciding is None else there.values[deciding]
    distance = None if spread is None or value is None else (value - rule.threshold) / (spread.rc_percent / 100 * rule.threshold)
    unsure = category != "cannot tell" and (_unsure(case, there) or (category in _ON_BEFORE and _unsure(case, then)) or "")
    if unsure:
        category, reason = "cannot tell", unsure
    numbers = tuple(
        (f"{QUANTITIES[q].symbol} ratio, {_at(ratios.visit)}", number.value)
        for ratios in (then, there)
        for q, number in zip(rule.quantities, ratios.numbers, strict=True)
    )
    shown = "; ".join(f"{name} {'not measured' if number is None else f'{number:.2f}'}" for name, number in numbers)
    start = cannot_tell(reason)[:-1] if category == "cannot tell" else reason
    notes = dict.fromkeys(n.note for r in (then, there) for n in r.numbers)
    said = sentences(
        f"{start} ({shown}; hyperperfusion from a ratio of {rule.threshold:g})", _distance_words(distance, spread), *notes,
        found.note, rule.caution, window_words(rule, found, now),
    )  # fmt: skip
    label = {"progression": rule.above, "response": rule.below}.get(category, "")
    return case.verdict(
        lesion_id, found.visit, now, category, said, numbers, value=value, distance=distance, label=label, spread=spread
    )


def _ratios(case: Case, lesion_id: str, visit: Visit | None) -> _Ratios:
    wanted = [Wanted(q, case.rule.statistic, True) for q in case.rule.quantities]
    if visit is None:
        return _Ratios(None, tuple(Number(None, "there is no scan before treatment") for _ in wanted))
    return _Ratios(visit, tuple(number_of(case.course, visit, one, lesion_id) for one in wanted))


def _at(visit: Visit | None) -> str:
    return "before" if visit is None else f"ses-{visit.session_id}"


def _reason(now: State, then: State, there: _Ratios) -> str:
    if now == "unknown":
        missing = dict.fromkeys(n.why for n in there.numbers if n.value is None)
        return f"the ratio could not be measured now ({'; '.join(missing)})"
    return _REASONS[now, then]


def _unsure(case: Case, ratios: _Ratios) -> str:
    """Why the state of a visit could turn by repeating the scan; empty where it could not."""
    rule = case.rule
    spans = [_span(case, q, n) for q, n in zip(rule.quantities, ratios.numbers, strict=True)]
    low, high = (
        state_of([None if s is None else s[side] for s in spans], threshold=rule.threshold, combine=rule.combine)
        for side in (0, 1)
    )
    if low == high:
        return ""
    near = [
        f"{QUANTITIES[q].symbol} {n.value:.2f}"
        for q, n, s in zip(rule.quantities, ratios.numbers, spans, strict=True)
        if s is not None and s[0] < rule.threshold <= s[1]
    ]
    return f"the deciding ratio at {_at(ratios.visit)} ({', '.join(near)}) lies no further from the threshold than scanning again could move it"


def _span(case: Case, quantity: str, number: Number) -> tuple[float, float] | None:
    """Where the ratio could lie: one repeatability coefficient of the threshold around it, else the interval of its scan."""
    if number.value is None:
        return None
    spread = case.spread(quantity)
    if spread is not None:
        half = spread.rc_percent / 100 * case.rule.threshold
        return number.value - half, number.value + half
    m = number.source
    if m is None or m.ci_low is None or m.ci_high is None:
        return number.value, number.value
    return m.ci_low, m.ci_high


def _deciding(ratios: list[float | None], rule: Rule) -> int | None:
    """The ratio that decides: the highest where either counts, the lowest where both must be high."""
    measured = [(ratio, i) for i, ratio in enumerate(ratios) if ratio is not None]
    if not measured:
        return None
    return (min if rule.combine == "both" else max)(measured)[1]


def _distance_words(distance: float | None, spread: Repeatability | None) -> str:
    if distance is None or spread is None:
        return "How well this ratio repeats at this site is not known."
    return f"The deciding ratio is {abs(distance):.2f} repeatability coefficients from the threshold ({source_words(spread)})."
