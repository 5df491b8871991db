"""PRESS spectroscopic imaging of a scene: lines, water, fat, the scanner's field, noise, and the truth behind them.

Field shift, phase and broadening are one number for each voxel of the image and act on all that is encoded into it; fat that
leaks in from the scalp is thereby shifted as the voxel is, not as the scalp was.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels import spectrum
from afterglow.kernels.spectrum import Complex
from afterglow.kernels.types import Array
from afterglow.records.grid import Grid
from afterglow.simulate.metabolites import CONTENTS, ELSEWHERE, METABOLITES, WATER, WATER_LINE, Contents, Line
from afterglow.simulate.mrsi_object import Encodable, along, box_along, encoded, sample_metabolites
from afterglow.simulate.mrsi_plan import MrsiPlan, mrsi_grid
from afterglow.simulate.scanner import SmoothField
from afterglow.simulate.scene import Scene
from afterglow.simulate.series import DigitalSpectra, TrueMap

Matrix = NDArray[np.float64]
Amplitudes = Mapping[tuple[str, float], Array]  # (i, j, k) by metabolite and ppm of the line

_WATER_T2_S = 0.075  # decay of the water line after the echo: white matter's in the tissue table
_READ = ("naa", "cr", "cho", "mi", "lac", "lipid")
_RATIOS = (("cho_naa", "cho", "naa"), ("cho_cr", "cho", "cr"))
_DIVISOR = 0.02  # share of white matter's signal below which a metabolite divides nothing
_WATER_SPREAD = 0.3  # log-normal sigma of what suppression leaves from voxel to voxel, assumed
_WATER_TURN_RAD = 1.5  # spread of the phase of that water, 100 mm from the centre, assumed


@dataclass(frozen=True, eq=False)
class Voxels:
    """What the scanner's field does in each voxel (i, j, k)."""

    shift_hz: Array
    gauss_hz: Array
    phase_rad: Array
    water_factor: Complex  # of the residual water: its size about 1 and its phase


def acquire_mrsi(
    scene: Scene,
    world_to_body: Matrix,
    centre_mm: Matrix,
    plan: MrsiPlan,
    rng: np.random.Generator,
    *,
    contents: Mapping[str, Contents] = CONTENTS,
) -> tuple[DigitalSpectra, tuple[TrueMap, ...]]:
    """Spectra with and without water suppression, and their truth on the same grid (space "mrsi").

    world_to_body (4, 4) takes scanner mm to the scene's; centre_mm (3,) of box and field of view in scanner mm. True maps:
    `naa`, `cr` … voxel means of the concentration; `naa_signal` … signal of the first line at this TE and TR; `cho_naa`, `cho_cr`
    ratios of these signals; the same with `_psf` after box and point spread, as a perfect fit finds them; NaN outside the box.
    """
    grid = mrsi_grid(plan, centre_mm)
    things = sample_metabolites(scene, world_to_body, grid, plan, contents)
    voxels = _draw_voxels(plan, grid, centre_mm, rng)
    amplitudes = {(name, line.ppm): line.protons * encoded(things[name], name, line.ppm, plan) for name, line in _lines()}
    sigma = noise_sigma(plan, contents)

    def measured(water: Array | Complex) -> NDArray[np.complex64]:
        return (_fids(amplitudes, water, voxels, plan) + _noise(plan, sigma, rng)).astype(np.complex64)

    suppressed = measured(plan.water_residual * voxels.water_factor)
    half = np.array(plan.box_mm) / 2
    box_mm = (centre_mm - half, centre_mm + half)
    spectra = DigitalSpectra(
        suppressed,
        grid,
        plan.dwell_s,
        plan.spectrometer_mhz,
        plan.te_s,
        plan.tr_s,
        box_mm,
        water=measured(np.ones(grid.shape)),
        bandwidth_hz=plan.bandwidth_hz,
    )
    return spectra, tuple(_truth(things, amplitudes, voxels, plan, contents))


def _lines() -> Iterator[tuple[str, Line]]:
    for row in METABOLITES.values():
        for line in row.lines:
            yield row.name, line
    yield WATER, WATER_LINE


def _basis(plan: MrsiPlan, name: str, line: Line) -> Complex:
    """FID (t,) of one line or doublet of unit amplitude in a perfect field."""
    centre_hz = spectrum.hz_of_ppm(np.array(line.ppm), spectrometer_mhz=plan.spectrometer_mhz, reference_ppm=spectrum.WATER_PPM)
    offset_hz, phase_rad = spectrum.doublet(line.j_hz, plan.te_s)
    t2_s = _WATER_T2_S if name == WATER else METABOLITES[name].t2_s[ELSEWHERE]
    return spectrum.fid(
        _times_s(plan),
        np.full(2, 0.5),
        frequency_hz=centre_hz + offset_hz,
        phase_rad=phase_rad,
        lorentz_hz=np.full(2, 1 / (np.pi * t2_s)),
        gauss_hz=np.full(2, line.width_ppm * plan.spectrometer_mhz),
    )


def _times_s(plan: MrsiPlan) -> Array:
    return np.arange(plan.n_points) * plan.dwell_s


def _fids(amplitudes: Amplitudes, water: Array | Complex, voxels: Voxels, plan: MrsiPlan) -> Complex:
    """Noise-free FIDs (i, j, k, t); `water` (i, j, k) multiplies the water's amplitude."""
    factor = {WATER: water, "broad": plan.baseline}
    sizes = np.stack([amplitudes[name, line.ppm] * factor.get(name, 1.0) for name, line in _lines()], axis=-1)
    times_s = _times_s(plan)
    turned = spectrum.voxel_modulation(times_s, shift_hz=voxels.shift_hz, phase_rad=voxels.phase_rad, gauss_hz=voxels.gauss_hz)
    eddy = np.exp(1j * np.deg2rad(plan.eddy_deg) * np.exp(-times_s / plan.eddy_decay_s))
    out: Complex = (sizes @ np.stack([_basis(plan, name, line) for name, line in _lines()])) * turned * eddy
    return out


def _draw_voxels(plan: MrsiPlan, grid: Grid, centre_mm: Matrix, rng: np.random.Generator) -> Voxels:
    """Field of the shim's remainder, broadening by its gradient, small phases, and what water suppression leaves where."""
    constant = np.array([0.2] + [1.0] * 9)  # the scanner sets its frequency on the water of the box
    field = SmoothField(rng.normal(0.0, plan.b0_hz, 10) * constant, centre_mm)
    shift = field.at(grid).astype(np.float64)
    across = np.sqrt(sum(slope**2 for slope in np.gradient(shift)))
    own = plan.gauss_hz * np.exp(plan.width_spread * rng.standard_normal(grid.shape))
    phase = np.deg2rad(plan.phase_deg) * rng.standard_normal(grid.shape)
    turn = SmoothField(rng.normal(0.0, _WATER_TURN_RAD, 10), centre_mm).at(grid)
    water = np.exp(_WATER_SPREAD * rng.standard_normal(grid.shape) + 1j * turn)
    return Voxels(shift, np.hypot(own, across), phase, water)


def white_signal(name: str, plan: MrsiPlan, contents: Mapping[str, Contents]) -> float:
    """Signal of a metabolite's first line in pure white matter at this TE and TR."""
    row = METABOLITES[name]
    return contents["white"].of(name) * row.lines[0].protons * row.weight("white", te_s=plan.te_s, tr_s=plan.tr_s)


def noise_sigma(plan: MrsiPlan, contents: Mapping[str, Contents]) -> float:
    """Standard deviation of the FID's noise in each channel, from the height of white matter's NAA in the spectrum."""
    still = np.zeros(())
    voxel = spectrum.voxel_modulation(_times_s(plan), shift_hz=still, phase_rad=still, gauss_hz=np.array(plan.gauss_hz))
    height = float(np.abs(_basis(plan, "naa", METABOLITES["naa"].lines[0]) * voxel).sum())
    return white_signal("naa", plan, contents) * height / plan.snr / float(np.sqrt(plan.n_points))


def _noise(plan: MrsiPlan, sigma: float, rng: np.random.Generator) -> Complex:
    """Complex noise (i, j, k, t), correlated between voxels as the weighting of k-space makes it; none is drawn for sigma 0."""
    if sigma == 0:
        return np.zeros((*plan.shape, 1), dtype=np.complex64)
    drawn = rng.standard_normal((*plan.shape, plan.n_points, 2), dtype=np.float32)
    filters = []
    for n in plan.shape:
        spread = spectrum.point_spread(n, np.arange(float(n))[:, None] - np.arange(n), hamming=plan.hamming)
        filters.append((spread / np.linalg.norm(spread[0])).astype(np.float32))
    out: Complex = along((np.float32(sigma) * drawn).view(np.complex64)[..., 0], filters)
    return out


def _truth(
    things: Mapping[str, Encodable], amplitudes: Amplitudes, voxels: Voxels, plan: MrsiPlan, contents: Mapping[str, Contents]
) -> Iterator[TrueMap]:
    """The true maps that `acquire_mrsi` names, and `b0_shift` and `line_width` in Hz (the width of NAA)."""
    grid = things["naa"].grid
    inside = _inside(plan)
    plain, spread = {}, {}
    for name in _READ:
        thing, line = things[name], METABOLITES[name].lines[0]
        yield _map(name, METABOLITES[name].unit, thing.means(thing.concentration[name]), inside, grid)
        plain[name], spread[name] = line.protons * thing.means(thing.signal[name]), amplitudes[name, line.ppm]
        yield _map(f"{name}_signal", "mmol/L of protons", plain[name], inside, grid)
        yield _map(f"{name}_signal_psf", "mmol/L of protons", spread[name], inside, grid)
    for ratio, upper, lower in _RATIOS:
        least = _DIVISOR * white_signal(lower, plan, contents)
        for ending, signals in (("", plain), ("_psf", spread)):
            divisor = np.where(signals[lower] > least, signals[lower], np.nan)
            yield _map(f"{ratio}{ending}", "1", signals[upper] / divisor, inside, grid)
    lorentz_hz = np.array(1 / (np.pi * METABOLITES["naa"].t2_s[ELSEWHERE]))
    yield _map("b0_shift", "Hz", voxels.shift_hz, inside, grid)
    yield _map("line_width", "Hz", spectrum.voigt_width_hz(lorentz_hz, voxels.gauss_hz), inside, grid)


def _inside(plan: MrsiPlan) -> NDArray[np.bool_]:
    """Voxels (i, j, k) whose centre lies in the box where it was planned."""
    kept = []
    for axis, n in enumerate(plan.shape):
        place_mm = (np.arange(n) - (n - 1) / 2) * plan.voxel_mm[axis]
        kept.append(box_along(plan, axis, plan.transmit_ppm, place_mm) > 0.5)
    i, j, k = kept
    out: NDArray[np.bool_] = i[:, None, None] & j[None, :, None] & k[None, None, :]
    return out


def _map(quantity: str, unit: str, values: Array, inside: NDArray[np.bool_], grid: Grid) -> TrueMap:
    return TrueMap(quantity, unit, np.where(inside, values, np.nan).astype(np.float32), grid, "mrsi")
