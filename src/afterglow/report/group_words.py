"""How statistics are said to people: P values that are never 0.000, numbers with their interval and rule, counts with per cent."""

import math

from afterglow.records.quantity import QUANTITIES
from afterglow.records.statistic import Estimated, Tested
from afterglow.report.words import NOT_MEASURED, decimals_of, number, shown_in, unit_after, unit_words

NOT_MADE = "not made"
_SYMBOLS = {quantity.symbol for quantity in QUANTITIES.values()} | {name for name in QUANTITIES if len(name) < 4}
MINUS = "\N{MINUS SIGN}"


def p_number(p: float | None) -> str:
    """ "< .001", ".004", ".048", ".23", "> .99": two decimals, three below .01, more where .05 is near."""
    if p is None or math.isnan(p):
        return NOT_MADE
    if p < 0.001:
        return "< .001"
    if p > 0.99:
        return "> .99"
    places = 3 if p < 0.01 or f"{p:.2f}" == "0.05" else 2
    while (round(p, places) < 0.05) != (p < 0.05):
        places += 1
    return f"{p:.{places}f}".removeprefix("0")


def p_words(p: float | None) -> str:
    """ "P < .001", "P = .23"; "no P value" where the test was not made."""
    shown = p_number(p)
    if shown == NOT_MADE:
        return "no P value"
    return f"P {shown}" if shown[0] in "<>" else f"P = {shown}"


def score(value: float | None) -> str:
    """The statistic of a test: three significant digits, and whole numbers as they are."""
    if value is None or math.isnan(value):
        return ""
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    if value == round(value) and abs(value) < 1e15:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 100 else number(value)


def _end(value: float, places: int | None) -> str:
    if math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    return number(value, places)


def ends(estimated: Estimated) -> str:
    """ "0.71 to 0.92", with the decimals of the value; an end that lies nowhere is "∞". Empty where there is no interval."""
    if estimated.low is None or estimated.high is None:
        return ""
    factor = shown_in(estimated.unit)
    low, high = estimated.low * factor, estimated.high * factor
    value = None if estimated.value is None else estimated.value * factor
    known = [abs(v) for v in (value, low, high) if v is not None and math.isfinite(v) and v != 0]
    scale = known[0] if known else 0.0
    places = decimals_of(scale) if scale >= 1e-4 or scale == 0 else None
    return f"{_end(low, places)} to {_end(high, places)}"


def value_words(estimated: Estimated) -> str:
    """The number alone, in the unit that is shown."""
    value = estimated.value
    if value is not None and math.isinf(value):
        return "∞" if value > 0 else f"{MINUS}∞"
    return number(None if value is None else value * shown_in(estimated.unit))


def level_words(level: float) -> str:
    """ "95 %"."""
    return f"{100 * level:g} %"


def estimated_words(estimated: Estimated, *, rule: bool = True) -> str:
    """ "0.83 (95 % interval 0.71 to 0.92, DeLong)"; the note where there is no value."""
    shown = value_words(estimated)
    if shown == NOT_MEASURED:
        return f"{shown}: {estimated.note}" if estimated.note else shown
    said = ends(estimated)
    unit = unit_after(estimated.unit)
    if not said:
        return f"{shown}{unit}"
    by = f", {estimated.rule}" if rule else ""
    return f"{shown}{unit} ({level_words(estimated.level)} interval {said}{by})"


def words_of_test(tested: Tested, *, short: bool = False) -> str:
    """ "Mann-Whitney (exact): P = .003"; long, with what was compared, the statistic, the effects and the adjusted P value."""
    if tested.p is None:
        return f"{tested.name} ({tested.rule}): {tested.note}"
    said = f"{tested.name} ({tested.rule}): {p_words(tested.p)}"
    if tested.p_adjusted is not None:
        said += f", adjusted {p_words(tested.p_adjusted)}{f' ({tested.adjusted_by})' if tested.adjusted_by else ''}"
    if short:
        return said
    statistic = score(tested.statistic)
    said += f", {tested.statistic_name} = {statistic}" if statistic else ""
    said += "".join(f"; {effect.name} {estimated_words(effect)}" for effect in tested.effects)
    return f"{tested.about}: {said}" if tested.about else said


def count_words(part: int, whole: int) -> str:
    """ "19 (39 %)"; per cent with one decimal from a thousand on; no per cent of nothing."""
    if whole == 0:
        return f"{part}"
    return f"{part} ({100 * part / whole:.{1 if whole >= 1000 else 0}f} %)"


def with_bracket(name: str, unit: str) -> str:
    """ "volume [mL]"; the name alone for a plain fraction or a ratio."""
    words = "" if unit == "{ratio}" else unit_words(unit)
    return f"{name} [{words}]" if words else name


def sentence(words: str) -> str:
    """The words as a sentence: a full stop at the end, a capital at the start unless that would change a symbol such as vp."""
    if not words:
        return ""
    first = words.split(" ", maxsplit=1)[0].rstrip(".,:;")
    a_word = first.isalpha() and first.islower() and first not in _SYMBOLS
    begun = f"{words[:1].upper()}{words[1:]}" if a_word else words
    return begun if begun.endswith((".", "!", "?")) else f"{begun}."
