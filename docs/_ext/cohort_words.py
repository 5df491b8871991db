"""What each key of a method file's [cohort] does, in words; part of key_words."""

_SOURCE = "Who says so: paper and section; where the method file goes another way, that too."
_MARKERS = "Names of `[[cohort.marker]]`."
_ANALYSES = ("Calls", "Roc", "Between", "Subgroups", "AgainstReference", "BeforeAfter", "Agreement", "Curves", "Lead", "TimeTo")

COHORT_WORDS: dict[tuple[str, str], str] = {
    ("CohortSpec", "question"): "What is asked, as a sentence; it opens the report.",
    (
        "CohortSpec",
        "positive",
    ): "Labels of `phenotype/outcomes.tsv` that count as positive; the first names that side in the report.",
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
}
