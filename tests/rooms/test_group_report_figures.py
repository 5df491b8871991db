"""Pictures of a cohort: every value is there, the same bytes each time, and no name or number breaks one."""

import io
import xml.etree.ElementTree as ET
from dataclasses import replace

import group_reports as made
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from afterglow.cohort.survival import kaplan_meier
from afterglow.io.write import write_tsv
from afterglow.records.group import BoxPlot, LinePlot, PairedValues, PairPlot, RocPlot, SurvivalPlot
from afterglow.records.statistic import FlowStep, Groups, PlainCurve, StepCurve
from afterglow.report.figures.canvas import box, sheet
from afterglow.report.figures.cohort_boxes import boxes_figure
from afterglow.report.figures.cohort_canvas import width_in, wrapped
from afterglow.report.figures.cohort_flow import flow_figure
from afterglow.report.figures.cohort_pairs import pairs_figure
from afterglow.report.figures.cohort_survival import _days, _draw, _last_seen, survival_figure
from afterglow.report.group import picture_figure

LONG = made.LONG
UNBROKEN = "W" * 150


@pytest.fixture(scope="module")
def figures():
    return {figure.name: figure for figure in (flow_figure(made.FLOW), *(picture_figure(p) for p in made.pictures()))}


def colours_of(image: bytes) -> int:
    return len(Image.open(io.BytesIO(image)).convert("RGB").getcolors(1 << 24))


def test_the_same_records_give_the_same_bytes(figures):
    for picture in made.pictures()[1:3]:
        assert picture_figure(picture) == figures[picture.name]


def test_every_picture_comes_as_png_as_svg_and_as_numbers(figures, tmp_path):
    for name, figure in figures.items():
        assert figure.media_type == "image/png"
        assert colours_of(figure.image) > 3
        root = ET.fromstring(figure.vector)
        assert root.tag.endswith("svg")
        assert not [e for e in root.iter() if e.tag.endswith(("date", "creator", "script", "text"))], name
        assert figure.data.rows
        table, _ = write_tsv(tmp_path / f"{name}.tsv", figure.data.records, figure.data.described)
        lines = (tmp_path / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
        assert len(lines) == 1 + len(figure.data.rows)
        assert lines[0].split("\t") == list(figure.data.described)
        assert table is not None


def test_the_data_of_a_box_plot_hold_every_value_and_what_was_not_measured():
    values = (np.array([1.5, np.nan, 2.5]), np.array([]), np.array([-4.0]))
    figure = boxes_figure(BoxPlot("three", Groups("vp", "1", ("a", "b", "c"), values)))
    assert figure.data.rows == (("a", 1.5), ("a", None), ("a", 2.5), ("c", -4.0))
    for words in ("a: n = 2, 1 not measured, median 2.00", "b: n = 0;", "c: n = 1, median -4.00"):
        assert words in figure.caption


def test_values_that_a_log_axis_cannot_hold_are_counted():
    groups = Groups("volume", "mL", ("early", "late"), (np.array([0.0, 0.0, 3.0]), np.array([1.0, 2.0])))
    assert "2 values of zero or less cannot stand" in boxes_figure(BoxPlot("v", groups, log=True)).caption
    assert "cannot stand" not in boxes_figure(BoxPlot("v", groups)).caption


def test_a_diffusion_coefficient_is_drawn_and_said_in_the_unit_it_is_read_in():
    groups = Groups("ADC", "mm2/s", ("a",), (np.array([0.9e-3, 1.1e-3]),), line=1e-3)
    figure = boxes_figure(BoxPlot("adc", groups))
    assert "median 1.00 × 10⁻³ mm²/s" in figure.caption
    assert "Dashed: 1.00." in figure.caption
    assert figure.data.rows[0] == ("a", 0.9e-3)
    assert "in mm2/s" in figure.data.described["value"]


def test_the_caption_names_the_rule_of_every_test():
    figure = boxes_figure(BoxPlot("change", made.groups(30, 19), (made.tested(), made.tested(None))))
    assert "Mann-Whitney (asymptotic, ties corrected, continuity correction): P = .003" in figure.caption
    assert "one group is empty" in figure.caption


def test_numbers_that_do_not_add_up_are_said_and_not_mended(figures):
    assert figures["patient-flow"].caption == "Flow of patients."
    steps = (FlowStep("all", 50), FlowStep("measured", 44, left=(("motion", 5),), split=(("success", 30), ("failure", 13))))
    caption = flow_figure(steps).caption
    assert "50 less 5 is not 44" in caption
    assert "hold 43, not 44" in caption


def test_the_flow_says_all_of_itself_in_words_and_rows(figures):
    figure = figures["patient-flow"]
    assert "5 left: no visit after radiotherapy" in figure.alt
    assert (3, "of these", "failure", 19, None) in figure.data.rows
    assert (1, "remain", "Patients with spine metastases and radiotherapy", 62, 128) in figure.data.rows
    with pytest.raises(ValueError, match="without a step"):
        flow_figure(())


def test_a_pair_with_one_value_is_counted_and_not_drawn():
    pairs = PairedValues(
        "vp", "1", "before", "after", np.array([1.0, np.nan, 3.0]), np.array([2.0, 5.0, 1.0]), ("sub-1", "sub-2", "sub-3")
    )
    figure = pairs_figure(PairPlot("pairs", pairs))
    assert "n = 2, 1 without one of the two values, medians 2.00 and 1.50, 1 rose and 1 fell" in figure.caption
    assert figure.data.rows[1] == ("sub-2", "", None, 5.0)


def test_panels_of_pairs_stand_in_the_order_of_the_other_pictures():
    pairs = replace(made.pairs(6), group_order=("success", "failure"))
    assert pairs.groups[0] == "failure"
    caption = pairs_figure(PairPlot("pairs", pairs)).caption
    assert caption.index("success: n =") < caption.index("failure: n =")


def test_the_numbers_at_risk_stand_in_the_data_once():
    figure = survival_figure(SurvivalPlot("km", (made.step_curve(n=12),), "without failure"))
    rows = figure.data.records
    assert next(row["at_risk"] for row in rows if row["at_risk"] is not None) == 12
    censored = sum(row["what"] == "censored" for row in rows)
    assert censored > 0
    assert f", {censored} censored" in figure.caption
    assert sum(row["at_risk"] is not None for row in rows) == 7


def test_numbers_at_risk_on_days_too_near_to_one_another_are_thinned():
    near = replace(made.step_curve("b", 12), at_risk=((0.0, 12), (360.0, 5), (720.0, 2)))
    far = replace(made.step_curve("a", 12), at_risk=((0.0, 12), (365.0, 5), (730.0, 2)))
    shared = _days((near, replace(near, name="c"), far))
    assert shared == [0.0, 360.0, 720.0]


def test_a_curve_goes_on_to_the_last_day_anybody_was_seen():
    short = replace(made.step_curve("a", 12), censored_days=(2000.0,), at_risk=((0.0, 12),))
    with_more = survival_figure(SurvivalPlot("km", (short,), "x"))
    without = survival_figure(SurvivalPlot("km", (replace(short, censored_days=()),), "x"))
    assert _last_seen(short) == 2000.0
    assert with_more.image != without.image


@settings(max_examples=60)
@given(st.text(st.characters(codec="latin-1", exclude_categories=("Cc",)), max_size=80), st.floats(0.3, 3))
def test_wrapped_words_are_all_there_and_no_line_is_too_wide(words, most_in):
    lines = wrapped(words, most_in)
    assert "".join("".join(lines).split(" ")) == "".join(words.split(" "))
    assert all(width_in(line) <= most_in or len(line) == 1 for line in lines)


def nothing(k: int = 5):
    return np.full(k, np.nan)


ODD = [
    BoxPlot("six-groups", replace(made.groups(2, 2000, 5, 1, 0, 5, labels=tuple(f"{n} {LONG}" for n in range(6)), name=LONG), line=3.0, line_words=LONG), (made.tested(),) * 5),
    BoxPlot("all-equal", Groups("x$y", "mm2/s", ("a$", "b"), (np.full(5, 2e-3), np.full(2, 2e-3))), log=True),
    BoxPlot("all-zero", Groups("x", "1", ("a", "b"), (np.zeros(5), np.zeros(2)))),
    BoxPlot("not-measured", Groups(UNBROKEN, "1", (UNBROKEN, "b"), (nothing(), np.empty(0)))),
    BoxPlot("none-above-zero", Groups("volume", "mL", ("a", "b"), (np.zeros(3), nothing())), log=True),
    BoxPlot("no-group", Groups("volume", "mL", (), ())),
    RocPlot("six-markers", tuple(made.roc_curve(f"{n} {LONG}", 2000 if n == 1 else 2, n, marked=((LONG, 0.3, 0.4),)) for n in range(6))),
    SurvivalPlot("two-patients", (made.step_curve(LONG, 2), made.step_curve(UNBROKEN, 1, 3)), LONG, (made.tested(None),)),
    SurvivalPlot("nobody", (StepCurve("nobody", *(np.array([v]) for v in (0.0, 1.0, 1.0, 1.0)), "Kaplan-Meier", ()),), "x"),
    LinePlot("not-measured", (("", (PlainCurve("a", np.arange(5.0), nothing(), "x", "s^(-1/2)", nothing(), nothing()),)), ("b", ()))),
    LinePlot("one-point", (("", (PlainCurve(LONG, np.array([1.0]), np.array([2.0]), LONG, UNBROKEN),)),), "decision"),
    PairPlot("six-groups", replace(made.pairs(12), groups=tuple(f"{k % 6} {LONG}" for k in range(12)), before_words=LONG)),
    PairPlot("no-pairs", PairedValues("v", "mL", "before", "after", np.empty(0), np.empty(0), ())),
]  # fmt: skip


@pytest.mark.parametrize("picture", ODD, ids=lambda picture: f"{type(picture).__name__}-{picture.name}")
@pytest.mark.filterwarnings("error::UserWarning")
def test_no_name_and_no_number_breaks_a_picture(picture):
    figure = picture_figure(picture)
    wide, high = Image.open(io.BytesIO(figure.image)).size
    assert wide <= 11.2 * 150 + 1
    assert 300 < high < 2500
    assert colours_of(figure.image) > 2
    assert "nan" not in figure.caption.replace("predominant", "")


def test_a_flow_with_long_reasons_and_many_ends_stays_on_its_sheet(figures):
    steps = (
        FlowStep(LONG, 2000, None, ((UNBROKEN, 4),)),
        FlowStep(UNBROKEN, 1994, 1, ((LONG, 6),), tuple((LONG, n) for n in range(6))),
    )
    edges = np.asarray(Image.open(io.BytesIO(flow_figure(steps).image)).convert("L"))
    ordinary, _ = Image.open(io.BytesIO(figures["patient-flow"].image)).size
    assert edges.shape[1] == ordinary
    assert edges[:, :8].min() > 250
    assert edges[:, -8:].min() > 250
    assert edges[-8:].min() > 250


def test_a_picture_has_a_name_that_a_file_can_have():
    for name in ("", "../up", "Two Words", "a--b"):
        with pytest.raises(ValueError, match="small letters, digits and hyphens"):
            BoxPlot(name, made.groups(3, 3))
    with pytest.raises(ValueError, match="without a curve"):
        RocPlot("empty", ())
    with pytest.raises(ValueError, match="known: plain, calibration"):
        LinePlot("a", (("", (made.calibration(),)),), "pie")


def test_the_band_of_a_curve_reaches_to_the_day_on_which_the_last_one_has_the_event():
    axes = box(sheet(4, 4), 0.5, 0.5, 3, 3)
    _draw(axes, kaplan_meier([68.0, 104.0, 300.0, 830.0], [1.0, 1.0, 0.0, 1.0]), 0, "all")
    (band,) = axes.collections
    reached = np.concatenate([path.vertices[:, 0] for path in band.get_paths()])
    assert (reached.min(), reached.max()) == (0.0, 830.0)
