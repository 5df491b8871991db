"""What the audit says: plain sentences about printed and recomputed figures, that accuse nobody."""

from collections.abc import Mapping, Sequence

from afterglow.cohort.audit_asked import Computed
from afterglow.records.printed import PrintedNumber

FIGURES = {
    "p": "P value", "also_printed": "other P value", "value_pct": "percentage", "ci_pct": "interval", "ci": "interval",
    "value": "value", "mean": "mean", "sd": "SD", "min": "minimum", "max": "maximum", "median": "median", "median_pct": "median",
    "r": "correlation", "auc": "AUC", "pct": "percentage", "fold_increase": "fold increase", "q1": "lower quartile",
    "q3": "upper quartile",
}  # fmt: skip
POSSIBLE = "A misprint, another denominator, other data or another rule are possible."
INTERVALS = ("ci", "ci_pct")
_MANY = 10  # numbers that a sentence holds


def figure_words(key: str) -> str:
    """interval, P value; thoracic_pct is the percentage of thoracic."""
    if key in FIGURES:
        return FIGURES[key]
    if key.endswith("_pct"):
        return f"percentage of {key.removesuffix('_pct').replace('_', ' ')}"
    if key.startswith("pct_"):
        return f"percentage of {key.removeprefix('pct_').replace('_', ' ')}"
    return key.replace("_", " ")


def printed_words(key: str, printed: Sequence[PrintedNumber]) -> str:
    """ "82 to 97" of an interval, "2.1 and 2.3" of two groups, the number itself of one."""
    return _joined(key, [str(p) for p in printed])


def _joined(key: str, parts: Sequence[str]) -> str:
    if len(parts) == 2:
        return (" to " if key in INTERVALS else " and ").join(parts)
    return ", ".join(parts)


def given_words(
    key: str,
    printed: Sequence[PrintedNumber],
    about: str,
    fitting: Sequence[str],
    candidates: Mapping[str, Sequence[float]],
    near: str,
) -> str:
    first = _shown(key, candidates[fitting[0]], printed)
    every = len(fitting) == len(candidates) > 2
    rules = "" if fitting[0] == "recomputed" else f" by each of {len(fitting)} rules" if every else f" by {rules_words(fitting)}"
    first = f"{fitting[0]}: {first}" if every else first
    return f"The printed {figure_words(key)} {printed_words(key, printed)}{_of(about)} is reproduced{rules} ({first}){near}."


def unrounded_words(
    key: str, printed: Sequence[PrintedNumber], about: str, cut: Sequence[str], candidates: Mapping[str, Sequence[float]]
) -> str:
    value = _shown(key, candidates[cut[0]], printed)
    by = "" if cut[0] == "recomputed" else f" by {rules_words(cut)}"
    return (
        f"The printed {figure_words(key)} {printed_words(key, printed)}{_of(about)} is not what rounding gives: "
        f"it is {value}{by}, with digits cut off."
    )


def not_given_words(
    key: str, printed: Sequence[PrintedNumber], about: str, candidates: Mapping[str, Sequence[float]], hint: str
) -> str:
    """Which rules were tried, what each gives, and what may lie behind it; never that somebody erred."""
    said = f"The printed {figure_words(key)} {printed_words(key, printed)}{_of(about)} "
    if len(candidates) == 1:
        ((rule, value),) = candidates.items()
        by = f" by {rule}" if rule != "recomputed" else ""
        return f"{said}is not what comes out{by}, which is {_shown(key, value, printed)}."
    tried = rules_words([f"{rule} ({_shown(key, value, printed)})" for rule, value in candidates.items()])
    may = f" It would fit {hint}." if hint else ""
    return f"{said}is given by none of these: {tried}.{may}"


def computed_words(computed: Computed) -> list[str]:
    """Where nothing is printed to compare with: each figure by its rules, or the numbers by name."""
    if computed.agrees:
        return [computed.agrees]
    said = [
        f"{figure_words(key)[0].upper()}{figure_words(key)[1:]}{' in per cent' if key == 'ci_pct' else ''}{_of(computed.about)}: "
        + "; ".join(f"{rule} {_plain(value)}" for rule, value in rules.items())
        + "."
        for key, rules in computed.rules.items()
        if rules and key in ("p", "r", *INTERVALS) and not (key == "ci" and "ci_pct" in computed.rules)
    ]
    if said:
        return said
    numbers = [(key, value) for key, value in computed.values.items() if value is not None and not isinstance(value, dict)]
    nested = [f"{key.replace('_', ' ')}: {_plain(value)}" for key, value in computed.values.items() if isinstance(value, dict)]
    flat = ", ".join(f"{key.replace('_', ' ')} {_plain(value)}" for key, value in numbers[:_MANY])
    head = f"For {computed.about}: " if computed.about else "Recomputed: "
    return [f"{head}{'; '.join(part for part in (flat, *nested) if part)}."]


def rules_words(rules: Sequence[str]) -> str:
    """ "a, b and c"."""
    if len(rules) == 1:
        return rules[0]
    if any("," in rule for rule in rules):
        return f"{'; '.join(rules[:-1])}; and {rules[-1]}"
    return f"{', '.join(rules[:-1])} and {rules[-1]}"


def _of(about: str) -> str:
    return f" for {about}" if about else ""


def _shown(key: str, value: Sequence[float], printed: Sequence[PrintedNumber]) -> str:
    """With one decimal more than is printed; small numbers with two digits."""
    decimals = max((p.decimals for p in printed), default=2) + 1
    parts = [f"{v:.0f}" if v == int(v) else f"{v:.2g}" if 0 < abs(v) < 10.0**-decimals else f"{v:.{decimals}f}" for v in value]
    return _joined(key, parts)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return " to ".join(_plain(v) for v in value) if len(value) == 2 else ", ".join(_plain(v) for v in value)
    if isinstance(value, dict):
        return ", ".join(f"{name.replace('_', ' ')} {_plain(v)}" for name, v in value.items() if not isinstance(v, dict))
    return str(value)
