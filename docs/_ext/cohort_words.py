"""What each key of a method file's [cohort] does, in words; part of key_words."""

_SOURCE = "Who says so: paper and section; where the method file goes another way, that too."
_MARKERS = "Names of `[[cohort.marker]]`."
_PROBABILITIES = "Names of `[[cohort.probability]]`, or of markers that say `probability = true`."
_ANALYSES = (
    "Calls",
    "Roc",
    "Between",
    "Subgroups",
    "AgainstReference",
    "BeforeAfter",
    "Agreement",
    "Curves",
    "Lead",
    "TimeTo",
    "Calibration",
    "DecisionCurve",
    "Detection",
    "CaseModel",
    "CompetingRisks",
    "Plans",
    "Zones",
    "BaselineChange",
    "Predictions",
)
_PRINTED = (
    "What the publication calls the table; it heads the table and names its file. Without it both go by the name of the analysis."
)
_COLUMNS = "Columns of `participants.tsv` that stand in the table of each patient."

COHORT_WORDS: dict[tuple[str, str], str] = {
    ("CohortSpec", "question"): "What is asked, as a sentence; it opens the report.",
    (
        "CohortSpec",
        "positive",
    ): "Labels of `phenotype/outcomes.tsv` that count as positive; the first names that side in the report. "
    "A cohort whose analyses hold nothing against outcomes (`plans`, `zones`, `baseline and change`, `predictions`, `agreement`, `lead`) names neither side.",
    ("CohortSpec", "negative"): "Labels that count as negative. Any other label is refused.",
    ("CohortSpec", "primary"): "Name of the analysis that answers.",
    ("CohortSpec", "cautions"): "Sentences that the report carries whatever the numbers are.",
    ("CohortSpec", "source"): _SOURCE,
    ("MarkerSpec", "name"): "Name of the marker in tables and figures.",
    ("MarkerSpec", "quantity"): "A name from the table of quantities.",
    ("MarkerSpec", "statistic"): "A statistic that a `[[measure]]` makes, or `value` for a size.",
    ("MarkerSpec", "normalised"): "The ratio to the reference region.",
    (
        "MarkerSpec",
        "at",
    ): "`visit`: the one that the outcome is about. `before`: the last one before the radiation that precedes it. `change`: per cent between the two.",
    ("MarkerSpec", "unit"): "Unit in tables and figures.",
    ("MarkerSpec", "higher"): "Which side a higher number speaks for.",
    ("MarkerSpec", "log"): "Draw it, and let a t test compare it, by its logarithm. Not of a change.",
    ("MarkerSpec", "probability"): "The number is the probability of a positive outcome: unit 1, from 0 to 1, no change.",
    ("ProbabilitySpec", "name"): "Name of the probability in tables and figures.",
    (
        "ProbabilitySpec",
        "table",
    ): "`phenotype/TABLE.tsv` with `participant_id` and, where rows are about one visit or lesion, `session_id` and `lesion_id`.",
    ("ProbabilitySpec", "column"): "The column that holds it, from 0 to 1; an empty cell is not known.",
    **{(name, "name"): "Name of the analysis; figures and tables carry it." for name in _ANALYSES},
    **{(name, "source"): _SOURCE for name in _ANALYSES},
    ("Calls", "rules"): "Names of `[[rule]]`; the first is compared with each other one.",
    ("Roc", "markers"): _MARKERS,
    ("Between", "markers"): f"{_MARKERS} Several are adjusted by Holm.",
    ("Between", "test"): "Which test.",
    ("Subgroups", "markers"): _MARKERS,
    ("Subgroups", "rules"): "Two rules; a case belongs to its outcome and to which of them got it right.",
    ("AgainstReference", "markers"): f"{_MARKERS} Neither ratios nor changes.",
    ("BeforeAfter", "markers"): f"{_MARKERS} Their `at` does not matter here.",
    ("Agreement", "reading"): "Which `method` of `phenotype/readings.tsv`.",
    ("Lead", "first"): "The rule that may be earlier.",
    ("Lead", "second"): "The rule it is held against.",
    ("TimeTo", "by"): "A column of `participants.tsv`; without it one curve of all.",
    ("Calibration", "probabilities"): _PROBABILITIES,
    ("DecisionCurve", "probabilities"): _PROBABILITIES,
    (
        "DecisionCurve",
        "thresholds",
    ): "Probabilities from which one would treat, rising: the curve runs from the first to the last, numbers are told at each.",
    (
        "Detection",
        "table",
    ): "`phenotype/TABLE.tsv` of marks: `participant_id`, `session_id`, `score`, `lesion_id` (n/a: on no lesion) and, of several, `reader`.",
    ("Detection", "false_marks"): "False marks for each exam at which the share of lesions found is told.",
    ("CaseModel", "markers"): f"{_MARKERS} One that says `log` counts by doublings.",
    ("CaseModel", "columns"): "Columns of `participants.tsv` that hold numbers.",
    (
        "CompetingRisks",
        "instead",
    ): "Labels of `phenotype/outcomes.tsv` that rule the positive outcome out, such as death; such a row is no case.",
    ("CompetingRisks", "days"): "Days after radiation on which the share is told.",
    ("CompetingRisks", "by"): "A column of `participants.tsv`; without it the curves of all.",
    (
        "Plans",
        "plans",
    ): "Two plans of `dosimetry.tsv`: `uniform`, `painted`, `delivered`; differences are the second less the first.",
    ("Plans", "figures"): "Figures of both plans; the first is the one that answers where the analysis is the primary one.",
    ("Plans", "columns"): _COLUMNS,
    ("Plans", "printed_as"): f"Of the table of each patient, and of the summary. {_PRINTED}",
    ("PlanFigureSpec", "name"): "How tables and figures say it.",
    ("PlanFigureSpec", "structure"): "`structure` of `dosimetry.tsv`: `brain`, `tumour`, `dose grid` …",
    ("PlanFigureSpec", "figure"): "`figure` of `dosimetry.tsv`: `mean_dose`, `integral_dose`, `V12` …",
    ("Zones", "zones"): "The first is that of the primary endpoint.",
    (
        "Zones",
        "measures",
    ): "Numbers of each zone, each of a `[[measure]]` and named in `paint.response`; the first is that of the primary endpoint.",
    (
        "Zones",
        "follow_up_days",
    ): "Of the visits in the window, the one nearest to so many days after the treatment counts, the earlier of two.",
    (
        "Zones",
        "window_days",
    ): "First and last day after the treatment (`paint.before`) on which a visit is a follow-up; from the painted visit where no treatment is recorded.",
    (
        "Zones",
        "missing_unchanged",
    ): "Everything once more with patients without a follow-up presumed unchanged, marked as a sensitivity analysis: with zeros dropped, and by Pratt's rule, by which they count.",
    ("Zones", "printed_as"): _PRINTED,
    ("ZoneMeasureSpec", "name"): "How tables and figures say it.",
    ("ZoneMeasureSpec", "quantity"): "A name from the table of quantities.",
    ("ZoneMeasureSpec", "statistic"): "A statistic that its `[[measure]]` makes.",
    ("ZoneMeasureSpec", "log"): "Draw it on a logarithmic axis.",
    (
        "BaselineChange",
        "zones_of",
    ): "Name of an analysis of zones; the change is that of its first measure in its first zone, after less before.",
    ("BaselineChange", "baselines"): "Numbers at the painted visit, each set against the change.",
    ("BaselineChange", "bands"): "|r| from which a correlation is called moderate, and strong.",
    ("BaselineChange", "columns"): "Numbers of `participants.tsv` that the exploratory linear models adjust for.",
    ("BaselineChange", "printed_as"): _PRINTED,
    ("BaselineSpec", "name"): "How tables and figures say it.",
    ("BaselineSpec", "quantity"): "A name from the table of quantities.",
    ("BaselineSpec", "statistic"): "A statistic that its `[[measure]]` makes.",
    ("BaselineSpec", "region"): "`lesion`, of patients with one lesion; or a zone.",
    ("BaselineSpec", "normalised"): "The ratio to the reference region; of `lesion` alone.",
    (
        "Predictions",
        "models",
    ): "Models of `predictions.tsv`; the first is compared with each other one, and with each rule `beside`.",
    (
        "Predictions",
        "beside",
    ): "Scores that nothing was learned for, of the same patients: a map by its name, its ratio (`ve-ratio`), `distance`. They rank, and call nobody.",
    (
        "Predictions",
        "shown",
    ): "Sets by what the models had seen of a patient, never mixed: `test`, `out of fold`, `new`; `training` is marked as seen.",
    ("Predictions", "rule"): "The measure by which a patient is called: `max` with `threshold` 0.5 is any voxel at .5.",
    ("Predictions", "threshold"): "A patient is called where the measure reaches it.",
    (
        "Predictions",
        "scores",
    ): "Measures that rank patients: ROC, DeLong; the cutoff chosen on patients out of fold and applied to `test` and `new`.",
    (
        "Predictions",
        "places",
    ): "Measures of patients who recurred, summarised and compared in pairs (Wilcoxon): `average precision` …",
    ("Predictions", "hits"): "Measures that are yes or no, of patients who recurred: shares with exact intervals, McNemar.",
    (
        "Predictions",
        "probability",
    ): "The measure that calibration and decision curve take as a probability of the patient; empty: neither is made.",
    ("Predictions", "thresholds"): "Of the decision curve, rising. None: no curve.",
    ("Predictions", "false_marks"): "False marks for each exam at which the FROC is told. None: no FROC.",
}
