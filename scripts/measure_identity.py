"""Print how many events of random courses of lesions are named right, and whether any outline is lost.

    python scripts/measure_identity.py [--courses 1000] [--first-seed 0] [--names] [--crowded] [--show 5]

The truth is the story that made the masks (tests/properties/lesion_stories.py). An event counts as right where its kind, its visit, the
outlines before and the outlines after are all those of the story. --names: outlines carry the lesions' names. --crowded: lesions may grow
and appear where a neighbour was at the visit before, which masks alone cannot tell from merging or splitting. --show N: print the
first N courses with a mistake.
"""

import argparse
import sys
import time
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "properties"))

from lesion_judge import judged
from lesion_stories import GRID, tell

from afterglow.lesions.track import track_lesions


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--courses", type=int, default=1000)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--names", action="store_true")
    parser.add_argument("--crowded", action="store_true")
    parser.add_argument("--show", type=int, default=0)
    asked = parser.parse_args()
    total: Counter[str] = Counter()
    confusion: Counter[tuple[str, str]] = Counter()
    seconds, shown = 0.0, 0
    for seed in range(asked.first_seed, asked.first_seed + asked.courses):
        story = tell(seed, names=asked.names, strict=not asked.crowded)
        start = time.process_time()
        identity = "names" if asked.names else "places"
        found = track_lesions(story.visits, GRID, subject="01", identity=identity, resections=story.resections)
        seconds += time.process_time() - start
        score = judged(story, found.tracks, found.events)
        total.update(score.counts)
        confusion.update(score.confusion)
        if (score.missed or score.invented or score.counts["links wrong"]) and shown < asked.show:
            shown += 1
            print(f"seed {seed}: missed {sorted(map(str, score.missed))}; invented {sorted(map(str, score.invented))}")
    report(total, confusion, asked.courses, seconds)


def report(total: Counter[str], confusion: Counter[tuple[str, str]], courses: int, seconds: float) -> None:
    right, missed, invented = total["right"], total["missed"], total["invented"]
    print(
        f"{courses} courses, {total['visits']} visits, {total['outlines']} outlines; {1000 * seconds / courses:.1f} ms each to track"
    )
    print(f"outlines in exactly one track: {total['once']} of {total['outlines']}")
    print(f"events of the stories named right: {right} of {right + missed} = {right / (right + missed):.2%}")
    print(
        f"events named that are in no story: {invented}; right of all that either names: {right / (right + missed + invented):.2%}"
    )
    print(f"outlines tied to the right earlier outline: {total['links right']} of {total['links right'] + total['links wrong']}")
    print("\nstory -> named (rows add up to the story's events; 'none': no event of these outlines was named)")
    kinds = sorted({kind for pair in confusion for kind in pair})
    print(f"{'':10s}" + "".join(f"{kind:>10s}" for kind in kinds))
    for truth in kinds:
        print(f"{truth:10s}" + "".join(f"{confusion[truth, named]:10d}" for named in kinds))


if __name__ == "__main__":
    main()
