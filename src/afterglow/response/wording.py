"""The words that verdicts share."""

from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import Rule


def named(quantity: str, rule: Rule) -> str:
    """The rule's number in words: mean vp of the lesion over the reference."""
    symbol = QUANTITIES[quantity].symbol
    over = " over reference tissue" if rule.normalised else ""
    return f"{rule.statistic} {symbol} of the lesion{over}" if rule.statistic != "value" else f"{QUANTITIES[quantity].long_name}"


def cannot_tell(why: str) -> str:
    """The sentence of a verdict that gives none."""
    return f"Cannot tell, because {why}."
