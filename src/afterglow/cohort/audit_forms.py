"""What a person writes in a TOML table, turned into checks: one heading for each thing that papers print."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from afterglow.records.errors import BadInput
from afterglow.records.printed import PrintedCheck


@dataclass(frozen=True)
class PrintedForm:
    """A heading: which check it is, which keys it has, and how the format of checks calls them."""

    kind: str
    words: str
    inputs: Mapping[str, str]  # key -> what it is
    printed: Mapping[str, tuple[str, str]] = field(default_factory=dict)  # key -> its name in the format, what it is
    needs: tuple[str, ...] = ()
    renamed: Mapping[str, str] = field(default_factory=dict)  # inputs that the format calls otherwise


_P = {"p": ("p", 'P value, such as 0.03 or "<0.001"')}
_INTERVAL = {"interval": ("ci", "its interval, [low, high]")}
FORMS: dict[str, PrintedForm] = {
    "proportion": PrintedForm(
        "proportion_ci", "A share with its percentage and interval.",
        {"x": "count", "n": "of how many", "level": "level of the interval, 95 where it is not said"},
        {"percent": ("value_pct", "printed percentage"), "interval": ("ci_pct", "printed interval in per cent, [low, high]")},
        ("x", "n"),
    ),
    "diagnostic": PrintedForm(
        "confusion_metric", "A confusion matrix with the ratios that are printed of it, in per cent.",
        {"tp": "true positives", "fp": "false positives", "tn": "true negatives", "fn": "false negatives"},
        {name: ("value_pct", f"printed {name.replace('_', ' ')} in per cent")
         for name in ("sensitivity", "specificity", "precision", "ppv", "npv", "accuracy", "balanced_accuracy", "f1")},
        ("tp", "fp", "tn", "fn"),
    ),
    "fourfold": PrintedForm(
        "fisher_exact", "A table of counts with its P value: Fisher or chi-square.",
        {"table": "counts, [[a, b], [c, d]]; more rows and columns are allowed"}, _P, ("table",),
    ),
    "discordant": PrintedForm(
        "mcnemar", "Two readings of the same exams, of which the discordant counts are printed.",
        {"b": "right by the first only", "c": "right by the second only"}, _P, ("b", "c"),
    ),
    "two_readings": PrintedForm(
        "mcnemar_inverse", "Two shares of the same exams with the P value between them: which discordant counts it leaves.",
        {"x1": "right by the first", "x2": "right by the second", "n": "exams", "p": "printed P value"}, {},
        ("x1", "x2", "n", "p"), {"p": "p_published"},
    ),
    "measured": PrintedForm(
        "summary", "A column of a table beside the file, with the mean, SD, median and range that are printed of it.",
        {"file": "name of the CSV table", "column": "its column", "value": "or a formula over its columns"},
        {name: (name, f"printed {words}") for name, words in
         (("mean", "mean"), ("sd", "SD"), ("median", "median"), ("q1", "lower quartile"), ("q3", "upper quartile"), ("min", "minimum"), ("max", "maximum"))},
        ("file",),
    ),
    "groups": PrintedForm(
        "mann_whitney", "Two columns of a table compared by ranks.",
        {"file": "name of the CSV table", "columns": "its two columns"}, _P, ("file", "columns"),
    ),
    "pairs": PrintedForm(
        "wilcoxon_signed_rank", "Paired differences of a table, Wilcoxon's signed rank test.",
        {"file": "name of the CSV table", "difference": "formula, such as \"after - before, rounded to 6 decimals\""}, _P,
        ("file", "difference"),
    ),
    "means": PrintedForm(
        "two_means", "Two groups with n, mean and SD, and the P value of a t test between them.",
        {"first": "[n, mean, SD]", "second": "[n, mean, SD]"}, _P, ("first", "second"),
    ),
    "summary": PrintedForm(
        "printed_summary", "One group's mean, SD, median and range: whether they can be.",
        {"n": "how many", "mean": "printed mean", "sd": "printed SD", "min": "printed minimum", "q1": "printed lower quartile",
         "median": "printed median", "q3": "printed upper quartile", "max": "printed maximum",
         "grain": "step between possible values, 1 for whole numbers: GRIM and GRIMMER", "binary": "true for noughts and ones: DEBIT"},
        {"interval": ("ci", "printed interval of the mean, [low, high]")}, ("n",),
    ),
    "whole": PrintedForm(
        "pooled_summary", "Mean and SD of a whole from those of its parts.", {"parts": "list of [n, mean, SD]"},
        {"mean": ("mean", "printed mean of the whole"), "sd": ("sd", "printed SD of the whole")}, ("parts",),
    ),
    "correlation": PrintedForm(
        "pearson_p", "A correlation with its P value and interval.", {"r": "correlation", "n": "pairs"}, {**_P, **_INTERVAL}, ("r", "n"),
    ),
    "auc": PrintedForm(
        "auc_ci", "An area under the ROC curve with its interval.",
        {"auc": "area", "n_pos": "positive exams", "n_neg": "negative exams", "level": "level of the interval, 0.95 where it is not said"},
        _INTERVAL, ("auc", "n_pos", "n_neg"),
    ),
    "interval": PrintedForm(
        "interval", "A value in its interval, with or without a P value: inside, symmetric, on one side with P.",
        {"value": "value", "low": "lower end", "high": "upper end", "level": "95 where it is not said", "p": "printed P value",
         "null": "value of no effect: 0, or 1 of a ratio"}, {}, ("value", "low", "high"),
    ),
    "test": PrintedForm(
        "printed_statistic", "A test's statistic with its P value.",
        {"z": "z", "t": "t", "chi2": "chi-square", "f": "F", "df": "degrees of freedom", "df2": "degrees of freedom below, of F"}, _P,
    ),
    "p_value": PrintedForm("consistency", "P values that must lie between 0 and 1.", {"p": "one, or a list"}, {}, ("p",)),
    "total": PrintedForm(
        "consistency", "Parts and their total.", {"parts": "list of numbers", "total": "printed total"}, {}, ("parts", "total"),
    ),
    "percents": PrintedForm(
        "consistency", "Percentages of one whole, which sum to 100 within rounding.", {"percents": "list"}, {}, ("percents",),
    ),
    "ranges": PrintedForm(
        "consistency", "A subgroup's range inside the cohort's.", {"cohort": "[low, high]", "subgroup": "[low, high]"}, {},
        ("cohort", "subgroup"),
    ),
    "flow": PrintedForm(
        "consistency", "Patients who entered, less those who left.",
        {"enrolled": "at the start", "excluded": "list of those who left", "included": "printed number at the end"}, {},
        ("enrolled", "excluded"),
    ),
    "change": PrintedForm(
        "percent_change", "A change in per cent.", {"before": "value", "after": "value"},
        {"percent": ("value_pct", "printed change in per cent")}, ("before", "after"),
    ),
    "fold": PrintedForm(
        "fold_change", "A change as a multiple.", {"first": "value", "second": "value"},
        {"fold": ("fold", "printed multiple")}, ("first", "second"),
    ),
}  # fmt: skip
OF_EVERY_FORM = {"id": "name of the check; heading and number where it is not said", "says": "what is printed, in your words"}


def checks_of_entry(where: str, heading: str, number: int, entry: Mapping[str, object]) -> tuple[PrintedCheck, ...]:
    """The check of an entry; of a [[diagnostic]] one for each ratio. BadInput where a heading or key is not known, or lacking."""
    name = f"[[{heading}]] {number}"
    form = FORMS.get(heading)
    if form is None:
        raise BadInput(f"{where}: [[{heading}]] is no heading of printed numbers; there are {', '.join(FORMS)}, check")
    allowed = (*form.inputs, *form.printed, *OF_EVERY_FORM)
    unknown = [key for key in entry if key not in allowed]
    if unknown:
        raise BadInput(f"{where}: {name} has an unknown key {unknown[0]!r}; there are {', '.join(allowed)}")
    lacking = [key for key in form.needs if key not in entry]
    if lacking:
        raise BadInput(f"{where}: {name} has no {lacking[0]!r}; write {form.inputs[lacking[0]]}")
    id_, title = str(entry.get("id", f"{heading} {number}")), str(entry.get("says", ""))
    given = {form.renamed.get(key, key): entry[key] for key in form.inputs if key in entry}
    if heading == "diagnostic":
        return _ratios(where, id_, title, form, entry, given)
    said = {key: entry[key] for key in form.printed if key in entry}
    published = {form.printed[key][0]: value for key, value in said.items()} or None
    return (PrintedCheck(id_, form.kind, given, where, title, published=published),)


def _ratios(
    where: str, id_: str, title: str, form: PrintedForm, entry: Mapping[str, object], given: Mapping[str, object]
) -> tuple[PrintedCheck, ...]:
    named = [key for key in form.printed if key in entry] or ["sensitivity", "specificity"]
    return tuple(
        PrintedCheck(f"{id_} {key}", form.kind, {**given, "metric": key}, where, title,
                     published={"value_pct": entry[key]} if key in entry else None)
        for key in named
    )  # fmt: skip
