"""Maps of a finished run as a learning set takes them: whose they are, in which unit, and that nobody changed them since."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from afterglow.io.integrity import sha256
from afterglow.io.manifest import read_entry, read_manifest
from afterglow.io.nifti import read_header
from afterglow.io.results import exam_json_path
from afterglow.io.sidecar import read_json
from afterglow.records.errors import BadInput, MissingInput, NotVerified
from afterglow.records.grid import Grid
from afterglow.records.quantity import QUANTITIES


def map_files(out: Path, subject: str, session: str) -> dict[str, Path]:
    """The map of each quantity that a finished visit has, its first where there are several. MissingInput where it is not finished."""
    path = exam_json_path(out, subject, session)
    if not path.is_file():
        where = f"sub-{subject}" + (f" ses-{session}" if session else "")
        raise MissingInput(f"{path}: {where} has no finished run; run it first (afterglow run BIDS OUT participant)")
    content: Mapping[str, Any] = read_json(path)
    found: dict[str, Path] = {}
    for space in ("", *content.get("beside", ())):
        fields = content if not space else read_json(exam_json_path(out, subject, session, space))
        for row in fields["files"]["maps"]:  # type: ignore[index]
            found.setdefault(row["quantity"], out / row["file"])
    return found


def sidecar_of(path: Path) -> Path:
    """The JSON beside a map."""
    return path.with_name(path.name.removesuffix(".gz").removesuffix(".nii") + ".json")


def check_map_file(path: Path, out: Path, subject: str, session: str, quantity: str, grid: Grid) -> None:
    """Refuse a map in another unit, of another patient or visit, on another grid, or that is not what the run wrote."""
    sidecar = sidecar_of(path)
    fields = read_json(sidecar)
    unit, found = QUANTITIES[quantity].unit, fields.get("Units")
    if fields.get("Quantity") != quantity:
        raise BadInput(f"{sidecar}: Quantity is {fields.get('Quantity')!r} where a map of {quantity} is due; run the visit again")
    if found != unit:
        raise BadInput(
            f"{sidecar}: Units is {found!r} and a model reads {quantity} in {unit!r}; run the visit again, or convert it"
        )
    home = f"sub-{subject}/" + (f"ses-{session}/" if session else "")
    sources = fields.get("Sources")
    if not isinstance(sources, list) or not sources:
        raise BadInput(f"{sidecar}: it names no Sources, so whose map this is cannot be told; run the visit again")
    strange = next((str(one) for one in sources if not str(one).startswith(home)), None)
    if strange is not None:
        raise BadInput(f"{sidecar}: this map was made from {strange}, which is not of {home.rstrip('/')}; run the visit again")
    there = read_header(path).grid
    if not there.same_as(grid):
        raise BadInput(f"{path}: its grid ({there}) is not that of the run ({grid}); run the visit again")
    _check_unchanged((path, sidecar), out, subject, session)


def _check_unchanged(paths: tuple[Path, ...], out: Path, subject: str, session: str) -> None:
    key = f"sub-{subject}" + (f"_ses-{session}" if session else "_exam")
    entry = read_entry(out, key) or read_manifest(out).entries.get(key)  # its own file knows more than a run that still goes on
    written = {} if entry is None else {one.path: one.sha256 for one in entry.outputs}
    for path in paths:
        name = path.relative_to(out).as_posix()
        if written.get(name) != sha256(path):
            raise NotVerified(f"{path}: it is not the file that the run wrote (manifest.json); run the visit again")
