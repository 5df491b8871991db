"""Print how exact dose histograms and gamma are, and how long the figures of a plan take.

    python scripts/measure_dosimetry.py shapes|plastimatch|gamma|speed [--seed N]

`shapes`: balls and a cone in doses with a closed form, grid moved at random, largest error of five. `plastimatch`: the phantom of the
tests, whole voxels against whole voxels and what is read inside voxels against a grid five times finer. `gamma`: a ball of dose against
changed ones on 100 x 100 x 100 voxels of 1 mm, 2 % / 1 mm; then rough doses against brute force. `speed`: all figures of a plan in a head of
1.15 L at 1 mm. Seconds are CPU time of one thread.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "rooms")]

from painted_phantom import painted_phantom  # noqa: E402

from afterglow.kernels.dose_volume import Spread, dose_at_share, sampled_spread, volume_at, voxel_spread  # noqa: E402
from afterglow.kernels.gamma_index import gamma_index  # noqa: E402
from afterglow.kernels.partial import share_of_shape  # noqa: E402
from afterglow.painting.density import DENSITIES  # noqa: E402
from afterglow.painting.dosimetry import structure_of  # noqa: E402
from afterglow.painting.dosimetry_figures import DosimetrySettings, plan_figures  # noqa: E402

Array = NDArray[np.float64]
SHARES = (0.98, 0.95, 0.5, 0.02)
DRAWS = 5


def places(n: int, mm: float, off: Array) -> tuple[Array, Array]:
    affine = np.diag([mm, mm, mm, 1.0])
    affine[:3, 3] = -mm * (n - 1) / 2 + mm * off
    return affine, np.stack(np.meshgrid(*[np.arange(float(n)) * mm] * 3, indexing="ij"), axis=-1) + affine[:3, 3]


def above_plane(t: float) -> float:
    """Share of a ball beyond t radii."""
    return (2 - 3 * t + t**3) / 4


def ball(
    ml: float, mm: float, off: Array, radial: bool, direction: Array
) -> tuple[Array, NDArray[np.float32], Callable[[float], float], Callable[[float], float], float]:
    """Dose, share, and the true V (share at a dose) and D (dose of a share) of a ball; and the dose in its middle."""
    radius = (3000 * ml / (4 * np.pi)) ** (1 / 3)
    affine, where = places(int(2 * radius / mm) + 6, mm, off)
    share = share_of_shape(lambda points: (points**2).sum(axis=-1) <= radius**2, shape=where.shape[:3], affine=affine, samples=5)
    slope = 10.0 / radius  # from 32 Gy to 22 Gy, or 10 to 30 Gy, whatever the size
    if radial:
        dose = 32 - slope * np.linalg.norm(where, axis=-1)
        return dose, share, lambda gy: float(np.clip((32 - gy) / 10, 0, 1) ** 3), lambda s: 32 - 10 * s ** (1 / 3), 32
    dose = 20 + slope * (where @ direction)
    return (
        dose, share, lambda gy: above_plane(float(np.clip((gy - 20) / 10, -1, 1))),
        lambda s: 20 + 10 * brentq(lambda t: above_plane(t) - s, -1, 1), 20,
    )  # fmt: skip


def errors(spread: Spread, true_v: Callable[[float], float], true_d: Callable[[float], float], ml: float) -> tuple[float, float]:
    levels = [true_d(s) for s in (0.9, 0.7, 0.5, 0.3, 0.1)]
    of_v = max(abs(volume_at(spread, gy) / ml - true_v(gy)) for gy in levels)
    return 100 * of_v, 100 * max(abs(dose_at_share(spread, s) / true_d(s) - 1) for s in SHARES)


def shapes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    print("ball mL  grid mm  dose       inside voxels: V %  D %    whole voxels: V %  D %")
    for ml, mm in ((10.0, 1.0), (10.0, 2.0), (1.0, 1.0), (0.3, 1.0), (0.1, 1.0), (0.1, 0.5)):
        for radial in (False, True):
            found = []
            for _ in range(DRAWS):
                direction = rng.normal(size=3)
                dose, share, v, d, _ = ball(ml, mm, rng.uniform(-0.5, 0.5, 3), radial, direction / np.linalg.norm(direction))
                inside = sampled_spread(dose, share, voxel_ml=mm**3 / 1000, samples=5)
                whole = voxel_spread(dose, (share >= 0.5).astype(np.float32), voxel_ml=mm**3 / 1000)
                found.append((*errors(inside, v, d, ml), *errors(whole, v, d, ml)))
            a, b, c, e = np.max(found, axis=0)
            print(f"{ml:7g}  {mm:7g}  {'radial' if radial else 'linear':9s}  {a:18.3f} {b:6.3f} {c:18.2f} {e:6.2f}")
    _cone(rng)


def _cone(rng: np.random.Generator) -> None:
    from tests.properties.test_dose_volume import CONE_MM, grid_of, in_cone

    found, top = [], 20 + 0.25 * CONE_MM
    for _ in range(DRAWS):
        axis = rng.normal(size=3)
        axis /= np.linalg.norm(axis)
        affine, where = grid_of(48, tuple(rng.uniform(-0.5, 0.5, 3)))
        share = share_of_shape(lambda p, axis=axis: in_cone(p, axis), shape=where.shape[:3], affine=affine, samples=5)
        spread = sampled_spread(20 + 0.5 * (where @ axis), share, voxel_ml=1e-3, samples=5)
        found.append(
            errors(spread, lambda gy: ((top - gy) / 0.5 / CONE_MM) ** 3, lambda s: top - 0.5 * CONE_MM * s ** (1 / 3), 10)
        )
    of_v, of_d = np.max(found, axis=0)
    print(f"cone of 10 mL, 1 mm, dose along its axis: V {of_v:.3f} %, D {of_d:.3f} %")


def plastimatch(seed: int) -> None:
    from test_dose_plastimatch import plastimatch_curve

    one = painted_phantom(1.5, seed)
    masks = {"tumour": one.zones.tumour, "aggressive": one.zones.labels == 3, "brain": one.brain}
    with tempfile.TemporaryDirectory() as folder:
        for plan in (one.uniform, one.painted):
            doses, shares = plastimatch_curve(plan.dose.dose_gy, one.grid, masks, Path(folder))
            for name, mask in masks.items():
                structure = structure_of(name, mask, one.grid, kind="organ")
                spread = voxel_spread(plan.dose.dose_gy, structure.share, voxel_ml=one.grid.voxel_ml)
                levels = np.arange(1.0, 32.0)
                off = [volume_at(spread, gy) - structure.volume_ml * np.interp(gy, doses, shares[name]) for gy in levels]
                worst = float(np.abs(off).max())
                print(
                    f"{plan.name} {name}: largest difference {worst:.3f} mL, {100 * worst / structure.volume_ml:.3f} %, 1 to 31 Gy"
                )


def gamma(seed: int) -> None:
    where = places(100, 1.0, np.zeros(3))[1]

    def dose(shift: float, factor: float) -> Array:
        radius = np.linalg.norm(where - np.array([shift, 0, 0]), axis=-1)
        result: Array = factor * (32 / (1 + np.exp((radius - 14) / 2.5)) + 3 * np.exp(-radius / 30))
        return result

    reference = dose(0, 1)
    asked = {"spacing_mm": (1.0, 1.0, 1.0), "distance_mm": 1.0, "steps": 4, "greatest": 2.0}
    gamma_index(reference[:4, :4, :4], reference[:4, :4, :4], tolerance_gy=np.ones((4, 4, 4)), **asked)  # type: ignore[arg-type]
    for words, other in (("moved by .5 mm", dose(0.5, 1)), ("moved by 2 mm", dose(2, 1)), ("3 % more", dose(0, 1.03))):
        for cutoff in (0.1, 0.01):
            judged = reference >= cutoff * reference.max()
            start = time.process_time()
            found = gamma_index(reference, other, tolerance_gy=np.where(judged, 0.02 * reference.max(), 0), **asked)  # type: ignore[arg-type]
            seconds, known = time.process_time() - start, found[np.isfinite(found)]
            print(f"{words}, above {cutoff:.0%}: {known.size} voxels, {seconds:.1f} s, {(known <= 1).mean():.4f} pass")
    _rough(seed)


def _rough(seed: int) -> None:
    from tests.properties.test_gamma_index import brute_force, smooth_dose
    from tests.properties.test_gamma_index import gamma as short

    for noise in (0.0, 0.4):
        off = []
        for n in range(6):
            rng = np.random.default_rng(seed + n)
            reference = smooth_dose(rng, (4, 4, 4))
            other = reference * 1.05 + rng.normal(0, noise, reference.shape)
            true = brute_force(reference, other, (1.0, 1.0, 1.0), 0.5, 1.0)
            off.append(short(reference, other) - true)
        high = np.concatenate(off)
        print(
            f"rough doses, noise {noise} Gy: {100 * (high > 0.02).mean():.2f} % of voxels more than .02 above brute force, most {high.max():.3f}"
        )


def speed(seed: int) -> None:
    one = painted_phantom(1.0, seed)
    settings = DosimetrySettings(
        (98, 95, 50, 2), (0.035,), (12.0,), {"brain": DENSITIES["brain"]}, {"brain": 4.0}, {"tumour": 10.0}, 1
    )
    brain = structure_of("brain", one.brain, one.grid, kind="organ")
    plan_figures(
        painted_phantom(5.0).uniform, [painted_phantom(5.0).tumour], target="tumour", reference_gy=16.0, settings=settings
    )
    for plan, reference_gy in ((one.uniform, 16.0), (one.painted, 15.0)):
        start = time.process_time()
        found = plan_figures(plan, [one.tumour, brain], target="tumour", reference_gy=reference_gy, settings=settings)
        print(f"{plan.name}: {len(found)} figures, {one.grid}, {time.process_time() - start:.1f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["shapes", "plastimatch", "gamma", "speed"])
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    {"shapes": shapes, "plastimatch": plastimatch, "gamma": gamma, "speed": speed}[asked.what](asked.seed)


if __name__ == "__main__":
    main()
