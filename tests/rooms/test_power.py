"""Claims about power by simulation: it errs as often as its level says where nothing is to be found, grows with the study, and is deterministic."""

import math
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from afterglow.cohort.power import (
    DigitalCases,
    PowerAt,
    PowerCurve,
    PowerEndpoint,
    outcomes_exchanged,
    power_curve,
    rules_exchanged,
    visits_exchanged,
)
from afterglow.cohort.power_endpoints import before_after_endpoints, between_endpoints, call_endpoints, roc_endpoints
from afterglow.cohort.proportions import proportion
from afterglow.flows.method import method_text
from afterglow.flows.power import PowerOrder, power_of
from afterglow.flows.work import silent
from afterglow.records.case import Marker
from afterglow.records.errors import BadInput, BadMethod

VP = Marker("vp", "vp", "mean", True, "visit", "1", True)
KTRANS = Marker("ktrans", "ktrans", "mean", True, "visit", "1", False)
SIDES = ("failure", "response")
ENDPOINTS = {
    one.name: one
    for one in (
        *call_endpoints(("first", "second")), *roc_endpoints((VP, KTRANS)), *between_endpoints((VP,), "mann-whitney", SIDES),
        *between_endpoints((KTRANS,), "welch", SIDES), *before_after_endpoints((VP,), SIDES),
    )
}  # fmt: skip


def cases(patients: int, effect: float, *, seed: int = 1, each: int = 1) -> DigitalCases:
    """Markers that lie `effect` SD apart, calls by them, a share without a call; `each`: cases of one patient, of one outcome."""
    rng = np.random.default_rng(seed)
    whose = np.repeat(np.arange(patients), each)
    truth = (rng.random(patients) < 0.4)[whose]
    vp, ktrans = (rng.normal(size=whose.size) + shift * truth for shift in (effect, -effect / 3))
    first = np.where(rng.random(whose.size) < 0.05, np.nan, vp > effect / 2)
    second = (rng.normal(size=whose.size) > 0).astype(float)
    return DigitalCases(
        whose, truth, {"first": first, "second": second}, {"vp": vp, "ktrans": ktrans}, {"vp": vp - effect + rng.normal(size=vp.size)}
    )  # fmt: skip


def reached(endpoint: PowerEndpoint, found: DigitalCases, size: int, repeats: int, null_seed: int | None) -> int:
    (one,) = power_curve(endpoint, found, [size], repeats=repeats, level=0.95, null_seed=null_seed).at
    return one.reached


@pytest.mark.parametrize("name", ENDPOINTS)
def test_where_nothing_is_to_be_found_studies_err_as_often_as_the_level_says(name: str) -> None:
    """Exchanging patients takes a large effect away. Ranks and shares of few cases err less often than 5 %, none more often."""
    endpoint, repeats = ENDPOINTS[name], 400
    erred = reached(endpoint, cases(60 * repeats, 1.5), 60, repeats, 7)
    nominal = endpoint.nominal * 0.05
    assert erred <= stats.binom.isf(1e-4, repeats, nominal * 1.15)  # DeLong and Welch are asymptotic
    if "McNemar" not in endpoint.rule and "Clopper" not in endpoint.rule:
        assert erred >= stats.binom.ppf(1e-4, repeats, nominal * 0.6)


@pytest.mark.parametrize("name", ENDPOINTS)
def test_a_large_effect_is_found_and_more_often_in_larger_studies(name: str) -> None:
    found = cases(80 * 60, 2.0)
    curve = power_curve(ENDPOINTS[name], found, [80, 10, 30], repeats=60, level=0.95, null_seed=None)
    assert [one.patients for one in curve.at] == [10, 30, 80]
    powers = [one.power.value or 0.0 for one in curve.at]
    assert all(later >= earlier for earlier, later in pairwise(powers))
    widths = [one.median_width for one in curve.at]
    assert widths[0] is None or widths[2] is None or widths[2] < widths[0]
    assert powers[-1] > 0.5


def test_power_of_a_t_test_is_that_of_the_formula() -> None:
    """Against the non-central t distribution, at the expected sizes of groups."""
    found = cases(40 * 500, 0.8)
    (one,) = power_curve(between_endpoints((VP,), "student", SIDES)[0], found, [40], repeats=500, level=0.95, null_seed=None).at
    n = (16, 24)
    shift, limit = 0.8 / math.sqrt(1 / n[0] + 1 / n[1]), stats.t.isf(0.025, 38)
    exact = float(stats.nct.sf(limit, 38, shift) + stats.nct.cdf(-limit, 38, shift))
    assert one.power.low is not None and one.power.high is not None
    assert one.power.low - 0.02 <= exact <= one.power.high + 0.02  # group sizes vary


def test_the_first_patients_of_the_largest_study_are_the_smaller_ones() -> None:
    found = cases(50 * 20, 1.0)
    (whole,) = power_curve(ENDPOINTS["vp, failure against response"], found, [50], repeats=20, level=0.95, null_seed=None).at
    both = power_curve(ENDPOINTS["vp, failure against response"], found, [20, 50], repeats=20, level=0.95, null_seed=None).at
    assert both[1] == whole and both[0].median_cases == 20


def test_studies_that_cannot_make_their_test_do_not_succeed_and_are_counted() -> None:
    found = replace(cases(30, 1.0), truth=np.zeros(30, dtype=bool))
    for name, endpoint in ENDPOINTS.items():
        (one,) = power_curve(endpoint, found, [10], repeats=3, level=0.95, null_seed=None).at
        if "specificity" in name or name.endswith("before: response"):
            assert one.not_made == 0
        else:
            assert (one.reached, one.not_made) == (0, 3), name
            assert one.power.value == 0.0 and one.median_value is None


def test_missing_calls_and_numbers_are_left_out() -> None:
    found = cases(400, 1.2)
    holes = np.arange(400) % 4 == 0
    marked = replace(
        found,
        calls={k: np.where(holes, np.nan, v) for k, v in found.calls.items()},
        markers={k: np.where(holes, np.nan, v) for k, v in found.markers.items()},
    )
    kept = DigitalCases(
        found.patients[~holes], found.truth[~holes], {k: v[~holes] for k, v in found.calls.items()},
        {k: v[~holes] for k, v in found.markers.items()}, {k: v[~holes] for k, v in found.before.items()},
    )  # fmt: skip
    for endpoint in ENDPOINTS.values():
        assert endpoint.ask(marked, 0.95) == pytest.approx(endpoint.ask(kept, 0.95), nan_ok=True)


def test_exchanges_keep_patients_whole_and_lose_nothing() -> None:
    rng, found = np.random.default_rng(3), cases(200, 1.0, each=3)
    dealt = outcomes_exchanged(found, rng)
    assert dealt.truth.sum() == found.truth.sum() and (dealt.truth != found.truth).any()
    assert all(len(set(dealt.truth[dealt.patients == k])) == 1 for k in range(200))
    swapped = rules_exchanged("first", "second")(found, rng).calls
    moved = int((swapped["second"] != found.calls["second"]).sum())
    whole = np.where(np.isnan(found.calls["first"]), -1, found.calls["first"]) + found.calls["second"]
    again = np.nan_to_num(swapped["first"], nan=-1) + np.nan_to_num(swapped["second"], nan=-1)
    np.testing.assert_array_equal(again, whole)
    assert 0 < moved < 600
    turned = visits_exchanged("vp")(found, rng)
    np.testing.assert_allclose(turned.before["vp"] + turned.markers["vp"], found.before["vp"] + found.markers["vp"])
    assert turned.markers["ktrans"] is found.markers["ktrans"]


def curve_of(*powers: tuple[int, int]) -> PowerCurve:
    at = tuple(PowerAt(n, proportion("power", x, 100), x, 0, None, None, float(n)) for n, x in powers)
    return PowerCurve(ENDPOINTS["vp, failure against response"], at)


def test_the_smallest_size_is_the_one_from_which_on_power_stays_high() -> None:
    assert curve_of((20, 10), (50, 80), (100, 99)).smallest == 50
    assert curve_of((20, 10), (50, 79)).smallest is None
    assert curve_of((20, 85), (50, 79), (100, 90)).smallest == 100
    assert curve_of((20, 100)).smallest == 20


def order(method: str = "behar2023", **changes: object) -> PowerOrder:
    asked = PowerOrder(method, (20, 10), 12, {"vp": 0.2, "bidimensional_product": 0.05, "ktrans": 0.2, "iaugc60": 0.2}, 3)
    return replace(asked, **changes)  # type: ignore[arg-type]


def test_the_same_seed_gives_the_same_power_and_another_seed_other_patients() -> None:
    one, again, other = (power_of(order(seed=seed), progress=silent).curves for seed in (3, 3, 4))
    assert [c.at for c in one] == [c.at for c in again] and [c.at for c in one] != [c.at for c in other]


def test_each_method_has_the_power_of_its_primary_analysis_and_of_others() -> None:
    asked = {
        "behar2023": ("", "ROC of change", "change by outcome", "before and after radiotherapy"),
        "ademola2025": ("", "ratios by histology", "ROC of the ratios", "ratios before and after radiosurgery"),
        "stadlbauer2025": ("", "ROC of three markers", "volumes by outcome"),
    }
    noise = dict.fromkeys(
        ("vp", "ktrans", "bidimensional_product", "longest_diameter", "cbv", "ucbv", "mti", "volume", "iaugc60"), 0.1
    )
    for method, analyses in asked.items():
        for name in analyses:
            found = power_of(order(method, endpoint=name, wcv=noise, repeats=3), progress=silent)
            assert found.curves and all([a.patients for a in c.at] == [10, 20] for c in found.curves)
            assert len({c.endpoint.name for c in found.curves}) == len(found.curves)


def test_what_a_digital_lesion_has_no_number_of_is_left_out_and_said(tmp_path: Path) -> None:
    """In an own method file, which draws its patients from the digital cohort of its name, or from another that is named."""
    path = tmp_path / "mine.toml"
    path.write_text(method_text("behar2023").replace('"iaugc60"', '"iaugc90"'), encoding="utf-8")
    found = power_of(order(str(path), endpoint="change by outcome"), progress=silent)
    assert any("change of IAUGC60" in words for words in found.remarks)
    assert not any("IAUGC" in c.endpoint.name for c in found.curves)
    path.write_text(method_text("behar2023").replace('name = "behar2023"', 'name = "mine"', 1), encoding="utf-8")
    with pytest.raises(
        BadInput, match="mine: no digital cohort has that name; say which one to draw patients from with --simulation"
    ):
        power_of(order(str(path)), progress=silent)
    named, own = power_of(order(str(path), simulation="behar2023"), progress=silent), power_of(order(), progress=silent)
    assert [c.at for c in named.curves] == [c.at for c in own.curves]


@pytest.mark.parametrize(
    ("changes", "error", "sentence"),
    [
        ({"wcv": {"vp": 0.2}}, BadInput, "how well bidimensional_product repeats is not said"),
        ({"method": "yoon2024"}, BadInput, "power of 'prediction' is not simulated, since it is of the kind 'predictions'"),
        ({"method": "seyithanoglu2025", "wcv": {"ktrans": 0.2}}, BadInput, "how well iaugc60 repeats is not said"),
        (
            {"method": "seyithanoglu2025", "endpoint": "dose of the brain"},
            BadInput,
            "kind 'plans'; it can be for change in zones",
        ),
        ({"method": "nothing2020"}, BadMethod, "unknown method 'nothing2020'"),
        ({"endpoint": "the best"}, BadInput, "no analysis is called 'the best'; power can be simulated for calls by perfusion"),
        ({"method": "stadlbauer2025", "endpoint": "earlier detection"}, BadInput, "since it is of the kind 'lead'"),
        ({"simulation": "stadlbauer2025"}, BadInput, "stadlbauer2025: no patient of that digital cohort ends with"),
        ({"patients": ()}, BadInput, "a study of no patients"),
        ({"patients": (1, 20)}, BadInput, "a study of 1 patients; give sizes from 2"),
        ({"repeats": 0}, BadInput, "0 studies of each size"),
        ({"level": 1.0}, BadInput, "a level of 1; give one from .5 to below 1"),
    ],
)
def test_what_cannot_be_simulated_is_one_sentence(changes: dict[str, object], error: type[Exception], sentence: str) -> None:
    with pytest.raises(error, match=sentence):
        power_of(order(**changes), progress=silent)  # type: ignore[arg-type]


@pytest.mark.slow
@pytest.mark.parametrize("endpoint", ["", "ROC of change", "change by outcome", "before and after radiotherapy"])
def test_behar_errs_as_its_level_says_when_patients_are_exchanged(endpoint: str) -> None:
    found = power_of(order(patients=(60,), repeats=300, null=True, endpoint=endpoint), progress=silent)
    for curve in found.curves:
        (one,) = curve.at
        assert one.reached <= stats.binom.isf(1e-4, 300, curve.endpoint.nominal * 0.05 * 1.15), curve.endpoint.name


def test_power_of_a_change_in_zones_rises_with_patients_and_is_the_level_where_there_is_nothing_to_find() -> None:
    asked = {"method": "seyithanoglu2025", "wcv": {"ktrans": 0.15, "iaugc60": 0.15}, "patients": (12, 40), "repeats": 60}
    found = power_of(order(**asked), progress=silent)
    assert [c.endpoint.name for c in found.curves] == [
        f"{q} in the aggressive zone, after less before" for q in ("ktrans", "iaugc60")
    ]
    for curve in found.curves:
        few, many = (one.power.value for one in curve.at)
        assert few < many
        assert many > 0.9  # the paper's own fall is large, and half of 40 patients come back
    assert any("without a follow-up" in remark for remark in found.remarks)
    nothing = power_of(order(**asked, null=True), progress=silent)
    assert all(one.power.value < 0.2 for curve in nothing.curves for one in curve.at)
