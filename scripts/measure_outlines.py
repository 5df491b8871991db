"""Print how well one click outlines a lesion, and how well an outline follows to the next visit, on digital lesions with known truth.

    python scripts/measure_outlines.py click|carry|gone|nothing [--subjects N] [--each N] [--seed N] [--alone]

The truth is every voxel that the lesion's tissues fill by at least a half, in the image's own space: tumour, scar and core for
the lesion (a cavity is no part of it), tumour and scar for what enhances; its volume counts partial voxels by their share.
`click` draws one click from the true lesion (enhancing or necrotic). `carry` takes the true outline of the first visit through
the true transform; `gone` does so where nothing is left. `nothing` clicks into healthy brain. `--alone` withholds pre-contrast T1w and FLAIR. Seconds are CPU time.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from outline_lesions import CHANGES, GONE, DigitalLesion, Seen, digital_lesions

from afterglow.lesions.carry import propagate
from afterglow.lesions.look import Images
from afterglow.lesions.segment import Segmented, segment_lesion
from afterglow.records.errors import BadInput

Mask = NDArray[np.bool_]
_WHOLE = ("tumour", "scar", "core")
_BANDS = ((0.0, 0.75), (0.75, 3.0), (3.0, 12.0), (12.0, 50.0))  # mL


def images_of(seen: Seen, alone: bool) -> Images:
    return Images(seen.images["CE-T1w"], None if alone else seen.images["T1w"], None, None if alone else seen.images["FLAIR"])


def dice(a: Mask, b: Mask) -> float:
    return 2 * float(np.count_nonzero(a & b)) / max(1, int(np.count_nonzero(a)) + int(np.count_nonzero(b)))


def row(lesion: DigitalLesion, seen: Seen, found: Segmented | None, seconds: float) -> dict[str, float]:
    """Agreement of one outline with the truth; nothing found counts as 0 and -100 %."""
    parts = {} if found is None else dict(found.parts)
    none = np.zeros(seen.grid.shape, bool)
    mask, cavity = (none, none) if found is None else (found.mask, parts.get("cavity", none))
    true_ml = seen.true_ml(*_WHOLE)
    return {
        "ml": true_ml,
        "dice": dice(mask, seen.true(*_WHOLE)),
        "dice with cavity": dice(mask | cavity, seen.true(*_WHOLE, "cavity")),
        "dice enhancing": dice(parts.get("enhancing", none), seen.true("tumour", "scar")),
        "volume": (0.0 if found is None else found.volume_ml) / true_ml - 1,
        "voxels": float(np.count_nonzero(mask)) * seen.grid.voxel_ml / true_ml - 1,
        "seconds": seconds,
    }


def click(lesion: DigitalLesion, alone: bool, rng: np.random.Generator) -> dict[str, float]:
    seen = lesion.visits[0]
    inside = np.argwhere(seen.true(*_WHOLE))
    x, y, z = (float(v) for v in seen.grid.to_mm(inside[int(rng.integers(len(inside)))].astype(float)))
    start = time.process_time()
    try:
        found = segment_lesion(images_of(seen, alone), seen.grid, click_mm=(x, y, z))
    except BadInput:
        found = None
    return row(lesion, seen, found, time.process_time() - start)


def carry(lesion: DigitalLesion, alone: bool, rng: np.random.Generator) -> dict[str, float]:
    before, now = lesion.visits
    to_visit = np.linalg.inv(now.pose) @ before.pose
    start = time.process_time()
    found = propagate(before.true(*_WHOLE), before.grid, to_visit, images_of(now, alone), now.grid)
    return row(lesion, now, found if found.mask.any() else None, time.process_time() - start)


def nothing(lesion: DigitalLesion, alone: bool, rng: np.random.Generator) -> dict[str, float]:
    """A click into brain, 25 mm and more from the lesion: 1 where it is refused."""
    seen = lesion.visits[0]
    points = seen.grid.to_mm(np.argwhere(seen.brain).astype(float))
    middle = seen.grid.to_mm(np.argwhere(seen.true(*_WHOLE, "cavity")).mean(axis=0))
    far = points[np.linalg.norm(points - middle, axis=1) > 25 + (3 * lesion.size_ml / 4 * 1000 / np.pi) ** (1 / 3)]
    x, y, z = (float(v) for v in far[int(rng.integers(len(far)))])
    try:
        found = segment_lesion(images_of(seen, alone), seen.grid, click_mm=(x, y, z))
    except BadInput:
        return {"refused": 1.0}
    return {"refused": 0.0, "ml": found.volume_ml}


def gone(lesion: DigitalLesion, alone: bool, rng: np.random.Generator) -> dict[str, float]:
    """The outline of a lesion that is not there at the second visit: 1 where the mask comes back empty."""
    before, now = lesion.visits
    found = propagate(before.true(*_WHOLE), before.grid, np.linalg.inv(now.pose) @ before.pose, images_of(now, alone), now.grid)
    return {"refused": float(not found.mask.any()), "ml": found.volume_ml}


WHAT: dict[str, Callable[[DigitalLesion, bool, np.random.Generator], dict[str, float]]] = {
    f.__name__: f for f in (click, carry, gone, nothing)
}


def tell(name: str, rows: list[dict[str, float]]) -> None:
    if not rows:
        return
    if "refused" in rows[0]:
        print(f"{name:24s} n {len(rows):3d}  refused {100 * np.mean([r['refused'] for r in rows]):.0f} %")
        return
    of = {key: np.array([r[key] for r in rows]) for key in rows[0]}
    print(
        f"{name:24s} n {len(rows):3d}  Dice {np.median(of['dice']):.3f} (worst tenth {np.quantile(of['dice'], 0.1):.2f})"
        f"  with cavity {np.median(of['dice with cavity']):.3f}  enhancing {np.median(of['dice enhancing']):.3f}"
        f"  volume {100 * np.median(of['volume']):+.1f} %, off by {100 * np.median(np.abs(of['volume'])):.1f} %"
        f" (voxels {100 * np.median(np.abs(of['voxels'])):.1f} %)  {np.median(of['seconds']):.1f} s",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=WHAT)
    parser.add_argument("--subjects", type=int, default=4)
    parser.add_argument("--each", type=int, default=8)
    parser.add_argument("--seed", type=int, default=2)
    parser.add_argument("--alone", action="store_true")
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    by_kind, by_size, every = defaultdict(list), defaultdict(list), []
    for lesion in digital_lesions(
        asked.subjects, asked.each, asked.seed, changes={"carry": CHANGES, "gone": GONE}.get(asked.what, ())
    ):
        found = WHAT[asked.what](lesion, asked.alone, rng)
        band = next(f"{low:g} to {high:g} mL" for low, high in _BANDS if low <= lesion.size_ml < high)
        print("  ", lesion.name, lesion.kind, lesion.size_ml, {k: round(v, 3) for k, v in found.items()}, flush=True)
        every.append(found)
        by_kind[lesion.kind].append(found)
        by_size[band].append(found)
    tell("all", every)
    for name, rows in (*by_kind.items(), *sorted(by_size.items())):
        tell(name, rows)


if __name__ == "__main__":
    main()
