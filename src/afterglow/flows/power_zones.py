"""Power of a change inside the aggressive zone: true numbers of digital tumours before and after, with noise, without images."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np

from afterglow.cohort.power import DigitalCases
from afterglow.flows.method_painted import Zones
from afterglow.flows.simulation_file import Simulation
from afterglow.records.errors import BadInput
from afterglow.simulate.cohort import each_story
from afterglow.simulate.numbers import TRUE_QUANTITIES, healthy_tissue, true_number
from afterglow.simulate.story import Story, VisitStory
from afterglow.simulate.tissues import with_barrier

AGGRESSIVE = "aggressive"  # the zone that is the tumour of a digital patient, the rest of what enhances being scar


def zone_quantities(spec: Zones) -> tuple[str, ...]:
    """The quantities that are followed in the aggressive zone and of which digital tissue has a true number. BadInput without any."""
    able = tuple(one.quantity for one in spec.measures if one.quantity in TRUE_QUANTITIES)
    if AGGRESSIVE not in spec.zones or not able:
        raise BadInput(
            f"{spec.name!r} follows {', '.join(one.quantity for one in spec.measures)} in {', '.join(spec.zones)}; power is simulated of the "
            f"aggressive zone, for {', '.join(TRUE_QUANTITIES)}"
        )
    return tuple(dict.fromkeys(able))


def zone_cases(
    simulation: Simulation, spec: Zones, quantities: tuple[str, ...], patients: int, seed: int, wcv: Mapping[str, float]
) -> DigitalCases:
    """Numbers of the aggressive zone at the first visit and at the follow-up of the analysis; NaN for those who do not come back."""
    scanner = simulation.acquisition.scanner
    healthy = healthy_tissue(simulation.site, brain_leak=scanner.brain_leak)
    rng = np.random.default_rng([seed, 7])
    before, after = ({name: np.full(patients, np.nan) for name in quantities} for _ in range(2))
    for place, story in enumerate(each_story(simulation.cohort, patients, seed, with_barrier(scanner.brain_leak))):
        pair = (story.visits[0], _follow_up(story, spec))
        for held, visit in zip((before, after), pair, strict=True):
            for name in quantities:
                noise = math.exp(math.sqrt(math.log1p(wcv[name] ** 2)) * float(rng.standard_normal()))
                if visit is not None and all(role in visit.roles for role in TRUE_QUANTITIES[name]):
                    tumour = replace(visit.lesion, tumour_share=1.0)
                    held[name][place] = noise * true_number(name, tumour, healthy, haematocrit=scanner.haematocrit).value
    return DigitalCases(np.arange(patients, dtype=np.intp), np.ones(patients, dtype=bool), {}, after, before)


def _follow_up(story: Story, spec: Zones) -> VisitStory | None:
    """The visit within the window after radiosurgery that lies nearest to the day that is asked for."""
    day = min((one.day for one in story.treatments if one.kind == "radiosurgery"), default=0.0)
    first, last = spec.window_days
    inside = [one for one in story.visits[1:] if first <= one.day - day <= last]
    return min(inside, key=lambda one: abs(one.day - day - spec.follow_up_days), default=None)


def zone_remarks(spec: Zones, quantities: tuple[str, ...]) -> Iterator[str]:
    """What the numbers of zones leave out."""
    yield "patients without a follow-up are counted among the patients of the study and bring no pair"
    yield "the zone is taken to be found without error: partial volume and wrong zones are not in it"
    unread = [one.quantity for one in spec.measures if one.quantity not in quantities]
    if unread:
        yield f"left out, since digital tissue has no true number of them without a scan: {', '.join(unread)}"
