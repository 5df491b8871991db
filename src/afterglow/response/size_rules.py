"""Criteria of size: RANO 2.0, RANO-BM and SPINO, each number with its source and where it was read.

A number that was only remembered is not here. RANO-BM is also quoted with a growth of at least 5 mm, and both glioma criteria
with a largest number of targets: neither was found in a text that could be read, so neither is applied. SPINO names no
percentage that could be found at all: its rule takes one from the method file.
"""

from dataclasses import dataclass
from typing import Literal

from afterglow.records.response import RuleKind

_RANO2 = "RANO 2.0, Wen 2023, J Clin Oncol 41:5187, doi:10.1200/JCO.23.01059"
_RANO2_CHECKED = (
    "baseline and 12 weeks: the paper's abstract as quoted by others; percentages and 10 mm: the open tool rano2.0-assist (King's College London); those of "
    "volume also in the description of the data set CFB-GBM 2.0"
)
_RANO_BM = "RANO-BM, Lin 2015, Lancet Oncol 16:e270, doi:10.1016/S1470-2045(15)70057-4"
_RANO_BM_CHECKED = (
    "percentages and new lesions: the paper's table as reprinted in PMC6499019, Table 4; measurable lesions, five targets and 4 weeks: "
    "Radiopaedia, RANO criteria for brain metastases"
)


@dataclass(frozen=True)
class SizeCriteria:
    """How a sum of sizes is read. Growth counts from the smallest sum since baseline, a fall from the baseline itself."""

    label: str
    kind: RuleKind
    quantity: str
    grown_percent: float | None  # PD from here; None: the method file says
    fallen_percent: float | None  # PR from here; None: no such category
    longest_mm: float  # a target is at least that long at baseline
    across_mm: float  # and at least that wide across
    most_targets: int | None  # the largest lesions; None: all of them
    baseline: Literal["after radiation", "before treatment"]
    baseline_within_days: float | None  # before treatment
    confirm_within_days: float | None  # growth that soon after radiation needs a second scan
    new_counts: Literal["measurable", "any"]  # which new lesions are progression
    source: str
    checked: str


_ROWS = (
    SizeCriteria(
        "RANO 2.0, product", "rano2", "bidimensional_product", 25.0, 50.0, 10.0, 10.0, None, "after radiation", None, 84.0, "measurable",
        _RANO2, _RANO2_CHECKED,
    ),
    SizeCriteria(
        "RANO 2.0, volume", "rano2", "volume", 40.0, 65.0, 10.0, 10.0, None, "after radiation", None, 84.0, "measurable",
        _RANO2, _RANO2_CHECKED,
    ),
    SizeCriteria(
        "RANO-BM", "rano-bm", "longest_diameter", 20.0, 30.0, 10.0, 5.0, 5, "before treatment", 28.0, None, "any",
        _RANO_BM, _RANO_BM_CHECKED,
    ),
    SizeCriteria(
        "SPINO, volume", "spino", "volume", None, None, 0.0, 0.0, None, "before treatment", None, None, "any",
        "SPINO, Thibault 2015, Lancet Oncol 16:e595, doi:10.1016/S1470-2045(15)00166-7",
        "bibliographic entry only: no percentage was found, the method file gives one",
    ),
)  # fmt: skip
SIZE_CRITERIA: dict[tuple[RuleKind, str], SizeCriteria] = {(row.kind, row.quantity): row for row in _ROWS}
LABELS = {
    "CR": "complete response",
    "PR": "partial response",
    "SD": "stable disease",
    "PD": "progressive disease",
    "PD?": "progression that needs a second scan",
}
NOT_CONSIDERED = (
    "Not considered: clinical state, corticosteroids, tumour that does not enhance, and whether a later scan confirms a response"
)
