"""All DICOM objects of one painted visit beside its planning series."""

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from afterglow.io.atomic import Written
from afterglow.io.names import label_of
from afterglow.records.dose import DoseGrid, DosePlan, Structure
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.zones import TUMOUR, TUMOUR_COLOUR, ZONE_COLOURS, ZONE_WORDS, Prescription, ZoneMap

if TYPE_CHECKING:
    from afterglow.io.rt_reference import ReferenceSeries

OBJECTS = ("seg", "rtstruct", "rtdose")
NO_REFERENCE = (
    "no DICOM folder of the planning series was given: SEG, RTSTRUCT and RTDOSE need its frame of reference, which is never "
    "invented; zones, prescription and doses are written as NIfTI alone"
)


def planning_series(folder: Path) -> "ReferenceSeries":
    """The DICOM series of the planning image; MissingInput without the extra `dicom`, and as `io.rt_reference` says."""
    for package in ("pydicom", "highdicom"):
        if importlib.util.find_spec(package) is None:
            raise MissingInput(
                f"DICOM objects need {package}, which is not installed; install it with: pip install 'afterglow[dicom]'"
            )
    from afterglow.io.rt_reference import reference_series

    return reference_series(folder)


def check_objects(objects: Sequence[str]) -> None:
    """NotForTreatment where an "rtplan" is asked for, BadInput for a name that no object has."""
    if "rtplan" in objects:
        from afterglow.io.rt_plan import refuse_rt_plan

        refuse_rt_plan()
    unknown = sorted(set(objects) - set(OBJECTS))
    if unknown:
        raise BadInput(f"there is no object {unknown[0]!r}; there are {', '.join(OBJECTS)}")


def write_objects(
    folder: Path,
    zones: ZoneMap,
    prescription: Prescription,
    plans: Sequence[DosePlan],
    reference: "ReferenceSeries",
    *,
    objects: Sequence[str] = OBJECTS,
) -> tuple[Written, ...]:
    """Write the objects of OBJECTS that are named: zones as SEG and RTSTRUCT, the prescription and each plan as RTDOSE.

    Everything is placed by `reference`, whose voxels the zones must be. What `check_objects`
    refuses is refused. The same content gives the same bytes; files of an earlier run are replaced.
    """
    from afterglow.io.rt_dose_write import write_dose
    from afterglow.io.rt_structures_write import write_structures
    from afterglow.io.seg_write import write_segments

    check_objects(objects)
    written = []
    if "seg" in objects:
        written.append(write_segments(folder / "zones_seg.dcm", zones, reference))
    if "rtstruct" in objects:
        colours = {TUMOUR: TUMOUR_COLOUR, **{ZONE_WORDS[zone]: colour for zone, colour in ZONE_COLOURS.items()}}
        structures = zone_structures(zones)
        written.append(write_structures(folder / "zones_rtstruct.dcm", structures, reference, label="ZONES", colours=colours))
    if "rtdose" in objects:
        wanted = DoseGrid(prescription.dose_gy, prescription.grid, "prescription", prescription.rule)
        written.append(write_dose(folder / "prescription_rtdose.dcm", wanted, reference, name="Prescription"))
        for plan in plans:
            path = folder / f"plan-{label_of(plan.name)}_rtdose.dcm"
            written.append(write_dose(path, plan.dose, reference, name=f"Plan {plan.name}"))
    return tuple(written)


def zone_structures(zones: ZoneMap) -> tuple[Structure, ...]:
    """The tumour and each zone that has a voxel."""
    parts = [(TUMOUR, zones.tumour)] + [(ZONE_WORDS[zone], zones.mask(zone)) for zone in ZONE_COLOURS]
    return tuple(
        Structure(name, mask.astype(np.float32), zones.grid, "target" if name == TUMOUR else "zone", "zones")
        for name, mask in parts
        if mask.any()
    )
