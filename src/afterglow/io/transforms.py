"""Where visits lie, on the disk: transforms that ITK's family reads, and a patient's space whole.

A transform `from-T1w_to-patient_mode-image_xfm.txt` takes an image of the T1w to the patient's space, so the matrix inside takes
a point of the patient's space to the T1w: for each voxel of the result, where to look. ITK, ANTs and Slicer read it so.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.io.atomic import Written
from afterglow.io.derivatives import exam_folder
from afterglow.io.names import bids_name
from afterglow.io.write import write_json, write_text
from afterglow.records.alignment import Alignment
from afterglow.records.errors import BadInput, MissingInput
from afterglow.records.grid import Grid
from afterglow.records.space import PatientSpace

LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
HEADING = "#Insight Transform File V1.0"
AFFINE = "AffineTransform_double_3_3"
READABLE = (AFFINE, "MatrixOffsetTransformBase_double_3_3")
CONVENTION = (
    "The text file holds an ITK transform in LPS millimetres that takes a point of the space named by `to` to the space named by "
    "`from`, as resampling an image from `from` to `to` needs it. `Matrix` is the same map between RAS millimetres."
)
_VERSION = 1


def transform_path(out: Path, subject: str, session: str, *, source: str, target: str) -> Path:
    """anat/sub-01_ses-02_from-<source>_to-<target>_mode-image_xfm.txt"""
    for label in (source, target):
        bids_name({"space": label}, "xfm", ".txt")  # refuses what is no label
    stem = bids_name({"sub": subject, "ses": session}, f"from-{source}_to-{target}_mode-image_xfm", ".txt")
    return exam_folder(out, subject, session) / "anat" / stem


def space_path(out: Path, subject: str) -> Path:
    """sub-01/sub-01_patientspace.json"""
    return out / f"sub-{subject}" / f"sub-{subject}_patientspace.json"


def write_transform(path: Path, alignment: Alignment) -> tuple[Written, Written]:
    """A transform that takes images of the alignment's source to its target, as ITK text, and its meaning in JSON beside it.

    ValueError for an alignment that is not trusted: what must not be used is not laid out for use.
    """
    if not alignment.trusted:
        raise ValueError(
            f"{path.name}: the alignment of {alignment.source} is not trusted and is not written; {alignment.remark}"
        )
    meaning = {
        "Source": alignment.source,
        "Target": alignment.target,
        "Type": "affine" if abs(np.linalg.det(alignment.matrix[:3, :3]) - 1.0) > 1e-6 else "rigid",
        "Convention": CONVENTION,
        "Matrix": alignment.matrix,
        "Quality": dict(alignment.quality),
        "Remark": alignment.remark,
    }
    return write_text(path, itk_text(alignment.matrix)), write_json(path.with_suffix(".json"), meaning)


def itk_text(matrix: NDArray[np.float64]) -> str:
    """A matrix (4, 4) between RAS points as the text of ITK's affine transform between LPS points; every digit is kept."""
    flipped = LPS_FROM_RAS @ matrix @ LPS_FROM_RAS
    numbers = [*flipped[:3, :3].ravel().tolist(), *flipped[:3, 3].tolist()]
    parameters = " ".join(repr(n + 0.0) for n in numbers)  # + 0.0 turns -0.0 into 0.0
    return f"{HEADING}\n#Transform 0\nTransform: {AFFINE}\nParameters: {parameters}\nFixedParameters: 0 0 0\n"


def read_transform(path: Path) -> NDArray[np.float64]:
    """The matrix (4, 4) between RAS points in an affine ITK transform file. BadInput where it is not one."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise MissingInput(f"{path}: there is no such transform; run the visits' alignment again") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadInput(f"{path}: it cannot be read as text ({error}); give an ITK transform file") from None
    fields = dict(line.partition(":")[::2] for line in text.splitlines() if ":" in line and not line.startswith("#"))
    kind = fields.get("Transform", "").strip()
    if not text.startswith(HEADING) or text.count("Transform:") != 1 or kind not in READABLE:
        found = f"its transform is {kind}" if kind else "it names no transform"
        raise BadInput(f"{path}: {found}; give a text file with one affine ITK transform ({' or '.join(READABLE)})")
    numbers, centre = _numbers(path, fields, "Parameters", 12), _numbers(path, fields, "FixedParameters", 3)
    matrix = np.eye(4)
    matrix[:3, :3] = numbers[:9].reshape(3, 3)
    matrix[:3, 3] = numbers[9:] + centre - matrix[:3, :3] @ centre
    return LPS_FROM_RAS @ matrix @ LPS_FROM_RAS


def _numbers(path: Path, fields: Mapping[str, str], name: str, count: int) -> NDArray[np.float64]:
    try:
        numbers = np.array([float(word) for word in fields.get(name, "").split()])
    except ValueError:
        numbers = np.empty(0)
    if numbers.size != count or not np.isfinite(numbers).all():
        raise BadInput(
            f"{path}: {name} should hold {count} numbers and holds {fields.get(name, '').strip()[:80]!r}; write it again"
        )
    return numbers


def write_space(out: Path, subject: str, space: PatientSpace, *, anatomy: str = "T1w") -> tuple[Written, ...]:
    """The patient's space as one JSON file, and one ITK transform from the anatomy of each trusted visit to it."""
    written = [write_json(space_path(out, subject), space_fields(space))]
    for one in space.visits:
        if one.trusted:
            session = one.source.removeprefix("ses-")
            written += write_transform(transform_path(out, subject, session, source=anatomy, target=one.target), one)
    return tuple(written)


def read_space(out: Path, subject: str) -> PatientSpace:
    """What `write_space` wrote, every number as it was. MissingInput or BadInput, naming the file, otherwise."""
    path = space_path(out, subject)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise MissingInput(f"{path}: the space of sub-{subject} was not written; run its visits first") from None
    except (OSError, ValueError) as error:
        raise BadInput(f"{path}: it is no JSON ({error}); remove it and run the patient again") from None
    try:
        return space_of(content)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadInput(f"{path}: it does not hold a patient's space ({error}); remove it and run the patient again") from None


def space_fields(space: PatientSpace) -> dict[str, object]:
    """A patient's space as JSON knows it."""
    return {
        "Version": _VERSION,
        "Convention": "Matrix takes a point of Target (RAS mm) to Source (RAS mm)",
        "Method": space.method,
        "Grid": {"Shape": space.grid.shape, "Affine": space.grid.affine},
        "Visits": [_fields(one) for one in space.visits],
        "Pairs": [_fields(one) for one in space.pairs],
        "Flags": space.flags,
    }


def space_of(content: Mapping[str, Any]) -> PatientSpace:
    """The way back from `space_fields`; ValueError, KeyError or TypeError where something is missing or of another kind."""
    if content["Version"] != _VERSION:
        raise ValueError(f"version {content['Version']!r} instead of {_VERSION}")
    grid = Grid(tuple(content["Grid"]["Shape"]), np.array(content["Grid"]["Affine"], dtype=np.float64))
    many: Callable[[str], tuple[Alignment, ...]] = lambda name: tuple(_alignment(one) for one in content[name])  # noqa: E731
    return PatientSpace(grid, many("Visits"), many("Pairs"), str(content["Method"]), tuple(map(str, content["Flags"])))


def _fields(one: Alignment) -> dict[str, object]:
    return {
        "Source": one.source,
        "Target": one.target,
        "Trusted": one.trusted,
        "Remark": one.remark,
        "Quality": dict(one.quality),
        "Matrix": one.matrix,
    }


def _alignment(fields: Mapping[str, Any]) -> Alignment:
    quality = tuple((str(name), float("nan") if value is None else float(value)) for name, value in fields["Quality"].items())
    matrix = np.array(fields["Matrix"], dtype=np.float64)
    if not isinstance(fields["Trusted"], bool):
        raise TypeError(f"Trusted is {fields['Trusted']!r}, neither true nor false")
    return Alignment(fields["Source"], fields["Target"], matrix, quality, fields["Trusted"], fields["Remark"])
