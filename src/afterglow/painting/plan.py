"""A plan of the research kernel for one tumour: isocentres, weights, dose on the grid, and what it could not reach."""

from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from afterglow import __version__
from afterglow.painting.machine import Machine
from afterglow.painting.placement import Depths, SampledPoints, candidates, depths_of, points_of
from afterglow.painting.reach import Reached, said
from afterglow.painting.settings import PlanSettings
from afterglow.painting.shots import Parts, dose_on_grid, dose_rates, part_doses, sector_azimuths, shot_tables, summed
from afterglow.painting.weights import Influence, NoPlan, best_weights
from afterglow.records.dose import NOT_FOR_TREATMENT, DoseGrid, DosePlan, Shot, Structure
from afterglow.records.errors import BadInput, GridMismatch
from afterglow.records.grid import Grid
from afterglow.records.maps import Provenance, Setting

MARGIN_MM = 4.0  # beyond the outermost shell


def make_plan(
    name: str,
    prescription_gy: NDArray[np.float32],
    target: Structure,
    grid: Grid,
    brain: NDArray[np.bool_] | None,
    machine: Machine,
    settings: PlanSettings,
) -> DosePlan:
    """The plan `name` for the dose wanted in every voxel (i, j, k) of the target, on `grid`.

    Candidates and points depend on the target and the settings only, not on the prescription's level, so that two plans with
    the same machine and settings are compared under equal conditions.
    """
    wanted = _checked(name, prescription_gy, target, grid, brain)
    brain = None if brain is None or not brain.any() else brain
    case = _case(wanted, target, grid, brain, settings)
    parts = candidates(case.depths, case.grid, machine, settings)
    solved = _solve(case, parts, machine, settings)
    shots = _shots(solved.parts, machine, settings)
    dose = dose_on_grid(shots, grid, machine)
    words = _prescribed(wanted, target.name)
    return DosePlan(
        name=name,
        dose=DoseGrid(dose, grid, "research kernel", f"{machine.title}, {len(shots)} shots. {NOT_FOR_TREATMENT}"),
        shots=shots,
        isodose=min(float(wanted.max()) / float(dose.max()), 0.999),
        prescribed=words,
        provenance=_made(words, shots, len(parts.which), solved.rounds, machine, settings),
        reasons=said(dose[case.box], case.wanted, case.share, case.grid, target.name, brain is not None, settings),
    )


def first_programme(
    prescription_gy: NDArray[np.float32],
    target: Structure,
    grid: Grid,
    brain: NDArray[np.bool_] | None,
    machine: Machine,
    settings: PlanSettings,
) -> Influence:
    """What the first programme of a plan is made of, before any shot is dropped or point added."""
    case = _case(_checked("programme", prescription_gy, target, grid, brain), target, grid, brain, settings)
    return _influence(case, candidates(case.depths, case.grid, machine, settings), machine, settings)


@dataclass(frozen=True)
class _Case:
    """The target's surroundings, cut out of the grid."""

    box: tuple[slice, slice, slice]
    grid: Grid
    wanted: NDArray[np.float32]  # prescription where the target is
    share: NDArray[np.float32]
    depths: Depths
    points: SampledPoints
    middle_mm: NDArray[np.float64]  # of the head
    brain_mm: NDArray[np.float64]  # points (n, 3) of the brain


@dataclass(frozen=True)
class _Solved:
    parts: Parts  # those kept, with their weights
    rounds: int


def _checked(
    name: str, prescription_gy: NDArray[np.float32], target: Structure, grid: Grid, brain: NDArray[np.bool_] | None
) -> NDArray[np.float32]:
    """The prescription, 0 outside the target."""
    if prescription_gy.shape != grid.shape or (brain is not None and brain.shape != grid.shape) or not target.grid.same_as(grid):
        raise GridMismatch(
            f"plan {name}: prescription {prescription_gy.shape}, target {target.name} ({target.grid}) and brain must lie on {grid}; resample them"
        )
    if not np.isfinite(prescription_gy).all() or bool((prescription_gy < 0).any()):
        raise BadInput(
            f"plan {name}: the prescription holds values that are negative or not finite; give 0 where nothing is prescribed"
        )
    if target.volume_ml == 0:
        raise BadInput(f"plan {name}: target {target.name} has no voxel on the grid of {grid}; check that it is drawn there")
    wanted = np.where(target.share > 0, prescription_gy, 0).astype(np.float32)
    if not wanted.any():
        raise BadInput(f"plan {name}: no voxel of target {target.name} has a prescription; give at least one a dose above 0 Gy")
    return wanted


def _case(
    wanted: NDArray[np.float32], target: Structure, grid: Grid, brain: NDArray[np.bool_] | None, settings: PlanSettings
) -> _Case:
    occupied = np.argwhere(target.share > 0)
    margin = np.ceil((max(settings.shell_distances_mm) + MARGIN_MM) / np.array(grid.spacing_mm)).astype(int)
    low = np.maximum(occupied.min(axis=0) - margin, 0)
    high = np.minimum(occupied.max(axis=0) + margin + 1, grid.shape)
    i, j, k = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    affine = grid.affine.copy()
    affine[:3, 3] = grid.to_mm(low.astype(np.float64))
    box = (i, j, k)
    near = Grid((int(high[0] - low[0]), int(high[1] - low[1]), int(high[2] - low[2])), affine)
    share = np.asarray(target.share[box])
    depths = depths_of(share, near)
    rng = np.random.default_rng(settings.seed)
    points = points_of(wanted[box], depths, near, settings, rng)
    around = np.argwhere(target.share > 0 if brain is None else brain).astype(np.float64)
    middle = grid.to_mm(around.mean(axis=0))
    outside = np.zeros((0, 3)) if brain is None else np.argwhere(brain & (target.share == 0)).astype(np.float64)
    chosen = (
        outside[rng.choice(len(outside), size=min(len(outside), 4 * settings.shell_points), replace=False)]
        if len(outside)
        else outside
    )
    return _Case(box, near, wanted[box], share, depths, points, middle, grid.to_mm(chosen))


def _influence(case: _Case, parts: Parts, machine: Machine, settings: PlanSettings) -> Influence:
    """What the programme sees: the target's points and the foci themselves, where a dose is highest, the shells and the brain."""
    tables = shot_tables(machine, _free(machine, settings))
    shells = [part_doses(case.grid.to_mm(shell.astype(np.float64)), parts, tables) for shell in case.points.shells]
    filled = [(shell, share) for shell, share in zip(shells, settings.shell_shares, strict=True) if len(shell)]
    greatest = float(case.wanted.max())
    rates = dose_rates(parts.positions_mm, machine, middle_mm=case.middle_mm, head_radius_mm=settings.head_radius_mm)
    outputs = np.array([one.output_factor for one in machine.collimators])[parts.which]
    brain = (
        part_doses(case.brain_mm, parts, tables).mean(axis=0, dtype=np.float64)
        if len(case.brain_mm)
        else np.zeros(len(parts.which))
    )
    foci = np.unique(parts.positions_mm, axis=0)
    return Influence(
        target=part_doses(case.grid.to_mm(case.points.target.astype(np.float64)), parts, tables),
        wanted_gy=case.wanted[tuple(case.points.target.T)].astype(np.float64),
        foci=part_doses(foci, parts, tables),
        foci_most_gy=_prescribed_near(case, foci) / settings.isodose,
        shells=np.concatenate(shells),
        allowed_gy=np.concatenate([np.full(len(shell), share * greatest) for shell, share in filled] or [np.zeros(0)]),
        shell_shares=np.concatenate(
            [np.full(len(shell), 1 / (len(shell) * len(filled))) for shell, _ in filled] or [np.zeros(0)]
        ),
        brain=brain,
        beam_on=parts.weights / (outputs * rates),
    )


def _prescribed_near(case: _Case, places_mm: NDArray[np.float64]) -> NDArray[np.float64]:
    """Prescription (n,) in the voxel of each place, and the least one where that voxel has none."""
    index = np.clip(np.rint(case.grid.to_index(places_mm)).astype(int), 0, np.array(case.grid.shape) - 1)
    there = case.wanted[tuple(index.T)].astype(np.float64)
    return np.where(there > 0, there, float(case.wanted[case.wanted > 0].min()))


def _free(machine: Machine, settings: PlanSettings) -> bool:
    return settings.sectors and machine.sectors > 1


def _solve(case: _Case, parts: Parts, machine: Machine, settings: PlanSettings) -> _Solved:
    """Programmes in turn: each drops shots too small to keep and adds the target's worst voxels; then the dose is scaled."""
    tables = shot_tables(machine, _free(machine, settings))
    asked, kept = _influence(case, parts, machine, settings), parts
    voxels = np.argwhere(case.wanted > 0)
    places, wanted = case.grid.to_mm(voxels.astype(np.float64)), case.wanted[tuple(voxels.T)].astype(np.float64)
    rest = Reached(wanted, case.share[tuple(voxels.T)].astype(np.float64), settings)
    for turn in range(1, settings.rounds + 1):
        weights = best_weights(asked, settings).values_gy
        last = turn == settings.rounds
        keep = np.flatnonzero(weights > (0 if last else settings.least_shot_share * weights.max()))
        if not len(keep):
            raise NoPlan(
                "plan: underdose costs too little beside spill and beam-on, so that no dose is best; raise underdose_penalty"
            )
        dropped = len(keep) < np.count_nonzero(weights)
        kept, asked, weights = kept.only(keep), asked.only(keep), weights[keep]
        dose = summed(places, kept.weighted(kept.weights * weights), tables).astype(np.float64)
        poor = rest.worst(dose, settings.target_points // 4)
        if last or not (dropped or len(poor)):
            break
        asked = asked.with_points(part_doses(places[poor], kept, tables), wanted[poor])
    return _Solved(kept.weighted(kept.weights * weights * rest.scale(dose)), turn)


def _shots(parts: Parts, machine: Machine, settings: PlanSettings) -> tuple[Shot, ...]:
    """The parts as shots, the strongest first."""
    sizes = [one.size_mm for one in machine.collimators]
    turns = sector_azimuths(machine)
    made = []
    for position, which, azimuth, weight in zip(*parts, strict=True):
        size = sizes[which]
        open_one = int(np.argmin(np.abs(turns - azimuth)))
        collimators = tuple(size if n == open_one else 0 for n in range(machine.sectors)) if _free(machine, settings) else (size,)
        made.append(Shot((float(position[0]), float(position[1]), float(position[2])), collimators, float(weight)))
    return tuple(sorted(made, key=lambda shot: -shot.weight_gy))


def _prescribed(wanted: NDArray[np.float32], name: str) -> str:
    inside = wanted[wanted > 0]
    low, high = float(inside.min()), float(inside.max())
    return f"{low:g} Gy to {name}" if low == high else f"{low:.3g} to {high:.3g} Gy to {name}, voxel by voxel"


def _made(
    prescribed: str, shots: tuple[Shot, ...], offered: int, rounds: int, machine: Machine, settings: PlanSettings
) -> Provenance:
    doubts = "; ".join(machine.doubts)
    beam = sum(shot.weight_gy for shot in shots)
    sentence = (
        f"{prescribed[0].upper()}{prescribed[1:]} was planned with a research kernel of converging cobalt beams in water ({machine.title}): {len(shots)} shots "
        f"out of {offered} candidates, weights by a linear programme (HiGHS) in {rounds} rounds, {beam:.0f} Gy summed over the foci. "
        f"{NOT_FOR_TREATMENT} Of the machine: {doubts or 'every number is from a source'}."
    )
    settled: dict[str, Setting | tuple[Setting, ...]] = {"machine": machine.name, "rounds_solved": rounds, **asdict(settings)}
    return Provenance("dose plan", __version__, settled, (), sentence)
