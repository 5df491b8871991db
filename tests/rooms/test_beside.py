"""Series beside a DCE: ready-made maps of spectra are read with the visit, counted among its inputs, and measured on their own grid."""

import json
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from painted_visits import parameter_map, scene, visit

from afterglow.flows.beside import between
from afterglow.flows.beside_place import spectra_place
from afterglow.flows.beside_spectra import ready_result
from afterglow.flows.keys import exam_inputs
from afterglow.flows.method import load_method
from afterglow.flows.work import Work, silent
from afterglow.io.bids import open_dataset
from afterglow.io.exam import read_exam
from afterglow.records.alignment import Alignment
from afterglow.records.errors import BadInput, BadMethod, GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.lesion import Lesion
from afterglow.records.protocol import Anatomy, Spgr
from afterglow.records.series import Exam, Series

AFFINE = np.diag([10.0, 10.0, 10.0, 1.0])
SPEC = load_method("seyithanoglu2025").mrs


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
    found = ready_result(work_with(one), SPEC)
    assert found.space == "mrs"
    assert 3 < found.lesions[0].n_voxels < 25
    assert any("ready-made" in line.found for line in found.quality)


def test_ready_made_maps_on_two_grids_are_refused() -> None:
    maps = [
        parameter_map(name, coarse((16, 20, 14), s), np.zeros((16, 20, 14), dtype=bool), 0.0)
        for name, s in (("cho_naa", 0.0), ("cho_cr", 4.0))
    ]
    with pytest.raises(GridMismatch, match="export both maps on one grid"):
        ready_result(work_with(*maps), SPEC)


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


def shifted(x_mm: float) -> np.ndarray:
    matrix = np.eye(4)
    matrix[0, 3] = x_mm
    return matrix


def moved_work() -> Work:
    """The DCE lies as the head does. At the anatomy the patient lay 3 mm further right (x), at the FLAIR 8 mm, and so at the spectra."""
    one = parameter_map("cho_naa", coarse((16, 20, 14), 8.0), np.zeros((16, 20, 14), dtype=bool), 0.0)
    work = work_with(replace(one, provenance=replace(one.provenance, sources=("mrs.nii.gz",))))
    here = scene()
    flair = Series("FLAIR", here.grid, np.zeros(0), Anatomy("FLAIR"), lambda: here.anatomy, "flair.nii.gz")
    work.exam = replace(work.exam, series={**work.exam.series, "FLAIR": (flair,)})
    anatomy = work.series("anatomy")[0].source
    for name, source, x_mm in (("anatomy", anatomy, 3.0), ("flair", flair.source, 8.0)):
        work.alignments[name] = Alignment(source, work.source, shifted(x_mm), (), True)
    return work


def test_spectra_lie_where_the_image_taken_next_to_them_was_registered() -> None:
    work = moved_work()
    source = work.exam.ready_maps[0].provenance.sources[0]
    work.exam = replace(
        work.exam, acquired_s={"flair.nii.gz": 36_000.0, work.series("anatomy")[0].source: 37_500.0, source: 36_300.0}
    )
    place = spectra_place(work, SPEC, source)
    assert place.line.found == "with flair, whose acquisition began 5 min from theirs"
    np.testing.assert_allclose(place.to_dce, shifted(-8.0))
    np.testing.assert_allclose(place.to_anatomy, shifted(-5.0))
    found = ready_result(work, SPEC)
    np.testing.assert_allclose(between(work, found), shifted(8.0))
    centre = found.grid.to_mm(np.argwhere(found.lesions[0].mask).mean(axis=0))
    true = scene().grid.to_mm(np.argwhere(scene().lesion).mean(axis=0))
    np.testing.assert_allclose(centre - true, [8.0, 0.0, 0.0], atol=2.5)  # voxels of 10 mm


def test_what_the_method_names_wins_over_time_and_what_failed_to_register_is_passed_over() -> None:
    work = moved_work()
    source = work.exam.ready_maps[0].provenance.sources[0]
    work.exam = replace(work.exam, acquired_s={"flair.nii.gz": 1.0, source: 2.0})
    named = SPEC.model_copy(update={"lies_with": ("vfa", "dce")})
    assert spectra_place(work, named, source).line.found == "with dce, as the method says"
    failed = SPEC.model_copy(update={"lies_with": ("vfa",)})
    assert spectra_place(work, failed, source).line.found.startswith("with flair")


@pytest.mark.parametrize("seconds", [{}, {"flair": 100.0}, {"flair": 0.0, "anatomy": 0.0, "mrs": 0.0}])
def test_without_times_that_tell_them_apart_spectra_lie_by_their_header_and_that_is_said(seconds: dict[str, float]) -> None:
    work = moved_work()
    source = work.exam.ready_maps[0].provenance.sources[0]
    names = {"flair": "flair.nii.gz", "anatomy": work.series("anatomy")[0].source, "mrs": source}
    work.exam = replace(work.exam, acquired_s={names[name]: value for name, value in seconds.items()})
    place = spectra_place(work, SPEC, source)
    assert place.line.level == "note"
    assert "lies_with" in place.line.advice
    assert not place.alignments
    np.testing.assert_allclose(place.to_dce, shifted(-3.0))
    np.testing.assert_allclose(between(work, ready_result(work, SPEC)), shifted(3.0))


def test_times_of_day_are_read_beside_spectra_and_midnight_is_no_gap(study: Path) -> None:
    folder = study / "sub-01" / "ses-1"
    (folder / "anat").mkdir()
    nib.save(nib.Nifti1Image(np.ones((4, 4, 4), np.float32), np.eye(4)), folder / "anat" / "sub-01_ses-1_FLAIR.nii.gz")
    clock = folder / "anat" / "sub-01_ses-1_FLAIR.json"
    clock.write_text('{"AcquisitionTime": "23:59:30.5"}')
    sidecar = folder / "mrs" / "sub-01_ses-1_param-chonaa_mrsmap.json"
    sidecar.write_text('{"Units": "1", "AcquisitionTime": "00:01:30.5"}')
    roles = {"mrsi": "mrs/*_mrsi", "FLAIR": "anat/*_FLAIR"}
    exam = read_exam(open_dataset(study), "01", "1", roles)
    assert exam.acquired_s["sub-01/ses-1/anat/sub-01_ses-1_FLAIR.nii.gz"] == 86_370.5
    work = moved_work()
    source = "sub-01/ses-1/mrs/sub-01_ses-1_param-chonaa_mrsmap.nii.gz"
    work.exam = replace(work.exam, acquired_s={"flair.nii.gz": 86_370.5, source: exam.acquired_s[source]})
    assert "began 2 min from theirs" in spectra_place(work, SPEC, source).line.found
    clock.write_text('{"AcquisitionTime": "yesterday"}')
    with pytest.raises(BadInput, match="write the time of day as HH:MM:SS"):
        read_exam(open_dataset(study), "01", "1", roles)
