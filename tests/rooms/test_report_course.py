"""A course in the report: timeline, one space, checkerboards, events, calls of every visit, and the document of them all."""

import io
from dataclasses import replace

import numpy as np
import pytest
import report_courses as rc
from PIL import Image

from afterglow.records.course import Course, Treatment
from afterglow.records.document import Document, Table, Text
from afterglow.records.errors import GridMismatch
from afterglow.records.lead import LeadTime
from afterglow.records.result import PatientResult
from afterglow.report.calls import call_section, earlier_section, lead_table
from afterglow.report.course import alignment_section, course_table, events_section, space_section, timeline_section
from afterglow.report.course_numbers import Asked, asked_of, last_of, lesion_ids, volumes_of
from afterglow.report.documents import patient_document
from afterglow.report.figures.canvas import PAGE_INCHES
from afterglow.report.figures.change import band_of
from afterglow.report.figures.checkerboard import checkerboard_figure
from afterglow.report.figures.course_panels import COLUMNS, ON_IMAGE, course_panels, course_scene
from afterglow.report.figures.lanes import lanes_of
from afterglow.report.figures.timeline import timeline_figure
from afterglow.report.figures.timeline_parts import Flag, Span, flag_lanes, visit_lanes
from afterglow.report.figures.windows import windows_of
from afterglow.report.html import document_html
from afterglow.response.compare import disagreements

RULES = (rc.PERFUSION, rc.SIZE)


@pytest.fixture(scope="module")
def patient() -> PatientResult:
    return rc.long_patient(6)


@pytest.fixture(scope="module")
def document() -> Document:
    return patient_document(replace(rc.long_patient(4), leads=(rc.LEAD,)), rules=RULES, repeatability=rc.REPEATABILITY)


def drawn(image: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(image)).convert("RGB"))


def texts(document: Document, kind: str) -> list[str]:
    return [b.words for section in document.sections for b in section.blocks if isinstance(b, Text) and b.kind == kind]


def test_no_two_labels_of_one_lane_touch():
    rng = np.random.default_rng(3)
    spans = [(start, start + wide) for start, wide in zip(rng.uniform(0, 8, 40), rng.uniform(0.1, 2, 40), strict=True)]
    lanes = lanes_of(spans)
    for n, (a, b) in enumerate(spans):
        for m, (c, d) in enumerate(spans):
            assert n == m or lanes[n] != lanes[m] or b < c or d < a


def test_a_label_that_would_leave_the_sheet_stands_on_the_left_of_its_line():
    span = Span(0.0, 100.0)
    flags = [Flag(day, "radiotherapy 60 Gy in 30 fractions", "#000000", True) for day in (5.0, 99.0)]
    assert [left for _, left in flag_lanes(flags, span)] == [False, True]


def test_fifteen_visits_with_long_names_get_more_than_one_lane_and_short_ones_one():
    span = Span(0.0, 900.0)
    days = [60.0 * n for n in range(15)]
    assert set(visit_lanes([(f"{n:02d}", day) for n, day in enumerate(days)], span)) == {0}
    assert max(visit_lanes([(f"2024010{n}x", day) for n, day in enumerate(days)], span)) >= 1


def test_the_lesion_that_was_largest_at_any_visit_comes_first(patient):
    assert lesion_ids(patient.course) == ["1", "2"]


def test_a_lesion_of_which_nothing_is_left_has_a_volume_of_zero_and_not_none(patient):
    track = patient.course.tracks[0]
    gone = replace(track.sightings[-1], volume_ml=0.0)
    visits = tuple(
        replace(v, measurements=tuple(m for m in v.measurements if v.session_id != gone.session_id or m.lesion_id != "1"))
        for v in patient.course.visits
    )
    course = replace(patient.course, visits=visits, tracks=(replace(track, sightings=(*track.sightings[:-1], gone)),))
    assert volumes_of(course, "1")[-1].value == 0.0


def test_a_timeline_shows_what_the_rules_read_and_then_ratios_of_the_panel(patient):
    asked = asked_of(patient.course, RULES, ("ktrans",))
    assert asked[0] == Asked("vp", "mean", True)
    assert asked[1] == Asked("ktrans", "mean", True)
    assert all(one.quantity != "volume" for one in asked)


def test_a_timeline_says_every_value_every_call_and_the_treatment_outside_the_picture(patient):
    figure = timeline_figure(patient.course, "1", patient.verdicts, RULES, rc.REPEATABILITY)
    assert figure is not None
    for visit in patient.course.visits[1:]:
        assert f"vp_change at ses-{visit.session_id}" in figure.alt
        assert f"on day {visit.day:g}" in figure.alt
    assert "surgery on day -240" in figure.caption
    assert "Grey band" in figure.caption
    assert drawn(figure.image).shape[1] == round(PAGE_INCHES * 150)


def test_a_treatment_changes_the_picture_and_a_call_changes_it_too(patient):
    plain = timeline_figure(patient.course, "1", patient.verdicts, RULES, ())
    treated = replace(patient.course, treatments=(*patient.course.treatments, Treatment("drug", 200.0, agent="bevacizumab")))
    turned = tuple(replace(v, category="response") if v.category == "progression" else v for v in patient.verdicts)
    assert plain is not None
    for course, verdicts in ((treated, patient.verdicts), (patient.course, turned)):
        other = timeline_figure(course, "1", verdicts, RULES, ())
        assert other is not None
        assert other.image != plain.image


def test_a_lesion_measured_once_has_no_timeline(patient):
    short = Course("01", patient.course.visits[:1])
    assert timeline_figure(short, "1", (), RULES, ()) is None


def test_six_visits_fill_a_sheet_and_fifteen_take_three(patient):
    windows, colours = windows_of(patient.exams), {"1": ON_IMAGE[0], "2": ON_IMAGE[1]}
    assert len(course_panels(patient.view, "1", ("vp",), windows, colours)) == 1
    many = replace(
        patient.view, visits=tuple(replace(patient.view.visits[n % 6], session=f"{n}") for n in range(2 * COLUMNS + 3))
    )
    sheets = course_panels(many, "1", ("vp",), windows, colours)
    assert len(sheets) == 3
    assert len({sheet.name for sheet in sheets}) == 3


def test_the_lost_visit_and_the_missing_map_are_said(patient):
    (sheet,) = course_panels(patient.view, "2", ("vp", "ktrans"), windows_of(patient.exams), {"2": ON_IMAGE[1]})
    assert f"Red frame: ses-{rc.LOST}" in sheet.caption
    assert (drawn(sheet.image) == (0xB9, 0x1C, 0x1C)).all(axis=-1).any()
    everything = replace(patient.view, visits=tuple(replace(v, placed=True) for v in patient.view.visits))
    (calm,) = course_panels(everything, "2", ("vp", "ktrans"), windows_of(patient.exams), {"2": ON_IMAGE[1]})
    assert "Red frame" not in calm.caption
    assert not (drawn(calm.image) == (0xB9, 0x1C, 0x1C)).all(axis=-1).any()


def test_the_slice_is_the_one_in_which_the_lesion_covers_most_over_placed_visits(patient):
    scene = course_scene(patient.view, "1")
    held = sum(
        scene.view.stand(mask).sum(axis=(1, 2)) for v in patient.view.visits if v.placed for n, mask in v.lesions if n == "1"
    )
    assert scene.index == int(np.argmax(held))


def test_a_map_on_another_grid_is_refused(patient):
    wrong = replace(patient.view.visits[0], backdrop=np.zeros((3, 3, 3), dtype=np.float32))
    with pytest.raises(GridMismatch, match="ses-01: the anatomy"):
        course_scene(replace(patient.view, visits=(wrong, *patient.view.visits[1:])), None)


def test_a_checkerboard_says_which_visit_is_not_trusted(patient):
    figure = checkerboard_figure(patient.view, patient.space, "1")
    assert figure is not None
    assert f"the place of ses-{rc.LOST} is not trusted" in figure.caption
    assert checkerboard_figure(replace(patient.view, visits=patient.view.visits[:1]), patient.space, "1") is None


def test_the_last_visit_is_called_large_and_every_earlier_call_stands_in_the_table(patient):
    section = call_section(patient.verdicts, patient.course, ())
    large = [b for b in section.blocks if isinstance(b, Text) and b.kind.startswith("call-")]
    assert len(large) == len(last_of(patient.verdicts, patient.course)) == 4
    earlier = earlier_section(patient.verdicts, patient.course)
    assert earlier is not None
    (table,) = (b for b in earlier.blocks if isinstance(b, Table))
    assert len(table.rows) == len(patient.verdicts) - 4
    assert not any("ses-06" in row[0] for row in table.rows)


def test_rules_that_disagree_stand_side_by_side_with_both_numbers(patient):
    verdicts = tuple(
        replace(v, category="response" if v.rule == "vp_change" else "progression")
        for v in patient.verdicts
        if v.lesion_id == "1"
    )
    section = call_section(verdicts, patient.course, (), disagreements(verdicts))
    assert any(
        "They disagree: vp_change says response; volume_growth says progression (PD)" in b.words
        for b in section.blocks
        if isinstance(b, Text)
    )
    (table,) = (b for b in section.blocks if isinstance(b, Table) and "side by side" in b.caption)
    assert table.columns == ("", "vp_change", "volume_growth")
    assert {row[0] for row in table.rows} >= {"About", "Call", "Number", "Threshold", "In words"}


def test_a_call_about_all_lesions_is_set_against_a_lesions_own(patient):
    own, other = (v for v in patient.verdicts if v.lesion_id == "1" and v.to_session == "06")
    verdicts = (replace(own, category="response"), replace(other, lesion_id="all", category="progression", label="PD"))
    section = call_section(verdicts, patient.course, (), disagreements(verdicts))
    (table,) = (b for b in section.blocks if isinstance(b, Table) and "side by side" in b.caption)
    assert table.rows[0] == ("About", "lesion 1", "all lesions")
    large = [b.words for b in section.blocks if isinstance(b, Text) and b.kind == "eyebrow"]
    assert large[-1].startswith("All lesions"), "the method's own rule comes first"


def test_a_rule_that_cannot_tell_contradicts_nobody(patient):
    now = [v for v in patient.verdicts if v.lesion_id == "1" and v.to_session == "06"]
    silent = replace(now[1], category="cannot tell", value=None, sentence="Cannot tell, because nothing was measured.")
    assert disagreements([now[0], silent]) == ()


def test_a_lead_time_is_given_in_days_and_a_rule_that_has_not_called_is_not_given_one(patient):
    open_end = LeadTime("1", "a", "b", 10.0, None, 1.0, None)
    table = lead_table((rc.LEAD, open_end))
    assert "175 days" in table.rows[0]
    assert "not yet" in table.rows[1]
    assert table.rows[1][5] == ""
    with pytest.raises(ValueError, match="the earlier one comes first"):
        LeadTime("1", "a", "b", 10.0, 5.0, None, None)


def test_events_treatments_and_tracks_are_tables(patient):
    section = events_section(patient.course)
    assert section is not None
    cells = " ".join(words for b in section.blocks if isinstance(b, Table) for row in b.rows for words in row)
    for words in ("new", "unseen", "Lesion 2 is new", "radiotherapy 60 Gy in 30", "drug temozolomide", "day -240", "overlap"):
        assert words in cells
    assert events_section(Course("01", patient.course.visits)) is None


def test_every_visit_has_its_row_and_a_number_that_is_missing_stays_empty(patient):
    table = course_table(patient.course, "2", asked_of(patient.course, RULES, ()))
    assert len(table.rows) == 6
    assert set(table.rows[0][1:]) == {""}
    assert all(table.rows[-1])


def test_a_flag_of_the_space_is_a_warning(patient):
    flagged = replace(patient, space=replace(patient.space, flags=("left and right are exchanged at ses-02",)))
    section = alignment_section(flagged)
    assert section is not None
    words = [b.words for b in section.blocks if isinstance(b, Text) and b.kind == "quality-warning"]
    assert "left and right are exchanged at ses-02" in words
    assert any("ses-04 was not laid on the others: the heads do not overlap" in one for one in words)


def test_the_report_of_a_course_has_the_call_first_and_every_part_once(document):
    titles = [section.title for section in document.sections]
    assert titles[:6] == [
        "The call", "Over time", "Earlier calls", "Every visit in one space", "Events and treatments",
        "How well the visits lie on each other",
    ]  # fmt: skip
    assert titles[-3:] == ["Methods", "Provenance", "Use"]
    assert len([t for t in titles if t.startswith("Visit ses-")]) == 4
    assert document.subtitle.startswith("4 visits, ses-01 (day 3) to ses-04 (day 190)")
    assert any("sub-01_ses-02.html" in words for words in texts(document, "plain"))


def test_the_page_of_a_course_is_whole_and_small(document):
    page = document_html(document)
    assert page.count("<figure>") == 2 + 2 + 1 + 4
    assert len(page) < 6e6


def test_one_lesion_more_than_pictures_are_drawn_for_is_said(patient):
    tracks = tuple(replace(patient.course.tracks[0], lesion_id=f"x{n}") for n in range(5))
    section = timeline_section(replace(patient, course=replace(patient.course, tracks=tracks)), (), ())
    assert section is not None
    assert any("4 largest of 7 lesions" in b.words for b in section.blocks if isinstance(b, Text))


def test_without_a_view_there_is_no_picture_of_one_space(patient):
    assert space_section(replace(patient, view=None), RULES, {}) is None


def test_a_size_that_a_rule_reads_gets_a_panel_after_perfusion(patient):
    first = patient.course.visits[0]
    rows = tuple(replace(m, quantity="bidimensional_product", unit="mm2") for m in first.measurements if m.quantity == "volume")
    course = replace(
        patient.course, visits=(replace(first, measurements=(*first.measurements, *rows)), *patient.course.visits[1:])
    )
    size = replace(rc.SIZE, quantities=("bidimensional_product",))
    assert [one.quantity for one in asked_of(course, (size, rc.PERFUSION), ())[:2]] == ["vp", "bidimensional_product"]


def test_a_spread_on_the_log_scale_is_a_wider_band_upwards():
    wide = replace(rc.REPEATABILITY[0], wcv=0.31)
    band = band_of(2.0, rc.PERFUSION, "vp", (wide,))
    assert band is not None
    assert band[1] - 2.0 > 2.0 - band[0] > 0
    assert band_of(2.0, rc.PERFUSION, "ktrans", (wide,)) is None
