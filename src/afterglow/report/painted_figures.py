"""Which pictures a painted visit gets, and in what order."""

from afterglow.records.document import Block
from afterglow.records.painted import PaintedVisit
from afterglow.report.figures.dose import isodose_figure, prescription_figure
from afterglow.report.figures.dose_volume import dose_volume_figure, quality_figure
from afterglow.report.figures.spectra import spectra_figure
from afterglow.report.figures.zones import zones_figure
from afterglow.report.figures.zones_after import zones_after_figure

ORGANS = ("brain",)


def zone_pictures(painted: PaintedVisit) -> list[Block]:
    """Zones and prescription over anatomy, in three planes."""
    where = f"sub-{painted.subject} {painted.session}"
    return [
        zones_figure(painted.zones, painted.backdrop, name="zones", title=f"Zones of the tumour, {where}"),
        prescription_figure(
            painted.prescription, painted.zones, painted.backdrop, name="prescription", title=f"Prescribed dose, {where}"
        ),
    ]


def spectra_pictures(painted: PaintedVisit) -> list[Block]:
    """Spectra of an aggressive voxel and of one in the reference; nothing where there are none."""
    if painted.spectra_grid is None:
        return []
    anatomy = (painted.backdrop, painted.grid)
    figure = spectra_figure(painted.spectra, painted.spectra_grid, name="zone-spectra", anatomy=anatomy)
    return [] if figure is None else [figure]


def plan_pictures(painted: PaintedVisit) -> list[Block]:
    """Isodose lines of every plan, dose-volume and quality-volume histograms."""
    where = f"sub-{painted.subject} {painted.session}"
    named = [one.name for one in painted.structures if one.name not in ORGANS]
    shown = [one for one in painted.histograms if one.structure in (*named, *ORGANS)]
    blocks: list[Block] = [
        isodose_figure(painted.plans, painted.zones, painted.backdrop, name="isodoses", title=f"Isodose lines, {where}"),
    ]
    if shown:
        blocks.append(dose_volume_figure(shown, organs=ORGANS, name="dose-volume", title=f"Dose-volume histograms, {where}"))
    if painted.qualities:
        blocks.append(quality_figure(painted.qualities, name="quality-volume", title=f"Planned over prescribed dose, {where}"))
    return blocks


def after_pictures(painted: PaintedVisit) -> list[Block]:
    """The zones at this visit and at later ones: maps and curves of contrast; nothing before there is a second visit."""
    title = f"Zones of sub-{painted.subject} at ses-{painted.session} and later"
    figure = zones_after_figure(painted.zones, painted.seen, painted.curves, painted.response, name="zones-after", title=title)
    return [] if figure is None else [figure]
