"""The painted visit in the report, also where little is known: no aggressive zone, no brain, no spectra."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from painted_visits import SUBJECT, painting_method, result, scene, visit

from afterglow.flows import paint_evidence
from afterglow.flows.paint import paint_visit
from afterglow.records.document import Document, Figure, Table, Text
from afterglow.records.dose import NOT_FOR_TREATMENT
from afterglow.records.errors import MissingInput
from afterglow.records.measurement import Measurement
from afterglow.records.zones import Zone
from afterglow.report.html import document_html
from afterglow.report.painted import painted_sections

METHOD = painting_method()
ALL = ("ktrans", "iaugc60", "rcbv", "cho_naa", "cho_cr")


def silent(what: str, done: int, total: int) -> None:
    """Progress that nobody watches."""


@cache
def painted(*without: str):
    return paint_visit(visit(), result(without=without), METHOD.paint, progress=silent)


def page(one) -> str:
    return document_html(Document("sub-01", "painted", tuple(painted_sections(one))))


def measured(region: str, session: str, day: float, value: float) -> Measurement:
    return Measurement(
        SUBJECT, session, day, "all", region, "ktrans", "median", value, "/min", None, None, "", 40, 2.0, "", None, "dce", "seyithanoglu2025", "zones"
    )  # fmt: skip


def test_every_section_and_every_picture_says_what_it_is_not() -> None:
    sections = painted_sections(painted())
    for section in sections[:2]:
        assert Text(NOT_FOR_TREATMENT, "caution") in section.blocks
    pictures = [block for section in sections for block in section.blocks if isinstance(block, Figure)]
    assert [one.name for one in pictures] == ["zones", "prescription", "isodoses", "dose-volume", "quality-volume"]
    assert page(painted()).count(NOT_FOR_TREATMENT) >= 2


def test_the_table_of_plans_holds_each_plan_and_their_difference() -> None:
    tables = [block for section in painted_sections(painted()) for block in section.blocks if isinstance(block, Table)]
    plans = next(one for one in tables if one.caption.startswith("Plans"))
    assert plans.columns == ("", "uniform", "painted", "painted less uniform")
    assert any(row[0] == "integral dose of the brain" and row[1].endswith(" J") for row in plans.rows)


def test_a_tumour_without_an_aggressive_zone_is_painted_and_said() -> None:
    one = painted("cho_naa", "cho_cr", "ktrans", "iaugc60")
    assert one.zones.volume_ml(Zone.AGGRESSIVE) == 0
    assert any(line.what == "aggressive zone" and line.found == "empty" for line in one.quality)
    assert np.isnan(next(f.value for f in one.of_plan("painted") if (f.structure, f.name) == ("aggressive", "D95")))
    assert "not known" in page(one)


def test_without_any_map_nothing_is_assessed_and_the_least_dose_is_prescribed_everywhere() -> None:
    one = painted(*ALL)
    inside = one.zones.tumour
    assert (one.zones.labels[inside] == Zone.NOT_ASSESSED).all()
    assert set(np.unique(one.prescription.dose_gy[inside])) == {np.float32(15.0)}
    assert one.stability is None
    assert "maps for the criteria" in page(one)


def test_without_a_brain_its_doses_are_not_told_and_the_rest_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(image, grid):
        raise MissingInput("no brain was found in the image")

    monkeypatch.setattr(paint_evidence, "brain_of", none)
    one = paint_visit(visit(), result(), METHOD.paint, progress=silent)
    assert not any(figure.structure == "brain" for figure in one.figures)
    assert any(line.what == "brain" and line.level == "warning" and "label-brain" in line.advice for line in one.quality)
    assert "D95 of the tumour" in page(one)


def test_a_tumour_of_more_than_six_centimetres_is_painted_with_a_warning() -> None:
    here = scene()
    spread = visit()
    index = np.stack(np.indices(here.grid.shape), axis=-1).astype(float)
    long = here.brain & (np.abs(here.grid.to_mm(index) - [34.0, -22.0, 12.0]) < [8.0, 35.0, 8.0]).all(axis=-1)
    spread.drawn = tuple(replace(one, mask=long) for one in spread.drawn)
    found = paint_evidence.scene_of(spread, result(), METHOD.paint.quantities, grid_mm=3.0)
    assert any(line.what == "size of the tumour" and line.level == "warning" for line in found.quality)


def test_the_response_is_shown_from_the_second_visit_on() -> None:
    first = (measured("aggressive", "pre", 0, 0.1), measured("not aggressive", "pre", 0, 0.01))
    assert len(painted_sections(replace(painted(), response=first))) == 2
    both = (*first, measured("aggressive", "post", 90, 0.05), measured("not aggressive", "post", 90, 0.01))
    table = painted_sections(replace(painted(), response=both))[2].blocks[0]
    assert isinstance(table, Table)
    assert table.rows[0][0] == "aggressive"
    assert table.rows[0][-1] == "−50 %"
