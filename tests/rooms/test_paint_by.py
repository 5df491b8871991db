"""Claims about a map to paint by: it must be of the patient, the visit and the image that are painted, and what made it is told."""

import json
from pathlib import Path

import numpy as np
import pytest
from painted_visits import visit

from afterglow.flows.paint_by import steering_of
from afterglow.flows.paint_orders import PaintOrders
from afterglow.io.integrity import sha256
from afterglow.io.recurrence_maps import RecurrencePlace, write_recurrence_map
from afterglow.io.write import write_text
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.records.maps import Provenance
from afterglow.records.recurrence import NOT_FOR_DECISIONS, RecurrenceMap, Shown

ANATOMY = "sub-01/ses-pre/anat/t1.nii.gz"  # of painted_visits.visit


def predicted(
    root: Path, *, subject: str = "01", session: str = "pre", space: str = "CE-T1w", shown: Shown = "new", sources: dict[str, str]
) -> Path:
    """A map as `predict` writes it."""
    made = Provenance("predict", "0.1.0", {}, tuple(sources), "Predicted.", ())
    values = np.full((2, 2, 2), 0.6, dtype=np.float32)
    one = RecurrenceMap(subject, session, "combined", values, Grid((2, 2, 2), np.eye(4)), shown, (0, 2), made)
    about = {"Method": "yoon2024", "ModelCardSHA256": "ab" * 32, "SourceSHA256": sources}
    place = RecurrencePlace(root / "out", subject, session, space)
    return write_recurrence_map(place, one, threshold=0.4, about=about)[0].path


@pytest.fixture
def source(tmp_path: Path) -> dict[str, str]:
    """The image that is planned on, with its hash."""
    write_text(tmp_path / ANATOMY, "an image")
    return {ANATOMY: sha256(tmp_path / ANATOMY)}


def sidecar(path: Path) -> Path:
    return path.with_name(path.name.replace(".nii.gz", ".json"))


def test_the_model_its_card_its_folds_and_its_threshold_are_told(tmp_path: Path, source: dict[str, str]) -> None:
    told = steering_of(predicted(tmp_path, sources=source), visit(), tmp_path)
    for words in (
        "model combined",
        "of method yoon2024",
        "folds 0, 2",
        "abababababab",
        "the patient is new to it",
        "threshold of 0.4",
    ):
        assert words in told.line.found
        assert words in told.sentence
    assert NOT_FOR_DECISIONS in told.sentence
    assert told.line.level == "note"


def test_a_model_that_had_learned_from_the_patient_is_warned_of(tmp_path: Path, source: dict[str, str]) -> None:
    told = steering_of(predicted(tmp_path, shown="training", sources=source), visit(), tmp_path)
    assert told.line.level == "warning"
    assert "had learned from this patient" in told.line.advice


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"subject": "02"}, "it is a map of sub-02, and sub-01 is painted"),
        ({"session": "post"}, "it was made from ses-post, and ses-pre is painted"),
        ({"space": "FLAIR"}, "it lies in the space of FLAIR, and the dose is planned on CE-T1w"),
    ],
)
def test_a_map_of_another_patient_visit_or_space_is_refused_by_its_name(
    tmp_path: Path, source: dict[str, str], other: dict[str, str], words: str
) -> None:
    with pytest.raises(BadInput, match=words) as caught:
        steering_of(predicted(tmp_path, **other, sources=source), visit(), tmp_path)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("other", "words"), [({"subject": "02"}, "a map of sub-02"), ({"session": "post"}, "made from ses-post")]
)
def test_a_map_under_the_name_of_another_is_known_by_its_sidecar(
    tmp_path: Path, source: dict[str, str], other: dict[str, str], words: str
) -> None:
    path = predicted(tmp_path, **other, sources=source)  # type: ignore[arg-type]
    named = tmp_path / "sub-01_ses-pre_space-CET1w_probseg.nii.gz"
    named.write_bytes(path.read_bytes())
    sidecar(named).write_bytes(sidecar(path).read_bytes())
    with pytest.raises(BadInput, match=words):
        steering_of(named, visit(), tmp_path)


def test_a_map_that_was_made_from_files_of_somebody_else_is_refused(tmp_path: Path, source: dict[str, str]) -> None:
    path = predicted(tmp_path, sources={**source, "sub-07/ses-pre/anat/t1.nii.gz": "0" * 64})
    with pytest.raises(BadInput, match="it is a map of sub-07"):
        steering_of(path, visit(), tmp_path)


def test_a_map_that_was_made_from_another_image_than_the_one_planned_on_is_refused(
    tmp_path: Path, source: dict[str, str]
) -> None:
    path = predicted(tmp_path, sources={"sub-01/ses-pre/anat/other.nii.gz": "0" * 64})
    with pytest.raises(BadInput, match=f"it was not made from {ANATOMY}, which the dose is planned on"):
        steering_of(path, visit(), tmp_path)
    path = predicted(tmp_path, sources=source)
    write_text(tmp_path / ANATOMY, "another image")
    with pytest.raises(BadInput, match=f"{ANATOMY} is not the file any more that it was made from"):
        steering_of(path, visit(), tmp_path)


def test_a_map_of_ones_own_says_that_no_model_is_known_and_a_nameless_one_that_nobody_is(tmp_path: Path) -> None:
    own = steering_of(tmp_path / "sub-01_ses-pre_space-T1w_map.nii.gz", visit(), tmp_path)
    assert (own.line.level, "names no model" in own.line.found) == ("note", True)
    nameless = steering_of(tmp_path / "map.nii.gz", visit(), tmp_path)
    assert nameless.line.level == "warning"
    assert "whose it is, neither its name nor a sidecar tells" in nameless.line.advice


def test_the_same_voxels_under_another_name_or_with_another_sidecar_are_painted_anew(
    tmp_path: Path, source: dict[str, str]
) -> None:
    path = predicted(tmp_path, sources=source)
    first = PaintOrders(by=path).digest()
    named = path.with_name("map.nii.gz")
    named.write_bytes(path.read_bytes())
    assert PaintOrders(by=named).digest() != first
    sidecar(path).write_text(json.dumps({**json.loads(sidecar(path).read_text()), "Model": "another"}))
    assert PaintOrders(by=path).digest() != first
