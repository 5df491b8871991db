"""What a dose is worth: equivalent uniform dose, and dose under the linear-quadratic model."""

import numpy as np

from afterglow.kernels.types import Array


def equivalent_uniform_dose(dose_gy: Array, volume_ml: Array, *, a: float) -> float:
    """gEUD = (sum v_i D_i^a)^(1/a) in Gy, v_i the share of the volume (Niemierko, Med Phys 1999;26:1100). dose_gy, volume_ml (n,).

    a = 1 is the mean; large a looks at the hottest part, negative a at the coldest: one piece without dose makes it zero.
    """
    if a == 0:
        raise ValueError("the exponent of an equivalent uniform dose is not zero")
    if not dose_gy.size:
        return float("nan")
    if float(dose_gy.min()) <= 0 and a < 0:
        return 0.0
    held = dose_gy > 0
    if not held.any():
        return 0.0
    powers = a * np.log(dose_gy[held])
    top = float(powers.max())
    mean = float((volume_ml[held] / volume_ml.sum()) @ np.exp(powers - top))
    return float(np.exp((np.log(mean) + top) / a))


def biologically_effective_dose(dose_gy: Array, *, alpha_beta_gy: float, fractions: int) -> Array:
    """BED = D (1 + d / (alpha/beta)) in Gy, d = D / fractions: the linear-quadratic model, no repair or growth between fractions.

    dose_gy (...,) -> (...,). How far the model holds is disputed: "up to about 10 Gy / fraction", reasonable to 18 Gy (Brenner 2008,
    PMC2750078); inappropriate in radiosurgery (Kirkpatrick 2008, doi:10.1016/j.semradonc.2008.04.005).
    """
    if alpha_beta_gy <= 0 or fractions < 1:
        raise ValueError(f"alpha/beta of {alpha_beta_gy} Gy in {fractions} fractions is no linear-quadratic model")
    effective: Array = dose_gy * (1 + dose_gy / fractions / alpha_beta_gy)
    return effective


def equivalent_in_2gy(dose_gy: Array, *, alpha_beta_gy: float, fractions: int) -> Array:
    """EQD2 = BED / (1 + 2 / (alpha/beta)) in Gy: the dose in fractions of 2 Gy with the same BED. dose_gy (...,) -> (...,)."""
    effective = biologically_effective_dose(dose_gy, alpha_beta_gy=alpha_beta_gy, fractions=fractions)
    equivalent: Array = effective / (1 + 2 / alpha_beta_gy)
    return equivalent
