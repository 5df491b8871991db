"""Whether a change depends on where it began, and on another number before treatment; exploratory, of few patients."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from afterglow.cohort.correlation import baseline_and_change, pearson, spearman
from afterglow.cohort.groups import shapiro
from afterglow.cohort.measured import together
from afterglow.cohort.models import linear_regression
from afterglow.cohort.part import Part, file_name
from afterglow.cohort.signed_rank import DECIMALS
from afterglow.records.errors import BadInput
from afterglow.records.group import DataTable, PointPanel, PointPlot, TableColumn
from afterglow.records.statistic import Tested, Values

NORMAL_FROM = 0.05  # P of Shapiro-Wilk from which normality counts as not refuted
HYPOTHESIS = "exploratory, hypothesis-generating: few patients for each coefficient"


@dataclass(frozen=True, eq=False)
class BaselineNumber:
    """A number before treatment of each patient; `of_change` where the change itself is counted from it."""

    name: str
    unit: str
    values: Values  # (n,) NaN: not measured
    of_change: bool


@dataclass(frozen=True, eq=False)
class ChangeCohort:
    """A number before and after, what may go with its change, and what is adjusted for; all by patient."""

    name: str  # "median Ktrans, aggressive zone"
    unit: str
    patients: tuple[str, ...]
    before: Values
    after: Values
    baselines: tuple[BaselineNumber, ...]
    adjust: Mapping[str, Values]

    def __post_init__(self) -> None:
        lists = (self.before, self.after, *(one.values for one in self.baselines), *self.adjust.values())
        if any(values.shape != (len(self.patients),) for values in lists):
            raise BadInput(f"{self.name}: baselines need a value, or n/a, for each of {len(self.patients)} patients")

    @property
    def change(self) -> Values:
        return self.after - self.before


@dataclass(frozen=True)
class _Correlated:
    """One baseline by every way; `chosen` is the one that counts, and `why`."""

    baseline: BaselineNumber
    ways: tuple[tuple[str, Tested], ...]
    normal: tuple[Tested, ...]
    chosen: Tested
    why: str


def analyse_baseline(name: str, cohort: ChangeCohort, *, bands: tuple[float, float], printed_as: str = "") -> Part:
    """Pearson on logarithms where Shapiro-Wilk lets both pass, else Spearman; all ways stand beside, and the chosen one is named.

    `bands`: |r| from which a correlation is called moderate, and strong.
    """
    found = [_correlated(one, cohort) for one in cohort.baselines]
    tests = [(f"{name}: correlations", tuple(replace(one.chosen, note=together(one.why, one.chosen.note)) for one in found))]
    tests += [(f"{name}: {one.baseline.name}, every way", tuple(test for _, test in one.ways)) for one in found]
    tests.append((f"{name}: whether they could be normal", tuple(test for one in found for test in one.normal)))
    models = tuple(term for one in cohort.baselines for term in _model(one, cohort))
    if models:
        tests.append((f"{name}: {HYPOTHESIS}", models))
    panels = tuple(panel for one in cohort.baselines if (panel := _panel(one, cohort)) is not None)
    chosen, caption = tuple(one.chosen for one in found), f"{name}: change over baseline"
    pictures = (PointPlot(file_name(name), panels, chosen, caption),) if panels else ()
    return Part(
        name, (found[0].chosen,), tests=tuple(tests), tables=(_table(name, found, bands, printed_as),),
        pictures=pictures, cautions=tuple(_cautions(found)),
    )  # fmt: skip


def _correlated(one: BaselineNumber, cohort: ChangeCohort) -> _Correlated:
    whole = np.isfinite(one.values) & np.isfinite(cohort.change)
    x, before, after = one.values[whole], cohort.before[whole], cohort.after[whole]
    change, about = after - before, f"{one.name} against change of {cohort.name}"
    logs = bool(whole.any()) and bool((x > 0).all() and (before > 0).all() and (after > 0).all())
    ways = (
        _coupled(before, after, about, logs)
        if one.of_change
        else _free(x, change, about, np.log(after / before) if logs else None)
    )
    normal: tuple[Tested, ...] = ()
    if logs:
        normal = (
            shapiro(np.log(x), about=f"log {one.name}"),
            shapiro(np.log(after / before), about=f"log ratio of {cohort.name}"),
        )
    held = bool(normal) and all(test.p is not None and test.p >= NORMAL_FROM for test in normal)
    by_name = dict(ways)
    if held:
        return _Correlated(
            one,
            ways,
            normal,
            by_name["Pearson, logarithms"],
            f"chosen: Shapiro-Wilk does not refute normal logarithms (P >= {NORMAL_FROM:g})",
        )
    why = "a number is not above zero" if not logs else "Shapiro-Wilk refutes normal logarithms, or could not be made"
    return _Correlated(one, ways, normal, by_name["Spearman"], f"chosen: {why}")


def _coupled(before: Values, after: Values, about: str, logs: bool) -> tuple[tuple[str, Tested], ...]:
    """The change against its own start, with Oldham's form on both scales."""
    found = baseline_and_change(before, after, about=about)
    ways = [("Pearson, as measured", found.raw), ("Spearman", found.spearman), ("Oldham, as measured", found.oldham)]
    if logs and found.log is not None:
        ways.insert(1, ("Pearson, logarithms", found.log))
        ways.append(
            ("Oldham, logarithms", baseline_and_change(np.log(before), np.log(after), about=f"{about}, logarithms").oldham)
        )
    return tuple(ways)


def _free(x: Values, change: Values, about: str, log_ratio: Values | None) -> tuple[tuple[str, Tested], ...]:
    ways = [
        ("Pearson, as measured", pearson(x, change, about=about)),
        ("Spearman", spearman(x, change, decimals=DECIMALS, about=about)),
    ]
    if log_ratio is not None:
        ways.insert(1, ("Pearson, logarithms", pearson(np.log(x), log_ratio, about=f"{about}, log against log ratio")))
    return tuple(ways)


def _model(one: BaselineNumber, cohort: ChangeCohort) -> tuple[Tested, ...]:
    """The change by one baseline, adjusted; on logarithms where all numbers are above zero."""
    whole = np.isfinite(one.values) & np.isfinite(cohort.change)
    before, after, x = cohort.before[whole], cohort.after[whole], one.values[whole]
    logs = bool(whole.any()) and bool((x > 0).all() and (before > 0).all() and (after > 0).all())
    outcome, first = (np.log(after / before), np.log(x)) if logs else (after - before, x)
    scale = "log ratio" if logs else "change"
    terms = {f"{'log ' if logs else ''}{one.name}": first, **{name: values[whole] for name, values in cohort.adjust.items()}}
    about = f"{scale} of {cohort.name} by {one.name}, adjusted for {', '.join(cohort.adjust) or 'nothing'}"
    fitted = linear_regression(outcome, terms, unit="1" if logs else cohort.unit, about=about)
    if not fitted.terms:
        why = together(HYPOTHESIS, fitted.note or "it could not be fitted")
        return (Tested(fitted.name, fitted.rule, (fitted.n,), "", None, None, about=about, note=why),)
    return tuple(replace(term, note=together(HYPOTHESIS, term.note, fitted.note)) for term in fitted.terms[1:])


def _panel(one: BaselineNumber, cohort: ChangeCohort) -> PointPanel | None:
    if not (np.isfinite(one.values) & np.isfinite(cohort.change)).any():
        return None
    change = f"change of {cohort.name}"
    return PointPanel(one.name, one.name, one.unit, change, cohort.unit, one.values, cohort.change, cohort.patients)


_COLUMNS = (
    TableColumn("comparison", "Comparison", "Baseline against change", "text"),
    TableColumn("way", "Way", "Which correlation, on which scale", "text"),
    TableColumn("chosen", "Counts", "yes: the way that the rule of the analysis chooses", "text"),
    TableColumn("n", "n", "Patients with both"),
    TableColumn("coefficient", "r or rho", "Correlation coefficient"),
    TableColumn("low", "95 % from", "Lower end of its interval"),
    TableColumn("high", "to", "Upper end of its interval"),
    TableColumn("p", "P", "Two-sided", "p"),
    TableColumn("interpretation", "Interpretation", "Strength by |r| and direction", "text"),
    TableColumn("remark", "Remark", "Why this way counts", "text"),
)


def _table(name: str, found: Sequence[_Correlated], bands: tuple[float, float], printed: str) -> DataTable:
    rows: list[tuple[str | float | int | None, ...]] = []
    for one in found:
        for way, test in one.ways:
            effect = test.effects[0] if test.effects else None
            ends = (None,) * 3 if effect is None else (effect.value, effect.low, effect.high)
            counts = test is one.chosen
            rows.append(
                (
                    test.about,
                    way,
                    "yes" if counts else "no",
                    test.n[0],
                    *ends,
                    test.p,
                    strength(ends[0], bands),
                    one.why if counts else None,
                )
            )
    words = f"{printed + ': ' if printed else ''}{name}. |r| from {bands[0]:g} moderate, from {bands[1]:g} strong"
    return DataTable(file_name(printed or f"{name} correlations"), words, _COLUMNS, tuple(rows))


def strength(r: float | None, bands: tuple[float, float]) -> str | None:
    """ "strong, falling": the word for |r|, and which way it goes; nothing where there is no r."""
    if r is None:
        return None
    word = "strong" if abs(r) >= bands[1] else "moderate" if abs(r) >= bands[0] else "weak"
    return f"{word}, {'rising' if r > 0 else 'falling'}" if r else word


def _cautions(found: Sequence[_Correlated]) -> Iterator[str]:
    for one in found:
        if one.baseline.of_change:
            yield (
                f"{one.baseline.name} is part of the change it is set against: both correlate even where nothing real does; Oldham's form "
                "stands beside"
            )
    yield f"the linear models are {HYPOTHESIS}"
