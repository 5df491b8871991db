"""OSIPI's DSC curves as cases: concentrations of tissue and artery in, blood volume and blood flow as references."""

from collections.abc import Iterator

import numpy as np

from afterglow.io.osipi_case import Case, Layout, Row, Tolerance, Value, number, same_length
from afterglow.records.errors import BadInput

_VOLUME, _FLOW = Tolerance(1, 0.1), Tolerance(15, 0.1)


def _curves(name: str, rows: list[Row]) -> Iterator[Case]:
    """One case a row. The time between frames is in seconds, volume in mL/100 mL, flow in mL/100 mL/min."""
    for row in rows:
        tissue, artery = same_length(name, row, "C_tis", "C_aif")
        tr_s = number(name, row, "tr")
        if not tr_s > 0:
            raise BadInput(f"{name}, {row['label']}: tr is {tr_s:g} s, expected a positive number")
        inputs: dict[str, Value] = {
            "times_s": np.arange(tissue.size, dtype=np.float64) * tr_s,
            "tissue": tissue,
            "artery": artery,
        }
        reference = {"cbv_ml_100ml": number(name, row, "cbv"), "cbf_ml_100ml_min": number(name, row, "cbf")}
        yield Case(name, "dsc", row["label"], inputs, reference, {"cbv_ml_100ml": _VOLUME, "cbf_ml_100ml_min": _FLOW})


DSC_LAYOUTS = (Layout(r"dsc_data.*\.csv", ("label", "C_tis", "C_aif", "tr", "cbv", "cbf"), _curves),)
