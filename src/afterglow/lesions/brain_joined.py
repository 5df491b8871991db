"""Two masks of one brain made one: the average brain laid on the image, and what is bright as brain."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

AROUND_MM = 2.0  # around the average brain, whose shape is not the patient's
FOLLOWED_MM = 6.0  # beyond the average brain, where what is bright as brain is believed to be brain


def joined_region(away_mm: NDArray[np.float32], bright: NDArray[np.bool_], lesion: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
    """The brain (i, j, k) from the average brain laid on the image, which loses no lobe, and from brightness, which follows its shape.

    `away_mm` is the distance from the average brain's surface, below zero inside.
    """
    whole = (away_mm <= AROUND_MM) | (bright & (away_mm <= FOLLOWED_MM))
    if lesion is not None:
        whole |= lesion
    filled: NDArray[np.bool_] = ndimage.binary_fill_holes(whole)
    return filled


def share_followed(away_mm: NDArray[np.float32], bright: NDArray[np.bool_]) -> float:
    """Share of the brightness region that lies in the average brain or close to it; NaN where there is none."""
    if not bright.any():
        return float("nan")
    return float((away_mm[bright] <= FOLLOWED_MM).mean())
