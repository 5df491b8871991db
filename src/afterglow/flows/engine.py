"""Many tasks side by side: a plain loop, processes of this machine, or the workers of a dask scheduler.

A task is one picklable function of one picklable job. What it comes to is handed back as it ends; a task whose process
dies is tried once more and then given up with a sentence, and the others go on.
"""

import asyncio
import logging
import re
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FrameType
from typing import Any, NamedTuple, TypeVar
from uuid import uuid4

from afterglow import __version__
from afterglow.records.errors import AfterglowError, BadInput, MissingInput, Stopped

Job = TypeVar("Job")
Made = TypeVar("Made")
INSTALL = "pip install 'afterglow[cluster]'"
CONNECT_S = 10
START_S = 60  # for the processes of this machine, each of which imports everything
_STARTS = 5
_ADDRESS = re.compile(r"(tcp|tls)://[^/\s]+:\d{1,5}")
_ALL = 2**31  # a scheduler keeps its own queue, and its workers may come and go
_TRIES = 2  # of a task whose process dies; the second may only have been beside a guilty one


@dataclass(frozen=True)
class Broken:
    """A task that came to nothing, and why in words."""

    sentence: str


class Workers(NamedTuple):
    """Whom the tasks are given to: a connected client, and how many are handed out at once."""

    client: Any
    at_once: int
    where: str
    note: str = ""  # what a person who waits should know at the start


def has_dask() -> bool:
    """Whether dask.distributed, the extra `cluster`, is installed."""
    try:
        import distributed  # noqa: F401
    except ImportError:
        return False
    return True


def in_turn(task: Callable[[Job], Made], jobs: Sequence[Job]) -> Iterator[tuple[int, Made | Broken]]:
    """Carry out every job in this process, one after the other: (its number, what it came to)."""
    for number, job in enumerate(jobs):
        yield number, _tried(task, job)


def side_by_side(task: Callable[[Job], Made], jobs: Sequence[Job], workers: Workers) -> Iterator[tuple[int, Made | Broken]]:
    """Carry out every job, as many at once as there are workers: (its number, what it came to), as they end.

    Stopped where the scheduler itself is lost, MissingInput where its side has another afterglow or none.
    """
    from distributed import as_completed

    run = uuid4().hex  # a scheduler keeps a result under its key: two runs must not meet
    waiting = iter(enumerate(jobs))
    numbers: dict[str, int] = {}

    def hand_out() -> Any:
        number, job = next(waiting)
        key = f"afterglow-{run}-{number}"
        numbers[key] = number
        return workers.client.submit(_tried, task, job, key=key, pure=False)

    first = [hand_out() for _ in range(min(workers.at_once, len(jobs)))]
    running = as_completed(first, loop=workers.client.loop)
    with _interrupt_kept() as pressed:
        for n_done, future in enumerate(running):
            if pressed.is_set():
                raise KeyboardInterrupt
            try:
                made = _outcome(future, workers.where)
            except CancelledError:
                raise Stopped(
                    f"{workers.where}: the scheduler was lost with {len(jobs) - n_done} of {len(jobs)} patients not done; "
                    "finished ones are kept, start the same command again"
                ) from None
            yield numbers.pop(future.key), made
            future.release()
            if n_done + workers.at_once < len(jobs):
                running.add(hand_out())


@contextmanager
def _interrupt_kept() -> Iterator[threading.Event]:
    """Ctrl-C is remembered: one that comes while a library's callback or finaliser runs, whose errors Python ignores, would be lost."""
    pressed, before = threading.Event(), signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or not callable(before):
        yield pressed
        return

    def remember(number: int, frame: FrameType | None) -> None:
        pressed.set()
        before(number, frame)

    signal.signal(signal.SIGINT, remember)
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)


def _tried(task: Callable[[Job], Made], job: Job) -> Made | Broken:
    """The task; an error that nobody foresaw is told with its kind and place, and costs this job alone."""
    try:
        return task(job)
    except AfterglowError as error:
        return Broken(str(error))
    except Exception as error:  # noqa: BLE001  one bad patient must not cost a night's batch
        return Broken(unforeseen(error))


def unforeseen(error: BaseException) -> str:
    """One line for an error that has no sentence of its own: its kind, what it says, and the line that raised it."""
    words = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "afterglow" in Path(frame.filename).parts] or frames
    place = f" at {'/'.join(Path(ours[-1].filename).parts[-2:])}, line {ours[-1].lineno}" if ours else ""
    return (
        f"{type(error).__name__}{f' ({words})' if words else ''}{place}; "
        "afterglow did not foresee this, please report it with this line"
    )


def _outcome(future: Any, where: str) -> Any:
    """What a task came to. MissingInput where the other side cannot even read it: then no other task would fare better."""
    from distributed.scheduler import KilledWorker

    error = future.exception()
    if error is None:
        return future.result()
    if isinstance(error, ImportError) or "deserializ" in str(error):
        raise MissingInput(
            f"{where}: the scheduler or its workers cannot read a task ({_short(error)}); they need the same Python and afterglow "
            f"{__version__}, as here"
        )
    if isinstance(error, KilledWorker):
        return Broken(
            "the process that worked on it died each time, killed from outside or for lack of memory; "
            "try it alone, or with fewer workers"
        )
    return Broken(unforeseen(error))


@contextmanager
def local_workers(n: int) -> Iterator[Workers]:
    """N processes of this machine, each with one thread; they end with this process, however that ends."""
    import dask
    from distributed import Client, LocalCluster

    with TemporaryDirectory(prefix="afterglow-workers-") as folder, dask.config.set(_SETTINGS), _quiet():
        with _without_interrupt():
            cluster = LocalCluster(
                n_workers=0, threads_per_worker=1, processes=True, memory_limit=0, dashboard_address="127.0.0.1:0",
                local_directory=folder, silence_logs=logging.CRITICAL, host="127.0.0.1",
            )  # fmt: skip
        with cluster, Client(cluster, set_as_default=False) as client:
            _wait_for_some(cluster, client, n)
            yield Workers(client, n, "this machine")


def _wait_for_some(cluster: Any, client: Any, n: int) -> None:
    """All processes, or after a minute those that are there: tasks wait for the others. Stopped where none ever starts."""
    for _ in range(_STARTS):
        cluster.scale(n)
        try:
            client.wait_for_workers(n, timeout=START_S)
        except TimeoutError:
            if not client.nthreads():
                continue
        return
    raise Stopped(
        f"none of {n} processes has started within {_STARTS * START_S} s; start the same command again when the machine is less busy, "
        "or with --workers 1"
    )


@contextmanager
def _without_interrupt() -> Iterator[None]:
    """Threads that begin in here, and the processes that these start, never see Ctrl-C: it is this process that ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    resource_tracker.ensure_running()  # it would open the signal again in the thread that starts it
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


_SETTINGS = {
    "distributed.scheduler.allowed-failures": _TRIES - 1,
    "distributed.scheduler.worker-ttl": None,  # a registration may hold the interpreter for minutes; it is not dead
    "distributed.nanny.pre-spawn-environ": {
        "OMP_NUM_THREADS": 1, "MKL_NUM_THREADS": 1, "OPENBLAS_NUM_THREADS": 1, "DASK_LOGGING__DISTRIBUTED": "critical",
    },
}  # fmt: skip


@contextmanager
def scheduler_workers(address: str) -> Iterator[Workers]:
    """The workers of a scheduler that runs already. MissingInput where none answers within ten seconds, or dask is missing."""
    if not has_dask():
        raise MissingInput(f"--scheduler needs dask.distributed, which is not installed; {INSTALL}")
    from distributed import Client

    if not _ADDRESS.fullmatch(address):
        raise BadInput(
            f"--scheduler {address}: it is no address of a dask scheduler; give tcp://HOST:PORT, as `dask scheduler` prints it"
        )
    with _quiet():
        try:
            kind = asyncio.run(asyncio.wait_for(_who_answers(address), CONNECT_S))
        except Exception as error:  # noqa: BLE001  whatever else listens there may answer anything
            raise MissingInput(
                f"{address}: no dask scheduler answers there within {CONNECT_S} s ({_short(error)}); start one with "
                "`dask scheduler` and give the address it prints"
            ) from None
        if kind != "Scheduler":
            raise BadInput(f"{address}: a dask {kind.lower()} answers there, no scheduler; give the scheduler's own address")
        with Client(address, timeout=CONNECT_S, set_as_default=False) as client:
            idle = not client.scheduler_info()["workers"]
            yield Workers(client, _ALL, address, f"; {address} has no worker yet" if idle else "")


async def _who_answers(address: str) -> str:
    """What a dask process calls itself; asked before a Client is made, which would go on trying after it has failed."""
    from distributed.core import rpc
    from distributed.security import Security

    async with rpc(address, timeout=CONNECT_S, connection_args=Security().get_connection_args("client")) as asked:
        return str((await asked.identity())["type"])


def _short(error: BaseException) -> str:
    if isinstance(error, MemoryError):  # bytes of another protocol, read as a length
        return "something else answers"
    return " ".join(str(error).split())[:80] or type(error).__name__


@contextmanager
def _quiet() -> Iterator[None]:
    """What dask logs about its own connections is not for the person who waits for patients."""
    loggers = [logging.getLogger(name) for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    levels = [one.level for one in loggers]
    for one in loggers:
        one.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for one, level in zip(loggers, levels, strict=True):
            one.setLevel(level)
