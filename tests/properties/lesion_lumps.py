"""Lesions of the invented courses: lumps of balls in a small space, and the masks that somebody would draw of them."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from afterglow.records.grid import Grid

Point = NDArray[np.float64]
GRID = Grid((72, 72, 56), np.diag([2.0, 2.0, 2.0, 1.0]))
SIZE_MM = np.array(GRID.shape) * 2.0


@dataclass(frozen=True)
class Ball:
    centre: Point
    radius: float


@dataclass(frozen=True)
class Lump:
    """One lesion in the story: its name there, its balls, and the shape of its wobble."""

    name: int
    balls: tuple[Ball, ...]
    wobble: Point  # (3, 3)

    def scaled(self, factor: float) -> "Lump":
        middle = np.mean([b.centre for b in self.balls], axis=0)
        return replace(self, balls=tuple(Ball(middle + factor * (b.centre - middle), factor * b.radius) for b in self.balls))


def gap_mm(a: tuple[Ball, ...], b: tuple[Ball, ...]) -> float:
    return min(float(np.linalg.norm(p.centre - q.centre)) - p.radius - q.radius for p in a for q in b)


def inside(balls: tuple[Ball, ...], low: float = 0.0, high: float = float(SIZE_MM[2]), margin: float = 5.0) -> bool:
    """Wholly inside the space, and between two heights of it."""
    for ball in balls:
        reach = ball.radius + margin
        if (ball.centre < reach).any() or (ball.centre > SIZE_MM - reach).any():
            return False
        if low > 0 and ball.centre[2] < low + reach:
            return False
        if high < SIZE_MM[2] and ball.centre[2] > high - reach:
            return False
    return True


def outside(balls: tuple[Ball, ...], low: float, high: float) -> bool:
    """Wholly below or above what is in view, with a margin."""
    return all(b.centre[2] + b.radius + 4 < low or b.centre[2] - b.radius - 4 > high for b in balls)


def drawn_mask(lump: Lump, shift: Point, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Voxels inside the lump, displaced, its border wobbling by some 8 % of its radius; at least one voxel."""
    mask = np.zeros(GRID.shape, dtype=bool)
    breath = 1 + rng.normal(0, 0.02)
    for ball in lump.balls:
        centre = ball.centre + shift
        reach = 1.2 * ball.radius + 2
        low = np.maximum(np.floor((centre - reach) / 2).astype(int), 0)
        high = np.minimum(np.ceil((centre + reach) / 2).astype(int) + 1, GRID.shape)
        axes = [np.arange(a, b) * 2.0 for a, b in zip(low, high, strict=True)]
        off = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1) - centre
        away = np.linalg.norm(off, axis=-1)
        ray = off / np.maximum(away, 1e-9)[..., None]
        border = ball.radius * breath * (1 + 0.08 * np.sin(ray @ lump.wobble.T * 3).mean(axis=-1))
        mask[tuple(slice(a, b) for a, b in zip(low, high, strict=True))] |= away <= border
        mask[tuple(np.clip(np.rint(centre / 2).astype(int), 0, np.array(GRID.shape) - 1))] = True
    return mask
