"""Claims about `afterglow outline`: an outline from a click is found by a run, says how it was made, and replaces nobody's by accident."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import typer
from click.testing import Result
from numpy.typing import NDArray
from typer.testing import CliRunner

from afterglow.cli.outline import outline
from afterglow.flows.outline import Order, outline_lesion
from afterglow.io.bids import open_dataset
from afterglow.io.images import write_image, write_mask
from afterglow.io.outlines import find_outlines, read_mask
from afterglow.io.segmenters import SEGMENTERS, run_segmenter
from afterglow.records.errors import AfterglowError, BadInput, GridMismatch, MissingInput
from afterglow.records.grid import Grid

GRID = Grid((36, 36, 36), np.array([[-2.0, 0, 0, 35.0], [0, 2.0, 0, -35.0], [0, 0, 2.0, -35.0], [0, 0, 0, 1.0]]))
MIDDLE = (4.0, -6.0, 2.0)
ORDER = Order("01", "01", at_mm=MIDDLE, radius_limit_mm=25.0)
Floats = NDArray[np.float32]


def ball(radius_mm: float) -> Floats:
    points = GRID.to_mm(np.stack(np.indices(GRID.shape), axis=-1).astype(float))
    return np.asarray(np.clip((radius_mm - np.linalg.norm(points - MIDDLE, axis=-1)) / 2 + 0.5, 0, 1), np.float32)


@pytest.fixture
def bids(tmp_path: Path) -> Path:
    """One visit with one contrast-enhanced T1w image: a bright ball of 9 mm in a brain in air."""
    root = tmp_path / "bids"
    folder = root / "sub-01" / "ses-01" / "anat"
    folder.mkdir(parents=True)
    (root / "dataset_description.json").write_text('{"Name": "ball", "BIDSVersion": "1.11.1"}')
    (root / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\tday\nses-01\t0\n")
    points = GRID.to_mm(np.stack(np.indices(GRID.shape), axis=-1).astype(float))
    head = np.linalg.norm(points, axis=-1) < 33
    image = np.where(head, 100 + 100 * ball(9.0), 2.0) + np.random.default_rng(1).normal(0, 2, GRID.shape)
    write_image(
        folder / "sub-01_ses-01_ce-gadolinium_T1w.nii.gz", np.abs(image).astype(np.float32), GRID, sidecar={"EchoTime": 0.003}
    )
    return root


def program(folder: Path, body: str) -> Path:
    """An executable that a test wrote in place of a user's."""
    path = folder / "segment"
    path.write_text("#!/bin/sh\n" + body)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


def test_a_click_writes_an_outline_that_a_run_finds_and_says_how_it_was_made(bids: Path) -> None:
    done = outline_lesion(bids, ORDER)
    found = find_outlines(open_dataset(bids), "01", "01")
    assert [(one.label, one.lesion_id, one.space) for one in found] == [("lesion", "1", "T1w")]
    mask, true = read_mask(found[0]), ball(9.0) > 0.5
    assert 2 * (mask & true).sum() / (mask.sum() + true.sum()) > 0.93
    told = json.loads(done.mask.with_name(done.mask.name.replace(".nii.gz", ".json")).read_text())
    assert told["ClickMm"] == list(MIDDLE)
    assert told["VolumeMl"] == pytest.approx(4 / 3 * np.pi * 0.9**3, rel=0.1)
    assert told["Images"] == {"CE-T1w": "sub-01/ses-01/anat/sub-01_ses-01_ce-gadolinium_T1w.nii.gz"}
    assert done.picture.read_bytes().startswith(b"\x89PNG")


def test_an_outline_that_is_there_stays_unless_told_otherwise(bids: Path) -> None:
    path = bids / "derivatives/outlines/sub-01/ses-01/anat/sub-01_ses-01_space-T1w_label-lesion_mask.nii.gz"
    drawn = np.zeros(GRID.shape, bool)
    drawn[3, 3, 3] = True
    write_mask(path, drawn, GRID)
    before = path.read_bytes()
    with pytest.raises(BadInput, match="outlined already; give --overwrite"):
        outline_lesion(bids, ORDER)
    assert path.read_bytes() == before
    assert outline_lesion(bids, replace(ORDER, overwrite=True)).mask == path
    assert path.read_bytes() != before
    assert outline_lesion(bids, replace(ORDER, lesion_id="2")).mask.name.endswith("label-lesion2_mask.nii.gz")


def test_a_lesion_outlined_under_another_name_is_never_doubled(bids: Path) -> None:
    path = bids / "derivatives/outlines/sub-01/ses-01/anat/sub-01_ses-01_label-lesion1_mask.nii.gz"
    write_mask(path, ball(9.0) > 0.5, GRID)
    with pytest.raises(BadInput, match="is outlined there already"):
        outline_lesion(bids, replace(ORDER, overwrite=True))


@pytest.mark.parametrize(
    ("order", "said"),
    [
        (replace(ORDER, at_mm=None), "give a click with --at"),
        (replace(ORDER, box_mm=(MIDDLE, MIDDLE)), "give one of the two"),
        (replace(ORDER, at_mm=(34.0, 34.0, 34.0)), "in air"),
        (replace(ORDER, at_mm=(300.0, 0.0, 0.0)), "outside the image"),
        (replace(ORDER, lesion_id="left frontal"), "letters and digits"),
        (replace(ORDER, segmenter="magic"), "choose from nnunet"),
        (replace(ORDER, segmenter="hd-bet"), "give its path with --executable"),
        (replace(ORDER, model=Path("m")), "is for a segmenter"),
        (replace(ORDER, session="07"), "07"),
    ],
)
def test_a_mistake_is_one_sentence_and_nothing_is_written(bids: Path, order: Order, said: str) -> None:
    with pytest.raises(AfterglowError, match=said) as caught:
        outline_lesion(bids, order)
    assert "\n" not in str(caught.value)
    assert not (bids / "derivatives").exists()


def test_a_click_beside_the_head_is_told_before_images_are_laid_on_one_another(
    bids: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("afterglow.flows.outline.read_anatomies", lambda *_: pytest.fail("registered first"))
    with pytest.raises(BadInput, match="outside the image"):
        outline_lesion(bids, replace(ORDER, at_mm=(300.0, 0.0, 0.0)))


def test_vertebrae_that_a_program_finds_stay_for_the_run(bids: Path, tmp_path: Path) -> None:
    bone = np.zeros(GRID.shape, bool)
    bone[:, :, : GRID.shape[2] // 2] = True
    answer = tmp_path / "answer.nii.gz"
    write_mask(answer, bone, GRID)
    body = f'cd "$(dirname "$2")"/..\ncp {answer} out/vertebrae.nii.gz\n'
    outline_lesion(bids, replace(ORDER, segmenter="totalsegmentator", executable=program(tmp_path, body)))
    found = {one.label: read_mask(one) for one in find_outlines(open_dataset(bids), "01", "01")}
    assert set(found) == {"lesion", "vertebra"}
    assert (found["vertebra"] == bone).all()


def test_a_visit_without_contrast_says_what_it_lacks(bids: Path) -> None:
    folder = bids / "sub-01" / "ses-01" / "anat"
    for path in folder.iterdir():
        path.rename(folder / path.name.replace("_ce-gadolinium", ""))
    with pytest.raises(MissingInput, match="needs a contrast-enhanced T1w image"):
        outline_lesion(bids, ORDER)


def typed(*words: str) -> Result:
    app = typer.Typer()
    app.command()(outline)
    return CliRunner().invoke(app, list(words))


def test_the_command_takes_negative_places_and_prefixes_and_prints_json(bids: Path) -> None:
    done = typed(str(bids), "sub-01", "--session", "ses-01", "--box", "-9,-20,-11,17,8,15", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["volume_ml"] == pytest.approx(4 / 3 * np.pi * 0.9**3, rel=0.1)
    assert typed(str(bids), "01", "--session", "01", "--at", "1,2").exit_code == 2


def test_a_program_that_marks_lesions_gives_the_piece_that_is_pointed_at(bids: Path, tmp_path: Path) -> None:
    model = tmp_path / "model"
    (model / "fold_0").mkdir(parents=True)
    (model / "dataset.json").write_text('{"channel_names": {"0": "T1ce"}}')
    answer = tmp_path / "answer.nii.gz"
    write_mask(answer, ball(6.0) > 0.5, GRID)
    body = f'echo "$@" > {tmp_path}/said\nls "$2" >> {tmp_path}/said\necho "$https_proxy" >> {tmp_path}/said\ncp {answer} "$4"/case.nii.gz\n'
    order = replace(ORDER, segmenter="nnunet", executable=program(tmp_path, body), model=model)
    found = outline_lesion(bids, order)
    assert read_mask(find_outlines(open_dataset(bids), "01", "01")[0]).sum() == (ball(6.0) > 0.5).sum()
    arguments, given, proxy = (tmp_path / "said").read_text().splitlines()
    assert f"-m {model} -f 0 -device cpu" in arguments
    assert given == "case_0000.nii.gz"
    assert proxy == "http://127.0.0.1:9"
    told = json.loads(found.mask.with_name(found.mask.name.replace(".nii.gz", ".json")).read_text())
    assert told["Segmenter"]["Name"] == "nnunet"
    assert str(tmp_path) not in json.dumps(told)


@pytest.mark.parametrize(
    ("name", "out"),
    [("hd-bet", "out/case_bet.nii.gz"), ("synthstrip", "out/case.nii.gz"), ("totalsegmentator", "out/vertebrae.nii.gz")],
)
def test_every_other_program_is_called_with_one_image_and_its_answer_read(name: str, out: str, tmp_path: Path) -> None:
    answer = tmp_path / "answer.nii.gz"
    write_mask(answer, ball(9.0) > 0.5, GRID)
    body = f'cd "$(dirname "$2")"/..\ncp {answer} {out}\n'
    labels = run_segmenter(SEGMENTERS[name], program(tmp_path, body), {"CE-T1w": ball(9.0)}, GRID)
    assert (labels > 0).sum() == (ball(9.0) > 0.5).sum()


@pytest.mark.parametrize(
    ("body", "kind", "said"),
    [
        ("echo no weights >&2\nexit 3\n", BadInput, "ended with code 3 and said: no weights; it may have tried to download"),
        ("exit 0\n", BadInput, "wrote no case_bet.nii.gz"),
        ("sleep 20\n", BadInput, "did not finish within"),
        ('cp {empty} "$4"\nmv "$4" "${{4%.nii.gz}}_bet.nii.gz"\n', BadInput, "found nothing"),
        ('cp {other} "${{4%.nii.gz}}_bet.nii.gz"\n', GridMismatch, "its mask lies on"),
    ],
)
def test_a_program_that_fails_is_one_sentence(body: str, kind: type[AfterglowError], said: str, tmp_path: Path) -> None:
    empty, other = tmp_path / "empty.nii.gz", tmp_path / "other.nii.gz"
    write_mask(empty, np.zeros(GRID.shape, bool), GRID)
    write_mask(other, np.ones((4, 4, 4), bool), Grid((4, 4, 4), np.eye(4)))
    with pytest.raises(kind, match=said):
        run_segmenter(
            SEGMENTERS["hd-bet"],
            program(tmp_path, body.format(empty=empty, other=other)),
            {"CE-T1w": ball(9.0)},
            GRID,
            timeout_s=2.0,
        )


def test_a_program_that_is_not_there_and_a_model_that_is_none_say_what_to_do(tmp_path: Path) -> None:
    volumes = {"CE-T1w": ball(9.0)}
    with pytest.raises(MissingInput, match="install hd-bet yourself"):
        run_segmenter(SEGMENTERS["hd-bet"], tmp_path / "nowhere", volumes, GRID)
    there = program(tmp_path, "exit 0\n")
    with pytest.raises(MissingInput, match="give --model"):
        run_segmenter(SEGMENTERS["nnunet"], there, volumes, GRID)
    with pytest.raises(MissingInput, match=r"no dataset\.json"):
        run_segmenter(SEGMENTERS["nnunet"], there, volumes, GRID, model=tmp_path)
    (tmp_path / "dataset.json").write_text('{"channel_names": {"0": "T1ce", "1": "FLAIR"}}')
    with pytest.raises(MissingInput, match="channel 1 is FLAIR"):
        run_segmenter(SEGMENTERS["nnunet"], there, volumes, GRID, model=tmp_path)
    (tmp_path / "dataset.json").write_text('{"channel_names": {"0": "PET"}}')
    with pytest.raises(BadInput, match="PET names no image"):
        run_segmenter(SEGMENTERS["nnunet"], there, volumes, GRID, model=tmp_path)
