"""A picture of a visit is drawn once, though the visit's own page and the patient's page both show it."""

from collections.abc import Callable, Hashable, Mapping
from functools import update_wrapper
from typing import Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from afterglow.records.result import ExamResult
from afterglow.report.figures.windows import Window

Asked = ParamSpec("Asked")
Picture = TypeVar("Picture")
_Key = tuple[Hashable, ...]


def drawn_once(draw: Callable[Concatenate[ExamResult, Asked], Picture]) -> Callable[Concatenate[ExamResult, Asked], Picture]:
    """Keep what `draw` made of a visit for as long as the visit is held; the same question gets the same bytes."""
    made: WeakKeyDictionary[ExamResult, dict[_Key, Picture]] = WeakKeyDictionary()

    def once(exam: ExamResult, /, *asked: Asked.args, **named: Asked.kwargs) -> Picture:
        mine = made.setdefault(exam, {})
        key = (*(_known(exam, one) for one in asked), *((name, _known(exam, one)) for name, one in sorted(named.items())))
        if key not in mine:
            mine[key] = draw(exam, *asked, **named)
        return mine[key]

    update_wrapper(once, draw)
    return once


def _known(exam: ExamResult, asked: object) -> Hashable:
    """A lesion is itself; windows are known by what they show of the maps of this visit."""
    if not isinstance(asked, Mapping):
        assert isinstance(asked, Hashable)
        return asked
    windows: Mapping[str, Window] = asked
    names = sorted({one.quantity.name for one in exam.maps} & windows.keys())
    return tuple((name, windows[name].low, windows[name].high, windows[name].said) for name in names)
