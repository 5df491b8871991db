"""Claims about bad input: one sentence with the file, what was found and what to do; exit code 1; nothing lost.

Each row changes one thing in a good data set and says which words the sentence must hold.
"""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from tests.digital import copy_to, quick_method, run
from tests.doors.test_command_line import afterglow

from afterglow.flows.run import RunReport
from afterglow.io.manifest import read_manifest

DCE = "sub-01/ses-01/perf/sub-01_ses-01_ce-gadolinium_dce"
LESION = "derivatives/outlines/sub-01/ses-01/anat/sub-01_ses-01_space-T1w_label-lesion_mask.nii.gz"
Change = Callable[[Path], None]


def sidecar(**fields: object) -> Change:
    """Set fields of the dynamic series' sidecar; None removes one."""

    def change(bids: Path) -> None:
        path = bids / f"{DCE}.json"
        content = json.loads(path.read_text())
        for name, value in fields.items():
            if value is None:
                content.pop(name)
            else:
                content[name] = value
        path.write_text(json.dumps(content))

    return change


def times(edit: Callable[[list[float]], list[float]]) -> Change:
    def change(bids: Path) -> None:
        path = bids / f"{DCE}.json"
        content = json.loads(path.read_text())
        content["FrameTimesStart"] = edit(content["FrameTimesStart"])
        path.write_text(json.dumps(content))

    return change


def voxels(edit: Callable[[np.ndarray], np.ndarray], name: str = f"{DCE}.nii.gz") -> Change:
    def change(bids: Path) -> None:
        image = nib.load(bids / name)
        data = edit(np.asarray(image.dataobj).copy())
        made = nib.Nifti1Image(data, image.affine)
        made.header.set_xyzt_units("mm", "sec")
        made.set_sform(image.affine, 1)
        made.set_qform(image.affine, 1)
        nib.save(made, bids / name)

    return change


def affine(edit: Callable[[np.ndarray], None]) -> Change:
    """Change the sform in the file's own bytes, and switch the qform off."""

    def change(bids: Path) -> None:
        path = bids / f"{DCE}.nii.gz"
        raw = bytearray(gzip.decompress(path.read_bytes()))
        rows = np.frombuffer(raw[280:328], dtype="<f4").reshape(3, 4).copy()
        edit(rows)
        raw[280:328] = rows.astype("<f4").tobytes()
        raw[252:254] = np.int16(0).tobytes()
        path.write_bytes(gzip.compress(bytes(raw), 1))

    return change


def sheared(rows: np.ndarray) -> None:
    rows[0, 1] += 1.5


def singular(rows: np.ndarray) -> None:
    rows[:, 1] = rows[:, 0]


def no_voxel_size(bids: Path) -> None:
    path = bids / f"{DCE}.nii.gz"
    raw = bytearray(gzip.decompress(path.read_bytes()))
    raw[80:84] = np.float32(0).tobytes()  # pixdim[1]
    path.write_bytes(gzip.compress(bytes(raw), 1))


def truncated(bids: Path) -> None:
    path = bids / f"{DCE}.nii.gz"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(bids: Path) -> None:
    path = bids / f"{DCE}.nii.gz"
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 16
    path.write_bytes(bytes(raw))


def cropped_mask(bids: Path) -> None:
    image = nib.load(bids / LESION)
    nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[:-3], image.affine), bids / LESION)


def moved_mask(bids: Path) -> None:
    image = nib.load(bids / LESION)
    affine = image.affine.copy()
    affine[:3, 3] += 7.0
    made = nib.Nifti1Image(np.asarray(image.dataobj), affine)
    made.set_sform(affine, 1)
    made.set_qform(affine, 1)
    nib.save(made, bids / LESION)


def same_day(bids: Path) -> None:
    path = bids / "sub-01" / "sub-01_sessions.tsv"
    header_line = path.read_text().splitlines()[0]
    path.write_text(f"{header_line}\nses-01\t0.0\nses-02\t0.0\n")


def without_bolus(data: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    still = np.repeat(data[..., :1], data.shape[3], axis=3).astype(np.float64)
    return np.clip(still + rng.normal(0, 20, data.shape), 0, 32000).astype(np.int16)


REFUSED: dict[str, tuple[Change, tuple[str, ...]]] = {
    "no sidecar": (lambda bids: (bids / f"{DCE}.json").unlink(), ("dce.nii.gz", "sidecar")),
    "TR in ms": (sidecar(RepetitionTimeExcitation=4.0), ("RepetitionTimeExcitation", "4", "seconds")),
    "missing flip angle": (sidecar(FlipAngle=None), ("FlipAngle", "degrees")),
    "frame times missing": (sidecar(FrameTimesStart=None), ("FrameTimesStart",)),
    "frame times not rising": (times(lambda t: [*t[:5], t[4], *t[6:]]), ("FrameTimesStart", "rise")),
    "frame times of another length": (times(lambda t: t[:-2]), ("28", "30")),
    "3D where 4D is due": (voxels(lambda d: d[..., 0]), ("single volume", "4D")),
    "mask of another shape": (cropped_mask, ("label-lesion_mask", "grid")),
    "mask of another space": (moved_mask, ("label-lesion_mask", "grid")),
    "empty mask": (voxels(np.zeros_like, LESION.replace("lesion", "reference")), ("label-reference_mask", "empty")),
    "all-zero series": (voxels(np.zeros_like), ("dce", "zero")),
    "constant series": (voxels(lambda d: np.full_like(d, 100)), ("dce", "100")),
    "truncated file": (truncated, ("dce.nii.gz",)),
    "one bit flipped": (flipped, ("dce.nii.gz",)),
    "singular affine": (affine(singular), ("dce.nii.gz", "singular")),
    "sheared affine": (affine(sheared), ("dce.nii.gz", "shear")),
    "pixdim 0": (no_voxel_size, ("dce.nii.gz", "pixdim")),
    "no bolus": (voxels(without_bolus), ("dce",)),
    "contrast before the first frame": (voxels(lambda d: d[..., ::-1].copy()), ("dce",)),
}


def failure_of(report: RunReport) -> str:
    assert len(report.failures) == 1, report.failures
    return report.failures[0]


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_with_file_found_value_and_remedy(name: str, tmp_path: Path) -> None:
    change, words = REFUSED[name]
    bids = copy_to(tmp_path, visits=("01",))
    change(bids)
    sentence = failure_of(run(bids, tmp_path / "out", method=quick_method(tmp_path)))
    for word in words:
        assert word in sentence, sentence
    assert "Traceback" not in sentence
    assert sentence.count("\n") == 0


@pytest.mark.slow
def test_one_bad_visit_does_not_cost_the_good_one(tmp_path: Path) -> None:
    bids = copy_to(tmp_path)
    truncated(bids)
    report = run(bids, tmp_path / "out", method=quick_method(tmp_path))
    assert "dce.nii.gz" in failure_of(report)
    assert [exam.session for exam in report.patients[0].exams] == ["02"]
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())["exams"]
    assert manifest["sub-01_ses-01"]["state"] == "failed"
    assert manifest["sub-01_ses-02"]["state"] == "done"


def test_two_visits_on_one_day_are_refused(tmp_path: Path) -> None:
    bids = copy_to(tmp_path)
    same_day(bids)
    done = run(bids, tmp_path / "out", method=quick_method(tmp_path))
    assert done.patients == ()
    assert "day" in done.failures[0]
    assert read_manifest(tmp_path / "out").entries["sub-01"].state == "failed"


@pytest.mark.slow
def test_voxels_that_are_not_finite_are_counted_and_left_out(tmp_path: Path) -> None:
    def spoil(data: np.ndarray) -> np.ndarray:
        spoiled = data.astype(np.float32)
        spoiled[20:24, 20:24, 10, 3] = np.nan
        spoiled[30, 30, 10, :] = np.inf
        return spoiled

    bids = copy_to(tmp_path, visits=("01",))
    voxels(spoil)(bids)
    exam = run(bids, tmp_path / "out", method=quick_method(tmp_path)).patients[0].exams[0]
    assert any(line.what == "voxels with values that are not finite" and line.found == "17" for line in exam.quality)


@pytest.mark.slow
def test_few_frames_before_contrast_are_warned_about(tmp_path: Path) -> None:
    bids = copy_to(tmp_path, visits=("01",))
    voxels(lambda d: d[..., 3:])(bids)
    times(lambda t: t[3:])(bids)
    exam = run(bids, tmp_path / "out", method=quick_method(tmp_path)).patients[0].exams[0]
    (line,) = [line for line in exam.quality if line.what == "frames before contrast"]
    assert (line.level, int(line.found) < 3) == ("warning", True)


def test_an_output_folder_that_cannot_be_written_is_named_before_any_work(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    done = afterglow(
        "run", str(copy_to(tmp_path, visits=("01",))), str(blocked / "out"), "participant", "--method", "ademola2025"
    )
    assert done.returncode == 1
    assert "blocked" in done.stderr
    assert "motion" not in done.stderr


def test_the_exit_code_of_a_failed_visit_is_one(tmp_path: Path) -> None:
    bids = copy_to(tmp_path, visits=("01",))
    sidecar(FlipAngle=None)(bids)
    done = afterglow("run", str(bids), str(tmp_path / "out"), "participant", "--method", "ademola2025", "--json")
    assert done.returncode == 1
    assert "FlipAngle" in json.loads(done.stdout)["failures"][0]


def test_an_unknown_key_in_a_method_file_is_refused_before_any_work(tmp_path: Path) -> None:
    shown = afterglow("methods", "show", "ademola2025").stdout
    path = tmp_path / "mine.toml"
    path.write_text(shown.replace('do = "still"', 'do = "still"\nspeed = 3', 1))
    done = afterglow("run", str(tmp_path), str(tmp_path / "out"), "participant", "--method", str(path))
    assert done.returncode == 1
    assert "speed" in done.stderr


def test_check_finds_the_same_without_computing(tmp_path: Path) -> None:
    bids = copy_to(tmp_path)
    sidecar(FlipAngle=None)(bids)
    done = afterglow("check", str(bids), "--method", "ademola2025", "--json")
    assert done.returncode == 1
    found = json.loads(done.stdout)
    assert found["ready"] == 1
    assert "FlipAngle" in found["problems"][0]


def test_a_data_set_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = afterglow("run", str(tmp_path / "nowhere"), str(tmp_path / "out"), "participant", "--method", "ademola2025")
    assert done.returncode == 1
    assert "nowhere" in done.stderr


def test_nothing_is_left_behind_by_a_refusal(tmp_path: Path) -> None:
    bids = copy_to(tmp_path, visits=("01",))
    sidecar(FlipAngle=None)(bids)
    out = tmp_path / "out"
    run(bids, out)
    assert not list(out.rglob("*tmp*"))
    shutil.rmtree(out)
