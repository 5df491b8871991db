"""The painted visit in a report: zones, why, how stable; both plans and what they do; what became of the zones."""

import math

import numpy as np

from afterglow.records.alignment import QualityLine
from afterglow.records.document import Block, Section, Table, Text
from afterglow.records.dose import NOT_FOR_TREATMENT, DoseFigure
from afterglow.records.measurement import Measurement
from afterglow.records.painted import PaintedVisit
from afterglow.records.quantity import QUANTITIES
from afterglow.records.stability import Retest, Stability
from afterglow.records.zones import ZONE_WORDS, Vote, Zone
from afterglow.report.painted_figures import after_pictures, plan_pictures, spectra_pictures, zone_pictures
from afterglow.report.words import symbol_of, visit_words, with_unit

_ZONES = (Zone.AGGRESSIVE, Zone.PENUMBRA, Zone.PASSIVE, Zone.NOT_ASSESSED)
# What a table of plans shows, in this order: structure, figure, words.
_SHOWN = (
    ("brain", "mean_dose", "mean dose of the brain"),
    ("brain", "integral_dose", "integral dose of the brain"),
    ("dose grid", "V12", "V12, target included"),
    ("dose grid", "V12_minus_target", "V12 without the target"),
    ("tumour", "D95", "D95 of the tumour"),
    ("aggressive", "D95", "D95 of the aggressive zone"),
    ("aggressive", "mean_dose", "mean dose of the aggressive zone"),
    ("penumbra", "D95", "D95 of the penumbra"),
    ("passive", "D95", "D95 of the passive zone"),
    ("tumour", "coverage", "coverage"),
    ("tumour", "selectivity", "selectivity"),
    ("tumour", "paddick_conformity", "Paddick conformity"),
    ("tumour", "gradient_index", "gradient index"),
    ("dose grid", "gamma_passing", "voxels that agree with the first plan by the gamma index"),
    ("tumour", "underdose", "mean of what is missing, over the prescription"),
)
_BY_ISODOSE = ("coverage", "selectivity", "paddick_conformity", "gradient_index")
_STATISTICS = ("median", "mean")  # of the response; the others stand in the tables


def painted_sections(painted: PaintedVisit) -> list[Section]:
    """The sections of a painted visit."""
    when = visit_words(painted.session, painted.day)
    use = Text(NOT_FOR_TREATMENT, "caution")
    lines = [_line(one) for one in painted.quality]
    return [
        Section(
            f"Zones at {when}",
            (
                use,
                *zone_pictures(painted),
                zone_table(painted),
                vote_table(painted),
                *_stability(painted),
                *spectra_pictures(painted),
                *lines,
            ),
            "zones",
        ),
        Section("Plans", (use, _prescribed(painted), *plan_pictures(painted), plan_table(painted), *_notes(painted)), "plans"),
        *_response(painted),
    ]


def _line(one: QualityLine) -> Text:
    return Text(f"{one.what}: {one.found}.{f' {one.advice}' if one.advice else ''}".replace("..", "."), f"quality-{one.level}")


def zone_table(painted: PaintedVisit) -> Table:
    """Each zone with its volume, its share of the tumour and the dose prescribed in it."""
    zones, dose = painted.zones, painted.prescription.dose_gy
    whole_ml = float(np.count_nonzero(zones.tumour)) * zones.grid.voxel_ml
    rows = []
    for zone in _ZONES:
        inside = dose[zones.labels == zone]
        ml = zones.volume_ml(zone)
        told = f"{inside.min():.1f} to {inside.max():.1f} Gy" if inside.size else ""
        rows.append((ZONE_WORDS[zone], f"{ml:.2f} mL", f"{100 * ml / whole_ml:.0f} %", told))
    rows.append(("tumour", f"{whole_ml:.2f} mL", "100 %", painted.prescription.rule))
    return Table(
        "Zones, and what is prescribed in them, borders softened.",
        ("Zone", "Volume", "Share of the tumour", "Prescribed"),
        tuple(rows),
    )


def vote_table(painted: PaintedVisit) -> Table:
    """What each criterion said of the tumour's voxels."""
    inside = painted.zones.tumour
    rows = []
    for one in painted.zones.criteria:
        counts = [float(np.mean(one.votes[inside] == vote)) for vote in (Vote.YES, Vote.NO, Vote.NOT_ASSESSED)]
        rows.append((one.name, one.words, *(f"{100 * share:.0f} %" for share in counts)))
    return Table(
        "Criteria, by voxels of the tumour. What was not measured is not assessed, never normal.",
        ("Criterion", "Met where", "Met", "Not met", "Not assessed"),
        tuple(rows),
    )


def _stability(painted: PaintedVisit) -> list[Block]:
    blocks: list[Block] = []
    if painted.stability is not None:
        blocks += [_stability_table(painted.stability), Text(_stability_words(painted.stability))]
    if painted.retest is not None:
        blocks += [_retest_table(painted.retest)]
    return blocks


def _stability_table(found: Stability) -> Table:
    rows = [
        (ZONE_WORDS[zone], *("" if value is None else f"{value:.2f}" for value in (middle, low, high)))
        for zone, middle, low, high in found.dice
    ]
    caption = f"Dice of each zone when the maps are drawn again from their own standard errors, {found.n_draws} times (seed {found.seed})."
    return Table(caption, ("Zone", "Median", "5th percentile", "95th"), tuple(rows))


def _stability_words(found: Stability) -> str:
    change = found.change
    drawn = ", ".join(QUANTITIES[name].symbol for name in found.drawn)
    fixed = ", ".join(QUANTITIES[name].symbol for name in found.fixed)
    left = f" {fixed} have no standard error and were left as they are." if fixed else ""
    return (
        f"Drawn: {drawn}.{left} The prescribed dose changes by {change.mean_absolute_gy:.2f} Gy on average, in 5 % of the voxels by {change.p95_absolute_gy:.2f} Gy or more, "
        "by the noise of these fits alone; another scan also brings another position, artery and reference."
    )


def _retest_table(found: Retest) -> Table:
    rows = [
        (ZONE_WORDS[one.zone], "" if one.dice is None else f"{one.dice:.2f}", f"{one.first_ml:.2f} mL", f"{one.second_ml:.2f} mL")
        for one in found.zones
    ]
    change = found.change
    caption = (
        f"Zones by the second scan, ses-{found.session}. The prescribed dose changes by {change.mean_absolute_gy:.2f} Gy on average, in 5 % of the voxels by "
        f"{change.p95_absolute_gy:.2f} Gy or more."
    )
    return Table(caption, ("Zone", "Dice", "First scan", "Second scan"), tuple(rows))


def _prescribed(painted: PaintedVisit) -> Text:
    plans = "; ".join(
        f"{plan.name}: {plan.prescribed}" + (f", {len(plan.shots)} shots" if plan.shots else "") for plan in painted.plans
    )
    return Text(
        f"Prescription {painted.prescription.rule}. Plans: {plans}. The plans of the research kernel were made under equal conditions."
    )


def plan_table(painted: PaintedVisit) -> Table:
    """Each plan a column; of the first two the difference."""
    names = [plan.name for plan in painted.plans]
    found = {(one.plan, one.structure, one.name): one for one in painted.figures}
    rows = []
    for structure, name, words in _SHOWN:
        own = [found.get((plan, structure, name)) for plan in names]
        if all(one is None for one in own):
            continue
        difference = _difference(own[0], own[1]) if len(own) > 1 else ""
        rows.append((words, *(_cell(one) for one in own), difference))
    second = names[1] if len(names) > 1 else "second"
    return Table("Plans against each other.", ("", *names, f"{second} less {names[0]}"), tuple(rows))


def _cell(one: DoseFigure | None) -> str:
    if one is None or math.isnan(one.value):
        return "not known"
    return with_unit(one.value, one.unit)


def _difference(first: DoseFigure | None, second: DoseFigure | None) -> str:
    if first is None or second is None or math.isnan(first.value) or math.isnan(second.value):
        return ""
    change = second.value - first.value
    return f"{'+' if change > 0 else ''}{with_unit(change, first.unit)}"


def _notes(painted: PaintedVisit) -> list[Block]:
    """What the figures rest on, and what they could not say, once each."""
    shown = {(structure, name) for structure, name, _ in _SHOWN}
    by_isodose = [one for one in painted.figures if one.name in _BY_ISODOSE]
    isodoses = dict.fromkeys(f"{one.note} ({one.plan})" for one in by_isodose if one.note and not math.isnan(one.value))
    others = [one for one in painted.figures if one not in by_isodose and (one.structure, one.name) in shown and one.note]
    notes = dict.fromkeys(f"{one.name} of {one.structure}: {one.note}." for one in others)
    said = [f"Coverage, selectivity, conformity and gradient index by the {', the '.join(isodoses)}."] if isodoses else []
    return [Text(note.replace("..", "."), "quality-note") for note in (*said, *notes)]


def _response(painted: PaintedVisit) -> list[Section]:
    """The zones at later visits; nothing before there is one."""
    sessions = list(dict.fromkeys((row.session_id, row.day) for row in painted.response))
    if len(sessions) < 2:
        return []
    shown = [row for row in painted.response if row.statistic in _STATISTICS]
    keys = list(dict.fromkeys((row.region, row.quantity, row.statistic) for row in shown))
    keys.sort(key=lambda key: (_STATISTICS.index(key[2]), key[1]))
    values = {(row.region, row.quantity, row.statistic, row.session_id): row for row in painted.response}
    rows = []
    for region, quantity, statistic in keys:
        own = [values.get((region, quantity, statistic, session)) for session, _ in sessions]
        if own[0] is None or own[0].value is None or own[0].n_voxels == 0:
            continue
        rows.append((region, f"{symbol_of(quantity)}, {statistic}", *(_measured(one) for one in own), _percent(own[0], own[-1])))
    if not rows:
        return []
    columns = ("Zone", "", *(visit_words(session, day) for session, day in sessions), "change, first to last")
    caption = "Permeability in the zones of the painted visit, measured at each visit on its own maps."
    return [
        Section("Response inside the zones", (*after_pictures(painted), Table(caption, columns, tuple(rows))), "response-zones")
    ]


def _measured(one: Measurement | None) -> str:
    return "" if one is None else with_unit(one.value, one.unit)


def _percent(first: Measurement | None, last: Measurement | None) -> str:
    if first is None or last is None or first.value is None or last.value is None or first.value <= 0:
        return ""
    return f"{100 * (last.value / first.value - 1):+.0f} %".replace("-", "−")
