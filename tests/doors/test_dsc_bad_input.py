"""Claims about bad DSC input: one sentence with the file, what was found and what to do; what can still be made is made."""

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from tests.digital import run
from tests.doors.test_dsc_way import without_registration
from tests.dsc_digital import METHOD, copy_to

from afterglow.flows.method import method_text
from afterglow.records.result import ExamResult

PERF = "sub-01/ses-01/perf/sub-01_ses-01_acq-{}_dsc"
Change = Callable[[Path], None]


def sidecar(acq: str, **fields: object) -> Change:
    def change(bids: Path) -> None:
        path = bids / f"{PERF.format(acq)}.json"
        content = {**json.loads(path.read_text()), **fields}
        path.write_text(json.dumps({name: value for name, value in content.items() if value is not None}))

    return change


def voxels(acq: str, edit: Callable[[np.ndarray], np.ndarray], dtype: type = np.int16) -> Change:
    """Change the data of a series; frame times follow its length."""

    def change(bids: Path) -> None:
        path = bids / f"{PERF.format(acq)}.nii.gz"
        image = nib.load(path)
        data = edit(np.asarray(image.dataobj).astype(np.float32))
        made = nib.Nifti1Image(data.astype(dtype), image.affine)
        made.header.set_xyzt_units("mm", "sec")
        made.set_sform(image.affine, 1)
        made.set_qform(image.affine, 1)
        nib.save(made, path)
        beside = path.with_name(path.name.replace(".nii.gz", ".json"))
        content = json.loads(beside.read_text())
        content["FrameTimesStart"] = content["FrameTimesStart"][: data.shape[3]]
        beside.write_text(json.dumps(content))

    return change


def exchanged(bids: Path) -> None:
    """The images of both series change places, their sidecars do not."""
    ge, se = (bids / f"{PERF.format(acq)}.nii.gz" for acq in ("GE", "SE"))
    kept = ge.read_bytes()
    ge.write_bytes(se.read_bytes())
    se.write_bytes(kept)


def without_bvalues(bids: Path) -> None:
    (bids / "sub-01/ses-01/dwi/sub-01_ses-01_dwi.bval").unlink()


def twice(data: np.ndarray) -> np.ndarray:
    """The bolus once more, before the first has washed out."""
    again = data.copy()
    again[..., 24:48] = data[..., 4:28]
    return again


REFUSED: dict[str, tuple[Change, tuple[str, ...]]] = {
    "a spin echo named gradient echo": (sidecar("GE", ScanningSequence=["SE", "EP"]), ("acq-GE_dsc.json", "ScanningSequence", "spin echo", "swapped")),
    "a gradient echo named spin echo": (sidecar("SE", ScanningSequence=None, SequenceName="epfid2d1_64"), ("acq-SE_dsc.json", "SequenceName", "gradient echo")),
    "series that changed places": (exchanged, ("acq-SE_dsc", "above the gradient echo's", "swapped")),
    "an echo time in ms": (sidecar("GE", EchoTime=22), ("acq-GE_dsc.json", "EchoTime is 22", "1000")),
    "no echo time": (sidecar("SE", EchoTime=None), ("acq-SE_dsc.nii.gz", "EchoTime", "add it")),
    "a repetition time in ms": (sidecar("GE", RepetitionTime=1740), ("RepetitionTime is 1740", "milliseconds")),
    "no flip angle": (sidecar("GE", FlipAngle=None), ("acq-GE_dsc.nii.gz", "FlipAngle")),
    "neither times nor repetition time": (sidecar("GE", FrameTimesStart=None, RepetitionTime=None), ("acq-GE_dsc",)),
    "no b-values": (without_bvalues, ("dwi.nii.gz", ".bval")),
    "a signal of zero": (voxels("GE", lambda d: np.where(np.arange(d.shape[3]) == 20, 0, d)), ("acq-GE_dsc.nii.gz", "zero or less", "magnitude")),
    "a negative signal": (voxels("GE", lambda d: d - 400), ("acq-GE_dsc.nii.gz", "negative", "magnitude")),
    "a bolus that is cut off": (voxels("GE", lambda d: np.concatenate([d[..., :6], d[..., :14]], axis=-1)), ("acq-GE_dsc.nii.gz", "before the bolus")),
    "no bolus": (voxels("SE", lambda d: d[..., [0, 1, 2, 3, 4] * 12]), ("acq-SE_dsc.nii.gz", "no bolus")),
    "frames that are all the same": (voxels("SE", lambda d: np.repeat(d[..., :1], d.shape[3], axis=-1)), ("acq-SE_dsc.nii.gz", "the same")),
    "contrast after two frames": (voxels("GE", lambda d: d[..., 8:]), ("acq-GE_dsc.nii.gz", "steady frames", "at least 3")),
    "fifteen frames": (voxels("GE", lambda d: d[..., :15]), ("acq-GE_dsc.nii.gz", "15 frames", "20")),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_in_one_sentence(name: str, tmp_path: Path) -> None:
    change, words = REFUSED[name]
    bids = copy_to(tmp_path)
    change(bids)
    done = run(bids, tmp_path / "out", method=without_registration(tmp_path))
    assert len(done.failures) == 1
    for word in words:
        assert word in done.failures[0]
    assert "\n" not in done.failures[0]


def made(tmp_path: Path, *changes: Change) -> ExamResult:
    bids = copy_to(tmp_path)
    for change in changes:
        change(bids)
    done = run(bids, tmp_path / "out", method=without_registration(tmp_path))
    assert not done.failures
    return done.patients[0].exams[0]


def lines(exam: ExamResult, level: str) -> str:
    return " | ".join(f"{q.what}: {q.found}: {q.advice}" for q in exam.quality if q.level == level)


def test_thirty_frames_are_enough_and_their_shortness_is_said(tmp_path: Path) -> None:
    exam = made(tmp_path, voxels("GE", lambda d: d[..., :30]), voxels("SE", lambda d: d[..., :30]))
    assert exam.map_of("mti") is not None
    assert "shorter than 100 s" in lines(exam, "note")


def test_few_frames_after_the_bolus_are_a_warning(tmp_path: Path) -> None:
    exam = made(tmp_path, voxels("GE", lambda d: d[..., :24]), voxels("SE", lambda d: d[..., :24]))
    assert "frames after the first pass" in lines(exam, "warning")


def test_a_second_bolus_is_noticed_and_left_out(tmp_path: Path) -> None:
    exam = made(tmp_path, voxels("GE", twice))
    assert "a second bolus?" in lines(exam, "warning")


def test_voxels_that_are_not_finite_have_a_status_and_no_value(tmp_path: Path) -> None:
    def holed(data: np.ndarray) -> np.ndarray:
        data[20:24, 20:24, 4, 12] = np.nan
        return data

    exam = made(tmp_path, voxels("GE", holed, np.float32))
    found = exam.map_of("cbv")
    assert found is not None
    assert np.isnan(found.values[20:24, 20:24, 4]).all()
    assert (found.status[20:24, 20:24, 4] != 0).all()
    assert np.isfinite(found.values[20:24, 20:24, 3]).any()


@pytest.mark.slow
def test_another_geometry_of_the_spin_echo_is_resampled_and_said(tmp_path: Path) -> None:
    def cropped(bids: Path) -> None:
        path = bids / f"{PERF.format('SE')}.nii.gz"
        image = nib.load(path)
        made = image.slicer[2:, :, 1:]
        nib.save(nib.Nifti1Image(np.asarray(made.dataobj), made.affine, made.header), path)

    bids = copy_to(tmp_path)
    cropped(bids)
    method = tmp_path / "mine.toml"
    text = method_text(METHOD)
    begin = text.index('[[step]]\ndo = "still"')
    method.write_text(text[:begin] + text[text.index("[[step]]", begin + 1) :])
    done = run(bids, tmp_path / "out", method=str(method))
    exam = done.patients[0].exams[0]
    assert "geometry of the two DSC series: different" in lines(exam, "warning")
    assert exam.map_of("mti") is not None


def test_a_head_without_an_artery_is_refused_with_what_was_found(tmp_path: Path) -> None:
    def washed(data: np.ndarray) -> np.ndarray:
        """The bolus spread over half a minute: no curve is as narrow as an artery's."""
        total = np.cumsum(np.concatenate([np.repeat(data[..., :1], 18, -1), data], axis=-1), axis=-1)
        return (total[..., 18:] - total[..., :-18]) / 18

    bids = copy_to(tmp_path)
    voxels("GE", washed)(bids)
    done = run(bids, tmp_path / "out", method=without_registration(tmp_path))
    assert len(done.failures) == 1
    assert "no arterial curve" in done.failures[0]
    assert "label-aif" in done.failures[0]


def test_an_arterial_curve_of_ones_own_wins(tmp_path: Path) -> None:
    bids = copy_to(tmp_path)
    folder = bids / "derivatives/outlines/sub-01/ses-01/perf"
    folder.mkdir(parents=True)
    times_s = np.arange(60) * 1.74
    curve = 30 * np.exp(-(((times_s - 21) / 3.5) ** 2))
    rows = "".join(f"{t:.3f}\t{r:.4f}\n" for t, r in zip(times_s, curve, strict=True))
    (folder / "sub-01_ses-01_acq-GE_label-artery_bolus.tsv").write_text("time_s\trate_per_s\n" + rows)
    exam = run(bids, tmp_path / "out", method=without_registration(tmp_path)).patients[0].exams[0]
    given = next(one for one in exam.boluses if one.vessel == "artery" and one.echo == "gradient")
    assert given.origin.startswith("given curve")
    assert given.rate_per_s.max() == pytest.approx(30, rel=0.02)
