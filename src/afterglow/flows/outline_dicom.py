"""An outline from a clinical system: one structure of a DICOM SEG or RTSTRUCT as a mask on the image of the visit that it was drawn on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from afterglow.flows.anatomies import LESION_ROLES
from afterglow.flows.objects import planning_series
from afterglow.flows.outline import Outlined
from afterglow.io.atomic import write_bytes
from afterglow.io.bids import Dataset, open_dataset
from afterglow.io.derivatives import mask_path
from afterglow.io.exam import ROLES, read_exam
from afterglow.io.images import write_mask
from afterglow.io.integrity import sha256
from afterglow.io.outlines import find_outlines
from afterglow.records.alignment import QualityLine
from afterglow.records.dose import Structure
from afterglow.records.errors import BadInput, GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.series import Series
from afterglow.report.figures.outline import outline_picture

if TYPE_CHECKING:
    from afterglow.io.rt_reference import ReferenceSeries

DrawnAs = Literal["lesion", "reference", "recurrence", "brain", "vertebra"]
DRAWN_AS: tuple[DrawnAs, ...] = get_args(DrawnAs)
_HALF = 0.5  # of a voxel that a structure must fill to hold it
_NAMED = re.compile(rf"({'|'.join(DRAWN_AS)})[-_ ]?\w*", re.IGNORECASE)


@dataclass(frozen=True)
class DicomOrder:
    """A file that a clinical system wrote, the DICOM folder of the series it was drawn on, and which of its structures to take."""

    subject: str
    session: str
    file: Path
    series: Path
    structure: str = ""  # its name; may be left out where the file has one
    drawn_as: DrawnAs | None = None  # else by the structure's name, or a lesion where it is a target
    lesion_id: str = "1"
    overwrite: bool = False


def outline_from_dicom(bids_dir: Path, order: DicomOrder, *, outlines_dir: Path | None = None) -> Outlined:
    """Write one structure where a run will find it. Nothing is registered: the image must be the series, voxel on voxel.

    MissingInput without the extra `dicom`; BadInput or GridMismatch, in a sentence, where the structure is not to be found, was drawn
    in another frame of reference, or does not lie on an image of the visit.
    """
    dataset = open_dataset(bids_dir)
    if not order.lesion_id.isalnum():
        raise BadInput(f"lesion {order.lesion_id!r}: its name goes into a file name, use letters and digits only")
    reference = planning_series(order.series)
    image = _image_of(dataset, order, reference)
    structures, remarks = _read(order, image.grid, reference)
    one = _chosen(structures, order)
    drawn_as = _drawn_as(one, order)
    path = _free_path(dataset, order, drawn_as, image, outlines_dir)
    mask = np.asarray(one.share >= _HALF)
    if not mask.any():
        raise BadInput(
            f"{order.file}: structure {one.name!r} fills no voxel of {image.source} by half; draw it larger, or on a finer image"
        )
    said = tuple(f"{line.what}: {line.found}; {line.advice}" for line in remarks)
    return _written(order, one, mask, drawn_as, image, path, said)


def _image_of(dataset: Dataset, order: DicomOrder, reference: "ReferenceSeries") -> Series:
    """The image of the visit whose voxels are those of the DICOM series."""
    from afterglow.io.rt_alignment import placed

    exam = read_exam(dataset, order.subject, order.session, {role: ROLES[role] for role in LESION_ROLES})
    images = [one for role in LESION_ROLES for one in exam.series.get(role, ())]
    for one in images:
        there = np.zeros(one.grid.shape, dtype=np.uint8)
        if there.size == np.prod(reference.grid.shape) and placed(there, one.grid, reference.grid) is not None:
            return one
    known = "; ".join(f"{one.source}: {one.grid}" for one in images) or "it has no anatomy"
    raise GridMismatch(
        f"{order.series}: its voxels ({reference.grid}) are those of no image of sub-{order.subject} ses-{order.session} ({known}); give the series "
        "that the structure was drawn on, from which the image was made without resampling"
    )


def _read(order: DicomOrder, grid: Grid, reference: "ReferenceSeries") -> tuple[tuple[Structure, ...], list[QualityLine]]:
    """The structures of either kind of file, and what was odd in it."""
    from afterglow.io.rt_structures_read import read_structure_set
    from afterglow.io.seg_read import is_segmentation, read_segments

    path = order.file
    if is_segmentation(path):
        return read_segments(path, grid, frame_uid=reference.frame_uid, series_uid=reference.series_uid), []
    names = {order.structure} if order.structure else None
    found = read_structure_set(path, grid, frame_uid=reference.frame_uid, names=names)
    return found.structures, list(found.remarks)


def _chosen(structures: Sequence[Structure], order: DicomOrder) -> Structure:
    names = ", ".join(repr(one.name) for one in structures)
    if not order.structure and len(structures) > 1:
        raise BadInput(f"{order.file}: it has {len(structures)} structures, {names}; name one with --structure")
    found = [one for one in structures if not order.structure or one.name == order.structure]
    if not found:
        raise BadInput(f"{order.file}: it has no structure {order.structure!r} with closed contours; there are {names}")
    if len(found) > 1:
        raise BadInput(
            f"{order.file}: {len(found)} structures are named {order.structure!r}; rename all but one in the clinical system"
        )
    return found[0]


def _drawn_as(one: Structure, order: DicomOrder) -> DrawnAs:
    """What it is: as was said, else by its name, else a lesion where the file calls it a target."""
    if order.drawn_as is not None:
        return order.drawn_as
    match = _NAMED.fullmatch(one.name.strip())
    named = None if match is None else next(label for label in DRAWN_AS if label == match[1].lower())
    if named is None and one.kind != "target":
        raise BadInput(
            f"{order.file}: structure {one.name!r} is no target, and its name does not say what it is; say so with --as ({', '.join(DRAWN_AS)})"
        )
    return named or "lesion"


def _free_path(dataset: Dataset, order: DicomOrder, drawn_as: DrawnAs, image: Series, outlines_dir: Path | None) -> Path:
    """Where the mask goes. BadInput where such a region is outlined already and nobody said to overwrite that."""
    root = outlines_dir or dataset.root / "derivatives" / "outlines"
    space = "T1w" if image.role == "CE-T1w" else image.role
    label = f"lesion{order.lesion_id}" if drawn_as == "lesion" and order.lesion_id != "1" else drawn_as
    path = mask_path(root, order.subject, order.session, space=space, label=label)
    what = f"lesion {order.lesion_id}" if drawn_as == "lesion" else f"a {drawn_as}"
    there = find_outlines(dataset, order.subject, order.session, outlines_dir) if root.is_dir() else ()
    for outline in there:
        same = outline.label == drawn_as and (drawn_as != "lesion" or outline.lesion_id == order.lesion_id)
        if same and outline.path.absolute() != path.absolute():
            raise BadInput(f"{outline.path}: {what} is outlined there already; take that file away, or name another lesion")
    if path.exists() and not order.overwrite:
        raise BadInput(f"{path}: {what} is outlined already; give --overwrite to replace it")
    return path


def _written(
    order: DicomOrder,
    one: Structure,
    mask: NDArray[np.bool_],
    drawn_as: DrawnAs,
    image: Series,
    path: Path,
    remarks: tuple[str, ...],
) -> Outlined:
    volume_ml = float(np.count_nonzero(mask)) * image.grid.voxel_ml
    sidecar = {
        "Type": "Lesion" if drawn_as == "lesion" else "ROI",
        "Author": "afterglow outline --from-dicom",
        "Structure": one.name,
        "Source": {"File": order.file.name, "SHA256": sha256(order.file), "Origin": one.source},
        "Image": image.source,
        "Holds": "voxels that the structure fills by half",
        "VolumeMl": volume_ml,
        "StructureVolumeMl": one.volume_ml,
        "Remarks": list(remarks),
    }
    write_mask(path, mask, image.grid, sidecar=sidecar)
    title = f"sub-{order.subject}{f' ses-{order.session}' if order.session else ''}, {one.name} as {drawn_as}: {volume_ml:.2f} mL"
    picture = outline_picture(image.load(), image.grid, [(drawn_as, mask)], name="outline", title=title)
    png = path.with_name(path.name.removesuffix("_mask.nii.gz") + "_outline.png")
    write_bytes(png, picture.image)
    return Outlined(path, png, volume_ml, {}, remarks)
