"""Claims about a report that is written again: what was predicted earlier stays in it as long as it is of the files that are there."""

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imsave
from tests.recurrence_doors import METHOD
from tests.rooms.report_patients import patient

from afterglow.flows.method import load_method
from afterglow.flows.patient import write_patient
from afterglow.flows.place import Place
from afterglow.flows.predict_kept import TOLD, kept_prediction
from afterglow.io.bids import open_dataset
from afterglow.io.integrity import sha256
from afterglow.io.manifest import read_entry
from afterglow.io.recurrence_maps import RecurrencePlace, write_recurrence_map, write_story
from afterglow.io.write import write_json, write_text
from afterglow.records.document import Figure, Section, Text
from afterglow.records.grid import Grid
from afterglow.records.maps import Provenance
from afterglow.records.recurrence import RecurrenceMap

TITLE = "Where it may come back"
FLAIR, MAP = "sub-01/ses-pre/anat/sub-01_ses-pre_FLAIR.nii.gz", "sub-01/ses-pre/perf/sub-01_ses-pre_dcemap.nii.gz"


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A data set and an output folder with one prediction, made from an image of the one and a map of the other."""
    write_json(tmp_path / "bids" / "dataset_description.json", {"Name": "made", "BIDSVersion": "1.11.1"})
    write_text(tmp_path / "bids" / FLAIR, "an image")
    write_text(tmp_path / "out" / MAP, "a map")
    found = Place(open_dataset(tmp_path / "bids"), tmp_path / "out", None)
    sources = {FLAIR: sha256(tmp_path / "bids" / FLAIR), MAP: sha256(tmp_path / "out" / MAP)}
    predicted(story(found), sources)
    return found


def picture() -> bytes:
    made = BytesIO()
    imsave(made, np.zeros((2, 2)), format="png")
    return made.getvalue()


def story(place: Place) -> RecurrencePlace:
    return RecurrencePlace(place.out, "01", "pre", "CE-T1w")


def predicted(own: RecurrencePlace, sources: dict[str, str]) -> None:
    """What `predict` leaves of a visit, as far as a report reads it."""
    made = Provenance("predict", "0.1.0", {}, (), "Predicted.", ())
    values = np.full((2, 2, 2), 0.6, dtype=np.float32)
    one = RecurrenceMap("01", "pre", "combined", values, Grid((2, 2, 2), np.eye(4)), "new", (0,), made)
    write_recurrence_map(own, one, threshold=0.5, about={"SourceSHA256": sources})
    write_story(
        own, Section(TITLE, (Text("Not for decisions."), Figure("p1", picture(), "image/png", "A map.", "a map")), "recurrence")
    )


def test_a_prediction_of_the_files_that_are_there_is_kept_whole(place: Place) -> None:
    kept = kept_prediction(place, "01")
    (section,) = kept.sections
    assert [type(block).__name__ for block in section.blocks] == ["Text", "Figure"]
    assert kept.told == sha256(story(place).story_path)
    assert kept.left_out == ()


def test_a_patient_of_whom_nothing_was_predicted_has_nothing_to_keep(place: Place) -> None:
    none = kept_prediction(place, "02")
    assert (none.sections, none.told, none.left_out) == ((), "", ())


@pytest.mark.parametrize(("name", "root"), [(FLAIR, "bids"), (MAP, "out")])
@pytest.mark.parametrize("gone", [False, True])
def test_a_source_that_changed_or_is_gone_leaves_the_prediction_out_with_one_sentence(
    place: Place, tmp_path: Path, name: str, root: str, gone: bool
) -> None:
    path = tmp_path / root / name
    path.unlink()
    if not gone:
        write_text(path, "another")
    kept = kept_prediction(place, "01")
    (line,) = kept.left_out
    assert (kept.sections, kept.told, line.level) == ((), "", "warning")
    assert name in line.found
    assert ("is gone" if gone else "is not the file any more") in line.found
    assert "`afterglow predict` again" in line.found


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda own: own.picture_path("p1").unlink(), "a picture of the report is missing"),
        (lambda own: own.picture_path("p1").write_bytes(b"cut"), "not the picture that was made"),
        (lambda own: own.story_path.write_text('{"Title": "x"}'), "missing or malformed"),
        (lambda own: [path.unlink() for path in own.folder.glob("*_probseg.json")], "its maps are gone"),
        (lambda own: write_json(own.map_path("combined").with_name(own.map_path("combined").name.replace(".nii.gz", ".json")), {}),
         "does not tell what the map was made from"),
    ],
)  # fmt: skip
def test_what_is_damaged_is_left_out_and_stops_no_run(place: Place, spoil, words: str) -> None:
    spoil(story(place))
    (line,) = kept_prediction(place, "01").left_out
    assert words in line.found


def test_the_page_that_a_run_writes_holds_it_and_says_so_in_the_manifest(place: Place) -> None:
    write_patient(place, patient((24, 24, 6)), load_method(METHOD), kept_prediction(place, "01"))
    assert f">{TITLE}</h2>" in (place.out / "sub-01.html").read_text()
    entry = read_entry(place.out, "sub-01")
    assert entry is not None
    assert entry.settings[TOLD] == sha256(story(place).story_path)
