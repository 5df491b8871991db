"""The reader of OSIPI's folder: units, kept-back files, delays, malformed files. Needs no data of OSIPI's."""

import numpy as np
import pytest

from afterglow.io.osipi import read_cases
from afterglow.records.errors import BadInput, MissingInput

EXCHANGE = "label,vp,ve,fp,ps,arterial_delay,t,C_t,cp_aif\ncase_1,0.02,0.1,5,0.05,5,0.25  0.75 1.25,0 0.1 0.2,0 1 2\n"
PROSTATE = "label, FA, TR, s, B1, T1 linear, T1 nonlinear\nvoxel 1,2 10 20,4 4 4,100 300 250,87.5,1500,1600\n"
QUIBA = "label,FA,TR,s,R1,s0\nvoxel 1,3 6 9,0.005 0.005 0.005,294 257 195,0.001,10000\n"
SIGNAL = "\ufefflabel,FA,TR,T1base,numbaselinepts,r1,s,conc\nvox_1,13,0.002,1.4,2,4.5,8 7 9 53,0 0 0.1 2"
TOFTS = "label,ve,Ktrans,arterialdelay,t,C,ca,ta\nv,0.5,0.35,0,{t},{c},{c},{t}\n".format(
    t=" ".join(str(0.5 * n) for n in range(30)), c=" ".join(str(float(n)) for n in range(30))
)
BOLUS = "label,C_tis,C_aif,cbv,cbf,tr\nCBV4_CBF10,0 0.1 0.2 0.1,0 3 1 0,4,10,1.243\n"
PARKER = "label,time,Cb,delay\na,0.0,0.1,0\na,0.5,0.2,0\nb,0.0,0.0,31.0\n"


def only(folder, name, text):
    (folder / name).write_text(text, encoding="utf-8")
    return read_cases(folder).cases


def test_a_file_that_was_kept_back_is_read_by_its_name_and_columns(tmp_path):
    (case,) = only(tmp_path, "2cxm_sd_0.001_delay_5.csv", EXCHANGE)
    assert case.kind == "2cxm"
    assert case.reference == {"vp": 0.02, "ve": 0.1, "fp_ml_100ml_min": 5.0, "ps_per_min": 0.05, "delay_s": 5.0}
    np.testing.assert_array_equal(case.inputs["times_s"], [0.25, 0.75, 1.25])


def test_prostate_times_turn_from_milliseconds_and_headers_lose_their_blanks(tmp_path):
    (case,) = only(tmp_path, "t1_prostate_data.csv", PROSTATE)
    np.testing.assert_allclose(case.inputs["tr_s"], 0.004)
    assert case.reference["r1_per_s"] == pytest.approx(1 / 1.6)


def test_rates_per_millisecond_turn_into_rates_per_second(tmp_path):
    (case,) = only(tmp_path, "t1_quiba_data.csv", QUIBA)
    assert case.reference["r1_per_s"] == pytest.approx(1.0)
    np.testing.assert_allclose(case.inputs["tr_s"], 0.005)


def test_a_byte_order_mark_and_a_missing_last_newline_do_no_harm(tmp_path):
    (case,) = only(tmp_path, "SI2Conc_data.csv", SIGNAL)
    assert (case.inputs["baseline_first"], case.inputs["baseline_stop"]) == (1, 2)


def test_tofts_curves_come_as_they_are_and_five_seconds_later(tmp_path):
    here, later = only(tmp_path, "dce_DRO_data_tofts.csv", TOFTS)
    assert (here.reference["delay_s"], later.reference["delay_s"]) == (0.0, 5.0)
    np.testing.assert_array_equal(later.inputs["tissue_mM"][:10], 0)
    np.testing.assert_array_equal(later.inputs["tissue_mM"][10:], here.inputs["tissue_mM"][:-10])
    np.testing.assert_array_equal(later.inputs["plasma_mM"], here.inputs["plasma_mM"])


def test_population_curves_are_grouped_by_label_and_turn_from_minutes(tmp_path):
    first, second = only(tmp_path, "ParkerAIF_ref_with_delay.csv", PARKER)
    np.testing.assert_allclose(first.inputs["times_s"], [0, 30])
    assert second.inputs["delay_s"] == 31.0


def test_bolus_curves_have_a_clock_of_their_frames_and_osipis_tolerances(tmp_path):
    (case,) = only(tmp_path, "dsc_data.csv", BOLUS)
    assert case.kind == "dsc"
    assert case.reference == {"cbv_ml_100ml": 4.0, "cbf_ml_100ml_min": 10.0}
    np.testing.assert_allclose(case.inputs["times_s"], [0, 1.243, 2.486, 3.729])
    assert case.worst("cbv_ml_100ml", 5.4) == pytest.approx(1.0)
    assert case.worst("cbf_ml_100ml_min", 26.0) == pytest.approx(1.0)


def test_an_error_is_counted_in_tolerances_and_nan_never_passes(tmp_path):
    (case,) = only(tmp_path, "2cxm_sd_0.001_delay_5.csv", EXCHANGE)
    assert case.worst("ve", 0.11) == pytest.approx(0.2)
    assert case.worst("ps_per_min", 0.06) == pytest.approx(1.0)
    assert case.worst("vp", float("nan")) == np.inf


def test_unknown_files_are_named_and_left_alone(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "sizes.csv").write_text("label,tr\n", encoding="utf-8")
    (tmp_path / "t1_quiba_data.csv").write_text(QUIBA, encoding="utf-8")
    assert read_cases(tmp_path).unknown == ("notes/sizes.csv",)


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("t1_quiba_data.csv", QUIBA.replace(",R1,", ",R2,"), "no column R1"),
        ("t1_quiba_data.csv", QUIBA.replace("257", "abc"), "not a number"),
        ("t1_quiba_data.csv", QUIBA.replace("294 257 195", "294 257"), "must agree"),
        ("t1_quiba_data.csv", QUIBA.replace("294", "nan"), "not finite"),
        ("t1_quiba_data.csv", QUIBA.replace(",0.001,", ",0,"), "expected a positive number"),
        ("t1_quiba_data.csv", QUIBA.replace(",10000", ""), "row 2 has 5 cells under 6 columns"),
        ("t1_quiba_data.csv", "", "found 0 lines"),
        ("SI2Conc_data.csv", SIGNAL.replace(",1.4,2,", ",1.4,1,"), "numbaselinepts is 1"),
        ("dsc_data.csv", BOLUS.replace("0 3 1 0", "0 3 1"), "must agree"),
        ("dsc_data.csv", BOLUS.replace("1.243", "0"), "expected a positive number"),
        ("dsc_data.csv", BOLUS.replace("C_aif", "aif"), "no column C_aif"),
        ("2cxm_sd_0.001_delay_5.csv", EXCHANGE.replace(",5,0.05", ",5 6,0.05"), "fp holds 2 numbers"),
    ],
)
def test_a_malformed_file_is_a_stated_error(tmp_path, name, text, words):
    with pytest.raises(BadInput, match=words) as caught:
        only(tmp_path, name, text)
    assert name in str(caught.value)


def test_bytes_that_are_no_text_are_a_stated_error(tmp_path):
    (tmp_path / "t1_quiba_data.csv").write_bytes(b"label\xff\xfe,FA")
    with pytest.raises(BadInput, match="not a text file"):
        read_cases(tmp_path)


def test_a_folder_without_cases_is_a_stated_error(tmp_path):
    with pytest.raises(MissingInput, match="none of 0 CSV files"):
        read_cases(tmp_path)
    with pytest.raises(MissingInput, match="no such folder"):
        read_cases(tmp_path / "nowhere")
