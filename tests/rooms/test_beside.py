"""Series beside a DCE: ready-made maps of spectra are read with the visit, counted among its inputs, and measured on their own grid."""

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from painted_visits import parameter_map, scene, visit

from afterglow.flows.beside_spectra import ready_result
from afterglow.flows.keys import exam_inputs
from afterglow.flows.method import load_method
from afterglow.flows.work import Work, silent
from afterglow.io.bids import open_dataset
from afterglow.io.exam import read_exam
from afterglow.records.errors import BadMethod, GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion
from afterglow.records.protocol import Spgr
from afterglow.records.series import Exam, Series

AFFINE = np.diag([10.0, 10.0, 10.0, 1.0])


def write_map(folder: Path, param: str, values: np.ndarray, units: str = "1", affine: np.ndarray = AFFINE) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"sub-01_ses-1_param-{param}_mrsmap.nii.gz"
    nib.save(nib.Nifti1Image(values.astype(np.float32), affine), path)
    path.with_name(path.name.replace(".nii.gz", ".json")).write_text(json.dumps({"Units": units}))
    return path


@pytest.fixture
def study(tmp_path: Path) -> Path:
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.8.0"}')
    values = np.full((4, 4, 4), 1.5)
    values[0] = 0.0
    write_map(tmp_path / "sub-01" / "ses-1" / "mrs", "chonaa", values)
    write_map(tmp_path / "sub-01" / "ses-1" / "mrs", "chocr", values)
    (tmp_path / "sub-01" / "sub-01_sessions.tsv").write_text("session_id\tday\nses-1\t0\n")
    return tmp_path


def test_ready_made_maps_are_part_of_the_visit_and_of_its_inputs(study: Path) -> None:
    dataset = open_dataset(study)
    exam = read_exam(dataset, "01", "1", {"mrsi": "mrs/*_mrsi"})
    assert exam.has("mrsi")
    assert sorted(one.quantity.name for one in exam.ready_maps) == ["cho_cr", "cho_naa"]
    assert np.isnan(exam.ready_maps[0].values[0]).all()
    assert len(exam.ready_remarks) == 2
    read = {entry.path for entry in exam_inputs(dataset, exam, (), ())}
    assert "sub-01/ses-1/mrs/sub-01_ses-1_param-chonaa_mrsmap.nii.gz" in read
    assert "sub-01/ses-1/mrs/sub-01_ses-1_param-chonaa_mrsmap.json" in read


def test_a_method_that_reads_no_spectra_does_not_look_for_them(study: Path) -> None:
    assert not read_exam(open_dataset(study), "01", "1", {"dce": "perf/*_dce"}).has("mrsi")


def work_with(*maps) -> Work:
    """A visit whose DCE lies on the head's grid, its tumour outlined, with those maps."""
    here = scene()
    dynamic = Series(
        "dce",
        here.grid,
        np.arange(3.0),
        Spgr(0.005, 0.002, 15.0, 1.5),
        lambda: np.zeros((*here.grid.shape, 3), np.float32),
        "dce.nii.gz",
    )
    anatomy = visit().exam.series
    exam = Exam("01", "1", 0.0, anatomy, None, tuple(maps))
    work = Work(exam, load_method("seyithanoglu2025"), dynamic, dynamic.load(), dynamic.protocol, None, None, 1, silent)
    work.lesions = (Lesion("1", here.lesion, here.grid, "given"),)
    return work


def coarse(shape: tuple[int, int, int], shift_mm: float = 0.0) -> Grid:
    affine = AFFINE.copy()
    affine[:3, 3] = [-75.0 + shift_mm, -95.0, -65.0]
    return Grid(shape, affine)


def test_ready_made_maps_are_measured_where_the_lesion_fills_their_voxels() -> None:
    grid = coarse((16, 20, 14))
    one = parameter_map("cho_naa", grid, np.zeros(grid.shape, dtype=bool), 0.0)
    found = ready_result(work_with(one))
    assert found.space == "mrs"
    assert 3 < found.lesions[0].n_voxels < 25
    assert any("ready-made" in line.found for line in found.quality)


def test_ready_made_maps_on_two_grids_are_refused() -> None:
    maps = [
        parameter_map(name, coarse((16, 20, 14), s), np.zeros((16, 20, 14), dtype=bool), 0.0)
        for name, s in (("cho_naa", 0.0), ("cho_cr", 4.0))
    ]
    with pytest.raises(GridMismatch, match="export both maps on one grid"):
        ready_result(work_with(*maps))


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('mrsi = { role = "mrsi" }\n', "", r"\[mrs\] quantifies the series 'mrsi'"),
        ('show = ["rcbv"]', 'show = ["cbx"]', "unknown quantity 'cbx'"),
        ("aggressive_at_least = 2", "aggressive_at_least = 4", "there are 3 criteria"),
        ('machine = "model-c"', 'machine = "model-d"', "unknown machine 'model-d'; known: model-c, perfexion"),
        ("passive_gy = 15.0", "passive_gy = 17.0", "rise from passive over penumbra to aggressive"),
        ("te_s = 0.135", "te = 0.135", "unknown key"),
        ('threshold = 1.5, against = "absolute"', 'threshold = 0.0, against = "reference ratio"', "a number above zero"),
    ],
)
def test_a_method_that_does_not_fit_together_is_refused_with_its_key(tmp_path: Path, old: str, new: str, words: str) -> None:
    from afterglow.flows.method import method_text

    text = method_text("seyithanoglu2025")
    assert old in text
    path = tmp_path / "mine.toml"
    path.write_text(text.replace(old, new))
    with pytest.raises(BadMethod, match=words):
        load_method(str(path))
