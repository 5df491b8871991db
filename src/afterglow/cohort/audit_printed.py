"""Checks of printed figures against what is possible: a mean with its SD and range, and an interval with its value and P."""

import math

from scipy import stats

from afterglow.cohort.audit_asked import AskedCheck, Computed, Value
from afterglow.cohort.audit_grain import (
    in_order,
    largest_sd,
    mean_sums,
    sd_is_possible,
    shares_with,
    smallest_sd,
)
from afterglow.records.printed import PrintedNumber

_ORDER = ("min", "q1", "median", "q3", "max")


def printed_summary(asked: AskedCheck) -> Computed:
    """n, mean, SD, median and range of one group: whether they can be, alone and together."""
    given = {key: asked.printed(key) for key in ("mean", "sd", *_ORDER) if asked.has(key)}
    n = asked.count("n")
    if not given or n < 1:
        raise asked.refuse("printed_summary needs n of 1 or more and a mean, SD, median or range")
    values: dict[str, object] = {"n": n}
    against = _order(given)
    if n > 1:
        more, said = _bounds(given, n)
        values |= more
        against += said
    more, said, notes = _grain(asked, given, n)
    values |= more
    against += said
    rules: dict[str, dict[str, Value]] = {}
    if {"mean", "sd"} <= set(given) and n > 1:
        rules["ci"] = _mean_intervals(given["mean"].value, given["sd"].value, n)
        values["ci"] = list(rules["ci"]["Student t"])  # type: ignore[arg-type]
    elif "sd" in given and n == 1:
        against.append("One number has no SD.")
    values["possible"] = not against
    about = ", ".join(f"{key} {number}" for key, number in given.items()) + f", n = {n}"
    agrees = f"{about[0].upper()}{about[1:]} are possible together."
    return Computed(values, rules, about=about, against=tuple(against), notes=tuple(notes), agrees=agrees)


def _order(given: dict[str, PrintedNumber]) -> list[str]:
    said = []
    placed = [(key, given[key]) for key in _ORDER if key in given]
    if not in_order([number for _, number in placed]):
        said.append(f"{', '.join(f'{key} {number}' for key, number in placed)} do not rise as they must.")
    mean = given.get("mean")
    if mean is not None and "min" in given and mean.high < given["min"].low:
        said.append(f"The mean {mean} lies below the minimum {given['min']}.")
    if mean is not None and "max" in given and mean.low > given["max"].high:
        said.append(f"The mean {mean} lies above the maximum {given['max']}.")
    if "sd" in given and given["sd"].high < 0:
        said.append(f"An SD of {given['sd']} cannot be: it is 0 or more.")
    return said


def _bounds(given: dict[str, PrintedNumber], n: int) -> tuple[dict[str, object], list[str]]:
    """The SD between the least and the most that mean and range allow, each with the benefit of rounding."""
    mean, sd = given.get("mean"), given.get("sd")
    if mean is None or sd is None:
        return {}, []
    values: dict[str, object] = {}
    said = []
    low, high = given.get("min"), given.get("max")
    ends = (mean.value if low is None else low.value, mean.value if high is None else high.value)
    if low is not None or high is not None:
        values["smallest_possible_sd"] = smallest_sd(mean.value, *ends, n)
        kindest = smallest_sd(mean.value, mean.value if low is None else low.high + mean.half_unit,
                              mean.value if high is None else high.low - mean.half_unit, n)  # fmt: skip
        if sd.high < kindest:
            said.append(
                f"With this mean and range the SD is at least {values['smallest_possible_sd']:.4g} (Samuelson); {sd} is not possible."
            )
    if low is not None and high is not None:
        values["largest_possible_sd"] = largest_sd(mean.value, *ends, n)
        kindest = _kindest_largest(mean, low.low, high.high, n)
        if sd.low > kindest:
            said.append(f"With this mean and range the SD is at most {values['largest_possible_sd']:.4g}; {sd} is not possible.")
    return values, said


def _kindest_largest(mean: PrintedNumber, low: float, high: float, n: int) -> float:
    """The bound is largest for a mean in the middle of the range, as near to it as rounding lets it be."""
    middle = min(max((low + high) / 2, mean.low), mean.high)
    return largest_sd(middle, low, high, n)


def _grain(asked: AskedCheck, given: dict[str, PrintedNumber], n: int) -> tuple[dict[str, object], list[str], list[str]]:
    """GRIM and GRIMMER for whole numbers (`grain` 1, or what one step of the scale is); DEBIT for noughts and ones."""
    mean, sd = given.get("mean"), given.get("sd")
    binary = asked.check.input.get("binary") is True
    if mean is None or not (binary or asked.has("grain")):
        return {}, [], []
    grain = asked.number("grain") if asked.has("grain") else 1.0
    if grain <= 0:
        raise asked.refuse(f"grain is {grain:g}; it is the step between possible values, such as 1 for whole numbers")
    if binary and sd is not None and n > 1:
        counts = shares_with(sd, mean, n)
        fits = {"debit": bool(counts), "counts": counts}
        return fits, [] if counts else [f"No number of ones among {n} gives both the mean {mean} and the SD {sd} (DEBIT)."], []
    sums = mean_sums(mean, n, grain)
    if sums is None:
        return {}, [], [f"with n = {n} every mean of {mean.decimals} decimals is possible, so that the grain says nothing"]
    if not sums:
        return {"grim": False}, [f"No {n} numbers in steps of {grain:g} have a mean that is printed as {mean} (GRIM)."], []
    if sd is None or n < 2:
        return {"grim": True}, [], []
    possible = sd_is_possible(sd, sums, n, grain)
    said = [] if possible else [f"No {n} numbers in steps of {grain:g} have the mean {mean} and the SD {sd} together (GRIMMER)."]
    return {"grim": True, "grimmer": possible}, said, []


def _mean_intervals(mean: float, sd: float, n: int) -> dict[str, Value]:
    se = sd / math.sqrt(n)
    t, z = float(stats.t.isf(0.025, n - 1)), float(stats.norm.isf(0.025))
    halves = {"Student t": t * se, "normal": z * se, "two standard errors": 2 * se, "mean and SD": sd, "mean and two SDs": 2 * sd}
    return {rule: (mean - half, mean + half) for rule, half in halves.items()}


def interval(asked: AskedCheck) -> Computed:
    """A value in its interval: inside, in the middle of it (or of its logarithms), and P on the same side of alpha."""
    value, low, high = (asked.printed(key) for key in ("value", "low", "high"))
    if low.value > high.value:
        raise asked.refuse(f"the interval runs from {low} down to {high}; turn it round")
    level = asked.level()
    inside = value.low <= high.high and value.high >= low.low
    symmetric = _may_be(value, (low.low + high.low) / 2, (low.high + high.high) / 2)
    logs = low.low > 0 and _may_be(value, math.sqrt(low.low * high.low), math.sqrt(low.high * high.high))
    values: dict[str, object] = {"inside": inside, "symmetric": symmetric, "symmetric_on_log_scale": logs,
                                 "middle": (low.value + high.value) / 2}  # fmt: skip
    if low.value > 0:
        values["middle_of_logs"] = math.sqrt(low.value * high.value)
    against = [] if inside else [f"The value {value} lies outside its own interval, {low} to {high}."]
    agrees = f"The value {value} lies inside its interval, {low} to {high}."
    notes = [_shape_words(symmetric, logs)] if inside else []
    if asked.has("p") or asked.has("null"):
        against += _against_p(asked, (low, high), level, values, logs=logs and not symmetric)
    return Computed(values, about=f"{value} ({low} to {high})", against=tuple(against), notes=tuple(notes), agrees=agrees)


def _may_be(value: PrintedNumber, low: float, high: float) -> bool:
    return value.low <= high + 1e-12 and low - 1e-12 <= value.high


def _shape_words(symmetric: bool, logs: bool) -> str:
    if symmetric:
        return "the value lies in the middle of its interval, as in a Wald interval"
    if logs:
        return "the value lies in the middle of its interval on the logarithmic scale, as of a ratio"
    return (
        "the value lies in the middle neither as it is nor on the logarithmic scale; exact, score and bootstrap intervals do so"
    )


def _against_p(
    asked: AskedCheck, ends: tuple[PrintedNumber, PrintedNumber], level: float, values: dict[str, object], *, logs: bool
) -> list[str]:
    """A 95 % interval that leaves out the null goes with P < .05, one that holds it with P > .05."""
    low, high = ends
    null = asked.number("null") if asked.has("null") else 1.0 if logs else 0.0
    alpha = 1 - level
    out, holds = null < low.low or null > high.high, low.high < null < high.low
    values |= {"null": null, "leaves_out_null": out}
    if logs or (null == 1 and low.value > 0):
        spread = (math.log(high.value) - math.log(low.value)) / 2 if low.value > 0 else 0.0
        far = abs(math.log(math.sqrt(low.value * high.value)) - math.log(null)) if low.value > 0 and null > 0 else 0.0
    else:
        spread, far = (high.value - low.value) / 2, abs((low.value + high.value) / 2 - null)
    if spread > 0:
        values["p_of_interval"] = float(2 * stats.norm.sf(far / spread * stats.norm.isf(alpha / 2)))
    if not asked.has("p"):
        return []
    p = asked.printed("p")
    if not 0 <= p.value <= 1:
        return [f"P is {p}, and lies between 0 and 1."]
    words = f"The {100 * level:g} % interval {low} to {high}"
    if out and p.relation != "<" and p.low > alpha:
        return [f"{words} leaves out {null:g}, which goes with P < {alpha:.2g}; P is printed as {p}."]
    if holds and p.relation != ">" and p.high < alpha:
        return [f"{words} holds {null:g}, which goes with P > {alpha:.2g}; P is printed as {p}."]
    return []
