"""Cohorts of digital patients: from a simulation file's distributions and printed counts to one story for each patient."""

from collections.abc import Callable, Iterator, Mapping

from afterglow.simulate.cohort_course import Course, deal_course, draw_course
from afterglow.simulate.cohort_deal import printed_size
from afterglow.simulate.cohort_examinations import deal_surveillance, draw_surveillance
from afterglow.simulate.cohort_lesion import tissue_values
from afterglow.simulate.cohort_surveillance import Surveillance
from afterglow.simulate.story import Story
from afterglow.simulate.tissues import TISSUES, Tissue

Cohort = Course | Surveillance  # told apart by `kind`


def cohort_size(cohort: Cohort) -> int:
    """Patients of the published cohort: what is drawn where no number is asked for."""
    return printed_size(cohort.groups if isinstance(cohort, Course) else cohort.group)


def draw_stories(cohort: Cohort, patients: int | None, seed: int, tissues: Mapping[str, Tissue] = TISSUES) -> tuple[Story, ...]:
    """A story for each patient; None draws as many as were published, with all printed counts exact.

    `tissues` are the healthy tissues that ratios refer to. ValueError where the numbers cannot be.
    """
    return tuple(each_story(cohort, patients, seed, tissues))


def each_story(cohort: Cohort, patients: int | None, seed: int, tissues: Mapping[str, Tissue] = TISSUES) -> Iterator[Story]:
    """The same stories one by one: of a large cohort they need not be held together."""
    draw, n = _drawing(cohort, patients, seed, tissues)
    return (draw(place) for place in range(n))


def draw_story(cohort: Cohort, patients: int | None, seed: int, place: int, tissues: Mapping[str, Tissue] = TISSUES) -> Story:
    """The story at one place (from 0), the same as `draw_stories` has there: it depends on these arguments alone."""
    draw, n = _drawing(cohort, patients, seed, tissues)
    if not 0 <= place < n:
        raise ValueError(f"patient {place} of {n} cannot be drawn; places count from 0")
    return draw(place)


def _drawing(
    cohort: Cohort, patients: int | None, seed: int, tissues: Mapping[str, Tissue]
) -> tuple[Callable[[int], Story], int]:
    """What draws the story at a place, once groups and counts are dealt; and the number of places."""
    if patients is not None and patients < 1:
        raise ValueError(f"a cohort of {patients} patients cannot be drawn; ask for 1 or more")
    if seed < 0:
        raise ValueError(f"the seed is {seed}; give a whole number from 0")
    healthy = tissue_values(tissues)
    n = cohort_size(cohort) if patients is None else patients
    subjects = [f"{place + 1:0{max(2, len(str(n)))}d}" for place in range(n)]
    if isinstance(cohort, Course):
        deal = deal_course(cohort, patients, seed)
        return lambda place: draw_course(cohort, deal, place, subjects[place], healthy), n
    watched = deal_surveillance(cohort, patients, seed)
    return lambda place: draw_surveillance(cohort, watched, place, subjects[place], healthy), n


def check_cohort(cohort: Cohort, tissues: Mapping[str, Tissue] = TISSUES) -> None:
    """ValueError with the place, what was found and the remedy, where a cohort could draw what cannot be."""
    cohort.check(tissue_values(tissues))
