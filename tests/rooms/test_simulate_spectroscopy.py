"""Digital spectra: what is put in comes back, what a scanner spoils is spoilt, and the files are NIfTI-MRS."""

import dataclasses
import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from afterglow.io.mrs import MrsHeader, write_mrs
from afterglow.records.grid import Grid
from afterglow.simulate.metabolites import CONTENTS, METABOLITES, WATER, concentration_of, individual_contents, water_of
from afterglow.simulate.mrsi_object import encoded, sample_metabolites
from afterglow.simulate.mrsi_plan import MRSI_PLANS, MrsiPlan, mrsi_grid, place_box
from afterglow.simulate.scene import Scene
from afterglow.simulate.series import DigitalSpectra, TrueMap
from afterglow.simulate.spectroscopy import acquire_mrsi, noise_sigma, white_signal
from afterglow.simulate.tissues import TISSUES

Array = NDArray[np.float64]
HERE, STILL = np.zeros(3), np.eye(4)
REAL = dataclasses.replace(MRSI_PLANS["press-1.5T"], shape=(12, 12, 8), box_mm=(80.0, 80.0, 60.0), n_points=512)
PERFECT = dataclasses.replace(
    REAL, snr=np.inf, b0_hz=0.0, width_spread=0.0, phase_deg=0.0, eddy_deg=0.0, water_residual=0.0, lipid_leak=0.0, baseline=0.0
)  # fmt: skip
# every place of the field of view excited alike: no soft edge, no displacement
EVERYWHERE = dataclasses.replace(
    PERFECT, shape=(4, 4, 4), box_mm=(40.0, 40.0, 40.0), edge_mm=1e-6, bandwidth_hz=(1e12, 1e12, 1e12), n_points=128
)


def scene(*balls: tuple[str, float, tuple[float, float, float]], shell_mm: float | None = None) -> Scene:
    """White matter in a cube of 160 mm, with balls (tissue, radius, centre), and beyond `shell_mm` from the middle only fat."""
    affine = np.diag([4.0, 4.0, 4.0, 1.0])
    affine[:3, 3] = -78.0
    grid = Grid((40, 40, 40), affine)
    place = grid.to_mm(np.moveaxis(np.indices(grid.shape), 0, -1).astype(float))
    kind = np.full(grid.shape, "white", dtype=object)
    for name, radius, centre in balls:
        kind[np.linalg.norm(place - centre, axis=-1) < radius] = name
    if shell_mm is not None:
        kind[np.abs(place).max(axis=-1) > shell_mm] = "fat"
    fractions = {name: (kind == name).astype(np.float32) for name in {"white", *kind.ravel()}}
    return Scene(grid, TISSUES, fractions, {}, np.ones(grid.shape, np.float32), ())


def maps_of(truth: tuple[TrueMap, ...]) -> dict[str, NDArray[np.float32]]:
    return {one.quantity: one.values for one in truth}


def acquire(what: Scene, plan: MrsiPlan, seed: int = 0) -> tuple[DigitalSpectra, dict[str, NDArray[np.float32]]]:
    spectra, truth = acquire_mrsi(what, STILL, HERE, plan, np.random.default_rng(seed))
    return spectra, maps_of(truth)


@pytest.fixture(scope="module")
def glioma() -> Scene:
    return scene(
        ("oedema", 30.0, (15.0, 0.0, 0.0)), ("tumour", 19.0, (15.0, 0.0, 0.0)), ("core", 8.0, (15.0, 0.0, 0.0)), shell_mm=66.0
    )


def shapes(plan: MrsiPlan, gauss_hz: float) -> tuple[list[tuple[str, float]], Array]:
    """The test's own lines (l, t), written out: frequencies of NIfTI-MRS, decay by T2 and by the voxel's Gaussian."""
    t = np.arange(plan.n_points) * plan.dwell_s
    names, made = [], []
    lines = [(row.name, line, row.t2_s[""]) for row in METABOLITES.values() for line in row.lines]
    for name, ppm, j_hz, width_ppm, t2_s in [
        *((n, one.ppm, one.j_hz, one.width_ppm, t2) for n, one, t2 in lines),
        ("water", 4.65, 0.0, 0.0, 0.075),
    ]:
        turning = np.exp(2j * np.pi * (4.65 - ppm) * plan.spectrometer_mhz * t)
        broad_hz2 = gauss_hz**2 + (width_ppm * plan.spectrometer_mhz) ** 2
        decay = np.exp(-t / t2_s - broad_hz2 * (np.pi * t) ** 2 / (4 * np.log(2)))
        names.append((name, ppm))
        made.append(np.cos(np.pi * j_hz * (plan.te_s + t)) * turning * decay if j_hz else turning * decay)
    return names, np.stack(made)


def fitted(fid: NDArray[np.complex64], plan: MrsiPlan) -> dict[tuple[str, float], float]:
    """Sizes of the lines at known frequencies by linear least squares in time; the width is searched for."""

    def left(gauss_hz: float) -> float:
        _, lines = shapes(plan, gauss_hz)
        sizes = np.linalg.lstsq(lines.T, fid, rcond=None)[0]
        return float(np.linalg.norm(fid - sizes @ lines))

    gauss_hz = float(minimize_scalar(left, bounds=(1.0, 12.0), method="bounded").x)
    names, lines = shapes(plan, gauss_hz)
    return dict(zip(names, np.abs(np.linalg.lstsq(lines.T, fid, rcond=None)[0]), strict=True))


@pytest.mark.parametrize("hamming", [False, True])
def test_uniform_tissue_gives_back_its_analytic_fid(hamming: bool) -> None:
    plan = dataclasses.replace(EVERYWHERE, hamming=hamming)
    spectra, maps = acquire(scene(), plan)
    names, lines = shapes(plan, plan.gauss_hz)
    sizes = np.zeros(len(names))
    for at, (name, ppm) in enumerate(names):
        if name in METABOLITES and name != "broad":
            row = METABOLITES[name]
            protons = next(line.protons for line in row.lines if line.ppm == ppm)
            sizes[at] = CONTENTS["white"].of(name) * protons * row.weight("white", te_s=0.135, tr_s=2.0)
    expected = sizes @ lines
    np.testing.assert_allclose(spectra.fids, np.broadcast_to(expected, spectra.fids.shape), atol=1e-6 * np.abs(expected).max())
    np.testing.assert_allclose(maps["naa"], 9.0, rtol=1e-6)
    np.testing.assert_allclose(maps["naa_signal_psf"], white_signal("naa", plan, CONTENTS), rtol=1e-6)


def test_the_water_reference_is_the_tissues_water() -> None:
    spectra, _ = acquire(scene(), EVERYWHERE)
    assert spectra.water is not None
    expected = water_of(TISSUES["white"], te_s=0.135, tr_s=2.0)
    np.testing.assert_allclose(np.abs(spectra.water[..., 0]), expected, rtol=5e-3)  # with a thousandth of metabolites on top


def test_inside_the_box_a_uniform_object_stays_as_it_is() -> None:
    _, maps = acquire(scene(), PERFECT)
    middle = maps["naa_signal_psf"][4:8, 4:8, 3:5]
    np.testing.assert_allclose(middle, white_signal("naa", PERFECT, CONTENTS), rtol=0.01)
    np.testing.assert_allclose(maps["cho_naa_psf"][4:8, 4:8, 3:5], maps["cho_naa"][4:8, 4:8, 3:5], rtol=0.01)
    assert np.isnan(maps["cho_naa"][0]).all() and np.isfinite(maps["cho_naa"][2:10, 2:10, 1:7]).all()


def test_no_signal_is_made_or_lost_by_the_point_spread(glioma: Scene) -> None:
    grid = mrsi_grid(PERFECT, HERE)
    things = sample_metabolites(glioma, STILL, grid, PERFECT, CONTENTS)
    plain = encoded(things["naa"], "naa", 2.01, dataclasses.replace(PERFECT, hamming=False))
    weighted = encoded(things["naa"], "naa", 2.01, PERFECT)
    assert plain.sum() == pytest.approx(weighted.sum(), rel=1e-9)


def test_the_box_of_naa_lies_apart_from_that_of_choline() -> None:
    plan = dataclasses.replace(PERFECT, hamming=False)
    things = sample_metabolites(scene(), STILL, mrsi_grid(plan, HERE), plan, CONTENTS)
    turn = np.exp(-2j * np.pi * np.arange(12) / 12)  # the first step of phase encoding tells where a box lies, whatever its blur

    def centre_mm(name: str, ppm: float) -> float:
        return float(-np.angle(turn @ encoded(things[name], name, ppm, plan).sum(axis=(1, 2))) / (2 * np.pi) * 120.0)

    expected = (3.20 - 2.01) * plan.spectrometer_mhz / plan.bandwidth_hz[0] * plan.box_mm[0]
    assert centre_mm("naa", 2.01) - centre_mm("cho", 3.20) == pytest.approx(expected, rel=1e-3)


def test_a_small_nest_is_blurred() -> None:
    _, maps = acquire(scene(("tumour", 7.0, (5.0, 5.0, 5.0))), PERFECT)
    nest = 6, 6, 4
    assert maps["cho_naa"][nest] > 1.0
    assert maps["cho_naa_psf"][nest] < 0.8 * maps["cho_naa"][nest]
    assert maps["cho_naa_psf"][7, 6, 4] > 1.05 * maps["cho_naa"][2, 9, 1]  # its neighbour sees some of it


def test_cho_over_naa_of_the_tumour_comes_back_from_the_spectra(glioma: Scene) -> None:
    plan = dataclasses.replace(REAL, snr=np.inf)  # with water, fat, baseline, shim, phases and eddy currents
    spectra, maps = acquire(glioma, plan, seed=4)
    tumour = np.argwhere(maps["cho_naa"] > 1.5)
    assert len(tumour) > 10 and spectra.water is not None
    for at in map(tuple, tumour):
        unturned = spectra.fids[at] * np.exp(-1j * np.angle(spectra.water[at]))  # as readers undo eddy currents and shift
        sizes = fitted(unturned[:256], dataclasses.replace(plan, n_points=256))
        assert sizes["cho", 3.20] / sizes["naa", 2.01] == pytest.approx(maps["cho_naa_psf"][at], rel=0.03)


def test_lactate_of_the_tumour_points_down(glioma: Scene) -> None:
    plan = dataclasses.replace(PERFECT, gauss_hz=2.0)
    spectra, maps = acquire(glioma, plan)
    at = np.unravel_index(np.nanargmax(maps["lac_signal_psf"]), maps["naa"].shape)
    real = np.fft.fftshift(np.fft.fft(spectra.fids[at])).real
    ppm = 4.65 - np.fft.fftshift(np.fft.fftfreq(plan.n_points, plan.dwell_s)) / plan.spectrometer_mhz
    near = (ppm > 1.2) & (ppm < 1.45)
    assert real[near].min() < -2 * abs(real[near].max())


def test_fat_of_the_scalp_leaks_in_only_where_it_is_let(glioma: Scene) -> None:
    whole = dataclasses.replace(PERFECT, shape=(16, 16, 16), box_mm=(120.0, 80.0, 60.0), n_points=2)  # nothing folds back
    kept, leaking = (acquire(glioma, dataclasses.replace(whole, lipid_leak=leak))[1]["lipid_signal_psf"] for leak in (0.0, 0.01))
    rim, middle = np.abs(leaking - kept)[2, 7, 7], np.abs(leaking - kept)[7, 7, 7]
    assert rim > 10 * middle and rim > 0.3


def test_the_snr_is_the_height_of_white_naa_over_the_noise() -> None:
    plan = dataclasses.replace(EVERYWHERE, shape=(8, 8, 8), box_mm=(80.0, 80.0, 80.0), snr=20.0, n_points=512)
    noisy, _ = acquire(scene(), plan)
    clean, _ = acquire(scene(), dataclasses.replace(plan, snr=np.inf))
    noise = np.fft.fft(noisy.fids - clean.fids)
    alone = np.fft.fftshift(np.fft.fft(clean.fids[0, 0, 0])).real
    ppm = 4.65 - np.fft.fftshift(np.fft.fftfreq(plan.n_points, plan.dwell_s)) / plan.spectrometer_mhz
    height = alone[(ppm > 1.9) & (ppm < 2.1)].max()
    assert height / noise.real.std() == pytest.approx(20.0, rel=0.1)  # the peak stands between two points, and on others' feet
    assert noise.imag.std() == pytest.approx(noise.real.std(), rel=0.02)
    assert noise_sigma(dataclasses.replace(plan, snr=np.inf), CONTENTS) == 0.0


def test_the_same_seed_gives_the_same_bytes(glioma: Scene) -> None:
    first, again, other = (acquire(glioma, REAL, seed)[0] for seed in (1, 1, 2))
    assert first.fids.tobytes() == again.fids.tobytes() != other.fids.tobytes()
    assert first.water is not None and again.water is not None
    assert first.water.tobytes() == again.water.tobytes()


def test_a_head_that_lies_elsewhere_is_seen_elsewhere(glioma: Scene) -> None:
    moved = np.eye(4)
    moved[:3, 3] = -20.0, 0.0, 0.0  # what lay at x lies at x + 20 in the scanner
    shifted = maps_of(acquire_mrsi(glioma, moved, HERE, PERFECT, np.random.default_rng(0))[1])["cho"]
    still = acquire(glioma, PERFECT)[1]["cho"]
    np.testing.assert_allclose(shifted[6:9, 4:8, 3:5], still[4:7, 4:8, 3:5], rtol=1e-5)


def test_the_box_is_moved_off_the_scalp() -> None:
    head = scene(shell_mm=62.0)
    lesion = np.array([50.0, 0.0, 0.0])
    centre = place_box(head, STILL, REAL, lesion)
    assert 10.0 < centre[0] < 30.0 and np.allclose(centre[1:], 0.0, atol=2.0)
    assert np.allclose(place_box(head, STILL, REAL, HERE), 0.0)


def test_each_tissue_has_its_metabolites_and_ratios_of_the_usual_order() -> None:
    assert set(TISSUES) <= set(CONTENTS)
    ratio = {}
    for name in ("grey", "white", "oedema", "infiltration", "scar", "tumour"):
        cho, naa = (
            concentration_of(m, TISSUES[name], CONTENTS) * METABOLITES[m].weight(name, te_s=0.135, tr_s=2.0)
            for m in ("cho", "naa")
        )
        ratio[name] = 9 * cho / (3 * naa)
    assert 0.35 < ratio["white"] < 0.65 and 0.35 < ratio["grey"] < 0.65
    assert ratio["white"] < ratio["oedema"] < ratio["infiltration"] < 2.0 < ratio["tumour"]
    assert 0.7 < ratio["scar"] < 1.5
    assert concentration_of(WATER, TISSUES["csf"], CONTENTS) == pytest.approx(110.2e3)


def test_a_patient_of_ones_own_differs_in_the_lesion_only() -> None:
    own = individual_contents(np.random.default_rng(3), spread=0.2)
    assert own["tumour"] != CONTENTS["tumour"] and own["white"] == CONTENTS["white"]
    assert individual_contents(np.random.default_rng(3), spread=0.0) == dict(CONTENTS)


def test_a_tissue_without_metabolites_is_refused() -> None:
    with pytest.raises(ValueError, match="no row in the table of metabolites"):
        concentration_of("naa", dataclasses.replace(TISSUES["white"], name="gristle"), CONTENTS)


def test_a_box_larger_than_its_field_of_view_is_refused() -> None:
    with pytest.raises(ValueError, match="larger than the field of view"):
        dataclasses.replace(REAL, box_mm=(130.0, 80.0, 60.0))


@pytest.fixture(scope="module")
def written(glioma: Scene, tmp_path_factory: pytest.TempPathFactory) -> tuple[DigitalSpectra, Path]:
    spectra, _ = acquire(glioma, dataclasses.replace(REAL, n_points=64))
    path = tmp_path_factory.mktemp("bids") / "sub-01" / "ses-01" / "mrs" / "sub-01_ses-01_mrsi.nii.gz"
    write_mrs(path, spectra.fids, spectra.grid, header_of(spectra), sidecar={"Manufacturer": "none"})
    return spectra, path


def header_of(spectra: DigitalSpectra) -> MrsHeader:
    return MrsHeader(spectra.dwell_s, spectra.spectrometer_mhz, spectra.te_s, spectra.tr_s, True, spectra.box_mm)


def test_any_nifti_reader_finds_what_the_standard_prescribes(written: tuple[DigitalSpectra, Path]) -> None:
    spectra, path = written
    image = nib.load(path)
    np.testing.assert_array_equal(np.asanyarray(image.dataobj), spectra.fids)
    np.testing.assert_allclose(image.affine, spectra.grid.affine)
    header = image.header
    assert header.get_intent()[2] == "mrs_v0_11" and header["datatype"] == 32 and header["qform_code"] > 0
    assert header["pixdim"][4] == spectra.dwell_s and header.get_xyzt_units() == ("mm", "sec")
    assert header["vox_offset"] % 16 == 0
    (extension,) = header.extensions
    assert extension.get_code() == 44
    fields = json.loads(extension.get_content())
    assert fields["SpectrometerFrequency"] == [pytest.approx(63.866, abs=1e-3)] and fields["ResonantNucleus"] == ["1H"]
    assert fields["EchoTime"] == 0.135 and fields["RepetitionTime"] == 2.0 and fields["SpectralWidth"] == pytest.approx(1250.0)
    np.testing.assert_allclose(np.diag(fields["VOI"]), [80.0, 80.0, 60.0, 1.0])


def test_the_sidecar_holds_what_bids_requires_of_spectra(written: tuple[DigitalSpectra, Path]) -> None:
    fields = json.loads(written[1].with_name("sub-01_ses-01_mrsi.json").read_text())
    assert {"ResonantNucleus", "SpectrometerFrequency", "SpectralWidth", "EchoTime"} <= set(fields)
    assert fields["MagneticFieldStrength"] == 1.5 and fields["Manufacturer"] == "none"


def test_the_same_spectra_are_the_same_file(written: tuple[DigitalSpectra, Path], tmp_path: Path) -> None:
    spectra, path = written
    write_mrs(tmp_path / path.name, spectra.fids, spectra.grid, header_of(spectra))
    assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_the_reference_reader_accepts_the_file(written: tuple[DigitalSpectra, Path]) -> None:
    reader = pytest.importorskip("nifti_mrs.nifti_mrs", reason="nifti-mrs is not installed")
    validator = pytest.importorskip("nifti_mrs.validator")
    spectra, path = written
    file = reader.NIFTI_MRS(str(path))
    validator.validate_nifti_mrs(file)
    assert file.dwelltime == pytest.approx(spectra.dwell_s) and file.nucleus == ["1H"]
    np.testing.assert_array_equal(file[:], spectra.fids.conj())  # it turns the standard's sign on reading


def test_spectra_of_another_shape_than_their_grid_are_not_written(written: tuple[DigitalSpectra, Path], tmp_path: Path) -> None:
    spectra, _ = written
    with pytest.raises(ValueError, match="their grid is"):
        write_mrs(tmp_path / "sub-01_mrsi.nii.gz", spectra.fids[1:], spectra.grid, header_of(spectra))
    assert not list(tmp_path.iterdir())
