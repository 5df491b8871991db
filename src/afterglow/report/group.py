"""A cohort becomes a document: the answer first, then the patients, the pictures, the tests, and what to be careful about."""

from afterglow import __version__
from afterglow.records.document import Block, Document, Figure, Section, Text
from afterglow.records.group import BoxPlot, ForestPlot, GroupFacts, LinePlot, PairPlot, Picture, PointPlot, RocPlot, SurvivalPlot
from afterglow.records.statistic import Estimated, Tested
from afterglow.report.calls import DISCLAIMER
from afterglow.report.checklists import checklists_section
from afterglow.report.figures.cohort_boxes import boxes_figure
from afterglow.report.figures.cohort_flow import flow_figure
from afterglow.report.figures.cohort_forest import forest_figure
from afterglow.report.figures.cohort_lines import lines_figure
from afterglow.report.figures.cohort_pairs import pairs_figure
from afterglow.report.figures.cohort_points import points_figure
from afterglow.report.figures.cohort_roc import roc_figure
from afterglow.report.figures.cohort_survival import survival_figure
from afterglow.report.group_tables import cohort_table, cross_table, data_table, estimates_table, table_of_tests
from afterglow.report.group_words import estimated_words, sentence, words_of_test


def group_document(facts: GroupFacts) -> Document:
    """The report of a cohort. Its pictures, for files of their own, are `figures` of the document."""
    parts = (
        _answer(facts),
        _patients(facts),
        Section("Figures", tuple(picture_figure(picture) for picture in facts.pictures), "figures"),
        _results(facts),
        Section("Cautions", tuple(Text(sentence(words), "quality-warning") for words in facts.cautions), "cautions"),
        checklists_section(facts),
        _methods(facts),
        Section("Use", (Text(DISCLAIMER, "caution"),), "use"),
    )
    about = f"cohort · method {facts.method} · afterglow {__version__}"
    sections = tuple(part for part in parts if part is not None and part.blocks)
    return Document(title=facts.title, subtitle=about, sections=sections)


def picture_figure(picture: Picture) -> Figure:
    """The picture drawn; one that is drawn already stays as it is."""
    match picture:
        case BoxPlot():
            return boxes_figure(picture)
        case RocPlot():
            return roc_figure(picture)
        case SurvivalPlot():
            return survival_figure(picture)
        case LinePlot():
            return lines_figure(picture)
        case PairPlot():
            return pairs_figure(picture)
        case PointPlot():
            return points_figure(picture)
        case ForestPlot():
            return forest_figure(picture)
        case Figure():
            return picture


def _answer(facts: GroupFacts) -> Section:
    """What was asked, and the primary endpoint with its interval; how many cautions there are, so that nobody misses them."""
    numbers = [_primary(one) for one in facts.primary]
    blocks: list[Block] = [
        Text(f"What was asked: {facts.question}"),
        Text(" ".join(sentence(part) for part in (facts.answer, *numbers) if part), "call-answer"),
    ]
    if facts.cautions:
        first = sentence(facts.cautions[0])
        more = f" {len(facts.cautions) - 1} more under Cautions." if len(facts.cautions) > 1 else ""
        blocks.append(Text(f"To be read with care: {first}{more}", "quality-warning"))
    return Section("The answer", (*blocks, Text(DISCLAIMER, "caution")), "answer")


def _primary(one: Estimated | Tested) -> str:
    match one:
        case Estimated():
            n = f", n = {one.n}" if one.n else ""
            return f"{one.name}: {estimated_words(one)}{n}"
        case Tested():
            return f"{words_of_test(one)}, n = {' + '.join(str(n) for n in one.n)}"


def _patients(facts: GroupFacts) -> Section:
    blocks: list[Block] = [flow_figure(facts.flow)] if facts.flow else []
    if facts.cohort:
        blocks.append(cohort_table(facts.labels, facts.sizes, facts.cohort))
    return Section("Patients", tuple(blocks), "patients")


def _results(facts: GroupFacts) -> Section:
    blocks: list[Block] = [data_table(table) for table in facts.tables]
    blocks += [cross_table(crossed) for crossed in facts.crossed]
    blocks += [estimates_table(caption, estimates) for caption, estimates in facts.estimates]
    blocks += [table_of_tests(caption, tests) for caption, tests in facts.tests]
    return Section("Results", tuple(blocks), "results")


def _methods(facts: GroupFacts) -> Section:
    """The paragraph for a paper, the publication of the method, and what else it rests on."""
    dois = dict.fromkeys((*([facts.doi] if facts.doi else []), *facts.references))
    paragraph = [Text(facts.methods_paragraph)] if facts.methods_paragraph else []
    return Section("Methods", (*paragraph, *(Text(doi, "doi") for doi in dois)), "methods")
