"""Random courses of lesions whose events are known because the story made them, not because masks were compared.

Lesions are lumps of balls in a small space of 2 mm voxels. Between visits each one grows, shrinks, stays, vanishes, falls apart, joins a
neighbour, gives a piece to a neighbour, comes back, or is cut out; others appear. Every visit is displaced by its own registration error
of up to 1.5 mm, outlines wobble from visit to visit, some visits show a part of the space only, some have no outline at all.

What no reader of outlines could decide is not asked (`strict`): lesions keep a gap, also from where a neighbour was at the visit before;
a lesion never appears where another one has gone; out of view lesions only grow and shrink; where surgery is known by its day alone, no other
lesion vanishes in the same interval. With `strict` False all of this but the views may happen, and the story still says what it was.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from lesion_lumps import GRID, SIZE_MM, Ball, Lump, Point, drawn_mask, gap_mm, inside, outside
from numpy.typing import NDArray

from afterglow.lesions.visits import VisitMasks

CLEAR_MM = 4.0  # nominal gap between two lesions; wobble takes up to half of it
AWAY_MM = 9.0  # how far a new lesion stays from where another one has gone
DISPLACED_MM = 1.5
SMALLEST_MM, LARGEST_MM = 2.0, 16.0
FATES = {"grow": 0.3, "shrink": 0.22, "stay": 0.1, "vanish": 0.08, "split": 0.12, "merge": 0.1, "give": 0.08}


@dataclass
class Story:
    """Visits as the matcher gets them, and the truth: sightings of each lesion, and events by the outlines they speak of."""

    visits: list[VisitMasks] = field(default_factory=list)
    resections: list[float] = field(default_factory=list)
    tracks: dict[int, list[tuple[str, str]]] = field(default_factory=dict)  # lesion -> (session, drawn name)
    events: set[tuple[str, str, frozenset[tuple[str, str]], frozenset[str]]] = field(default_factory=set)


class Teller:
    """Tells one story."""

    def __init__(self, seed: int, *, names: bool = False, strict: bool = True) -> None:
        self.rng = np.random.default_rng(seed)
        self.names, self.strict = names, strict
        self.story = Story()
        self.now: dict[int, Lump] = {}
        self.was: list[Lump] = []  # as they were at the visit before, those that have just gone too
        self.gone: dict[int, Lump] = {}
        self.whole: set[int] = set()  # outlined wholly when last outlined
        self.views: list[tuple[float, float]] = []  # of the visits with outlines so far
        self.count = 0
        self.mostly_given: set[int] = set()  # rests of lesions whose larger part joined another one
        self.size: dict[int, int] = {}  # voxels when last outlined

    # ---- geometry -------------------------------------------------------------------------------------------------------

    def direction(self) -> Point:
        v = self.rng.normal(size=3)
        return v / np.linalg.norm(v)

    def lump(self, balls: tuple[Ball, ...]) -> Lump:
        self.count += 1
        return Lump(self.count, balls, self.rng.normal(size=(3, 3)))

    def clear(self, balls: tuple[Ball, ...], without: set[int]) -> bool:
        """Room for these balls: away from every other lesion, and from where others were."""
        others = [o for o in self.now.values() if o.name not in without]
        if self.strict:
            others += [o for o in self.was if o.name not in without]
        return inside(balls) and all(gap_mm(balls, o.balls) >= CLEAR_MM for o in others)

    def place(self) -> Lump | None:
        """A new lesion somewhere, mostly close to another one."""
        for _ in range(40):
            radius = float(np.exp(self.rng.uniform(np.log(SMALLEST_MM), np.log(12))))
            centre = self.rng.uniform(radius + 5, SIZE_MM - radius - 5)
            if self.now and self.rng.random() < 0.7:
                near = self.rng.choice(list(self.now))
                ball = self.now[int(near)].balls[0]
                centre = ball.centre + self.direction() * (ball.radius + radius + self.rng.uniform(CLEAR_MM, 9))
            balls = (Ball(centre, radius),)
            away = not self.strict or all(gap_mm(balls, o.balls) >= AWAY_MM for o in self.gone.values())
            if away and self.clear(balls, set()):
                return self.lump(balls)
        return None

    # ---- what may happen to one lesion; each says whether it could ------------------------------------------------------

    def scale(self, name: int, factor: float) -> bool:
        lump = self.now[name]
        for part in (1.0, 0.6, 0.3):
            grown = lump.scaled(1 + part * (factor - 1))
            radii = [b.radius for b in grown.balls]
            if max(radii) <= LARGEST_MM and min(radii) >= SMALLEST_MM and self.clear(grown.balls, {name}):
                self.now[name] = grown
                return True
        return False

    def parts(self, lump: Lump) -> list[tuple[Ball, ...]] | None:
        """A lesion falls apart: a ball in two along some axis, balls that had joined each for itself."""
        if len(lump.balls) == 1:
            return self.halves(lump.balls[0], self.direction())
        parts = []
        for ball in lump.balls:
            others = [o for o in lump.balls if o is not ball]
            radius = min(
                ball.radius,
                *((np.linalg.norm(ball.centre - o.centre) - CLEAR_MM) * ball.radius / (ball.radius + o.radius) for o in others),
            )
            if radius >= SMALLEST_MM:
                parts.append((Ball(ball.centre, float(radius)),))
        return parts if len(parts) > 1 else None

    def halves(self, ball: Ball, axis: Point) -> list[tuple[Ball, ...]] | None:
        one, two = ball.radius * self.rng.uniform(0.28, 0.55, size=2)
        apart = one + two + self.rng.uniform(CLEAR_MM, CLEAR_MM + 2)
        a, b = (Ball(ball.centre + s * axis * apart * w / (one + two), r) for s, w, r in ((1, two, one), (-1, one, two)))
        reach = max(float(np.linalg.norm(p.centre - ball.centre)) + p.radius for p in (a, b))
        if min(one, two) < SMALLEST_MM or reach > 1.25 * ball.radius:
            return None
        return [(a,), (b,)]

    def split(self, name: int) -> bool:
        parts = self.parts(self.now[name])
        if parts is None or not all(self.clear(p, {name}) for p in parts):
            return False
        del self.now[name]
        made = [self.lump(p) for p in parts]
        self.now.update({one.name: one for one in made})
        self.change.append(("split", [name], [one.name for one in made]))
        return True

    def neighbour(self, name: int, free: set[int]) -> int | None:
        near = [(gap_mm(self.now[name].balls, self.now[o].balls), o) for o in free - {name} if o in self.now]
        gap, other = min(near, default=(np.inf, 0))
        return other if gap <= 10 else None

    def bridge(self, a: tuple[Ball, ...], b: tuple[Ball, ...]) -> tuple[Ball, ...]:
        """Balls between the nearest two, so that both become one."""
        _, p, q = min(
            ((float(np.linalg.norm(p.centre - q.centre)) - p.radius - q.radius, p, q) for p in a for q in b), key=lambda t: t[0]
        )
        way = q.centre - p.centre
        length = float(np.linalg.norm(way))
        ends = np.linspace(p.radius - 1, length - q.radius + 1, max(2, int((length - p.radius - q.radius) / 2) + 2))
        thick = max(2.2, 0.5 * min(p.radius, q.radius))
        return tuple(Ball(p.centre + way * e / length, thick) for e in ends)

    def merge(self, name: int, other: int) -> bool:
        a, b = self.now[name], self.now[other]
        balls = (*a.balls, *b.balls, *self.bridge(a.balls, b.balls))
        if not self.clear(balls, {name, other}):
            return False
        one = self.lump(balls)
        del self.now[name], self.now[other]
        self.now[one.name] = one
        self.change.append(("merged", [name, other], [one.name]))
        return True

    def give(self, name: int, other: int) -> bool:
        """A piece of one lesion joins another one, the rest stays."""
        lump, taker = self.now[name], self.now[other]
        if len(lump.balls) > 1:
            return False
        way = lump.balls[0].centre - min(taker.balls, key=lambda b: float(np.linalg.norm(b.centre - lump.balls[0].centre))).centre
        halves = self.halves(lump.balls[0], way / np.linalg.norm(way))
        if halves is None:
            return False
        rest, piece = halves
        joined = (*piece, *taker.balls, *self.bridge(piece, taker.balls))
        if gap_mm(rest, joined) < CLEAR_MM - 0.5 or not self.clear(rest, {name, other}) or not self.clear(joined, {name, other}):
            return False
        left, both = self.lump(rest), self.lump(joined)
        if sum(b.radius**3 for b in piece) > sum(b.radius**3 for b in (*rest, *taker.balls)):
            self.mostly_given.add(left.name)
        del self.now[name], self.now[other]
        self.now |= {left.name: left, both.name: both}
        self.change += [("split", [name], [left.name, both.name]), ("merged", [name, other], [both.name])]
        return True

    def vanish(self, name: int, kind: str = "vanished") -> bool:
        self.gone[name] = self.now.pop(name)
        self.change.append((kind, [name], []))
        return True

    def cut(self, name: int) -> tuple[Ball, ...]:
        """Surgery: all of it, or nearly; the cavity it leaves."""
        lump = self.now[name]
        ball = max(lump.balls, key=lambda b: b.radius)
        rest = self.rng.uniform(0.25, 0.5) * ball.radius
        left = (Ball(ball.centre + self.direction() * (ball.radius - rest), rest),)
        if self.rng.random() < 0.6 or len(lump.balls) > 1 or rest < SMALLEST_MM or not self.clear(left, {name}):
            self.vanish(name, "resected")
            return lump.balls
        self.now[name] = replace(lump, balls=left)
        self.change.append(("resected", [name], [name]))
        return (Ball(ball.centre, ball.radius - 1),)

    # ---- the course -----------------------------------------------------------------------------------------------------

    def tell(self) -> Story:
        self.who: dict[int, int] = {}  # lump -> lesion
        self.seen_as: dict[int, Lump] = {}  # lump -> as it was last outlined
        self.last: dict[int, tuple[str, str]] = {}  # lesion -> where it was last outlined
        self.cavity: tuple[Ball, ...] = ()
        for _ in range(int(self.rng.integers(1, 7))):
            lump = self.place()
            if lump is not None:
                self.now[lump.name] = lump
        n_visits, day = int(self.rng.integers(3, 7)), 0.0
        surgery = int(self.rng.integers(1, n_visits)) if self.rng.random() < 0.3 else 0
        self.look_for_cavities = self.rng.random() < 0.5
        for visit in range(n_visits):
            low, high = self.view()
            blank = visit > 0 and self.rng.random() < 0.05
            self.change: list[tuple[str, list[int], list[int]]] = []
            if visit > 0:
                self.live(low, high, quiet=blank, surgery=visit == surgery, day=day + 30)
                day += 60
            self.draw(f"{visit:02d}", day, low, high, blank=blank)
        return self.story

    def view(self) -> tuple[float, float]:
        """Heights between which this visit sees; now and then a part of the space only."""
        if self.rng.random() > 0.2:
            return 0.0, float(SIZE_MM[2])
        thick = self.rng.uniform(0.5, 0.75) * SIZE_MM[2]
        low = self.rng.uniform(0, SIZE_MM[2] - thick)
        return float(low), float(low + thick)

    def live(self, low: float, high: float, *, quiet: bool, surgery: bool, day: float) -> None:
        """What happens between two visits, to lesions that both visits show wholly; the others grow and shrink."""
        self.was = [self.seen_as.get(o.name, o) for o in self.now.values()]
        before = set(self.gone)
        self.only_cut = False
        free = {n for n, o in self.now.items() if not quiet and n in self.whole and inside(o.balls, low, high, margin=8)}
        if surgery and free:
            name = int(self.rng.choice(sorted(free)))
            free.discard(name)
            self.cavity = self.cut(name)
            self.story.resections.append(day)
            self.only_cut = self.strict and not self.look_for_cavities
        acted = set(self.now) - {o.name for o in self.was}
        for name in self.rng.permutation(sorted(self.now)).tolist():
            cut = any(name in (*a, *b) for _, a, b in self.change)
            if name in self.now and name not in acted and not cut:
                self.fate(name, free)
        if quiet:
            return
        for name in sorted(before):
            back = self.gone[name].scaled(self.rng.uniform(0.5, 1.0))
            fits = min(b.radius for b in back.balls) >= SMALLEST_MM and inside(back.balls, low, high, margin=8)
            if self.rng.random() < 0.12 and fits and self.clear(back.balls, {name}):
                self.now[name] = back
                del self.gone[name]
                self.change.append(("returned", [name], [name]))
        if self.rng.random() < 0.25:
            self.appear(low, high)

    def fate(self, name: int, free: set[int]) -> None:
        kind = str(self.rng.choice(list(FATES), p=list(FATES.values()))) if name in free else "grow"
        joins = kind in ("merge", "give")
        other = self.neighbour(name, {o for o in free if o in self.now and not self.changed(o)}) if joins else None
        ways: dict[str, Callable[[], bool]] = {
            "grow": lambda: self.scale(name, self.rng.uniform(1.05, 1.45)),
            "shrink": lambda: self.scale(name, self.rng.uniform(0.46, 0.95)),
            "stay": lambda: True,
            "vanish": lambda: not self.only_cut and self.vanish(name),
            "split": lambda: self.split(name),
            "merge": lambda: other is not None and self.merge(name, other),
            "give": lambda: other is not None and self.give(name, other),
        }
        if kind in ("split", "merge", "give") and not any(ways[kind]() for _ in range(12)):
            ways["shrink"]()
        elif kind not in ("split", "merge", "give"):
            ways[kind]()

    def changed(self, name: int) -> bool:
        return any(name in (*a, *b) for _, a, b in self.change)

    def appear(self, low: float, high: float) -> None:
        """A new lesion, at a place that earlier visits either showed wholly or not at all."""
        one = self.place()
        if one is None or not inside(one.balls, low, high, margin=8) or not self.views:
            return
        if any(inside(one.balls, *view, margin=8) for view in self.views):
            self.change.append(("new", [], [one.name]))
        elif not all(outside(one.balls, *view) for view in self.views):
            return
        self.now[one.name] = one

    # ---- what a person outlines, and what is true of it -----------------------------------------------------------------

    def draw(self, session: str, day: float, low: float, high: float, *, blank: bool) -> None:
        shift = self.direction() * self.rng.uniform(0, DISPLACED_MM)
        heights = np.arange(GRID.shape[2]) * 2.0
        seen = np.broadcast_to((heights >= low) & (heights <= high), GRID.shape)
        limited = high - low < SIZE_MM[2]
        masks: dict[int, NDArray[np.bool_]] = {}
        taken = np.zeros(GRID.shape, dtype=bool)
        for name, lump in self.now.items():
            whole = drawn_mask(lump, shift, self.rng) & ~taken
            mask = whole & seen
            taken |= mask
            if mask.any() and not blank:
                masks[name] = mask
                self.whole = (self.whole | {name}) if np.count_nonzero(mask) == np.count_nonzero(whole) else (self.whole - {name})
        lost = [a[0] for kind, a, b in self.change if kind in ("vanished", "resected") and not b]
        emptied = [name for name in lost if self.rng.random() < 0.3 or not masks]
        cavity = None
        if self.cavity and self.look_for_cavities:
            cavity = (
                np.any([drawn_mask(Lump(0, (b,), np.zeros((3, 3))), shift, self.rng) for b in self.cavity], axis=0)
                & ~taken
                & seen
            )
        if masks or emptied:
            self.settle(masks)
            drawn = self.drawn_names(masks, emptied)
            self.record(session, masks, drawn, first=not self.views)
            self.views.append((low, high))
            outlines = [(drawn[name], mask) for name, mask in masks.items()]
            outlines += [(drawn[name], np.zeros(GRID.shape, dtype=bool)) for name in emptied]
            self.rng.shuffle(outlines)
        else:
            outlines = []
        self.story.visits.append(VisitMasks(session, day, tuple(outlines), seen if limited else None, cavity))

    def settle(self, masks: dict[int, NDArray[np.bool_]]) -> None:
        """Which lesion each lump is: the largest part keeps the name, the largest parent gives it; a piece that was given takes the
        name along only where it outweighs the rest and the taker together."""
        size = {name: np.count_nonzero(mask) for name, mask in masks.items()}
        given = {a[0]: b[0] for kind, a, b in self.change if kind == "split"}
        joined = {b[0] for kind, _, b in self.change if kind == "merged"}
        for kind, parents, made in self.change:
            if kind == "split" and made[1] not in joined:
                self.who[max(made, key=lambda name: size[name])] = self.who[parents[0]]
            elif kind == "split" and made[0] not in self.mostly_given:
                self.who[made[0]] = self.who[parents[0]]
            elif kind == "merged" and parents[0] in given:
                self.who[made[0]] = self.who[parents[0 if given[parents[0]] in self.mostly_given else 1]]
            elif kind == "merged":
                self.who[made[0]] = self.who[max(parents, key=lambda name: self.size[name])]
        for name in masks:
            self.who.setdefault(name, max([0, *self.who.values()]) + 1)
        self.size.update(size)

    def drawn_names(self, masks: dict[int, NDArray[np.bool_]], emptied: list[int]) -> dict[int, str]:
        if self.names:
            return {name: str(self.who[name]) for name in (*masks, *emptied)}
        labels = self.rng.permutation(len(masks)) + 1
        drawn = {name: str(label) for name, label in zip(masks, labels, strict=True)}
        return drawn | {name: f"left{n}" for n, name in enumerate(emptied)}

    def record(self, session: str, masks: dict[int, NDArray[np.bool_]], drawn: dict[int, str], *, first: bool) -> None:
        told = {name for _, _, made in self.change for name in made}
        events = [] if first else list(self.change)
        for name in () if first else self.now:
            known = name in self.who and self.who[name] in self.last
            if name not in masks and known:
                events.append(("unseen", [name], []))
            elif name in masks and not known and name not in told:
                events.append(("unseen", [], [name]))
        for kind, parents, made in events:
            before = frozenset(self.last[self.who[name]] for name in parents)
            self.story.events.add((kind, session, before, frozenset(drawn[name] for name in made)))
        for name in masks:
            lesion = self.who[name]
            self.last[lesion] = (session, drawn[name])
            self.story.tracks.setdefault(lesion, []).append((session, drawn[name]))
            self.seen_as[name] = self.now[name]


def tell(seed: int, *, names: bool = False, strict: bool = True) -> Story:
    """One course; the same for the same seed."""
    return Teller(seed, names=names, strict=strict).tell()
