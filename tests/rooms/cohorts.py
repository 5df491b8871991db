"""Cohorts at their printed size, drawn once for all tests of this folder, and how they are measured."""

from collections.abc import Sequence
from functools import cache

import numpy as np

from afterglow.flows.simulation_file import Simulation, load_simulation
from afterglow.simulate.cohort import draw_stories
from afterglow.simulate.cohort_course import Course
from afterglow.simulate.cohort_surveillance import Surveillance
from afterglow.simulate.story import Perfusion, Story

SIZES = {"stadlbauer2025": 351, "ademola2025": 22, "yoon2024": 179, "seyithanoglu2025": 23, "behar2023": 49}
Stories = tuple[Story, ...]


@cache
def simulation(name: str) -> Simulation:
    return load_simulation(name)


def course(name: str) -> Course:
    cohort = simulation(name).cohort
    assert isinstance(cohort, Course)
    return cohort


def surveillance() -> Surveillance:
    cohort = simulation("stadlbauer2025").cohort
    assert isinstance(cohort, Surveillance)
    return cohort


@cache
def drawn(name: str) -> tuple[Stories, ...]:
    """The cohort at its printed size, by seed: 30 times, the one of 2003 examinations 8 times."""
    return tuple(draw_stories(simulation(name).cohort, None, seed) for seed in range(8 if name == "stadlbauer2025" else 30))


def auroc(positive: Sequence[float], negative: Sequence[float]) -> float:
    a, b = np.asarray(positive)[:, None], np.asarray(negative)[None]
    return float((a > b).mean() + 0.5 * (a == b).mean())


def lesion_perfusion(story: Story, session: str) -> Perfusion:
    """Of a lesion that is all tumour or all scar."""
    lesion = next(visit.lesion for visit in story.visits if visit.session == session)
    assert lesion.tumour_share in (0, 1)
    return lesion.tumour if lesion.tumour_share == 1 else lesion.scar


def ratio(story: Story, quantity: str) -> float:
    before, after = (getattr(lesion_perfusion(story, session), quantity) for session in ("pre", "post"))
    return float(after / before)


def growth(story: Story) -> float:
    before, after = (visit.lesion.volume_ml for visit in story.visits)
    return after / before
