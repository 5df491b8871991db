"""Curves of contrast in the zones of a painted visit. Concentrations are not kept on disk: they are made again from the series."""

from collections.abc import Sequence

import numpy as np

from afterglow.flows.begin import begin, dynamic_series
from afterglow.flows.method import Method
from afterglow.flows.method_steps import T1, Align, Background, Smooth, Still, ToConcentration
from afterglow.flows.paint_response import FollowedVisit
from afterglow.flows.steps import STEPS
from afterglow.flows.work import Progress
from afterglow.quantify.concentration import Concentration
from afterglow.records.painted import ZoneCurve
from afterglow.records.series import Exam
from afterglow.records.zones import ZONE_WORDS, Zone, ZoneMap

_ZONES = (Zone.AGGRESSIVE, Zone.PENUMBRA, Zone.PASSIVE, Zone.NOT_ASSESSED)
_BEFORE = (Still, Background, Smooth, T1, ToConcentration)  # what concentration rests on; of registrations those of T1 images
_OF_T1 = ("vfa", "irt1", "b1")


def zone_curves(zones: ZoneMap, visits: Sequence[FollowedVisit], method: Method, *, progress: Progress) -> tuple[ZoneCurve, ...]:
    """Mean and quartiles of the concentration in each zone at each visit; nothing where the method makes no concentration."""
    made: list[ZoneCurve] = []
    if not any(isinstance(step, ToConcentration) for step in method.step):
        return ()
    for one in visits:
        where = f"sub-{one.result.subject} {one.result.session}"
        progress(f"{where}: curves of the zones", 0, 1)
        made += curves_in(zones, one, concentration_again(one.visit.exam, method))
    return tuple(made)


def concentration_again(exam: Exam, method: Method) -> Concentration:
    """The concentrations that the visit's maps were made from: the same steps on the same series, without the fits."""

    def silent(what: str, done: int, total: int) -> None:
        """The steps were watched when the maps were made."""

    work = begin(exam, dynamic_series(exam, method), method, workers=1, progress=silent)
    for asked in method.step:
        step = asked
        if isinstance(asked, Align):
            step = asked.model_copy(update={"series": tuple(name for name in asked.series if name in _OF_T1)})
        if isinstance(step, _BEFORE) or (isinstance(step, Align) and step.series):
            STEPS[type(step)](work, step)
    return work.need_concentration("curves of the zones")


def curves_in(zones: ZoneMap, one: FollowedVisit, concentration: Concentration) -> list[ZoneCurve]:
    """A curve for each zone that has voxels with finite concentrations at this visit."""
    made = []
    for zone in _ZONES:
        curves = concentration.of(one.filled(zones, zone)).astype(np.float64)
        curves = curves[np.isfinite(curves).all(axis=1)]
        if not len(curves):
            continue
        low, high = np.percentile(curves, (25, 75), axis=0)
        made.append(
            ZoneCurve(
                one.result.session, one.result.day, ZONE_WORDS[zone], concentration.times_s, concentration.arrival_s,
                curves.mean(axis=0), low, high, len(curves),
            )
        )  # fmt: skip
    return made
