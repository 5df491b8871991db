"""An outline from one click, a box or an installed program: read the visit, segment, write mask, sidecar and a picture."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from afterglow.flows.anatomies import LESION_ROLES, Anatomies, read_anatomies
from afterglow.flows.work import Progress, silent
from afterglow.io.atomic import write_bytes
from afterglow.io.bids import Dataset, open_dataset
from afterglow.io.derivatives import mask_path
from afterglow.io.exam import ROLES, read_exam
from afterglow.io.images import write_mask
from afterglow.io.outlines import find_outlines
from afterglow.io.segmenters import SEGMENTERS, run_segmenter
from afterglow.lesions.carry import touching
from afterglow.lesions.segment import RADIUS_LIMIT_MM, Segmented, check_place, segment_lesion
from afterglow.lesions.size import axial_diameters, extraosseous_extent, spatial_diameters
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.grid import Grid
from afterglow.records.series import Exam
from afterglow.report.figures.outline import outline_picture

Point = tuple[float, float, float]
INCLUDES = "enhancing tissue and the necrosis that it encloses; not a cavity filled with fluid"


@dataclass(frozen=True)
class Order:
    """What was asked for. `at_mm` is the click, or a point of the lesion where a box or a program outlines it."""

    subject: str
    session: str
    at_mm: Point | None = None
    box_mm: tuple[Point, Point] | None = None
    lesion_id: str = "1"
    radius_limit_mm: float = RADIUS_LIMIT_MM
    threshold_shift: float = 0.0
    segmenter: str = ""
    executable: Path | None = None
    model: Path | None = None
    overwrite: bool = False


@dataclass(frozen=True, eq=False)
class Outlined:
    """Where the outline is, and what it is."""

    mask: Path
    picture: Path
    volume_ml: float
    parts_ml: Mapping[str, float]
    remarks: tuple[str, ...]


def outline_lesion(bids_dir: Path, order: Order, *, outlines_dir: Path | None = None, progress: Progress = silent) -> Outlined:
    """Outline one lesion of one visit and write it where a run will find it. A stated error where that cannot be done."""
    dataset = open_dataset(bids_dir)
    _check(order)
    path = _free_path(dataset, order, outlines_dir)
    exam = read_exam(dataset, order.subject, order.session, {role: ROLES[role] for role in LESION_ROLES})
    _check_place(order, exam)
    visit = read_anatomies(exam, progress)
    progress("outlining", 0, 1)
    found, bone = _found(order, visit)
    found = replace(found, remarks=(*visit.remarks, *found.remarks))
    return _written(order, visit, found, bone, path)


def _check(order: Order) -> None:
    row = SEGMENTERS.get(order.segmenter)
    if order.segmenter and row is None:
        raise BadInput(f"{order.segmenter!r} is no segmenter known here; choose from {', '.join(SEGMENTERS)}")
    if row is not None and order.executable is None:
        raise MissingInput(f"{row.name} is a program of your own; give its path with --executable")
    if row is None and (order.executable is not None or order.model is not None):
        raise BadInput(f"an executable or a model is for a segmenter; name it with --segmenter ({', '.join(SEGMENTERS)})")
    makes_lesion = row is not None and row.makes == "lesion"
    if order.at_mm is None and order.box_mm is None and not makes_lesion:
        raise MissingInput("where the lesion is must be told: give a click with --at X,Y,Z, or a box with --box")
    if order.at_mm is not None and order.box_mm is not None:
        raise BadInput("a click and a box were given; give one of the two")
    if not order.lesion_id.isalnum():
        raise BadInput(f"lesion {order.lesion_id!r}: its name goes into a file name, use letters and digits only")


def _check_place(order: Order, exam: Exam) -> None:
    """A click beside the head is told before anything is registered."""
    post = next(iter(exam.series.get("CE-T1w", ())), None)
    if post is not None and (order.at_mm is not None or order.box_mm is not None):
        check_place(post.load(), post.grid, click_mm=order.at_mm, box_mm=order.box_mm)


def _free_path(dataset: Dataset, order: Order, outlines_dir: Path | None) -> Path:
    """Where the mask goes. BadInput where the lesion is outlined already and nobody said to overwrite that."""
    root = outlines_dir or dataset.root / "derivatives" / "outlines"
    path = mask_path(root, order.subject, order.session, space="T1w", label=_label(order))
    there = find_outlines(dataset, order.subject, order.session, outlines_dir) if root.is_dir() else ()
    for outline in there:
        if outline.label != "lesion" or outline.lesion_id != order.lesion_id:
            continue
        if outline.path.absolute() != path.absolute():
            raise BadInput(
                f"{outline.path}: lesion {order.lesion_id} is outlined there already; take that file away, or name another lesion"
            )
        if not order.overwrite:
            raise BadInput(
                f"{outline.path}: lesion {order.lesion_id} is outlined already; give --overwrite to replace it, or name another lesion"
            )
    return path


def _label(order: Order) -> str:
    return "lesion" if order.lesion_id == "1" else f"lesion{order.lesion_id}"


def _found(order: Order, visit: Anatomies) -> tuple[Segmented, NDArray[np.bool_] | None]:
    """The lesion, and the bone where the program found that."""
    row = SEGMENTERS.get(order.segmenter)
    within, bone = None, None
    if row is not None and order.executable is not None:
        labels = run_segmenter(row, order.executable, visit.volumes, visit.grid, model=order.model)
        match row.makes:
            case "lesion":
                return touching(labels > 0, visit.grid, order.at_mm, row.name), None
            case "brain":
                within = labels > 0
            case "vertebrae":
                bone = labels > 0
    found = segment_lesion(
        visit.images, visit.grid, click_mm=order.at_mm, box_mm=order.box_mm, within=within,
        radius_limit_mm=order.radius_limit_mm, threshold_shift=order.threshold_shift,
    )  # fmt: skip
    return found, bone


def _written(order: Order, visit: Anatomies, found: Segmented, bone: NDArray[np.bool_] | None, path: Path) -> Outlined:
    parts_ml: dict[str, float] = {
        kind: round(float(np.count_nonzero(part)) * visit.grid.voxel_ml, 4) for kind, part in found.parts
    }
    write_mask(path, found.mask, visit.grid, sidecar=_sidecar(order, visit, found, bone, parts_ml))
    for kind, part in found.parts:
        beside = path.name.replace("_label-lesion", f"_label-{kind}", 1)
        write_mask(
            path.with_name(beside), part, visit.grid, sidecar={"Type": "ROI", "Author": "afterglow outline", "PartOf": path.name}
        )
    if bone is not None:
        beside = path.name.replace(f"_label-{_label(order)}", "_label-vertebra", 1)
        write_mask(
            path.with_name(beside), bone, visit.grid, sidecar={"Type": "ROI", "Author": f"afterglow outline, {order.segmenter}"}
        )
    words = f"sub-{order.subject} ses-{order.session}" if order.session else f"sub-{order.subject}"
    title = f"{words}, lesion {order.lesion_id}: {found.volume_ml:.2f} mL"
    cavity = [("cavity", part) for kind, part in found.parts if kind == "cavity"]
    necrosis = [("necrosis", part) for kind, part in found.parts if kind == "necrosis"]
    picture = outline_picture(
        visit.volumes["CE-T1w"], visit.grid, [("lesion", found.mask), *necrosis, *cavity], name="outline", title=title
    )
    png = path.with_name(path.name.removesuffix("_mask.nii.gz") + "_outline.png")
    write_bytes(png, picture.image)
    return Outlined(path, png, found.volume_ml, parts_ml, found.remarks)


def _sidecar(
    order: Order, visit: Anatomies, found: Segmented, bone: NDArray[np.bool_] | None, parts_ml: Mapping[str, float]
) -> dict[str, object]:
    """How the outline came about, so that it can be made again."""
    row = SEGMENTERS.get(order.segmenter)
    fields: dict[str, object] = {
        "Type": "ROI",
        "Author": "afterglow outline",
        "Includes": INCLUDES if row is None or row.makes != "lesion" else f"what {row.program} marks",
        "ClickMm": order.at_mm,
        "BoxMm": order.box_mm,
        "RadiusLimitMm": order.radius_limit_mm,
        "ThresholdShift": order.threshold_shift,
        "Threshold": found.threshold,
        "ContrastToNoise": found.contrast_to_noise,
        "VolumeMl": found.volume_ml,
        "PartsMl": parts_ml,
        **_diameters(found, visit.grid),
        "Images": dict(visit.sources),
        "Remarks": list(found.remarks),
    }
    if row is not None:
        fields["Segmenter"] = {
            "Name": row.name,
            "Makes": row.makes,
            "Model": "" if order.model is None else order.model.name,
            "Licence": row.licence,
        }
    if bone is not None:
        fields["ExtraosseousLrApSiMm"] = extraosseous_extent(found.mask, bone, visit.grid)
    return fields


def _diameters(found: Segmented, grid: Grid) -> dict[str, float | None]:
    longest, product = axial_diameters(found.mask, grid)
    longest_3d, product_3d = spatial_diameters(found.mask, grid)
    return {
        "LongestDiameterMm": longest,
        "BidimensionalProductMm2": product,
        "LongestDiameter3dMm": longest_3d,
        "Product3dMm2": product_3d,
    }
