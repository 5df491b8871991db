"""How the report prints numbers, units and places."""

import math
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from afterglow.records.measurement import Measurement
from afterglow.records.quantity import QUANTITIES
from afterglow.report.tables import measurement_table, spread_table
from afterglow.report.words import interval, number, powers_math, symbol_of, title_math, unit_words, with_unit


@given(st.floats(1e-12, 1e8) | st.floats(-1e8, -1e-12))
def test_a_printed_number_keeps_three_significant_digits(value):
    assert float(number(value)) == pytest.approx(value, rel=5.1e-3)


@pytest.mark.parametrize(
    ("value", "printed"),
    [
        (0.12345, "0.123"),
        (0.1, "0.100"),
        (9.999, "10.0"),
        (0.0999999, "0.100"),
        (12345.0, "12300"),
        (0.0, "0.00"),
        (-40.0, "-40.0"),
        (3.2e-6, "3.20e-6"),
        (math.nan, "not measured"),
        (math.inf, "not measured"),
        (None, "not measured"),
    ],
)
def test_numbers_print_as_a_reader_expects(value, printed):
    assert number(value) == printed


def test_an_interval_has_the_decimals_of_its_value():
    assert interval(0.123, 0.1, 0.14512) == "0.100 to 0.145"
    assert interval(123.0, 9.87, 240.2) == "10 to 240"
    assert interval(0.123, None, 0.2) == "not measured"


def test_a_missing_value_carries_no_unit():
    assert with_unit(0.123, "/min") == "0.123 min⁻¹"
    assert with_unit(None, "/min") == "not measured"


@pytest.mark.parametrize("quantity", QUANTITIES.values(), ids=lambda q: q.name)
def test_every_quantity_has_a_readable_unit(quantity):
    words = unit_words(quantity.unit)
    assert (words == "") == (quantity.unit == "1")
    assert not set("{}") & set(words)
    assert powers_math(words) in title_math(quantity)
    assert not set("^*") & set(re.sub(r"\$.*?\$", "", title_math(quantity)))


def test_a_diffusion_coefficient_is_read_in_thousandths_wherever_it_is_printed():
    assert with_unit(0.00123, "mm2/s") == "1.23 × 10⁻³ mm²/s"
    assert title_math(QUANTITIES["adc"]) == "ADC [10⁻³ mm²/s]"
    assert interval(0.00123, 0.001, 0.0014, "mm2/s") == "1.00 to 1.40"
    absolute = _measurement("mean", 0.00123, quantity="adc", unit="mm2/s", ci_low=0.001, ci_high=0.0014)
    ratio = _measurement(
        "mean", 1.6, quantity="adc", unit="1", reference_kind="contralateral white matter", reference_value=0.00077
    )
    table = measurement_table((absolute, ratio))
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert (row["Value"], row["Unit"], row["95 % interval"]) == ("1.23", "10⁻³ mm²/s", "1.00 to 1.40")
    assert (row["Ratio"], row["Reference"]) == ("1.60", "0.770 × 10⁻³ mm²/s")
    wide = spread_table([replace(absolute, statistic="p95")])
    assert wide is not None
    assert wide.rows[0][-1] == "1.23"


def test_odd_units_are_spelled_for_readers():
    assert with_unit(-12.0, "s-5/2") == "-12.0 s^(-5/2)"
    assert with_unit(8.0, "um") == "8.00 µm"
    assert with_unit(240.0, "/mm2") == "240 mm⁻²"
    assert with_unit(2.1, "{ratio}") == "2.10"
    assert symbol_of("ucbv") == "µCBV"
    assert symbol_of("mti_negative") == "P(MTI < 0)"


def _measurement(statistic: str, value: float | None, **changes: object) -> Measurement:
    fields: dict[str, object] = {
        "participant_id": "01", "session_id": "01", "day": 0.0, "lesion_id": "1", "region": "lesion", "quantity": "ktrans",
        "statistic": statistic, "value": value, "unit": "/min", "ci_low": None, "ci_high": None, "ci_kind": "bootstrap",
        "n_voxels": 12, "volume_ml": 1.0, "reference_kind": "", "reference_value": None, "space": "dce", "method": "m",
        "run_id": "r",
    }  # fmt: skip
    return Measurement(**(fields | changes))  # type: ignore[arg-type]


def test_value_and_ratio_of_one_statistic_share_a_row_with_the_reference_value_beside_them():
    absolute = _measurement("mean", 0.12, ci_low=0.11, ci_high=0.13)
    ratio = _measurement("mean", 8.0, unit="1", reference_kind="contralateral white matter", reference_value=0.015)
    table = measurement_table((absolute, ratio))
    assert len(table.rows) == 1
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["Value"] == "0.120"
    assert row["Unit"] == "min⁻¹"
    assert row["95 % interval"] == "0.110 to 0.130"
    assert row["Ratio"] == "8.00"
    assert row["Reference"] == "0.0150 min⁻¹"
    assert row["Voxels"] == "12"
    assert "contralateral white matter" in table.caption


def test_what_was_not_measured_says_so_in_the_table():
    table = measurement_table((_measurement("mean", None),))
    assert dict(zip(table.columns, table.rows[0], strict=True))["Value"] == "not measured"


def test_percentiles_stand_in_one_row_of_the_spread_table():
    table = spread_table([_measurement(name, value) for name, value in (("p5", 0.01), ("p95", 0.3), ("sd", 0.05))])
    assert table is not None
    assert table.rows == (("lesion 1", symbol_of("ktrans"), "min⁻¹", "0.0100", "0.300", "0.0500"),)
    assert spread_table([_measurement("mean", 0.1)]) is None
