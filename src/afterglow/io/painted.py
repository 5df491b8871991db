"""A whole painted visit on disk and back: zones, doses, figures, histograms and stability, with the anatomy they lie on."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from afterglow.io.atomic import Written
from afterglow.io.dosimetry import read_dosimetry, write_dosimetry
from afterglow.io.images import write_image
from afterglow.io.nifti import read_image
from afterglow.io.painted_spectra import plain_grid, plain_spectrum, read_grid, read_spectrum
from afterglow.io.plans_fields import read_fields
from afterglow.io.write import write_json
from afterglow.io.zones import PaintedPlace, read_painted, write_nifti_objects
from afterglow.records.alignment import QualityLine
from afterglow.records.dose import NOT_FOR_TREATMENT, Structure
from afterglow.records.errors import BadInput
from afterglow.records.maps import Provenance
from afterglow.records.painted import PaintedVisit
from afterglow.records.quantity import QUANTITIES
from afterglow.records.stability import DoseChange, Retest, Stability, ZoneAgreement
from afterglow.records.zones import ZONE_WORDS, Zone, ZoneMap


def write_painted_visit(place: PaintedPlace, painted: PaintedVisit) -> tuple[Written, ...]:
    """Write everything of a painted visit but its response; the JSON that ties it together comes last."""
    written = list(write_nifti_objects(place, painted.zones, painted.prescription, painted.plans))
    written += write_image(
        place.path("anat", "planning", "T1w", ".nii.gz"),
        painted.backdrop,
        painted.grid,
        sidecar={"LongName": painted.backdrop_name},
    )
    maps = []
    for quantity, values in painted.maps:
        path = place.path("perf", f"planning{quantity.name}", "map", ".nii.gz")
        written += write_image(path, values, painted.grid, sidecar={"LongName": quantity.long_name, "Units": quantity.unit})
        maps.append(quantity.name)
    brain = next((one for one in painted.structures if one.name == "brain"), None)
    if brain is not None:
        written += write_image(
            _brain_path(place), brain.share, painted.grid, sidecar={"LongName": "share of brain", "Source": brain.source}
        )
    if painted.stability is not None:
        path = place.path("anat", "zonecertainty", "probseg", ".nii.gz")
        written += write_image(
            path, painted.stability.certain, painted.grid, sidecar={"LongName": "share of draws in which a voxel kept its zone"}
        )
    written += write_dosimetry(place, painted.figures)
    written.append(write_json(_summary_path(place), _summary(painted, maps)))
    return tuple(written)


def read_painted_visit(place: PaintedPlace) -> PaintedVisit:
    """What `write_painted_visit` wrote, without histograms, which are computed from the doses. BadInput where it is not whole."""
    path = _summary_path(place)
    content = read_fields(path, ("Subject", "Maps", "Structures", "Quality", "Provenance", "Stability"))
    objects = read_painted(place)
    zones = objects.zones
    try:
        return PaintedVisit(
            content["Subject"],
            content["Session"],
            content["Day"],
            content["Method"],
            read_image(place.path("anat", "planning", "T1w", ".nii.gz")).load(),
            content["Backdrop"],
            tuple(
                (QUANTITIES[name], read_image(place.path("perf", f"planning{name}", "map", ".nii.gz")).load())
                for name in content["Maps"]
            ),
            zones,
            objects.prescription,
            objects.plans,
            tuple(_structure(row, place, zones) for row in content["Structures"]),
            read_dosimetry(place),
            (),
            (),
            _stability(content["Stability"], place),
            tuple(QualityLine(**line) for line in content["Quality"]),
            tuple(
                Provenance(**{**one, "sources": tuple(one["sources"]), "dois": tuple(one["dois"])})
                for one in content["Provenance"]
            ),
            retest=_retest(content["Retest"]),
            spectra=tuple(read_spectrum(one) for one in content["Spectra"]),
            spectra_grid=None if content["SpectraGrid"] is None else read_grid(content["SpectraGrid"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(
            f"{path}: {error!r} is missing or malformed; it was written by another version, run this visit again"
        ) from error


def _summary_path(place: PaintedPlace) -> Path:
    return place.path("dose", "painted", "visit", ".json")


def _brain_path(place: PaintedPlace) -> Path:
    return place.path("anat", "brain", "probseg", ".nii.gz")


def _summary(painted: PaintedVisit, maps: Sequence[str]) -> dict[str, object]:
    stability = painted.stability
    return {
        "NotForTreatment": NOT_FOR_TREATMENT,
        "Subject": painted.subject,
        "Session": painted.session,
        "Day": painted.day,
        "Method": painted.method,
        "Backdrop": painted.backdrop_name,
        "Maps": list(maps),
        "Structures": [{"name": s.name, "kind": s.kind, "source": s.source} for s in painted.structures],
        "Quality": [asdict(line) for line in painted.quality],
        "Provenance": [{**asdict(one), "settings": dict(one.settings)} for one in painted.provenance],
        "Spectra": [plain_spectrum(label, one) for label, one in painted.spectra],
        "SpectraGrid": None if painted.spectra_grid is None else plain_grid(painted.spectra_grid),
        "Retest": None if painted.retest is None else _plain_retest(painted.retest),
        "Stability": None
        if stability is None
        else {
            "n_draws": stability.n_draws,
            "seed": stability.seed,
            "drawn": list(stability.drawn),
            "fixed": list(stability.fixed),
            "dice": [[int(zone), *rest] for zone, *rest in stability.dice],
            "change": asdict(stability.change),
        },
    }


def _plain_retest(retest: Retest) -> dict[str, object]:
    zones = [[int(one.zone), one.dice, one.first_ml, one.second_ml] for one in retest.zones]
    return {"session": retest.session, "zones": zones, "change": asdict(retest.change)}


def _retest(content: Mapping[str, Any] | None) -> Retest | None:
    if content is None:
        return None
    zones = tuple(ZoneAgreement(Zone(zone), dice, first, second) for zone, dice, first, second in content["zones"])
    return Retest(content["session"], zones, DoseChange(**content["change"]))


def _stability(content: Mapping[str, Any] | None, place: PaintedPlace) -> Stability | None:
    if content is None:
        return None
    certain = read_image(place.path("anat", "zonecertainty", "probseg", ".nii.gz")).load()
    dice = tuple((Zone(zone), middle, low, high) for zone, middle, low, high in content["dice"])
    return Stability(
        content["n_draws"], content["seed"], tuple(content["drawn"]), tuple(content["fixed"]), dice, DoseChange(**content["change"]), certain
    )  # fmt: skip


def _structure(row: Mapping[str, Any], place: PaintedPlace, zones: ZoneMap) -> Structure:
    match row["name"]:
        case "brain":
            share = read_image(_brain_path(place)).load()
        case "tumour":
            share = zones.tumour.astype(np.float32)
        case name:
            zone = next(zone for zone, words in ZONE_WORDS.items() if words == name)
            share = (zones.labels == zone).astype(np.float32)
    return Structure(row["name"], share, zones.grid, row["kind"], row["source"])
