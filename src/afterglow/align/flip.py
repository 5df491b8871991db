"""Left for right: does one image fit another better when it is mirrored?"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from afterglow.align.consensus import inverted
from afterglow.align.images import one_itk_thread
from afterglow.align.mutual import CHANCE, Scene, climb, finite_image, information, settle
from afterglow.align.rigid import COARSE, EXPLORE, MIDDLE, SHARP_VISITS, fixed_first, sharpness
from afterglow.align.starts import centre_of_mass, euler
from afterglow.records.alignment import Alignment
from afterglow.records.grid import Grid

# Digital heads and spines share, mirrored, 52 to 72 % of what they share as they are; with one of the two exchanged, 144 to 198 %
# (scripts/measure_course_alignment.py wrong). Of two persons neither side is right: 77 to 111 %, or the mirrored fit is blunt.
EXCHANGED = 1.1


class Sides(NamedTuple):
    """What two images share (nats at 2 mm) as they are, and with the first one mirrored."""

    as_given: float
    mirrored: float
    sharpness: float  # of the mirrored fit

    @property
    def exchanged(self) -> bool:
        """Whether the mirrored fit is the better one, and itself one to believe."""
        return self.mirrored > max(CHANCE, EXCHANGED * self.as_given) and self.sharpness >= SHARP_VISITS


def compare_sides(
    source: NDArray[Any], source_grid: Grid, target: NDArray[Any], target_grid: Grid, found: Alignment
) -> Sides | None:
    """Mirror `source` (i, j, k) and lay it on `target` once more, starting where `found` laid the one that is not mirrored.

    None where one of the two holds one value everywhere. It costs a fifth of the registration.
    """
    with one_itk_thread():
        images = finite_image(source, source_grid), finite_image(target, target_grid)
        if images[0] is None or images[1] is None:
            return None
        across = np.diag([-1.0, 1.0, 1.0, 1.0])
        across[0, 3] = -2.0 * centre_of_mass(images[0])[0]  # LPS to RAS
        mirrored = finite_image(source, Grid(source_grid.shape, across @ source_grid.affine))
        assert mirrored is not None  # the same voxels on a mirrored grid
        if fixed_first(target_grid, source_grid):
            plain, other = Scene(images[1], images[0]), Scene(images[1], mirrored)
            start = euler(found.matrix, centre_of_mass(images[1]))
        else:
            plain, other = Scene(*images), Scene(mirrored, images[1])
            start = euler(inverted(found.matrix), centre_of_mass(images[0]))
        as_given = information(plain.at(MIDDLE), start, MIDDLE)
        rough = climb(other.at(EXPLORE), start, EXPLORE)
        coarse = settle(other.at(COARSE), rough.transform, COARSE)
        middle = other.at(MIDDLE)
        best = climb(middle, coarse.transform, MIDDLE)
        return Sides(as_given, best.information, sharpness(middle, best.transform, MIDDLE, 6.0))
