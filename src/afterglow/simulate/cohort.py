"""Cohorts of digital patients: from a simulation file's distributions and printed counts to one story for each patient."""

from collections.abc import Mapping

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

    A story depends on the cohort, the number of patients, the seed and its place alone. `tissues` are the healthy tissues that
    ratios refer to. ValueError where the numbers cannot be.
    """
    if patients is not None and patients < 1:
        raise ValueError(f"a cohort of {patients} patients cannot be drawn; ask for 1 or more")
    if seed < 0:
        raise ValueError(f"the seed is {seed}; give a whole number from 0")
    healthy = tissue_values(tissues)
    n = cohort_size(cohort) if patients is None else patients
    subjects = [f"{k + 1:0{max(2, len(str(n)))}d}" for k in range(n)]
    if isinstance(cohort, Course):
        deal = deal_course(cohort, patients, seed)
        return tuple(draw_course(cohort, deal, k, subject, healthy) for k, subject in enumerate(subjects))
    watched = deal_surveillance(cohort, patients, seed)
    return tuple(draw_surveillance(cohort, watched, k, subject, healthy) for k, subject in enumerate(subjects))


def check_cohort(cohort: Cohort, tissues: Mapping[str, Tissue] = TISSUES) -> None:
    """ValueError with the place, what was found and the remedy, where a cohort could draw what cannot be."""
    cohort.check(tissue_values(tissues))
