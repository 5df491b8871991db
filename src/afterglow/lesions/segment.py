"""An enhancing lesion from one click or a coarse box.

The lesion's mask is its enhancing tissue and the necrosis that this encloses; a cavity filled with fluid is a part of its own
and not in the mask. Every part is given, so that a method can take another sum.
"""

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from afterglow.lesions.grow import Grown, Map, Mask, Terrain, at_half_height, away_mm, sharpest
from afterglow.lesions.look import Images, Look, Point, dark_of, field_of, look_at, noise_of, tissue_of
from afterglow.lesions.parts import fluid_like, hull_of
from afterglow.records.errors import BadInput
from afterglow.records.grid import Grid
from afterglow.records.lesion import PartKind

RADIUS_LIMIT_MM = 60.0  # 40 mL about a cavity of 48 mL span 55 mm: farther from a click inside it no lesion is meant
SEED_MM = 2.0  # a click is as exact as a hand
# Times the noise of the smoothed image that the step across the border must reach. Clicks into healthy brain of digital heads
# mostly stay below 3 (vessels and dura do enhance, and pass), the weakest of their scars reach 4.9.
CONVINCING = 3.5
DISTINCT = 2.0  # standard deviations of other tissue: the weakest digital lesion tried reaches 2.5, most 4 to 12
_BESIDE_MM = 2.0
_REACHES_MM = (25.0, 45.0)  # tried first: a small crop is quick, and holds fewer other bright things
_TOUCHES = 0.04  # share of the border at the limit of growth, above which the lesion is cut there
_UNBOUNDED = 0.3  # and above which it is no lesion
_LARGEST_ML = 150.0  # a solid that is larger is brain
_AROUND_MM = 45.0  # of brain and fluid that a hole is compared with


@dataclass(frozen=True, eq=False)
class Segmented:
    """One lesion on the grid of the image. An empty mask says in its remarks why it is empty."""

    mask: Mask  # (i, j, k): enhancing and necrosis
    parts: tuple[tuple[PartKind, Mask], ...]
    volume_ml: float  # of the mask, border voxels by the share that enhances
    threshold: float  # of the difference image, or of the post-contrast image without one
    contrast_to_noise: float
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Growth:
    """What grew in a crop, before it is put back."""

    look: Look
    grown: Grown
    noise: float
    at_limit: float  # share of the border that lies where growth ends
    distinct: float  # how far it stands above other tissue, in standard deviations of that

    @property
    def convincing(self) -> bool:
        """Whether it is a lesion rather than noise, or brain that is a little brighter than other brain."""
        return bool(self.grown.solid.any()) and self.grown.contrast >= CONVINCING * self.noise and self.distinct >= DISTINCT


def segment_lesion(
    images: Images,
    grid: Grid,
    *,
    click_mm: tuple[float, float, float] | None = None,
    box_mm: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None,
    within: Mask | None = None,
    radius_limit_mm: float = RADIUS_LIMIT_MM,
    threshold_shift: float = 0.0,
) -> Segmented:
    """The enhancing lesion at a click (RAS mm), on its rim or in its middle, or in a box (two corners, RAS mm).

    `within` (i, j, k) is where a lesion may be at all, the brain say. `threshold_shift` moves the border off half height, as a
    share of the step: -0.1 makes the lesion larger. BadInput where the click is outside, in air, or on nothing that enhances.
    """
    check_images(images, grid, within)
    if (click_mm is None) == (box_mm is None):
        raise BadInput("a lesion is outlined from a click or from a box; give one of the two")
    corners = np.array([click_mm, click_mm] if box_mm is None else box_mm, dtype=np.float64)
    centre, half_mm = corners.mean(axis=0), np.abs(corners[1] - corners[0]) / 2
    where = check_place(images.post, grid, click_mm=click_mm, box_mm=box_mm)
    if box_mm is not None:
        found = _in_box(images, grid, centre, half_mm, within, threshold_shift)
    else:
        found = _at_click(images, grid, centre, radius_limit_mm, within, threshold_shift)
    _refuse_nothing(found, where)
    remark = (
        f"{100 * found.at_limit:.0f} % of its border lies at the limit of growth; look at it, and give a box or a larger radius"
    )
    return put_together(found, images, grid, (remark,) if found.at_limit > _TOUCHES else ())


def _at_click(images: Images, grid: Grid, centre: Point, radius_limit_mm: float, within: Mask | None, shift: float) -> Growth:
    """Grown from a click within a small reach, and within larger ones as long as it touches the limit."""
    reaches = [reach for reach in _REACHES_MM if reach < radius_limit_mm] + [radius_limit_mm]
    for reach_mm in reaches:
        look = look_at(images, grid, centre - reach_mm, centre + reach_mm)
        far_mm = np.linalg.norm(look.points_mm - centre, axis=-1)
        seed = np.asarray(far_mm <= max(SEED_MM, 0.9 * max(grid.spacing_mm)))
        found = grow_in(look, np.asarray(far_mm <= reach_mm), seed, within, shift)
        if found.grown.solid.any() and found.at_limit <= _TOUCHES:
            break
    return found


def _in_box(images: Images, grid: Grid, centre: Point, half_mm: Point, within: Mask | None, shift: float) -> Growth:
    margin_mm = half_mm + 6.0  # of surroundings
    look = look_at(images, grid, centre - margin_mm, centre + margin_mm)
    off = np.abs(look.points_mm - centre)
    inside, middle = ((off <= share * half_mm).all(axis=-1) for share in (1.0, 0.5))
    return grow_in(look, np.asarray(inside), np.asarray(middle), within, shift)


def grow_in(look: Look, allowed: Mask, seed: Mask, within: Mask | None, shift: float) -> Growth:
    """Grow from the seed where it is allowed, and count how much of the border the limit made."""
    inside = allowed if within is None else allowed & within[look.box]
    field = field_of(look, inside)
    threshold, solid = sharpest(field, seed & inside)
    grown = (
        at_half_height(field, threshold, solid, shift)
        if solid.any()
        else Grown(solid, solid, np.zeros(solid.shape, np.float32), threshold, 0.0)
    )
    border = ndimage.binary_dilation(grown.solid) & ~grown.solid
    stopped = border & ~allowed
    share = int(np.count_nonzero(stopped)) / max(int(np.count_nonzero(border)), 1)
    tissue = tissue_of(look.images.post)
    return Growth(look, grown, noise_of(look, tissue), share, _distinct(field, grown, tissue))


def _distinct(field: Terrain, grown: Grown, tissue: Mask) -> float:
    """How far what enhances stands above other tissue of the crop, in standard deviations of that."""
    other = tissue & ~field.dark & (away_mm(grown.solid, field.spacing_mm) > _BESIDE_MM)
    if not other.any() or not grown.enhancing.any():
        return 0.0
    middle = float(np.median(field.image[other]))
    spread = 1.4826 * float(np.median(np.abs(field.image[other] - middle)))
    return (float(np.median(field.image[grown.enhancing])) - middle) / max(spread, 1e-12)


def put_together(found: Growth, images: Images, grid: Grid, remarks: tuple[str, ...]) -> Segmented:
    """Name the parts and put them back on the whole grid."""
    look, grown = found.look, found.grown
    solid = look.put_back(grown.solid, grid.shape)
    enhancing = look.put_back(grown.enhancing, grid.shape)
    cavity, said = _cavity(images, grid, look, solid & ~enhancing)
    necrosis = solid & ~enhancing & ~cavity
    mask = enhancing | necrosis
    named: tuple[tuple[PartKind, Mask], ...] = (("enhancing", enhancing), ("necrosis", necrosis), ("cavity", cavity))
    volume = _volume_ml(mask[look.box], necrosis[look.box], grown.membership) * grid.voxel_ml
    parts = tuple((kind, part) for kind, part in named if part.any())
    return Segmented(mask, parts, volume, grown.threshold, grown.contrast / max(found.noise, 1e-12), (*remarks, *said))


def _volume_ml(mask: Mask, necrosis: Mask, membership: Map) -> float:
    """Voxels of the mask; those on either side of its border count by the share that enhances."""
    deep = ndimage.binary_erosion(mask) | necrosis
    border = ndimage.binary_dilation(mask) & ~deep
    beside_necrosis = border & ~mask & ndimage.binary_dilation(necrosis)
    border &= ~beside_necrosis
    return float(np.count_nonzero(deep) + membership[border].sum(dtype=np.float64))


def _cavity(images: Images, grid: Grid, look: Look, hole: Mask) -> tuple[Mask, tuple[str, ...]]:
    """The part of the hole that holds fluid, compared with fluid and brain within 45 mm of the lesion."""
    if not hole.any():
        return hole, ()
    low, high = look.points_mm.reshape(-1, 3).min(axis=0), look.points_mm.reshape(-1, 3).max(axis=0)
    middle = (low + high) / 2
    wide = look_at(images, grid, middle - _AROUND_MM, middle + _AROUND_MM)
    if np.count_nonzero(hole[wide.box]) != np.count_nonzero(hole):
        wide = look
    inside, spacing = hole[wide.box], wide.spacing_mm
    tissue = tissue_of(wide.images.post)
    dark = dark_of(wide, tissue)
    near = away_mm(inside, spacing) <= 2.0
    hull = hull_of(tissue & ~dark, spacing)
    t1 = wide.images.post if wide.images.pre is None else wide.images.pre
    fluid, said = fluid_like(
        inside, hull & tissue & ~dark & ~near, hull & dark & ~near, spacing, t1=t1, t2=wide.images.t2, flair=wide.images.flair
    )
    return wide.put_back(fluid, grid.shape), said


def _refuse_nothing(found: Growth, where: str) -> None:
    if not found.convincing:
        raise BadInput(
            f"{where}: nothing there stands out as enhancing (step {found.grown.contrast:.3g} against noise {found.noise:.3g}, "
            f"{found.distinct:.1f} standard deviations above other tissue); "
            "click on the lesion's rim or its middle, or outline it by hand"
        )
    volume_ml = float(np.count_nonzero(found.grown.solid)) * float(np.prod(found.look.spacing_mm)) / 1000
    if found.at_limit > _UNBOUNDED or volume_ml > _LARGEST_ML:
        raise BadInput(
            f"{where}: what is bright there has no border of its own ({100 * found.at_limit:.0f} % of it is the limit of growth, "
            f"{volume_ml:.0f} mL lie within); "
            "click on the lesion, or give a box around it"
        )


def check_images(images: Images, grid: Grid, within: Mask | None) -> None:
    """BadInput where an image does not lie on the grid."""
    named = {"post-contrast": images.post, "pre-contrast": images.pre, "T2w": images.t2, "FLAIR": images.flair, "allowed": within}
    for name, one in named.items():
        if one is not None and one.shape != grid.shape:
            raise BadInput(f"the {name} image is {one.shape} but the grid is {grid.shape}; resample it first")


def check_place(
    post: Map,
    grid: Grid,
    *,
    click_mm: tuple[float, float, float] | None = None,
    box_mm: tuple[tuple[float, float, float], tuple[float, float, float]] | None = None,
) -> str:
    """The click, or the middle of the box, in words. BadInput where it lies outside the post-contrast image or in air."""
    corners = np.array([click_mm, click_mm] if box_mm is None else box_mm, dtype=np.float64)
    centre = corners.mean(axis=0)
    where = f"{'the click at' if box_mm is None else 'the box about'} {', '.join(f'{v:g}' for v in centre)} mm"
    index = np.rint(grid.to_index(centre)).astype(int)
    if (index < 0).any() or (index >= np.array(grid.shape)).any():
        ends = grid.to_mm(np.array([[0, 0, 0], np.array(grid.shape) - 1], dtype=np.float64))
        low, high = ends.min(axis=0), ends.max(axis=0)
        spans = ", ".join(f"{name} {a:.0f} to {b:.0f}" for name, a, b in zip("xyz", low, high, strict=True))
        raise BadInput(f"{where} lies outside the image ({spans} mm); give RAS millimetres as a viewer shows them")
    look = look_at(Images(post), grid, centre - 4.0, centre + 4.0)
    if not tissue_of(post)[look.box].any():
        raise BadInput(f"{where} lies in air; give RAS millimetres as a viewer shows them")
    return where
