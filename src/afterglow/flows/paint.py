"""One visit painted: maps -> zones -> prescription -> a uniform and a painted plan -> what each of them does."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from afterglow.flows.course_outlines import CourseVisit
from afterglow.flows.method_beside import SpectraBeside
from afterglow.flows.method_paint import PaintSpec
from afterglow.flows.paint_evidence import PlanningScene, scene_of, seen_from
from afterglow.flows.paint_orders import DELIVERED, NO_ORDERS, PaintOrders, delivered_of, numbers_of, reference_of_orders
from afterglow.flows.paint_spectra import grid_on_anatomy, spectra_of, spectra_to_anatomy
from afterglow.flows.paint_zones import Painter, retest_of
from afterglow.flows.work import Progress
from afterglow.painting.compare import GammaSettings, gamma_map
from afterglow.painting.dosimetry import EVERYWHERE, dose_volume, structure_of
from afterglow.painting.dosimetry_figures import plan_figures
from afterglow.painting.plan import make_plan
from afterglow.painting.quality import painting_quality
from afterglow.records.alignment import QualityLine
from afterglow.records.dose import DoseFigure, DosePlan, DoseVolume, QualityVolume, Structure
from afterglow.records.painted import PaintedVisit
from afterglow.records.quantity import QUANTITIES
from afterglow.records.result import ExamResult
from afterglow.records.zones import ZONE_WORDS, Prescription, Zone, ZoneMap

UNIFORM, PAINTED = "uniform", "painted"


@dataclass(frozen=True, eq=False)
class SecondScan:
    """Another visit of the same tumour, and how a point of the planning image (RAS mm) comes to its anatomy."""

    visit: CourseVisit
    result: ExamResult
    matrix: NDArray[np.float64]


def paint_visit(
    visit: CourseVisit,
    result: ExamResult,
    spec: PaintSpec,
    *,
    progress: Progress,
    mrs: SpectraBeside | None = None,
    orders: PaintOrders = NO_ORDERS,
    second: SecondScan | None = None,
) -> PaintedVisit:
    """Zones, prescription, plans and their figures of one quantified visit; with `mrs` two of its spectra to look at.

    MissingInput where the visit has no anatomy or no tumour; BadInput or GridMismatch where a file of the orders does not fit.
    """
    where = f"sub-{result.subject} {result.session}"
    progress(f"{where}: zones", 0, 1)
    scene = scene_of(visit, result, spec.quantities, grid_mm=spec.grid_mm)
    delivered = delivered_of(orders, scene.grid, reference_of_orders(orders))
    painter = Painter(scene, spec, numbers_of(orders, spec, scene.grid))
    zones, prescription = found = painter.found()
    progress(f"{where}: stability of the zones", 0, 1)
    stability = painter.stability(found)
    retest = None
    if second is not None:
        other = seen_from(scene, second.visit, second.result, second.matrix)
        retest = retest_of(found, Painter(other, spec, painter.number), second.visit.session)
    structures = structures_of(scene, zones)
    plans = [*_plans(scene, prescription, structures[0], spec, progress, where), *delivered.plans]
    progress(f"{where}: dosimetry", 0, 1)
    painted = PaintedVisit(
        subject=result.subject,
        session=result.session,
        day=result.day,
        method=result.method,
        backdrop=scene.backdrop,
        backdrop_name=scene.backdrop_name,
        maps=tuple((QUANTITIES[name], one.laid(one.parameter_map.values, scene.grid)) for name, one in scene.natives.items()),
        zones=zones,
        prescription=prescription,
        plans=tuple(plans),
        structures=structures,
        figures=(),
        histograms=(),
        qualities=(),
        stability=stability,
        quality=(*scene.quality, *_zone_lines(zones), *_plan_lines(plans), *delivered.quality),
        provenance=(zones.provenance, prescription.provenance, *(plan.provenance for plan in plans)),
        retest=retest,
        delivered=delivered.structures,
        spectra=spectra_of(visit.exam.spectra, mrs, result, zones, spectra_to_anatomy(visit, result)),
        spectra_grid=None if visit.exam.spectra is None else grid_on_anatomy(visit, result, visit.exam.spectra.grid),
    )
    return with_dosimetry(painted, spec)


def with_dosimetry(painted: PaintedVisit, spec: PaintSpec) -> PaintedVisit:
    """The same with the figures and histograms of every plan: nothing but arithmetic on what is there."""
    settings = spec.dosimetry.record()
    figures: list[DoseFigure] = []
    histograms: list[DoseVolume] = []
    qualities: list[QualityVolume] = []
    for plan in painted.plans:
        reference_gy = spec.plan.uniform_gy if plan.name == UNIFORM else painted.prescription.least_gy
        taken = {one.name for one in painted.structures}
        own = [one for one in painted.delivered if one.name not in taken] if plan.name == DELIVERED else []
        inside = (*painted.structures, *(replace(one, frame_uid=plan.dose.frame_uid) for one in own))
        figures += plan_figures(plan, inside, target="tumour", reference_gy=reference_gy, settings=settings)
        histograms += [dose_volume(plan.dose, one, plan=plan.name) for one in inside if one.volume_ml > 0]
        quality = painting_quality(plan.dose, painted.prescription, painted.zones, plan=plan.name)
        figures += quality.figures
        qualities += quality.volumes
    figures += _gamma(painted.plans, spec)
    return replace(painted, figures=tuple(figures), histograms=tuple(histograms), qualities=tuple(qualities))


def _gamma(plans: Sequence[DosePlan], spec: PaintSpec) -> list[DoseFigure]:
    """The share of voxels in which a plan agrees with the first by the method's criteria: how unlike the two are."""
    asked, norm_gy = spec.gamma, spec.plan.uniform_gy / spec.plan.optimiser.isodose
    settings = GammaSettings(asked.dose_percent, asked.distance_mm, asked.cutoff_percent, local=False, norm_gy=norm_gy)
    made = []
    for plan in plans[1:]:
        found = gamma_map(plans[0].dose, plan.dose, settings)
        note = f"against {plans[0].name}: {found.words}; {found.judged} voxels judged"
        made.append(DoseFigure(plan.name, EVERYWHERE, "gamma_passing", found.passing, "1", note))
    return made


def structures_of(scene: PlanningScene, zones: ZoneMap) -> tuple[Structure, ...]:
    """The tumour first, its zones, and the brain where it is known. An empty zone is there, with a volume of 0."""
    tumour = Structure("tumour", scene.tumour.astype(np.float32), scene.grid, "target", "outlined on the anatomy")
    parts = [
        structure_of(ZONE_WORDS[zone], zones.mask(zone), scene.grid, kind="zone", source=zones.provenance.step)
        for zone in (Zone.AGGRESSIVE, Zone.PENUMBRA, Zone.PASSIVE, Zone.NOT_ASSESSED)
    ]
    brain = [] if scene.brain_share is None else [Structure("brain", scene.brain_share, scene.grid, "organ", "anatomy")]
    return (tumour, *parts, *brain)


def _plans(
    scene: PlanningScene, prescription: Prescription, tumour: Structure, spec: PaintSpec, progress: Progress, where: str
) -> list[DosePlan]:
    """Both plans under equal conditions: the same machine, settings, candidates and penalties."""
    machine, settings = spec.plan.of_machine(), spec.plan.optimiser
    brain = None if scene.brain_share is None else scene.brain_share >= 0.5
    uniform = np.where(scene.tumour, np.float32(spec.plan.uniform_gy), np.float32(0))
    made = []
    for name, wanted in ((UNIFORM, uniform), (PAINTED, prescription.dose_gy)):
        progress(f"{where}: {name} plan", 0, 1)
        made.append(make_plan(name, wanted, tumour, scene.grid, brain, machine, settings))
    return made


def _zone_lines(zones: ZoneMap) -> list[QualityLine]:
    lines = []
    tumour_ml = float(np.count_nonzero(zones.tumour)) * zones.grid.voxel_ml
    unknown_ml = zones.volume_ml(Zone.NOT_ASSESSED)
    if unknown_ml > 0:
        words = f"{unknown_ml:.1f} of {tumour_ml:.1f} mL"
        lines.append(
            QualityLine("tumour that was not assessed", words, "warning", "what was not measured is not taken for normal")
        )
    if not zones.volume_ml(Zone.AGGRESSIVE) > 0:
        lines.append(
            QualityLine(
                "aggressive zone", "empty", "note", "no voxel met enough criteria: the painted plan follows the other zones"
            )
        )
    if zones.islands_ml:
        words = f"{len(zones.islands_ml)} of {sum(zones.islands_ml):.2f} mL together"
        lines.append(QualityLine("aggressive islands too small to paint", words, "note", "they are penumbra"))
    return lines


def _plan_lines(plans: Sequence[DosePlan]) -> list[QualityLine]:
    return [QualityLine(f"{plan.name} plan", reason, "warning") for plan in plans for reason in plan.reasons]
