"""Checks of tables of counts: two readings of the same exams, and Fisher's test with its neighbours."""

import re

import numpy as np
from scipy import stats

from afterglow.cohort.audit_asked import AskedCheck, Computed, Value
from afterglow.cohort.exact_tables import fisher
from afterglow.cohort.paired_readings import (
    Discordant,
    McNemarRule,
    mcnemar_variants,
    possible_pairs,
    tango,
)
from afterglow.records.printed import PrintedNumber

_SHOWN = 4
_PAIRS = 10_000  # pairings that are gone through one by one
_EXAMS = 20_000  # that a table may count
_SHARE = re.compile(r"share of (\d+)/(\d+)")
_KEYS: dict[McNemarRule, str] = {"exact": "exact_p", "mid-p": "mid_p", "chi-square": "chi2_p", "chi-square, continuity corrected": "chi2_cc_p"}  # fmt: skip


def mcnemar(asked: AskedCheck) -> Computed:
    """All four rules, from the counts that only one of the readings got right: keys that begin with b and with c."""
    b, c = (asked.count(_key(asked, letter)) for letter in "bc")
    return Computed({**_variants(b, c), "b": b, "c": c}, {"p": _ps(b, c)}, f"{b} against {c} discordant")


def _variants(b: int, c: int) -> dict[str, object]:
    """All rules; without a discordant exam chi-square has nothing to test."""
    return {key: value for key, value in mcnemar_variants(b, c).items() if value is not None}


def _key(asked: AskedCheck, letter: str) -> str:
    """b, or b_uPerf_only_right."""
    found = [key for key in asked.check.input if key == letter or key.startswith(f"{letter}_")]
    if len(found) > 1:
        raise asked.refuse(f"{' and '.join(found)} both begin with {letter}; keep one")
    return found[0] if found else letter


def _ps(b: int, c: int) -> dict[str, Value]:
    found = mcnemar_variants(b, c)
    named = {f"McNemar {rule}": found[key] for rule, key in _KEYS.items()}
    return {name: p for name, p in named.items() if p is not None}


def paired_difference_ci(asked: AskedCheck) -> Computed:
    """The difference (b - c) / n of two shares of the same exams with Tango's interval, and Wald's beside it."""
    b, c, n = asked.count(_key(asked, "b")), asked.count(_key(asked, "c")), asked.count("n")
    if b + c > n or n == 0:
        raise asked.refuse(f"{b} + {c} discordant of {n} exams cannot be; check the total")
    found = tango(b, c, n)
    assert found.value is not None and found.low is not None and found.high is not None
    half = float(stats.norm.isf(0.025)) * max(b + c - (b - c) ** 2 / n, 0.0) ** 0.5 / n
    rules: dict[str, Value] = {
        "Tango score": (found.low, found.high), "Wald": (found.value - half, found.value + half),
        "Wald, continuity corrected": (found.value - half - 1 / n, found.value + half + 1 / n),
    }  # fmt: skip
    percents: dict[str, Value] = {name: tuple(100 * v for v in ends) for name, ends in rules.items() if isinstance(ends, tuple)}
    values = {
        "diff": found.value, "ci": [found.low, found.high],
        "diff_pct": 100 * found.value, "ci_pct": [100 * found.low, 100 * found.high], "wald_ci": list(rules["Wald"]),  # type: ignore[arg-type]
    }  # fmt: skip
    return Computed(values, {"ci": rules, "ci_pct": percents}, f"{b} against {c} discordant of {n}")


def mcnemar_inverse(asked: AskedCheck) -> Computed:
    """Which discordant counts the printed P leaves, by the exact rule; b and c where it leaves one pair."""
    x1, x2, n = _two_shares(asked)
    printed = _printed_p(asked)
    every = possible_pairs(x1, x2, n)
    fitting = [one for one in every if printed.is_met_by(one.p)]
    ps = sorted({one.p for one in fitting})
    about = f"{x1} and {x2} of {n}"
    values: dict[str, object] = {"pairs": [[one.b, one.c] for one in fitting], "possible": len(every)}
    values |= {"p_min": min(one.p for one in every), "p_max": max(one.p for one in every)}
    if not fitting:
        other = _other_rules(x1, x2, n, printed)
        by = f"; {' and '.join(other)} does" if other else f", which runs from {values['p_min']:.2g} to {values['p_max']:.2g}"
        return Computed(values, about=about, against=(f"No pairing of {about} gives P {printed} by the exact test{by}.",))
    values["exact_p"] = _nearest(fitting, printed).p if len(ps) > 1 else ps[0]
    if len(fitting) == 1:
        (one,) = fitting
        values |= {"b": one.b, "c": one.c, **_variants(one.b, one.c)}
        note = f"P {printed} leaves one pairing: {one.b} right by the first reading only, {one.c} by the second only"
    else:
        which = " or ".join(f"{one.b} against {one.c}" for one in fitting[:_SHOWN]) + (" …" if len(fitting) > _SHOWN else "")
        note = (
            f"P {printed} leaves {len(fitting)} of {len(every)} pairings ({which}), so the discordant counts are not determined"
        )
    return Computed(values, {"p": {"McNemar exact": values["exact_p"]}}, about, notes=(note,))  # type: ignore[dict-item]


def _other_rules(x1: int, x2: int, n: int, printed: PrintedNumber) -> list[str]:
    rules: list[McNemarRule] = [rule for rule in _KEYS if rule != "exact"]
    return [
        f"McNemar {rule} with {one.b} against {one.c}"
        for rule in rules
        for one in [p for p in possible_pairs(x1, x2, n, rule=rule) if printed.is_met_by(p.p)][:1]
    ]


def _nearest(fitting: list[Discordant], printed: PrintedNumber) -> Discordant:
    return min(fitting, key=lambda one: (abs(one.p - printed.value), one.c))


def _printed_p(asked: AskedCheck) -> PrintedNumber:
    """The P of the input: two decimals at least, for 1.0 is 1.00; more where the paper's own are given."""
    key = "p_published" if asked.has("p_published") else "p"
    printed = asked.printed(key)
    said = asked.said("decimals")
    decimals = asked.as_count("decimals", said) if said is not None else max(printed.decimals, 2)
    if not 0 <= printed.value <= 1:
        raise asked.refuse(f"{key} is {printed}; P lies between 0 and 1")
    return PrintedNumber(printed.value, decimals, printed.relation, printed.strict)


def _two_shares(asked: AskedCheck) -> tuple[int, int, int]:
    x1, n = asked.share("x1", "n")
    x2, _ = asked.share("x2", "n")
    if min(x1, x2, n - x1, n - x2) > _PAIRS:
        raise asked.refuse(f"{n} exams have too many pairings to go through; it takes up to {_PAIRS}")
    return x1, x2, n


def mcnemar_bounds(asked: AskedCheck) -> Computed:
    """The least and the largest exact P over every pairing of two printed shares."""
    x1, x2, n = _two_shares(asked)
    ps = [one.p for one in possible_pairs(x1, x2, n)]
    about = f"{x1} and {x2} of {n}"
    span = f"lies between {min(ps):.2g} and {max(ps):.2g}" if min(ps) < max(ps) else f"is {min(ps):.2g}"
    note = f"whatever the pairing, P {span}"
    return Computed({"p_min": min(ps), "p_max": max(ps), "possible": len(ps)}, about=about, notes=(note,))


def fisher_exact(asked: AskedCheck) -> Computed:
    """Fisher's exact test of one table under "table", or of each of several by name; with the Youden index of its rows."""
    if asked.has("table"):
        found = _fisher_of(asked, "table", asked.raw("table"))
        return Computed({**found.values, **_row_shares(asked)}, found.rules, found.about)
    each = {name: _fisher_of(asked, name, table).values for name, table in asked.check.input.items() if table is not None}
    if not each:
        raise asked.refuse("fisher_exact needs the input 'table', or tables by name; add one")
    return Computed(dict(each), about=", ".join(each))


def _fisher_of(asked: AskedCheck, name: str, given: object) -> Computed:
    """Fisher and its neighbours; all of it only for two by two."""
    rows = [[asked.as_count(name, cell) for cell in asked.as_items(name, row)] for row in asked.as_items(name, given)]
    if len({len(row) for row in rows}) != 1:
        raise asked.refuse(f"{name}: its rows have different lengths; write a whole table")
    table = np.array(rows)
    if table.sum() > _EXAMS:
        raise asked.refuse(
            f"{name} counts {table.sum()}; Fisher's test is made here up to {_EXAMS}, beyond it chi-square says the same"
        )
    tested = fisher(table)
    if tested.p is None:
        raise asked.refuse(f"{name}: {tested.note}")
    values: dict[str, object] = {"p": tested.p}
    rules: dict[str, Value] = {f"Fisher {_in_brackets(tested.rule)}": tested.p}
    if min(table.sum(axis=0).min(), table.sum(axis=1).min()) > 0:
        for words, corrected in (("chi-square without correction", False), ("chi-square with Yates's correction", True)):
            if table.shape == (2, 2) or not corrected:
                rules[words] = float(stats.chi2_contingency(table, correction=corrected).pvalue)
    if table.shape == (2, 2):
        (a, b), (c, d) = rows
        rules["Fisher mid-p"] = _mid_p(table, tested.p)
        rules["Fisher by twice the smaller tail"] = min(
            1.0, 2 * min(float(stats.fisher_exact(table, side).pvalue) for side in ("less", "greater"))
        )
        rules["one-sided Fisher"] = min(float(stats.fisher_exact(table, side).pvalue) for side in ("less", "greater"))
        if a + b and c + d:
            values["youden"] = a / (a + b) + d / (c + d) - 1
        values["odds_ratio"] = a * d / (b * c) if b * c else None
    values["p_by_rule"] = dict(rules)
    return Computed(values, {"p": rules}, "the table " + "; ".join(" ".join(str(cell) for cell in row) for row in rows))


def _in_brackets(rule: str) -> str:
    """ "two-sided (tables no more likely than the one seen)"."""
    head, _, tail = rule.partition(", ")
    return f"{head} ({tail})" if tail else head


def _mid_p(table: "np.ndarray[tuple[int, int], np.dtype[np.int_]]", p: float) -> float:
    """Less half of the probability of the table seen."""
    rows, columns, total = table.sum(axis=1), table.sum(axis=0), int(table.sum())
    return p - 0.5 * float(stats.hypergeom.pmf(int(table[0, 0]), total, int(columns[0]), int(rows[0])))


def _row_shares(asked: AskedCheck) -> dict[str, object]:
    """The first column in per cent of each row, named after the title: "… , recurrence vs no recurrence"."""
    rows = [[asked.as_count("table", cell) for cell in asked.as_items("table", row)] for row in asked.items("table")]
    names = _row_names(asked.check.title)
    if len(names) != len(rows):
        names = [f"row_{i}" for i in range(1, len(rows) + 1)]
    shares: dict[str, object] = {
        f"pct_{name}": 100 * row[0] / sum(row) for name, row in zip(names, rows, strict=True) if sum(row)
    }
    asked_for = _SHARE.search(asked.check.method)
    if asked_for and int(asked_for.group(2)):
        shares["share_pct"] = 100 * int(asked_for.group(1)) / int(asked_for.group(2))
    return shares


def _row_names(title: str) -> list[str]:
    """From "MGMT methylation, recurrence vs no recurrence": recurrence, nonrecurrence."""
    words = title.rpartition(",")[2] if "," in title else title
    parts = re.split(r"\s+(?:vs\.?|versus|against)\s+", words.strip())
    return [re.sub(r"\W+", "_", re.sub(r"^(?:no|non)[\s-]+", "non", part.strip())) for part in parts] if len(parts) > 1 else []
