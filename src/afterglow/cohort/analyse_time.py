"""Time from radiation to the first positive outcome of each patient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from afterglow.cohort.hazards import cox, proportionality
from afterglow.cohort.part import Part, file_name
from afterglow.cohort.survival import kaplan_meier, log_rank, median_days
from afterglow.records.group import SurvivalPlot
from afterglow.records.statistic import Estimated, Tested


@dataclass(frozen=True)
class Followed:
    """One patient: days from radiation to the outcome, or to the last visit without one."""

    participant_id: str
    days: float
    kind: int  # 0 last seen without an outcome, 1 the positive one, 2 one that rules it out
    columns: Mapping[str, str | None]

    @property
    def event(self) -> bool:
        """Whether the positive outcome came."""
        return self.kind == 1


def analyse_time(name: str, followed: Sequence[Followed], words: str, *, by: str = "") -> Part:
    """Kaplan-Meier over all, and by the levels of a column with the log-rank test; a patient without that column is left out there."""
    if not followed:
        return Part(name, cautions=(f"{name}: nobody was irradiated on a known day and followed after it",))
    days, event = [one.days for one in followed], [float(one.event) for one in followed]
    whole = kaplan_meier(days, event)
    estimates: list[Estimated] = [median_days(whole, n=len(followed))]
    curves, tests = [whole], list[Tested]()
    grouped = [(one, one.columns.get(by)) for one in followed if by and one.columns.get(by) is not None]
    levels = sorted({str(level) for _, level in grouped})
    if len(levels) > 1:
        curves = []
        for level in levels:
            own = [one for one, at in grouped if at == level]
            curve = kaplan_meier(
                [one.days for one in own],
                [float(one.event) for one in own],
                name=f"{by} {level}",
                at=[day for day, _ in whole.at_risk],
            )
            curves.append(curve)
            estimates.append(median_days(curve, n=len(own)))
        whose = [str(level) for _, level in grouped]
        at, came = [o.days for o, _ in grouped], [float(o.event) for o, _ in grouped]
        tests.append(log_rank(at, came, whose, about=f"{words}, by {by}"))
        if len(levels) == 2:
            second = {f"{by} {levels[1]}": [float(one == levels[1]) for one in whose]}
            tests += cox(at, came, second, about=f"{words}, {levels[1]} against {levels[0]}").terms
            tests += proportionality(at, came, second, about=f"{by}: whether the hazard ratio stays the same")
    left = len(followed) - len(grouped)
    cautions = (f"{name}: {left} patients without {by} are in no curve by {by}",) if by and left else ()
    families = ((f"{name}: by {by}", tuple(tests)),) if tests else ()
    picture = SurvivalPlot(file_name(name), tuple(curves), f"without {words}", tuple(tests))
    return Part(
        name,
        (estimates[0],),
        ((f"Days from radiation to {words}", tuple(estimates)),),
        families,
        pictures=(picture,),
        cautions=cautions,
    )
