"""Claims about `afterglow predict`: what it writes, what it leaves as it is, and that one patient who fails stops nobody."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from tests.recurrence_doors import METHOD, MODELS, invoke, made_models, made_study, pretended
from tests.rooms.report_patients import patient

from afterglow.flows.method import load_method
from afterglow.flows.paint_orders import PaintOrders, numbers_of
from afterglow.flows.patient import write_patient
from afterglow.flows.place import Place
from afterglow.flows.predict_kept import KeptPrediction, kept_prediction
from afterglow.io.bids import open_dataset
from afterglow.io.images import write_image
from afterglow.io.nifti import read_image
from afterglow.io.predictions import read_predictions
from afterglow.records.errors import BadInput
from afterglow.records.recurrence import NOT_FOR_DECISIONS

TITLE = "Where it may come back"


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Result]]:
    """Made patients and models, predicted once; what a model answers is pretended, all that is done with it is not."""
    root = tmp_path_factory.mktemp("predicted")
    made_study(root)
    made_models(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("afterglow.flows.predict_visit.predict_case", pretended)
        patch.setattr("afterglow.flows.predict.need_nnunet", lambda: None)
        patch.setattr("afterglow.flows.predict.check_device", lambda device: None)
        yield root, predict(root, "--json")


@pytest.fixture
def place(first: tuple[Path, Result], tmp_path: Path) -> Path:
    """A copy to do something with."""
    shutil.copytree(first[0], tmp_path, dirs_exist_ok=True)
    return tmp_path


def predict(place: Path, *more: object):
    return invoke("predict", place / "bids", place / "out", place / "models", "--method", METHOD, *more)


def some(place: Path, *more: object):
    return predict(place, "--participant-label", "01", "--participant-label", "sub-03", *more)


def maps(place: Path) -> list[str]:
    return sorted(path.name for path in place.glob("out/sub-*/ses-pre/recurrence/*_probseg.nii.gz"))


def files(place: Path) -> dict[Path, int]:
    return {path.relative_to(place): path.stat().st_mtime_ns for path in place.glob("out/sub-*/ses-pre/recurrence/*")}


def test_every_patient_gets_maps_and_numbers_and_one_who_fails_stops_nobody(first: tuple[Path, Result]) -> None:
    root, done = first
    assert done.exit_code == 1
    told = json.loads(done.stdout)
    assert told["not_for_decisions"] == NOT_FOR_DECISIONS
    assert [one["participant"] for one in told["patients"]] == ["01", "02", "03"]
    (failure,) = told["failures"]
    assert "sub-04" in failure
    assert len(maps(root)) == 3 * len(MODELS)
    rows = read_predictions(root / "out" / "predictions.tsv")
    assert {"combined", "conventional", "ve", "distance"} <= {row.model for row in rows}
    by_model = {(row.participant_id, row.model): row.value for row in rows if row.measure == "voxel at 0.5"}
    assert by_model["01", "combined"] == 1
    assert by_model["01", "conventional"] == 0
    assert not invoke("verify", root / "out").exit_code


def test_what_was_predicted_is_not_predicted_again(place: Path) -> None:
    before = files(place)
    again = some(place)
    assert again.exit_code == 0, again.output
    assert again.output.count("stood there already") == 2
    assert files(place) == before


def test_with_fewer_models_and_another_threshold_the_rest_goes_and_the_folder_verifies(place: Path) -> None:
    assert predict(place, "--participant-label", "01", "--model", "combined", "--threshold", 0.9).exit_code == 0
    own = "sub-01_ses-pre_space-CET1w_label-recurrence_model-combined_probseg.nii.gz"
    assert [name for name in maps(place) if name.startswith("sub-01")] == [own]
    rows = [row for row in read_predictions(place / "out" / "predictions.tsv") if row.participant_id == "01"]
    assert any(row.measure == "volume at 0.9" for row in rows)
    assert not any(row.measure == "volume at 0.5" or row.model == "conventional" for row in rows)
    assert not invoke("verify", place / "out").exit_code
    (place / "out" / "sub-01" / "ses-pre" / "recurrence" / own).write_bytes(b"x")
    assert invoke("verify", place / "out").exit_code == 1


def test_the_same_patient_gives_the_same_bytes(place: Path) -> None:
    before = {path.name: path.read_bytes() for path in place.glob("out/sub-01/ses-pre/recurrence/*")}
    (place / "out" / ".afterglow" / "exams" / "sub-01_recurrence.json").unlink()
    assert "stood there" not in predict(place, "--participant-label", "01").output
    assert {path.name: path.read_bytes() for path in place.glob("out/sub-01/ses-pre/recurrence/*")} == before


def test_the_sidecar_tells_model_card_threshold_and_what_was_seen(first: tuple[Path, Result]) -> None:
    path = next(first[0].glob("out/sub-03/ses-pre/recurrence/*_model-combined_probseg.json"))
    said = json.loads(path.read_text())
    assert (said["Units"], said["Model"], said["Shown"], said["Threshold"]) == ("1", "combined", "test", 0.5)
    assert len(said["ModelCardSHA256"]) == len(said["DataCardSHA256"]) == 64
    assert said["NotForDecisions"] == NOT_FOR_DECISIONS


@pytest.mark.slow
def test_the_section_stands_in_the_patients_report_once_and_is_not_written_twice(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page, ran = place / "out" / "sub-01.html", []

    def run(of: Place, *_: object, **__: object):
        """What a run leaves of a patient whose visits are finished."""
        ran.append(1)
        found = patient((24, 24, 6))
        write_patient(of, found, load_method(METHOD), kept_prediction(of, "01"))
        return found, []

    monkeypatch.setattr("afterglow.flows.predict_report.run_patient", run)
    assert "no report of a run to add the prediction to" in predict(place, "--participant-label", "01").output
    write_patient(
        Place(open_dataset(place / "bids"), place / "out", None), patient((24, 24, 6)), load_method(METHOD), KeptPrediction()
    )
    assert TITLE not in page.read_text()
    for _ in range(2):
        assert predict(place, "--participant-label", "01").exit_code == 0
        assert page.read_text().count(f">{TITLE}</h2>") == 1
        assert len(ran) == 1
    assert not invoke("verify", place / "out").exit_code


def test_a_predicted_map_can_be_painted_by_and_one_in_per_cent_cannot(first: tuple[Path, Result], tmp_path: Path) -> None:
    path = next(first[0].glob("out/sub-01/ses-pre/recurrence/*_model-combined_probseg.nii.gz"))
    image = read_image(path)
    spec = load_method("seyithanoglu2025").paint
    assert spec is not None
    text = {"quantity": "probability that the tumour comes back", "low": 0.1, "high": 0.9, "least_gy": 15.0, "greatest_gy": 18.0,
            "not_assessed_gy": 15.0, "border_mm": 2.0, "source": "a test"}  # fmt: skip
    painting = type(spec).model_validate({**spec.model_dump(), "numbers": text})
    laid = numbers_of(PaintOrders(by=path), painting, image.grid)
    assert laid is not None
    np.testing.assert_allclose(laid[0], image.load(), atol=1e-6)
    percent = tmp_path / "percent.nii.gz"
    write_image(percent, 100 * image.load(), image.grid, sidecar={"Units": "%"})
    with pytest.raises(BadInput, match="per cent"):
        numbers_of(PaintOrders(by=percent), painting, image.grid)
