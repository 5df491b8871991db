"""Print how well reference tissue is found without drawing, on digital patients whose true values are known.

    python scripts/measure_reference.py brain|spine [--patients N] [--keep DIR]

Anatomy and true maps of full size are made here (30 to 150 s a patient; --keep DIR keeps them for the next run), without dynamic
series: the region is found in noisy, shaded anatomy and laid on the grid of the dynamic series through the true pose, missed by
0.5 mm in a random direction, which is the goal of registration. Regions are as the method files say. "here" is the true mean of the
map in the region over that of the tissue alone where the region lies: 1 where nothing else got in. "whole" is over all white
matter of the brain, or over the chosen vertebral body: perfusion differs from place to place in these patients (log-normal, about .15).
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from afterglow.align.mirror import find_mirror
from afterglow.align.resample import resample as seen_on
from afterglow.flows.method import load_method
from afterglow.flows.simulation_file import load_simulation
from afterglow.lesions.reference import Limits
from afterglow.lesions.side import other_side
from afterglow.lesions.vertebra import adjacent_vertebra
from afterglow.lesions.white_matter import find_white_matter
from afterglow.records.errors import MissingInput
from afterglow.records.grid import Grid
from afterglow.simulate.cohort import draw_story
from afterglow.simulate.exam import scan_anatomy
from afterglow.simulate.exam_plans import dce_plan, dynamic_voxels
from afterglow.simulate.exam_visit import Visit, begin_visit
from afterglow.simulate.geometry import series_grid
from afterglow.simulate.subject import SpineSubject, make_subject
from afterglow.simulate.tissues import with_barrier
from afterglow.simulate.voxels import voxel_means
from afterglow.simulate.warp import nearest, resample

Made = dict[str, Any]
Floats = NDArray[np.floating[Any]]
Case = tuple[str, int, int, int]  # cohort, seed, place in the cohort, visit

A, S, Y, G, B = "ademola2025", "stadlbauer2025", "yoon2024", "seyithanoglu2025", "behar2023"
BRAINS: tuple[Case, ...] = (
    (A, 1, 0, 0), (S, 1, 0, 0), (Y, 1, 1, 0), (G, 1, 2, 0), (S, 1, 3, 1), (A, 1, 4, 1), (A, 2, 5, 0), (Y, 2, 6, 0), (G, 2, 7, 1), (S, 2, 8, 0),
    (A, 3, 0, 0), (Y, 3, 1, 0), (G, 3, 2, 0), (S, 3, 3, 2), (A, 3, 4, 1), (Y, 3, 5, 0), (A, 4, 0, 1), (S, 4, 1, 1), (Y, 4, 2, 0), (G, 4, 3, 0),
    (A, 5, 4, 0), (S, 5, 5, 0), (Y, 5, 6, 0), (G, 5, 7, 1),
)  # fmt: skip
SPINES: tuple[Case, ...] = (
    (B, 1, 0, 0), (B, 1, 1, 0), (B, 1, 2, 1), (B, 1, 3, 0), (B, 1, 4, 1), (B, 1, 5, 0), (B, 2, 6, 0), (B, 2, 7, 1), (B, 2, 8, 0), (B, 2, 9, 0),
    (B, 3, 0, 0), (B, 3, 1, 1), (B, 3, 2, 0), (B, 4, 0, 0), (B, 4, 1, 1), (B, 4, 2, 0), (B, 4, 3, 1), (B, 4, 4, 0), (B, 4, 5, 1), (B, 4, 6, 0),
)  # fmt: skip
HEALTHY = ("white", "red marrow", "fatty marrow")  # what a reference should hold, in a head and in a spine
MISSED_MM = 0.5
CAPS_ML = (2.0, 5.0, 10.0, 20.0, 40.0, 1000.0)
LESION, DYNAMIC = 0.5, 0.9
WITHIN = 0.03


def made(case: Case, keep: Path | None) -> Made:
    """The digital visit, from the folder where it was kept."""
    path = None if keep is None else keep / ("_".join(map(str, case)) + ".npz")
    if path is not None and path.exists():
        return dict(np.load(path))
    found = make(*case)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, **found)
    return found


def make(cohort: str, seed: int, place: int, number: int) -> Made:
    """Anatomy with noise, lesion mask, and true maps on the grid of the dynamic series."""
    simulation = load_simulation(cohort)
    acquisition = simulation.acquisition
    size, leak = acquisition.size["full"], acquisition.scanner.brain_leak
    story = draw_story(simulation.cohort, None, seed, place, with_barrier(leak))
    body, *visits = np.random.SeedSequence(seed, spawn_key=(place,)).spawn(1 + len(story.visits))
    subject = make_subject(story, simulation.site, body_mm=size.body_mm, field_t=acquisition.field_t, brain_leak=leak, seed=body)
    number %= len(story.visits)
    visit = begin_visit(subject, number, story.visits[number], acquisition, size, visits[number])
    out: Made = {}
    for one in acquisition.anatomy:
        if one.role in story.visits[number].roles:
            image = scan_anatomy(visit, one).series[0].image
            out |= {one.role: image.values(), f"{one.role}_aff": image.grid.affine, f"{one.role}_pose": visit.poses[one.role]}
    grid, pose = dynamic_grid(visit)
    out |= {"dyn_shape": np.array(grid.shape), "dyn_aff": grid.affine, "dyn_pose": pose} | true_maps(visit, grid, pose)
    lesion = subject.regions(number).get("lesion")
    if lesion is not None:
        t1w = Grid(out["T1w"].shape, out["T1w_aff"])
        out["lesion"] = resample(lesion[0].astype(np.float32), lesion[1], t1w, visit.poses["T1w"]) > LESION
    if isinstance(subject, SpineSubject):
        out["body"] = nearest(subject.spine.body, subject.spine.grid, grid, pose)
    return out


def dynamic_grid(visit: Visit) -> tuple[Grid, Floats]:
    acquisition, field = visit.acquisition, visit.subject.field
    if acquisition.dce is not None:
        plan = dce_plan(acquisition, visit.size)
        voxel_mm, slices, plane, role = plan.dce_voxel_mm, plan.dce_shape[2], acquisition.dce.plane, "dce"
    else:
        first = acquisition.dsc[0]
        voxel_mm, slices = dynamic_voxels(first.voxel_mm, first.slices, visit.size)
        plane, role = "axial", first.role
    tilt = field.tilt_deg if plane == "axial" else 0.0
    return series_grid(plane, voxel_mm, slices, field.dynamic_mm, field.dynamic_centre_mm, tilt), visit.poses[role]


def true_maps(visit: Visit, grid: Grid, pose: Floats) -> Made:
    """Voxel means of vp and Ktrans, of the share of the healthy tissue, and of its own part of both."""
    scene, blood = visit.scene, 1 - visit.acquisition.scanner.haematocrit
    out: Made = {}
    for name in ("vp", "ktrans_per_min"):
        fine = np.zeros(scene.grid.shape, np.float32)
        for tissue, part in scene.fractions.items():
            row = scene.tissues[tissue]
            value = getattr(row, name) + (blood if name == "vp" and row.blood else 0.0)
            if tissue not in scene.drawn:
                fine += np.float32(value) * part * (scene.texture if tissue in scene.textured else np.float32(1))
        for one in scene.drawn.values():
            fine[one.box] += getattr(one, name)
        out[f"true_{name}"] = voxel_means(fine, scene.grid, grid, pose)
        healthy = [tissue for tissue in HEALTHY if tissue in scene.fractions]
        own = sum(np.float32(getattr(scene.tissues[one], name)) * scene.fractions[one] * scene.texture for one in healthy)
        out[f"own_{name}"] = voxel_means(own, scene.grid, grid, pose)
    out["share_own"] = voxel_means(sum(scene.fractions[one] for one in healthy), scene.grid, grid, pose)
    return out


def missed(n: int) -> Floats:
    """A shift in a random direction, as registration is off."""
    direction = np.random.default_rng(n).standard_normal(3)
    shift = np.eye(4)
    shift[:3, 3] = MISSED_MM * direction / np.linalg.norm(direction)
    return shift


def brain(case: Case, n: int, keep: Path | None) -> tuple[float, ...] | None:
    """Prints one patient; gives the errors for each cap, first "here", then "whole"; None where no region was found or there is no lesion."""
    d = made(case, keep)
    if "lesion" not in d:
        print(f"{case}: no lesion at this visit")
        return None
    spec = load_method(A).reference.limits
    image, grid, dynamic = d["T1w"], Grid(d["T1w"].shape, d["T1w_aff"]), Grid(tuple(d["dyn_shape"]), d["dyn_aff"])
    to_flair = np.linalg.inv(d["FLAIR_pose"]) @ d["T1w_pose"]
    flair = seen_on(d["FLAIR"], Grid(d["FLAIR"].shape, d["FLAIR_aff"]), grid, to_flair).astype(np.float32)
    matrix = np.linalg.inv(d["T1w_pose"]) @ d["dyn_pose"] @ missed(n)
    try:
        white = find_white_matter(image.astype(np.float32), grid, flair=flair, lesion=d["lesion"], edge_mm=spec.edge_mm)
        mirror = find_mirror(image, grid)
        share = voxel_means(white.mask.astype(np.float32), grid, dynamic, matrix)
        lesion = voxel_means(d["lesion"].astype(np.float32), grid, dynamic, matrix) >= LESION
        reflection = np.linalg.inv(matrix) @ mirror.reflection @ matrix
        if not mirror.trusted:
            raise MissingInput(mirror.remark)
        limits = [Limits(min(spec.least_ml, cap / 4), cap, spec.away_mm, spec.edge_mm) for cap in CAPS_ML]
        regions = [other_side((share >= DYNAMIC) & ~lesion, lesion, dynamic, reflection, one).mask for one in limits]
    except MissingInput as error:
        print(f"{case}: CANNOT: {error}", flush=True)
        return None
    whole = d["own_vp"].sum() / d["share_own"].sum()
    here = [d["true_vp"][m].mean() / (d["own_vp"][m].sum() / d["share_own"][m].sum()) for m in regions]
    leak = [d["true_ktrans_per_min"][m].mean() / (d["own_ktrans_per_min"][m].sum() / d["share_own"][m].sum()) for m in regions]
    far = [d["true_vp"][m].mean() / whole for m in regions]
    overlap = max(int((m & lesion).sum()) for m in regions)
    words = " ".join(
        f"{m.sum() * dynamic.voxel_ml:6.1f} mL {h:.4f} {k:.4f} {f:.3f} |"
        for m, h, k, f in zip(regions, here, leak, far, strict=True)
    )
    print(f"{case[0][:6]:6s} {case[1:]} contrast {white.contrast:4.1f} overlap {overlap} | {words}", flush=True)
    return (*here, *far)


def spine(case: Case, n: int, keep: Path | None) -> tuple[float, ...] | None:
    """Prints one patient; gives vp and Ktrans over those of the vertebral body, vp over that of marrow alone, and the share of marrow over the body's."""
    d = made(case, keep)
    if "lesion" not in d:
        print(f"{case}: no lesion at this visit")
        return None
    image, grid, dynamic = d["T1w"], Grid(d["T1w"].shape, d["T1w_aff"]), Grid(tuple(d["dyn_shape"]), d["dyn_aff"])
    others = [seen_on(d[role], Grid(d[role].shape, d[f"{role}_aff"]), grid).astype(np.float32) for role in ("T2w", "STIR")]
    try:
        found = adjacent_vertebra(image.astype(np.float32), grid, d["lesion"], load_method(B).reference.limits, others=others)
    except MissingInput as error:
        print(f"{case}: CANNOT: {error}", flush=True)
        return None
    matrix = np.linalg.inv(d["T1w_pose"]) @ d["dyn_pose"] @ missed(n)
    region = voxel_means(found.mask.astype(np.float32), grid, dynamic, matrix) >= DYNAMIC
    lesion = voxel_means(d["lesion"].astype(np.float32), grid, dynamic, matrix) >= LESION
    if (filled_ml := region.sum() * dynamic.voxel_ml) < load_method(B).reference.limits.least_ml:
        print(f"{case}: CANNOT: the body fills {filled_ml:.1f} mL of the dynamic series", flush=True)
        return None
    level = int(np.argmax(np.bincount(d["body"][region], minlength=2)[1:])) + 1  # the body that the region mostly lies in
    own = d["body"] == level
    ratios = [float(d[name][region].mean() / d[name][own].mean()) for name in ("true_vp", "true_ktrans_per_min")]
    inside = float((d["body"][region] == level).mean())
    ratios.append(float(d["true_vp"][region].mean() / d["own_vp"][region].mean()))
    ratios.append(float(d["share_own"][region].mean() / d["share_own"][own].mean()))
    numbers = " ".join(f"{name} {value:.2f}" for name, value in found.numbers)
    print(
        f"{case[1:]} level {level:2d}: {region.sum() * dynamic.voxel_ml:4.1f} mL, {100 * inside:3.0f} % in the body, vp {ratios[0]:.3f}, "
        f"Ktrans {ratios[1]:.3f}; vp over marrow's here {ratios[2]:.3f}, marrow {ratios[3]:.3f} of the body's; overlap {int((region & lesion).sum())}; {numbers}",
        flush=True,
    )
    return tuple(ratios)


def summary(name: str, values: Floats) -> None:
    error = np.abs(values - 1)
    within = int((error <= WITHIN).sum())
    print(
        f"{name}: within 3 % in {within} of {error.size}; median {100 * np.median(error):.2f} %, worst {100 * error.max():.2f} %"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="How well reference tissue is found without drawing.")
    parser.add_argument("site", choices=("brain", "spine"))
    parser.add_argument("--patients", type=int, default=20)
    parser.add_argument("--keep", type=Path)
    asked = parser.parse_args()
    cases, measured = (BRAINS, brain) if asked.site == "brain" else (SPINES, spine)
    cases = cases[: asked.patients]
    results = [found for n, case in enumerate(cases) if (found := measured(case, n, asked.keep)) is not None]
    print(f"{len(results)} of {len(cases)} patients have a reference")
    columns = np.array(results).T
    if asked.site == "brain":
        for cap, here, far in zip(CAPS_ML, columns[: len(CAPS_ML)], columns[len(CAPS_ML) :], strict=True):
            summary(f"vp, at most {cap:g} mL, over white matter here", here)
            summary(f"vp, at most {cap:g} mL, over white matter of the whole brain", far)
    else:
        names = (
            "vp over that of its body",
            "Ktrans over that of its body",
            "vp over that of marrow here",
            "marrow over that of its body",
        )
        for name, values in zip(names, columns, strict=True):
            summary(name, values)


if __name__ == "__main__":
    main()
