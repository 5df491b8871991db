"""The one way a loop becomes machine code here. Import it inside a function only: numba takes time to load."""

from collections.abc import Callable
from typing import Any, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Machine code of the function, kept between runs; it lets go of Python's lock, so that callers may use threads.

    Where neither the package nor the user has a folder to keep it in, it is made anew in each run.
    """
    try:
        return cast(_Function, njit(cache=True, nogil=True, error_model="numpy")(function))
    except RuntimeError:  # numba found no place for its cache
        return cast(_Function, njit(nogil=True, error_model="numpy")(function))
