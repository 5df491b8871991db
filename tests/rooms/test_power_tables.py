"""Claims about digital cohorts as tables: their true numbers, their noise, their calls, and what is refused."""

import math
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from cohorts import auroc, simulation
from table_cohorts import NAMES, gathered, method_of, tables

from afterglow.flows.table_cohort import quantities_read, table_cohort
from afterglow.records.errors import BadInput
from afterglow.records.quantity import QUANTITIES
from afterglow.simulate.cohort import draw_stories
from afterglow.simulate.dce import extended_tofts_curves, make_bolus
from afterglow.simulate.numbers import TRUE_QUANTITIES, healthy_tissue, true_number
from afterglow.simulate.story import LesionState, Perfusion

RICH, POOR = Perfusion(0.1, 0.3, 0.05, spread=0.3, architecture="venule"), Perfusion(0.02, 0.2, 0.01, architecture="balanced")
WHITE = healthy_tissue("brain", brain_leak=1.0)


def number(quantity: str, lesion: LesionState) -> float:
    return true_number(quantity, lesion, WHITE, haematocrit=0.42).value


def test_without_noise_the_calls_have_the_printed_counts() -> None:
    printed = {
        ("behar2023", "change of normalised vp"): (10, 11, 33, 38),
        ("behar2023", "change of size"): (9, 11, 18, 38),
        ("stadlbauer2025", "conventional reading"): (283, 341, 76, 81),
        ("stadlbauer2025", "microvascular reading"): (334, 341, 77, 81),
    }
    for name in ("behar2023", "stadlbauer2025"):
        rules = [rule for method, rule in printed if method == name]
        cases = gathered(name, *tables(name, None, rules=rules, markers=[])).cases
        for (method, rule), counts in printed.items():
            if method == name:
                said = Counter((c.positive, c.calls[rule]) for c in cases)
                sick, well = said[True, True] + said[True, False], said[False, True] + said[False, False]
                assert (said[True, True], sick, said[False, False], well) == counts


def test_the_same_seed_gives_the_same_tables_and_another_seed_other_ones() -> None:
    for name in NAMES:
        one, again, other = (tables(name, 12, seed, 0.2) for seed in (1, 1, 2))
        assert one[0] == again[0] and one[1].outcomes == again[1].outcomes
        assert one[0] != other[0]


def test_noise_has_the_wcv_that_was_given_and_no_bias() -> None:
    wcv = {"vp": 0.2, "ktrans": 0.4, "bidimensional_product": 0.0, "iaugc60": 0.1}
    noisy, exact = (tables("behar2023", 700, 3, each, rules=["change of size"])[0] for each in (wcv, dict.fromkeys(wcv, 0.0)))
    for quantity, expected in wcv.items():
        logs = []
        for name, told in noisy.items():
            for here, true in zip(told.course.visits, exact[name].course.visits, strict=True):
                pair = [next(m.value for m in v.measurements if m.quantity == quantity) for v in (here, true)]
                logs.append(math.log(float(pair[0] or 0) / float(pair[1] or 0)))
        sd = math.sqrt(math.log1p(expected**2))
        assert np.std(logs) == pytest.approx(sd, abs=5 * sd / math.sqrt(2 * len(logs)) + 1e-12)
        assert abs(np.mean(logs)) <= 5 * sd / math.sqrt(len(logs))


def test_noise_of_one_quantity_does_not_hang_on_what_else_is_read() -> None:
    method, _ = method_of("behar2023")
    whole = tables("behar2023", 5, 1, 0.2)[0]
    alone, _ = table_cohort(method, simulation("behar2023"), 5, 1, {"vp": 0.2}, rules=["change of normalised vp"], markers=[])
    for name, told in alone.items():
        for here, there in zip(told.course.visits, whole[name].course.visits, strict=True):
            own = [m.value for m in here.measurements if m.quantity == "vp"]
            assert own == [m.value for m in there.measurements if m.quantity == "vp" and m.is_normalised]


def test_a_patchwork_has_the_mean_of_its_parts_and_a_ratio_its_reference() -> None:
    for quantity in ("ktrans", "ve", "vp", "iaugc60", "cbv", "ucbv", "mti"):
        tumour, scar, mixed = (number(quantity, LesionState(5.0, share, RICH, POOR)) for share in (1.0, 0.0, 0.25))
        assert mixed == pytest.approx(0.25 * tumour + 0.75 * scar)
    even = Perfusion(WHITE.ktrans_per_min, WHITE.ve, WHITE.vp, spread=0.0, architecture=WHITE.architecture)
    for quantity in ("ktrans", "ve", "vp", "iaugc60", "cbv", "ucbv", "mti"):
        found = true_number(quantity, LesionState(5.0, 1.0, even, even), WHITE, haematocrit=0.42)
        assert found.reference is not None and found.value == pytest.approx(found.reference)


def test_areas_go_with_the_blood_volume_and_the_loop_with_its_power_of_two_and_a_half() -> None:
    once, twice = (LesionState(5.0, 1.0, replace(RICH, vp=vp), POOR) for vp in (0.02, 0.04))
    for quantity, power in (("cbv", 1.0), ("ucbv", 1.0), ("mti", 2.5)):
        assert number(quantity, twice) == pytest.approx(2**power * number(quantity, once))
    even, uneven = (LesionState(5.0, 1.0, replace(RICH, spread=spread), POOR) for spread in (0.0, 0.3))
    blood = np.random.default_rng(1).normal(-(0.3**2) / 2, 0.3, 400_000)
    assert number("mti", uneven) / number("mti", even) == pytest.approx(np.exp(2.5 * blood).mean(), rel=0.01)


def test_the_first_minute_is_that_of_the_tissue_curve_itself() -> None:
    bolus = make_bolus(start_s=0.0, until_s=104.4, haematocrit=0.42, scale=1.0)
    risen_s = bolus.times_s[np.argmax(bolus.artery_mM >= 0.05 * bolus.artery_mM.max())]
    at_s = risen_s + np.arange(0.0, 60.05, 0.1)
    parts = [np.array([getattr(RICH, name)]) for name in ("ktrans_per_min", "ve", "vp")]
    curve = extended_tofts_curves(bolus, *parts, delay_s=0.0, at_s=at_s)[0]
    assert number("iaugc60", LesionState(5.0, 1.0, RICH, POOR)) == pytest.approx(float(np.trapezoid(curve, at_s)), rel=1e-3)
    none = replace(RICH, ktrans_per_min=0.0)
    half = replace(none, vp=none.vp / 2)
    areas = [number("iaugc60", LesionState(5.0, 1.0, one, POOR)) for one in (none, half)]
    assert areas[0] == pytest.approx(2 * areas[1])  # nothing leaks: plasma alone


def test_a_lesion_that_keeps_its_shape_grows_by_the_powers_of_its_volume() -> None:
    small, large = (LesionState(volume, 1.0, RICH, POOR) for volume in (1.0, 8.0))
    ratios = {q: number(q, large) / number(q, small) for q in ("volume", "bidimensional_product", "longest_diameter")}
    assert ratios == pytest.approx({"volume": 8.0, "bidimensional_product": 4.0, "longest_diameter": 2.0})
    assert number("longest_diameter", small) == pytest.approx(12.4, abs=0.01)  # mm, of a sphere of 1 mL


def test_every_true_quantity_is_one_of_the_table_and_others_are_refused() -> None:
    assert set(TRUE_QUANTITIES) <= set(QUANTITIES)
    with pytest.raises(ValueError, match="no true adc"):
        number("adc", LesionState(1.0, 1.0, RICH, POOR))
    with pytest.raises(ValueError, match="'knee' is no site"):
        healthy_tissue("knee", brain_leak=1.0)


def test_markers_without_noise_have_the_printed_areas_under_the_curve() -> None:
    """As in the stories themselves: 95 % intervals of .941, .982 and .987 for CBV, microvascular CBV and MTI."""
    areas = []
    for seed in range(3):
        turned = {"CBV": 1, "uCBV": 1, "MTI": -1}
        cases = gathered("stadlbauer2025", *tables("stadlbauer2025", None, seed, rules=[], markers=turned)).cases
        areas.append(
            [
                auroc(*([s * c.values[m] for c in cases if c.positive is kind] for kind in (True, False)))
                for m, s in turned.items()
            ]
        )
    cbv, ucbv, mti = np.mean(areas, axis=0)
    assert 0.918 < cbv < 0.965 and 0.965 < ucbv < 0.998 and 0.976 < mti < 0.999


def test_a_visit_without_the_series_of_a_number_has_no_such_number() -> None:
    told, _ = tables("stadlbauer2025", 60, rules=[])
    stories = {s.subject: s for s in draw_stories(simulation("stadlbauer2025").cohort, 60, 1)}
    for name, one in told.items():
        roles = {v.session: v.roles for v in stories[name].visits}
        for visit in one.course.visits:
            there = {m.quantity for m in visit.measurements}
            assert ("cbv" in there, "ucbv" in there) == ("dsc-ge" in roles[visit.session_id], "dsc-se" in roles[visit.session_id])


@pytest.mark.parametrize(
    ("wcv", "sentence"),
    [
        ({}, "how well vp repeats is not said: give its wCV, such as --wcv vp=.2; `afterglow repeatability`"),
        ({"vp": 0.1, "ktrans": 0.1, "iaugc60": 0.1}, "how well bidimensional_product repeats is not said"),
        ({"vp": -0.1}, "a wCV of -0.1 for vp; give a fraction from 0"),
        ({"vp": 20.0}, "a wCV of 20 for vp"),
        ({"vp": math.nan}, "a wCV of nan for vp"),
        ({"pv": 0.1}, "a wCV of 'pv', which is no quantity"),
    ],
)
def test_noise_is_never_guessed(wcv: dict[str, float], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        tables("behar2023", 3, 1, wcv)


def test_what_needs_a_noise_is_what_is_read() -> None:
    method, _ = method_of("behar2023")
    assert quantities_read(method, ["change of size"], []) == ("bidimensional_product",)
    assert quantities_read(method, [], ["change of normalised vp", "change of IAUGC60"]) == ("vp", "iaugc60")
    assert set(quantities_read(method)) == {"vp", "bidimensional_product", "ktrans", "iaugc60"}


def test_an_outcome_that_the_method_does_not_know_is_refused_and_no_negative_case() -> None:
    method, spec = method_of("behar2023")
    narrow = method.model_copy(update={"cohort": spec.model_copy(update={"positive": ("failure",)})})
    _, study = table_cohort(narrow, simulation("behar2023"), None, 1, dict.fromkeys(quantities_read(method), 0.0))
    assert (len(study.outcomes), len(study.refusals)) == (38, 11)
    assert (
        "found sub-" in study.refusals[0].sentence
        and "'persistent disease'; the method takes failure, response" in study.refusals[0].sentence
    )
