"""Checks of numbers against one another: what is recognised by the names of the inputs."""

import re
from collections.abc import Callable, Mapping

from afterglow.cohort.audit_asked import AskedCheck, Computed
from afterglow.cohort.audit_counts import shares_of
from afterglow.cohort.audit_grain import percents_can_sum, samuelson_sd
from afterglow.cohort.proportions import proportion_interval
from afterglow.records.printed import PrintedNumber

_INNER = ("sub", "group", "part", "inner")
_RANGES = ("cohort", "whole", "range", "all", "outer", *_INNER)
_POSITIVE = ("false negative", "sensitivity", "true positive", "recurrences:", "fn ")


def consistency(asked: AskedCheck) -> Computed:
    """The first check that the names of the inputs call for."""
    check = next((check for is_asked, check in SHAPES if is_asked(asked)), None)
    if check is None:
        names = ", ".join(asked.check.input) or "nothing"
        raise asked.refuse(
            f"no consistency check knows the inputs {names}; there are paired and total, mean with sd and max or min, p, two ranges, "
            "lists of denominators, counts with n, percents, parts with total, start with left"
        )
    return check(asked)


def _paired(asked: AskedCheck) -> Computed:
    """Exams that both readings got right, only the second, only the first, neither: the rows of one kind of truth."""
    both, second, first, neither = (asked.as_count("paired", part) for part in asked.items("paired", 4))
    total = both + second + first + neither
    title = asked.check.title.lower()
    names = [name.lower() for name in asked.readings]
    if len(names) == 2 and names[1] in title and names[0] not in title:
        first, second = second, first
    wrong, right = second + neither, both + first
    positive = any(word in f"{title} {asked.check.id.lower()} " for word in _POSITIVE)
    wrong_name, right_name = ("FN", "TP") if positive else ("FP", "TN")
    values: dict[str, object] = {wrong_name: wrong, right_name: right, "total": total}
    values |= {f"{wrong_name}_other": first + neither, f"{right_name}_other": both + second}
    claims = sorted({wrong - 1, wrong + 1, *_claimed(asked)} - {wrong, -1})
    values |= {f"total_if_{k}": right + k for k in claims}
    printed = asked.count("total") if asked.has("total") else total
    against = [] if printed == total else [f"The pairs sum to {total}, not to the printed {printed}."]
    against += [
        f"{k} would make the total {right + k}, not {printed}; the pairs give {wrong_name} {wrong}."
        for k in sorted(_claimed(asked) - {wrong})
    ]
    return Computed(values, about=f"pairs {both}, {second}, {first}, {neither}", against=tuple(against))


def _claimed(asked: AskedCheck) -> set[int]:
    """Whole numbers that stand elsewhere: in the title ("6 in one sentence") or among what is printed."""
    found = {int(number) for number in re.findall(r"(?<![\d.+])(\d{1,6}) in (?:one|the|a|another) ", asked.check.title)}
    for value in (asked.check.published or {}).values():
        if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10**6:
            found.add(value)
    return found


def _spread(asked: AskedCheck) -> Computed:
    """Samuelson: no number lies further from the mean than s (n - 1) / sqrt(n)."""
    mean, sd = asked.number("mean"), asked.number("sd") if asked.has("sd") else None
    ends = [asked.number(key) for key in ("max", "min") if asked.has(key)]
    key = next((k for k in ("n_candidates", "n") if asked.has(k)), "n_candidates")
    sizes = asked.counts(key) if isinstance(asked.raw(key), list) else (asked.count(key),)
    if min(sizes) < 2:
        raise asked.refuse(f"{key} holds {min(sizes)}; an SD needs 2")
    smallest = {str(n): max(samuelson_sd(mean, end, n) for end in ends) for n in sizes}
    values: dict[str, object] = {"smallest_possible_sd": smallest}
    if sd is None:
        return Computed(values)
    printed = asked.printed("sd")
    possible = {n: printed.high >= least * (1 - 1e-12) for n, least in smallest.items()}
    values |= {"possible": any(possible.values()), "possible_by_n": possible}
    far = max(ends, key=lambda end: abs(end - mean))
    against = () if any(possible.values()) else (
        f"With a mean of {mean:g}, a single value of {far:g} needs an SD of at least "
        f"{min(smallest.values()):.3g} (Samuelson); the printed SD {printed} is not possible for n = {', '.join(smallest)}.",
    )  # fmt: skip
    agrees = f"An SD of {printed} is possible with a mean of {mean:g} and a value of {far:g} (Samuelson)."
    return Computed(values, about=f"mean {mean:g}, SD {sd:g}", against=against, agrees=agrees)


def _p(asked: AskedCheck) -> Computed:
    """0 <= P <= 1."""
    found: dict[str, list[float]] = {}
    for key, value in asked.check.input.items():
        found[key] = [asked.as_number(key, v) for v in (value if isinstance(value, list) else [value])]
    bad = [f"{p:g}" for ps in found.values() for p in ps if not 0 <= p <= 1]
    each = [0 <= p <= 1 for p in found["p"]] if isinstance(asked.check.input.get("p"), list) else not bad
    against = (f"A P value of {' or '.join(bad)} cannot be: P lies between 0 and 1.",) if bad else ()
    return Computed({"valid": each, "all_valid": not bad}, against=against, agrees="P lies between 0 and 1, as it must.")


def _ranges(asked: AskedCheck) -> Computed:
    """A subgroup's range lies inside the cohort's."""
    lists = _pairs_of(asked)
    names = list(lists)
    inner = next((name for name in names if any(word in name.lower() for word in _INNER)), names[1])
    outer = next(name for name in names if name != inner)
    (low, high), (least, most) = lists[inner], lists[outer]
    if low > high or least > most:
        raise asked.refuse("a range runs from its smaller to its larger number; turn it round")
    inside = least <= low and high <= most
    said = f"The range of {inner}, {low:g} to {high:g}, does not lie inside that of {outer}, {least:g} to {most:g}."
    return Computed(
        {"lies_inside": inside, "same": (low, high) == (least, most)},
        about=f"{inner} in {outer}",
        against=() if inside else (said,),
        agrees=said.replace("does not lie", "lies"),
    )


def _pairs_of(asked: AskedCheck) -> dict[str, tuple[float, float]]:
    found = {}
    for key in asked.check.input:
        low, high = (asked.as_number(key, v) for v in asked.items(key, 2))
        found[key] = (low, high)
    return found


def _denominators(asked: AskedCheck) -> Computed:
    """Denominators of one thing in several places: their sums, and the intervals of the printed counts under the others."""
    lists = {key: asked.counts(key) for key, value in asked.check.input.items() if isinstance(value, list)}
    sums = [sum(parts) for parts in lists.values()]
    values: dict[str, object] = {"sums": sums}
    first, *others = lists.values()
    for parts in others:
        for n, other in zip(first, parts, strict=False):
            rows = _rows_of(asked, n) if other not in (n, 0) else []
            if rows:
                values[f"clopper_pearson_pct_if_{other}"] = {
                    f"{x}/{other}": [100 * end for end in proportion_interval(x, other)] for x in rows if x <= other
                }
    differ = len({tuple(parts) for parts in lists.values()}) > 1
    said = "; ".join(f"{' and '.join(str(n) for n in parts)} in {name}" for name, parts in lists.items())
    same = len(set(sums)) == 1
    tail = "they sum alike, so perhaps a patient is counted on another side" if same else "and they do not sum alike"
    return Computed(values, against=(f"The denominators differ: {said}; {tail}.",) if differ else ())


def _rows_of(asked: AskedCheck, n: int) -> list[int]:
    """Counts x of this n in the paper's table of operating points."""
    table = asked.tables.get(f"seed{asked.check.seed}_operating_points.csv")
    if table is None or not {"x", "n"} <= set(table.columns):
        return []
    rows = zip(table.columns["x"], table.columns["n"], strict=True)
    return sorted({int(x) for x, of in rows if x and of and x.isdigit() and of.isdigit() and int(of) == n})


def _counts(asked: AskedCheck) -> Computed:
    """Counts by name, as percentages of n."""
    whole = next(key for key in ("n", "total") if asked.has(key))
    parts: dict[str, int] = {}
    lists: dict[str, list[int]] = {}
    for key, value in asked.check.input.items():
        if key == whole:
            continue
        if isinstance(value, dict):
            parts |= {str(name): asked.as_count(str(name), v) for name, v in value.items()}
        elif isinstance(value, list):
            lists[key] = list(asked.counts(key))
        else:
            parts[key] = asked.count(key)
    n = asked.count(whole)
    named = {**parts, **{f"{key}_{i}": x for key, xs in lists.items() for i, x in enumerate(xs, start=1)}}
    found = shares_of(asked, named, n)
    values = dict(found.values)
    if "x" in parts:
        values["value_pct"] = values["x_pct"]
    if len(lists) == 1:
        values["pct"] = [100 * x / n for x in next(iter(lists.values()))]
    values["sums_to_n"] = values["sum"] == n
    return Computed(values, about=found.about)


def _percents(asked: AskedCheck) -> Computed:
    """Percentages of one whole sum to 100, within their rounding."""
    key = next(key for key in ("percents", "percent", "pct") if asked.has(key))
    given = asked.raw(key)
    listed = list(given.values()) if isinstance(given, dict) else list(asked.items(key))
    try:
        printed = [PrintedNumber.read(value) for value in listed]
    except ValueError as error:
        raise asked.refuse(f"{key}: {error}") from None
    total = sum(p.value for p in printed)
    fits = percents_can_sum(printed)
    low, high = sum(p.low for p in printed), sum(p.high for p in printed)
    said = f"The percentages sum to {total:g}; rounding alone would leave {low:g} to {high:g}, which does not hold 100."
    agrees = f"The percentages sum to {total:g}; with their rounding, 100 is possible."
    return Computed({"sum": total, "sums_to_100": fits}, against=() if fits else (said,), agrees=agrees)


def _parts(asked: AskedCheck) -> Computed:
    """Parts and their total."""
    given = asked.raw("parts")
    parts = [asked.as_number("parts", v) for v in (given.values() if isinstance(given, dict) else asked.items("parts"))]
    total, found = asked.number("total"), sum(parts)
    fits = abs(found - total) <= 1e-9 * max(1.0, abs(total))
    against = () if fits else (f"The parts sum to {found:g}, not to the printed {total:g}.",)
    return Computed(
        {"sum": found, "sums_to_total": fits}, against=against, agrees=f"The parts sum to the printed total, {found:g}."
    )


def _flow(asked: AskedCheck) -> Computed:
    """Who entered, less those who left."""
    key = next(key for key in _STARTS if asked.has(key))
    out = next(key for key in _LEFT if asked.has(key))
    given = asked.raw(out)
    left = [asked.as_number(out, v) for v in (given.values() if isinstance(given, dict) else asked.items(out))]
    remaining = asked.count(key) - int(sum(abs(x) for x in left))
    values: dict[str, object] = {"remaining": remaining, "included": remaining, "left": int(sum(abs(x) for x in left))}
    end = next((k for k in ("included", "remaining", "total", "n") if asked.has(k)), None)
    if end is None:
        return Computed(values)
    printed = asked.count(end)
    said = f"{asked.count(key)} less {values['left']} leaves {remaining}, not the printed {printed}."
    fits = printed == remaining
    agrees = f"{asked.count(key)} less {values['left']} leaves {remaining}, as printed."
    return Computed({**values, "consistent": fits}, against=() if fits else (said,), agrees=agrees)


def _value_in(asked: AskedCheck) -> Computed:
    """A value lies inside its interval, or its range."""
    name = next(key for key in _MIDDLES if asked.has(key))
    if asked.has("ci"):
        low, high = (asked.as_number("ci", v) for v in asked.items("ci", 2))
    else:
        low, high = asked.number("min"), asked.number("max")
    inside = low <= asked.number(name) <= high
    said = f"The {name} {asked.number(name):g} does not lie in {low:g} to {high:g}."
    return Computed({"inside": inside}, against=() if inside else (said,), agrees=said.replace("does not lie", "lies"))


def _claims(asked: AskedCheck) -> Computed:
    """One number that is printed in several places."""
    values = {key: asked.number(key) for key in asked.check.input}
    numbers = list(values.values())
    agree = len(set(numbers)) == 1
    found: dict[str, object] = {"agree": agree, "difference": numbers[-1] - numbers[0]}
    if numbers[-1]:
        found["ratio"] = numbers[0] / numbers[-1]
    said = ", ".join(f"{value:g} in {name}" for name, value in values.items())
    agrees = f"The number is the same in every place: {numbers[0]:g}."
    return Computed(found, against=() if agree else (f"One number stands there differently: {said}.",), agrees=agrees)


_MIDDLES = ("value", "auc", "r", "median", "mean", "estimate")
_STARTS = ("enrolled", "start", "screened", "assessed")
_LEFT = ("excluded", "left", "lost", "exclusions")


def _all(test: Callable[[object], bool]) -> Callable[[Mapping[str, object]], bool]:
    return lambda given: len(given) > 1 and all(test(value) for value in given.values())


_two_lists = _all(lambda value: isinstance(value, list) and len(value) == 2)
_lists = _all(lambda value: isinstance(value, list) and all(isinstance(v, int) for v in value))
_scalars = _all(lambda value: not isinstance(value, (list, dict)))


def _asks_ranges(asked: AskedCheck) -> bool:
    given = asked.check.input
    named = any(word in key.lower() for key in given for word in _RANGES)
    return len(given) == 2 and _two_lists(given) and (named or not _lists(given))


SHAPES: tuple[tuple[Callable[[AskedCheck], bool], Callable[[AskedCheck], Computed]], ...] = (
    (lambda a: a.has("paired"), _paired),
    (lambda a: a.has("mean") and (a.has("n") or a.has("n_candidates")) and (a.has("max") or a.has("min")), _spread),
    (lambda a: any(a.has(k) for k in _MIDDLES) and (a.has("ci") or a.has("min", "max")), _value_in),
    (lambda a: bool(a.check.input) and all(k == "p" or k.startswith("p_") for k in a.check.input), _p),
    (_asks_ranges, _ranges),
    (lambda a: any(a.has(k) for k in _STARTS) and any(a.has(k) for k in _LEFT), _flow),
    (lambda a: any(a.has(k) for k in ("percents", "percent", "pct")), _percents),
    (lambda a: a.has("parts", "total"), _parts),
    (lambda a: _lists(a.check.input), _denominators),
    (lambda a: (a.has("n") or a.has("total")) and len(a.check.input) > 1, _counts),
    (lambda a: _scalars(a.check.input), _claims),
)  # the first that is asked for counts
