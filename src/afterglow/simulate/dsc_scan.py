"""One DSC scan of a body: vessels' fields, leak, earlier injections, slices one after the other, motion, noise.

Every tissue's signal is worked out once for each slice and mixed by its share; where perfusion varies from place to place
(grey and white matter) the signal is expanded to second order in the deviation, and in the lesion each sub-voxel is worked out.
"""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from afterglow.kernels.convolution import exp_convolve
from afterglow.kernels.cubic import cubic_resampled
from afterglow.kernels.types import Array
from afterglow.records.grid import Grid
from afterglow.records.protocol import Epi, Injection
from afterglow.simulate.body import Body, Sampled
from afterglow.simulate.dsc_signal import HAEMATOCRIT, STEP_S, LeakyTissue, Scan, gradient_echo, spin_echo
from afterglow.simulate.scanner import HeadMotion, StoredImage, rician, storage_slope, stored
from afterglow.simulate.series import DigitalSeries
from afterglow.simulate.vascular import ARCHITECTURES, Bolus, Echoes, Network, artery_mM, compartments_mM, vascular_rates
from afterglow.simulate.warp import rigid

Map = NDArray[np.float32]
Echo = Literal["gradient", "spin"]

ROLES: Mapping[Echo, str] = {"gradient": "dsc-ge", "spin": "dsc-se"}

_DEVIATION = 0.15  # of the texture, where the expansion is taken
_RATES_PER_S = np.concatenate([[0.0], np.geomspace(1e-5, 0.2, 160)])  # kep of the table of leaks; linear between is good to 1e-5
_LEAK_STEP_S = 0.25
_BLOOD_PER_MM = {"gradient": 4.0, "spin": 1.0}  # dR2* and dR2 of blood per mM, linear; assumed


@dataclass(frozen=True)
class DscScan:
    """How one scan is made and what it meets."""

    echo: Echo
    scan: Scan
    bolus: Bolus
    snr0: float  # of white matter in one frame; may be infinite
    network: Network = field(default_factory=Network)
    echoes: Echoes = field(default_factory=Echoes)
    leak: LeakyTissue = field(default_factory=LeakyTissue)  # relaxivities of what has leaked
    slice_times_s: tuple[float, ...] = ()  # (k,) of each slice after the start of its frame

    @property
    def te_s(self) -> float:
        return self.echoes.te_ge_s if self.echo == "gradient" else self.echoes.te_se_s


@dataclass(frozen=True, eq=False)
class Courses:
    """Finely sampled curves behind one scan: rates per unit of blood volume by architecture, blood, and leaks by kep."""

    fine_s: Array  # (s,)
    rates: Mapping[str, Array]  # architecture -> (s,)
    blood_mM: Mapping[str, Array]  # artery, vein -> (s,)
    clock_s: Array  # (c,)
    leaks: Array  # (kep, c) of a Ktrans of 1/s


def courses(made: DscScan) -> Courses:
    """All curves a scan may need, on clocks that reach beyond its last slice."""
    until_s = made.scan.times_s[-1] + made.scan.tr_s + STEP_S
    fine_s = np.arange(0.0, until_s, STEP_S)
    artery = artery_mM(fine_s, made.bolus)
    concentrations, vein = compartments_mM(STEP_S, artery, made.network)
    both = {name: vascular_rates(concentrations, shares, made.network, made.echoes) for name, shares in ARCHITECTURES.items()}
    rates = {name: rate.ge_per_s if made.echo == "gradient" else rate.se_per_s for name, rate in both.items()}
    before_s = max((seconds for seconds, _ in made.scan.earlier), default=0.0)
    clock_s = np.arange(-before_s, until_s, _LEAK_STEP_S)
    plasma = artery_mM(clock_s, made.bolus)
    for seconds, share in made.scan.earlier:
        plasma = plasma + share * artery_mM(clock_s, replace(made.bolus, onset_s=made.bolus.onset_s - seconds))
    leaks = exp_convolve(clock_s, plasma / (1 - HAEMATOCRIT), _RATES_PER_S)
    return Courses(fine_s, rates, {"artery": artery, "vein": vein}, clock_s, leaks)


def acquire_dsc(
    body: Body, made: DscScan, motion: HeadMotion | None, receive: Map, seeds: np.random.SeedSequence, *,
    workers: int = 1, tick: Callable[[], None] = lambda: None,
) -> StoredImage:  # fmt: skip
    """The scan (i, j, k, t) as the scanner stores it. Frames have seeds of their own, so the number of workers changes nothing."""
    clean = clean_dsc(body, made) * receive[..., None]
    sigma = _white(body, clean) / made.snr0
    children = seeds.spawn(made.scan.frames)

    def one(frame: int) -> None:
        still = np.ascontiguousarray(clean[..., frame])
        seen = still if motion is None else _moved(still, motion, frame, body.grid)
        clean[..., frame] = rician(seen, sigma, np.random.default_rng(children[frame]))

    with ThreadPoolExecutor(max_workers=workers) as pool:
        for _ in pool.map(one, range(made.scan.frames)):
            tick()
    return stored(clean, storage_slope(clean), body.grid)


def as_series(
    made: DscScan, image: StoredImage, injection: Injection, *, start_s: float, haematocrit: float | None
) -> DigitalSeries:
    """The scan with what its header says; `start_s` after the start of the visit."""
    scan, field_t = made.scan, made.echoes.field_t
    return DigitalSeries(
        ROLES[made.echo], image, Epi(made.echo, scan.tr_s, made.te_s, scan.flip_deg, field_t), field_t,
        np.asarray(scan.times_s, dtype=np.float64), made.slice_times_s, start_s, injection, haematocrit=haematocrit,
    )  # fmt: skip


def clean_dsc(body: Body, made: DscScan) -> Map:
    """Signal (i, j, k, t) of a body at rest without noise, in units of the equilibrium signal of CSF."""
    curves = courses(made)
    names = [name for name, part in body.shares.items() if part.any() and name not in {one.name for one in body.drawn}]
    out = np.empty((*body.grid.shape, made.scan.frames), dtype=np.float32)
    for k in range(body.grid.shape[2]):
        at_s = made.scan.times_s + (made.slice_times_s[k] if made.slice_times_s else 0.0)
        mixed = np.zeros((*body.grid.shape[:2], made.scan.frames), dtype=np.float32)
        for name in names:
            maps = (body.shares[name], *body.textured.get(name, ()))
            for part, curve in zip(maps, _tissue(body, made, curves, name, at_s), strict=False):
                mixed += part[..., k, None] * curve
        out[..., k, :] = mixed
    for one in body.drawn:
        _add_lesion(out, body, made, curves, one)
    return np.maximum(out, 0.0)


def _tissue(body: Body, made: DscScan, curves: Courses, name: str, at_s: Array) -> tuple[Map, ...]:
    """Signal (t,) of a tissue, and its first and second coefficients in the deviation of its perfusion."""
    row = body.table[name]
    weight = _weight(body, made, name)
    if row.blood:
        rate = _BLOOD_PER_MM[made.echo] * np.interp(at_s, curves.fine_s, curves.blood_mM[row.blood])
        return ((weight * np.sin(np.deg2rad(made.scan.flip_deg)) * np.exp(-made.te_s * rate)).astype(np.float32),)  # fresh spins
    rate = row.vp / (1 - HAEMATOCRIT) * np.interp(at_s - row.delay_s, curves.fine_s, curves.rates[row.architecture])
    kep = row.ktrans_per_min / 60 / row.ve if row.ve > 0 else 0.0
    leaked = row.ktrans_per_min / 60 * _leak(curves, np.array([kep]), at_s)[0]
    tissue = replace(made.leak, t1_s=row.t1_s)
    below, here, above = (
        weight * _model(made, (1 + off) * rate, (1 + off) * leaked, tissue) for off in (-_DEVIATION, 0.0, _DEVIATION)
    )
    slope, bend = (above - below) / (2 * _DEVIATION), (above + below - 2 * here) / (2 * _DEVIATION**2)
    return here.astype(np.float32), slope.astype(np.float32), bend.astype(np.float32)


def _weight(body: Body, made: DscScan, name: str) -> float:
    row = body.table[name]
    decay = 1 / row.t2_s if made.echo == "spin" else row.r2star_per_s
    return float(row.proton_density * (1 - row.fat) * np.exp(-made.te_s * decay))  # EPI suppresses fat


def _model(made: DscScan, rate: Array, leaked: Array, tissue: LeakyTissue) -> Array:
    model = gradient_echo if made.echo == "gradient" else spin_echo
    return model(rate, leaked, scan=made.scan, te_s=made.te_s, tissue=tissue)


def _leak(curves: Courses, kep_per_s: Array, at_s: Array) -> Array:
    """Leaked agent of a Ktrans of 1/s for each kep (m,) at the times (t,) -> (m, t)."""
    place = np.interp(kep_per_s, _RATES_PER_S, np.arange(_RATES_PER_S.size))
    low = np.minimum(place.astype(np.intp), _RATES_PER_S.size - 2)
    up = (place - low)[:, None]
    needed, which = np.unique(np.concatenate([low, low + 1]), return_inverse=True)
    knots = np.stack([np.interp(at_s, curves.clock_s, curves.leaks[n]) for n in needed])
    out: Array = (1 - up) * knots[which[: low.size]] + up * knots[which[low.size :]]
    return out


def _add_lesion(out: Map, body: Body, made: DscScan, curves: Courses, one: Sampled) -> None:
    """Add a drawn tissue, sub-voxel by sub-voxel, slice by slice; in place."""
    voxel, slices = voxel_of(body, one)
    row, weight = body.table[one.name], _weight(body, made, one.name)
    tissue = replace(made.leak, t1_s=row.t1_s)
    share = one.share.astype(np.float64)
    for k in np.unique(slices[slices >= 0]):
        at_s = made.scan.times_s + (made.slice_times_s[k] if made.slice_times_s else 0.0)
        here = np.flatnonzero(slices == k)
        rate = np.interp(at_s - one.delay_s, curves.fine_s, curves.rates[one.architecture])
        ktrans, ve, vp = (amount[here] / share[here] for amount in (one.ktrans_per_min, one.ve, one.vp))
        leaked = ktrans[:, None] / 60 * _leak(curves, ktrans / 60 / np.maximum(ve, 1e-3), at_s)
        signal = weight * share[here, None] * _model(made, (vp / (1 - HAEMATOCRIT))[:, None] * rate, leaked, tissue)
        size = body.grid.shape[0] * body.grid.shape[1]
        gather = sparse.csr_matrix((np.full(here.size, 0.125), (voxel[here], np.arange(here.size))), shape=(size, here.size))
        out[..., k, :] += (gather @ signal).reshape(*body.grid.shape[:2], -1).astype(np.float32)


def voxel_of(body: Body, one: Sampled) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which voxel of its slice, and which slice, each sub-voxel lies in; slice -1 outside the series."""
    i, j, k = (axis // 2 - 1 for axis in np.unravel_index(np.flatnonzero(body.present)[one.where], body.present.shape))
    ni, nj, nk = body.grid.shape
    inside = (i >= 0) & (j >= 0) & (k >= 0) & (i < ni) & (j < nj) & (k < nk)
    return np.where(inside, i * nj + j, 0), np.where(inside, k, -1)


def _white(body: Body, clean: Map) -> float:
    """Signal of pure white matter (of muscle, where there is none) in the first frame: what the signal-to-noise ratio is of."""
    for name in ("white", "muscle"):
        pure = body.shares.get(name, np.zeros(body.grid.shape)) > 0.8
        if pure.any():
            return float(np.median(clean[..., 0][pure]))
    return float(clean[..., 0].max())


def _moved(still: Map, motion: HeadMotion, frame: int, grid: Grid) -> Map:
    """The frame seen after the head has moved; by cubic splines, since a head that moves is not a blurred one."""
    pose = rigid(motion.translation_mm[frame], motion.rotation_deg[frame], centre_mm=motion.centre_mm)
    if np.array_equal(pose, np.eye(4)):
        return still
    index = np.linalg.inv(grid.affine) @ np.linalg.inv(pose) @ grid.affine
    seen: Map = np.maximum(cubic_resampled(still, index[:3, :3], index[:3, 3], grid.shape), np.float32(0))
    return seen
