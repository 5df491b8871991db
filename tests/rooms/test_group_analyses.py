"""Claims about analyses of a cohort that the door's small cohort does not reach: readers, and patients with several cases."""

import numpy as np
import pytest

from afterglow.cohort.analyse_agreement import analyse_agreement
from afterglow.cohort.analyse_markers import analyse_between
from afterglow.cohort.analyse_roc import analyse_roc
from afterglow.cohort.part import Sides
from afterglow.records.case import Case, Marker
from afterglow.records.group import LinePlot, RocPlot
from afterglow.records.response import Reading

VP = Marker("vp", "vp", "mean", True, "visit", "1", higher_is_positive=True, log=True)


def read(lesion: int, reader: str, call: str, method: str = "conventional") -> Reading:
    return Reading(f"{lesion}", "01", "1", reader, method, call, None)


def clustered(patients: int = 30, apart: float = 2.0) -> Sides:
    """Each patient has two cases that share the patient's own level; positive ones are `apart` times higher."""
    rng = np.random.default_rng(2)
    cases = []
    for n in range(patients):
        own = rng.lognormal(0, 0.4)
        for k in range(2):
            value = own * rng.lognormal(0, 0.05) * (apart if n % 2 else 1.0)
            cases.append(
                Case(
                    f"{n}", f"{k}", "1", 10.0 * k, bool(n % 2), "yes" if n % 2 else "no", "histology", values={"vp": float(value)}
                )
            )
    return Sides(tuple(cases), "yes", "no")


def test_readers_who_agree_have_kappa_one_and_each_pair_is_named() -> None:
    readings = [read(n, who, "recurrence" if n % 3 else "no recurrence") for n in range(30) for who in ("A", "B")]
    part = analyse_agreement("readers", readings, "conventional")
    ((_, rows),) = part.estimates
    assert rows[0].name == "agreement, A and B"
    assert rows[1].value == pytest.approx(1.0)
    apart = [read(n, "C", "recurrence" if n % 2 else "no recurrence") for n in range(30)]
    ((_, three),) = analyse_agreement("readers", [*readings, *apart], "conventional").estimates
    assert len(three) == 7, "two numbers for each of three pairs, and one of all"
    assert three[-1].name.startswith("Fleiss")


def test_a_reading_by_one_reader_says_that_nothing_can_be_said() -> None:
    readings = [read(n, "A", "recurrence") for n in range(4)]
    part = analyse_agreement("readers", readings, "conventional")
    assert part.estimates == ()
    assert "read by A alone" in part.cautions[0]
    assert "by nobody" in analyse_agreement("readers", readings, "microvascular").cautions[0]


def test_patients_with_several_cases_get_a_mixed_model_beside_the_test_of_two_groups() -> None:
    part = analyse_between("between", clustered(), [VP], "welch")
    families = dict(part.tests)
    (mixed,) = families["between: patients with several cases"]
    (welch,) = families["between: yes against no"]
    assert mixed.p is not None and welch.p is not None
    assert mixed.p > welch.p, "sixty cases of thirty patients are worth less than sixty patients"
    (slope,) = (e for e in mixed.effects if e.value is not None)
    assert slope.low is not None and slope.high is not None
    assert slope.low < np.log(2.0) < slope.high
    assert "the mixed model does not" in part.cautions[0]
    alone = Sides(clustered().cases[::2], "yes", "no")
    assert "between: patients with several cases" not in dict(analyse_between("between", alone, [VP], "welch").tests)


def test_an_roc_analysis_draws_recall_too_and_names_the_prevalence_it_hangs_on() -> None:
    part = analyse_roc("roc", clustered(), [VP])
    roc, recall = part.pictures
    assert isinstance(roc, RocPlot)
    assert isinstance(recall, LinePlot)
    precision = dict(part.estimates)["roc: average precision"][0]
    assert precision.value is not None
    assert "chance gives 0.5" in precision.note
