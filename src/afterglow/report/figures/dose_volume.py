"""Histograms of plans: dose over volume, and dose planned over dose prescribed."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Sheet
from matplotlib.lines import Line2D

from afterglow.records.document import Figure
from afterglow.records.dose import DoseVolume, QualityVolume
from afterglow.records.zones import ZONE_WORDS
from afterglow.report.figures.canvas import GRID_LINE, INK, SMALL_PT, TEXT_PT, box, dress_plot, finished, plain, sheet, write
from afterglow.report.figures.dose_planes import FOOT_IN, ZONE_ON_WHITE, warn

_DASHES: tuple[Any, ...] = ("-", (0, (5, 2)), (0, (1, 1.4)), (0, (6, 2, 1, 2)))  # of each plan
_OTHERS = ("#009E73", "#CC79A7", "#56B4E9", "#7c3aed")
_LEFT_IN, _TOP_IN, _HIGH_IN, _LEGEND_IN, _BELOW_IN = 0.75, 0.5, 3.3, 2.9, 0.55


def inks_of(structures: Sequence[str]) -> dict[str, str]:
    """The ink of each structure: zones have their own, the tumour is dark, others take what is left in turn."""
    zones = {ZONE_WORDS[zone]: ink for zone, ink in ZONE_ON_WHITE.items()}
    inks, rest = {}, 0
    for name in dict.fromkeys(structures):
        if name in zones or name == "tumour":
            inks[name] = zones.get(name, INK)
        else:
            inks[name] = _OTHERS[rest % len(_OTHERS)]
            rest += 1
    return inks


def dose_volume_figure(curves: Sequence[DoseVolume], *, organs: Sequence[str], name: str, title: str) -> Figure:
    """Cumulative histograms of plans: targets and zones as a share of their volume, `organs` in mL on a logarithmic axis.

    A colour for each structure, a kind of line for each plan. Curves of empty structures are named and not drawn.
    """
    drawn = [one for one in curves if one.volume_ml.size and one.volume_ml[0] > 0]
    parts = [[one for one in drawn if (one.structure in organs) == side] for side in (False, True)]
    parts = [part for part in parts if part]
    inks, plans = inks_of([one.structure for one in curves]), list(dict.fromkeys(one.plan for one in curves))
    wide = 4.2 if len(parts) > 1 else 6.0
    page = sheet(max(1, len(parts)) * (wide + _LEFT_IN) + _LEGEND_IN, _TOP_IN + _HIGH_IN + _BELOW_IN + FOOT_IN)
    for n, part in enumerate(parts):
        axes = box(page, _LEFT_IN + n * (wide + _LEFT_IN), _TOP_IN, wide, _HIGH_IN)
        _dose_curves(axes, part, inks, plans, in_ml=part[0].structure in organs)
    write(page, 0.1, 0.1, plain(title), size_pt=TEXT_PT + 1)
    sizes = {one.structure: one.volume_ml[0] for one in reversed(drawn)}
    _legend(page, {s: f"{s}, {_ml(sizes[s])}" if s in sizes else f"{s}, empty" for s in inks}, inks, plans)
    warn(page, _LEFT_IN)
    notes = " ".join(dict.fromkeys(f"{one.note[:1].upper()}{one.note[1:]}." for one in curves if one.note))
    return finished(
        page,
        name=name,
        caption=f"{title}: volume that gets at least a dose, {_plans_said(plans)}. {notes}".strip(),
        alt=f"Dose-volume histograms of {', '.join(inks)} in {' and '.join(plans)}.",
    )


def _ml(volume_ml: float) -> str:
    return f"{volume_ml:.0f} mL" if volume_ml >= 100 else f"{volume_ml:.3g} mL"


def _plans_said(plans: Sequence[str]) -> str:
    kinds = ("solid", "dashed", "dotted", "dash-dotted")
    return ", ".join(f"{kinds[n % len(kinds)]} lines: {plan}" for n, plan in enumerate(plans))


def _dose_curves(axes: Axes, curves: Sequence[DoseVolume], inks: dict[str, str], plans: Sequence[str], *, in_ml: bool) -> None:
    for one in curves:
        volumes = np.where(one.volume_ml > 0, one.volume_ml, np.nan) if in_ml else 100 * one.volume_ml / one.volume_ml[0]
        axes.plot(
            one.dose_gy,
            volumes,
            color=inks[one.structure],
            linestyle=_DASHES[plans.index(one.plan) % len(_DASHES)],
            linewidth=1.5,
        )
    if in_ml:
        axes.set_yscale("log")
    else:
        axes.set_ylim(0, 103)
    axes.set_xlim(0, None)
    names = ", ".join(dict.fromkeys(one.structure for one in curves))
    dress_plot(axes, "dose [Gy]", f"volume of {names} [mL]" if in_ml else "volume [% of the structure]")


def _legend(page: Sheet, words: dict[str, str], inks: dict[str, str], plans: Sequence[str]) -> None:
    handles = [Line2D([], [], color=inks[structure], linewidth=2, label=plain(words[structure])) for structure in inks]
    handles += [Line2D([], [], color="#555555", linewidth=1.5, label=plain(plan)) for n, plan in enumerate(plans)]
    for n in range(len(plans)):
        handles[len(inks) + n].set_linestyle(_DASHES[n % len(_DASHES)])
    wide, high = (float(v) for v in page.get_size_inches())
    page.legend(
        handles=handles, loc="upper left", bbox_to_anchor=((wide - _LEGEND_IN + 0.2) / wide, 1 - _TOP_IN / high), frameon=False,
        fontsize=SMALL_PT + 1, handlelength=2.6, borderaxespad=0.0, labelspacing=0.7,
    )  # fmt: skip


def quality_figure(curves: Sequence[QualityVolume], *, name: str, title: str) -> Figure:
    """Q-volume histograms: the share of the voxels that reach at least a ratio of planned to prescribed dose."""
    inks, plans = inks_of([one.structure for one in curves]), list(dict.fromkeys(one.plan for one in curves))
    page = sheet(_LEFT_IN + 6.0 + _LEGEND_IN, _TOP_IN + _HIGH_IN + _BELOW_IN + FOOT_IN)
    axes = box(page, _LEFT_IN, _TOP_IN, 6.0, _HIGH_IN)
    axes.axvspan(0.95, 1.05, color=GRID_LINE, linewidth=0, zorder=0)
    axes.axvline(1, color=INK, linewidth=0.7)
    for one in curves:
        style = _DASHES[plans.index(one.plan) % len(_DASHES)]
        axes.plot(one.q, 100 * one.share, color=inks[one.structure], linestyle=style, linewidth=1.5)
    falls = [float(one.q[np.searchsorted(-one.share, -0.999)]) for one in curves]
    axes.set_xlim(min([0.9, *(q - 0.05 for q in falls)]), None)
    axes.set_ylim(0, 103)
    dress_plot(axes, "Q, planned over prescribed dose", "voxels [%]")
    write(page, 0.1, 0.1, plain(title), size_pt=TEXT_PT + 1)
    _legend(page, {structure: structure for structure in inks}, inks, plans)
    warn(page, _LEFT_IN)
    return finished(
        page,
        name=name,
        caption=f"{title}: share of the voxels whose planned dose reaches a multiple Q of what is prescribed to them, {_plans_said(plans)}; "
        "band: within 5 %.",
        alt=f"Q-volume histograms of {', '.join(inks)} in {' and '.join(plans)}.",
    )
