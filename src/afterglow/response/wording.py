"""The words that verdicts share."""

from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import Category, Repeatability, Rule


def named(quantity: str, rule: Rule) -> str:
    """The rule's number in words: mean vp of the lesion over the reference."""
    symbol = QUANTITIES[quantity].symbol
    over = " over reference tissue" if rule.normalised else ""
    return f"{rule.statistic} {symbol} of the lesion{over}" if rule.statistic != "value" else f"{QUANTITIES[quantity].long_name}"


def cannot_tell(why: str) -> str:
    """The sentence of a verdict that gives none."""
    return f"Cannot tell, because {why.rstrip('.')}."


def printed(value: float | None) -> str:
    """Three digits, not as a power of ten where it is large: 1260, 2.18, 0.0123."""
    if value is None:
        return "not measured"
    return f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def with_unit(unit: str) -> str:
    """The unit after a number: nothing for a plain ratio."""
    return "" if unit == "1" else f" {unit}"


def speaks_for(category: Category, rule: Rule) -> str:
    """ ": this speaks for progression (treatment failure)", in the rule's own word where it has one."""
    word = label_of(category == "progression", rule)
    return f": this speaks for {category}{f' ({word})' if word else ''}"


def label_of(above: bool, rule: Rule) -> str:
    """The source's own word for a side of its threshold; empty where it has none."""
    return rule.above if above else rule.below


def source_words(spread: Repeatability) -> str:
    """Where a repeatability comes from, and whether that was confirmed."""
    return f"{spread.source}{'' if spread.confirmed else ', not confirmed at its source'}"


def sentences(*parts: str) -> str:
    """Parts joined as sentences, each with its full stop; empty ones are left out."""
    return " ".join(part if part.endswith((".", "?", "!")) else f"{part}." for part in (p.strip() for p in parts) if part)
