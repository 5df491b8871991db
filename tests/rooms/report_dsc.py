"""The same invented head at a DSC visit: vessels, loops both ways and a figure of eight, maps in the paper's panel."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from report_patients import Head, Volume, exam, head
from scipy import ndimage

from afterglow.kernels.gamma_variate import gamma_variate
from afterglow.kernels.loop import loop_area
from afterglow.kernels.types import Status
from afterglow.records.bolus import BolusCurve, Echo, RateCurve, RegionLoop, Vessel
from afterglow.records.lesion import Lesion
from afterglow.records.maps import ParameterMap, Provenance
from afterglow.records.quantity import QUANTITIES
from afterglow.records.result import ExamResult

PANEL = ("adc", "cbv", "ucbv", "mti")
TR_S = 1.74
Pass = tuple[float, float, float, float]  # t0_s, tp_s, alpha, ymax


def curve(times_s: NDArray[np.float64], shape: Pass) -> NDArray[np.float64]:
    t0_s, tp_s, alpha, ymax = (np.asarray(v) for v in shape)
    return np.asarray(gamma_variate(times_s, t0_s=t0_s, tp_s=tp_s, alpha=alpha, ymax=ymax), dtype=np.float64)


def _rates(shape: Pass, leak: float, noise: float, rng: np.random.Generator) -> RateCurve:
    """Points with noise, recirculation and a leak that falls to below zero; the gamma-variate is the first pass itself."""
    times_s = np.arange(60) * TR_S
    fitted = curve(times_s, shape)
    later = 0.18 * shape[3] * (1 - np.exp(-np.clip(times_s - shape[0] - 2 * shape[1], 0, None) / 12))
    corrected = fitted + later + noise * rng.standard_normal(60)
    measured = corrected - leak * shape[3] * np.clip(times_s - shape[0], 0, None) / 60
    return RateCurve(times_s, measured, corrected, fitted)


def region(label: str, ge: Pass, se: Pass, n_voxels: int, *, leak: float = 0.0, remark: str = "", seed: int = 5) -> RegionLoop:
    """A region whose loop is that of these two first passes."""
    rng = np.random.default_rng(seed)
    fine_s = np.arange(min(ge[0], se[0]), ge[0] + 6 * ge[1], 0.1)
    ge_fine, se_fine = curve(fine_s, ge), curve(fine_s, se)
    last = int(np.flatnonzero((ge_fine > 0.01 * ge[3]) | (se_fine > 0.01 * se[3]))[-1]) + 2
    fine_s, ge_fine, se_fine = fine_s[:last], ge_fine[:last], se_fine[:last]
    mti = float(loop_area(ge_fine, se_fine))
    box = ge[3] * se[3] ** 1.5
    return RegionLoop(
        label, n_voxels, _rates(ge, leak, 0.03 * ge[3], rng), _rates(se, 0.6 * leak, 0.05 * se[3], rng), fine_s, ge_fine, se_fine,
        mti, 0.012 * box, mti / box, float(mti < 0) * 0.98 + 0.01, remark,
    )  # fmt: skip


CLOCKWISE = region("lesion 1", (30.0, 7.6, 3.2, 14.0), (30.1, 8.2, 3.2, 4.2), 1240, leak=0.5)
COUNTER = region("reference", (30.2, 8.1, 3.4, 5.2), (30.1, 7.8, 3.4, 2.1), 655)
EIGHT = region(
    "lesion 2", (26.5, 11.75, 6.0, 9.0), (30.0, 8.0, 3.4, 3.0), 96, leak=0.2, remark="a figure of eight: its sign says little"
)
_NONE = np.zeros(0)
UNFITTED = replace(
    region("lesion 3", (30.0, 7.6, 3.2, 2.0), (30.1, 8.2, 3.2, 0.3), 14),
    loop_times_s=_NONE, loop_ge_per_s=_NONE, loop_se_per_s=_NONE, mti=np.nan, mti_error=np.nan, nmti=np.nan,
    probability_negative=np.nan, remark="no loop: its contrast is less than 4 times the noise",
)  # fmt: skip


def _vessel(vessel: Vessel, echo: Echo, shape: Pass, centre: Sequence[float], place: Head, quality: float) -> BolusCurve:
    rng = np.random.default_rng(int(10 * shape[3]))
    rates = _rates(shape, 0.0, 0.015 * shape[3], rng)
    middle = np.array(place.grid.to_index(np.array([centre])).round(), dtype=np.intp)[0]
    offsets = np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (1, 1, 0), (2, 0, 0), (0, 0, 1), (1, 0, 1)])
    return BolusCurve(
        vessel,
        echo,
        rates.times_s,
        rates.measured_per_s,
        "automatic, cluster analysis",
        quality,
        (middle + offsets).astype(np.intp),
    )


def boluses(place: Head) -> tuple[BolusCurve, ...]:
    artery, vein = (-22.0, 18.0, -14.0), (2.0, -72.0, 26.0)
    return (
        _vessel("artery", "gradient", (26.0, 5.6, 3.5, 46.0), artery, place, 0.87),
        replace(
            _vessel("vein", "gradient", (28.5, 8.0, 3.5, 61.0), vein, place, 0.74),
            remarks=("6.2 s after the artery; its area is 1.80 times the artery's",),
        ),
        _vessel("artery", "spin", (27.1, 5.9, 3.5, 5.8), (-21.0, 17.0, -14.0), place, 0.61),
        _vessel("vein", "spin", (29.4, 8.2, 3.5, 8.1), vein, place, 0.52),
    )


def _map(name: str, place: Head, values: NDArray[np.float64], noise: float, seed: int) -> ParameterMap:
    rng = np.random.default_rng(seed)
    noisy = values + noise * 2 * ndimage.gaussian_filter(rng.standard_normal(values.shape), 0.6)
    status = np.where(place.brain, Status.OK, Status.NOT_ASKED).astype(np.uint8)
    if "mti" in name:
        low = place.brain & (rng.random(values.shape) < 0.08)
        status[low] = Status.LOW_CONTRAST
        status[place.lesion & (rng.random(values.shape) < 0.05)] = Status.UNDETERMINED
    shown = np.where(place.brain & (status != Status.LOW_CONTRAST), noisy, np.nan)
    step = Provenance(f"made:{name}", "0.1.0", {}, (), "")
    return ParameterMap(QUANTITIES[name], shown.astype(np.float32), place.grid, status, step)


def maps(place: Head, strength: float, seed: int) -> tuple[ParameterMap, ...]:
    """Ring of many vessels, core of none: in the rim arterioles, towards the brain venules."""
    size = float(place.radius[place.lesion].max())
    ring = np.exp(-(((place.radius - 0.72 * size) / (0.3 * size)) ** 2))
    outer = np.exp(-(((place.radius - 1.05 * size) / (0.2 * size)) ** 2))
    core = place.radius < 0.4 * size
    grey = np.where(place.white, 1.0, 2.1)
    cbv = np.where(core, 0.3, grey + 5.0 * strength * ring) * 21.0
    ucbv = np.where(core, 0.2, grey + 2.4 * strength * ring) * 6.0
    mti = np.where(core, 0.0, -1.4 * grey**2 + 62.0 * strength * ring - 55.0 * strength * outer)
    rows: tuple[tuple[str, NDArray[np.float64], float], ...] = (
        ("cbv", cbv, 4.0),
        ("cbv_uncorrected", cbv * (1 - 0.5 * ring), 4.0),
        ("ucbv", ucbv, 1.5),
        ("rcbv", cbv / 21.0, 0.2),
        ("mti", mti, 4.0),
        ("nmti", 0.1 * np.tanh(mti / 30.0), 0.02),
        ("adc", np.where(core, 0.0021, 0.00072 + 0.0002 * (grey - 1) + 0.0004 * ring), 0.00005),
        ("leakage_ge", 0.013 * strength * ring - 0.004 * outer, 0.001),
        ("leakage_se", 0.006 * strength * ring, 0.0012),
    )
    return tuple(_map(name, place, values, noise, seed * 20 + n) for n, (name, values, noise) in enumerate(rows))


def flair(place: Head) -> Volume:
    size = float(place.radius[place.lesion].max())
    oedema = 260.0 * np.exp(-((np.clip(place.radius - size, 0, None) / 14.0) ** 2))
    return (np.where(place.brain, 0.4 * place.anatomy + oedema, 0.2 * place.anatomy)).astype(np.float32)


def dsc_exam(
    session: str = "01",
    day: float = 0.0,
    *,
    shape: tuple[int, int, int] = (30, 34, 10),
    radius_mm: float = 19.0,
    strength: float = 1.0,
) -> ExamResult:
    """A visit with both echoes, the panel of the paper and further maps; no concentration, so no `aif` and no `curves`."""
    place = head(shape, radius_mm, seed=7)
    usual = exam(session, day, shape=shape, radius_mm=radius_mm)
    second = np.linalg.norm(np.moveaxis(place.grid.to_mm(np.moveaxis(np.indices(shape), 0, -1).astype(float)), -1, 0) - np.array(
        [-30.0, 40.0, 12.0])[:, None, None, None], axis=0) < 8  # fmt: skip
    return replace(
        usual,
        method="demo-dsc",
        maps=maps(place, strength, int(day) + 1),
        aif=None,
        curves=(),
        lesions=(*usual.lesions, Lesion("2", second, place.grid, "given mask")),
        space="dsc",
        boluses=boluses(place),
        loops=(CLOCKWISE, EIGHT, COUNTER),
        pictures=(("FLAIR", flair(place)),),
        panel=PANEL,
    )
