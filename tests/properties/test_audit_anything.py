"""Claims about checks that nobody would write: whatever stands in one, a finding comes of it, and it can be written as JSON."""

import json
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.properties.audit_cases import table

from afterglow.cohort.audit import KINDS, audit_check
from afterglow.records.printed import VERDICTS, PrintedCheck

KEYS = (
    "x", "n", "metric", "TP", "FP", "TN", "FN", "b", "c", "x1", "x2", "p_published", "p", "table", "file", "column", "columns", "value",
    "difference", "ratio", "set", "y", "auc", "n_pos", "n_neg", "r", "parts", "first", "second", "pairs", "before", "after", "icc",
    "patients_by_exams", "mean", "sd", "min", "max", "median", "q1", "q3", "grain", "binary", "low", "high", "null", "level", "z", "t", "chi2",
    "f", "df", "df2", "paired", "total", "n_candidates", "cohort", "subgroup", "percents", "enrolled", "excluded", "included", "a", "ci",
)  # fmt: skip
words = st.sampled_from(["t.csv", "a", "b_mm", "a - b", "a / b", "100*(a-b)/b", "log(a)", "", "0,5", "<0.001", "12.50", "f1", "lr_positive", "a[1]", "ратио", "-1e9"])  # fmt: skip
numbers = st.one_of(
    st.integers(-3, 60), st.integers(), st.decimals(-3, 3, places=3), st.decimals(allow_nan=True, allow_infinity=True),
    st.sampled_from([Decimal("1e400"), Decimal("1e-400"), Decimal("-0"), 10**500]),
)  # fmt: skip
leaves = st.one_of(st.none(), st.booleans(), numbers, words)
values = st.recursive(
    leaves, lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from([*KEYS[:12], "1", "2", "a[2]"]), inner, max_size=3)),
    max_leaves=8,
)  # fmt: skip
small = st.one_of(st.integers(0, 30), st.decimals(0, 2, places=2), st.lists(st.integers(0, 30), min_size=2, max_size=4), words)
inputs = st.dictionaries(st.sampled_from(KEYS), st.one_of(values, small), max_size=8)
published = st.one_of(
    st.none(), st.dictionaries(st.sampled_from(["p", "ci", "ci_pct", "value_pct", "mean", "sd", "decimals", "text_FP"]), values)
)
TABLES = {"t.csv": table("t.csv", {"a": [1, 2, 3, "4.5", None], "b_mm": [2, 2, "0", 1, 5], "c": ["x", 1, 1, 1, 1]})}


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(given_=inputs, said=published, title=words)
def test_every_check_comes_to_a_finding(kind: str, given_: dict[str, object], said: dict[str, object] | None, title: str) -> None:
    check = PrintedCheck("id", kind, given_, "any.json", title=title, method=title, seed="000", published=said)
    found = audit_check(check, TABLES)
    assert found.verdict in VERDICTS and found.sentences
    json.dumps({"recomputed": found.recomputed, "rules": found.rules}, allow_nan=False)


NEEDED = {  # inputs that lie near the ones a kind reads, so that more of it runs
    "proportion_ci": ("x", "n"), "mcnemar": ("b", "c"), "paired_difference_ci": ("b", "c", "n"), "mcnemar_inverse": ("x1", "x2", "n", "p_published"),
    "mcnemar_bounds": ("x1", "x2", "n"), "pearson_p": ("r", "n"), "auc_ci": ("auc", "n_pos", "n_neg"), "interval": ("value", "low", "high", "p", "null"),
    "printed_summary": ("n", "mean", "sd", "min", "max", "median", "grain"), "fold_change": ("first", "second"), "percent_change": ("before", "after"),
    "two_means": ("n1", "mean1", "sd1", "n2", "mean2", "sd2"), "printed_statistic": ("f", "df", "df2"), "rate": ("x", "n"), "consistency": ("mean", "sd", "max", "min", "n"),
}  # fmt: skip


@pytest.mark.parametrize("kind", NEEDED)
@settings(max_examples=80)
@given(data=st.data())
def test_every_check_of_plain_numbers_comes_to_a_finding(kind: str, data: st.DataObject) -> None:
    plain = st.one_of(st.integers(-2, 40), st.decimals(-2, 2, places=2), st.decimals(-50, 50, places=1))
    given_ = {key: data.draw(plain) for key in NEEDED[kind]}
    said = {key: data.draw(plain) for key in ("p", "value_pct", "fold", "sd")} | {"ci_pct": [data.draw(plain), data.draw(plain)]}
    found = audit_check(PrintedCheck("id", kind, given_, "any.json", published=said))
    json.dumps({"recomputed": found.recomputed, "rules": found.rules}, allow_nan=False)
