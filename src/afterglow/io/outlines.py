"""Regions that a person drew, and arterial curves that a person measured, beside the data set."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from afterglow.io.bids import Dataset
from afterglow.io.names import IMAGE_EXTENSIONS, BidsName, parse_name, sort_key
from afterglow.io.nifti import Image, read_image, read_labels
from afterglow.io.sidecar import applicable
from afterglow.io.tables import Row, read_table
from afterglow.records.bolus import BolusCurve, Echo
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.lesion import PartKind
from afterglow.records.maps import Aif

OutlineLabel = Literal["lesion", "reference", "aif", "vertebra", "brain"]
_LABEL = re.compile(r"(lesion|reference|aif|vertebra|brain)[-_ ]?(.*)", re.IGNORECASE)
_FOLDERS = ("anat", "perf")
_ECHOES: dict[str, Echo] = {"GE": "gradient", "SE": "spin"}
_FEWEST_SAMPLES = 10


@dataclass(frozen=True, eq=False)
class Outline:
    """One region in one file; `index` is its value in a segmentation, None in a mask of 0 and 1.

    `lesion_id` is empty for a reference and an artery. `space` is the space entity, empty where the name has none;
    the image then lies in the space of its `folder`'s series (anat or perf).
    """

    path: Path
    label: OutlineLabel
    lesion_id: str
    space: str
    folder: str
    index: int | None
    image: Image


def find_outlines(dataset: Dataset, subject: str, session: str, outlines_dir: Path | None = None) -> tuple[Outline, ...]:
    """All outlines of one visit, in the order of their names; empty where there are none.

    Looked for under `outlines_dir`, else under derivatives/outlines: *_label-lesion_mask, *_label-reference_mask,
    *_label-aif_mask, *_label-vertebra_mask, *_label-brain_mask (a lesion is named by label-lesion<id> or desc-<id>, else "1"), and *_dseg with its table of index
    and name. BadInput where two files outline one lesion.
    """
    if outlines_dir is not None and not outlines_dir.is_dir():
        raise MissingInput(f"{outlines_dir}: there is no such folder of outlines; check the path")
    root = (outlines_dir or dataset.root / "derivatives" / "outlines").absolute()
    found: list[Outline] = []
    for path in _files(root, subject, session):
        name = parse_name(path.name)
        if name is None or name.extension not in IMAGE_EXTENSIONS:
            continue
        if name.suffix == "mask":
            found += _mask(path, name)
        elif name.suffix == "dseg":
            found += _segmentation(path, name, root)
    _refuse_twins(found)
    return tuple(found)


def _files(root: Path, subject: str, session: str) -> Iterator[Path]:
    folder = root / f"sub-{subject}" / (f"ses-{session}" if session else "")
    for name in _FOLDERS:
        yield from sorted((folder / name).glob("*.nii*"), key=lambda path: (sort_key(path), path.name))


def _mask(path: Path, name: BidsName) -> list[Outline]:
    match = _LABEL.fullmatch(name.entities.get("label", ""))
    if match is None:
        return []  # a mask of something else
    label, number = _label(match)
    lesion_id = (name.entities.get("desc") or number or "1") if label == "lesion" else ""
    return [Outline(path, label, lesion_id, name.entities.get("space", ""), path.parent.name, None, read_image(path))]


def _label(match: re.Match[str]) -> tuple[OutlineLabel, str]:
    labels: dict[str, OutlineLabel] = {
        "lesion": "lesion",
        "reference": "reference",
        "aif": "aif",
        "vertebra": "vertebra",
        "brain": "brain",
    }
    return labels[match[1].lower()], match[2].strip()


def _segmentation(path: Path, name: BidsName, root: Path) -> list[Outline]:
    tables = applicable(path, root, ".tsv")
    if not tables:
        beside = path.name.removesuffix(name.extension) + ".tsv"
        raise MissingInput(
            f"{path}: there is no {beside} beside it that names its labels; add it with the columns index and name"
        )
    image = read_image(path)
    rows = read_table(tables[-1][0], ("index", "name"))
    return [_segment(path, name, row, image) for row in rows if row.whole("index") != 0]


def _segment(path: Path, name: BidsName, row: Row, image: Image) -> Outline:
    row.required("index")
    words = row.required("name")
    match = _LABEL.fullmatch(words)
    label, number = _label(match) if match else ("lesion", words)
    index = row.whole("index")
    lesion_id = (number or str(index)) if label == "lesion" else ""
    return Outline(path, label, lesion_id, name.entities.get("space", ""), path.parent.name, index, image)


def _refuse_twins(outlines: list[Outline]) -> None:
    seen: dict[tuple[str, str], Outline] = {}
    for outline in outlines:
        key = (outline.label, outline.lesion_id)
        if key in seen:
            what = f"{outline.label} {outline.lesion_id}".strip()
            raise BadInput(
                f"{outline.path}: {what} is outlined in {seen[key].path.name} already; keep one, or tell them apart with desc-<name>"
            )
        seen[key] = outline


def read_mask(outline: Outline) -> NDArray[np.bool_]:
    """The voxels of an outline (i, j, k) on `outline.image.grid`.

    An empty lesion is a statement: nothing of it is left. BadInput where another region is empty, a mask holds other values than 0 and 1, or a segmentation holds values without a name.
    """
    labels = read_labels(outline.image)
    wanted = 1 if outline.index is None else outline.index
    if outline.index is None:
        odd = np.unique(labels[labels > 1])
        if odd.size:
            raise BadInput(
                f"{outline.path}: it holds the values {odd[:5].tolist()} besides 0 and 1; write a mask of 0 and 1, or a _dseg with its table"
            )
    mask: NDArray[np.bool_] = labels == wanted
    if not mask.any() and outline.label != "lesion":
        what = f"label {wanted} has no voxels" if outline.index is not None else "the mask is empty"
        raise BadInput(f"{outline.path}: {what}; outline the {outline.label} or remove it from the folder")
    return mask


def parts_of(outline: Outline) -> tuple[tuple[PartKind, NDArray[np.bool_]], ...]:
    """What `afterglow outline`, or a person, told apart inside a lesion: label-necrosis, label-cavity, label-enhancing beside its mask.

    BadInput where a part is not on the lesion's own grid.
    """
    made: list[tuple[PartKind, NDArray[np.bool_]]] = []
    for kind, path in _part_paths(outline.path):
        image = read_image(path)
        if not image.grid.same_as(outline.image.grid):
            raise BadInput(f"{path}: its grid ({image.grid}) is not that of {outline.path.name}; draw it on the same image")
        made.append((kind, read_labels(image) > 0))
    return tuple(made)


def _part_paths(path: Path) -> list[tuple[PartKind, Path]]:
    kinds: tuple[PartKind, ...] = ("enhancing", "necrosis", "cavity")
    named = [(kind, path.with_name(re.sub("_label-lesion", f"_label-{kind}", path.name, count=1))) for kind in kinds]
    return [(kind, one) for kind, one in named if one != path and one.is_file()]


def files_beside(dataset: Dataset, subject: str, session: str, outlines_dir: Path | None = None) -> tuple[Path, ...]:
    """What else a visit depends on beside its outlines: the tables that name labels, parts of lesions, and arterial curves."""
    root = (outlines_dir or dataset.root / "derivatives" / "outlines").absolute()
    images = [path for path in _files(root, subject, session) if "_dseg." in path.name]
    tables = [table for image in images for table, _ in applicable(image, root, ".tsv")]
    curves = [path for kind in ("aif", "bolus") for path in _curve_paths(dataset, subject, session, outlines_dir, kind)]
    parts = [part for path in _files(root, subject, session) if "_mask." in path.name for _, part in _part_paths(path)]
    return tuple(dict.fromkeys([*tables, *parts, *curves]))


def _curve_paths(dataset: Dataset, subject: str, session: str, outlines_dir: Path | None, kind: str) -> list[Path]:
    roots = (outlines_dir or dataset.root / "derivatives" / "outlines", dataset.root)
    visit = Path(f"sub-{subject}") / (f"ses-{session}" if session else "") / "perf"
    return [path for root in roots for path in sorted((root / visit).glob(f"*_{kind}.tsv"))]


def find_aif_curve(
    dataset: Dataset, subject: str, session: str, outlines_dir: Path | None = None, *, haematocrit: float
) -> Aif | None:
    """An arterial curve measured by the user (*_aif.tsv in perf/), or None.

    Columns time_s and plasma_mM, or blood_mM, which is divided by 1 - haematocrit.
    """
    paths = _curve_paths(dataset, subject, session, outlines_dir, "aif")
    if not paths:
        return None
    if len(paths) > 1:
        raise BadInput(f"{paths[1]}: {paths[0].name} gives an arterial curve already; keep one of the two")
    return _curve(paths[0], haematocrit)


def find_bolus_curves(dataset: Dataset, subject: str, session: str, outlines_dir: Path | None = None) -> dict[Echo, BolusCurve]:
    """Arterial rate curves measured by the user (*_acq-GE_label-artery_bolus.tsv and *_acq-SE_…, in perf/), by echo.

    Columns time_s, on the clock of that series, and rate_per_s: the form in which they are written too.
    """
    found: dict[Echo, BolusCurve] = {}
    for path in _curve_paths(dataset, subject, session, outlines_dir, "bolus"):
        name = parse_name(path.name)
        entities = name.entities if name else {}
        echo = _ECHOES.get(entities.get("acq", ""))
        if echo is None or entities.get("label") != "artery":
            raise BadInput(f"{path}: a given bolus curve is named …_acq-GE_label-artery_bolus.tsv, or acq-SE; rename it")
        if echo in found:
            raise BadInput(f"{path}: another file gives an arterial curve of the {echo} echo already; keep one of the two")
        rows = read_table(path, ("time_s", "rate_per_s"))
        times_s, rates = (np.array([row.number(column) for row in rows], dtype=np.float64) for column in ("time_s", "rate_per_s"))
        if len(rows) < _FEWEST_SAMPLES or not np.isfinite(times_s + rates).all() or (np.diff(times_s) <= 0).any():
            raise BadInput(f"{path}: it needs at least {_FEWEST_SAMPLES} rows of numbers with rising time_s; mend the table")
        found[echo] = BolusCurve("artery", echo, times_s, rates, f"given curve, {path.name}", float("nan"))
    return found


def _curve(path: Path, haematocrit: float) -> Aif:
    rows = read_table(path, ("time_s",))
    kinds = [kind for kind in ("plasma_mM", "blood_mM") if rows and kind in rows[0].cells]
    if len(kinds) != 1 or len(rows) < 3:
        raise BadInput(
            f"{path}: it has {len(rows)} rows and {' and '.join(kinds) or 'neither plasma_mM nor blood_mM'}; give at least 3 rows of one of them"
        )
    numbers = [(row.required("time_s"), row.required(kinds[0]), row.number("time_s"), row.number(kinds[0])) for row in rows]
    times_s = np.array([n[2] for n in numbers], dtype=np.float64)
    curve_mM = np.array([n[3] for n in numbers], dtype=np.float64)
    if (np.diff(times_s) <= 0).any():
        raise BadInput(
            f"{path}: time_s does not rise at line {rows[int(np.argmax(np.diff(times_s) <= 0)) + 1].line}; sort the rows by time"
        )
    if times_s[-1] - times_s[0] < 20:
        raise BadInput(f"{path}: time_s covers {times_s[-1] - times_s[0]:g} s; multiply by 60 if these are minutes")
    if not 0 < curve_mM.max() < 200:
        raise BadInput(f"{path}: its highest {kinds[0]} is {curve_mM.max():g}; it must lie between 0 and 200 mmol/L")
    plasma_mM = curve_mM / (1 - haematocrit) if kinds[0] == "blood_mM" else curve_mM
    return Aif(times_s, plasma_mM, f"given curve, {path.name}", haematocrit, float("nan"))
