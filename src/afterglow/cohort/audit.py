"""The audit of printed numbers: each check recomputed by its kind, and held against what is printed."""

from collections.abc import Callable, Mapping, Sequence

from afterglow.cohort import (
    audit_cells,
    audit_consistency,
    audit_counts,
    audit_numbers,
    audit_pairs,
    audit_printed,
    audit_samples,
)
from afterglow.cohort.audit_asked import AskedCheck, Computed
from afterglow.cohort.audit_compare import compared
from afterglow.records.errors import AfterglowError
from afterglow.records.printed import AuditFinding, PrintedCheck, PrintedTable

KINDS: dict[str, Callable[[AskedCheck], Computed]] = {
    "proportion_ci": audit_counts.proportion_ci,
    "confusion_metric": audit_counts.confusion_metric,
    "rate": audit_counts.rate,
    "count": audit_counts.count,
    "youden": audit_counts.youden,
    "percent_change": audit_counts.percent_change,
    "fold_change": audit_counts.fold_change,
    "design_effect": audit_counts.design_effect,
    "mcnemar": audit_pairs.mcnemar,
    "paired_difference_ci": audit_pairs.paired_difference_ci,
    "mcnemar_inverse": audit_pairs.mcnemar_inverse,
    "mcnemar_bounds": audit_pairs.mcnemar_bounds,
    "fisher_exact": audit_pairs.fisher_exact,
    "auc_ci": audit_numbers.auc_ci,
    "pearson_p": audit_numbers.pearson_p,
    "pooled_summary": audit_numbers.pooled_summary,
    "two_means": audit_numbers.two_means,
    "printed_statistic": audit_numbers.printed_statistic,
    "printed_summary": audit_printed.printed_summary,
    "interval": audit_printed.interval,
    "summary": audit_samples.summary,
    "mann_whitney": audit_samples.mann_whitney,
    "wilcoxon_signed_rank": audit_samples.wilcoxon_signed_rank,
    "hodges_lehmann_1s": audit_samples.hodges_lehmann_1s,
    "pearson": audit_samples.pearson,
    "physics": audit_cells.physics,
    "forensic": audit_cells.forensic,
    "consistency": audit_consistency.consistency,
}

OTHER_NAMES = dict.fromkeys(
    ("t_test", "t_test_summary", "t_test_from_summary", "ttest", "ttest_from_stats", "student_t", "welch", "welch_t"), "two_means"
)  # what else a kind is called


def audit_check(
    check: PrintedCheck,
    tables: Mapping[str, PrintedTable] | None = None,
    *,
    readings: Sequence[str] = (),
    notes: Sequence[str] = (),
) -> AuditFinding:
    """What a check comes to. Never raises for what stands in it: an unknown kind, or numbers that cannot be, are findings too."""
    kind = OTHER_NAMES.get(check.kind, check.kind)
    if kind not in KINDS:
        words = f"The kind {check.kind!r} is not known here; known are {', '.join(KINDS)}."
        return AuditFinding(check.id, check.kind, check.title, "unknown kind", {}, (words,))
    try:
        computed = KINDS[kind](AskedCheck(check, tables or {}, tuple(readings)))
        return compared(check, computed, notes)
    except AfterglowError as error:
        said = str(error).removeprefix(f"{check.where}: check {check.id!r}: ")
        return AuditFinding(check.id, check.kind, check.title, "not recomputed", {}, (f"Not recomputed: {said}.",))
