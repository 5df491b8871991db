"""Concentration to parameter maps: tissue models, and what needs no model."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.kernels.delayed import choose_model, fit_at_delays, fit_delayed
from afterglow.kernels.fit import fit_tissue
from afterglow.kernels.models import MODELS
from afterglow.kernels.problem import Fit
from afterglow.kernels.semiquantitative import initial_area, peak, steepest_slope, time_to_peak
from afterglow.kernels.types import Status
from afterglow.quantify.concentration import Concentration
from afterglow.quantify.made import map_from_voxels, provenance
from afterglow.records.maps import Aif, ParameterMap, Provenance
from afterglow.records.quantity import QUANTITIES
from afterglow.records.result import RegionCurve

_SLOPE_SPAN_S = 10.0
_COMPARED_AT = 1 / 8  # of the frame spacing
_AREAS_S = {"iaugc60": 60.0, "iaugc90": 90.0, "iaugc120": 120.0}


class ModelFit(NamedTuple):
    """The maps of one model, and how they were made."""

    maps: tuple[ParameterMap, ...]
    provenance: Provenance
    fit: Fit
    delay_s: NDArray[np.floating] | None  # (n,), where it was fitted


def fit_model(
    concentration: Concentration, aif: Aif, *, model: str, delay_range_s: tuple[float, float] | None, source: str
) -> ModelFit:
    """Maps of a model's parameters with standard errors, of the residual, and of the delay where it is fitted."""
    curves = concentration.curves_mM
    delay_maps: tuple[ParameterMap, ...] = ()
    delay_s: NDArray[np.floating] | None = None
    delay = (
        ""
        if delay_range_s is None
        else f" with the arterial delay between {delay_range_s[0]:g} and {delay_range_s[1]:g} s fitted in every voxel"
    )
    sentence = (
        f"The {MODELS[model].title} model was fitted to every voxel by least squares with its bounds inside the optimum and the exact "
        f"convolution of the sampled arterial curve{delay}."
    )
    how = provenance("fit", sentence, {"model": model, "delay_range_s": delay_range_s}, (source,), MODELS[model].doi)
    if delay_range_s is None:
        fit = fit_tissue(model, concentration.times_s, curves, aif.times_s, aif.plasma_mM)
    else:
        fit, delay_s, error_s = fit_delayed(
            model, concentration.times_s, curves, aif.times_s, aif.plasma_mM, delay_range_s=delay_range_s
        )
        delay_maps = (_map("delay", delay_s, fit.status, concentration, how, error_s),)
    maps = [
        _map(name, fit.values[:, i], fit.status, concentration, how, fit.standard_errors[:, i])
        for i, name in enumerate(fit.parameters)
    ]
    return ModelFit((*maps, *delay_maps, _map("rms", fit.rms, fit.status, concentration, how)), how, fit, delay_s)


def fit_to_compare(concentration: Concentration, aif: Aif, *, model: str, delay_s: NDArray[np.floating] | None) -> Fit:
    """A model's fit for the choice between models: without delay, or at the delays (n,) of another fit, to an eighth of a frame.

    Voxels that share a delay share the work, and all models that are compared are held to the same delays.
    """
    times, curves = concentration.times_s, concentration.curves_mM
    if delay_s is None:
        return fit_tissue(model, times, curves, aif.times_s, aif.plasma_mM)
    step_s = _COMPARED_AT * float(np.median(np.diff(times)))
    return fit_at_delays(model, times, curves, aif.times_s, aif.plasma_mM, delay_s=np.round(delay_s / step_s) * step_s)


def choose_models(
    concentration: Concentration, fits: Sequence[tuple[str, Fit]], *, delayed: bool, source: str
) -> tuple[ParameterMap, Provenance]:
    """Which model has the least AICc in each voxel, as an index into the models' order; `delayed` says that each has a delay."""
    names = [name for name, _ in fits]
    choice, _ = choose_model(dict(fits), extra_parameters=int(delayed))
    listed = ", ".join(f"{i} {name}" for i, name in enumerate(names))
    same = ", all at the arterial delay that the first fit found, to an eighth of a frame" if delayed else ""
    how = provenance(
        "choose",
        f"For each voxel the model with the least corrected Akaike criterion is named ({listed}){same}.",
        {"models": tuple(names), "delayed": delayed},
        (source,),
        "10.1093/biomet/76.2.297",
    )
    return _map("model_choice", choice, fits[0][1].status, concentration, how), how


def semiquantitative(
    concentration: Concentration, quantities: Sequence[str], source: str
) -> tuple[tuple[ParameterMap, ...], Provenance]:
    """Maps of quantities that need no model: iaugc60, iaugc90, iaugc120, slope, ttp, peak. ValueError for another name."""
    curves, times, arrival = concentration.curves_mM, concentration.times_s, concentration.arrival_s
    sentence = f"{', '.join(QUANTITIES[q].symbol for q in quantities)} were read from the concentration curves from bolus arrival ({arrival:.1f} s) on."
    how = provenance("semiquantitative", sentence, {"quantities": tuple(quantities), "arrival_s": arrival}, (source,))
    finite: NDArray[np.bool_] = np.asarray(np.isfinite(curves).all(axis=1))
    status = np.where(finite, np.uint8(Status.OK), np.uint8(Status.NOT_FINITE))
    safe = np.where(finite[:, None], curves, 0)
    values: dict[str, NDArray[np.floating]] = {}
    for name in quantities:
        match name:
            case "iaugc60" | "iaugc90" | "iaugc120":
                values[name] = initial_area(times, safe, arrival_s=arrival, duration_s=_AREAS_S[name])
            case "slope":
                values[name] = steepest_slope(times, safe, span_s=_SLOPE_SPAN_S)
            case "ttp":
                values[name] = time_to_peak(times, safe, arrival_s=arrival)
            case "peak":
                values[name] = peak(safe)
            case _:
                raise ValueError(f"{name} is not read from a curve")
    return tuple(_map(name, np.where(finite, v, np.nan), status, concentration, how) for name, v in values.items()), how


def region_curve(
    concentration: Concentration,
    aif: Aif,
    region: NDArray[np.bool_],
    *,
    label: str,
    model: str,
    delay_range_s: tuple[float, float] | None,
) -> RegionCurve | None:
    """Mean curve of a region (i, j, k) with the model fitted to that mean; None where no voxel of it has a curve."""
    curves = concentration.of(region)
    curves = curves[np.isfinite(curves).all(axis=1)]
    if not len(curves):
        return None
    mean = curves.mean(axis=0, dtype=np.float64)
    times, delay_s = concentration.times_s, 0.0
    if delay_range_s is None:
        fit = fit_tissue(model, times, mean[None], aif.times_s, aif.plasma_mM)
    else:
        delayed = fit_delayed(model, times, mean[None], aif.times_s, aif.plasma_mM, delay_range_s=delay_range_s)
        fit, delay_s = delayed.fit, float(np.nan_to_num(delayed.delay_s[0]))
    values = fit.values[0]
    parameters = [(n, float(v), QUANTITIES[n].unit) for n, v in zip(fit.parameters, values, strict=True)]
    if delay_range_s is not None:
        parameters.append(("delay", delay_s, "s"))
    # where nothing leaks ve is not determined, and any ve gives the same curve
    drawn = np.where(np.isnan(values), 1.0, values)
    fitted = (
        MODELS[model].curve(aif.times_s, aif.plasma_mM, drawn, at_s=times, delay_s=delay_s)
        if not np.isnan(values).all()
        else None
    )
    return RegionCurve(
        label, times, mean, None if fitted is None else fitted.astype(np.float64), model, len(curves), tuple(parameters)
    )


def _map(
    name: str,
    values: NDArray[np.floating],
    status: NDArray[np.uint8],
    concentration: Concentration,
    how: Provenance,
    error: NDArray[np.floating] | None = None,
) -> ParameterMap:
    return map_from_voxels(name, values, status, concentration.mask, concentration.grid, how, error)
