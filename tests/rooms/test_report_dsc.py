"""A DSC visit in the report: vessels, loops both ways, leakage, the panel of the paper, and what is missing said aloud."""

import io
import re
from dataclasses import replace

import numpy as np
import pytest
import report_dsc as dsc
import report_patients as made
from PIL import Image

from afterglow.records.bolus import RateCurve
from afterglow.records.course import Visit
from afterglow.records.document import Figure
from afterglow.records.errors import GridMismatch
from afterglow.records.measurement import Measurement
from afterglow.records.quantity import QUANTITIES
from afterglow.records.result import ExamResult, PairView
from afterglow.report.documents import exam_document
from afterglow.report.figures.arterial import arterial_figure
from afterglow.report.figures.before_after import before_after
from afterglow.report.figures.bolus import bolus_figure
from afterglow.report.figures.canvas import PAGE_INCHES
from afterglow.report.figures.change import points_of
from afterglow.report.figures.leakage import leakage_figure
from afterglow.report.figures.loops import direction_words, loops_figure
from afterglow.report.figures.maps import close_up, maps_overview, panel_of
from afterglow.report.figures.spread import spread_figure
from afterglow.report.figures.vessels import Marked, vessel_slices
from afterglow.report.figures.windows import window_of, windows_of
from afterglow.report.html import document_html


@pytest.fixture(scope="module")
def visit() -> ExamResult:
    return dsc.dsc_exam()


def size_of(figure: Figure) -> tuple[int, int]:
    return Image.open(io.BytesIO(figure.image)).size


def test_the_bolus_is_a_rate_with_its_peaks_and_its_voxels(visit):
    figure = bolus_figure(visit)
    assert figure is not None
    for words in ("not a concentration", "arteries red, veins blue", "rings: spin echo", "1.80 times the artery's"):
        assert words in figure.caption
    for curve in visit.boluses:
        assert f"peak {curve.rate_per_s.max():.3g} per second" in figure.alt
    assert size_of(figure)[0] == round(PAGE_INCHES * 150)


def test_without_a_spin_echo_scan_the_gradient_echo_is_shown_and_the_other_named(visit):
    figure = bolus_figure(replace(visit, boluses=visit.boluses[:1]))
    assert figure is not None
    assert "No vessel was read in the spin echo" in figure.caption
    assert "veins" not in figure.caption


def test_a_given_vessel_has_a_curve_and_no_voxels(visit):
    marked = replace(visit.boluses[0], quality=np.nan, voxels=np.zeros((0, 3), dtype=np.intp), origin="given curve")
    figure = bolus_figure(replace(visit, boluses=(marked,)))
    assert figure is not None
    assert "No voxels" in figure.caption
    assert "given curve" in figure.caption


def test_vessel_voxels_outside_the_grid_are_refused(visit):
    beyond = replace(visit.boluses[1], voxels=np.array([[0, 0, 99]], dtype=np.intp))
    with pytest.raises(GridMismatch, match="venous voxels reach index"):
        bolus_figure(replace(visit, boluses=(beyond,)))


def test_each_kind_of_vessel_has_the_slice_that_holds_most_of_it(visit):
    many = np.array([(i, j, 2) for i in range(4) for j in range(5)], dtype=np.intp)
    few = np.array([(9, 9, 7)], dtype=np.intp)
    slices = vessel_slices(visit, [Marked("arterial", many, "red"), Marked("venous", few, "blue")], 2)
    held = [slices.held[index] for index in slices.indices]
    assert sorted(held) == [1, 20]
    assert slices.shown == slices.total == 21


def test_loops_say_direction_number_error_and_what_is_fragile(visit):
    figure = loops_figure(visit)
    assert figure is not None
    assert re.search(r"Lesion 1: MTI 18\.\d ± [\d.]+ s\^\(-5/2\), clockwise, positive \(warm\)", figure.caption)
    assert re.search(r"Reference: MTI -1\.\d+ ± [\d.]+ s\^\(-5/2\), counter-clockwise, negative \(cool\)", figure.caption)
    assert "simulated physics only" in figure.caption
    assert size_of(figure)[0] == round(PAGE_INCHES * 150)


def test_a_figure_of_eight_has_a_sign_only_on_balance():
    assert direction_words(dsc.EIGHT) == "positive on balance (warm)"
    assert direction_words(dsc.COUNTER) == "counter-clockwise, negative (cool)"
    assert direction_words(replace(dsc.CLOCKWISE, mti=0.0)) == "no area"


def test_a_region_without_a_loop_says_why(visit):
    figure = loops_figure(replace(visit, loops=(dsc.UNFITTED,)))
    assert figure is not None
    assert "Lesion 3: no loop (its contrast is less than 4 times the noise)" in figure.caption
    assert "Clockwise" not in figure.caption
    unsaid = loops_figure(replace(visit, loops=(replace(dsc.UNFITTED, remark=""),)))
    assert unsaid is not None
    assert "no accepted gamma-variate" in unsaid.caption


def test_a_region_that_one_echo_did_not_measure_is_still_drawn(visit):
    silent = RateCurve(dsc.UNFITTED.se.times_s, np.full(60, np.nan), None, None)
    empty = RateCurve(np.zeros(0), np.zeros(0), None, None)
    assert loops_figure(replace(visit, loops=(replace(dsc.UNFITTED, se=silent), replace(dsc.UNFITTED, se=empty)))) is not None


def test_a_lesion_without_reference_is_drawn_alone(visit):
    both, alone = loops_figure(visit), loops_figure(replace(visit, loops=visit.loops[:1]))
    assert both is not None
    assert alone is not None
    assert size_of(alone)[1] < size_of(both)[1]


def test_the_largest_lesions_and_the_reference_are_drawn_of_many(visit):
    many = tuple(replace(dsc.CLOCKWISE, label=f"lesion {n}", n_voxels=10 * n) for n in range(1, 8))
    figure = loops_figure(replace(visit, loops=(*many, dsc.COUNTER)))
    assert figure is not None
    assert "The 3 smallest lesions are not drawn" in figure.caption
    assert "Lesion 7" in figure.caption
    assert "Lesion 3:" not in figure.caption
    assert "Reference:" in figure.caption


def test_labels_with_dollar_signs_are_only_text(visit):
    evil = replace(dsc.CLOCKWISE, label="lesion $x", remark=r"$\frac{")
    assert loops_figure(replace(visit, loops=(evil, replace(dsc.UNFITTED, label="$", remark="$^")))) is not None


def test_leakage_names_what_its_colours_mean_and_what_it_is_not(visit):
    figure = leakage_figure(visit)
    assert figure is not None
    for words in (
        "Warm: K2 positive, T1",
        "cool: K2 negative, T2*",
        "not a permeability",
        "through lesion 1",
        "K2 SE -0.02 to 0.02",
    ):
        assert words in figure.caption
    one = leakage_figure(replace(visit, maps=tuple(m for m in visit.maps if m.quantity.name != "leakage_se"), lesions=()))
    assert one is not None
    assert size_of(one)[0] < size_of(figure)[0]


def test_the_panel_is_shown_in_its_order_and_the_rest_is_named(visit):
    assert [m.quantity.name for m in panel_of(visit)] == list(dsc.PANEL)
    figure = maps_overview(visit, visit.lesions[0], windows_of([visit]))
    assert figure.alt.startswith("Pictures of one axial slice")
    assert "anatomy, FLAIR and maps of apparent diffusion" in figure.alt
    assert "Further maps in the folder: CBVraw, rCBV, nMTI, K2 GE, K2 SE." in figure.caption
    assert "ADC 0 to 3 × 10⁻³ mm²/s (usual range)" in figure.caption
    assert "Warm: positive MTI" in figure.caption
    assert re.search(r"Loops in the lesion, voxels: \d+ fitted, \d+ loop of no one direction", figure.caption)
    assert "Fit of" not in figure.caption


def test_what_the_panel_names_and_the_visit_lacks_is_said(visit):
    less = replace(visit, maps=tuple(m for m in visit.maps if m.quantity.name != "adc"))
    assert "Not made at this visit: ADC." in maps_overview(less, less.lesions[0], windows_of([less])).caption
    bare = replace(visit, panel=("t1",))
    assert panel_of(bare) == bare.maps


def test_a_dce_visit_keeps_its_fit_status_and_a_dsc_visit_has_none(visit):
    usual = made.exam("01", 0.0)
    assert "Fit of Ktrans" in maps_overview(usual, usual.lesions[0], windows_of([usual])).caption
    six = maps_overview(visit, visit.lesions[0], windows_of([visit]))
    seven = maps_overview(replace(visit, panel=(*dsc.PANEL, "rcbv")), visit.lesions[0], windows_of([visit]))
    assert size_of(six)[0] != size_of(seven)[0]  # rows of three, and of four


def test_further_anatomy_on_another_grid_is_refused(visit):
    odd = replace(visit, pictures=(("FLAIR", np.zeros((2, 2, 2), dtype=np.float32)),))
    with pytest.raises(GridMismatch, match="picture FLAIR"):
        maps_overview(odd, odd.lesions[0], windows_of([visit]))


def test_the_close_up_and_the_spread_follow_the_panel(visit):
    figure = close_up(visit, visit.lesions[0], windows_of([visit]))
    assert figure is not None
    assert "microvessel type indicator" in figure.alt
    spread = spread_figure(visit, visit.lesions[0])
    assert spread is not None
    assert re.search(r"ADC [01]\.\d+, CBV", spread.alt)


def test_a_relative_quantity_has_no_usual_range():
    cbv, mti = QUANTITIES["cbv"], QUANTITIES["mti"]
    assert window_of(cbv, np.full(9, 0.011), called="the lesion").high == pytest.approx(0.015)
    dark = window_of(cbv, np.full(9, 2.0), called="the lesion", whole=np.full(9, 28.0))
    assert dark.high == 30.0
    assert "90th percentile of the map" in dark.said
    faint = window_of(mti, np.array([-0.5, 0.7]), called="the lesion")
    assert (faint.low, faint.high) == (-0.8, 0.8)
    assert window_of(cbv, np.full(3, np.nan), called="the lesion").high == cbv.display[1]


def test_before_and_after_of_relative_maps_says_that_scales_change(visit):
    names = ("cbv", "mti", "adc")
    later = dsc.dsc_exam("02", 62.0, strength=0.4)
    pair = PairView(
        visit.grid, ("01", "02"), (0.0, 62.0), (visit.backdrop, later.backdrop), (visit.lesions[0].mask, later.lesions[0].mask),
        tuple((QUANTITIES[n], visit.map_of(n).values, later.map_of(n).values) for n in names), made.patient().pair.alignment,
    )  # fmt: skip
    caption = before_after(pair, windows_of([visit, later])).caption
    assert "compare CBV by ratio" in caption
    assert "Warm: positive MTI" in caption
    assert re.search(r"change of ADC -[\d.]+ to [\d.]+ × 10⁻³ mm²/s", caption)


def test_a_change_of_diffusion_is_plotted_in_the_unit_of_its_axis():
    point = Measurement(
        "01", "01", 0.0, "1", "lesion", "adc", "mean", 0.0011, "mm2/s", 0.001, 0.0012, "bootstrap", 9, 1.0, "", None, "dsc", "m", "r"
    )  # fmt: skip
    rule = replace(made.RULE, quantities=("adc",), normalised=False, change="difference", threshold=0.0002, unit="mm2/s")
    patient = made.patient()
    course = replace(patient.course, visits=(Visit("01", 0.0, (point,)),))
    (found,) = points_of(course, rule, patient.verdicts[0], "adc")
    assert (found.value, found.ci_low, found.ci_high) == pytest.approx((1.1, 1.0, 1.2))


def test_the_report_of_a_dsc_visit_holds_its_own_figures_and_none_of_concentration(visit):
    assert arterial_figure(visit) is None
    document = exam_document(visit, made.measurements(visit))
    names = [block.name for section in document.sections for block in section.blocks if isinstance(block, Figure)]
    assert len(names) == len(set(names))
    for part in ("lesion-1_maps", "lesion-1_closeup", "leakage", "bolus", "loops", "spread", "motion"):
        assert any(part in name for name in names), part
    assert not any(name.endswith(("_aif", "_curves")) for name in names)
    html = document_html(document)
    assert "s<sup>-5/2</sup>" in html
    assert "^(" not in re.sub(r"<[^>]*>", "", html)  # raised in the text; an alternative text has no markup
    assert all(
        block.alt and block.caption for section in document.sections for block in section.blocks if isinstance(block, Figure)
    )


def test_a_visit_without_spin_echo_or_reference_still_has_a_report(visit):
    kept = ("cbv", "cbv_uncorrected", "rcbv", "leakage_ge")
    lone = replace(
        visit, maps=tuple(m for m in visit.maps if m.quantity.name in kept), boluses=visit.boluses[:2], loops=(), reference=None
    )
    document = exam_document(lone, ())
    names = [block.name for section in document.sections for block in section.blocks if isinstance(block, Figure)]
    assert not any("loops" in name for name in names)
    assert any("leakage" in name for name in names)


def test_a_dce_visit_has_no_figures_of_dsc():
    usual = made.exam("01", 0.0)
    assert bolus_figure(usual) is None
    assert loops_figure(usual) is None
    assert leakage_figure(usual) is None


def test_the_same_dsc_visit_gives_the_same_bytes(visit):
    again = dsc.dsc_exam()
    assert (loops_figure(again), bolus_figure(again), leakage_figure(again)) == (
        loops_figure(visit), bolus_figure(visit), leakage_figure(visit),
    )  # fmt: skip
