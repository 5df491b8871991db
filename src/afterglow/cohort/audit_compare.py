"""Recomputed numbers against printed ones: which rules give each figure within its rounding."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from afterglow.cohort.audit_asked import Computed, Interval
from afterglow.cohort.audit_hints import other_counts
from afterglow.cohort.audit_words import POSSIBLE, computed_words, figure_words, given_words, not_given_words, unrounded_words
from afterglow.records.printed import AuditFinding, PrintedCheck, PrintedNumber, Verdict

Figure = tuple[PrintedNumber, ...]  # one number, or an interval, or one for each group
FLAGS = (
    "all_valid",
    "lies_inside",
    "possible",
    "sums_to_total",
    "sums_to_100",
    "consistent",
    "agree",
    "inside",
)  # of what can stand together
_NO_FIGURE = ("decimals",)


@dataclass(frozen=True)
class Held:
    """One printed figure and what the rules make of it."""

    key: str
    printed: Figure
    candidates: Mapping[str, tuple[float, ...]]
    fitting: tuple[str, ...]
    cut: tuple[str, ...]  # rules that give it when digits are cut off instead of rounded
    by_rounding: tuple[str, ...] = ()  # those of `fitting` that only the rounding of the inputs lets in


def compared(check: PrintedCheck, computed: Computed, notes: Sequence[str] = ()) -> AuditFinding:
    """The finding with its verdict and sentences. Printed words that are no number are said, and nothing is held against them."""
    held, unread = [], []
    for key in check.published or {}:
        try:
            held += _held(check, computed, key)
        except ValueError as error:
            unread.append(f"what is printed as {figure_words(key)} cannot be compared: {error}")
    sentences = [_words(check, computed, one, computed.about if one is held[0] else "") for one in held]
    swapped = _swapped(held)
    sentences += swapped or ([POSSIBLE] if any(not (one.fitting or one.cut) for one in held) else [])
    if not held:
        sentences += computed_words(computed) if not computed.against else []
    sentences += list(computed.against)
    sentences += [f"Note: {note}." for note in (*computed.notes, *unread, *notes)]
    rules = {one.key: one.fitting for one in held}
    return AuditFinding(
        check.id, check.kind, check.title, _verdict(check, computed, held), computed.values, tuple(sentences), rules
    )


def _verdict(check: PrintedCheck, computed: Computed, held: list[Held]) -> Verdict:
    missed = any(not one.fitting for one in held)
    twice = any(one.key == "also_printed" and not one.fitting for one in held)  # two P values of one test
    if computed.against or twice or (missed and check.kind == "consistency"):
        return "inconsistent"
    if not held:
        flags = [flag for name in FLAGS if isinstance(flag := computed.values.get(name), bool)]
        return "consistent" if flags and all(flags) else "computed"
    return "does not reproduce" if missed else "reproduces"


def _held(check: PrintedCheck, computed: Computed, key: str) -> list[Held]:
    """The figure under one printed key; none where the key repeats an input, or nothing like it is recomputed."""
    said = (check.published or {}).get(key)
    if said is None or key in _NO_FIGURE or (key in check.input and key not in computed.rules):
        return []
    candidates = _candidates(check, computed, key)
    if not candidates:
        return []
    printed = _figure(check, key, said)
    spans = computed.spans.get(key, {})
    exact = tuple(rule for rule, value in candidates.items() if _met(printed, value))
    rounded = tuple(rule for rule, span in spans.items() if rule not in exact and _overlaps(printed, span))
    cut = tuple(rule for rule, value in candidates.items() if not exact and _cut(printed, value))
    return [Held(key, printed, candidates, exact + rounded, cut, rounded)]


def _candidates(check: PrintedCheck, computed: Computed, key: str) -> dict[str, tuple[float, ...]]:
    """Rule -> its numbers; a key such as text_FP means FP."""
    if key in computed.rules:
        return {rule: value if isinstance(value, tuple) else (value,) for rule, value in computed.rules[key].items()}
    name = key if key in computed.values else key.partition("_")[2]
    value = computed.values.get(name)
    numbers = value if isinstance(value, (list, tuple)) else [value]
    real = tuple(float(v) for v in numbers if isinstance(v, (int, float)) and not isinstance(v, bool))
    return {"recomputed": real} if len(real) == len(numbers) else {}


def _figure(check: PrintedCheck, key: str, said: object) -> Figure:
    given = (check.published or {}).get("decimals")
    decimals = given if isinstance(given, int) and not isinstance(given, bool) and 0 <= given <= 15 else None
    parts = said if isinstance(said, (list, tuple)) else [said]
    read = [PrintedNumber.read(part, decimals) for part in parts]
    most = max((p.decimals for p in read), default=0)  # JSON cannot keep the zeros of 0.717 to 1.000
    return tuple(replace(p, decimals=most) for p in read)


def _met(printed: Figure, values: tuple[float, ...]) -> bool:
    """Each number by its own; one number that is printed for several by all of them."""
    several = printed * len(values) if len(printed) == 1 else printed
    return bool(values) and len(several) == len(values) and all(p.is_met_by(v) for p, v in zip(several, values, strict=True))


def _cut(printed: Figure, values: tuple[float, ...]) -> bool:
    return len(printed) == len(values) and all(p.is_met_by(v) or p.is_cut_from(v) for p, v in zip(printed, values, strict=True))


def _overlaps(printed: Figure, span: Interval) -> bool:
    return len(printed) == 1 and printed[0].low <= span[1] and span[0] <= printed[0].high


def _swapped(held: Sequence[Held]) -> list[str]:
    """Two figures that each print the other's number."""
    missed = [one for one in held if not one.fitting]
    found = [
        (a, b)
        for a, b in combinations(missed, 2)
        if any(_met(a.printed, v) for v in _numbers(b)) and any(_met(b.printed, v) for v in _numbers(a))
    ]
    return [
        f"{figure_words(a.key).capitalize()} and {figure_words(b.key)} fit each other's numbers: perhaps they were swapped."
        for a, b in found
    ]


def _numbers(one: Held) -> list[tuple[float, ...]]:
    return list(one.candidates.values())


def _words(check: PrintedCheck, computed: Computed, one: Held, about: str) -> str:
    if one.fitting:
        near = " once the rounding of the printed inputs is allowed for" if set(one.fitting) == set(one.by_rounding) else ""
        return given_words(one.key, one.printed, about, one.fitting, one.candidates, near)
    if one.cut:
        return unrounded_words(one.key, one.printed, about, one.cut, one.candidates)
    hint = ""
    if check.kind == "proportion_ci" and len(one.printed) == 2 and one.key == "ci_pct" and "level" not in check.input:
        hint = other_counts(one.printed, computed.values)
    return not_given_words(one.key, one.printed, about, one.candidates, hint)
