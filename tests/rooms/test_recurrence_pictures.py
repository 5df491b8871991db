"""Claims about the pictures and the section of a predicted patient, and about what is written of both."""

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.colors import to_rgb
from PIL import Image
from tests.recurrence_cases import CHANNELS, make_cases

from afterglow.io.nifti import read_image
from afterglow.io.recurrence_maps import RecurrencePlace, read_story, write_recurrence_map, write_story
from afterglow.records.document import Figure, Section, Table, Text
from afterglow.records.errors import BadInput, GridMismatch, MissingInput
from afterglow.records.maps import Provenance
from afterglow.records.predicted import FALSE_MARK, TRUE_MARK, covered_by
from afterglow.records.recurrence import NOT_FOR_DECISIONS, LearningCase, Predicted, RecurrenceMap
from afterglow.report.figures.recurrence import RECURRENCE_ON_IMAGE, channel_maps_figure, prediction_figure, targets_figure
from afterglow.report.recurrence import PredictedVisit, recurrence_section, score_table

PROVENANCE = Provenance("predict", "0.1.0", {"mirroring": False}, ("sub-01/ses-pre/anat/a.nii.gz",), "Predicted.", ())
PLACE = "01", "pre", "CE-T1w"


@pytest.fixture(scope="module")
def cases() -> tuple[LearningCase, ...]:
    return make_cases(2, 1, side=24)[0]


@pytest.fixture(scope="module")
def section(cases: tuple[LearningCase, ...]) -> Section:
    return recurrence_section(visit(cases[0], map_of(cases[0], shown="training")))


def map_of(case: LearningCase, model: str = "combined", high: float = 0.9, shown: str = "out of fold") -> RecurrenceMap:
    """High where the tumour comes back, or in a corner of the brain where it does not."""
    where = case.label if case.recurs else case.brain & (np.indices(case.grid.shape)[0] < 8)
    values = np.where(case.brain, np.where(where, high, 0.05), np.nan).astype(np.float32)
    return RecurrenceMap(case.subject, case.session, model, values, case.grid, shown, (0,), PROVENANCE)  # type: ignore[arg-type]


def pixels(figure: Figure) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(figure.image)).convert("RGB")).astype(int)


def inked(figure: Figure, ink: str) -> int:
    wanted = np.round(np.array(to_rgb(ink)) * 255).astype(int)
    return int(np.count_nonzero((np.abs(pixels(figure) - wanted) <= 2).all(axis=-1)))


def scored(model: str, measure: str, value: float, unit: str = "1") -> Predicted:
    return Predicted("01", "pre", model, "out of fold", measure, value, unit, True)


def visit(case: LearningCase, *maps: RecurrenceMap, **more: object) -> PredictedVisit:
    scores = (scored("combined", "max", 0.9), scored("ve", "max", float("nan")))
    return replace(PredictedVisit(case, CHANNELS, maps, scores, 0.5), **more)  # type: ignore[arg-type]


def test_the_later_recurrence_is_outlined_only_where_it_is_known(cases: tuple[LearningCase, ...]) -> None:
    case = cases[0]
    drawn = prediction_figure(case, [map_of(case)], "FLAIR", threshold=0.5, name="p", title="t")
    blind = replace(case, label=None)
    without = prediction_figure(blind, [map_of(case)], "FLAIR", threshold=0.5, name="p", title="t")
    assert inked(drawn, RECURRENCE_ON_IMAGE) > 100
    assert inked(without, RECURRENCE_ON_IMAGE) == 0
    assert "not known" in without.caption


def test_a_model_that_is_sure_of_nothing_colours_nothing(cases: tuple[LearningCase, ...]) -> None:
    case = cases[0]
    quiet = prediction_figure(case, [map_of(case, high=0.05)], "FLAIR", threshold=0.5, name="p", title="t")
    loud = prediction_figure(case, [map_of(case, high=0.9)], "FLAIR", threshold=0.5, name="p", title="t")
    assert np.count_nonzero((pixels(quiet) != pixels(loud)).any(axis=-1)) > 1000


def test_the_same_patient_gives_the_same_picture(cases: tuple[LearningCase, ...]) -> None:
    case = cases[1]
    first, second = (prediction_figure(case, [map_of(case)], "CE-T1w", threshold=0.5, name="p", title="t") for _ in range(2))
    assert first == second


def test_without_a_recurrence_the_planes_meet_where_the_model_calls_and_else_in_the_tumour(
    cases: tuple[LearningCase, ...],
) -> None:
    case = cases[1]
    for high, words in ((0.9, "most probable voxel of combined"), (0.4, "through the tumour")):
        drawn = prediction_figure(case, [map_of(case, high=high)], "FLAIR", threshold=0.5, name="p", title="t")
        assert words in drawn.caption


def test_a_map_on_another_grid_is_refused(cases: tuple[LearningCase, ...]) -> None:
    other = make_cases(2, 1, side=20)[0][0]
    with pytest.raises(GridMismatch, match="lay it on that grid"):
        prediction_figure(cases[0], [map_of(other)], "FLAIR", threshold=0.5, name="p", title="t")


def test_maps_have_their_range_and_images_have_none(cases: tuple[LearningCase, ...]) -> None:
    case = cases[0]
    found = channel_maps_figure(case, CHANNELS, [map_of(case)], "CE-T1w", threshold=0.5, name="m", title="t")
    assert found is not None and "ve 0 to" in found.caption
    assert channel_maps_figure(case, CHANNELS[:2], [map_of(case)], "CE-T1w", threshold=0.5, name="m", title="t") is None


def test_targets_are_named_with_their_volume(cases: tuple[LearningCase, ...]) -> None:
    case = cases[0]
    assert case.label is not None
    ml = np.count_nonzero(case.brain) * case.grid.voxel_ml
    found = targets_figure(
        case, [map_of(case)], [("margin", case.brain), ("model", case.label)], "CE-T1w", threshold=0.5, name="x", title="t"
    )
    assert f"margin, {ml:.0f} mL" in found.caption
    assert "no targets to treat" in found.caption


def test_a_patient_seen_in_training_is_told_before_any_picture(section: Section) -> None:
    first_picture = next(n for n, block in enumerate(section.blocks) if isinstance(block, Figure))
    told = [block.words for block in section.blocks[:first_picture] if isinstance(block, Text) and block.kind == "caution"]
    assert told[0] == NOT_FOR_DECISIONS
    assert "had seen this patient while training" in told[1]


def test_the_section_says_what_no_model_reaches_and_what_is_not_known(cases: tuple[LearningCase, ...]) -> None:
    case = replace(cases[0], label=None)
    unsure = recurrence_section(visit(case, map_of(cases[0], high=0.2), channels=CHANNELS[2:]))  # no image, so no pictures
    said = " ".join(block.words for block in unsure.blocks if isinstance(block, Text))
    assert "no voxel reaches 0.5" in said
    assert "is not known" in said


def test_scores_stand_in_a_table_and_marks_and_curves_do_not() -> None:
    rows = (
        scored("combined", "max", 0.91), scored("ve", "max", float("nan")), scored("combined", covered_by(10), 0.5),
        scored("combined", FALSE_MARK, 0.4), scored("combined", f"{TRUE_MARK} 1", 0.6),
    )  # fmt: skip
    table = score_table(rows)
    assert table.columns == ("", "combined", "ve")
    assert table.rows == (("max", "0.910", "not measured"),)


def test_a_map_on_disk_says_its_model_unit_threshold_and_sources(tmp_path: Path, cases: tuple[LearningCase, ...]) -> None:
    place, made = RecurrencePlace(tmp_path, *PLACE), map_of(cases[0])
    written = write_recurrence_map(place, made, threshold=0.5, about={"ModelCardSHA256": "ab" * 32})
    assert len(written) == 4
    back = read_image(place.map_path("combined"))
    np.testing.assert_array_equal(back.load(), made.probability)
    said = json.loads(place.map_path("combined").with_name(written[1].path.name).read_text())
    assert (said["Units"], said["Threshold"], said["Shown"], said["Folds"]) == ("1", 0.5, "out of fold", [0])
    assert said["ModelCardSHA256"] == "ab" * 32
    assert said["Sources"] == list(PROVENANCE.sources)
    inside = read_image(place.mask_path("combined")).load()
    np.testing.assert_array_equal(inside > 0, np.nan_to_num(made.probability) >= 0.5)


def test_what_is_written_twice_has_the_same_bytes(tmp_path: Path, cases: tuple[LearningCase, ...]) -> None:
    place, made = RecurrencePlace(tmp_path, *PLACE), map_of(cases[0])
    first, second = (write_recurrence_map(place, made, threshold=0.5, about={}) for _ in range(2))
    assert [one.sha256 for one in first] == [one.sha256 for one in second]


def test_the_section_comes_back_from_disk_as_it_was(tmp_path: Path, section: Section) -> None:
    place = RecurrencePlace(tmp_path, *PLACE)
    write_story(place, section)
    assert read_story(place) == section
    assert any(isinstance(block, Table) for block in section.blocks)


def test_a_section_that_lost_a_picture_is_refused_and_one_that_was_never_made_is_none(tmp_path: Path, section: Section) -> None:
    place = RecurrencePlace(tmp_path, *PLACE)
    assert read_story(place) is None
    write_story(place, section)
    next(place.folder.glob("*.png")).unlink()
    with pytest.raises(MissingInput, match="predict this patient again"):
        read_story(place)
    place.story_path.write_text("{}")
    with pytest.raises(BadInput, match="predict this patient again"):
        read_story(place)
