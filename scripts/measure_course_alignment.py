"""Print how exactly series and visits of digital patients are laid on one another, and whether wrong pairs are noticed.

    python scripts/measure_course_alignment.py series|visits|motion|wrong COHORT [COHORT …] [--most N] [--picture FILE.png]

A COHORT is a folder that `afterglow simulate` wrote (bids/ and truth/ in it). Errors are those of points inside the brain (the bones
and the cord, for spines), against the poses of the truth. `--most` limits how many visits (`series`, `motion`), patients
(`visits`) or false partners of each patient (`wrong`) are taken from each cohort. Seconds are CPU seconds of this process, so
that other work on the machine counts little; half of them is what two idle cores would need.
"""

import argparse
import time
from collections.abc import Callable
from itertools import combinations
from pathlib import Path

import numpy as np
from digital_visits import MIDDLE_FRAME, ONTO, SERIES, Floats, Seen, Visit, errors_mm, motion_of, moved, to_body, visits_of
from scipy.spatial.transform import Rotation

from afterglow.align.agreement import checkerboard
from afterglow.align.flip import compare_sides
from afterglow.align.halves import HALVES_MM, halves_apart_mm
from afterglow.align.near import register_near, register_series
from afterglow.align.resample import resample
from afterglow.align.rigid import SHARP_SAME, SHARP_VISITS, register
from afterglow.align.stillness import correct_motion
from afterglow.align.template import VisitImage, patient_space
from afterglow.records.alignment import Alignment


def show(name: str, errors: list[Floats], goal: str = "") -> None:
    """One row: of all points of all pairs, and the worst pair."""
    if errors:
        everything = np.concatenate(errors)
        medians, tails = [float(np.median(e)) for e in errors], [float(np.percentile(e, 95)) for e in errors]
        print(
            f"{name:26s} n {len(errors):3d}  median {np.median(everything):.3f} mm  95 % {np.percentile(everything, 95):.3f} mm  "
            f"worst pair {max(medians):.3f} and {max(tails):.3f}  {goal}",
            flush=True,
        )


def series(cohorts: list[Path], most: int, picture: Path | None) -> None:
    """Every series onto the visit's CE-T1w."""
    for cohort in cohorts:
        errors: dict[str, list[Floats]] = {}
        seconds: dict[str, list[float]] = {}
        refused = []
        for visit in visits_of(cohort)[:most]:
            target, grid = visit.image(ONTO)
            body = visit.body_points()
            for role in (one for one in SERIES if one != ONTO and visit.has(one)):
                source, own = visit.image(role)
                start = time.process_time()
                found = register_series(source, own, target, grid, names=(role, ONTO))
                seconds.setdefault(role, []).append(time.process_time() - start)
                errors.setdefault(role, []).append(errors_mm(found.matrix, to_body(visit, role), visit.to_body(ONTO), body))
                refused += [] if found.trusted else [f"{visit.name} {role}: {found.remark}"]
                if "scanner's coordinates" in found.remark:
                    print(f"{visit.name} {role} near: sharpness {dict(found.quality)['sharpness']:.3f}", flush=True)
        for role, found_errors in errors.items():
            show(f"{cohort.name} {role}", found_errors, f"{np.mean(seconds[role]):.1f} s")
        total = sum(float(np.mean(s)) for s in seconds.values())
        print(f"{cohort.name}: all series of a visit {total:.1f} CPU s; refused {len(refused)}", *refused, sep="\n  ", flush=True)


def visits(cohorts: list[Path], most: int, picture: Path | None) -> None:
    """Every visit of a patient into the patient's own space."""
    for cohort in cohorts:
        everything = visits_of(cohort)
        errors, lost, flags = [], 0, []
        for subject in sorted({one.subject for one in everything})[:most]:
            own = [one for one in everything if one.subject == subject]
            images = [VisitImage(one.session, *one.image(ONTO), contrast=ONTO) for one in own]
            start = time.process_time()
            space = patient_space(images, workers=2)
            seconds = (time.process_time() - start) / len(own)
            body = own[0].body_points()
            mine = []
            for a, b in combinations(own, 2):
                between = space.between(a.session, b.session)
                if between is not None:
                    mine.append(errors_mm(between, b.to_body(ONTO), a.to_body(ONTO), body))
            lost += sum(not one.trusted for one in space.visits)
            flags += space.flags
            errors += mine
            show(f"{cohort.name} sub-{subject}", mine, f"{seconds:.1f} CPU s a visit")
            if picture is not None and len(images) > 1:
                draw(picture, images[0], images[-1], np.asarray(space.between(images[0].session, images[-1].session)))
                picture = None
        show(f"{cohort.name} together", errors)
        print(f"{cohort.name}: visits not trusted {lost}; flags {flags}", flush=True)


def motion(cohorts: list[Path], most: int, picture: Path | None) -> None:
    """What is left of the head's motion in dynamic series: every frame against the truth, relative to the reference."""
    for cohort in cohorts:
        for visit in visits_of(cohort)[:most]:
            for role in (one for one in ("dsc-ge", "dce") if visit.has(one)):
                data, grid = visit.series(role)
                start = time.process_time()
                found = correct_motion(data, grid, np.arange(data.shape[3]) * 1.0, reference_frames=range(3, 8), workers=2)[1]
                seconds = time.process_time() - start
                points = moved(np.linalg.inv(to_body(visit, role)), visit.body_points())
                apart, turn, size = [], [], []
                for t in range(data.shape[3]):
                    truth = motion_of(visit, role, t) @ np.linalg.inv(motion_of(visit, role, MIDDLE_FRAME))
                    middle, turned = (
                        points.mean(axis=0),
                        Rotation.from_euler("xyz", found.rotation_deg[t], degrees=True).as_matrix(),
                    )
                    estimate = np.eye(4)
                    estimate[:3, :3] = turned
                    estimate[:3, 3] = found.translation_mm[t] - turned @ middle + middle
                    shift = (moved(truth, middle[None]) - middle)[0] - found.translation_mm[t]
                    apart.append(float(np.linalg.norm(shift)))
                    turn.append(float(np.degrees(Rotation.from_matrix(truth[:3, :3].T @ turned).magnitude())))
                    size.append(float(np.linalg.norm(moved(truth, points) - points, axis=1).mean()))
                report_motion(f"{visit.name} {role}", np.array(apart), np.array(turn), np.array(size), seconds)


def report_motion(name: str, apart: Floats, turn: Floats, size: Floats, seconds: float) -> None:
    print(
        f"{name}: moved up to {size.max():.2f} mm; shift error median {np.median(apart):.3f}, 95 % {np.percentile(apart, 95):.3f}, "
        f"largest {apart.max():.3f} mm; turn error {np.median(turn):.3f}, {np.percentile(turn, 95):.3f}, {turn.max():.3f} deg; "
        f"{seconds:.0f} CPU s for {len(apart)} frames",
        flush=True,
    )


def wrong(cohorts: list[Path], most: int, picture: Path | None) -> None:
    """Pairs that must be refused, and sides exchanged that must be noticed; the right pairs beside them."""
    flagged: dict[str, list[bool]] = {}
    first = [next(v for v in visits_of(c) if v.subject == s) for c in cohorts for s in sorted({v.subject for v in visits_of(c)})]
    for number, visit in enumerate(first):
        target = visit.image(ONTO)
        later = [one for one in visits_of(visit.cohort) if one.subject == visit.subject and one.session != visit.session]
        for one in later[:most]:
            for role in (r for r in (ONTO, "FLAIR", "T2w") if one.has(r)):
                image, grid = one.image(role)
                judge(flagged, f"right pair {role}", (image, grid), target)
                side = int(np.argmax(np.abs(grid.affine[0, :3])))
                judge(flagged, f"sides exchanged {role}", (np.ascontiguousarray(np.flip(image, side)), grid), target)
        if visit.has("dwi"):
            judge_near(flagged, visit, first[(number + 1) % len(first)])
        others = [first[(number + step) % len(first)] for step in range(1, 1 + min(most, len(first) - 1))]
        for one in others:
            for role in (r for r in (ONTO, "FLAIR", "T2w") if one.has(r)):
                judge(flagged, f"another patient {role}", one.image(role), target)
        image, grid = visit.image(ONTO)
        for name, axis in (("upside down", 2), ("back to front", 1)):
            judge(
                flagged, name, (np.ascontiguousarray(np.flip(image, int(np.argmax(np.abs(grid.affine[axis, :3]))))), grid), target
            )
        noise = np.random.default_rng(number).standard_normal(image.shape).astype(np.float32)
        judge(flagged, "noise", (noise, grid), target)
    for name, answers in sorted(flagged.items()):
        print(f"{name:26s} refused or flagged {sum(answers)} of {len(answers)}", flush=True)


def judge(flagged: dict[str, list[bool]], name: str, source: Seen, target: Seen) -> None:
    sharp = SHARP_VISITS if name.endswith(("FLAIR", "T2w")) else SHARP_SAME
    found: Alignment = register(*source, *target, names=("source", "target"), sharp=sharp)
    sides = compare_sides(*source, *target, found)
    apart = halves_apart_mm(*source, *target, found.matrix) if found.trusted else None
    noticed = not found.trusted or (apart is not None and apart > HALVES_MM) or (sides is not None and sides.exchanged)
    flagged.setdefault(name, []).append(noticed)
    numbers = dict(found.quality)
    ratio = float("nan") if sides is None else sides.mirrored / sides.as_given
    print(
        f"  {name:26s} {'noticed' if noticed else 'believed':8s} sharpness {numbers.get('sharpness', np.nan):.3f}  "
        f"forward-backward {numbers.get('forward_backward_mm', np.nan):6.2f} mm  head Dice {numbers.get('head_dice', np.nan):.3f}  "
        f"halves {np.nan if apart is None else apart:5.2f} mm  mirrored / as given {ratio:.3f}{' EXCHANGED' if sides is not None and sides.exchanged else ''}",
        flush=True,
    )


def judge_near(flagged: dict[str, list[bool]], visit: Visit, other: Visit) -> None:
    """Diffusion onto CE-T1w, by the way that starts from the scanner's coordinates."""
    image, grid = visit.image("dwi")
    flips = {"sides exchanged": 0, "upside down": 2}
    wrong = {name: (np.ascontiguousarray(np.flip(image, axis)), grid) for name, axis in flips.items()}
    for name, source, target in (
        ("right pair", (image, grid), visit),
        *((name, one, visit) for name, one in wrong.items()),
        ("another patient", (image, grid), other),
    ):
        found = register_near(*source, *target.image(ONTO), names=("dwi", ONTO))
        flagged.setdefault(f"{name} dwi, near", []).append(not found.trusted)
        numbers = dict(found.quality)
        print(
            f"  {name} dwi, near: sharpness {numbers['sharpness']:.3f}  again {numbers['forward_backward_mm']:.2f} mm", flush=True
        )


def draw(path: Path, a: VisitImage, b: VisitImage, between: Floats) -> None:
    """The last visit on the first, three sections."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    board = checkerboard(resample(b.image, b.grid, a.grid, between), a.image, 8)
    figure, axes = plt.subplots(1, 3, figsize=(12, 4.6))
    for axis, one in zip(axes, range(3), strict=True):
        axis.imshow(np.take(board, board.shape[one] // 2, axis=one).T, origin="lower", cmap="gray")
        axis.axis("off")
    figure.tight_layout()
    figure.savefig(path, dpi=80)


WHAT: dict[str, Callable[[list[Path], int, Path | None], None]] = {f.__name__: f for f in (series, visits, motion, wrong)}

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("cohorts", nargs="+", type=Path)
    parser.add_argument("--most", type=int, default=1_000)
    parser.add_argument(
        "--picture", type=Path, help="visits: draw the last visit of the first patient on its first as a checkerboard"
    )
    asked = parser.parse_args()
    WHAT[asked.what](asked.cohorts, asked.most, asked.picture)
