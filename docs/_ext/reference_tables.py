"""Reference tables of the documentation, written from the tables and models of the code so that they cannot drift."""

import types
import typing
from collections.abc import Iterable, Sequence

from annotated_types import Ge, Gt, Le, Lt, MinLen
from key_words import KEY_WORDS
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from afterglow.flows import method as method_file
from afterglow.flows import method_beside as beside_file
from afterglow.flows import method_cohort as cohort_file
from afterglow.flows import method_paint as paint_file
from afterglow.flows import method_painted as painted_file
from afterglow.flows import method_recurrence as recurrence_file
from afterglow.flows.method import Method, load_method, method_names, method_text
from afterglow.io.exam import ROLES, SPECTRA
from afterglow.io.measurements import COLUMN_WORDS
from afterglow.io.verdicts import COLUMNS as VERDICT_COLUMNS
from afterglow.kernels.aif_population import POPULATION_AIFS
from afterglow.kernels.models import MODELS
from afterglow.kernels.types import STATUS_WORDS, Status
from afterglow.records import errors
from afterglow.records.errors import AfterglowError
from afterglow.records.measurement import AT_STATISTICS, STATISTICS
from afterglow.records.quantity import QUANTITIES
from afterglow.records.response import Rule
from afterglow.response.after_radiation import WINDOWS
from afterglow.response.repeatability import REPEATABILITY
from afterglow.response.size_rules import SIZE_CRITERIA
from afterglow.response.states import CALLS

ANALYSES = typing.get_args(typing.get_args(cohort_file.Analysis)[0])
NESTED = (
    "series", "agent", "haematocrit", "step", "lesions", "reference", "measure", "rule", "cohort", "marker", "probability", "analysis",
    "dsc", "mrs", "paint", "criterion", "any", "zones", "contours", "numbers", "plan", "optimiser", "dosimetry", "gamma", "stability", "recurrence", "channel", "beside", "model", "label", "split",
)  # fmt: skip
STEPS = typing.get_args(typing.get_args(method_file.Step)[0])
TABLES = {  # heading in a method file -> the model that checks it
    "[series.*]": method_file.SeriesSpec,
    "[agent]": method_file.AgentSpec,
    "[haematocrit]": method_file.HaematocritSpec,
    "[lesions]": method_file.LesionsSpec,
    "[reference]": method_file.ReferenceSpec,
    "[[measure]]": method_file.MeasureSpec,
    "[[rule]]": method_file.RuleSpec,
    "[cohort]": cohort_file.CohortSpec,
    "[[cohort.marker]]": cohort_file.MarkerSpec,
    "[[cohort.probability]]": cohort_file.ProbabilitySpec,
    'cohort.analysis.figures, do = "plans"': painted_file.PlanFigureSpec,
    'cohort.analysis.measures, do = "zones"': painted_file.ZoneMeasureSpec,
    'cohort.analysis.baselines, do = "baseline and change"': painted_file.BaselineSpec,
    "[dsc]": beside_file.DscBeside,
    "[mrs]": beside_file.SpectraBeside,
    "[paint]": paint_file.PaintSpec,
    "[[paint.criterion]]": paint_file.CriterionSpec,
    "paint.criterion.any": paint_file.ComparisonSpec,
    "[paint.zones]": paint_file.ZonesSpec,
    "[paint.contours]": paint_file.ContoursSpec,
    "[paint.numbers]": paint_file.NumbersSpec,
    "[paint.plan]": paint_file.PlanSpec,
    "[paint.dosimetry]": paint_file.DosimetrySpec,
    "[paint.gamma]": paint_file.GammaSpec,
    "[paint.stability]": paint_file.StabilitySpec,
    "[recurrence]": recurrence_file.RecurrenceSpec,
    "[[recurrence.channel]]": recurrence_file.ChannelSpec,
    "[[recurrence.beside]]": recurrence_file.BesideSpec,
    "[[recurrence.model]]": recurrence_file.ModelSpec,
    "[recurrence.label]": recurrence_file.RecurrenceLabelSpec,
    "[recurrence.split]": recurrence_file.SplitSpec,
}
INNER = (
    method_file.Method,
    cohort_file.CohortSpec,
    beside_file.DscBeside,
    paint_file.PaintSpec,
    paint_file.CriterionSpec,
    paint_file.PlanSpec,
    recurrence_file.RecurrenceSpec,
)


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table; bars inside cells are escaped."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"


def doi(text: str) -> str:
    """A DOI as a link; nothing for nothing. Old DOIs hold < and >, which an address writes as escapes."""
    if not text:
        return "none"
    address = text.replace("<", "%3C").replace(">", "%3E").replace("(", "%28").replace(")", "%29")
    return f"[{text.replace('<', '&lt;').replace('>', '&gt;')}](https://doi.org/{address})"


def quantities() -> str:
    rows = [
        (f"`{q.name}`", q.symbol, q.long_name, f"`{q.unit}`", _range(q.sane), _range(q.display), _codes(q.caplex, q.dicom))
        for q in QUANTITIES.values()
    ]
    return table(("Name", "Symbol", "What", "Unit (UCUM)", "Possible", "Shown", "Codes"), rows)


def _codes(caplex: str, dicom: str) -> str:
    return ", ".join(words for words in (caplex, f"DCM {dicom}" if dicom else "") if words)


def _range(pair: tuple[float, float]) -> str:
    return f"{pair[0]:g} to {pair[1]:g}"


def models() -> str:
    rows = []
    for m in MODELS.values():
        bounds = ", ".join(
            f"{QUANTITIES[p].symbol} {_range(b)}{' ' + QUANTITIES[p].unit_label if QUANTITIES[p].unit_label else ''}"
            for p, b in zip(m.parameters, m.bounds, strict=True)
        )
        rows.append((f"`{m.name}`", m.title, ", ".join(f"`{p}`" for p in m.parameters), bounds, doi(m.doi)))
    return table(("Name", "Model", "Parameters", "Bounds", "Source"), rows)


def population_aifs() -> str:
    rows = [
        (
            f"`{a.name}`",
            a.compartment,
            f"{a.dose_mmol_kg:g} mmol/kg" if a.dose_mmol_kg else "not recorded",
            _first_sentence(a.curve.__doc__),
            doi(a.cite),
        )
        for a in POPULATION_AIFS.values()
    ]
    return table(("Name", "Concentration in", "Dose", "What", "Source"), rows)


def _first_sentence(text: str | None) -> str:
    words = " ".join((text or "").split("\n\n")[0].split())
    return words.split(" (doi")[0].split(" (Weinmann")[0].rstrip(".") + "."


def rules() -> str:
    rules = [(name, spec.record()) for name in method_names() for spec in load_method(name).rule]
    rows = [(f"`{name}`", r.name, r.kind, _rule_number(r), *_rule_compared(r), r.combine, r.source) for name, r in rules]
    return table(("Method", "Rule", "Kind", "Number", "Compared as", "Threshold", "Combined", "Source"), rows)


def _rule_number(r: Rule) -> str:
    if r.kind == "reading":
        return f"reading, method {r.reading}"
    if r.statistic == "value":
        return QUANTITIES[r.quantities[0]].long_name
    number = f"{r.statistic} of {' and '.join(QUANTITIES[q].symbol for q in r.quantities)}"
    return number + (" over reference" if r.normalised else "")


def _rule_compared(r: Rule) -> tuple[str, str]:
    """How the number is compared, and with what."""
    if r.kind == "reading":
        return "word of the reader", f"{', '.join(r.above_calls)} against {', '.join(r.below_calls)}"
    words = {"percent": "change in per cent", "difference": "difference", "none": "value itself"}
    return words[r.change], f"{r.threshold:g} {r.unit if r.unit != '1' else ''}".strip()


def size_criteria() -> str:
    """Every criterion of size with its numbers and where they were read."""
    rows = [
        (
            c.label,
            QUANTITIES[c.quantity].long_name,
            "from the method file" if c.grown_percent is None else f"+{c.grown_percent:g} % of the smallest sum",
            "none" if c.fallen_percent is None else f"-{c.fallen_percent:g} % of baseline",
            "any" if c.longest_mm == 0 else f"{c.longest_mm:g} mm long, {c.across_mm:g} mm across",
            c.baseline,
            c.source,
            c.checked,
        )
        for c in SIZE_CRITERIA.values()
    ]
    return table(
        ("Criteria", "Sum of", "Progression", "Partial response", "A target at baseline", "Baseline", "Source", "Read in"), rows
    )


def time_windows() -> str:
    rows = [
        (w.site, ", ".join(w.kinds), "no end known" if w.to_days is None else f"{w.to_days:g} days", w.words, w.source, w.checked)
        for w in WINDOWS
    ]
    return table(("Site", "After", "Within", "What is known", "Source", "Read in"), rows)


def states() -> str:
    words = {"present": "hyperperfused", "absent": "not hyperperfused", "unknown": "not measured"}
    before = {**words, "unknown": "not measured, or no scan"}
    return table(("Now", "Before treatment", "Call"), [(words[now], before[was], call) for (now, was), call in CALLS.items()])


def repeatability() -> str:
    rows = []
    for r in REPEATABILITY:
        fall, rise = r.limits_percent
        spread = f"{100 * r.wcv:.1f} %"
        if r.wcv_low is not None and r.wcv_high is not None:
            spread += f" ({100 * r.wcv_low:.0f} to {100 * r.wcv_high:.0f} %)"
        name = QUANTITIES[r.quantity].symbol + (" over reference" if r.normalised else "")
        real = f"{rise:.1f} %" if not r.is_asymmetric else f"{fall:.0f} %, +{rise:.0f} %"
        read = "read there" if r.confirmed else "**not confirmed**"
        rows.append((r.site, f"{r.statistic} {name}".strip(), spread, real, r.source, read))
    return table(("Site", "Number", "wCV", "Smallest real change", "Source", "Checked at its source"), rows)


def status_codes() -> str:
    return table(("Code", "Name", "Meaning"), [(str(int(s)), f"`{s.name}`", STATUS_WORDS[s]) for s in Status])


def measurement_columns() -> str:
    return table(("Column", "What"), [(f"`{name}`", words) for name, words in COLUMN_WORDS.items()])


def verdict_columns() -> str:
    return table(("Column", "What"), [(f"`{name}`", words) for name, words in VERDICT_COLUMNS.items()])


def statistics() -> str:
    return ", ".join(f"`{s}`" for s in (*(s for s in STATISTICS if s != "value"), *(f"{s}@…" for s in AT_STATISTICS))) + "\n"


def roles() -> str:
    return table(
        ("Role", "Files of a visit"),
        [(f"`{role}`", f"`{words}`") for role, words in (*ROLES.items(), (SPECTRA, f"mrs/*_{SPECTRA}"))],
    )


def stated_errors() -> str:
    kinds = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, AfterglowError)]
    return table(("Error", "When"), [(f"`{c.__name__}`", " ".join((c.__doc__ or "").split())) for c in kinds])


def method_keys() -> str:
    parts = [
        "### At the top\n",
        keys(Method, skip=NESTED),
    ]
    for heading, model in TABLES.items():
        parts += [f"### `{heading}`\n", _words(model), keys(model, skip=NESTED if model in INNER else ())]
    for analysis in ANALYSES:
        do = typing.get_args(analysis.model_fields["do"].annotation)[0]
        parts += [f'### `[[cohort.analysis]]`, do = "{do}"\n', _words(analysis), keys(analysis, skip=("do",))]
    return "\n".join(parts)


def method_steps() -> str:
    parts = []
    for step in STEPS:
        do = typing.get_args(step.model_fields["do"].annotation)[0]
        parts += [f"### `{do}`\n", _words(step), keys(step, skip=("do",))]
    return "\n".join(parts)


def _words(model: type[BaseModel]) -> str:
    return " ".join((model.__doc__ or "").split()) + "\n"


def keys(model: type[BaseModel], skip: Sequence[str] = ()) -> str:
    """Key, what may stand there, whether it must, and what it does."""
    rows = []
    for name, field in model.model_fields.items():
        if name not in skip:
            needed = "yes" if field.is_required() else "no"
            rows.append((f"`{name}`", _allowed(field), needed, KEY_WORDS[model.__name__, name]))
    return table(("Key", "Value", "Needed", "What it does"), rows)


def _allowed(field: FieldInfo) -> str:
    words = _type_words(field.annotation)
    limits = {Ge: "from {}", Gt: "above {}", Le: "to {}", Lt: "below {}", MinLen: "at least {}"}
    said = [limits[type(m)].format(f"{next(iter(vars_of(m))):g}") for m in field.metadata if type(m) in limits]
    return words + (f", {' '.join(said)}" if said else "")


def vars_of(limit: object) -> list[float]:
    """The number inside Ge(ge=0), Lt(lt=1) …"""
    return [getattr(limit, name) for name in ("ge", "gt", "le", "lt", "min_length") if hasattr(limit, name)]


def _type_words(kind: object) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Literal:
        return " or ".join(f"`{a}`" for a in arguments)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type_words(a) for a in arguments if a is not type(None))
    if origin is tuple:
        many = "texts" if arguments[0] is str else "numbers"
        return f"list of {_type_words(arguments[0])}" if arguments[-1] is Ellipsis else f"list of {len(arguments)} {many}"
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return "tables (see their own heading)"
    if origin is typing.Annotated:
        return _type_words(arguments[0])
    if origin is dict:
        return "table of numbers by name"
    return {str: "text", float: "number", int: "whole number", bool: "`true` or `false`"}[kind]  # type: ignore[index]


def shipped_methods() -> str:
    parts = []
    for name in method_names():
        m = load_method(name)
        parts.append(
            f"### {name}\n\n{m.title}. {m.citation}. Site: {m.site}. DOI: {doi(m.doi)}.\n\n```toml\n{method_text(name).rstrip()}\n```\n"
        )
    return "\n".join(parts)


FRAGMENTS = {
    "quantities": quantities,
    "models": models,
    "population-aifs": population_aifs,
    "rules": rules,
    "states": states,
    "size-criteria": size_criteria,
    "time-windows": time_windows,
    "repeatability": repeatability,
    "status-codes": status_codes,
    "measurement-columns": measurement_columns,
    "verdict-columns": verdict_columns,
    "statistics": statistics,
    "roles": roles,
    "stated-errors": stated_errors,
    "method-keys": method_keys,
    "method-steps": method_steps,
    "shipped-methods": shipped_methods,
}
