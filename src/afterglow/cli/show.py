"""What a person, or a program, sees: progress, results, errors."""

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from afterglow.records.errors import Stopped

Progress = Callable[[str, int, int], None]


def as_json(content: Mapping[str, object]) -> None:
    """One JSON object on standard output."""
    sys.stdout.write(json.dumps(content, indent=2, ensure_ascii=False, default=str) + "\n")


def line(text: str) -> None:
    """One line on standard output."""
    sys.stdout.write(text + "\n")


def error(text: str) -> None:
    """One sentence on standard error."""
    sys.stderr.write(f"afterglow: {text}\n")


@contextmanager
def progress_shown(quiet: bool) -> Iterator[Progress]:
    """A bar on a terminal, plain lines elsewhere, on standard error; nothing with `quiet`."""
    try:
        if quiet:
            yield lambda what, done, total: None
        elif sys.stderr.isatty():
            with _bar() as bar:
                yield bar
        else:
            yield _plain_lines()
    except KeyboardInterrupt:
        raise Stopped("stopped; what was finished is kept, run the same command again and it goes on from there") from None


@contextmanager
def _bar() -> Iterator[Progress]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        SpinnerColumn,
        TextColumn,
        TimeElapsedColumn,
    )
    from rich.progress import (
        Progress as RichProgress,
    )

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with RichProgress(*columns, console=Console(stderr=True), transient=True) as rich:
        task = rich.add_task("starting", total=None)

        def show(what: str, done: int, total: int) -> None:
            rich.update(task, description=what, completed=done, total=total if total > 1 else None)

        yield show


def _plain_lines() -> Progress:
    began = time.monotonic()
    last: list[str] = [""]

    def show(what: str, done: int, total: int) -> None:
        if what != last[0]:
            last[0] = what
            sys.stderr.write(f"[{time.monotonic() - began:6.1f} s] {what}\n")
            sys.stderr.flush()

    return show
