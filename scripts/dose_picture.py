"""Remake docs/images/dose-plans.png: both plans of a round tumour with isodose lines over its zones, and their doses along a line.

    python scripts/dose_picture.py

The tumour, the prescriptions and the settings are those of `afterglow bench dose` (13.2 mL).
"""

from pathlib import Path

import matplotlib as mpl

mpl.use("agg")

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.lines import Line2D

from afterglow.flows.bench_dose import SETTINGS
from afterglow.flows.bench_dose_phantom import Round, round_tumour
from afterglow.painting.machine import MODEL_C
from afterglow.painting.plan import make_plan
from afterglow.records.dose import NOT_FOR_TREATMENT, DosePlan
from afterglow.records.zones import ZONE_COLOURS, Zone

TARGET = Path(__file__).parents[1] / "docs" / "images" / "dose-plans.png"
LEVELS = {8.0: "#7d8894", 12.0: "#3b6ea5", 15.0: "#1b1f24", 16.0: "#b3541e", 18.0: "#7a1fa2", 27.0: "#2f7d4f"}
REACH_MM = 32.0
COLOURS = {"uniform": "#44546a", "painted": "#a02c2c"}


def zones(ax: Axes, phantom: Round, k: int, edges: list[float]) -> None:
    """The zones of one slice, pale."""
    levels = phantom.painted_gy[:, :, k]
    labels = np.select([levels == 18, levels == 16.5, levels == 15], [3, 2, 1], 0).astype(float)
    shown = np.where(labels > 0, labels, np.nan)
    order = (Zone.PASSIVE, Zone.PENUMBRA, Zone.AGGRESSIVE)
    pale = [tuple(0.45 * c / 255 + 0.55 for c in ZONE_COLOURS[zone]) for zone in order]
    ax.imshow(shown.T, origin="lower", extent=edges, cmap=ListedColormap(pale), vmin=0.5, vmax=3.5, interpolation="nearest")


def plan_panel(ax: Axes, phantom: Round, plan: DosePlan, places: np.ndarray, k: int) -> None:
    """Isodose lines of a plan over the zones."""
    half = phantom.grid.spacing_mm[0] / 2
    zones(ax, phantom, k, [places[0] - half, places[-1] + half] * 2)
    ax.contour(places, places, plan.dose.dose_gy[:, :, k].T, levels=list(LEVELS), colors=list(LEVELS.values()), linewidths=1.1)
    inside = [shot for shot in plan.shots if abs(shot.position_mm[2] - places[k]) < 3]
    for shot in inside:
        ax.plot(shot.position_mm[0], shot.position_mm[1], "+", color="#555555", ms=2 + shot.collimator_mm[0] / 3, mew=0.7)
    v12 = float(np.count_nonzero(plan.dose.dose_gy >= 12)) * phantom.grid.voxel_ml
    ax.set_title(f"{plan.name}: {len(plan.shots)} shots, V12 {v12:.1f} mL, {100 * plan.isodose:.0f} % isodose", fontsize=9)
    ax.set(xlim=(-REACH_MM, REACH_MM), ylim=(-REACH_MM, REACH_MM), aspect="equal", xlabel="x, mm")
    ax.tick_params(labelsize=7)


def along_line(ax: Axes, phantom: Round, plans: list[DosePlan], places: np.ndarray) -> None:
    """Dose and prescription along x through the middle."""
    m = len(places) // 2
    for plan, wanted in zip(plans, (phantom.uniform_gy, phantom.painted_gy), strict=True):
        colour = COLOURS[plan.name]
        ax.plot(places, plan.dose.dose_gy[:, m, m], color=colour, lw=1.5, label=plan.name)
        asked = np.where(wanted[:, m, m] > 0, wanted[:, m, m], np.nan)
        ax.plot(places, asked, color=colour, lw=1, ls=":", drawstyle="steps-mid", label=f"{plan.name}, prescribed")
    ax.set(xlim=(-REACH_MM, REACH_MM), ylim=(0, None), xlabel="x, mm", ylabel="dose, Gy")
    ax.set_title("along x through the middle", fontsize=9)
    ax.legend(fontsize=7, frameon=False, loc="lower center")
    ax.tick_params(labelsize=7)


def main() -> None:
    """Plan, draw, write."""
    phantom = round_tumour(13.2)
    n = phantom.grid.shape[0]
    places = phantom.grid.to_mm(np.stack([np.arange(n)] * 3, axis=1).astype(float))[:, 0]
    plans = [
        make_plan(name, wanted, phantom.target, phantom.grid, phantom.brain, MODEL_C, SETTINGS)
        for name, wanted in (("uniform", phantom.uniform_gy), ("painted", phantom.painted_gy))
    ]
    figure, axes = plt.subplots(1, 3, figsize=(11, 4.3), dpi=110, layout="constrained")
    for ax, plan in zip(axes, plans, strict=False):
        plan_panel(ax, phantom, plan, places, n // 2)
    axes[0].set_ylabel("y, mm")
    along_line(axes[2], phantom, plans, places)
    lines = [Line2D([], [], color=colour, label=f"{level:g} Gy") for level, colour in LEVELS.items()]
    figure.legend(handles=lines, loc="outside lower center", ncols=len(lines), fontsize=8, frameon=False)
    figure.suptitle(
        f"{NOT_FOR_TREATMENT} Zones: aggressive 18, penumbra 16.5, passive 15 Gy; uniform 16 Gy. + foci within 3 mm.", fontsize=8
    )
    figure.savefig(TARGET, metadata={"Software": ""})
    print(TARGET)


if __name__ == "__main__":
    main()
