"""Tissue models: plasma concentration in, tissue concentration out. One function and one row each.

Every function takes times_s (t,) and plasma_mM (t,) of the artery, taken as straight between samples, and parameters
(...,), and gives tissue concentration in mM (..., t), or (..., n) at the times `at_s` (n,), with the artery `delay_s`
later. Parameters at zero are limits, not errors.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from afterglow.kernels.convolution import exp_convolve, integrate, sample
from afterglow.kernels.types import Array

SECONDS_PER_MINUTE = 60.0
ML_100ML_MIN = 6000.0  # mL/100 mL/min in 1/s


def _column(value: Array | float) -> Array:
    return np.asarray(value, dtype=np.float64)[..., None]


def _per_s(value: Array | float) -> Array:
    return np.asarray(value, dtype=np.float64) / SECONDS_PER_MINUTE


def steady_state(times_s: Array, plasma_mM: Array, *, vp: Array, at_s: Array | None = None, delay_s: float = 0.0) -> Array:
    """Plasma only, no exchange: vp cp."""
    return _column(vp) * sample(times_s, plasma_mM, at_s=at_s, delay_s=delay_s)


def patlak(
    times_s: Array, plasma_mM: Array, *, ps_per_min: Array, vp: Array, at_s: Array | None = None, delay_s: float = 0.0
) -> Array:
    """Uptake without backflux (CAPLEX M.IC1.006; doi:10.1038/jcbfm.1983.1)."""
    cp = sample(times_s, plasma_mM, at_s=at_s, delay_s=delay_s)
    taken_up = integrate(times_s, plasma_mM, at_s=at_s, delay_s=delay_s)
    return _column(vp) * cp + _column(_per_s(ps_per_min)) * taken_up


def tofts(
    times_s: Array, plasma_mM: Array, *, ktrans_per_min: Array, ve: Array, at_s: Array | None = None, delay_s: float = 0.0
) -> Array:
    """Extravascular space alone (CAPLEX M.IC1.004; doi:10.1002/mrm.1910170208)."""
    ktrans = _per_s(ktrans_per_min)
    return _column(ktrans) * exp_convolve(times_s, plasma_mM, _ratio(ktrans, ve), at_s=at_s, delay_s=delay_s)


def extended_tofts(
    times_s: Array,
    plasma_mM: Array,
    *,
    ktrans_per_min: Array,
    ve: Array,
    vp: Array,
    at_s: Array | None = None,
    delay_s: float = 0.0,
) -> Array:
    """Plasma and extravascular space (CAPLEX M.IC1.005; doi:10.1002/(SICI)1522-2586(199909)10:3<223::AID-JMRI2>3.0.CO;2-S)."""
    leaked = tofts(times_s, plasma_mM, ktrans_per_min=ktrans_per_min, ve=ve, at_s=at_s, delay_s=delay_s)
    return _column(vp) * sample(times_s, plasma_mM, at_s=at_s, delay_s=delay_s) + leaked


def uptake(
    times_s: Array,
    plasma_mM: Array,
    *,
    fp_ml_100ml_min: Array,
    ps_per_min: Array,
    vp: Array,
    at_s: Array | None = None,
    delay_s: float = 0.0,
) -> Array:
    """Two-compartment uptake, no return from the interstitium (2CUM; doi:10.1002/mrm.26324)."""
    fp, ps = np.asarray(fp_ml_100ml_min, dtype=np.float64) / ML_100ML_MIN, _per_s(ps_per_min)
    extracted = _ratio(ps, fp + ps)
    passing = exp_convolve(times_s, plasma_mM, _ratio(fp + ps, vp), at_s=at_s, delay_s=delay_s)
    kept = integrate(times_s, plasma_mM, at_s=at_s, delay_s=delay_s)
    return _column(fp) * (_column(1 - extracted) * passing + _column(extracted) * kept)


def exchange(
    times_s: Array,
    plasma_mM: Array,
    *,
    fp_ml_100ml_min: Array,
    ps_per_min: Array,
    ve: Array,
    vp: Array,
    at_s: Array | None = None,
    delay_s: float = 0.0,
) -> Array:
    """Two-compartment exchange (2CXM; CAPLEX M.IC1.009; doi:10.1088/0031-9155/57/2/R1)."""
    amplitude_fast, fast, amplitude_slow, slow = exchange_to_exponentials(fp_ml_100ml_min, ps_per_min, ve, vp)
    return _column(amplitude_fast) * exp_convolve(times_s, plasma_mM, fast, at_s=at_s, delay_s=delay_s) + _column(
        amplitude_slow
    ) * exp_convolve(times_s, plasma_mM, slow, at_s=at_s, delay_s=delay_s)


def exchange_to_exponentials(
    fp_ml_100ml_min: Array | float, ps_per_min: Array | float, ve: Array | float, vp: Array | float
) -> tuple[Array, Array, Array, Array]:
    """2CXM as a sum of two exponentials: fast amplitude and rate, slow amplitude and rate, all per second."""
    fp, ps = np.asarray(fp_ml_100ml_min, dtype=np.float64) / ML_100ML_MIN, _per_s(ps_per_min)
    plasma_rate, leak_rate, flow_rate = _ratio(fp + ps, vp), _ratio(ps, ve), _ratio(fp, vp)
    half = 0.5 * (plasma_rate + leak_rate)
    root = np.sqrt(np.maximum(half * half - leak_rate * flow_rate, 0))
    fast, slow = half + root, _ratio(leak_rate * flow_rate, half + root)
    share = np.where(root > 0, (fast - flow_rate) / np.where(root > 0, fast - slow, 1.0), 0.0)
    return fp * (1 - share), fast, fp * share, slow


def exponentials_to_exchange(
    amplitude_fast: Array, fast: Array, amplitude_slow: Array, slow: Array
) -> tuple[Array, Array, Array, Array]:
    """The inverse of `exchange_to_exponentials`: fp (mL/100 mL/min), ps (1/min), ve, vp."""
    fp = amplitude_fast + amplitude_slow
    flow_rate = _ratio(amplitude_fast * fast + amplitude_slow * slow, fp)
    vp = _ratio(fp, flow_rate)
    leak_rate = _ratio(fast * slow, flow_rate)
    ps = np.maximum(vp * (fast + slow - leak_rate) - fp, 0)
    return fp * ML_100ML_MIN, ps * SECONDS_PER_MINUTE, _ratio(ps, leak_rate), vp


def _ratio(numerator: Array, denominator: Array | float) -> Array:
    """Quotient, with 0 / 0 = 0 and x / 0 as a very fast rate, so that an empty compartment is a limit."""
    top, bottom = np.broadcast_arrays(np.asarray(numerator, dtype=np.float64), np.asarray(denominator, dtype=np.float64))
    safe = np.where(bottom > 0, bottom, 1.0)
    return np.where(bottom > 0, top / safe, np.where(top > 0, 1e6, 0.0))


@dataclass(frozen=True)
class TissueModel:
    """One model: its function, the names of its parameters as they stand in the table of quantities, and its bounds."""

    name: str
    forward: Callable[..., Array]
    parameters: tuple[str, ...]  # names of quantities
    arguments: tuple[str, ...]  # the same, as keyword arguments of `forward`
    bounds: tuple[tuple[float, float], ...]  # in the unit of the quantity
    title: str
    doi: str

    def curve(self, times_s: Array, plasma_mM: Array, values: Array, *, at_s: Array | None = None, delay_s: float = 0.0) -> Array:
        """Tissue concentration (..., t) for parameter values (..., p)."""
        named = {name: values[..., i] for i, name in enumerate(self.arguments)}
        return self.forward(times_s, plasma_mM, **named, at_s=at_s, delay_s=delay_s)


KEP_RANGE_PER_MIN = (2e-3, 50.0)
_FRACTION, _RATE, _FLOW = (0.0, 1.0), (0.0, 5.0), (0.0, 500.0)

STEADY_STATE = TissueModel(
    "steady_state", steady_state, ("vp",), ("vp",), (_FRACTION,), "steady-state plasma volume", "10.1002/jmri.23626"
)
PATLAK = TissueModel("patlak", patlak, ("ps", "vp"), ("ps_per_min", "vp"), (_RATE, _FRACTION), "Patlak", "10.1038/jcbfm.1983.1")
TOFTS = TissueModel(
    "tofts", tofts, ("ktrans", "ve"), ("ktrans_per_min", "ve"), (_RATE, _FRACTION), "Tofts", "10.1002/mrm.1910170208"
)
EXTENDED_TOFTS = TissueModel(
    "etofts",
    extended_tofts,
    ("ktrans", "ve", "vp"),
    ("ktrans_per_min", "ve", "vp"),
    (_RATE, _FRACTION, _FRACTION),
    "extended Tofts",
    "10.1002/(SICI)1522-2586(199909)10:3<223::AID-JMRI2>3.0.CO;2-S",
)
UPTAKE = TissueModel(
    "2cum",
    uptake,
    ("fp", "ps", "vp"),
    ("fp_ml_100ml_min", "ps_per_min", "vp"),
    (_FLOW, _RATE, _FRACTION),
    "two-compartment uptake",
    "10.1002/mrm.26324",
)
EXCHANGE = TissueModel(
    "2cxm",
    exchange,
    ("fp", "ps", "ve", "vp"),
    ("fp_ml_100ml_min", "ps_per_min", "ve", "vp"),
    (_FLOW, _RATE, _FRACTION, _FRACTION),
    "two-compartment exchange",
    "10.1088/0031-9155/57/2/R1",
)

MODELS: dict[str, TissueModel] = {m.name: m for m in (STEADY_STATE, PATLAK, TOFTS, EXTENDED_TOFTS, UPTAKE, EXCHANGE)}
