"""What a person adds to painting: a map to paint by, a delivered dose, a second scan to compare with, a series to write objects for."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from afterglow.align.resample import resample
from afterglow.flows.method_paint import PaintSpec
from afterglow.io.integrity import sha256
from afterglow.io.learning_maps import sidecar_of
from afterglow.io.nifti import read_image
from afterglow.io.sidecar import read_sidecar
from afterglow.painting.dosimetry import dose_on
from afterglow.records.alignment import QualityLine
from afterglow.records.dose import DosePlan, Structure
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.grid import Grid

if TYPE_CHECKING:
    from afterglow.io.rt_reference import ReferenceSeries

DELIVERED = "delivered"


@dataclass(frozen=True)
class PaintOrders:
    """Files and choices beside the method; all of them optional."""

    by: Path | None = None  # NIfTI map by whose values the dose is prescribed ([paint.numbers])
    dose: Path | None = None  # RTDOSE of the delivered plan
    structures: Path | None = None  # RTSTRUCT of the delivered plan
    plan: Path | None = None  # RTPLAN of the delivered plan, which tells its prescription
    prescribed_gy: float | None = None  # its prescription where no RTPLAN tells it
    planning_series: Path | None = None  # DICOM folder of the planning image
    retest: str = ""  # session of a second scan before treatment

    def digest(self) -> list[list[str]]:
        """Every file by its hash, and the map to paint by with its name and sidecar, which say whose it is; for the fingerprint."""
        beside = sidecar_of(self.by) if self.by is not None and sidecar_of(self.by).is_file() else None
        files = [("by", self.by), ("sidecar", beside), ("dose", self.dose), ("structures", self.structures), ("plan", self.plan)]
        told = [[name, sha256(path)] for name, path in files if path is not None]
        told += [["name", self.by.name]] if self.by is not None else []
        if self.planning_series is not None:
            told += [["series", path.name, sha256(path)] for path in sorted(self.planning_series.iterdir()) if path.is_file()]
        return [*told, ["prescribed_gy", str(self.prescribed_gy)], ["retest", self.retest]]

    def check(self) -> None:
        """MissingInput for a file that is not there; BadInput for a part of a delivered plan without its dose."""
        for path in (self.by, self.dose, self.structures, self.plan, self.planning_series):
            if path is not None and not path.exists():
                raise MissingInput(f"{path}: there is no such file or folder; check the path")
        parts = (self.structures, self.plan, self.prescribed_gy)
        if self.dose is None and any(part is not None for part in parts):
            raise BadInput(
                "an RTSTRUCT, RTPLAN or prescription of a delivered plan was given without its dose; give the RTDOSE too (--rtdose)"
            )


NO_ORDERS = PaintOrders()


@dataclass(frozen=True, eq=False)
class DeliveredParts:
    """A delivered plan on the planning grid, its own structures, and what was noticed."""

    plans: tuple[DosePlan, ...] = ()
    structures: tuple[Structure, ...] = ()
    quality: tuple[QualityLine, ...] = ()


def reference_of_orders(orders: PaintOrders) -> "ReferenceSeries | None":
    """The DICOM series that objects refer to, and whose frame of reference a delivered plan must have."""
    if orders.planning_series is None:
        return None
    from afterglow.flows.objects import planning_series

    return planning_series(orders.planning_series)


def numbers_of(orders: PaintOrders, spec: PaintSpec, grid: Grid) -> tuple[NDArray[np.float32], str] | None:
    """The map to paint by on the planning grid, linear between its voxels. BadInput where its unit or range is not that of the method."""
    if orders.by is None:
        return None
    if spec.numbers is None:
        raise BadInput(
            f"{orders.by}: the method has no [paint.numbers], so it does not say what dose a value stands for; add it to a copy of the method file"
        )
    image = read_image(orders.by)
    values = image.load()
    if image.n_frames != 1:
        raise BadInput(f"{orders.by}: it has {image.n_frames} frames; painting goes by one map")
    known = values[np.isfinite(values)]
    units = read_sidecar(orders.by, orders.by.parent).text("Units")
    percent = units in ("%", "percent") or (known.size > 0 and spec.numbers.high <= 1 < float(known.max()) <= 100)
    if percent and spec.numbers.high <= 1:
        raise BadInput(
            f"{orders.by}: its values reach {float(known.max()):g}, as if it were in per cent, but the method paints by {spec.numbers.quantity} up to {spec.numbers.high:g}; convert the map"
        )
    laid: NDArray[np.float32] = resample(values.astype(np.float32), image.grid, grid).astype(np.float32)
    return laid, orders.by.name


def delivered_of(orders: PaintOrders, grid: Grid, reference: "ReferenceSeries | None") -> DeliveredParts:
    """The delivered dose on the planning grid, with its structures. GridMismatch where its frame of reference is another one."""
    if orders.dose is None:
        return DeliveredParts()
    from afterglow.io.rt_delivered import read_delivered
    from afterglow.io.rt_structures_read import read_structure_set

    frame = None if reference is None else reference.frame_uid
    plan = read_delivered(orders.dose, orders.plan, frame_uid=frame, prescription_gy=orders.prescribed_gy)
    plan = replace(plan, dose=dose_on(plan.dose, grid))
    if not np.isfinite(plan.dose.dose_gy).any():
        raise BadInput(
            f"{orders.dose}: its dose grid does not meet the planning image anywhere; is it of another patient or frame of reference?"
        )
    lines: list[QualityLine] = []
    if frame is None:
        advice = "give the planning series (--planning-series) to have its frame of reference checked"
        lines.append(QualityLine("delivered dose", "taken to lie in the coordinates of the anatomy", "warning", advice))
    structures: Sequence[Structure] = ()
    if orders.structures is not None:
        found = read_structure_set(orders.structures, grid, frame_uid=frame)
        structures, lines = found.structures, [*lines, *found.remarks]
    return DeliveredParts((plan,), tuple(structures), tuple(lines))
