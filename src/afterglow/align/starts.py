"""From where to climb, and how far apart two poses are: the geometry around a registration."""

from collections.abc import Iterator

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from afterglow.align.images import LPS_FROM_RAS, array_of
from afterglow.records.grid import Grid

# Mutual information of heads pulls from about 25 degrees; thirty each way about each axis covers 45 and more.
TURNS_DEG = ((0, 0, 0), (30, 0, 0), (-30, 0, 0), (0, 30, 0), (0, -30, 0), (0, 0, 30), (0, 0, -30))


def starts(fixed: sitk.Image, moving: sitk.Image) -> Iterator[sitk.Euler3DTransform]:
    """Poses to try: scanner coordinates first, field of view on field of view, mass on mass; then all three turned."""
    mass = centre_of_mass(fixed)
    shifts = (np.zeros(3), centre_of_view(moving) - centre_of_view(fixed), centre_of_mass(moving) - mass)
    for turn_deg in TURNS_DEG:
        for shift_mm in shifts:
            yield pose(mass, turn_deg, shift_mm)


def pose(
    centre_mm: NDArray[np.float64], turn_deg: tuple[float, float, float], shift_mm: NDArray[np.float64]
) -> sitk.Euler3DTransform:
    """Rotation about a point (LPS mm), then a shift."""
    transform = sitk.Euler3DTransform()
    transform.SetCenter(centre_mm.tolist())
    transform.SetRotation(*(float(np.deg2rad(a)) for a in turn_deg))
    transform.SetTranslation(shift_mm.tolist())
    return transform


def euler(matrix: NDArray[np.float64], centre_mm: NDArray[np.float64]) -> sitk.Euler3DTransform:
    """A rigid matrix (4, 4) between RAS points as a pose that turns about a point (LPS mm)."""
    moved = LPS_FROM_RAS @ matrix @ LPS_FROM_RAS
    transform = sitk.Euler3DTransform()
    transform.SetCenter(centre_mm.tolist())
    transform.SetMatrix(moved[:3, :3].ravel().tolist(), 1e-6)
    transform.SetTranslation((moved[:3, :3] @ centre_mm + moved[:3, 3] - centre_mm).tolist())
    return transform


def nudged(transform: sitk.Euler3DTransform, mm: float, deg: float) -> Iterator[sitk.Euler3DTransform]:
    """Twelve poses beside one: a shift each way along each axis, and a turn each way about each."""
    for parameter in range(6):
        amount = float(np.deg2rad(deg)) if parameter < 3 else mm
        for sign in (-1, 1):
            parameters = list(transform.GetParameters())
            parameters[parameter] += sign * amount
            beside = sitk.Euler3DTransform(transform)
            beside.SetParameters(parameters)
            yield beside


def displaced(transform: sitk.Euler3DTransform, mm: float, deg: float) -> sitk.Euler3DTransform:
    """The pose moved along and turned about every axis at once."""
    away = sitk.Euler3DTransform(transform)
    turn, shift = [float(np.deg2rad(deg))] * 3, [mm] * 3
    away.SetParameters([p + d for p, d in zip(transform.GetParameters(), turn + shift, strict=True)])
    return away


def inverse(transform: sitk.Euler3DTransform) -> sitk.Euler3DTransform:
    """The way back, turning about the point where the first one puts its centre."""
    turn = np.reshape(transform.GetMatrix(), (3, 3)).T
    arrived = np.array(transform.TransformPoint(transform.GetCenter()))
    back = sitk.Euler3DTransform()
    back.SetCenter(arrived.tolist())
    back.SetMatrix(turn.ravel().tolist(), 1e-9)
    back.SetTranslation((np.array(transform.GetCenter()) - arrived).tolist())
    return back


def centre_of_view(image: sitk.Image) -> NDArray[np.float64]:
    """The middle of the field of view (3,), LPS mm."""
    return np.array(image.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in image.GetSize()]))


def centre_of_mass(image: sitk.Image) -> NDArray[np.float64]:
    """The middle of what is bright (3,), LPS mm."""
    values = array_of(image).astype(np.float64)
    weight = values - values.min()
    sums = (weight.sum(axis=(1, 2)), weight.sum(axis=(0, 2)), weight.sum(axis=(0, 1)))
    index = [float(s @ np.arange(s.size) / weight.sum()) for s in sums]
    return np.array(image.TransformContinuousIndexToPhysicalPoint(index))


def bright_points(image: sitk.Image) -> NDArray[np.float64]:
    """Places (n, 3), RAS mm, of the voxels brighter than the mean: where an error in mm is judged."""
    values = array_of(image)
    index = np.argwhere(values > values.mean())
    turn = np.reshape(image.GetDirection(), (3, 3)) * np.array(image.GetSpacing())
    points: NDArray[np.float64] = (index @ turn.T + np.array(image.GetOrigin())) @ LPS_FROM_RAS[:3, :3]
    return points


def apart_mm(matrix: NDArray[np.float64], points: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far a transform (4, 4) moves each point (n, 3) -> (n,) mm."""
    moved: NDArray[np.float64] = np.linalg.norm(points @ (matrix[:3, :3] - np.eye(3)).T + matrix[:3, 3], axis=1)
    return moved


def shared_view(source: Grid, target: Grid, matrix: NDArray[np.float64]) -> float:
    """Share of the smaller field of view that lies inside the other one; `matrix` takes target points to source points."""

    def inside(a: Grid, b: Grid, a_to_b: NDArray[np.float64]) -> float:
        axes = [(np.arange(12) + 0.5) / 12 * n - 0.5 for n in a.shape]
        points = a.to_mm(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3))
        index = b.to_index(points @ a_to_b[:3, :3].T + a_to_b[:3, 3])
        return float(((index >= -0.5) & (index < np.array(b.shape) - 0.5)).all(axis=1).mean())

    if target.size * target.voxel_ml <= source.size * source.voxel_ml:
        return inside(target, source, matrix)
    return inside(source, target, np.asarray(np.linalg.inv(matrix), dtype=np.float64))
