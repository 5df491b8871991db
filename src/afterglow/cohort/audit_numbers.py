"""Checks that start from numbers as they are printed: an AUC, a correlation, means and SDs, a test's statistic."""

from collections.abc import Callable
from itertools import product

import numpy as np
from scipy import stats

from afterglow.cohort.auc import area_interval, auc_hanley_mcneil
from afterglow.cohort.audit_asked import AskedCheck, Computed, Interval, Value
from afterglow.cohort.groups import t_from_summaries, welch_df
from afterglow.cohort.placements import hanley_mcneil_se
from afterglow.cohort.summaries import pooled
from afterglow.records.printed import PrintedNumber

Part = tuple[PrintedNumber, PrintedNumber, int]  # mean, SD, n


def auc_ci(asked: AskedCheck) -> Computed:
    """The interval of an AUC from its numbers of exams: Hanley and McNeil's standard error, cut at 0 and 1."""
    area, positive, negative = asked.number("auc"), asked.count("n_pos"), asked.count("n_neg")
    if not 0 <= area <= 1:
        raise asked.refuse(f"auc is {area:g}; an area lies between 0 and 1")
    level = asked.level()
    found = auc_hanley_mcneil(area, positive, negative, level=level)
    se = hanley_mcneil_se(area, positive, negative)
    about = f"an AUC of {area:g} with {positive} positive and {negative} negative"
    if found.low is None or found.high is None:
        return Computed({"auc": area, "se": se, "ci": [area, area]}, about=about, notes=(found.note,))
    z = float(stats.norm.isf((1 - level) / 2))
    logit = area_interval(area, se, logit=True, level=level)
    least = (area * (1 - area) / min(positive, negative)) ** 0.5  # the largest variance that an area can have
    rules: dict[str, Value] = {
        "Hanley-McNeil": (found.low, found.high), "Hanley-McNeil, not cut at 1": (area - z * se, area + z * se),
        "Hanley-McNeil, logit scale": logit, "largest possible variance": (max(0.0, area - z * least), min(1.0, area + z * least)),
    }  # fmt: skip
    values = {"auc": area, "se": se, "ci": [found.low, found.high], "ci_logit": list(logit)}
    printed = asked.printed("auc")
    ends = [auc_hanley_mcneil(min(max(a, 0.0), 1.0), positive, negative, level=level) for a in (printed.low, printed.high)]
    lows = [e.low for e in ends if e.low is not None]
    highs = [e.high for e in ends if e.high is not None]
    notes: tuple[str, ...] = ()
    if len(lows) == len(highs) == 2 and printed.decimals < 4:
        notes = (f"the rounding of the AUC leaves {lows[0]:.3f} to {lows[1]:.3f} for the lower end, {highs[0]:.3f} to {highs[1]:.3f} for the upper",)  # fmt: skip
    return Computed(values, {"ci": rules}, about, notes=notes)


def pearson_p(asked: AskedCheck) -> Computed:
    """P of a printed correlation: t with n - 2 degrees of freedom. Also Fisher's interval."""
    r, n = asked.number("r"), asked.count("n")
    if not -1 <= r <= 1:
        raise asked.refuse(f"r is {r:g}; a correlation lies between -1 and 1")
    if n < 3:
        raise asked.refuse(f"n is {n}; a correlation has a P from 3 pairs on")
    printed = asked.printed("r")
    ends = (max(printed.low, -1.0), min(printed.high, 1.0))
    ps = [_p_of_r(e, n) for e in ends] + ([1.0] if ends[0] <= 0 <= ends[1] else [])
    rules: dict[str, Value] = {"t with n - 2 degrees of freedom": _p_of_r(r, n), "the same, one-sided": _p_of_r(r, n) / 2}
    spans: dict[str, Interval] = {"t with n - 2 degrees of freedom": (min(ps), max(ps))}
    values: dict[str, object] = {"p": _p_of_r(r, n), "df": n - 2}
    if n > 3 and abs(r) < 1:
        half = float(stats.norm.isf(0.025)) / (n - 3) ** 0.5
        values["ci"] = [float(np.tanh(np.arctanh(r) - half)), float(np.tanh(np.arctanh(r) + half))]
        rules_ci: dict[str, Value] = {"Fisher's z": tuple(values["ci"])}  # type: ignore[arg-type]
        return Computed(values, {"p": rules, "ci": rules_ci}, f"r = {r:g} of {n} pairs", spans={"p": spans})
    return Computed(values, {"p": rules}, f"r = {r:g} of {n} pairs", spans={"p": spans})


def _p_of_r(r: float, n: int) -> float:
    if abs(r) >= 1:
        return 0.0
    return float(2 * stats.t.sf(abs(r) * ((n - 2) / ((1 - r) * (1 + r))) ** 0.5, n - 2))


def pooled_summary(asked: AskedCheck) -> Computed:
    """Mean and SD of a whole from [n, mean, SD] of its parts."""
    parts = [_moments(asked, part) for part in asked.items("parts")]
    n, mean, sd = pooled([(n, m.value, s.value) for m, s, n in parts])
    within = (sum((k - 1) * s.value**2 for _, s, k in parts) / max(n - len(parts), 1)) ** 0.5
    means = [sum(k * end(m) for m, _, k in parts) / n for end in (_low, _high)]
    rules: dict[str, dict[str, Value]] = {
        "sd": {"the total SD with the spread between parts": sd, "the pooled SD within parts": within},
        "mean": {"the mean weighted by n": mean, "the plain mean of the parts": sum(m.value for m, _, _ in parts) / len(parts)},
    }
    spans = {
        "mean": {"the mean weighted by n": (means[0], means[1])},
        "sd": {"the total SD with the spread between parts": _sd_span(parts)},
    }
    return Computed({"n": n, "mean": mean, "sd": sd, "sd_within": within}, rules, f"{len(parts)} parts, n = {n}", spans=spans)


def _sd_span(parts: list[Part]) -> Interval:
    """What the rounding of every part leaves open, at its corners; of many parts only the SDs are moved."""
    if len(parts) > 4:
        corners = [[(n, m.value, max(end(s), 0.0)) for m, s, n in parts] for end in (_low, _high)]
    else:
        choices = [[(n, a(m), max(b(s), 0.0)) for a, b in product((_low, _high), repeat=2)] for m, s, n in parts]
        corners = [list(corner) for corner in product(*choices)]
    found = [pooled(corner)[2] for corner in corners]
    return min(found), max(found)


def _low(number: PrintedNumber) -> float:
    return number.low


def _high(number: PrintedNumber) -> float:
    return number.high


def _moments(asked: AskedCheck, part: object) -> Part:
    """[n, mean, SD], or the same by name."""
    if isinstance(part, dict):
        lacking = [key for key in ("n", "mean", "sd") if part.get(key) is None]
        if lacking:
            raise asked.refuse(f"a part has no {lacking[0]!r}; write n, mean and sd")
        n, mean, sd = (part[key] for key in ("n", "mean", "sd"))
    else:
        n, mean, sd = asked.as_items("parts", part, 3)
    found = asked.as_count("n", n)
    if found < 1:
        raise asked.refuse("a part has n = 0; leave it out")
    if asked.as_number("sd", sd) < 0:
        raise asked.refuse(f"an SD of {sd} cannot be; it is 0 or more")
    asked.as_number("mean", mean)
    return PrintedNumber.read(mean), PrintedNumber.read(sd), found


def two_means(asked: AskedCheck) -> Computed:
    """Student's and Welch's t test from n, mean and SD of two groups."""
    first, second = _two_parts(asked)
    student, welch = (_t(first, second, equal=equal) for equal in (True, False))
    if student is None or welch is None:
        raise asked.refuse("two SDs of 0 leave nothing to test against")
    z = _z(first, second)
    asks_welch = "welch" in f"{asked.check.method} {asked.check.kind}".lower() or "unequal" in asked.check.method.lower()
    t, p, df = welch if asks_welch else student
    values: dict[str, object] = {
        "t": t, "p": p, "df": df, "diff": first[0].value - second[0].value, "t_student": student[0], "p_student": student[1],
        "df_student": student[2], "t_welch": welch[0], "p_welch": welch[1], "df_welch": welch[2], "p_z": z,
    }  # fmt: skip
    named: dict[str, Value] = {"Student's t, equal spread": student[1], "Welch's t": welch[1], "normal, each with its own SD": z,
                               "Student's t, one-sided": student[1] / 2, "Welch's t, one-sided": welch[1] / 2}  # fmt: skip
    spans = {"Student's t, equal spread": _t_span(first, second, equal=True), "Welch's t": _t_span(first, second, equal=False)}
    about = f"{first[0]} ({first[1]}), n = {first[2]}, and {second[0]} ({second[1]}), n = {second[2]}"
    return Computed(values, {"p": named}, about, spans={"p": spans})


def _two_parts(asked: AskedCheck) -> tuple[Part, Part]:
    if asked.has("first", "second"):
        given: list[object] = [asked.raw("first"), asked.raw("second")]
    elif any(asked.has(key) for key in ("parts", "groups")):
        given = list(asked.items("parts" if asked.has("parts") else "groups", 2))
    elif len(named := [v for v in asked.check.input.values() if isinstance(v, (list, tuple, dict))]) == 2:
        given = list[object](named)
    else:
        given = [{key: asked.raw(f"{key}{i}") for key in ("n", "mean", "sd")} for i in (1, 2)]
    first, second = (_moments(asked, part) for part in given)
    if min(first[2], second[2]) < 2:
        raise asked.refuse("a t test needs n of 2 or more in both groups")
    return first, second


def _t(first: Part, second: Part, *, equal: bool) -> tuple[float, float, float] | None:
    """t, P and degrees of freedom."""
    (m1, s1, n1), (m2, s2, n2) = first, second
    found = t_from_summaries((m1.value, s1.value, n1), (m2.value, s2.value, n2), equal=equal)
    if found.statistic is None or found.p is None:
        return None
    df = n1 + n2 - 2 if equal else welch_df(s1.value**2 / n1, n1, s2.value**2 / n2, n2)
    return found.statistic, found.p, float(df)


def _z(first: Part, second: Part) -> float:
    (m1, s1, n1), (m2, s2, n2) = first, second
    return float(2 * stats.norm.sf(abs(m1.value - m2.value) / (s1.value**2 / n1 + s2.value**2 / n2) ** 0.5))


def _t_span(first: Part, second: Part, *, equal: bool) -> Interval:
    """The least and the largest P that the rounding of means and SDs leaves."""
    (m1, s1, n1), (m2, s2, n2) = first, second
    ps = []
    for a, b, c, d in product((m1.low, m1.high), (max(s1.low, 0.0), s1.high), (m2.low, m2.high), (max(s2.low, 0.0), s2.high)):
        p = t_from_summaries((a, b, n1), (c, d, n2), equal=equal).p
        ps += [] if p is None else [p]
    if m1.low <= m2.high and m2.low <= m1.high:
        ps.append(1.0)
    return min(ps), max(ps)


Tail = Callable[[float, tuple[float, ...]], float]
TAILS: dict[str, tuple[tuple[str, ...], Tail]] = {  # statistic -> degrees of freedom that it needs, P of it
    "z": ((), lambda x, df: float(2 * stats.norm.sf(abs(x)))),
    "t": (("df",), lambda x, df: float(2 * stats.t.sf(abs(x), df[0]))),
    "chi2": (("df",), lambda x, df: float(stats.chi2.sf(x, df[0]))),
    "f": (("df", "df2"), lambda x, df: float(stats.f.sf(x, df[0], df[1]))),
}


def printed_statistic(asked: AskedCheck) -> Computed:
    """P of a printed z, t, chi2 or F."""
    name = next((name for name in TAILS if asked.has(name)), None)
    if name is None:
        raise asked.refuse(
            f"printed_statistic needs one of {', '.join(TAILS)}; add it with its degrees of freedom df (F: df and df2)"
        )
    needed, tail = TAILS[name]
    df = tuple(asked.number(key) for key in needed)
    if any(d <= 0 for d in df):
        raise asked.refuse("degrees of freedom are above 0")
    printed = asked.printed(name)
    if name in ("chi2", "f") and printed.value < 0:
        raise asked.refuse(f"{name} is {printed}; it cannot be negative")
    value = tail(printed.value, df)
    ends = [tail(x, df) for x in (printed.low, printed.high)] + ([tail(0.0, df)] if printed.low <= 0 <= printed.high else [])
    words = f"{'two-sided ' if name in 'zt' else ''}P of {name}{'' if not df else '(' + ', '.join(f'{d:g}' for d in df) + ')'}"
    rules: dict[str, Value] = {words: value}
    if name in "zt":
        rules[words.replace("two", "one")] = value / 2
    return Computed({"p": value}, {"p": rules}, f"{name} = {printed}", spans={"p": {words: (min(ends), max(ends))}})
