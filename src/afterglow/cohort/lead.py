"""Lead time: by how many days one method spoke of progression before another, over many lesions."""

from collections.abc import Sequence
from dataclasses import dataclass

from afterglow.cohort.clustered import clustered_mean
from afterglow.cohort.growth import growth_of_many
from afterglow.cohort.signed_rank import wilcoxon_of
from afterglow.cohort.summaries import Summary, summarise
from afterglow.records.lead import LeadTime
from afterglow.records.statistic import Tested


@dataclass(frozen=True)
class LeadSummary:
    """What the leads of one method over another come to; days are positive where `method` was first."""

    method: str
    over: str
    days: tuple[float, ...]  # of each lesion that both called
    n_only_method: int  # the other has not called up to the last visit
    n_only_over: int
    summary: Summary
    test: Tested  # of no lead, with the Hodges-Lehmann lead in days
    growth: Tested  # of the volume between both calls where `method` was first
    of_patients: Tested | None = None  # the mean lead with patients as what is drawn, where one has several lesions

    @property
    def n_first(self) -> int:
        """Lesions that both called, `method` on an earlier day."""
        return sum(d > 0 for d in self.days)


def lead_summary(leads: Sequence[LeadTime], method: str, over: str, *, level: float = 0.95) -> LeadSummary:
    """Leads of `method` over `over`, from the pairs of rules of all lesions; other pairs do not count.

    A lesion that only one has called has no lead in days yet; how many there are stands beside, and the note says so. Where
    a patient has several lesions the mean lead stands beside, with an interval and a test that take patients as independent.
    """
    pair = [x for x in leads if {x.rule_early, x.rule_late} == {method, over}]
    both = [x for x in pair if x.days is not None]
    days = tuple((x.days if x.rule_early == method else -x.days) + 0.0 for x in both if x.days is not None)
    waiting = [x for x in pair if x.days is None]
    only = sum(x.rule_early == method for x in waiting)
    note = _note(len(pair), only, len(waiting) - only, method, over)
    about = f"lead of {method} over {over}"
    test = wilcoxon_of(days, level=level, unit="d", about=about, note=note)
    ahead = [
        x for x in pair if x.days and x.rule_early == method and x.volume_early_ml is not None and x.volume_late_ml is not None
    ]
    first, second = ([float(getattr(x, f"volume_{when}_ml")) for x in ahead] for when in ("early", "late"))
    grown = growth_of_many(first, second, level=level, about=f"volume from the call of {method} to that of {over}")
    whose = [x.participant_id for x in both]
    several = len(set(whose)) < len(whose) and all(whose)
    mean = clustered_mean("mean lead", days, whose, unit="d", level=level, about=about) if several else None
    return LeadSummary(method, over, days, only, len(waiting) - only, summarise(days), test, grown, mean)


def _note(pairs: int, only_method: int, only_over: int, method: str, over: str) -> str:
    if not pairs:
        return f"no lesion was called by {method} or {over}"
    if not (only_method or only_over):
        return ""
    return (
        f"{only_method} lesions were called by {method} alone and {only_over} by {over} alone up to their last visit; "
        "they have no lead in days and are not in it"
    )
