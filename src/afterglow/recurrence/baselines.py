"""Scores that nothing was learned for, to stand beside a model: the maps themselves, and nearness to the enhancing rim.

They rank voxels and patients; no threshold is published by which one of them would call where a tumour comes back (yoon2024 has none).
"""

import numpy as np
from numpy.typing import NDArray

from afterglow import __version__
from afterglow.records.maps import Provenance
from afterglow.records.quantity import QUANTITIES
from afterglow.records.recurrence import Channel, LearningCase, RecurrenceMap, Shown
from afterglow.recurrence.geodesic import Distances, tumour_distance
from afterglow.recurrence.scores import AROUND_MM

DISTANCE = "distance"


def baselines(
    case: LearningCase, *, channels: tuple[Channel, ...] = (), shown: Shown = "new", distance_mm: Distances | None = None
) -> tuple[RecurrenceMap, ...]:
    """Every map of the case as a score, its ratio to the brain away from the tumour, and the distance to the tumour, turned.

    All of them speak of the brain beyond the enhancing tumour alone, for that is hot in every map and says nothing of what will come.
    `channels` say which image is a map of which quantity; without them an image called like a quantity is one. `shown`: as of the models
    that stand beside. A score that cannot be made (nothing known, no tumour outlined, nothing to divide by) is left out.
    """
    quantities = {one.name: one.quantity for one in channels} or {name: name for name in case.images}
    distance = tumour_distance(case) if distance_mm is None else distance_mm
    scored = case.brain if case.enhancing is None else case.brain & ~case.enhancing
    found = []
    for name, quantity in quantities.items():
        if quantity not in QUANTITIES or name not in case.images:
            continue
        values = np.where(scored & np.isfinite(case.images[name]), case.images[name], np.nan).astype(np.float32)
        if not np.isfinite(values).any():
            continue
        unit = QUANTITIES[quantity].unit
        found.append(_score(case, name, values, unit, shown, f"{name} itself"))
        middle = _away(values, distance)
        if middle is not None and unit != "{ratio}":
            words = f"{name} over its median in the brain farther than {AROUND_MM:g} mm from the tumour, {middle:.4g}"
            found.append(_score(case, f"{name}-ratio", values / np.float32(middle), "{ratio}", shown, words))
    if distance is not None:
        farthest = float(np.max(distance[np.isfinite(distance)]))
        nearness = 0.0 - np.where(np.isposinf(distance), farthest + 1, distance)  # what no way leads to comes last
        words = "distance to the enhancing tumour inside the brain, nearer is hotter"
        found.append(_score(case, DISTANCE, np.where(scored, nearness, np.nan), "mm", shown, words))
    return tuple(found)


def _away(values: NDArray[np.float32], distance: Distances | None) -> float | None:
    """Median of the brain beyond the peritumoural zone; None where it is not known or not above zero."""
    if distance is None:
        return None
    there = values[np.isfinite(values) & (distance > AROUND_MM)]
    middle = float(np.median(there)) if there.size else 0.0
    return middle if middle > 0 else None


def _score(case: LearningCase, model: str, values: NDArray[np.floating], unit: str, shown: Shown, words: str) -> RecurrenceMap:
    made = Provenance("baseline", __version__, {"unit": unit}, tuple(case.sources), f"Nothing was learned: {words}.")
    return RecurrenceMap(
        case.subject, case.session, model, values.astype(np.float32), case.grid, shown, (), made, is_probability=False
    )
