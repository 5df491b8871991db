"""`afterglow paint`: one patient painted from what a run has quantified, with what a person adds; objects for a planning system."""

import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from afterglow import __version__
from afterglow.align.resample import resample
from afterglow.flows.method import load_method, method_text
from afterglow.flows.objects import NO_REFERENCE, OBJECTS, check_objects, write_objects
from afterglow.flows.paint_orders import PaintOrders, reference_of_orders
from afterglow.flows.patient import run_patient
from afterglow.flows.place import Place
from afterglow.flows.run import write_tables
from afterglow.flows.work import Progress
from afterglow.io.atomic import Written, clean_temporary, require_writable
from afterglow.io.bids import open_dataset
from afterglow.io.derivatives import exam_folder, report_path, write_description
from afterglow.io.manifest import merged_at_the_end
from afterglow.io.readings import read_readings
from afterglow.painting.compare import PlanDifference, compare_plans
from afterglow.records.dose import NOT_FOR_TREATMENT
from afterglow.records.errors import BadMethod, MissingInput
from afterglow.records.grid import Grid
from afterglow.records.painted import PaintedVisit
from afterglow.records.zones import ZONE_WORDS, Prescription, Zone, ZoneMap
from afterglow.response.repeatability import with_own

_ZONES = (Zone.AGGRESSIVE, Zone.PENUMBRA, Zone.PASSIVE, Zone.NOT_ASSESSED)
_SHOWN = (("aggressive", "D95"), ("tumour", "D95"), ("brain", "mean_dose"), ("brain", "integral_dose"), ("dose grid", "V12"))


@dataclass(frozen=True, eq=False)
class PaintReport:
    """What was painted, what was written for a planning system, and what was not and why."""

    painted: PaintedVisit
    report: Path
    objects: tuple[Written, ...]
    remarks: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """For --json: volumes in mL, figures by plan and structure, files, remarks."""
        figures = [asdict(one) for one in self.painted.figures]
        return {
            "not_for_treatment": NOT_FOR_TREATMENT,
            "session": self.painted.session,
            "zones_ml": {ZONE_WORDS[zone]: self.painted.zones.volume_ml(zone) for zone in _ZONES},
            "figures": [{**one, "value": _known(one["value"])} for one in figures],
            "differences": [
                {**asdict(one), "first": _known(one.first), "second": _known(one.second), "difference": _known(one.difference)}
                for one in self.differences
            ],
            "report": str(self.report),
            "objects": [str(one.path) for one in self.objects],
            "remarks": list(self.remarks),
        }

    @property
    def differences(self) -> tuple[PlanDifference, ...]:
        """Every figure of the painted plan against the uniform one."""
        first, second = (plan.name for plan in self.painted.plans[:2])
        return compare_plans(self.painted.of_plan(first), self.painted.of_plan(second))

    def lines(self) -> list[str]:
        """For a person: the zones, what each plan does, where everything is."""
        zones = ", ".join(f"{ZONE_WORDS[zone]} {self.painted.zones.volume_ml(zone):.2f} mL" for zone in _ZONES)
        told = [NOT_FOR_TREATMENT, f"Zones at ses-{self.painted.session}: {zones}"]
        for plan in self.painted.plans:
            found = {(one.structure, one.name): one for one in self.painted.of_plan(plan.name)}
            shown = [
                (f"{name} of {structure}", found[structure, name]) for structure, name in _SHOWN if (structure, name) in found
            ]
            words = ", ".join(f"{what} {one.value:.3g} {one.unit if one.unit != '1' else ''}".strip() for what, one in shown)
            told.append(f"Plan {plan.name} ({plan.prescribed}; {len(plan.shots)} shots): {words}")
        told += [f"Written: {one.path}" for one in self.objects]
        return [*told, *self.remarks, f"Report: {self.report}"]


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value


def paint_patient(
    bids_dir: Path,
    out: Path,
    participant: str,
    method_name: str,
    *,
    orders: PaintOrders,
    outlines_dir: Path | None,
    objects: tuple[str, ...],
    workers: int,
    progress: Progress,
) -> PaintReport:
    """Paint one patient; visits that a run has finished are read, not made again. AfterglowError where nothing can be painted.

    `objects` (of flows.objects.OBJECTS) are written for the planning series of the orders; without one only NIfTI is.
    """
    method, text = load_method(method_name), method_text(method_name)
    if method.paint is None:
        raise BadMethod(f"{method.name}: it has no [paint], so it does not say how a tumour is painted; seyithanoglu2025 does")
    orders.check()
    check_objects(objects)
    reference = reference_of_orders(orders)
    dataset = open_dataset(bids_dir)
    subject = participant.removeprefix("sub-")
    if subject not in dataset.subjects:
        raise MissingInput(
            f"{dataset.root}: there is no sub-{subject}; it has {len(dataset.subjects)} subjects, the first is sub-{dataset.subjects[0]}"
        )
    require_writable(out)
    clean_temporary(out)
    write_description(out, source=dataset.root, version=__version__, method=method.name, method_doi=method.doi)
    place = Place(dataset, out.absolute(), outlines_dir, with_own(()), read_readings(dataset.root))
    with merged_at_the_end(place.out):
        patient, failures = run_patient(
            place, subject, method, text, wanted=(), workers=workers, progress=progress, orders=orders
        )
        write_tables(place.out, method)
    if patient is None:
        raise MissingInput("; ".join(failures) or f"sub-{subject}: it has no visit")
    painted = patient.painted
    if painted is None:
        why = [line.advice for line in patient.quality if line.what == "painting"]
        raise MissingInput("; ".join((*why, *failures)) or f"sub-{subject}: nothing could be painted")
    if reference is None:
        return PaintReport(painted, report_path(place.out, subject), (), (NO_REFERENCE, *failures))
    folder = exam_folder(place.out, subject, painted.session) / "dose"
    zones, prescription = on_series(painted, reference.grid)
    written = write_objects(folder, zones, prescription, painted.plans, reference, objects=objects or OBJECTS)
    return PaintReport(painted, report_path(place.out, subject), written, tuple(failures))


def on_series(painted: PaintedVisit, grid: Grid) -> tuple[ZoneMap, Prescription]:
    """Zones and prescription on the voxels of the planning series, each from the nearest voxel: no label and no dose is mixed."""
    own = painted.grid
    labels, reasons = (
        resample(array, own, grid, interpolation="nearest", outside=0.0).astype(np.uint8)
        for array in (painted.zones.labels, painted.zones.reasons)
    )
    dose = np.nan_to_num(resample(painted.prescription.dose_gy, own, grid, interpolation="nearest", outside=0.0)).astype(
        np.float32
    )
    zones = ZoneMap(labels, reasons, grid, (), painted.zones.provenance, painted.zones.islands_ml)
    return zones, replace(painted.prescription, dose_gy=dose, reasons=reasons, grid=grid)
