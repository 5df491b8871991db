"""From maps to zones and doses of one tumour, as often as its maps are drawn."""

import zlib
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from afterglow.flows.method_paint import PaintSpec
from afterglow.flows.paint_evidence import Native, PlanningScene
from afterglow.painting.criteria import votes_of
from afterglow.painting.prescription import by_contours, by_numbers
from afterglow.painting.stability import dose_change, stability_of, zone_agreement
from afterglow.painting.zones import zones_of
from afterglow.records.maps import ParameterMap
from afterglow.records.stability import Retest, Stability
from afterglow.records.zones import Prescription, ZoneMap

Values = Mapping[str, NDArray[np.float32]]


class Painter:
    """A scene, a method's rules and, where doses go by numbers, the map that they go by."""

    def __init__(self, scene: PlanningScene, spec: PaintSpec, number: tuple[NDArray[np.float32], str] | None = None) -> None:
        self.scene, self.spec, self.number = scene, spec, number

    def paint(self, values: Values) -> tuple[ZoneMap, Prescription]:
        """Zones and prescription for these values of the maps, each on its own grid."""
        scene, spec = self.scene, self.spec
        evidence = {name: native.evidence(values[name], scene.grid) for name, native in scene.natives.items()}
        votes = [votes_of(one.record(), evidence, scene.grid) for one in spec.criterion]
        sources = tuple(dict.fromkeys(s for one in scene.natives.values() for s in one.parameter_map.provenance.sources))
        zones = zones_of(votes, scene.tumour, scene.grid, spec.zones.record(), sources=sources)
        if self.number is None or spec.numbers is None:
            return zones, by_contours(zones, spec.contours.record(), border_mm=spec.contours.border_mm)
        values_of, source = self.number
        doses, border_mm = spec.numbers.record(), spec.numbers.border_mm
        return zones, by_numbers(values_of, scene.grid, zones, doses, border_mm=border_mm, source=source)

    def found(self) -> tuple[ZoneMap, Prescription]:
        """Zones and prescription of the maps as they are."""
        return self.paint({name: one.parameter_map.values for name, one in self.scene.natives.items()})

    def stability(self, found: tuple[ZoneMap, Prescription]) -> Stability | None:
        """Maps drawn again from their own standard errors; None where no map has any."""
        natives, spec = self.scene.natives, self.spec.stability
        drawn = tuple(name for name, one in natives.items() if one.parameter_map.standard_error is not None)
        if not drawn:
            return None
        draws = [
            self.paint({name: _redrawn(name, one, spec.seed + n) for name, one in natives.items()}) for n in range(spec.draws)
        ]
        fixed = tuple(name for name in natives if name not in drawn)
        return stability_of(found, draws, seed=spec.seed, drawn=drawn, fixed=fixed)


def retest_of(found: tuple[ZoneMap, Prescription], second: Painter, session: str) -> Retest:
    """Zones and prescription of a second scan against those that were found."""
    zones, prescription = second.found()
    return Retest(session, zone_agreement(found[0], zones), dose_change(found[1], prescription))


def _redrawn(name: str, native: Native, seed: int) -> NDArray[np.float32]:
    """The map with normal errors of its own size in each of its voxels; as it is where it has none. Each map has a stream of its own."""
    one: ParameterMap = native.parameter_map
    if one.standard_error is None:
        return one.values
    rng = np.random.default_rng([seed, zlib.crc32(name.encode("utf-8"))])
    noise = rng.standard_normal(one.values.shape, dtype=np.float32)
    error = np.where(np.isfinite(one.standard_error), one.standard_error, np.float32(0))
    drawn: NDArray[np.float32] = one.values + noise * error
    return drawn
