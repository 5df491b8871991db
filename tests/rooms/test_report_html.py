"""The page: complete, self-contained, safe, and the same bytes each time."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
import report_patients as made

from afterglow import __version__
from afterglow.records.document import Document, Figure, Section, Table, Text
from afterglow.records.errors import GridMismatch
from afterglow.report.documents import DISCLAIMER, exam_document, patient_document
from afterglow.report.html import document_html

EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>&'"


class Page(HTMLParser):
    """Collects the tags, their attributes, and the words between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words = ""
        self.feed(html)
        self.words = re.sub(r"\s+", " ", self.words)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.words += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


def page_of(*blocks, title="sub-01", subtitle="") -> Page:
    return Page(document_html(Document(title, subtitle, (Section("One", blocks),))))


@pytest.fixture(scope="module")
def patient():
    return made.patient()


@pytest.fixture(scope="module")
def document(patient):
    return patient_document(patient, rules=(made.RULE,), repeatability=(made.REPEATABILITY,))


@pytest.fixture(scope="module")
def html(document):
    return document_html(document)


def test_the_call_comes_first_with_its_number_threshold_and_distance(document, patient):
    first = document.sections[0]
    texts = [block for block in first.blocks if isinstance(block, Text)]
    assert texts[1].words == patient.verdicts[0].sentence
    assert texts[1].kind == "call-response"
    table = next(block for block in first.blocks if isinstance(block, Table))
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["Threshold"] == "-40.0 %"
    assert row["Number"] == f"{patient.verdicts[0].value:.1f} %"
    assert float(row["Distance to threshold, in repeatability units"]) == pytest.approx(patient.verdicts[0].distance_rc, rel=0.01)
    assert row["Visits"] == "ses-01 (day 0) to ses-02 (day 62)"


def test_a_number_behind_the_call_that_is_missing_says_not_measured(html):
    words = Page(html).words
    assert "Cannot tell, because" in words
    assert "area on day 62" in words
    assert "not measured" in words


def test_the_page_holds_numbers_units_methods_and_the_disclaimer(html, patient):
    words = Page(html).words
    for expected in (
        DISCLAIMER, "min⁻¹", "mmol·s/L", "fraction", "mL", "95 % interval", "contralateral white matter", "day 62",
        patient.methods_paragraph, "demo-glioma", f"afterglow {__version__}", "mutual information after 0.940", "model = etofts",
        "sub-01/ses-01/anat/vfa.nii.gz", "Enter the patient's own value.",
    ):  # fmt: skip
        assert expected in words, expected
    ktrans = next(
        m.value
        for m in patient.course.visits[0].measurements
        if m.quantity == "ktrans" and m.region == "lesion" and m.statistic == "mean"
    )
    assert f"{ktrans:.3g}" in words


def test_the_figures_are_all_there(document):
    names = [block.name for section in document.sections for block in section.blocks if isinstance(block, Figure)]
    assert len(names) == len(set(names))
    for part in ("before_after", "vp_change_change", "ses-01_lesion-1_maps", "closeup", "aif", "curves", "motion", "spread"):
        assert any(part in name for name in names), part


def test_the_page_loads_nothing_from_outside(html):
    page = Page(html)
    for tag in ("script", "link", "iframe", "object", "embed", "form"):
        assert not page.all(tag)
    assert all(image["src"].startswith("data:image/png;base64,") for image in page.all("img"))
    assert all(link["href"].startswith(("#", "https://doi.org/10.")) for link in page.all("a"))
    style = html.split("<style>")[1].split("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style
    policy = next(meta["content"] for meta in page.all("meta") if meta.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not any(name == "style" or name.startswith("on") for _, attributes in page.tags for name in attributes)


def test_the_policy_lets_in_exactly_the_page_s_own_style(html):
    import base64
    import hashlib

    style = html.split("<style>")[1].split("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"sha256-{digest}" in html


def test_every_picture_has_words_and_a_caption_and_every_link_a_target(html):
    page = Page(html)
    assert len(page.all("img")) == len(page.all("figcaption"))
    assert all(image["alt"] for image in page.all("img"))
    targets = {section["id"] for section in page.all("section")}
    assert {link["href"][1:] for link in page.all("a") if link["href"].startswith("#")} == targets


def test_a_report_of_two_visits_is_small(html):
    assert len(html.encode()) < 4e6


def test_the_same_patient_gives_the_same_bytes(html):
    again = patient_document(made.patient(), rules=(made.RULE,), repeatability=(made.REPEATABILITY,))
    assert document_html(again) == html


def pictures_in(document: Document) -> dict[str, Figure]:
    return {block.name: block for section in document.sections for block in section.blocks if isinstance(block, Figure)}


def test_a_visits_page_and_the_patients_page_share_the_pictures_that_do_not_depend_on_other_visits(patient, document):
    whole = pictures_in(document)
    for exam in patient.exams:
        own = pictures_in(exam_document(exam, made.measurements(exam)))
        assert own.keys() <= whole.keys()
        for name, picture in own.items():
            if "maps" not in name and "closeup" not in name:
                assert picture is whole[name], f"{name} was drawn twice"
            elif picture.caption != whole[name].caption:
                assert picture.image != whole[name].image, f"{name}: another window, the same picture"


def test_no_name_can_break_out_of_the_text():
    table = Table(EVIL, (EVIL,), ((EVIL,),))
    figure = Figure(EVIL, b"not a picture", "image/png", EVIL, EVIL)
    page = page_of(Text(EVIL), Text(EVIL, "doi"), Text(EVIL, "call-response"), table, figure, title=EVIL, subtitle=EVIL)
    assert not page.all("script")
    assert [image["src"] for image in page.all("img")] == ["data:image/png;base64,bm90IGEgcGljdHVyZQ=="]
    assert page.all("img")[0]["alt"] == EVIL
    assert page.words.count("<script>alert(1)</script>") >= 8


def test_a_section_title_cannot_break_its_anchor():
    document = Document("t", "s", (Section(EVIL, ()), Section(EVIL, ()), Section("", (), anchor='x" onclick="y')))
    ids = [section["id"] for section in Page(document_html(document)).all("section")]
    assert len(set(ids)) == 3
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in ids)


def test_a_doi_becomes_a_link_and_anything_else_stays_text():
    page = page_of(Text("10.3174/ajnr.A8057", "doi"), Text("javascript:alert(1)", "doi"), Text("https://evil.example/", "doi"))
    outside = [link["href"] for link in page.all("a") if not link["href"].startswith("#")]
    assert outside == ["https://doi.org/10.3174/ajnr.A8057"]


def test_only_a_cell_that_is_a_symbol_is_typeset():
    html = document_html(Document("t", "s", (Section("a", (Table("c", ("Quantity",), (("Ktrans",), ("ve rises",))),)),)))
    assert "<i>K</i><sup>trans</sup>" in html
    assert "ve rises" in html


def test_unknown_kinds_of_text_and_pictures_are_refused():
    with pytest.raises(ValueError, match="unknown kind 'shout'"):
        page_of(Text("a", "shout"))
    with pytest.raises(ValueError, match="text/html"):
        page_of(Figure("f", b"", "text/html", "c", "a"))


def test_one_visit_has_a_report_of_its_own(patient):
    visit = patient.exams[1]
    page = Page(document_html(exam_document(visit, made.measurements(visit))))
    for expected in ("ses-02 (day 62)", "demo-glioma", DISCLAIMER, "doi:10.1002/jmri.1880070113", "joint arterial delay"):
        assert expected in page.words
    assert len(page.all("img")) == 6


def test_hostile_names_of_subject_and_files_reach_the_page_only_as_text(patient):
    visit = patient.exams[0]
    evil = replace(
        visit, subject=EVIL, session=EVIL, method=EVIL, backdrop_name=EVIL, maps=(), curves=(), motion=None,
        provenance=(replace(visit.provenance[0], sources=(EVIL,), settings={EVIL: EVIL}, dois=(EVIL,)),),
    )  # fmt: skip
    page = Page(document_html(exam_document(evil, ())))
    assert not page.all("script")
    assert all(image["src"].startswith("data:") for image in page.all("img"))


def test_a_patient_with_one_visit_and_no_call_still_has_a_report(patient):
    lone = replace(
        patient, exams=patient.exams[:1], course=replace(patient.course, visits=patient.course.visits[:1]), verdicts=(), pair=None
    )
    words = Page(document_html(patient_document(lone))).words
    assert "No call" in words
    assert "Before and after" not in words


def test_a_result_whose_parts_lie_on_different_grids_is_refused(patient):
    visit = patient.exams[0]
    with pytest.raises(GridMismatch, match="the anatomy is"):
        exam_document(replace(visit, backdrop=np.zeros((2, 2, 2), dtype=np.float32)), ())


def test_an_untrusted_registration_is_said_aloud(patient):
    doubtful = replace(patient.pair.alignment, trusted=False, remark="mutual information fell")
    words = Page(
        document_html(patient_document(replace(patient, pair=replace(patient.pair, alignment=doubtful), exams=())))
    ).words
    assert "could not be registered reliably: mutual information fell" in words


def test_a_patient_of_two_visits_has_no_timeline_and_both_visits_whole(document):
    assert [section.title for section in document.sections] == [
        "The call", "Before and after", "Events and treatments", "Visit ses-01 (day 0)", "Visit ses-02 (day 62)", "Methods",
        "Provenance", "Use",
    ]  # fmt: skip
