"""Print how exact and how fast registration, motion correction and the mirror plane are, on heads whose pose is known.

    python scripts/measure_alignment.py rigid|trust|motion|interpolation|mirror

Times are CPU seconds of this process, so that other work on the machine counts little; `motion` also prints wall seconds.
"""

import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from scipy import ndimage

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "rooms"))

from align_heads import BOLUS, CONTRASTS, Floats, Head, box, brain_points, distance_mm, make_head, pose, scan

from afterglow.align.images import array_of, to_image
from afterglow.align.mirror import find_mirror
from afterglow.align.resample import resampler
from afterglow.align.rigid import register
from afterglow.align.stillness import correct_motion
from afterglow.records.grid import Grid

DYNAMIC = box((192, 192, 40), (1.2, 1.2, 3.0), (0, -18, 20))
ANATOMY = box((240, 240, 160), (1.0, 1.0, 1.0), (0, -18, 10))
MIDDLE = np.array([0.0, -18.0, 10.0])
POSES = (
    pose((0, 0, 0), (0, 0, 0)),
    pose((5, -3, 8), (4, -6, 5), MIDDLE),
    pose((25, -20, 30), (25, 20, -20), MIDDLE),
    pose((0, 0, 45), (0, 40, 0), MIDDLE),
    pose((45, 0, 0), (0, 0, 40), MIDDLE),
    pose((0, -45, 0), (40, 0, 0), MIDDLE),
)


def show(name: str, source: Floats, grid: Grid, target: Floats, truth: Floats | None, points: Floats) -> None:
    start = time.process_time()
    found = register(source, grid, target, ANATOMY, names=("source", "t1w"))
    seconds = time.process_time() - start
    error = "" if truth is None else f"error {distance_mm(found.matrix, truth, points).mean():6.3f} mm  "
    quality = "  ".join(f"{label} {value:.2f}" for label, value in found.quality)
    print(f"{name:22s} {error}{seconds:5.2f} s  {'trusted' if found.trusted else 'REFUSED'}  {quality}", flush=True)


def rigid() -> None:
    head = make_head(1, step=1)
    points = brain_points(head)
    anatomy = scan(head.contrast(CONTRASTS["ce_t1w"]), head.affine, ANATOMY, noise=0.02, seed=1)
    spgr, t2w = head.contrast(CONTRASTS["spgr"]), head.contrast(CONTRASTS["t2w"])
    for n, placed in enumerate(POSES):
        show(f"DCE, pose {n}", scan(spgr, head.affine, DYNAMIC, placed, noise=0.03, seed=2), DYNAMIC, anatomy, placed, points)
    still = np.eye(4)
    for name, grid, image, noise in (
        ("DCE at SNR 3", DYNAMIC, spgr, 0.3),
        ("T2w", DYNAMIC, t2w, 0.03),
        ("EPI 3.5 x 3.5 x 6 mm", box((64, 64, 12), (3.5, 3.5, 6.0), (0, -18, 30)), t2w, 0.05),
        ("four sections of 5 mm", box((256, 256, 4), (0.9, 0.9, 5.0), (0, -18, 30)), t2w, 0.05),
        ("90 x 90 x 30 mm view", box((100, 100, 30), (0.9, 0.9, 1.0), (20, -18, 30)), t2w, 0.05),
    ):
        show(name, scan(image, head.affine, grid, still, noise=noise, seed=2), grid, anatomy, still, points)


def trust() -> None:
    head, other = make_head(1, step=1), make_head(2, step=1)
    points, rng = brain_points(head), np.random.default_rng(5)
    anatomy = scan(head.contrast(CONTRASTS["ce_t1w"]), head.affine, ANATOMY, noise=0.02, seed=1)
    seen = scan(head.contrast(CONTRASTS["spgr"]), head.affine, DYNAMIC, noise=0.03, seed=2)
    noise = rng.standard_normal(DYNAMIC.shape)
    texture = ndimage.gaussian_filter(noise, (5, 5, 2))
    i, j, k = np.indices(DYNAMIC.shape)
    oval = ((i - 96) / 63) ** 2 + ((j - 96) / 80) ** 2 + ((k - 20) / 19) ** 2 < 1
    tubes = ((110, 20, 1.0), (75, 8, 0.5), (90, 80, 0.4))
    spine = sum(((i - 96) ** 2 + (j - y) ** 2 < r * r) * a for y, r, a in tubes) * (1 + 0.4 * np.cos(k / 2))
    for name, source in (
        ("the right pair", seen),
        ("noise", noise),
        ("texture", texture),
        ("texture in an oval", np.where(oval, 1 + 0.2 * texture / texture.std(), 0)),
        ("a plain oval", oval + 0.03 * noise),
        ("a spine", spine + 0.03 * noise),
        ("left for right", seen[::-1]),
        ("upside down", seen[:, :, ::-1]),
        ("back to front", seen[:, ::-1]),
        ("another head", scan(other.contrast(CONTRASTS["spgr"]), other.affine, DYNAMIC, noise=0.03, seed=2)),
    ):
        show(name, source, DYNAMIC, anatomy, None, points)


def moving_series(head: Head, frames: int) -> tuple[Floats, list[Floats]]:
    """Still for a third, then shifted, then restless; the bolus arrives at the seventh frame."""
    t = np.arange(frames)
    uptake = np.where(t < 6, 0.0, np.maximum((t - 5) * np.exp(-(t - 6) / 6) / 2.6, 0.4 * (t > 9)))
    rng = np.random.default_rng(3)
    size = np.where(t < frames // 3, 0.0, np.where(t < 2 * frames // 3, 1.0, 2.5 * rng.random(frames)))
    poses = [pose((0.8 * s, -0.5 * s, 1.0 * s), (0.5 * s, 0.7 * s, -1.0 * s), MIDDLE) for s in size]
    base, gain = head.contrast(CONTRASTS["spgr"]), head.contrast(BOLUS)
    series = np.empty((*DYNAMIC.shape, frames), dtype=np.float32)
    for n, (u, placed) in enumerate(zip(uptake, poses, strict=True)):
        series[..., n] = scan(base + np.float32(u) * gain, head.affine, DYNAMIC, placed, noise=0.04, seed=n)
    return series, poses


def peak_mib() -> float:
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 1024


def motion(frames: int = 60) -> None:
    head = make_head(1, step=1)
    series, poses = moving_series(head, frames)
    brain = scan(head.fractions["grey"] + head.fractions["white"] + head.fractions["csf"], head.affine, DYNAMIC) > 0.3
    points = DYNAMIC.to_mm(np.argwhere(brain)[::97].astype(float))
    truth = np.array([distance_mm(p, np.eye(4), points).mean() for p in poses])
    Path("/proc/self/clear_refs").write_text("5")  # Linux: forget the peak of building the head
    before = peak_mib()
    cpu, wall = time.process_time(), time.perf_counter()
    moved = correct_motion(series, DYNAMIC, np.arange(frames) * 5.0, reference_frames=range(5), mask=brain, workers=2)[1]
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    more = peak_mib() - before
    error = np.abs(moved.displacement_mm - truth)
    shifts = np.linalg.norm(moved.translation_mm - [p[:3, :3] @ (m := points.mean(0)) + p[:3, 3] - m for p in poses], axis=1)
    print(f"{frames} frames of 192 x 192 x 40 ({series.nbytes / 2**20:.0f} MiB): {cpu:.1f} s CPU, {wall:.1f} s on two workers")
    print(f"peak memory beyond the series: {more:.0f} MiB")
    print(f"displacement error: mean {error.mean():.3f} mm, largest {error.max():.3f}; shift error: mean {shifts.mean():.3f}")
    print(f"frames resampled: {int(moved.resampled.sum())}; moved in truth by more than 0.15 mm: {int((truth > 0.15).sum())}")


def interpolation() -> None:
    """What each interpolator does to arterial enhancement when a frame is moved back by its true pose."""
    head = make_head(1, step=1)
    rng = np.random.default_rng(0)
    seeds = np.argwhere(head.fractions["csf"] > 0.8)
    tubes = np.zeros(head.fractions["csf"].shape, dtype=np.float32)
    tubes[tuple(seeds[rng.integers(0, len(seeds), 300)].T)] = 1.0
    tubes = ndimage.gaussian_filter(tubes, 1.3)
    image = head.contrast(CONTRASTS["spgr"]) + ndimage.spline_filter(2 * tubes / tubes.max(), 3, output=np.float32)
    still, plain = scan(image, head.affine, DYNAMIC), scan(head.contrast(CONTRASTS["spgr"]), head.affine, DYNAMIC)
    artery = still - plain > 0.8
    gain = float((still - plain)[artery].mean())
    for name, kind in (
        ("linear", sitk.sitkLinear),
        ("cubic B-spline", sitk.sitkBSpline3),
        ("Lanczos", sitk.sitkLanczosWindowedSinc),
    ):
        start, bias, spread = time.process_time(), [], []
        for size in (0.3, 0.8, 1.6):
            placed = pose((0.8 * size, -0.5 * size, size), (0.5 * size, 0.7 * size, -size), MIDDLE)
            frame = to_image(scan(image, head.affine, DYNAMIC, placed), DYNAMIC)
            error = (array_of(resampler(DYNAMIC, placed, kind, np.nan).Execute(frame)) - still)[artery]
            bias.append(np.nanmean(error) / gain)
            spread.append(np.sqrt(np.nanmean(error**2)) / gain)
        seconds = (time.process_time() - start) / 3
        print(
            f"{name:15s} arterial enhancement: bias {100 * np.mean(bias):+.1f} %, RMS error {100 * np.mean(spread):.1f} %, {seconds:.2f} s"
        )


def mirror() -> None:
    sides = np.diag([-1.0, 1.0, 1.0, 1.0])
    for seed in (1, 2, 3, 4):
        head = make_head(seed, bend_mm=1.5)
        for n, placed in enumerate((np.eye(4), pose((8, -6, 12), (6, -4, 3), MIDDLE), pose((10, 20, -20), (15, 0, 0), MIDDLE))):
            seen = scan(head.contrast(CONTRASTS["ce_t1w"]), head.affine, DYNAMIC, placed, noise=0.03)
            start = time.process_time()
            found = find_mirror(seen, DYNAMIC)
            seconds = time.process_time() - start
            points = brain_points(head) @ placed[:3, :3].T + placed[:3, 3]
            error = distance_mm(found.reflection, placed @ sides @ np.linalg.inv(placed), points).mean()
            angle = np.degrees(np.arccos(min(1.0, float(found.normal @ placed[:3, 0]))))
            words = "trusted" if found.trusted else "REFUSED"
            print(f"head {seed}, pose {n}: plane {angle:.2f} deg, point {error:.2f} mm, {seconds:.1f} s, {words}", flush=True)


WHAT: dict[str, Callable[[], None]] = {f.__name__: f for f in (rigid, trust, motion, interpolation, mirror)}

if __name__ == "__main__":
    if len(sys.argv) != 2 or sys.argv[1] not in WHAT:
        sys.exit(f"usage: measure_alignment.py {'|'.join(WHAT)}")
    WHAT[sys.argv[1]]()
