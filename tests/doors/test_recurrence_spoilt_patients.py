"""Claims about patients whose files are wrong, through `train` and `predict`: one sentence for each, its exit code, and the others go on."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from tests.learning_patients import finished_run, image_path, one_head, outline_path, study
from tests.recurrence_doors import METHOD, invoke, made_models, made_study, pretended

from afterglow.flows.method import method_text
from afterglow.io.images import write_image, write_mask
from afterglow.io.learning import read_learning_set
from afterglow.io.nifti import read_image

WRONG = {
    "01": "drawn in another space, or on another patient",
    "02": "the channel FLAIR is missing",
    "03": "they look exchanged",
    "04": "is it in per cent? divide it by 100",
    "05": "was made from sub-08/ses-pre",
    "06": "is not that of the run",
    "07": "has no finished run",
}
SOUND = ["08", "09", "10", "11", "12", "13"]
LABELS, WITHOUT_RUN = "01", "07"  # wrong for who learns, no matter for who only predicts


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Thirteen small patients, seven of them spoilt, a method on their own voxels, and a model that answers without being one."""
    root = tmp_path_factory.mktemp("spoilt")
    made_study(root / "of-models")
    made_models(root / "of-models")
    (root / "of-models" / "models").rename(root / "models")
    shutil.rmtree(root / "models" / "data")  # so that patients are read from the run
    study(root, 13)
    _spoil(root)
    text = method_text(METHOD).replace("spacing_mm = 1.0", "spacing_mm = 5.0").replace("folds = 5", "folds = 2")
    (root / "coarse.toml").write_text(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("afterglow.flows.predict_visit.predict_case", pretended)
        patch.setattr("afterglow.flows.predict.need_nnunet", lambda: None)
        patch.setattr("afterglow.flows.predict.check_device", lambda device: None)
        yield root


def _spoil(root: Path) -> None:
    bids, out = root / "bids", root / "out"
    here = one_head(1)
    air = np.zeros(here.grid.shape, dtype=bool)
    air[1:5, 1:5, 1:5] = True
    outline_path(bids, "01", "space-FLAIR_label-recurrence").unlink()
    write_mask(outline_path(bids, "01", "space-T1w_label-recurrence"), air, here.grid)
    image_path(bids, "02", "FLAIR").unlink()
    one, other = (read_image(image_path(bids, "03", name)) for name in ("ce-gadolinium_T1w", "FLAIR"))
    first, second = one.load(), other.load()
    write_image(one.path, second, one.grid, sidecar={"EchoTime": 0.12})
    write_image(other.path, first, other.grid, sidecar={"EchoTime": 0.003})
    finished_run(out, "04", factor=100.0)
    for path in (out / "sub-08" / "ses-pre" / "perf").glob("*param-ve*"):
        shutil.copy(path, out / "sub-05" / "ses-pre" / "perf" / path.name.replace("sub-08", "sub-05"))
    there = read_image(next((out / "sub-06" / "ses-pre" / "perf").glob("*param-ve_dcemap.nii.gz")))
    moved = there.grid.affine.copy()
    moved[:3, 3] += 20.0
    write_image(there.path, there.load(), type(there.grid)(there.grid.shape, moved))
    shutil.rmtree(out / "sub-07")


def command(place: Path, name: str, models: str, *more: object):
    return invoke(name, place / "bids", place / "out", place / models, "--method", place / "coarse.toml", *more)


def test_who_cannot_be_learnt_from_is_left_out_and_told_and_the_set_is_made_of_the_others(place: Path) -> None:
    done = command(place, "train", "new", "--data-only")
    assert done.exit_code == 0, done.output
    made = read_learning_set(place / "new")
    assert sorted(made.entries) == SOUND
    assert sorted(made.left_out) == sorted(WRONG)
    for subject, words in WRONG.items():
        (sentence,) = [line for line in done.output.splitlines() if words in line]
        assert sentence.startswith("Left out: ")
        assert f"sub-{subject}" in sentence
        assert words in made.left_out[subject]


def test_who_cannot_be_predicted_is_told_with_exit_1(place: Path) -> None:
    wrong = [subject for subject in WRONG if subject not in (LABELS, WITHOUT_RUN)]
    done = command(place, "predict", "models", *(part for one in wrong for part in ("--participant-label", one)))
    assert done.exit_code == 1
    for subject in wrong:
        (sentence,) = [line for line in done.output.splitlines() if WRONG[subject] in line]
        assert f"sub-{subject}" in sentence
    assert not list(place.glob("out/sub-*/**/*_probseg.nii.gz"))


def test_a_set_of_one_class_alone_is_refused_with_exit_1(place: Path, tmp_path: Path) -> None:
    shutil.copytree(place / "bids", tmp_path / "bids")
    for subject in ("09", "11", "13"):
        outline_path(tmp_path / "bids", subject, "space-FLAIR_label-recurrence").unlink()
    table = tmp_path / "bids" / "phenotype" / "outcomes.tsv"
    table.write_text(table.read_text().replace("\trecurrence", "\tno recurrence"))
    done = invoke("train", tmp_path / "bids", place / "out", tmp_path / "new", "--method", place / "coarse.toml", "--data-only")
    assert done.exit_code == 1
    assert "no patient who trains has a recurrence" in str(done.exception)
    assert not (tmp_path / "new" / "data" / "data.json").exists()
