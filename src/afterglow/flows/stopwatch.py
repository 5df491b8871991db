"""CPU time of work that is done a few times: what `bench` counts."""

import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

Result = TypeVar("Result")


def least_cpu_s(work: Callable[[], Result], *, repeats: int) -> tuple[float, Result]:
    """The least CPU seconds of some repeats, and what the work gave."""
    least = np.inf
    for _ in range(repeats):
        begin = time.process_time()
        result = work()
        least = min(least, time.process_time() - begin)
    return least, result
