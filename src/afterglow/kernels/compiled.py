"""The one way a loop becomes machine code here. Import it inside a function only: numba takes time to load."""

import hashlib
from collections.abc import Callable
from types import CodeType, FunctionType
from typing import Any, TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., Any])


def compiled(function: _Function) -> _Function:
    """Machine code of the function, kept between runs; it lets go of Python's lock, so that callers may use threads.

    Where neither the package nor the user has a folder to keep it in, it is made anew in each run. numba looks only at the
    file of the function itself to know whether what it kept is still true, so its name also says what it is made of.
    """
    function.__qualname__ += "_" + _made_of(cast(FunctionType, function))
    try:
        return cast(_Function, njit(cache=True, nogil=True, error_model="numpy")(function))
    except RuntimeError:  # numba found no place for its cache
        return cast(_Function, njit(nogil=True, error_model="numpy")(function))


def _made_of(function: FunctionType) -> str:
    """A short hash of the function's code, and of the constants and compiled functions that it takes from elsewhere."""
    parts: list[str] = []
    waiting, seen = [function], {function}
    while waiting:
        one = waiting.pop()
        code = one.__code__
        parts += [code.co_code.hex(), repr([c for c in code.co_consts if not isinstance(c, CodeType)]), repr(code.co_names)]
        for name in code.co_names:
            value = one.__globals__.get(name)
            inner = getattr(value, "py_func", None)
            if isinstance(inner, FunctionType) and inner not in seen:
                seen.add(inner)
                waiting.append(inner)
            elif isinstance(value, int | float | str | tuple):
                parts.append(f"{name} = {value!r}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]
