"""The command `outline`: a lesion from one click. Heavy imports stay inside."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afterglow.cli import show
from afterglow.cli.options import Json, Outlines

if TYPE_CHECKING:
    from afterglow.flows.outline import Outlined


def outline(
    bids_dir: Annotated[Path, typer.Argument(help="BIDS data set.")],
    subject: Annotated[str, typer.Argument(help="Subject, with or without sub-.")],
    session: Annotated[str, typer.Option(help="Visit, with or without ses-; empty where there is no session level.")] = "",
    at: Annotated[
        str | None, typer.Option(help="Click on or in the lesion: X,Y,Z in RAS millimetres, as a viewer shows them.")
    ] = None,
    box: Annotated[str | None, typer.Option(help="Instead of a click a box: X,Y,Z,X,Y,Z of two corners.")] = None,
    lesion: Annotated[str, typer.Option(help="Name of the lesion: letters and digits.")] = "1",
    radius_mm: Annotated[float, typer.Option(min=3.0, help="How far from the click the lesion may reach.")] = 60.0,
    threshold_shift: Annotated[
        float, typer.Option(min=-0.4, max=0.4, help="Moves the border off half height: below 0 outwards, above 0 inwards.")
    ] = 0.0,
    outlines: Outlines = None,
    segmenter: Annotated[str, typer.Option(help="A program of yours: nnunet, hd-bet, synthstrip or totalsegmentator.")] = "",
    executable: Annotated[Path | None, typer.Option(help="Path of that program.")] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of a trained nnU-Net model.")] = None,
    from_dicom: Annotated[
        Path | None, typer.Option(help="Instead of a click a DICOM SEG or RTSTRUCT in which the lesion is drawn.")
    ] = None,
    series: Annotated[Path | None, typer.Option(help="Folder of the DICOM series that it was drawn on.")] = None,
    structure: Annotated[str, typer.Option(help="Name of the structure; may be left out where the file has one.")] = "",
    drawn_as: Annotated[
        str, typer.Option("--as", help="lesion, reference, recurrence, brain or vertebra; else by the structure's name.")
    ] = "",
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an outline that is there.")] = False,
    json: Json = False,
) -> None:
    """Outline an enhancing lesion from one click, or take one that a clinical system drew: mask, how it was made, and a picture to look at."""
    from afterglow.flows.outline import Order, outline_lesion

    if from_dicom is not None or series is not None or structure or drawn_as:
        if at is not None or box is not None or segmenter:
            raise typer.BadParameter(
                "a structure is taken as it is drawn: give no click, box or segmenter", param_hint="--from-dicom"
            )
        done = _from_dicom(bids_dir, subject, session, from_dicom, series, structure, drawn_as, lesion, outlines, overwrite)
        _tell(done, structure or "Structure", json=json)
        return
    corners = None if box is None else _numbers(box, 6, "--box")
    order = Order(
        subject.removeprefix("sub-"), session.removeprefix("ses-"),
        None if at is None else _point(_numbers(at, 3, "--at")),
        None if corners is None else (_point(corners[:3]), _point(corners[3:])),
        lesion, radius_mm, threshold_shift, segmenter, executable, model, overwrite,
    )  # fmt: skip
    with show.progress_shown(json) as progress:
        done = outline_lesion(bids_dir, order, outlines_dir=outlines, progress=progress)
    _tell(done, f"Lesion {lesion}", json=json)


def _tell(done: "Outlined", what: str, *, json: bool) -> None:
    if json:
        show.as_json({"mask": str(done.mask), "picture": str(done.picture), "volume_ml": done.volume_ml, "parts_ml": dict(done.parts_ml), "remarks": list(done.remarks)})  # fmt: skip
        return
    parts = ", ".join(f"{kind} {ml:.2f} mL" for kind, ml in done.parts_ml.items())
    show.line(f"{what}: {done.volume_ml:.2f} mL{f' ({parts})' if parts else ''}.")
    for remark in done.remarks:
        show.line(f"Note: {remark}.")
    show.line(f"Outline: {done.mask}\nLook at it: {done.picture}")


def _from_dicom(
    bids_dir: Path, subject: str, session: str, file: Path | None, series: Path | None, structure: str, drawn_as: str, lesion: str,
    outlines: Path | None, overwrite: bool,
) -> "Outlined":  # fmt: skip
    from afterglow.flows.outline_dicom import DRAWN_AS, DicomOrder, outline_from_dicom

    if file is None or series is None:
        raise typer.BadParameter(
            "a structure and the series that it was drawn on go together: give --from-dicom FILE and --series FOLDER",
            param_hint="--from-dicom",
        )
    known = next((one for one in DRAWN_AS if one == drawn_as), None)
    if drawn_as and known is None:
        raise typer.BadParameter(f"{drawn_as!r} is none of {', '.join(DRAWN_AS)}", param_hint="--as")
    named = subject.removeprefix("sub-"), session.removeprefix("ses-")
    order = DicomOrder(*named, file, series, structure, known, lesion, overwrite)
    return outline_from_dicom(bids_dir, order, outlines_dir=outlines)


def _numbers(words: str, count: int, option: str) -> list[float]:
    try:
        found = [float(word) for word in words.split(",")]
    except ValueError:
        found = []
    if len(found) != count or not all(abs(value) < 1e4 for value in found):
        raise typer.BadParameter(f"{words!r} is not {count} numbers with commas between them", param_hint=option)
    return found


def _point(values: list[float]) -> tuple[float, float, float]:
    x, y, z = values
    return x, y, z
