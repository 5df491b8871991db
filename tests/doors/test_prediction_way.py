"""The way of a prediction through the real commands: run, predict, run again, paint by it. Only what the model answers is pretended."""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.recurrence_doors import METHOD, invoke, made_models, made_study, pretended

from afterglow.align.resample import resample
from afterglow.flows.method import method_text
from afterglow.io.nifti import read_image
from afterglow.io.zones import PaintedPlace, read_painted
from afterglow.records.dose import NOT_FOR_TREATMENT

pytestmark = pytest.mark.slow
SECTION = ">Where it may come back</h2>"
NUMBERS = """
[paint.numbers]
quantity = "probability that the tumour comes back"
low = 0.1
high = 0.9
least_gy = 15.0
greatest_gy = 18.0
not_assessed_gy = 15.0
border_mm = 0.0
source = "a test"
"""


def both_methods(path: Path) -> Path:
    """A method that predicts on voxels of 4 mm and paints by numbers, its plans quick."""
    whole, painting = method_text(METHOD), method_text("seyithanoglu2025")
    painting = painting[painting.index("[paint]") : painting.index("# --- the cohort")]
    for old, new in (
        ('before = "radiosurgery"', 'before = "surgery"'), ('response = ["ktrans", "iaugc60"]', 'response = ["ktrans"]'),
        ("grid_mm = 1.5", "grid_mm = 4.0"), ("candidates = 120", "candidates = 20"), ("target_points = 1000", "target_points = 120"),
        ("shell_points = 250", "shell_points = 40"), ("draws = 8", "draws = 1"), ("rounds = 3", "rounds = 1"),
    ):  # fmt: skip
        assert painting.count(old) == 1, old
        painting = painting.replace(old, new)
    assert whole.count("spacing_mm = 1.0") == 1
    path.write_text(whole.replace("spacing_mm = 1.0", "spacing_mm = 4.0") + "\n" + painting + NUMBERS)
    return path


@pytest.fixture(scope="module")
def way(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One digital patient, run without torch and predicted."""
    root = tmp_path_factory.mktemp("way")
    made_study(root)
    made_models(root)
    shutil.rmtree(root / "models" / "data")  # so that the patient is read from the run
    shutil.rmtree(root / "bids")
    both_methods(root / "both.toml")
    done = invoke("simulate", METHOD, root / "study", "--patients", 1, "--size", "coarse", "--seed", 3)
    assert done.exit_code == 0, done.output
    (root / "study" / "bids").rename(root / "bids")
    assert SECTION not in run(root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("afterglow.flows.predict_visit.predict_case", pretended)
        patch.setattr("afterglow.flows.predict.need_nnunet", lambda: None)
        patch.setattr("afterglow.flows.predict.check_device", lambda device: None)
        done = invoke("predict", root / "bids", root / "out", root / "models", "--method", root / "both.toml")
    assert done.exit_code == 0, done.output
    yield root


@pytest.fixture
def place(way: Path, tmp_path: Path) -> Path:
    """A copy to do something with."""
    for name in ("bids", "out"):
        shutil.copytree(way / name, tmp_path / name)
    shutil.copy(way / "both.toml", tmp_path)
    return tmp_path


def run(place: Path) -> str:
    """The patient's page after a run on a machine without torch."""
    with pytest.MonkeyPatch.context() as without:
        without.setitem(sys.modules, "torch", None)
        without.setitem(sys.modules, "nnunetv2", None)
        done = invoke("run", place / "bids", place / "out", "participant", "--method", place / "both.toml")
    assert done.exit_code == 0, done.output
    return page(place)


def page(place: Path) -> str:
    return (place / "out" / "sub-01.html").read_text()


def predicted(place: Path) -> Path:
    return next(place.glob("out/sub-01/ses-pre/recurrence/*_model-combined_probseg.nii.gz"))


def paint(place: Path, by: Path, *more: object):
    return invoke("paint", place / "bids", place / "out", "01", "--method", place / "both.toml", "--by", by, *more)


def test_a_later_run_keeps_what_was_predicted_until_a_file_that_it_was_made_from_changes(place: Path) -> None:
    before = page(place)
    assert before.count(SECTION) == 1
    assert run(place) == before
    assert not invoke("verify", place / "out").exit_code
    sidecar = place / "bids" / "sub-01" / "ses-pre" / "anat" / "sub-01_ses-pre_FLAIR.json"
    sidecar.write_text(json.dumps({**json.loads(sidecar.read_text()), "Note": "looked at"}))
    after = run(place)
    assert SECTION not in after
    assert "prediction of recurrence: the one of ses-pre is left out: sub-01/ses-pre/anat/sub-01_ses-pre_FLAIR.json" in after
    assert not invoke("verify", place / "out").exit_code


def test_a_predicted_map_steers_a_dose_and_the_report_says_which_model_and_threshold(place: Path) -> None:
    done = paint(place, predicted(place), "--json")
    assert done.exit_code == 0, done.output
    found = read_painted(PaintedPlace(place / "out", "01", "pre"))
    inside, dose = found.zones.tumour, found.prescription.dose_gy
    image = read_image(predicted(place))
    said = json.loads(image.path.with_name(image.path.name.replace(".nii.gz", ".json")).read_text())
    assert "Louis Collins" in said["Notice"]  # its brain was found with the average brain
    laid = resample(image.load().astype(np.float32), image.grid, found.zones.grid)
    assert np.isfinite(laid[inside]).all()
    np.testing.assert_allclose(dose[inside], 15 + 3 * np.clip((laid[inside] - 0.1) / 0.8, 0, 1), atol=1e-3)
    assert np.ptp(dose[inside]) > 1
    told = {(one["plan"], one["structure"], one["name"]): one["value"] for one in json.loads(done.stdout)["figures"]}
    assert told["painted", "tumour", "D95"] > 10
    text = page(place)
    for words in (
        "by numbers: 15 to 18 Gy in a straight line over probability that the tumour comes back from 0.1 to 0.9",
        "dose painted by: the probability of model combined", "called at a threshold of 0.5", "held out of its folds",
        "Research model, trained on the data of its user; not for treatment decisions.", NOT_FOR_TREATMENT, SECTION,
    ):  # fmt: skip
        assert words in text, words
    assert not invoke("verify", place / "out").exit_code
    first = {path: path.stat().st_mtime_ns for path in place.glob("out/sub-01/ses-pre/dose/*")}
    assert paint(place, predicted(place)).exit_code == 0
    assert {path: path.stat().st_mtime_ns for path in place.glob("out/sub-01/ses-pre/dose/*")} == first


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("sub-02_ses-pre_space-CET1w_label-recurrence_model-combined_probseg", "a map of sub-02, and sub-01 is painted"),
        ("sub-01_ses-pre_space-FLAIR_label-recurrence_model-combined_probseg", "in the space of FLAIR"),
        ("sub-01_ses-post_space-CET1w_label-recurrence_model-combined_probseg", "made from ses-post"),
    ],
)
def test_a_map_of_another_patient_space_or_visit_is_refused_and_what_was_painted_stays(
    place: Path, name: str, words: str
) -> None:
    before = {path: path.read_bytes() for path in place.glob("out/sub-01/**/*") if path.is_file()}
    other = place / f"{name}.nii.gz"
    shutil.copy(predicted(place), other)
    done = paint(place, other)
    assert done.exit_code == 1
    assert words in str(done.exception)
    assert {path: path.read_bytes() for path in place.glob("out/sub-01/**/*") if path.is_file()} == before
