"""Places for labels along a line, so that none is written over another."""

from collections.abc import Sequence

LETTER_EM = 0.62  # mean width of a letter of DejaVu Sans, of its size
SPACE_IN = 0.07  # between two labels of one lane


def width_in(words: str, size_pt: float) -> float:
    """About how wide the words are in inches."""
    return len(words) * LETTER_EM * size_pt / 72


def lanes_of(spans_in: Sequence[tuple[float, float]]) -> list[int]:
    """For each span (start, end) in inches the first lane, counted from 0, in which it touches none before it."""
    taken: list[float] = []
    lanes = [0] * len(spans_in)
    for n in sorted(range(len(spans_in)), key=lambda n: spans_in[n]):
        start, end = spans_in[n]
        lane = next((one for one, last in enumerate(taken) if start >= last + SPACE_IN), len(taken))
        if lane == len(taken):
            taken.append(end)
        else:
            taken[lane] = end
        lanes[n] = lane
    return lanes
