"""The signal of a DSC scan in tissue that may leak: gradient echo and spin echo, after any earlier injections.

Extended Tofts for what leaks (doi:10.1002/(SICI)1522-2586(199909)10:3<223::AID-JMRI2>3.0.CO;2-S). The leaked agent shortens T1,
which raises the signal, and T2 or T2*, which lowers it; vascular agent acts through the vessels' fields alone.
"""

from dataclasses import dataclass, replace

import numpy as np

from afterglow.kernels.convolution import exp_convolve
from afterglow.kernels.types import Array
from afterglow.simulate.vascular import ARCHITECTURES, Bolus, Echoes, Network, artery_mM, compartments_mM, vascular_rates

STEP_S = 0.05
HAEMATOCRIT = 0.42


@dataclass(frozen=True)
class Scan:
    """One dynamic scan. `earlier` are the injections before it: seconds before its own bolus, and dose as a share of it."""

    frames: int = 60
    tr_s: float = 1.74
    flip_deg: float = 90.0
    earlier: tuple[tuple[float, float], ...] = ()

    @property
    def times_s(self) -> Array:
        """Time of each frame (t,) on the scan's own clock."""
        return self.tr_s * np.arange(self.frames)


@dataclass(frozen=True)
class LeakyTissue:
    """Water of the tissue and what leaked agent does to it, per mM in the whole voxel."""

    t1_s: float = 1.6
    ve: float = 0.5
    r1_per_mM_s: float = 4.5
    r2_ge_per_mM_s: float = 5.0  # about 5 where T1 rules, 40 where cells make strong fields
    r2_se_per_mM_s: float = 8.0


@dataclass(frozen=True)
class LeakageProtocol:
    """A row of the acceptance table: acquisition, and a tissue with twice the blood volume of the reference."""

    name: str
    flip_deg: float
    preload: bool
    ktrans_per_min: float
    tissue: LeakyTissue


@dataclass(frozen=True, eq=False)
class LeakageCase:
    """Noise-free gradient-echo signals of one protocol; the true ratio of blood volumes is 2."""

    times_s: Array  # (t,)
    tissue: Array  # (t,)
    reference: Array  # (t,) the same vessels, half as many, and no leak
    te_s: float
    baseline_frames: int
    true_ratio: float


_T1, _T2, _WASHOUT = LeakyTissue(), LeakyTissue(r2_ge_per_mM_s=38.0), LeakyTissue(r2_ge_per_mM_s=32.0, ve=0.1)
PRELOAD = (330.0, 0.15)  # chosen so that the uncorrected errors resemble those of the prototype
LEAKAGE_PROTOCOLS: dict[str, LeakageProtocol] = {
    row.name: row
    for row in (
        LeakageProtocol("90 no preload T1", 90.0, False, 0.15, _T1),
        LeakageProtocol("90 preload T1", 90.0, True, 0.15, _T1),
        LeakageProtocol("60 preload T1", 60.0, True, 0.15, _T1),
        LeakageProtocol("30 no preload T1", 30.0, False, 0.15, _T1),
        LeakageProtocol("60 preload T2*", 60.0, True, 0.15, _T2),
        LeakageProtocol("30 no preload washout", 30.0, False, 0.30, _WASHOUT),
    )
}


def leaked_mM(scan: Scan, bolus: Bolus, ktrans_per_min: Array, ve: float) -> Array:
    """Agent outside the vessels in mM of the whole voxel at each frame, earlier injections included. (n,) -> (n, t)."""
    before_s = max((seconds for seconds, _ in scan.earlier), default=0.0)
    clock = np.arange(-before_s, scan.times_s[-1] + STEP_S, STEP_S)
    plasma = artery_mM(clock, bolus) / (1 - HAEMATOCRIT)
    for seconds, share in scan.earlier:
        plasma = plasma + share * artery_mM(clock, replace(bolus, onset_s=bolus.onset_s - seconds)) / (1 - HAEMATOCRIT)
    per_s = np.asarray(ktrans_per_min, dtype=np.float64) / 60
    return per_s[:, None] * exp_convolve(clock, plasma, per_s / ve, at_s=scan.times_s)


def gradient_echo(vascular_per_s: Array, leaked: Array, *, scan: Scan, te_s: float, tissue: LeakyTissue) -> Array:
    """Spoiled steady state, in units of the equilibrium signal without T2* of the tissue itself. (..., t), (..., t) -> (..., t)."""
    e1 = np.exp(-scan.tr_s * (1 / tissue.t1_s + tissue.r1_per_mM_s * leaked))
    flip = np.deg2rad(scan.flip_deg)
    decay = np.exp(-te_s * (vascular_per_s + tissue.r2_ge_per_mM_s * leaked))
    signal: Array = np.sin(flip) * (1 - e1) / (1 - np.cos(flip) * e1) * decay
    return signal


def spin_echo(vascular_per_s: Array, leaked: Array, *, scan: Scan, te_s: float, tissue: LeakyTissue) -> Array:
    """Saturation recovery and spin echo, in the same units. (..., t), (..., t) -> (..., t)."""
    e1 = np.exp(-scan.tr_s * (1 / tissue.t1_s + tissue.r1_per_mM_s * leaked))
    signal: Array = (1 - e1) * np.exp(-te_s * (vascular_per_s + tissue.r2_se_per_mM_s * leaked))
    return signal


def leakage_case(protocol: LeakageProtocol, *, cbv: float = 0.08, frames: int = 80, echoes: Echoes | None = None) -> LeakageCase:
    """Tissue with the blood volume `cbv` that leaks beside a reference with half of it that does not, in normal-like vessels."""
    measured = echoes or Echoes()
    scan = Scan(frames=frames, flip_deg=protocol.flip_deg, earlier=(PRELOAD,) if protocol.preload else ())
    rates = vascular_at_frames(scan, Bolus(), Network(), measured, "normal-like")[0]
    leaked = leaked_mM(scan, Bolus(), np.array([protocol.ktrans_per_min]), protocol.tissue.ve)[0]
    tissue = gradient_echo(cbv * rates, leaked, scan=scan, te_s=measured.te_ge_s, tissue=protocol.tissue)
    reference = gradient_echo(cbv / 2 * rates, 0 * leaked, scan=scan, te_s=measured.te_ge_s, tissue=protocol.tissue)
    return LeakageCase(scan.times_s, tissue, reference, measured.te_ge_s, int(Bolus().onset_s / scan.tr_s), 2.0)


def vascular_at_frames(scan: Scan, bolus: Bolus, network: Network, echoes: Echoes, architecture: str) -> tuple[Array, Array]:
    """dR2* and dR2 per unit of blood volume at the frames of a scan -> (t,), (t,)."""
    fine_s = np.arange(0.0, scan.times_s[-1] + STEP_S, STEP_S)
    concentrations, _ = compartments_mM(STEP_S, artery_mM(fine_s, bolus), network)
    rates = vascular_rates(concentrations, ARCHITECTURES[architecture], network, echoes)
    ge, se = (np.interp(scan.times_s, fine_s, rate) for rate in rates)
    return ge, se
