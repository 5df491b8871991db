"""Measure the fit of spectra on digital patients: errors of Cho/NAA, honesty of the bounds, what noise, field and width do, seconds.

    .venv/bin/python scripts/measure_spectra.py FOLDER [--patients 2] [--repeats 20] [--seed 5]

Digital patients of seyithanoglu2025 are simulated without noise into FOLDER (or found there); white noise of several sizes is then
drawn here, with a seed that is said. SNR is the simulator's: NAA of pure white matter over the noise of the spectrum.
"""

import argparse
import time
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from afterglow.flows.simulate import Order, simulate_cohort
from afterglow.flows.simulation_file import load_simulation
from afterglow.io.mrs_read import read_mrs
from afterglow.kernels import spectrum_lines
from afterglow.kernels.spectrum import Complex
from afterglow.kernels.spectrum_align import eddy_corrected, water_phase
from afterglow.kernels.spectrum_fit import SpectrumFit, SpectrumSetting, fit_spectra, setting
from afterglow.kernels.spectrum_lines import NAMES
from afterglow.kernels.spectrum_ratio import ratio_error
from afterglow.quantify.spectroscopy import in_box, spectral_maps
from afterglow.records.spectra import SpectralSeries
from afterglow.simulate.exam_plans import mrsi_plan
from afterglow.simulate.metabolites import CONTENTS
from afterglow.simulate.spectroscopy import noise_sigma

METHOD = "seyithanoglu2025"
SNRS = (5.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0, 100.0)
EXTRA_HZ = (0.0, 2.0, 4.0, 6.0, 8.0)
T2_ERRORS: tuple[tuple[str, dict[str, float]], ...] = (
    ("T2 as simulated", {}),
    ("all T2 x .8", {"": 0.8}),
    ("all T2 x 1.5", {"": 1.5}),
    ("NAA's T2 x .9", {"naa": 0.9}),
    ("Cho's T2 x 1.2", {"cho": 1.2}),
)
GATE = 30.0  # per cent
NAA, CR, CHO = (NAMES.index(name) for name in ("naa", "cr", "cho"))
Array = NDArray[np.float64]


class Patient:
    """One visit's clean decays in the box with their truth."""

    def __init__(self, folder: Path, subject: str) -> None:
        mrs = folder / "bids" / f"sub-{subject}" / "ses-pre" / "mrs"
        name = f"sub-{subject}_ses-pre"
        self.series: SpectralSeries = read_mrs(mrs / f"{name}_mrsi.nii.gz", folder / "bids", mrs / f"{name}_mrsref.nii.gz")
        self.inside = in_box(self.series)
        self.clean: Complex = self.series.load()[self.inside]
        self.water: Complex = self.series.water()[self.inside] if self.series.water is not None else self.clean
        self.truth = {one: self._true(folder, subject, one) for one in ("chonaa", "chonaapsf", "chocrpsf", "naasignalpsf", "chosignalpsf", "b0shift", "linewidth")}  # fmt: skip

    def _true(self, folder: Path, subject: str, name: str) -> Array:
        path = folder / "truth" / f"sub-{subject}" / "ses-pre" / f"sub-{subject}_ses-pre_space-mrsi_param-{name}_map.nii.gz"
        values: Array = np.asarray(nib.load(path).dataobj, dtype=np.float64)[self.inside]
        return values

    def how(self, reach_hz: float) -> SpectrumSetting:
        one = self.series
        return setting(
            self.clean.shape[1], dwell_s=one.dwell_s, spectrometer_mhz=one.spectrometer_mhz, te_s=one.te_s,
            reference_ppm=one.reference_ppm, water_ppm=4.65, reach_hz=reach_hz,
        )  # fmt: skip

    def fitted(self, sigma: float, rng: np.random.Generator, *, by_water: bool = True, extra_hz: float = 0.0) -> SpectrumFit:
        t = np.arange(self.clean.shape[1]) * self.series.dwell_s
        drawn = rng.normal(size=(*self.clean.shape, 2)) @ np.array([1.0, 1j])
        y = self.clean * np.exp(-((np.pi * extra_hz * t) ** 2) / (4 * np.log(2))) + sigma * drawn
        if by_water:
            y = eddy_corrected(y, water_phase(self.water, dwell_s=self.series.dwell_s, nominal_hz=0.0)[0])
        return fit_spectra(y, self.how(8.0 if by_water else 24.0))


def ratio(fit: SpectrumFit) -> tuple[Array, Array, NDArray[np.bool_]]:
    """Cho/NAA, its standard error, and where both signals pass the gate."""
    percent = 100 * fit.errors / np.maximum(np.abs(fit.amplitudes), 1e-12)
    passed = (fit.status == 0) & (percent[:, CHO] <= GATE) & (percent[:, NAA] <= GATE)
    covariance = fit.covariance[:, [[CHO, CHO], [NAA, NAA]], [[CHO, NAA], [CHO, NAA]]]
    over, under = fit.amplitudes[:, CHO], fit.amplitudes[:, NAA]
    return over / under, ratio_error(over, under, covariance), passed


def line(words: str, found: Array, truth: Array, error: Array, kept: NDArray[np.bool_]) -> None:
    kept = kept & np.isfinite(truth)
    off = found[kept] / truth[kept] - 1
    inside = np.abs(found - truth)[kept] < 1.96 * error[kept]
    print(
        f"{words:<36} {kept.sum():>6} of {kept.size:<6} |error| {100 * np.median(np.abs(off)):6.2f} %  bias {100 * np.median(off):6.2f} %  "
        f"r {np.corrcoef(found[kept], truth[kept])[0, 1]:.4f}  95 % intervals hold {100 * inside.mean():5.1f} %  bound {100 * np.median((error / found)[kept]):5.2f} %"
    )  # fmt: skip


def pooled(patients: list[Patient], sigma: float, seed: int, words: str, *, against: tuple[str, ...] = ("chonaapsf",), **options: object) -> None:  # fmt: skip
    rng = np.random.default_rng(seed)
    fits = [one.fitted(sigma, rng, **options) for one in patients]  # type: ignore[arg-type]
    found, error, kept = (np.concatenate(column) for column in zip(*(ratio(fit) for fit in fits), strict=True))
    for name in against:
        truth = np.concatenate([one.truth[name] for one in patients])
        line(f"{words}{'' if name == 'chonaapsf' else ', plain truth'}", found, truth, error, kept)


def honesty(patients: list[Patient], sigma: float, seed: int, repeats: int) -> None:
    """Scatter over repeated noise against the bound, signal by signal."""
    rng = np.random.default_rng(seed)
    for name, column in (("NAA", NAA), ("Cr", CR), ("Cho", CHO)):
        shares, means = [], []
        for one in patients:
            fits = [one.fitted(sigma, rng) for _ in range(repeats)]
            values = np.stack([fit.amplitudes[:, column] for fit in fits])
            bounds = np.stack([fit.errors[:, column] for fit in fits])
            shares.append(np.std(values, axis=0, ddof=1) / np.median(bounds, axis=0))
            means.append(np.mean(values, axis=0) / fits[0].amplitudes[:, column])
        share = np.concatenate(shares)
        print(f"{name:<6} scatter over {repeats} draws / bound: median {np.median(share):.3f}, 5 to 95 % of voxels {np.quantile(share, 0.05):.2f} to {np.quantile(share, 0.95):.2f}")  # fmt: skip


def seconds(one: Patient) -> None:
    """Wall time of the whole step, in the box and on the whole grid."""
    import dataclasses

    gates = {"crlb_gate_percent": GATE, "width_gate_hz": 12.0, "snr_gate": 3.0}
    for words, series in (("box", one.series), ("whole grid", dataclasses.replace(one.series, box=None))):
        loaded = series.load(), series.water() if series.water is not None else None
        ready = dataclasses.replace(series, load=lambda a=loaded[0]: a, water=lambda a=loaded[1]: a)
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            found = spectral_maps(ready, **gates)
            taken.append(time.perf_counter() - began)
        print(
            f"{words}: {int(found.fitted.sum())} voxels in {min(taken):.2f} s (best of three: {', '.join(f'{t:.2f}' for t in taken)})"
        )


def main() -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--patients", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--seed", type=int, default=5)
    asked = parser.parse_args()
    if not (asked.folder / "bids").is_dir():
        simulate_cohort(
            Order(METHOD, asked.patients, asked.seed, "coarse", ideal=True), asked.folder, workers=1, progress=lambda *_: None
        )
    acquisition = load_simulation(METHOD).acquisition
    assert acquisition.mrsi is not None
    plan = mrsi_plan(acquisition.mrsi, acquisition.field_t)
    subjects = sorted(path.name.removeprefix("sub-") for path in (asked.folder / "bids").glob("sub-*"))
    patients = [Patient(asked.folder, subject) for subject in subjects]
    sigma = noise_sigma(plan, CONTENTS)
    print(
        f"{len(patients)} patients, protocol SNR {plan.snr:g}, seed {asked.seed}; Cho/NAA against box and point spread unless said"
    )
    for snr in SNRS:
        pooled(patients, sigma * plan.snr / snr, asked.seed, f"SNR {snr:g}")
    pooled(patients, sigma, asked.seed, "protocol SNR", against=("chonaapsf", "chonaa"))
    pooled(patients, sigma, asked.seed, "without water reference", by_water=False)
    for extra in EXTRA_HZ:
        pooled(patients, sigma, asked.seed, f"{extra:g} Hz broader", extra_hz=extra)
    kept = spectrum_lines.LINES
    for words, factors in T2_ERRORS:
        spectrum_lines.LINES = tuple(one._replace(t2_s=one.t2_s * factors.get(one.name, factors.get("", 1.0))) for one in kept)
        pooled(patients, sigma, asked.seed, words)
    spectrum_lines.LINES = kept
    honesty(patients, sigma, asked.seed, asked.repeats)
    seconds(patients[0])


if __name__ == "__main__":
    main()
