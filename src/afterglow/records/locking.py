"""Arrays inside records are read-only: the maker gives them up."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


def locked(array: NDArray[Scalar]) -> NDArray[Scalar]:
    """A read-only view of the array, so that a frozen record stays frozen."""
    view: NDArray[Any] = array.view()
    view.flags.writeable = False
    return view
