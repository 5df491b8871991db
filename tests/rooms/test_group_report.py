"""The report about a cohort: the answer first, P values that people can read, lists that are never filled with guesses."""

import math
import re
from dataclasses import replace

import group_reports as made
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from afterglow.records.document import Figure, FigureData, Table, Text
from afterglow.records.group import CHECKLISTS, Characteristic, Counted, CrossTable, PairedValues
from afterglow.records.statistic import Estimated, FlowStep, Groups
from afterglow.report.calls import DISCLAIMER
from afterglow.report.checklists import (
    FILLED,
    PARTLY,
    TO_BE_WRITTEN,
    checklist_table,
    checklists_section,
    fact_keys,
    known_facts,
    reporting_list,
)
from afterglow.report.group import group_document
from afterglow.report.group_tables import cohort_table, cross_table, estimates_table, table_of_tests
from afterglow.report.group_words import ends, estimated_words, p_number, p_words, sentence, words_of_test
from afterglow.report.html import document_html
from afterglow.report.pdf import document_pdf

TWO = ("success", "failure")


@pytest.fixture(scope="module")
def document():
    return group_document(made.facts(pictures=made.pictures()[:1]))


def bare(**more):
    nothing = {
        "flow": (), "pictures": (), "cohort": (), "crossed": (), "estimates": (), "tests": (), "cautions": (), "methods_paragraph": "",
        "references": (), "doi": "", "checklist_facts": {}, "primary": (), "answer": "No endpoint: one group is empty.",
    }  # fmt: skip
    return made.facts(**{**nothing, **more})


@settings(max_examples=1000)
@given(st.floats(0, 1) | st.floats(0.0485, 0.0515))
def test_a_printed_p_value_is_never_zero_and_never_on_the_other_side_of_five_per_cent(p):
    shown = p_number(p)
    assert re.fullmatch(r"< \.001|> \.99|\.\d{2,17}", shown)
    number = float(shown.lstrip("<> "))
    if shown[0] == ".":
        assert abs(number - p) <= 0.5001 * 10 ** -(len(shown) - 1)
        assert number > 0
        assert (number < 0.05) == (p < 0.05)


@pytest.mark.parametrize(
    ("p", "words"),
    [(0.0, "P < .001"), (0.00099, "P < .001"), (0.001, "P = .001"), (0.0096, "P = .010"), (0.0497, "P = .0497"), (0.0503, "P = .050"), (0.0483, "P = .048"),
     (0.034, "P = .03"), (0.23, "P = .23"), (0.995, "P > .99"), (1.0, "P > .99"), (None, "no P value"), (math.nan, "no P value")],
)  # fmt: skip
def test_p_values_are_said_as_papers_say_them(p, words):
    assert p_words(p) == words


def test_an_interval_has_the_decimals_of_its_value_and_may_end_nowhere():
    assert estimated_words(made.estimated()) == "0.830 (95 % interval 0.710 to 0.920, Clopper-Pearson)"
    assert ends(made.estimated("odds ratio", 21.3, 4.61, math.inf)) == "4.6 to ∞"
    assert ends(Estimated("none", 0.0, 0.0, 0.0, "exact")) == "0.00 to 0.00"
    assert estimated_words(Estimated("hazard ratio", None, note="no event")) == "not measured: no event"
    assert estimated_words(Estimated("count", 12.0, unit="mL")) == "12.0 mL"
    assert "90 % interval" in estimated_words(made.estimated(level=0.9))


def test_a_test_that_was_not_made_says_why():
    assert words_of_test(made.tested(None)).endswith("one group is empty")
    row = table_of_tests("Tests", (made.tested(None),)).rows[0]
    assert "not made" in row
    assert "one group is empty" in row


def test_a_symbol_at_the_start_of_a_sentence_stays_a_symbol():
    assert sentence("vp rose") == "vp rose."
    assert sentence("rCBV, mean") == "rCBV, mean."
    assert sentence("volume rose") == "Volume rose."
    assert sentence("Why?") == "Why?"


def test_the_table_of_tests_names_rule_n_statistic_and_effect_of_every_test():
    table = table_of_tests("Pairs", (made.tested(p_adjusted=0.0062, adjusted_by="Holm, 2 tests"), made.tested(0.0)))
    first, second = (dict(zip(table.columns, row, strict=True)) for row in table.rows)
    assert first["Rule"] == "asymptotic, ties corrected, continuity correction"
    assert first["n"] == "30 + 19"
    assert first["Statistic"] == "U = 141.5"
    assert (first["P"], first["Adjusted P"]) == (".003", ".006")
    assert second["P"] == "< .001"
    assert first["Effect with its interval"] == "Hodges-Lehmann difference -31.0 % (-44.0 to -12.0; 95 %, Moses, asymptotic)"
    assert table.caption == "Pairs. Adjusted P: Holm, 2 tests."


def test_several_effects_of_one_test_stand_below_one_another():
    both = replace(made.tested(), effects=(made.estimated("rank-biserial"), made.estimated("difference", 2.0, 1.0, 3.0)))
    rows = table_of_tests("Tests", (both,)).rows
    assert [bool(row[1]) for row in rows] == [True, False]
    assert rows[1][-1].startswith("difference 2.00")


def test_the_cohort_table_counts_who_is_missing_and_per_cent_of_those_known():
    age = Characteristic(Groups("age", "a", TWO, (np.array([50.0, 60.0, 70.0, np.nan]), np.array([40.0]))), made.tested(0.2))
    sex = Characteristic(Counted("sex", TWO, ("female", "male"), np.array([[1, 2], [0, 1]]), (1, 0)))
    table = cohort_table(TWO, (4, 1), (age, sex))
    assert table.columns == ("", "success, n = 4", "failure, n = 1", "all, n = 5", "P")
    cells = {row[0].strip("\u2003"): row[1:] for row in table.rows}
    assert cells["age [a]"] == ("60.0 [55.0 to 65.0]", "40.0 [40.0 to 40.0]", "55.0 [47.5 to 62.5]", ".20")
    assert cells["age, missing"] == ("1", "0", "1", "")
    assert cells["female"] == ("1 (33 %)", "0 (0 %)", "1 (25 %)", "")
    assert cells["missing"] == ("1", "0", "1", "")
    assert "Mann-Whitney (asymptotic" in table.caption


def test_an_empty_group_breaks_no_cohort_table():
    empty = Characteristic(Groups("age", "a", TWO, (np.array([50.0]), np.empty(0))))
    none = Characteristic(Counted("sex", TWO, ("female",), np.array([[1], [0]]), (0, 0)))
    rows = cohort_table(TWO, (1, 0), (empty, none)).rows
    assert rows[0][2] == "not measured"
    assert rows[-1][2] == "0"


@given(st.lists(st.integers(0, 50), min_size=6, max_size=6))
def test_sums_of_a_cross_table_are_its_sums(numbers):
    counts = np.array(numbers).reshape(3, 2)
    crossed = CrossTable("Calls", "call", "outcome", ("failure", "cannot tell", "success"), ("failure", "success"), counts)
    rows = cross_table(crossed).rows
    assert [int(row[-1]) for row in rows[:-1]] == counts.sum(axis=1).tolist()
    assert [int(cell) for cell in rows[-1][1:]] == [*counts.sum(axis=0).tolist(), int(counts.sum())]


def test_the_level_of_intervals_stands_in_the_head_or_beside_each():
    same = estimates_table("a", (made.estimated(), made.estimated()))
    mixed = estimates_table("a", (made.estimated(), made.estimated(level=0.9)))
    assert "95 % interval" in same.columns
    assert "Interval" in mixed.columns
    assert mixed.rows[1][2].endswith("(90 %)")


@pytest.mark.parametrize(("name", "lines", "items"), [("stard2015", 34, 30), ("tripod-ai", 52, 27)])
def test_a_list_has_every_number_once_and_in_order(name, lines, items):
    listed = reporting_list(name)
    numbers = [item.number for item in listed.item]
    assert len(numbers) == len(set(numbers)) == lines
    bases = [int(re.match(r"\d+", number).group()) for number in numbers]
    assert bases == sorted(bases)
    assert sorted(set(bases)) == list(range(1, items + 1)) == list(range(1, listed.items + 1))
    parts = {base: [n.removeprefix(str(base)) for n in numbers if re.match(r"\d+", n).group() == str(base)] for base in bases}
    assert all(letters in ([""], list("abcdefgh")[: len(letters)]) for letters in parts.values())


def test_a_list_is_filled_with_nothing_that_was_not_known():
    group = bare()
    assert set(known_facts(group)) == {"question", "code"}
    for name in CHECKLISTS:
        for item, row in zip(reporting_list(name).item, checklist_table(name, known_facts(group)).rows, strict=True):
            known = item.fact in ("question", "code")
            assert row[3] == (TO_BE_WRITTEN if not known else PARTLY if item.partly else FILLED)
            assert bool(row[4]) == known


def test_every_fact_fills_an_item_and_a_misspelt_one_is_refused():
    for key in fact_keys():
        facts = known_facts(bare(checklist_facts={key: "So it was done."}))
        tables = [checklist_table(name, facts) for name in CHECKLISTS]
        assert any(row[4] == "So it was done." and row[3] != TO_BE_WRITTEN for table in tables for row in table.rows), key
    with pytest.raises(ValueError, match=r"asks for 'blindnig'; known: .*blinding_index"):
        known_facts(bare(checklist_facts={"blindnig": "yes"}))


def test_a_given_fact_comes_before_what_the_report_knows_itself():
    assert known_facts(made.facts())["flow"].endswith("49 of 62 patients.")
    assert known_facts(made.facts(checklist_facts={"flow": "See the paper."}))["flow"] == "See the paper."
    assert known_facts(made.facts())["events"] == "49 patients: 30 success, 19 failure."


def test_the_lists_count_what_is_left_to_the_authors():
    section = checklists_section(made.facts())
    words = [block.words for block in section.blocks if isinstance(block, Text) and block.words.startswith("Of ")]
    tables = [block for block in section.blocks if isinstance(block, Table)]
    for said, table in zip(words, tables, strict=True):
        left = sum(row[3] == TO_BE_WRITTEN for row in table.rows)
        assert f"and {left} are to be written by the authors" in said
        assert 0 < left < len(table.rows)
    assert checklists_section(bare(checklists=())) is None


def test_the_answer_comes_first_with_its_interval_and_its_caution(document):
    first = document.sections[0]
    assert [section.title for section in document.sections] == [
        "The answer", "Patients", "Figures", "Results", "Cautions", "Checklists", "Methods", "Use",
    ]  # fmt: skip
    words = [block.words for block in first.blocks]
    assert words[0].endswith("tell failure from success after radiotherapy?")
    assert "0.830 (95 % interval 0.710 to 0.920, Clopper-Pearson), n = 49" in words[1]
    assert "P = .003" in words[1]
    assert words[2] == "To be read with care: The cutoff was chosen on the rows on which it is tested."
    assert DISCLAIMER in words
    assert document.sections[-1].blocks[0].words == DISCLAIMER


def test_a_group_report_without_an_answer_says_why_and_leaves_out_what_is_empty():
    document = group_document(bare())
    assert [section.title for section in document.sections] == ["The answer", "Checklists", "Use"]
    assert document.sections[0].blocks[1].words == "No endpoint: one group is empty."
    with pytest.raises(ValueError, match="says why in `answer`"):
        bare(answer="")


def test_figures_of_the_document_carry_drawing_and_numbers(document):
    assert [figure.name for figure in document.figures] == ["patient-flow", "change-of-vp"]
    for figure in document.figures:
        assert figure.vector.startswith(b"<?xml")
        assert figure.data.rows


def test_a_figure_that_is_drawn_already_stays_as_it_is():
    ready = Figure("bland-altman", b"", "image/png", "a", "b")
    assert group_document(bare(pictures=(ready,))).figures == (ready,)


def test_the_page_and_the_pdf_hold_the_same_answer_each_time(document):
    page = document_html(document)
    assert page == document_html(document)
    assert '<p class="call-answer"><strong class="chip">Answer</strong> A change above −40 % found most failures.' in page
    assert "<script" not in page
    assert document_pdf(document).startswith(b"%PDF")


def test_facts_that_contradict_each_other_are_refused():
    with pytest.raises(ValueError, match="two pictures are called change-of-vp"):
        made.facts(pictures=made.pictures()[:1] * 2)
    with pytest.raises(ValueError, match="no checklist is called 'consort'"):
        made.facts(checklists=("consort",))
    with pytest.raises(ValueError, match="has the groups"):
        made.facts(labels=("a", "b"))
    with pytest.raises(ValueError, match="2 groups with 1 sizes"):
        made.facts(sizes=(49,))
    with pytest.raises(ValueError, match="for 2 groups and 1 levels"):
        Counted("sex", TWO, ("female",), np.array([[1, 2], [0, 1]]), (0, 0))
    with pytest.raises(ValueError, match="for 1 rows and 2 columns"):
        CrossTable("c", "a", "b", ("x",), ("y", "z"), np.array([[1]]))
    with pytest.raises(ValueError, match="2 values before, 1 after"):
        PairedValues("vp", "1", "b", "a", np.zeros(2), np.zeros(1), ("x", "y"))
    with pytest.raises(ValueError, match="names a column twice"):
        FigureData((("a", ""), ("a", "")), ())
    with pytest.raises(ValueError, match="a row of 1 cells under 2 columns"):
        FigureData((("a", ""), ("b", "")), ((1,),))


def test_a_flow_that_ends_without_outcomes_claims_no_events():
    assert "events" not in known_facts(made.facts(flow=(FlowStep("all", 3),)))
