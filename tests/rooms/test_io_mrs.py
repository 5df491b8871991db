"""NIfTI-MRS in: what is told is read, what would have to be guessed is refused; scanners' files and ready-made maps."""

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from tests.rooms.mrs_files import DWELL_S, GRID, MHZ, USUAL, decays, rewrite, write_rda, write_spectra

from afterglow.io import mrs_convert
from afterglow.io.images import write_image
from afterglow.io.mrs_convert import convert_spectra, needs_conversion
from afterglow.io.mrs_maps import read_mrs_map
from afterglow.io.mrs_read import read_mrs
from afterglow.records.errors import AfterglowError, BadInput, CorruptFile, GridMismatch, MissingInput
from afterglow.records.grid import Grid

FIDS = decays(USUAL, GRID.shape, noise=0.05, points=64)


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return write_spectra(tmp_path / "sub-01_mrsi.nii.gz", FIDS, box=True)


def test_what_the_writer_wrote_is_read_back_to_the_bit(made: Path) -> None:
    series = read_mrs(made, made.parent)
    assert np.array_equal(series.load(), FIDS)
    assert series.grid.same_as(GRID)
    assert series.dwell_s == pytest.approx(DWELL_S)
    assert (series.spectrometer_mhz, series.te_s, series.tr_s, series.reference_ppm) == (MHZ, 0.135, 2.0, 4.65)
    assert series.source == made.name
    assert series.box is not None
    np.testing.assert_allclose(series.box[:3, 3], [0, -5, 10], atol=1e-6)


def test_the_library_of_the_standard_reads_the_same_numbers(made: Path) -> None:
    nifti_mrs = pytest.importorskip("nifti_mrs.nifti_mrs")
    other = nifti_mrs.NIFTI_MRS(str(made))
    series = read_mrs(made, made.parent)
    assert other.dwelltime == pytest.approx(series.dwell_s)
    assert other.spectrometer_frequency[0] == pytest.approx(series.spectrometer_mhz)
    np.testing.assert_array_equal(np.asarray(other[:]).conj(), series.load())  # it hands out the conjugate of what the file holds


def test_nifti_1_in_double_precision_and_big_endian_reads_alike(made: Path, tmp_path: Path) -> None:
    image = nib.load(made)
    wide = rewrite(made, data=np.asarray(image.dataobj).astype(np.complex128))
    np.testing.assert_array_equal(read_mrs(wide, tmp_path).load(), FIDS)
    header = nib.Nifti1Header(endianness=">")
    header.set_data_dtype(np.complex64)
    header.set_data_shape(FIDS.shape)
    header.set_sform(GRID.affine, code=1)
    header.set_xyzt_units("mm", "sec")
    header["pixdim"][1:5] = [10, 10, 10, DWELL_S]
    header["intent_name"] = b"mrs_v0_10"
    fields = {"SpectrometerFrequency": [MHZ], "ResonantNucleus": ["1H"], "EchoTime": 0.135, "RepetitionTime": 2.0}
    text = json.dumps(fields).encode().ljust(248, b" ")
    header["vox_offset"], header["magic"] = 352 + 256, b"n+1"
    path = tmp_path / "old.nii"
    extension = np.array([256, 44], ">i4").tobytes() + text
    path.write_bytes(bytes(header.binaryblock) + b"\1\0\0\0" + extension + FIDS.astype(">c8").tobytes(order="F"))
    series = read_mrs(path, tmp_path)
    np.testing.assert_array_equal(series.load(), FIDS)
    assert "4.65 ppm is taken" in series.remarks[0]


def test_averages_of_one_experiment_are_aligned_and_averaged(made: Path, tmp_path: Path) -> None:
    t = np.arange(64) * DWELL_S
    clean = decays(USUAL, GRID.shape, points=64)
    drifted = np.stack(
        [clean * np.exp(1j * (2 * np.pi * hz * t + phase)) for hz, phase in ((0, 0), (3.0, 0.5), (-2.0, -1.0))], axis=-1
    )
    path = rewrite(made, data=drifted.astype(np.complex64), fields={"dim_5": "DIM_DYN"})
    found = read_mrs(path, tmp_path).load()
    assert np.linalg.norm(found - clean) < 0.01 * np.linalg.norm(clean)
    assert np.linalg.norm(drifted.mean(axis=-1) - clean) > 0.1 * np.linalg.norm(clean)


def test_a_voxel_that_is_not_finite_in_one_average_stays_alone(made: Path, tmp_path: Path) -> None:
    twice = np.stack([FIDS, FIDS], axis=-1).copy()
    twice[1, 1, 1, 5, 1] = np.nan
    found = read_mrs(rewrite(made, data=twice, fields={"dim_5": "DIM_DYN"}), tmp_path).load()
    bad = ~np.isfinite(found).all(axis=-1)
    assert bad[1, 1, 1]
    assert bad.sum() == 1


REFUSED: list[tuple[str, dict[str, Any], str]] = [
    ("coils", {"data": np.stack([FIDS] * 4, axis=-1), "fields": {"dim_5": "DIM_COIL"}}, "4 coils are not combined"),
    ("edited", {"data": np.stack([FIDS] * 2, axis=-1), "fields": {"dim_5": "DIM_EDIT"}}, "no mere averages"),
    ("unnamed dimension", {"data": np.stack([FIDS] * 2, axis=-1)}, "without a name"),
    ("no time", {"data": FIDS[..., 0]}, "then time, are needed"),
    ("real", {"data": FIDS.real.copy()}, "a decay is complex"),
    ("phosphorus", {"fields": {"ResonantNucleus": ["31P"]}}, "proton spectra"),
    ("no nucleus", {"drop": ("ResonantNucleus",)}, "None"),
    ("frequency in Hz", {"fields": {"SpectrometerFrequency": [63.87e6]}}, "in MHz is needed"),
    ("k-space", {"fields": {"kSpace": [True, True, False]}}, "k-space"),
    ("echo time in ms", {"fields": {"EchoTime": 135.0}}, "needed in seconds"),
    ("echo time of the sidecar", {"fields": {"EchoTime": 0.030}, "sidecar": {"EchoTime": 0.135}}, "keep the right one"),
    ("no dwell time", {"header": {"pixdim": [1, 10, 10, 10, 0, 0, 0, 0]}}, "dwell time"),
    ("dwell time in ms", {"header": {"pixdim": [1, 10, 10, 10, 1, 0, 0, 0]}}, "needed in seconds"),
    ("contradicting width", {"fields": {"SpectralWidth": 2000.0}}, "contradict"),
    ("singular box", {"fields": {"VOI": np.zeros((4, 4)).tolist()}}, "no invertible"),
    ("no NIfTI-MRS", {"header": {"intent_name": b"none"}}, "not that of NIfTI-MRS"),
    ("singular grid", {"header": {"srow_x": [0, 0, 0, 0], "qform_code": 0}}, "singular"),
    ("odd shift", {"fields": {"SpecFreqChemShift": "water"}}, "in ppm is needed"),
]


@pytest.mark.parametrize(("change", "words"), [row[1:] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_what_cannot_be_right_is_refused_in_one_sentence(made: Path, tmp_path: Path, change: dict[str, Any], words: str) -> None:
    beside = change.pop("sidecar", None) if "sidecar" in change else None
    path = rewrite(made, **change)
    if beside is not None:
        change["sidecar"] = beside
        path.with_name(path.name.removesuffix(".nii") + ".json").write_text(json.dumps(beside))
    with pytest.raises(AfterglowError) as caught:
        read_mrs(path, tmp_path)
    assert words in str(caught.value)
    assert str(path.parent) in str(caught.value)


@pytest.mark.parametrize("name", ["EchoTime", "RepetitionTime", "SpectrometerFrequency"])
def test_what_the_header_does_not_tell_is_taken_from_the_sidecar_and_never_guessed(made: Path, tmp_path: Path, name: str) -> None:
    path = rewrite(made, drop=(name,))
    beside = path.with_name(path.name.removesuffix(".nii") + ".json")
    with pytest.raises(BadInput, match=name):
        read_mrs(path, tmp_path)
    value = {"EchoTime": 0.135, "RepetitionTime": 2.0, "SpectrometerFrequency": MHZ}[name]
    beside.write_text(json.dumps({name: value}))
    assert read_mrs(path, tmp_path).te_s == 0.135


@pytest.mark.parametrize(
    ("data", "words"),
    [(FIDS.real.astype(np.complex64), "imaginary part is zero"), (0 * FIDS, "every value is zero"), (FIDS * np.nan, "is finite")],
    ids=["real", "zero", "nan"],
)
def test_decays_that_are_none_are_refused_when_they_are_read(made: Path, tmp_path: Path, data: Any, words: str) -> None:
    series = read_mrs(rewrite(made, data=data), tmp_path)
    with pytest.raises(BadInput, match=words):
        series.load()


def test_a_file_without_water_suppression_says_so(tmp_path: Path) -> None:
    path = write_spectra(tmp_path / "sub-01_mrsi.nii.gz", FIDS, suppressed=False)
    assert "not suppressed" in read_mrs(path, tmp_path).remarks[0]


def test_any_flipped_byte_gives_numbers_or_a_stated_error(made: Path, tmp_path: Path) -> None:
    whole = rewrite(made).read_bytes()
    rng = np.random.default_rng(11)
    path = tmp_path / "flipped.nii"
    for place in rng.integers(0, 1400, 300):
        broken = bytearray(whole)
        broken[place] ^= int(rng.integers(1, 256))
        path.write_bytes(broken)
        try:
            assert read_mrs(path, tmp_path).load().shape[3] >= 2
        except AfterglowError as error:
            assert "flipped.nii" in str(error)


def test_a_file_that_ends_early_is_called_damaged(made: Path, tmp_path: Path) -> None:
    path = rewrite(made)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(CorruptFile, match="ends after"):
        read_mrs(path, tmp_path).load()
    short = tmp_path / "short.nii"
    short.write_bytes(path.read_bytes()[:600])
    with pytest.raises(AfterglowError, match=r"short\.nii"):
        read_mrs(short, tmp_path)


def test_a_missing_file_is_missing(tmp_path: Path) -> None:
    with pytest.raises(MissingInput):
        read_mrs(tmp_path / "none.nii.gz", tmp_path)


def test_a_water_reference_of_another_scan_is_refused(made: Path, tmp_path: Path) -> None:
    moved = Grid(GRID.shape, GRID.affine + np.array([[0, 0, 0, 5.0], [0] * 4, [0] * 4, [0] * 4]))
    elsewhere = write_spectra(tmp_path / "sub-01_mrsref.nii.gz", FIDS, moved)
    with pytest.raises(GridMismatch, match="reference of this scan"):
        read_mrs(made, tmp_path, elsewhere)
    shorter = write_spectra(tmp_path / "sub-02_mrsref.nii.gz", FIDS[..., :32])
    with pytest.raises(BadInput, match="32 points"):
        read_mrs(made, tmp_path, shorter)


def test_bandwidths_of_the_selective_pulses_come_from_the_sidecar(made: Path) -> None:
    beside = made.with_name("sub-01_mrsi.json")
    beside.write_text(json.dumps({"SelectionBandwidth": [1500, 1100, 1100]}))
    assert read_mrs(made, made.parent).bandwidth_hz == (1500, 1100, 1100)
    beside.write_text(json.dumps({"SelectionBandwidth": [1500]}))
    with pytest.raises(BadInput, match="three positive numbers"):
        read_mrs(made, made.parent)


# --- scanners' files ---


@pytest.mark.slow
def test_a_siemens_rda_file_becomes_nifti_mrs_without_the_patients_name(tmp_path: Path) -> None:
    pytest.importorskip("spec2nii")
    fids = decays({**USUAL, "naa": np.arange(1.0, 33.0).reshape(4, 4, 2)}, (4, 4, 2), noise=0.01, points=128)
    source = write_rda(tmp_path / "csi.rda", fids)
    made, reference = convert_spectra(source, tmp_path / "out" / "sub-01_mrsi.nii.gz")
    assert reference is None
    series = read_mrs(made, tmp_path)
    assert (series.te_s, series.tr_s, series.dwell_s) == (0.135, 2.0, pytest.approx(DWELL_S))
    np.testing.assert_allclose(series.load(), fids, rtol=1e-5)
    assert b"Nobody" not in bytes(str(nib.load(made).header.extensions[0].get_content()), "utf-8")


@pytest.mark.slow
def test_a_file_that_only_looks_like_a_scanners_is_refused_with_what_the_converter_said(tmp_path: Path) -> None:
    pytest.importorskip("spec2nii")
    broken = tmp_path / "broken.rda"
    broken.write_bytes(b"nothing")
    with pytest.raises(BadInput, match="could not convert it as Siemens RDA"):
        convert_spectra(broken, tmp_path / "sub-01_mrsi.nii.gz")
    assert not (tmp_path / "sub-01_mrsi.nii.gz").exists()


def test_without_the_converter_one_sentence_says_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.rda").write_bytes(b"")
    monkeypatch.setattr(mrs_convert.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(MissingInput, match=r"afterglow\[mrs\]"):
        convert_spectra(tmp_path / "a.rda", tmp_path / "sub-01_mrsi.nii.gz")


@pytest.mark.parametrize(
    ("name", "words"), [("a.SPAR", "Philips spectroscopic images are not converted"), ("a.txt", "its ending")]
)
def test_what_no_converter_reads_is_refused(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_bytes(b"")
    with pytest.raises(BadInput, match=words):
        convert_spectra(tmp_path / name, tmp_path / "sub-01_mrsi.nii.gz")


def test_only_nifti_needs_no_conversion(tmp_path: Path) -> None:
    assert [needs_conversion(Path(name)) for name in ("a.nii.gz", "a.nii", "a.rda", "folder", "P1.7")] == [
        False,
        False,
        True,
        True,
        True,
    ]


# --- ready-made maps ---


def _map(
    folder: Path, values: Any, *, name: str = "sub-01_param-chonaa_mrsmap.nii.gz", sidecar: dict[str, object] | None = None
) -> Path:
    path = folder / name
    write_image(path, np.asarray(values, dtype=np.float32), GRID, sidecar={"Units": "1"} if sidecar is None else sidecar)
    return path


def test_a_ready_made_ratio_map_is_read_and_its_zeros_are_not_measured(tmp_path: Path) -> None:
    values = np.linspace(0.0, 3.0, 32).reshape(GRID.shape)
    found, line = read_mrs_map(_map(tmp_path, values, sidecar={"Units": "1", "Software": "a workstation"}), tmp_path)
    assert found.quantity.name == "cho_naa"
    assert np.isnan(found.values[0, 0, 0])
    np.testing.assert_allclose(found.values.ravel()[1:], values.ravel()[1:], rtol=1e-6)
    assert line is not None
    assert line.found == "1 voxels"
    assert "a workstation" in found.provenance.sentence


@pytest.mark.parametrize(
    ("values", "kwargs", "words"),
    [
        (np.ones(GRID.shape), {"sidecar": {"Units": "%"}}, "write that into"),
        (np.ones(GRID.shape), {"sidecar": {"Software": "x"}}, "no Units"),
        (np.ones(GRID.shape), {"name": "sub-01_param-what_mrsmap.nii.gz"}, "does not say what it is"),
        (-np.ones(GRID.shape), {}, "never negative"),
        (np.zeros(GRID.shape), {}, "no voxel holds a value"),
        (np.ones((*GRID.shape, 2)), {}, "2 frames"),
    ],
    ids=["unit", "no unit", "name", "negative", "empty", "frames"],
)
def test_a_ready_made_map_that_cannot_be_right_is_refused(
    tmp_path: Path, values: Any, kwargs: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadInput, match=words):
        read_mrs_map(_map(tmp_path, values, **kwargs), tmp_path)
