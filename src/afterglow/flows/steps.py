"""The steps a method file can name: one function each. Order and settings come from the file."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.flows.method_steps import (
    T1,
    Align,
    ArterialInput,
    Background,
    Choose,
    FitModel,
    Regions,
    Semiquantitative,
    Smooth,
    Still,
    ToConcentration,
)
from afterglow.flows.reference import reference_of
from afterglow.flows.regions import lesions_of
from afterglow.flows.steps_dsc import STEPS_DSC
from afterglow.flows.steps_place import align, hold_still, on_grid
from afterglow.flows.work import Fitted, Work
from afterglow.kernels.types import Status
from afterglow.quantify.arterial import automatic_aif, continuous_aif, given_aif, masked_aif, population_aif
from afterglow.quantify.concentration import to_concentration
from afterglow.quantify.dce import choose_models, fit_model, fit_to_compare, semiquantitative
from afterglow.quantify.preparation import smoothed, subject_mask
from afterglow.quantify.t1 import fixed_t1, t1_from_flip_angles, t1_from_inversion
from afterglow.records.errors import MissingInput
from afterglow.records.series import Series

_POOR_AIF = 0.5


def _background(work: Work, step: Background) -> None:
    work.progress("background removal", 0, 1)
    work.mask, how = subject_mask(work.data, work.source)
    work.provenance.append(how)


def _smooth(work: Work, step: Smooth) -> None:
    work.progress("smoothing", 0, 1)
    work.data, how = smoothed(
        work.data, work.grid, work.times_s, space_fwhm_mm=step.space_fwhm_mm, time_fwhm_s=step.time_fwhm_s, source=work.source
    )
    work.provenance.append(how)


def _b1(work: Work) -> NDArray[np.float32] | None:
    maps = work.aligned.get("b1")
    return maps[0].load() if maps else None


def _t1(work: Work, step: T1) -> None:
    work.progress("T1", 0, 1)
    mask = work.subject_mask()
    for how in step.how:
        match how:
            case "vfa" if flips := _needed(work, "vfa"):
                work.t1, s0 = t1_from_flip_angles(flips, mask, b1=_b1(work))
                work.maps += [work.t1, s0]
            case "inversion" if inversions := _needed(work, "irt1"):
                work.t1 = t1_from_inversion(inversions, mask)
                work.maps.append(work.t1)
            case "fixed" if step.fixed_s is not None:
                work.t1 = fixed_t1(work.grid, mask, t1_s=step.fixed_s, source=step.source)
            case _:
                continue
        fixed = how == "fixed"
        work.note(
            "T1 before contrast",
            "fixed" if fixed else f"measured ({how})",
            "note" if fixed else "ok",
            work.t1.provenance.sentence,
        )
        work.provenance.append(work.t1.provenance)
        return
    raise MissingInput(
        f"sub-{work.exam.subject} ses-{work.exam.session}: no series to measure T1 with ({', '.join(step.how)}); add VFA or IRT1 images, "
        "or fix T1 in a copy of the method file"
    )


def _needed(work: Work, name: str) -> tuple[Series, ...]:
    series = work.series(name)
    if not series:
        return ()
    aligned = work.aligned.get(name)
    return aligned if aligned else tuple(on_grid(one, work, None) for one in series)


def _concentration(work: Work, step: ToConcentration) -> None:
    work.progress("concentration", 0, 1)
    if work.t1 is None:
        raise MissingInput(f"{work.method.name}: the step 'concentration' needs the step 't1' before it")
    protocol, agent, _ = work.spgr("concentration")
    work.concentration = to_concentration(
        work.data,
        work.times_s,
        protocol,
        work.t1,
        work.subject_mask(),
        agent=agent,
        b1=_b1(work),
        undo_t2star=step.undo_t2star,
        source=work.source,
    )
    work.quality += work.concentration.quality
    work.provenance.append(work.concentration.provenance)
    start = work.dynamic.injection.start_s if work.dynamic.injection else None
    arrival = work.concentration.arrival_s
    if start is not None and arrival < start:
        work.note(
            "bolus arrival",
            f"{arrival:.1f} s, before the recorded injection at {start:.1f} s",
            "warning",
            "check InjectionStart or the frame times",
        )
    else:
        work.note("bolus arrival", f"{arrival:.1f} s on the series' clock", "ok")


def _aif(work: Work, step: ArterialInput) -> None:
    work.progress("arterial input function", 0, 1)
    concentration, (_, _, haematocrit) = work.need_concentration("aif"), work.spgr("aif")
    if work.given_aif is not None:
        work.aif, how = given_aif(*work.given_aif)
    elif work.given_aif_mask is not None:
        mask, source = work.given_aif_mask
        work.aif, how = masked_aif(concentration, mask, haematocrit=haematocrit, source=source)
    elif step.how == "population" and step.population is not None:
        dose = work.dynamic.injection.dose_mmol_kg if work.dynamic.injection else None
        work.aif, how = population_aif(
            concentration, name=step.population, haematocrit=haematocrit, dose_mmol_kg=dose, source=work.source
        )
    else:
        work.aif, how = automatic_aif(
            concentration,
            haematocrit=haematocrit,
            by_section=step.by_section,
            scale_to_large_vein=step.scale_to_vein,
            source=work.source,
        )
    work.provenance.append(how)
    if step.curve == "continuous":
        work.aif, how = continuous_aif(work.aif, work.source)
        work.provenance.append(how)
    quality = work.aif.quality
    level = "warning" if quality < _POOR_AIF else "ok"
    found = (
        "given, not judged"
        if np.isnan(quality)
        else f"quality {quality:.2f} of 1, {len(work.aif.voxels)} voxels, peak {work.aif.plasma_mM.max():.1f} mM in plasma"
    )
    work.note("arterial input function", found, level, "; ".join(work.aif.remarks))


def _fit(work: Work, step: FitModel) -> None:
    work.progress(f"fit of {step.model}", 0, 1)
    fitted = fit_model(
        work.need_concentration("fit"),
        work.need_aif("fit"),
        model=step.model,
        delay_range_s=step.delay_range_s,
        source=work.source,
    )
    work.fits.append(Fitted(step.model, fitted.fit, fitted.delay_s))
    work.maps += fitted.maps
    work.provenance.append(fitted.provenance)
    status = fitted.fit.status
    shares = [
        (Status.AT_BOUND, "best fit on a bound"),
        (Status.NO_UPTAKE, "no uptake"),
        (Status.NO_CONVERGENCE, "no convergence"),
        (Status.NOT_FINITE, "no finite curve"),
    ]
    words = ", ".join(f"{name} {100 * np.mean(status == code):.1f} %" for code, name in shares if (status == code).any())
    work.note(
        f"voxels of the {step.model} fit", f"fitted inside all bounds {100 * np.mean(status == Status.OK):.1f} %; {words}", "ok"
    )


def _choose(work: Work, step: Choose) -> None:
    work.progress("choice of model", 0, 1)
    concentration, aif = work.need_concentration("choose"), work.need_aif("choose")
    delay_s = next((one.delay_s for one in work.fits if one.delay_s is not None), None)
    done = {one.model: one.fit for one in work.fits} if delay_s is None else {}
    fits = [(m, done[m] if m in done else fit_to_compare(concentration, aif, model=m, delay_s=delay_s)) for m in step.models]
    chosen, how = choose_models(concentration, fits, delayed=delay_s is not None, source=work.source)
    work.maps.append(chosen)
    work.provenance.append(how)


def _semiquantitative(work: Work, step: Semiquantitative) -> None:
    work.progress("semi-quantitative maps", 0, 1)
    maps, how = semiquantitative(work.need_concentration("semiquantitative"), step.quantities, work.source)
    work.maps += maps
    work.provenance.append(how)


def _regions(work: Work, step: Regions | None) -> None:
    work.progress("lesions", 0, 1)
    work.lesions = lesions_of(work, work.drawn)
    work.reference = reference_of(work, work.drawn, work.lesions)


STEPS: dict[type, Callable[[Work, Any], None]] = {
    **STEPS_DSC,
    Regions: _regions,
    Still: hold_still,
    Align: align,
    Background: _background,
    Smooth: _smooth,
    T1: _t1,
    ToConcentration: _concentration,
    ArterialInput: _aif,
    FitModel: _fit,
    Choose: _choose,
    Semiquantitative: _semiquantitative,
}


def carry_out(work: Work) -> None:
    """All steps of the method in their order; each one's seconds are noted."""
    for step in work.method.step:
        began = time.perf_counter()
        STEPS[type(step)](work, step)
        work.seconds[step.do] = work.seconds.get(step.do, 0.0) + time.perf_counter() - began
    if work.lesions is None:
        _regions(work, None)
