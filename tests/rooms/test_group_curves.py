"""Claims about mean curves of groups: on the artery's clock, only where enough of a group was measured."""

import numpy as np
import pytest

from afterglow.cohort.analyse_curves import analyse_curves, since_arrival
from afterglow.cohort.part import Sides
from afterglow.records.case import Case
from afterglow.records.group import LinePlot

TIMES_S = np.arange(0, 300, 6.0)


def case(n: int, positive: bool) -> Case:
    return Case(f"{n}", "post", "1", 60.0, positive, "failure" if positive else "response", "follow-up", "pre")


def uptake(begun_s: float, height: float) -> tuple[np.ndarray, np.ndarray]:
    return TIMES_S - begun_s, height * np.clip((TIMES_S - begun_s) / 60, 0, 1)


def drawn(curves: dict, cases: tuple[Case, ...]) -> tuple[LinePlot, tuple[str, ...]]:
    part = analyse_curves("curves", Sides(cases, "failure", "response"), curves)
    (plot,) = part.pictures
    assert isinstance(plot, LinePlot)
    return plot, part.cautions


def test_contrast_comes_when_the_artery_rises() -> None:
    plasma = np.where(TIMES_S < 60, 0.0, 5.0 * np.exp(-(TIMES_S - 60) / 40))
    assert since_arrival(TIMES_S, plasma) == 60.0


def test_curves_that_began_at_other_times_have_one_mean_with_no_spread() -> None:
    cases = tuple(case(n, n < 3) for n in range(6))
    curves = {(c.participant_id, s, "1"): uptake(40.0 + 7 * int(c.participant_id), 2.0) for c in cases for s in ("pre", "post")}
    plot, cautions = drawn(curves, cases)
    assert [title for title, _ in plot.panels] == ["before", "after"]
    for _, groups in plot.panels:
        assert [(one.name, one.n) for one in groups] == [("failure", 3), ("response", 3)]
        for one in groups:
            np.testing.assert_allclose(one.y, 2.0 * np.clip(one.x / 60, 0, 1), atol=0.11)
            np.testing.assert_allclose(one.high - one.low, 0.0, atol=0.5)
    assert cautions == ()


def test_a_curve_that_is_not_there_is_counted_and_the_mean_is_that_of_the_others() -> None:
    cases = tuple(case(n, n < 4) for n in range(4))
    curves = {(c.participant_id, "post", "1"): uptake(40.0, 1.0 + int(c.participant_id)) for c in cases[:3]}
    plot, cautions = drawn(curves, cases)
    ((title, (one,)),) = plot.panels
    assert (title, one.n) == ("after", 3)
    assert one.y.max() == pytest.approx(2.0)
    assert "5 of 8 curves are not there" in cautions[0]


def test_one_curve_is_no_mean() -> None:
    part = analyse_curves("curves", Sides((case(1, True),), "failure", "response"), {("1", "post", "1"): uptake(40.0, 1.0)})
    assert part.pictures == ()
