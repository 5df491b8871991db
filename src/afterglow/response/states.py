"""ademola2025: the ratio now, read with the ratio before treatment. A state machine with all states listed.

| now | before treatment | call |
| --- | --- | --- |
| hyperperfused | any, or no scan | progression (recurrent metastasis) |
| absent | hyperperfused | response (necrosis favoured) |
| absent | absent | cannot tell: this tumour never showed on perfusion |
| absent | no scan | cannot tell: nobody knows whether it would show |
| not measured | any | cannot tell |
"""

from collections.abc import Mapping
from typing import Literal

from afterglow.records.course import Course, Visit
from afterglow.records.measurement import Measurement
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import Category, Repeatability, Rule, Verdict
from afterglow.response.wording import cannot_tell

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


def judge_states(
    course: Course, rule: Rule, lesion_id: str, before: Visit, now: Visit, known: Mapping[tuple[str, bool], Repeatability]
) -> Verdict:
    """The verdict of a `ratio state` rule for one lesion."""
    radiation = [t.day for t in course.treatments if t.kind in ("radiotherapy", "radiosurgery")]
    has_before = before.session_id != now.session_id and (not radiation or before.day <= min(radiation))
    now_ratios = [_ratio(now, rule, q, lesion_id) for q in rule.quantities]
    before_ratios = [_ratio(before, rule, q, lesion_id) if has_before else None for q in rule.quantities]
    states = tuple(state_of(r, threshold=rule.threshold, combine=rule.combine) for r in (now_ratios, before_ratios))
    category = CALLS[states[0], states[1]]
    deciding = _deciding(now_ratios, rule)
    value = None if deciding is None else now_ratios[deciding]
    spread = known.get((rule.quantities[deciding], rule.normalised)) if deciding is not None else None
    distance = None if spread is None or value is None else (value - rule.threshold) / (spread.rc_percent / 100 * rule.threshold)
    reason = _REASONS.get((states[0], states[1]), "the ratio could not be measured now")
    near = distance is not None and abs(distance) <= 1 and category != "cannot tell"
    numbers = tuple(
        (f"{QUANTITIES[q].symbol} ratio, ses-{visit.session_id}", ratio)
        for visit, ratios in ((before, before_ratios), (now, now_ratios))
        for q, ratio in zip(rule.quantities, ratios, strict=True)
    )
    shown = "; ".join(f"{name} {'not measured' if number is None else f'{number:.2f}'}" for name, number in numbers)
    if near:
        category, reason = "cannot tell", f"the deciding ratio of {value:.2f} lies inside repeatability of the threshold"
    start = cannot_tell(reason)[:-1] if category == "cannot tell" else reason
    sentence = f"{start} ({shown}; hyperperfusion from a ratio of {rule.threshold:g}). {_distance_words(distance, spread)}"
    return Verdict(
        course.participant_id, lesion_id, rule.name, before.session_id, now.session_id, category, value, "1", rule.threshold,
        distance, spread.source if spread else "none known", sentence + (f" {rule.caution}" if rule.caution else ""), numbers,
    )  # fmt: skip


def _ratio(visit: Visit, rule: Rule, quantity: str, lesion_id: str) -> float | None:
    def reads(m: Measurement) -> bool:
        return (m.region, m.lesion_id, m.quantity, m.statistic, m.is_normalised) == (
            "lesion",
            lesion_id,
            quantity,
            rule.statistic,
            True,
        )

    return next((m.value for m in visit.measurements if reads(m)), None)


def _deciding(ratios: list[float | None], rule: Rule) -> int | None:
    """The ratio that decides: the highest where either counts, the lowest where both must be high."""
    measured = [(ratio, i) for i, ratio in enumerate(ratios) if ratio is not None]
    if not measured:
        return None
    return (min if rule.combine == "both" else max)(measured)[1]


def _distance_words(distance: float | None, spread: Repeatability | None) -> str:
    if distance is None or spread is None:
        return "How well this ratio repeats at this site is not known."
    confirmed = "" if spread.confirmed else ", not confirmed at its source"
    return (
        f"The deciding ratio is {abs(distance):.2f} repeatability coefficients from the threshold ({spread.source}{confirmed})."
    )
