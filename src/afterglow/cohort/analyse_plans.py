"""Two plans of the same patients: each figure of their dose compared in pairs, and beside it as if they were no pairs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from afterglow.cohort.groups import shapiro
from afterglow.cohort.measured import together
from afterglow.cohort.multiplicity import adjusted
from afterglow.cohort.part import Part, file_name
from afterglow.cohort.rank_sum import mann_whitney
from afterglow.cohort.signed_rank import DECIMALS, rounded, wilcoxon
from afterglow.cohort.summaries import summarise
from afterglow.records.dose import NOT_FOR_TREATMENT
from afterglow.records.errors import BadInput
from afterglow.records.group import DataTable, PointPanel, PointPlot, TableColumn
from afterglow.records.locking import locked
from afterglow.records.statistic import Tested, Values

INDEPENDENT = "treats pairs as independent: as the paper printed it"
FAR_APART = 3.0  # times, from which on two plans of one patient look like a slip of the pen
_NAMED = 5  # patients named in a caution


@dataclass(frozen=True, eq=False)
class PlanFigure:
    """One figure of dose by two plans of each patient; NaN where it is not known, and `notes` say why."""

    name: str  # "mean dose of the brain"
    unit: str
    patients: tuple[str, ...]
    first: Values  # (n,)
    second: Values  # (n,)
    notes: tuple[str, ...] = ()  # "sub-03, painted: 12 % of brain is not covered"

    def __post_init__(self) -> None:
        n = len(self.patients)
        if self.first.shape != (n,) or self.second.shape != (n,):
            raise BadInput(
                f"{self.name}: {self.first.size} and {self.second.size} values for {n} patients; give one of each plan"
            )
        object.__setattr__(self, "first", locked(self.first))
        object.__setattr__(self, "second", locked(self.second))

    @property
    def differences(self) -> Values:
        """Second less first, rounded as ranks need it; of those patients that have both."""
        both = self.second - self.first
        return rounded(both[np.isfinite(both)], DECIMALS)


def analyse_plans(
    name: str,
    plans: tuple[str, str],
    figures: Sequence[PlanFigure],
    *,
    beside: Mapping[str, Sequence[str | None]] | None = None,
    printed_as: tuple[str, ...] = (),
) -> Part:
    """Each figure of the second plan less the first: Wilcoxon, adjusted over the figures; beside it Mann-Whitney and Shapiro-Wilk.

    `beside`: columns of the participants, for the table of each patient. `printed_as`: what a publication calls the two tables.
    """
    paired = adjusted([_paired(one, plans) for one in figures])
    free = tuple(_independent(one, plans) for one in figures)
    normal = tuple(shapiro(one.differences, about=_less(one, plans)) for one in figures)
    titles = (*printed_as, "", "")[:2]
    tables = (
        _each_patient(name, plans, figures, beside or {}, titles[0]),
        _summary(name, plans, figures, (paired, free, normal), titles[1]),
    )
    panels = tuple(_panel(one, plans, test) for one, test in zip(figures, paired, strict=True) if one.differences.size)
    caption = f"{name}: {plans[1]} less {plans[0]}, over the mean of both plans"
    pictures = (PointPlot(file_name(name), panels, paired, caption, NOT_FOR_TREATMENT),) if panels else ()
    tests = (
        (f"{name}: pairs", paired),
        (f"{name}: the same without regard to pairs", free),
        (f"{name}: whether differences could be normal", normal),
    )
    return Part(name, paired[:1], tests=tests, tables=tables, pictures=pictures, cautions=tuple(_cautions(figures, plans)))


def _less(one: PlanFigure, plans: tuple[str, str]) -> str:
    return f"{one.name}, {plans[1]} less {plans[0]}"


def _paired(one: PlanFigure, plans: tuple[str, str]) -> Tested:
    return wilcoxon(one.first, one.second, unit=one.unit, about=_less(one, plans))


def _independent(one: PlanFigure, plans: tuple[str, str]) -> Tested:
    """Of patients that have both plans, the first plan against the second."""
    whole = np.isfinite(one.first) & np.isfinite(one.second)
    about = f"{one.name}, {plans[0]} against {plans[1]}"
    made = mann_whitney(one.first[whole], one.second[whole], rule="asymptotic", unit=one.unit, about=about)
    return replace(made, note=together(INDEPENDENT, made.note))


def _panel(one: PlanFigure, plans: tuple[str, str], test: Tested) -> PointPanel:
    level = test.effects[0] if test.effects else None
    middle, apart = (one.first + one.second) / 2, np.round(one.second - one.first, DECIMALS)
    less = f"{plans[1]} \N{MINUS SIGN} {plans[0]}"
    return PointPanel(one.name, "mean of both plans", one.unit, less, one.unit, middle, apart, one.patients, level)


def _each_patient(
    name: str, plans: tuple[str, str], figures: Sequence[PlanFigure], beside: Mapping[str, Sequence[str | None]], printed: str
) -> DataTable:
    """One row for each patient; the figures of the first plan, then those of the second."""
    patients = figures[0].patients
    columns = [TableColumn("participant_id", "Patient", "Subject label, with the prefix sub-", "text")]
    cells: list[Sequence[str | float | None]] = [[f"sub-{one}" for one in patients]]
    for column, found in beside.items():
        columns.append(TableColumn(column, column.replace("_", " "), f"{column} of participants.tsv", "text"))
        cells.append(found)
    for plan, which in zip(plans, ("first", "second"), strict=True):
        for one in figures:
            key = file_name(plan, one.name).replace("-", "_")
            columns.append(
                TableColumn(
                    key, f"{plan}: {one.name}", f"{one.name} by the plan {plan}, in {one.unit}; n/a: not known", unit=one.unit
                )
            )
            cells.append(getattr(one, which).tolist())
    words = f"{printed + ': ' if printed else ''}{name}, each patient. {' against '.join(plans)}. {NOT_FOR_TREATMENT}"
    return DataTable(file_name(printed or f"{name} each patient"), words, tuple(columns), tuple(zip(*cells, strict=True)))


_SUMMARY = (
    TableColumn("figure", "Figure", "What was read of the dose, and where", "text"),
    TableColumn("unit", "Unit", "Unit of all numbers of the row but P values and the rank-biserial", "text"),
    TableColumn("plan", "Plan", "The plan; or the second less the first, patient by patient", "text"),
    TableColumn("n", "n", "Patients with that number"),
    TableColumn("minimum", "Min", "Least"),
    TableColumn("maximum", "Max", "Greatest"),
    TableColumn("mean", "Mean", "Mean"),
    TableColumn("sd", "SD", "Standard deviation with n - 1"),
    TableColumn("hodges_lehmann", "Hodges-Lehmann", "Median of all pairwise averages of the differences"),
    TableColumn("low", "95 % from", "Lower end of its interval"),
    TableColumn("high", "to", "Upper end of its interval"),
    TableColumn("rank_biserial", "Rank-biserial", "Matched pairs, -1 (all lower) to 1 (all higher)"),
    TableColumn("p_wilcoxon", "P, pairs", "Wilcoxon signed rank; its rule stands with the tests", "p"),
    TableColumn("p_mann_whitney", "P, not as pairs", f"Mann-Whitney; {INDEPENDENT}", "p"),
    TableColumn("p_shapiro", "P, normality", "Shapiro-Wilk of the differences", "p"),
)


def _summary(
    name: str, plans: tuple[str, str], figures: Sequence[PlanFigure], tests: Sequence[Sequence[Tested]], printed: str
) -> DataTable:
    rows: list[tuple[str | float | int | None, ...]] = []
    for one, pair, free, normal in zip(figures, *tests, strict=True):
        for plan, values in zip(plans, (one.first, one.second), strict=True):
            rows.append((one.name, one.unit, plan, *_four(values), *(None,) * 7))
        shift, biserial = pair.effects if pair.effects else (None, None)
        ends = (None,) * 3 if shift is None else (shift.value, shift.low, shift.high)
        share = None if biserial is None else biserial.value
        less = f"{plans[1]} \N{MINUS SIGN} {plans[0]}"
        rows.append((one.name, one.unit, less, *_four(one.differences), *ends, share, pair.p, free.p, normal.p))
    words = f"{printed + ': ' if printed else ''}{name}, summary and paired comparison. P of pairs: Wilcoxon; not as pairs: Mann-Whitney, which {INDEPENDENT}. {NOT_FOR_TREATMENT}"
    return DataTable(file_name(printed or f"{name} summary"), words, _SUMMARY, tuple(rows))


def _four(values: Values) -> tuple[int, float | None, float | None, float | None, float | None]:
    found = summarise(values)
    return found.n, found.minimum, found.maximum, found.mean, found.sd


def _cautions(figures: Sequence[PlanFigure], plans: tuple[str, str]) -> Iterator[str]:
    """Figures that are not known, and pairs that lie so far apart that one of them is probably a slip."""
    for one in figures:
        absent = ~np.isfinite(one.second - one.first)
        if absent.any():
            why = f" ({'; '.join(one.notes[:_NAMED])}{'; …' if len(one.notes) > _NAMED else ''})" if one.notes else ""
            yield f"{one.name} is not known of both plans in {int(absent.sum())} of {absent.size} patients, who are left out of it{why}"
        low, high = np.minimum(one.first, one.second), np.maximum(one.first, one.second)
        for n in np.flatnonzero(~absent & (low > 0) & (high > FAR_APART * low)).tolist():
            yield (
                f"sub-{one.patients[n]}: {one.name} is {one.first[n]:.4g} {one.unit} by {plans[0]} and {one.second[n]:.4g} by {plans[1]}, "
                f"more than {FAR_APART:g} times apart; look whether both are right"
            )
