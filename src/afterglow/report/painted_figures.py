"""Which pictures a painted visit gets, and in what order."""

from afterglow.records.document import Block
from afterglow.records.painted import PaintedVisit
from afterglow.report.figures.spectra import spectra_figure


def painted_figures(painted: PaintedVisit) -> list[Block]:
    """Spectra of an aggressive voxel and of one in the reference."""
    if painted.spectra_grid is None:
        return []
    anatomy = (painted.backdrop, painted.grid)
    figure = spectra_figure(painted.spectra, painted.spectra_grid, name="zone-spectra", anatomy=anatomy)
    return [] if figure is None else [figure]


def zone_pictures(painted: PaintedVisit) -> list[Block]:
    """Zones over anatomy."""
    return []


def plan_pictures(painted: PaintedVisit) -> list[Block]:
    """Both plans, their histograms."""
    return []
