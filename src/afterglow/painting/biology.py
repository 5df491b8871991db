"""What the dose of a structure is worth under models of its biology, each with its parameters and its doubt in words."""

import math

import numpy as np

from afterglow.kernels.dose_effect import biologically_effective_dose, equivalent_in_2gy, equivalent_uniform_dose
from afterglow.kernels.dose_volume import Spread, dose_at_share
from afterglow.records.dose import DoseFigure

_LARGE_FRACTION_GY = 10.0
_LARGE = (
    "the linear-quadratic model is validated up to about 10 Gy a fraction (Brenner 2008, PMC2750078) and called inappropriate for "
    "radiosurgery by others (Kirkpatrick 2008, doi:10.1016/j.semradonc.2008.04.005)"
)
NECROSIS_SOURCE = "PMC11069632, figure 5"
NECROSIS_LINES = ((5.0, 0.10), (10.0, 0.15))  # mL that get 12 Gy in one fraction, and the risk of symptomatic necrosis there


def necrosis_words(v12_ml: float) -> str:
    """On which side of the published lines a 12 Gy volume lies. They were drawn for metastases, and are said, not applied."""
    above = [line for line, _ in NECROSIS_LINES if v12_ml >= line]
    where = f"at or above {above[-1]:g} mL" if above else f"below {NECROSIS_LINES[0][0]:g} mL"
    said = " and ".join(f"{100 * risk:g} % at {line:g} mL" for line, risk in NECROSIS_LINES)
    return (
        f"{where}; symptomatic necrosis in about {said} or more in one fraction ({NECROSIS_SOURCE}) is said of metastases and "
        "malformations, not of gliomas"
    )


def equivalent_uniform(plan: str, structure: str, spread: Spread, *, a: float) -> DoseFigure:
    """gEUD = (sum v_i D_i^a)^(1/a) in Gy, v_i the share of the volume with dose D_i (Niemierko, Med Phys 1999;26:1100)."""
    return DoseFigure(
        plan, structure, "gEUD", equivalent_uniform_dose(spread.dose_gy, spread.volume_ml, a=a), "Gy", f"exponent a = {a:g}"
    )


def linear_quadratic(
    plan: str, structure: str, spread: Spread, *, alpha_beta_gy: float, fractions: int
) -> tuple[DoseFigure, ...]:
    """BED = D (1 + d / (alpha/beta)) and EQD2 = BED / (1 + 2 / (alpha/beta)) in Gy, d = D / fractions, of D95 and D50.

    Both rise with dose, so that the BED of D95 is what 95 % of the volume gets at least.
    """
    figures = []
    for share in (0.95, 0.5):
        dose = dose_at_share(spread, share)
        large = math.isfinite(dose) and dose / fractions > _LARGE_FRACTION_GY
        note = f"alpha/beta = {alpha_beta_gy:g} Gy, {fractions} fraction{'s' if fractions > 1 else ''}"
        note += f"; {_LARGE}" if large else ""
        for name, model in (("BED", biologically_effective_dose), ("EQD2", equivalent_in_2gy)):
            value = float(model(np.asarray(dose), alpha_beta_gy=alpha_beta_gy, fractions=fractions))
            figures.append(DoseFigure(plan, structure, f"{name}_D{100 * share:g}", value, "Gy", note))
    return tuple(figures)
