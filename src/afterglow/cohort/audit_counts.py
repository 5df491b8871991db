"""Checks of counts: shares, ratios of a confusion matrix, changes."""

from afterglow.cohort.audit_asked import AskedCheck, Computed, Value
from afterglow.cohort.confusion import EMPTY, Confusion, metric
from afterglow.cohort.proportions import design_effect as effect_of_design
from afterglow.cohort.proportions import proportion_intervals

COUNTS = ("TP", "FP", "TN", "FN")


def proportion_ci(asked: AskedCheck) -> Computed:
    """The percentage of x in n and its interval by every rule."""
    x, n = asked.share("x", "n")
    percents: dict[str, Value] = {
        rule: (100 * low, 100 * high) for rule, (low, high) in proportion_intervals(x, n, level=asked.level()).items()
    }
    values: dict[str, object] = {"value_pct": 100 * x / n}
    values |= {f"{rule.lower().replace('-', '_')}_pct": list(ends) for rule, ends in percents.items() if isinstance(ends, tuple)}
    fractions: dict[str, Value] = {
        rule: tuple(end / 100 for end in ends) for rule, ends in percents.items() if isinstance(ends, tuple)
    }
    shares: dict[str, Value] = {"x / n": x / n}
    return Computed(values, {"ci_pct": percents, "ci": fractions, "value": shares}, f"{x} of {n}")


def confusion_of_input(asked: AskedCheck) -> Confusion:
    """The four counts, in capitals or small letters."""
    given = {name: next((key for key in (name, name.lower()) if asked.has(key)), name) for name in COUNTS}
    return Confusion(*(asked.count(given[name]) for name in COUNTS))


def confusion_metric(asked: AskedCheck) -> Computed:
    """One ratio of the matrix, in per cent."""
    counts, name = confusion_of_input(asked), asked.text("metric")
    found = metric(counts, name)
    if found.value is None:
        raise asked.refuse(f"{name} cannot be: {found.note or EMPTY.get(name, 'nothing to divide by')}")
    about = f"TP {counts.tp}, FP {counts.fp}, TN {counts.tn}, FN {counts.fn}"
    interval = None if found.low is None or found.high is None else [100 * found.low, 100 * found.high]
    values: dict[str, object] = {
        "value_pct": 100 * found.value,
        "value": found.value,
        "ci_pct": interval,
        "ci_rule": found.rule or None,
    }
    if name.lower() in ("youden", "lr_positive", "lr_negative", "dor", "mcc"):
        values[name.lower()] = found.value
    return Computed(values, about=about)


def rate(asked: AskedCheck) -> Computed:
    """x of n in per cent; or of several counts each one's share of their sum (of n or total, where that stands there)."""
    named = {key: value for key, value in asked.check.input.items() if value is not None}
    if "x" in named:
        return _rate_of(asked)
    whole_key = next((key for key in ("n", "total", "of") if key in named), None)
    flat = _flattened(asked, {key: value for key, value in named.items() if key != whole_key})
    if not flat:
        raise asked.refuse("rate needs x and n, or counts by name; add them")
    whole = asked.count(whole_key) if whole_key else sum(flat.values())
    return shares_of(asked, flat, whole)


def shares_of(asked: AskedCheck, parts: dict[str, int], whole: int) -> Computed:
    """Each part in per cent of the whole, as name_pct."""
    for name, x in parts.items():
        asked.check_share(x, whole, name)
    values: dict[str, object] = {f"{name}_pct": 100 * x / whole for name, x in parts.items()}
    counted = sum(parts.values())
    values |= {"n": whole, "sum": counted, "sum_pct": 100 * counted / whole}
    return Computed(values, about=f"{', '.join(f'{name} {x}' for name, x in parts.items())} of {whole}")


def _flattened(asked: AskedCheck, named: dict[str, object]) -> dict[str, int]:
    """Counts by name, also from an object of counts."""
    flat: dict[str, int] = {}
    for key, value in named.items():
        inner = value if isinstance(value, dict) else {key: value}
        flat |= {str(name): asked.as_count(str(name), count) for name, count in inner.items()}
    return flat


def _rate_of(asked: AskedCheck) -> Computed:
    x = asked.count("x")
    key = next((key for key in ("n", "total", "of") if asked.has(key)), "n")
    wholes = list(asked.counts(key)) if isinstance(asked.raw(key), list) else [asked.count(key)]
    first = wholes[0]
    wholes += [n for n in _other_wholes(asked) if n not in wholes]
    for n in wholes:
        asked.check_share(x, n, "x of n") if n in wholes[:1] else None
    shares = {n: 100 * x / n for n in wholes if 0 < n >= x}
    values: dict[str, object] = {"value_pct": shares[first], **{f"of_{n}": share for n, share in shares.items()}}
    rules: dict[str, Value] = {f"{n} as the denominator": share for n, share in shares.items()}
    return Computed(values, {"value_pct": rules}, f"{x} of {first}")


def _other_wholes(asked: AskedCheck) -> list[int]:
    """The method may name a second denominator, "also of the recurrences": the cohort table of the paper holds it."""
    words = asked.check.method.lower()
    table = asked.tables.get(f"seed{asked.check.seed}_cohort.csv")
    if "also of the " not in words or table is None or not {"item", "value"} <= set(table.columns):
        return []
    named = words.partition("also of the ")[2].split(",")[0].split(";")[0].strip(" .").rstrip("s")
    items = zip(table.columns["item"], table.columns["value"], strict=True)
    found = [(item, cell) for item, cell in items if item and cell and cell.isdigit()]
    exams = [int(cell) for item, cell in found if item == f"{named.replace(' ', '_')}_examinations"]
    return exams or [
        int(cell) for item, cell in found if item == named.replace(" ", "_") or item == f"{named.replace(' ', '_')}s"
    ]


def count(asked: AskedCheck) -> Computed:
    """How many were called wrongly: n less those called rightly, for each reading by its name."""
    lists = {key: value for key, value in asked.check.input.items() if isinstance(value, (list, dict))}
    scalars = [key for key, value in asked.check.input.items() if not isinstance(value, (list, dict)) and value is not None]
    if len(scalars) != 1:
        raise asked.refuse(f"count needs one total beside the counts (found: {', '.join(scalars) or 'none'})")
    n = asked.count(scalars[0])
    if len(lists) != 1:
        raise asked.refuse("count needs one list of those that were called rightly; write it as spec or sens")
    key, right = next(iter(lists.items()))
    if isinstance(right, dict):
        named = {str(name): asked.as_count(str(name), x) for name, x in right.items()}
    else:
        xs = [asked.as_count(key, x) for x in asked.as_items(key, right)]
        names = asked.readings if len(asked.readings) == len(xs) else [f"reading_{i}" for i in range(1, len(xs) + 1)]
        named = dict(zip(names, xs, strict=True))
    for name, x in named.items():
        asked.check_share(x, n, name)
    values = {name: n - x for name, x in named.items()}
    return Computed(dict(values), about=f"{n} less {', '.join(str(x) for x in named.values())}")


def youden(asked: AskedCheck) -> Computed:
    """Sensitivity + specificity - 1 for each name with its [right, of, right, of]."""
    values: dict[str, object] = {}
    for name, four in asked.check.input.items():
        x1, n1, x2, n2 = (asked.as_count(name, part) for part in asked.as_items(name, four, 4))
        asked.check_share(x1, n1, f"{name}, sensitivity")
        asked.check_share(x2, n2, f"{name}, specificity")
        values[name] = x1 / n1 + x2 / n2 - 1
    if not values:
        raise asked.refuse("youden needs [right, of, right, of] under a name; add it")
    return Computed(values)


def percent_change(asked: AskedCheck) -> Computed:
    """100 (after - before) / before of each pair; or of before and after."""
    if asked.has("pairs"):
        pairs = [tuple(asked.as_number("pairs", v) for v in asked.as_items("pairs", pair, 2)) for pair in asked.items("pairs")]
    else:
        pairs = [(asked.number("before"), asked.number("after"))]
    if any(before == 0 for before, _ in pairs):
        raise asked.refuse("a change from 0 has no percentage; give the difference instead")
    percents = [100 * (after - before) / before for before, after in pairs]
    values: dict[str, object] = {"pct": percents}
    if len(pairs) == 1:
        values["value_pct"] = percents[0]
    return Computed(values, about=", ".join(f"{before:g} to {after:g}" for before, after in pairs))


def fold_change(asked: AskedCheck) -> Computed:
    """The increase over the first, as (second - first) / first, and the ratio: two things that both are called fold."""
    first, second = asked.number("first"), asked.number("second")
    if first == 0:
        raise asked.refuse("a change from 0 has no fold; give the difference instead")
    increase, ratio = (second - first) / first, second / first
    rules: dict[str, Value] = {"the increase (second - first) / first": increase, "the ratio second / first": ratio}
    return Computed(
        {"fold_increase": increase, "ratio": ratio, "pct": 100 * increase}, {"fold_increase": rules, "fold": dict(rules)},
        f"{first:g} to {second:g}",
    )  # fmt: skip


def design_effect(asked: AskedCheck) -> Computed:
    """How many there are, and by how much clustering widens (squared) an interval: key "patients_by_recurrences"."""
    key = next((k for k in asked.check.input if "_by_" in k), "patients_by_exams")
    groups = asked.raw(key)
    if not isinstance(groups, dict) or not groups:
        raise asked.refuse(f'{key} is no object; write {{"1": 239, "2": 37}}: how many have 1, how many 2')
    sizes = {asked.as_count(key, m): asked.as_count(f"{key} {m}", k) for m, k in groups.items()}
    if sum(m * k for m, k in sizes.items()) == 0:
        raise asked.refuse(f"{key} counts nothing; a design effect needs patients with at least one")
    who, what = key.split("_by_", 1)
    icc = asked.number("icc") if asked.has("icc") else 1.0
    return Computed({
        who: sum(sizes.values()), what: sum(m * k for m, k in sizes.items()), "design_effect": effect_of_design(sizes, icc=icc)
    })  # fmt: skip
