"""Spectra to maps: what is assessed, what is not and why, what is refused and what is said."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.rooms.mrs_files import DWELL_S, GRID, MHZ, TE_S, TR_S, USUAL, decays

from afterglow.kernels.spectrum import hz_of_ppm
from afterglow.kernels.types import Status
from afterglow.quantify.spectroscopy import Spectroscopy, in_box, over_reference, spectral_maps
from afterglow.quantify.spectroscopy_view import extreme_voxels, spectrum_at
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.records.maps import ParameterMap
from afterglow.records.spectra import SpectralSeries
from afterglow.report.figures.spectra import spectra_figure

GATES: dict[str, Any] = {"crlb_gate_percent": 30.0, "width_gate_hz": 12.0, "snr_gate": 3.0}
SHAPE = GRID.shape


def _series(fids: Any, water: Any = None, **changes: Any) -> SpectralSeries:
    known = {
        "grid": GRID, "dwell_s": DWELL_S, "spectrometer_mhz": MHZ, "te_s": TE_S, "tr_s": TR_S, "reference_ppm": 4.65,
        "load": lambda: fids, "source": "sub-01_mrsi.nii.gz", "water": None if water is None else (lambda: water),
        "water_source": "" if water is None else "sub-01_mrsref.nii.gz",
    }  # fmt: skip
    return SpectralSeries(**{**known, **changes})


def _water(shift_hz: Any = 0.0) -> Any:
    return decays({}, SHAPE, water=5000.0, noise=0.2, seed=9, shift_hz=shift_hz)


def _named(found: Spectroscopy) -> dict[str, ParameterMap]:
    return {one.quantity.name: one for one in found.maps}


FIDS = decays(USUAL, SHAPE, noise=0.3, seed=1, water=30.0)


@pytest.fixture(scope="module")
def usual() -> Spectroscopy:
    return spectral_maps(_series(FIDS, _water()), **GATES)


def test_every_voxel_of_a_good_image_has_its_signals_ratios_bounds_and_quality(usual: Spectroscopy) -> None:
    maps = _named(usual)
    assert set(maps) == {
        "naa", "cr", "cho", "lac", "cho_naa", "cho_naa_least", "cho_cr", "cho_cr_least", "naa_cr", "lac_cr", "naa_crlb", "cr_crlb",
        "cho_crlb", "lac_crlb", "mrs_snr", "mrs_width", "mrs_shift",
    }  # fmt: skip
    for name, value in (("naa", 10.0), ("cr", 5.0), ("cho", 4.5), ("cho_naa", 0.45), ("cho_cr", 0.9), ("naa_cr", 2.0)):
        assert np.isfinite(maps[name].values).all()
        assert float(np.median(maps[name].values)) == pytest.approx(value, rel=0.06)
    ratio = maps["cho_naa"]
    assert ratio.standard_error is not None
    assert np.std(ratio.values) == pytest.approx(float(np.median(ratio.standard_error)), rel=0.4)
    assert (maps["cho_naa_least"].values < ratio.values).all()
    assert np.isnan(maps["lac"].values).sum() > 25
    assert (maps["lac"].status[np.isnan(maps["lac"].values)] == Status.UNCERTAIN).all()


def test_only_voxels_in_the_box_are_fitted_and_the_others_are_not_asked() -> None:
    box = np.eye(4)
    box[:3, :3], box[:3, 3] = np.diag([20.0, 20.0, 20.0]), GRID.to_mm(np.array([1.5, 1.5, 0.5]))
    series = _series(FIDS, box=box)
    expected = np.zeros(SHAPE, dtype=bool)
    expected[1:3, 1:3, :] = True
    assert np.array_equal(in_box(series), expected)
    found = _named(spectral_maps(series, **GATES))["naa"]
    assert np.array_equal(np.isfinite(found.values), expected)
    assert (found.status[~expected] == Status.NOT_ASKED).all()


def test_a_box_beside_every_voxel_is_refused() -> None:
    box = np.eye(4)
    box[:3, 3] = 500.0
    with pytest.raises(BadInput, match="centre of no voxel lies in its box"):
        spectral_maps(_series(FIDS, box=box), **GATES)


def test_mirrored_decays_are_refused_with_where_the_lines_lie() -> None:
    for water in (None, _water()):
        series = _series(FIDS.conj(), None if water is None else water.conj())
        with pytest.raises(BadInput, match=r"strongest line beside water lies at 7\.\d\d ppm .*mirrored") as caught:
            spectral_maps(series, **GATES)
        assert "water at 4.6" in str(caught.value)


def test_fat_of_the_scalp_in_a_part_of_the_voxels_is_not_taken_for_mirrored_spectra() -> None:
    """Seen on digital patients: fat a hundred times NAA, as wide as fat is, in the voxels with most signal."""
    times_s = np.arange(FIDS.shape[-1]) * DWELL_S
    hertz = hz_of_ppm(np.array(1.25), spectrometer_mhz=MHZ, reference_ppm=4.65)
    fat = 1000.0 * np.exp(2j * np.pi * hertz * times_s - np.pi * 18.0 * times_s)
    spoilt = FIDS.copy()
    spoilt[: (SHAPE[0] - 1) // 2] += fat
    spectral_maps(_series(spoilt), **GATES)
    with pytest.raises(BadInput, match="mirrored"):
        spectral_maps(_series(spoilt.conj()), **GATES)


def test_water_far_from_its_place_is_refused() -> None:
    with pytest.raises(BadInput, match=r"its water lies at \d\.\d\d ppm"):
        spectral_maps(_series(FIDS, _water(shift_hz=80.0)), **GATES)


def test_noise_alone_is_not_called_mirrored_and_nothing_of_it_is_assessed() -> None:
    noise = decays({}, SHAPE, noise=1.0, seed=2)
    maps = _named(spectral_maps(_series(noise), **{**GATES, "snr_gate": 5.0}))
    assert not np.isfinite(maps["cho_naa"].values).any()


def test_choline_without_naa_is_not_assessed_but_leaves_what_the_ratio_is_at_least() -> None:
    naa = np.full(SHAPE, 10.0)
    naa[2, 1, 0] = 0.0
    cho = np.full(SHAPE, 4.5)
    cho[2, 1, 0] = 12.0
    maps = _named(spectral_maps(_series(decays({**USUAL, "naa": naa, "cho": cho}, SHAPE, noise=0.3, seed=3)), **GATES))
    assert np.isnan(maps["cho_naa"].values[2, 1, 0])
    assert maps["cho_naa"].status[2, 1, 0] == Status.DIVISOR_LOST
    assert maps["cho_naa_least"].values[2, 1, 0] > 4.0
    assert np.isfinite(maps["cho_cr"].values[2, 1, 0])


def test_lines_that_lie_beyond_where_they_are_looked_for_are_not_assessed() -> None:
    shift = np.zeros(SHAPE)
    shift[0, 0, 0] = 45.0
    found = spectral_maps(_series(decays(USUAL, SHAPE, noise=0.3, seed=3, shift_hz=shift)), **GATES)
    assert np.isnan(_named(found)["cho_naa"].values[0, 0, 0])


def test_a_line_that_points_the_wrong_way_is_not_detected() -> None:
    naa = np.full(SHAPE, 10.0)
    naa[1, 1, 1] = -6.0
    maps = _named(spectral_maps(_series(decays({**USUAL, "naa": naa}, SHAPE, noise=0.2, seed=3)), **GATES))
    assert np.isnan(maps["naa"].values[1, 1, 1])
    assert not maps["cho_naa"].values[1, 1, 1] < 0


def test_a_voxel_without_any_metabolite_has_no_ratio_and_no_bound_on_it() -> None:
    sizes = {name: np.where(np.arange(32).reshape(SHAPE) == 5, 0.0, value) for name, value in USUAL.items()}
    maps = _named(spectral_maps(_series(decays(sizes, SHAPE, noise=0.3, seed=4)), **GATES))
    for name in ("cho_naa", "cho_naa_least", "naa"):
        assert np.isnan(maps[name].values.ravel()[5])
    assert maps["cho_naa"].status.ravel()[5] in (Status.WEAK_LINES, Status.UNCERTAIN, Status.NO_CONVERGENCE)


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"width_gate_hz": 2.0}, Status.BROAD_LINES),
        ({"snr_gate": 500.0}, Status.WEAK_LINES),
        ({"crlb_gate_percent": 0.1}, Status.UNCERTAIN),
    ],
    ids=["width", "snr", "bound"],
)
def test_each_gate_says_why(changed: dict[str, float], status: Status) -> None:
    maps = _named(spectral_maps(_series(FIDS), **{**GATES, **changed}))
    assert np.isnan(maps["naa"].values).all()
    assert (maps["naa"].status == status).all()
    assert np.isfinite(maps["mrs_snr"].values).all()


def test_voxels_of_nan_and_zero_are_told_apart_and_the_rest_stays() -> None:
    fids = FIDS.copy()
    fids[0, 0, 0], fids[1, 1, 1, 3] = 0, np.nan
    found = _named(spectral_maps(_series(fids), **GATES))["naa"]
    assert (found.status[0, 0, 0], found.status[1, 1, 1]) == (Status.NO_SIGNAL, Status.NOT_FINITE)
    assert np.isfinite(found.values).sum() == 30


def test_a_box_of_nothing_but_zeros_is_refused() -> None:
    with pytest.raises(BadInput, match="holds a decay that is finite and not zero"):
        spectral_maps(_series(0 * FIDS), **GATES)


def test_one_voxel_is_an_image_too() -> None:
    one = Grid((1, 1, 1), GRID.affine)
    found = spectral_maps(_series(FIDS[:1, :1, :1], grid=one), **GATES)
    assert _named(found)["cho_naa"].values[0, 0, 0] == pytest.approx(0.45, rel=0.15)
    assert not found.fits.learned.any()


def test_the_field_shift_is_found_with_and_without_water() -> None:
    shift = np.random.default_rng(5).normal(0, 5, SHAPE)
    fids = decays(USUAL, SHAPE, noise=0.3, seed=6, shift_hz=shift)
    for water in (None, _water(shift)):
        found = _named(spectral_maps(_series(fids, water), **GATES))["mrs_shift"]
        np.testing.assert_allclose(found.values, shift, atol=0.6)


def test_spectra_whose_zero_lies_elsewhere_than_at_water_are_read_by_their_header() -> None:
    t = np.arange(FIDS.shape[-1]) * DWELL_S
    moved = (FIDS * np.exp(2j * np.pi * (4.65 - 3.0) * -MHZ * t)).astype(np.complex64)
    water = (_water() * np.exp(2j * np.pi * (4.65 - 3.0) * -MHZ * t)).astype(np.complex64)
    for reference in (None, water):
        maps = _named(spectral_maps(_series(moved, reference, reference_ppm=3.0), **GATES))
        assert float(np.median(maps["cho_naa"].values)) == pytest.approx(0.45, rel=0.08)
        assert float(np.abs(maps["mrs_shift"].values).max()) < 1.0


# --- what is said ---


def _said(found: Spectroscopy) -> str:
    return "\n".join(f"{line.level}: {line.what}: {line.found}; {line.advice}" for line in found.quality)


def test_another_echo_time_a_missing_reference_and_a_missing_box_are_said_and_the_fit_goes_on() -> None:
    fids = decays({**USUAL, "lac": 2.0}, SHAPE, noise=0.3, seed=7, te_s=0.030)
    found = spectral_maps(_series(fids, te_s=0.030), **GATES, te_s=0.135)
    words = _said(found)
    assert "warning: echo time of the spectra: 30 ms, the method was made for 135 ms" in words
    assert "water reference of the spectra: none" in words
    assert "box of the spectra: not known" in words
    assert np.isfinite(_named(found)["cho_naa"].values).all()


def test_the_usual_image_raises_no_warning(usual: Spectroscopy) -> None:
    assert not [line for line in usual.quality if line.level == "warning"]
    assert "warning" not in _said(spectral_maps(_series(FIDS), **GATES, te_s=0.135))


def test_a_box_that_misses_the_tumour_or_part_of_it_is_said() -> None:
    box = np.eye(4)
    box[:3, :3], box[:3, 3] = np.diag([20.0, 20.0, 20.0]), GRID.to_mm(np.array([1.5, 1.5, 0.5]))
    for where, words in ((slice(3, 4), "it misses the tumour"), (slice(2, 4), "2 of 4 voxels"), (slice(1, 3), "")):
        tumour = np.zeros(SHAPE, dtype=bool)
        tumour[where, 1, :] = True
        text = _said(spectral_maps(_series(FIDS, box=box), **GATES, tumour=tumour))
        assert words in text if words else "over the tumour" not in text


def test_the_displacement_of_the_box_is_in_mm_where_the_bandwidths_are_known_and_unknown_else(usual: Spectroscopy) -> None:
    box = np.eye(4)
    box[:3, :3], box[:3, 3] = np.diag([40.0, 40.0, 20.0]), GRID.to_mm(np.array([1.5, 1.5, 0.5]))
    text = _said(spectral_maps(_series(FIDS, box=box, bandwidth_hz=(1500.0, 1000.0, 1000.0)), **GATES))
    assert "2.0 x 3.0 x 1.5 mm between NAA and Cho" in text
    assert "displacement of the box: not known" in _said(usual)


def test_the_provenance_names_gates_sources_and_what_was_not_corrected(usual: Spectroscopy) -> None:
    how = usual.provenance
    assert how.sources == ("sub-01_mrsi.nii.gz", "sub-01_mrsref.nii.gz")
    assert how.settings["crlb_gate_percent"] == 30.0
    assert "without correction for T1 and T2" in how.sentence
    assert "10.1002/mrm.1910140104" in how.dois


# --- over the reference, and pictures ---


def test_a_map_over_its_reference_is_one_there(usual: Spectroscopy) -> None:
    one = _named(usual)["cho_naa"]
    mask = np.zeros(SHAPE, dtype=bool)
    mask[:2] = True
    values, middle = over_reference(one, mask)
    assert float(np.median(values[mask])) == pytest.approx(1.0, rel=1e-5)
    assert middle == pytest.approx(0.45, rel=0.1)


def test_a_reference_in_which_nothing_was_measured_is_refused(usual: Spectroscopy) -> None:
    one = _named(usual)["lac_cr"]
    with pytest.raises(BadInput, match="measured in none of the 0 voxels"):
        over_reference(one, np.zeros(SHAPE, dtype=bool))
    with pytest.raises(BadInput, match="resample it first"):
        over_reference(one, np.zeros((2, 2, 2), dtype=bool))


def test_a_voxel_is_shown_in_phase_at_its_place_with_a_residual_of_noise() -> None:
    fids = decays(USUAL, SHAPE, noise=0.2, seed=8, shift_hz=5.0, phase_rad=1.2, water=40.0)
    found = spectral_maps(_series(fids), **GATES)
    one = spectrum_at(found, (1, 2, 1))
    assert (np.diff(one.ppm) < 0).all()
    assert one.ppm[np.argmax(one.measured)] == pytest.approx(2.01, abs=0.03)
    left = one.measured - one.fitted
    assert np.std(left) < 0.05 * one.measured.max()
    assert one.centre_mm == tuple(GRID.to_mm(np.array([1.0, 2.0, 1.0])).tolist())
    assert [peak.name for peak in one.peaks] == ["NAA", "Cr", "Cho", "Lac"]


@pytest.mark.parametrize("voxel", [(9, 0, 0), (-1, 0, 0)])
def test_a_voxel_outside_is_refused(usual: Spectroscopy, voxel: tuple[int, int, int]) -> None:
    with pytest.raises(BadInput, match="outside the box"):
        spectrum_at(usual, voxel)


def test_the_picture_names_both_voxels_their_ratios_and_what_was_not_assessed(usual: Spectroscopy) -> None:
    shown = [("aggressive", spectrum_at(usual, (0, 0, 0))), ("reference", spectrum_at(usual, (3, 3, 1)))]
    anatomy = (
        np.random.default_rng(0).random((20, 24, 12)).astype(np.float32),
        Grid((20, 24, 12), np.diag([4.0, 4.0, 4.0, 1.0])),
    )
    figure = spectra_figure(shown, GRID, name="spectra", anatomy=anatomy)
    again = spectra_figure(shown, GRID, name="spectra", anatomy=anatomy)
    assert figure is not None
    assert again is not None
    assert figure.image == again.image
    for words in ("aggressive: Cho/NAA 0.4", "reference: Cho/NAA", "voxel 3, 3, 1"):
        assert words in figure.caption
    lost = dataclasses.replace(shown[0][1], ratios=(("Cho/NAA", np.nan, np.nan),), least=(("Cho/NAA", 3.2),))
    other = spectra_figure([("necrosis", lost)], GRID, name="spectra")
    assert other is not None
    assert "Cho/NAA not assessed, at least 3.2" in other.caption
    assert spectra_figure([], GRID, name="spectra") is None


def test_a_voxel_that_could_not_be_fitted_is_drawn_as_it_was_measured(tmp_path: Path) -> None:
    fids = FIDS.copy()
    fids[0, 0, 0] = 0
    found = spectral_maps(_series(fids), **GATES)
    one = spectrum_at(found, (0, 0, 0))
    assert np.isnan(one.fitted).all()
    figure = spectra_figure([("empty", one)], GRID, name="spectra")
    assert figure is not None
    assert "no fit" in figure.caption


def test_the_voxels_worth_a_look_are_the_largest_and_the_usual_one(usual: Spectroscopy) -> None:
    values = _named(usual)["cho_naa"].values
    high, middle = extreme_voxels(usual, "cho_naa")
    assert values[high] == values.max()
    assert abs(values[middle] - np.median(values)) < 0.05
