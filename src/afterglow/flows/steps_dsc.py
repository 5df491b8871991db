"""The steps of DSC: one function each. Order and settings come from the method file."""

from collections.abc import Callable
from typing import Any

import numpy as np

from afterglow.flows.method_steps import (
    Arteries,
    BloodVolume,
    DiffusionMap,
    Flow,
    Loop,
    Normalise,
    ToRates,
    UndoLeakage,
    Vessels,
)
from afterglow.flows.steps_place import diffusion_in_place
from afterglow.flows.work import Arm, Work
from afterglow.kernels.types import Status
from afterglow.quantify.bolus import arterial_curve, venous_curve
from afterglow.quantify.leakage import correct_leakage
from afterglow.quantify.microvessel import loop_maps, reference_line
from afterglow.quantify.rates import SHORT, Rates, noise_maps, to_rates
from afterglow.quantify.vessels import vessel_maps
from afterglow.quantify.volume import burden_map, flow_maps, normalised_map, standardised_map, volume_maps
from afterglow.records.errors import BadInput, BadMethod

_POOR_ARTERY = 0.3
_FEW_SWAPPED = 1.0  # peak of the spin echo over that of the gradient echo: above, they cannot be what they are called


def _rates_of(work: Work, arm: Arm, step: str) -> Rates:
    if arm.rates is None:
        raise BadMethod(f"{work.method.name}: the step {step!r} needs the step 'rates' before it")
    return arm.rates


def _to_rates(work: Work, step: ToRates) -> None:
    for arm in work.arms.values():
        work.progress(f"rates of {arm.name}", 0, 1)
        arm.rates = to_rates(
            arm.data, arm.series.times_s, arm.protocol, work.grid, work.subject_mask(), echoes=arm.echoes, source=arm.series.source
        )  # fmt: skip
        work.quality += arm.rates.quality
        work.provenance.append(arm.rates.provenance)
        work.maps += noise_maps(arm.rates)
    _refuse_swapped(work)


def _refuse_swapped(work: Work) -> None:
    """By shape: a spin echo cannot change more than a gradient echo of the same dose."""
    ge, se = work.arms.get("ge"), work.arms.get("se")
    if ge is None or se is None or ge.rates is None or se.rates is None:
        return
    if not se.one_injection and se.protocol.te_s < ge.protocol.te_s:
        work.note(
            "echo times", f"spin echo {1e3 * se.protocol.te_s:.0f} ms, gradient echo {1e3 * ge.protocol.te_s:.0f} ms", "warning",
            "the spin echo is usually the later: are the two series named right?",
        )  # fmt: skip
    peaks = [float(rates.mean_per_s[rates.bolus.peak]) for rates in (ge.rates, se.rates)]
    if peaks[1] > _FEW_SWAPPED * peaks[0]:
        raise BadInput(
            f"{se.series.source}: over the head its dR2 peaks at {peaks[1]:.1f} /s, above the gradient echo's {peaks[0]:.1f} /s ({ge.series.source}), "
            "which a spin echo cannot; the two are swapped or one is not what its name says"
        )


def _leakage(work: Work, step: UndoLeakage) -> None:
    lesions = work.lesion_mask() if work.lesions is not None else None
    for arm in work.arms.values():
        work.progress(f"leakage of {arm.name}", 0, 1)
        arm.corrected = correct_leakage(_rates_of(work, arm, "leakage"), how=step.how, within_sd=step.within_sd, exclude=lesions)
        work.quality += arm.corrected.quality
        work.provenance.append(arm.corrected.provenance)
        work.maps.append(arm.corrected.k2)


def _arteries(work: Work, step: Arteries) -> None:
    for arm in work.arms.values():
        work.progress(f"arteries of {arm.name}", 0, 1)
        rates = _rates_of(work, arm, "arteries")
        arm.artery, how = arterial_curve(
            rates, work.given_aif_mask, work.given_boluses.get(arm.protocol.echo), exclude=work.lesion_mask()
        )
        work.provenance.append(how)
        arm.vein, factor, why_not = venous_curve(rates, arm.artery, exclude=work.lesion_mask())
        arm.vein_factor = factor if step.scale_to_vein else 1.0
        short, quality = SHORT[rates.echo], arm.artery.quality
        found = f"{len(arm.artery.voxels)} voxels" + ("" if np.isnan(quality) else f", quality {quality:.2f} of 1")
        poor = quality < _POOR_ARTERY
        work.note(f"{short}: artery", found, "warning" if poor else "ok", "; ".join(arm.artery.remarks))
        vein = why_not or f"area {factor:.2f} times the artery's"
        work.note(
            f"{short}: vein",
            vein,
            "note" if why_not else "ok",
            "the artery was not scaled" if why_not and step.scale_to_vein else "",
        )


def _volume(work: Work, step: BloodVolume) -> None:
    for arm in work.arms.values():
        maps, how = volume_maps(_rates_of(work, arm, "volume"), arm.corrected)
        work.maps += maps
        work.provenance.append(how)


def _flow(work: Work, step: Flow) -> None:
    arm = work.arms.get("ge")
    if arm is None or arm.artery is None:
        work.note("CBF, MTT, Tmax", "not made: they need the gradient-echo series and its artery", "note")
        return
    work.progress("flow", 0, 1)
    kh = (1 - step.haematocrit_large) / (1 - step.haematocrit_small)
    maps, how = flow_maps(
        _rates_of(work, arm, "flow"), arm.best_per_s, arm.artery, factor=arm.vein_factor, how=step.how, threshold=step.threshold or 0.0,
        oscillation_limit=step.oscillation_limit or 0.0, kh=kh, density_g_per_ml=step.density_g_per_ml,
    )  # fmt: skip
    work.maps += maps
    work.provenance.append(how)
    calm = float(np.mean(maps[1].status[work.subject_mask()] == Status.OK))
    work.note(
        "constants of CBV and CBF",
        f"kH {kh:.3f}, density {step.density_g_per_ml:g} g/mL",
        "note",
        f"{step.source}; blood and tissue are taken to have one relaxivity, which makes both too large: read them as relative",
    )
    work.note(
        "deconvolution",
        f"calm residue in {100 * calm:.0f} % of the voxels",
        "ok" if calm > 0.8 else "note",
        "CBF and Tmax are relative",
    )


def _loop(work: Work, step: Loop) -> None:
    ge, se = work.arms.get("ge"), work.arms.get("se")
    if ge is None or se is None or ge.artery is None or se.artery is None:
        work.note(
            "microvessel type indicator", "not made: it needs a gradient- and a spin-echo series with their arteries", "warning"
        )
        return
    work.progress("hysteresis loops", 0, 1)
    corrected = (ge.corrected, se.corrected) if ge.corrected is not None and se.corrected is not None else None
    work.loops = loop_maps(
        _rates_of(work, ge, "loop"),
        _rates_of(work, se, "loop"),
        (ge.artery, se.artery),
        corrected,
        align="one injection" if se.one_injection else step.align,
        workers=work.workers,
    )
    work.maps += work.loops.maps
    work.quality += work.loops.quality
    work.provenance.append(work.loops.provenance)
    nmti = work.map_of("nmti") or work.map_of("nmti_uncorrected")
    if work.reference is not None and nmti is not None:
        work.quality.append(reference_line(nmti, work.reference.mask))


def _adc(work: Work, step: DiffusionMap) -> None:
    if work.adc is None and work.series("dwi"):
        diffusion_in_place(work)
    if work.adc is None:
        work.note("ADC", "not made: no diffusion series", "note")
        return
    work.maps.append(work.adc)


def _vessels(work: Work, step: Vessels) -> None:
    relative, ge, se = work.map_of("rcbv"), work.arms.get("ge"), work.arms.get("se")
    if work.loops is None or work.adc is None or relative is None or ge is None or se is None:
        work.note("vessel radius and density", "not made: they need both echoes, normalised CBV and ADC", "note")
        return
    work.progress("vessels", 0, 1)
    maps, how = vessel_maps(
        _rates_of(work, ge, "vessels"),
        _rates_of(work, se, "vessels"),
        work.loops,
        relative,
        work.adc,
        reference_cbv=step.reference_cbv,
        cbv_source=step.source,
    )
    work.maps += maps
    work.provenance.append(how)


def _normalise(work: Work, step: Normalise) -> None:
    source = work.map_of("cbv") or work.map_of("cbv_uncorrected")
    if step.standard_percentiles is not None and step.standard_values is not None and source is not None:
        scaled, how = standardised_map(
            source,
            work.subject_mask(),
            percentiles=step.standard_percentiles,
            values=step.standard_values,
            scale_from=step.source,
        )
        work.maps.append(scaled)
        work.provenance.append(how)
    if work.reference is None:
        work.note("normalised blood volume", "not made: there is no reference tissue", "warning")
        return
    for wanted, sources in (("rcbv", ("cbv", "cbv_uncorrected")), ("rucbv", ("ucbv", "ucbv_uncorrected"))):
        source = next((one for one in map(work.map_of, sources) if one is not None), None)
        made = normalised_map(source, wanted, work.reference.mask, work.reference.kind) if source is not None else None
        if made is None:
            if source is not None:
                work.note(wanted, "not made: the reference has no blood volume above zero", "warning")
            continue
        work.maps.append(made[0])
        work.provenance.append(made[1])
    relative = work.map_of("rcbv")
    if step.burden_cutoffs is not None and relative is not None and work.lesion_mask().any():
        low, high = step.burden_cutoffs
        burden = burden_map(relative, work.lesion_mask(), low=low, high=high, source=step.source)
        if burden is not None:
            work.maps.append(burden[0])
            work.provenance.append(burden[1])
            work.note("fractional tumour burden", burden[2], "note", "cut-offs belong to one protocol and one piece of software")


STEPS_DSC: dict[type, Callable[[Work, Any], None]] = {
    ToRates: _to_rates,
    UndoLeakage: _leakage,
    Arteries: _arteries,
    BloodVolume: _volume,
    Flow: _flow,
    Loop: _loop,
    DiffusionMap: _adc,
    Vessels: _vessels,
    Normalise: _normalise,
}
