"""What the numbers of predicted maps are called in predictions.tsv: who writes them and who reads them say the same words."""

from collections.abc import Iterator, Sequence

from afterglow.records.recurrence import Predicted

MAX = "max"
PRECISION, PRECISION_BY_CHANCE = "average precision", "average precision by chance"
PRECISION_BEYOND = "average precision beyond the tumour"
HOTTEST_INSIDE = "hottest voxel in the recurrence"
FALSE_MARK, TRUE_MARK, RECURRENCES = "false mark", "mark on recurrence", "recurrences"
COVERED_EQUAL, COVERED_STANDARD = "coverage at equal volume", "coverage of the standard margin"
COVERED_GAIN = "coverage gained at equal volume"
SPARED = "healthy tissue spared at equal coverage"
TARGET_VOLUME = "target volume beyond the tumour"
_COVERED, _OF = "coverage of ", " mL"


def any_voxel(threshold: float) -> str:
    """1 where any voxel reaches the threshold, else 0."""
    return f"voxel at {threshold:g}"


def volume_at(threshold: float) -> str:
    """Volume of voxels that reach the threshold, in mL."""
    return f"volume at {threshold:g}"


def hottest(volume_ml: float) -> str:
    """Mean of the hottest voxels that make up the volume."""
    return f"mean of the hottest {volume_ml:g} mL"


def mean_around(distance_mm: float) -> str:
    """Mean of the peritumoural zone."""
    return f"mean within {distance_mm:g} mm of the tumour"


def hottest_near(distance_mm: float) -> str:
    """Whether the hottest voxel lies so near to the recurrence."""
    return f"hottest voxel within {distance_mm:g} mm of the recurrence"


def hit_at(threshold: float) -> str:
    """1 where a voxel of the recurrence reaches the threshold."""
    return f"hit at {threshold:g}"


def coverage_at(threshold: float) -> str:
    """Share of the recurrence that reaches the threshold."""
    return f"coverage at {threshold:g}"


def false_components_at(threshold: float) -> str:
    """Components of voxels at the threshold that meet no recurrence."""
    return f"false components at {threshold:g}"


def covered_by(volume_ml: float) -> str:
    """Share of the recurrence in the tumour and so much of the hottest tissue beyond it: a point of the coverage curve."""
    return f"{_COVERED}{volume_ml:g}{_OF}"


def volume_covering(measure: str) -> float | None:
    """The volume of `covered_by`; None of another measure."""
    if not (measure.startswith(_COVERED) and measure.endswith(_OF)):
        return None
    try:
        return float(measure.removeprefix(_COVERED).removesuffix(_OF))
    except ValueError:
        return None


def marks_of(rows: Sequence[Predicted]) -> Iterator[tuple[Predicted, str | None]]:
    """Marks with the recurrence that each lies on, None: on none."""
    for row in rows:
        if row.measure == FALSE_MARK:
            yield row, None
        elif row.measure.startswith(TRUE_MARK):
            yield row, row.measure.removeprefix(TRUE_MARK).strip()
