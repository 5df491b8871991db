"""The figures of a plan: doses, volumes, masses, conformity, each in a named structure with its unit."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import binary_dilation

from afterglow.kernels.dose_volume import Spread, dose_at, dose_at_share, volume_at
from afterglow.painting.biology import equivalent_uniform, linear_quadratic, necrosis_words
from afterglow.painting.density import Density
from afterglow.painting.dosimetry import EVERYWHERE, everywhere, spread_in, uncovered_words, without
from afterglow.records.dose import DoseFigure, DoseGrid, DosePlan, Structure
from afterglow.records.errors import BadInput

_NAN = float("nan")
_NECROSIS_GY = 12.0  # the dose whose volume the published lines are about


@dataclass(frozen=True)
class DosimetrySettings:
    """Which figures are asked for. Exponents, alpha/beta and densities go by the name of the structure; others get none."""

    doses_at_percent: tuple[float, ...]  # D98, D95, D50, D2
    doses_at_ml: tuple[float, ...]  # D0.035mL
    volumes_at_gy: tuple[float, ...]  # V12
    density: Mapping[str, Density]
    geud_a: Mapping[str, float]
    alpha_beta_gy: Mapping[str, float]
    fractions: int

    def __post_init__(self) -> None:
        if not all(0 < p <= 100 for p in self.doses_at_percent) or not all(
            v > 0 for v in (*self.doses_at_ml, *self.volumes_at_gy)
        ):
            raise ValueError("dosimetry: percentages lie between 0 and 100, volumes and doses above 0")
        if self.fractions < 1:
            raise ValueError(f"dosimetry: {self.fractions} fractions are none")


def plan_figures(
    plan: DosePlan,
    structures: Sequence[Structure],
    *,
    target: str,
    reference_gy: float,
    settings: DosimetrySettings,
) -> tuple[DoseFigure, ...]:
    """All figures of a plan, in the order of the structures, then those of the target as a whole.

    The target as a whole: V12 of all tissue on the dose grid with and without it; coverage TV_PIV / TV, selectivity TV_PIV / PIV, Paddick
    conformity TV_PIV^2 / (TV x PIV), gradient index PIV_half / PIV (doi:10.3171/sup.2006.105.7.194), homogeneity (D2 - D98) / D50; TV is
    its volume, PIV that inside the isodose of the prescribed dose, TV_PIV both, PIV_half at half that dose (table 1 of PMC5965485).

    `target` names one of the structures. `reference_gy` is the dose whose isodose counts as prescribed: 16 Gy of a uniform plan, the
    least prescribed one of a painted plan. What a structure without dose somewhere could change is NaN, and the note says so.
    """
    names = [structure.name for structure in structures]
    if target not in names or len(set(names)) != len(names):
        raise BadInput(
            f"plan {plan.name}: its structures are {', '.join(names) or 'none'}; name each once, the target {target} among them"
        )
    if not reference_gy > 0:
        raise BadInput(f"plan {plan.name}: a prescribed dose of {reference_gy} Gy has no isodose")
    figures: list[DoseFigure] = []
    for structure in structures:
        figures += structure_figures(plan.name, structure, spread_in(plan.dose, structure), settings)
    chosen = structures[names.index(target)]
    whole = spread_in(plan.dose, everywhere(plan.dose))
    figures += _volumes_with_and_without(plan, chosen, whole, settings)
    figures += _conformity_figures(plan, chosen, whole, reference_gy)
    return tuple(figures)


def structure_figures(plan: str, structure: Structure, spread: Spread, settings: DosimetrySettings) -> list[DoseFigure]:
    """Volume, mean, least and greatest dose, Dx, Vx, integral dose with its mass, gEUD, BED and EQD2 of one structure.

    Dx: greatest dose that x of the structure gets at least; Vx: volume that gets at least x Gy; integral dose: mean dose times mass.
    """
    name = structure.name
    percents = [(f"D{p:g}", dose_at_share(spread, p / 100)) for p in settings.doses_at_percent]
    figures = [
        DoseFigure(plan, name, "volume", structure.volume_ml, "mL"),
        DoseFigure(plan, name, "mean_dose", spread.mean_gy, "Gy"),
        DoseFigure(plan, name, "min_dose", spread.least_gy, "Gy"),
        DoseFigure(plan, name, "max_dose", spread.greatest_gy, "Gy"),
        *(DoseFigure(plan, name, label, value, "Gy") for label, value in percents),
        *(_dose_at_ml(plan, name, spread, ml) for ml in settings.doses_at_ml),
        *(DoseFigure(plan, name, f"V{gy:g}", volume_at(spread, gy), "mL") for gy in settings.volumes_at_gy),
        *_energy(plan, structure, spread, settings.density.get(name)),
    ]
    if name in settings.geud_a:
        figures.append(equivalent_uniform(plan, name, spread, a=settings.geud_a[name]))
    if name in settings.alpha_beta_gy:
        alpha_beta_gy = settings.alpha_beta_gy[name]
        figures += linear_quadratic(plan, name, spread, alpha_beta_gy=alpha_beta_gy, fractions=settings.fractions)
    doubt = f"{name} is empty" if structure.volume_ml == 0 else uncovered_words(spread, name)
    return [_unknown(one, doubt) if doubt and one.name not in ("volume", "mass") else one for one in figures]


def _unknown(figure: DoseFigure, why: str) -> DoseFigure:
    return replace(figure, value=_NAN, note=why)


def _dose_at_ml(plan: str, name: str, spread: Spread, ml: float) -> DoseFigure:
    value = dose_at(spread, ml)
    return DoseFigure(plan, name, f"D{ml:g}mL", value, "Gy", "" if math.isfinite(value) else f"{name} is smaller than {ml:g} mL")


def _energy(plan: str, structure: Structure, spread: Spread, density: Density | None) -> list[DoseFigure]:
    """Mass = volume x density in kg, integral dose = mean dose x mass in J (Gy kg)."""
    if density is None:
        why = f"no density was given for {structure.name}"
        return [DoseFigure(plan, structure.name, *rest, why) for rest in (("mass", _NAN, "kg"), ("integral_dose", _NAN, "J"))]
    kg = structure.volume_ml / 1000 * density.kg_per_l
    note = f"{kg:.4g} kg at {density.kg_per_l:g} kg/L ({density.source})"
    return [
        DoseFigure(plan, structure.name, "mass", kg, "kg", f"{density.kg_per_l:g} kg/L ({density.source})"),
        DoseFigure(plan, structure.name, "integral_dose", spread.mean_gy * kg, "J", note),
    ]


def _volumes_with_and_without(
    plan: DosePlan, target: Structure, with_target: Spread, settings: DosimetrySettings
) -> list[DoseFigure]:
    """Vx of all tissue on the dose grid, and the same without the target: V12 and V12_minus_target."""
    rest = spread_in(plan.dose, without(everywhere(plan.dose), target))
    figures = []
    for gy in settings.volumes_at_gy:
        cut = runs_off(plan.dose, gy)
        value = volume_at(with_target, gy)
        note = (
            f"target included; {necrosis_words(value)}" if gy == _NECROSIS_GY and settings.fractions == 1 else "target included"
        )
        pair = (
            DoseFigure(plan.name, EVERYWHERE, f"V{gy:g}", value, "mL", note),
            DoseFigure(plan.name, EVERYWHERE, f"V{gy:g}_minus_target", volume_at(rest, gy), "mL", f"without {target.name}"),
        )
        figures += [_unknown(one, cut) if cut else one for one in pair]
    return figures


def _conformity_figures(plan: DosePlan, target: Structure, whole: Spread, reference_gy: float) -> list[DoseFigure]:
    """How the isodose of the prescribed dose fits the target; formulas at plan_figures."""
    inside = spread_in(plan.dose, target)
    tv, tv_piv, piv = target.volume_ml, volume_at(inside, reference_gy), volume_at(whole, reference_gy)
    half = volume_at(whole, reference_gy / 2)
    median = dose_at_share(inside, 0.5)
    note = f"isodose of {reference_gy:g} Gy"
    no_isodose = f"no dose reaches {reference_gy:g} Gy"
    doubt = f"{target.name} is empty" if tv == 0 else uncovered_words(inside, target.name)
    cut, cut_half = runs_off(plan.dose, reference_gy), runs_off(plan.dose, reference_gy / 2)
    rows = (
        ("prescription_isodose_volume", piv, "mL", cut),
        ("coverage", _ratio(tv_piv, tv), "1", doubt),
        ("selectivity", _ratio(tv_piv, piv), "1", doubt or cut or (no_isodose if piv == 0 else "")),
        ("paddick_conformity", _ratio(tv_piv * tv_piv, tv * piv), "1", doubt or cut or (no_isodose if piv == 0 else "")),
        ("gradient_index", _ratio(half, piv), "1", cut or cut_half or (no_isodose if piv == 0 else "")),
        ("homogeneity_index", _ratio(dose_at_share(inside, 0.02) - dose_at_share(inside, 0.98), median), "1", doubt),
    )  # fmt: skip
    figures = [DoseFigure(plan.name, target.name, name, value, unit, note) for name, value, unit, _ in rows]
    return [_unknown(one, why) if why else one for one, (_, _, _, why) in zip(figures, rows, strict=True)]


def _ratio(above: float, below: float) -> float:
    return above / below if below > 0 else _NAN


def runs_off(dose: DoseGrid, gy: float) -> str:
    """Where an isodose meets the end of the dose, so that its volume is not known; nothing where it closes before."""
    unknown: NDArray[np.bool_] = np.pad(~np.isfinite(dose.dose_gy), 1, constant_values=True)
    rim = binary_dilation(unknown, np.ones((3, 3, 3), dtype=np.bool_))[1:-1, 1:-1, 1:-1] & np.isfinite(dose.dose_gy)
    last = float(dose.dose_gy[rim].max(initial=0.0))
    return f"the isodose of {gy:g} Gy runs off the dose grid, at whose end there are still {last:.3g} Gy" if last >= gy else ""
