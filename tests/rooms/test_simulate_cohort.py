"""Claims about simulated cohorts: printed distributions come back, and nothing impossible is drawn."""

import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from cohorts import SIZES, course, drawn, simulation, surveillance
from hypothesis import given
from hypothesis import strategies as st

from afterglow.flows.simulation_file import simulation_names
from afterglow.simulate.cohort import cohort_size, draw_stories, draw_story
from afterglow.simulate.cohort_course import Course, MissingSpec
from afterglow.simulate.cohort_draw import Part, apportioned


def test_five_cohorts_have_the_size_their_papers_print() -> None:
    assert {name: cohort_size(simulation(name).cohort) for name in simulation_names()} == SIZES


@pytest.mark.parametrize("name", SIZES)
def test_a_story_depends_on_cohort_size_seed_and_place_alone(name: str) -> None:
    cohort = simulation(name).cohort
    stories = draw_stories(cohort, 12, 3)
    assert stories == draw_stories(cohort, 12, 3) and stories != draw_stories(cohort, 12, 4)
    assert all(draw_story(cohort, 12, 3, place) == stories[place] for place in (0, 5, 11))


@pytest.mark.parametrize("name", SIZES)
def test_few_patients_keep_the_proportions_of_the_groups(name: str) -> None:
    cohort = simulation(name).cohort
    groups = cohort.groups if isinstance(cohort, Course) else cohort.group
    truths = Counter({truth: sum(g.n for g in groups if g.truth == truth) for truth in {g.truth for g in groups}})
    for patients in (1, 5, 30):
        stories = draw_stories(cohort, patients, 8)
        got = Counter(story.group for story in stories)
        assert len(stories) == patients
        assert all(abs(got[truth] - patients * n / SIZES[name]) < 1 for truth, n in truths.items())


@pytest.mark.parametrize("name", SIZES)
def test_visits_follow_one_another_from_day_zero_and_sizes_are_not_negative(name: str) -> None:
    for story in (story for stories in drawn(name) for story in stories):
        days = [visit.day for visit in story.visits]
        assert days[0] >= 0 and all(later - earlier >= 1 for earlier, later in itertools.pairwise(days))
        sessions = {visit.session for visit in story.visits}
        assert {outcome.session for outcome in story.outcomes} | {reading.session for reading in story.readings} <= sessions
        assert all(visit.roles for visit in story.visits)


@pytest.mark.parametrize("name", SIZES)
def test_printed_means_and_medians_come_back(name: str) -> None:
    """Pooled over the seeds, within four standard errors and half a unit of the last printed digit (ages are printed whole)."""
    for value in (value for value in simulation(name).cohort.value if value.printed):
        pooled = np.array(
            [
                story.participant.get(value.name, story.hidden.get(value.name))
                for stories in drawn(name)
                for story in stories
                if not value.groups or story.hidden["group"] in value.groups
            ],
            dtype=float,
        )
        error, rounding = pooled.std() / np.sqrt(pooled.size), 0.5 if value.name == "age_years" else 0.005 * pooled.mean()
        if "mean" in value.printed:
            assert abs(pooled.mean() - value.printed["mean"]) < 4 * error + rounding, value.name
        if "sd" in value.printed:  # of a normal sample the SD has a standard error of SD over the root of 2n
            assert abs(pooled.std() - value.printed["sd"]) < 4 * error / np.sqrt(2) + rounding, value.name
        if "median" in value.printed:  # by order statistics, whatever the shape; rows of a table have steps of their own
            step = 0.005 if value.deck == "table 3" else 1e-9
            low, high = np.quantile(pooled, 0.5 + np.array([-2.0, 2.0]) / np.sqrt(pooled.size))
            assert low - step <= value.printed["median"] <= high + step, value.name
        assert (
            pooled.min() >= value.printed.get("min", -np.inf) - 0.05 and pooled.max() <= value.printed.get("max", np.inf) + 0.05
        )


@given(weights=st.lists(st.integers(1, 300), min_size=1, max_size=9), total=st.integers(0, 500))
def test_apportioned_counts_sum_and_differ_from_proportion_by_less_than_one(weights: list[int], total: int) -> None:
    counts = apportioned(weights, total)
    assert sum(counts) == total
    assert all(abs(count - total * weight / sum(weights)) < 1 for count, weight in zip(counts, weights, strict=True))


@given(chances=st.lists(st.floats(0, 1), min_size=2, max_size=2, unique=True))
def test_quantiles_rise_and_stay_within_their_range(chances: list[float]) -> None:
    low, high = sorted(chances)
    for part in (
        Part("uniform", low=1.0, high=3.0),
        Part("normal", mean=0.0, sigma=1.0, low=1.0, high=3.0),
        Part("lognormal", median=0.5, sigma=1.0, low=1.0, high=3.0),
        Part("log quantiles", points=((0.0, 1.0), (0.5, 1.2), (1.0, 3.0))),
    ):
        first, last = part.quantile(low), part.quantile(high)
        assert 1.0 <= first <= last <= 3.0


def test_series_are_missing_in_the_stated_share() -> None:
    spine = course("behar2023")
    holed = replace(spine, missing=(MissingSpec("post", ("STIR",), 0.2, "assumed"),))
    stories = draw_stories(holed, 50, 1)
    assert sum("STIR" not in s.visits[1].roles for s in stories) == 10 and all("STIR" in s.visits[0].roles for s in stories)
    watched = surveillance()
    thinned = replace(watched, missing=(MissingSpec("any", ("dsc-se",), 0.25, "assumed"),))
    visits = [visit for story in draw_stories(thinned, None, 1) for visit in story.visits]
    share = np.mean(["dsc-se" not in visit.roles for visit in visits])
    assert abs(share - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 2003)


def test_a_cohort_of_nobody_and_a_negative_seed_are_refused() -> None:
    for patients, seed, word in ((0, 1, "0 patients"), (3, -1, "seed is -1")):
        with pytest.raises(ValueError, match=word):
            draw_stories(simulation("behar2023").cohort, patients, seed)
