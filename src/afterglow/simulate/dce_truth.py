"""What a DCE series should find: the perfusion and relaxation of every voxel of a body, and the plasma that fed it."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from afterglow.simulate.acquire import Fields
from afterglow.simulate.body import Body, on_series
from afterglow.simulate.dce import Bolus
from afterglow.simulate.series import TrueMap

Map = NDArray[np.float32]

_UNITS = {"ktrans": "/min", "t1": "s", "delay": "s"}  # of true maps; else 1
_SHARES = ("tumour", "scar", "infiltration", "core", "cavity", "oedema", "white")


def true_maps(body: Body, fields: Fields, bolus: Bolus) -> tuple[TrueMap, ...]:
    """Volume averages in each voxel of the series, the body as in its first frame.

    ktrans (/min), ve, vp (0 where nothing leaks), t1 (s), delay (s, weighted by vp; NaN without perfusion), b1, and shares of
    tissues, `enhancing` those of tumour and scar together.
    """
    rows = [body.table[name] for name in body.tissues]
    blood = 1.0 - bolus.haematocrit

    def total(values: list[float], drawn: list[Map]) -> Map:
        mixed = body.amounts @ np.array(values, dtype=np.float32)
        for one, amount in zip(body.drawn, drawn, strict=True):
            mixed[one.where] += amount
        return on_series(body, mixed)

    perfused = total([t.vp + blood * bool(t.blood) for t in rows], [one.vp for one in body.drawn])
    late = total([t.vp * t.delay_s for t in rows], [one.vp * np.float32(one.delay_s) for one in body.drawn])
    density, rate = on_series(body, body.density), on_series(body, body.density * body.r1_per_s)
    with np.errstate(divide="ignore", invalid="ignore"):
        delay = np.where(perfused > 1e-4, late / perfused, np.nan).astype(np.float32)
        t1_s = np.where(density > 0.1, density / rate, np.nan).astype(np.float32)
    shares = {name: body.share(name) for name in _SHARES}
    maps = {
        "ktrans": total([t.ktrans_per_min for t in rows], [one.ktrans_per_min for one in body.drawn]),
        "ve": total([t.ve for t in rows], [one.ve for one in body.drawn]),
        "vp": perfused,
        "t1": t1_s,
        "delay": delay,
        "b1": fields.flip_angle.at(body.grid),
        "enhancing": shares["tumour"] + shares["scar"],
        **shares,
    }
    return tuple(TrueMap(name, _UNITS.get(name, "1"), values, body.grid, "dce") for name, values in maps.items())


def plasma_table(bolus: Bolus) -> Mapping[str, NDArray[np.float64]]:
    """Columns (n,) of the plasma curves on the clock of the series: time_s, artery_mM, vein_mM."""
    columns = {"time_s": bolus.times_s, "artery_mM": bolus.artery_mM, "vein_mM": bolus.vein_mM}
    return {name: np.asarray(values, dtype=np.float64) for name, values in columns.items()}
