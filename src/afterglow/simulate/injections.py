"""All injections of a visit on one clock, as each series meets them."""

from dataclasses import dataclass, replace

import numpy as np

from afterglow.simulate import dce, vascular

_PARKER_MMOL_KG = 0.1  # of the population curve
CIRCULATION_S, _CIRCULATION_SPREAD_S = 9.0, 1.0  # from the arm to the brain, and from injection to injection; assumed
_WIDTH_SPREAD = 0.05  # of two boluses of one patient; assumed, as hearts do not repeat themselves


@dataclass(frozen=True)
class Given:
    """One injection: into which series, when after the start of the visit, how much."""

    role: str
    at_s: float
    dose_mmol_kg: float
    circulation_s: float
    width: float  # of its bolus against the usual one


def give(doses: tuple[tuple[str, float, float], ...], rng: np.random.Generator) -> tuple[Given, ...]:
    """Injections (role, time in s, dose) with a shape of their own each, in the order of their times."""
    made = []
    for role, at_s, dose in sorted(doses, key=lambda one: one[1]):
        late_s = float(rng.normal(CIRCULATION_S, _CIRCULATION_SPREAD_S))
        made.append(Given(role, at_s, dose, max(late_s, 4.0), float(np.exp(rng.normal(0.0, _WIDTH_SPREAD)))))
    return tuple(made)


def plasma(given: tuple[Given, ...], *, until_s: float, haematocrit: float, scale: float) -> dce.Bolus:
    """Plasma curves in artery and vein of all injections together, on the clock of the visit.

    Each comes as early or late as its own circulation; the population curve's shape is kept, `width` is that of first passes.
    """
    parts = [
        dce.make_bolus(
            start_s=one.at_s + one.circulation_s - CIRCULATION_S,
            until_s=until_s,
            haematocrit=haematocrit,
            scale=scale * one.dose_mmol_kg / _PARKER_MMOL_KG,
        )
        for one in given
    ]
    artery, vein = (np.sum([getattr(part, name) for part in parts], axis=0) for name in ("artery_mM", "vein_mM"))
    return dce.Bolus(parts[0].times_s, artery, vein, haematocrit)


def on_clock_of(bolus: dce.Bolus, start_s: float, until_s: float) -> dce.Bolus:
    """The same curves on the clock of a series that starts at `start_s`, one that was injected earlier included."""
    return replace(
        bolus, times_s=(bolus.times_s - start_s)[: int(np.searchsorted(bolus.times_s, start_s + until_s)) + 2],
        artery_mM=bolus.artery_mM[: int(np.searchsorted(bolus.times_s, start_s + until_s)) + 2],
        vein_mM=bolus.vein_mM[: int(np.searchsorted(bolus.times_s, start_s + until_s)) + 2],
    )  # fmt: skip


def first_pass(
    given: tuple[Given, ...], role: str, start_s: float, scale: float
) -> tuple[vascular.Bolus, tuple[tuple[float, float], ...]]:
    """The bolus of a DSC series on its own clock, and the earlier injections: seconds before it, and dose as a share of it."""
    own = next(one for one in given if one.role == role)
    usual = vascular.Bolus()
    sized = replace(usual, peak_mM=usual.peak_mM * scale * own.dose_mmol_kg / _PARKER_MMOL_KG)
    bolus = replace(sized.wider(own.width), onset_s=own.at_s - start_s + own.circulation_s)
    earlier = tuple((own.at_s - one.at_s, one.dose_mmol_kg / own.dose_mmol_kg) for one in given if one.at_s < own.at_s)
    return bolus, earlier
