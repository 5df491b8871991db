"""The command `spectra`: one file of spectra, fitted. Heavy imports stay inside."""

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from afterglow.cli import show
from afterglow.cli.options import Json

if TYPE_CHECKING:
    from afterglow.flows.spectra import SpectraSeen


def spectra(
    file: Annotated[
        Path, typer.Argument(help="NIfTI-MRS; or a Siemens .rda, .dat or DICOM, or a GE P-file, converted first (extra: mrs).")
    ],
    water: Annotated[Path | None, typer.Option(help="The same voxels without water suppression.")] = None,
    voxel: Annotated[str | None, typer.Option(help="Voxel to look at: I,J,K from 0.")] = None,
    crlb_percent: Annotated[float, typer.Option(min=0.1, help="A signal with a larger Cramer-Rao bound is not assessed.")] = 30.0,
    width_hz: Annotated[float, typer.Option(min=0.1, help="Wider lines are not assessed.")] = 12.0,
    snr: Annotated[
        float, typer.Option(min=0.0, help="A spectrum whose highest line stands lower over the noise is not assessed.")
    ] = 3.0,
    out: Annotated[
        Path | None, typer.Option(file_okay=False, help="Write maps, sidecars and a picture of the voxel here.")
    ] = None,
    json: Json = False,
) -> None:
    """Fit NAA, creatine, choline and lactate in every voxel of a spectroscopic image: signals, ratios, and what they are worth."""
    from afterglow.flows.spectra import SpectraOrder, look_at_spectra

    order = SpectraOrder(file, water, crlb_percent, width_hz, snr, None if voxel is None else _voxel(voxel), out)
    with show.progress_shown(json) as progress:
        seen = look_at_spectra(order, progress=progress)
    if json:
        show.as_json(_as_dict(seen))
    else:
        _as_lines(seen)


def _voxel(words: str) -> tuple[int, int, int]:
    try:
        i, j, k = (int(word) for word in words.split(","))
    except ValueError:
        raise typer.BadParameter(f"{words!r} is not three whole numbers with commas between them", param_hint="--voxel") from None
    return i, j, k


def _as_dict(seen: "SpectraSeen") -> dict[str, object]:
    return {
        "voxels_fitted": seen.n_fitted,
        "te_s": seen.te_s,
        "quantities": [vars(row) for row in seen.rows],
        "quality": [vars(line) for line in seen.quality],
        "voxels": [
            {
                "label": label,
                "voxel": one.voxel,
                "centre_mm": one.centre_mm,
                "snr": _number(one.snr),
                "width_hz": _number(one.width_hz),
                "status": one.status,
                "peaks": [
                    {"name": p.name, "signal": _number(p.signal), "crlb_percent": _number(p.crlb_percent)} for p in one.peaks
                ],
                "ratios": {symbol: _number(value) for symbol, value, _ in one.ratios},
                "at_least": {symbol: _number(value) for symbol, value in one.least},
            }
            for label, one in seen.spectra
        ],
        "written": [str(path) for path in seen.written],
        "picture": seen.picture,
    }


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value


def _as_lines(seen: "SpectraSeen") -> None:
    show.line(f"{seen.n_fitted} voxels fitted, TE {1000 * seen.te_s:.0f} ms")
    show.line(f"{'':<14}{'voxels':>8}{'median':>10}{'5 %':>10}{'95 %':>10}{'CRLB %':>10}  unit")
    for row in seen.rows:
        numbers = "".join(
            "         -" if value is None else f"{value:>10.3g}" for value in (row.median, row.low, row.high, row.crlb_percent)
        )
        show.line(f"{row.symbol:<14}{row.n:>8}{numbers}  {row.unit}")
    for label, one in seen.spectra:
        peaks = ", ".join(f"{p.name} {p.signal:.3g} ({p.crlb_percent:.0f} %)" for p in one.peaks)
        ratios = ", ".join(f"{symbol} {value:.3g}" for symbol, value, _ in one.ratios if not math.isnan(value))
        show.line(f"{label}: {peaks}; {ratios or 'no ratio assessed'}; SNR {one.snr:.1f}, {one.width_hz:.1f} Hz; {one.status}")
    for line in seen.quality:
        if line.level != "ok":
            show.line(f"{line.level}: {line.what}: {line.found}{f'; {line.advice}' if line.advice else ''}")
    if seen.picture is not None:
        show.line(f"Written: {len(seen.written)} files. Look at {seen.picture}")
