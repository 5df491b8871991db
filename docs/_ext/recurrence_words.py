"""What each key of a method file's [recurrence] does, in words; part of key_words."""

_SOURCE = "Who says so: paper and section; where the method file goes another way, that too."

RECURRENCE_WORDS: dict[tuple[str, str], str] = {
    ("RecurrenceSpec", "space"): "The anatomy whose space all channels are laid on.",
    ("RecurrenceSpec", "spacing_mm"): "Isotropic voxels of the common grid, mm.",
    ("RecurrenceSpec", "around_mm"): "How far the common grid reaches beyond the brain, mm.",
    ("RecurrenceSpec", "before"): "The treatment that is planned: models read the last visit on or before its first day.",
    ("RecurrenceSpec", "threshold"): "Probability from which a voxel is called a recurrence.",
    (
        "RecurrenceSpec",
        "margin_mm",
    ): "Margin of the standard target around the enhancing tumour, which a model's target is held against, mm.",
    ("RecurrenceSpec", "source"): _SOURCE,
    ("ChannelSpec", "name"): "An anatomy by its role, or a name of your own for a map. It becomes a file name.",
    (
        "ChannelSpec",
        "quantity",
    ): "The quantity of a map, from the table of quantities; any map that the method makes. Empty: an anatomy.",
    (
        "ChannelSpec",
        "normalisation",
    ): "`z-score`: each patient's own mean and spread. `keep scale`: mean and spread of the whole learning set, so that a value means the same in every patient. "
    "`0 to 1`: each patient's least and greatest. `none`: as it is.",
    (
        "ChannelSpec",
        "low",
    ): "Least median in the brain that is believed, in the unit of the quantity. Needed with `quantity`: it tells per cent from a fraction.",
    ("ChannelSpec", "high"): "Greatest one.",
    ("ChannelSpec", "source"): _SOURCE,
    (
        "BesideSpec",
        "name",
    ): "A name of your own for the map; `beside` of an analysis calls it so, and its ratio with `-ratio` behind.",
    (
        "BesideSpec",
        "quantity",
    ): "The quantity of the map, from the table of quantities. A patient whose run has none goes without.",
    ("BesideSpec", "source"): _SOURCE,
    ("ModelSpec", "name"): "Name of the model: small letters, digits and hyphens; its folder is called so.",
    ("ModelSpec", "channels"): "Which channels it reads, in their order.",
    (
        "ModelSpec",
        "dropped",
    ): "Chance that each map is hidden from the model while it trains, so that it stands a missing one. Without this key none is hidden.",
    ("ModelSpec", "source"): _SOURCE,
    ("RecurrenceLabelSpec", "outline"): "`label-…` of the masks that show where the tumour came back.",
    (
        "RecurrenceLabelSpec",
        "came_back",
    ): "Labels of `phenotype/outcomes.tsv` that say that the tumour came back; such a patient needs an outline.",
    ("RecurrenceLabelSpec", "stayed_away"): "Labels that say that it did not; such a patient needs none.",
    (
        "RecurrenceLabelSpec",
        "carried_back",
    ): "Whether the outline of a later visit is laid back rigidly where none was drawn before treatment. Its quality is written down, and that brains shift.",
    ("RecurrenceLabelSpec", "source"): _SOURCE,
    ("SplitSpec", "kind"): "`temporal`: a column of `participants.tsv` says who trains and who is tested. `k-fold`: drawn.",
    ("SplitSpec", "column"): "That column. Only with `temporal`.",
    ("SplitSpec", "training"): "Its words for patients who train. Only with `temporal`.",
    ("SplitSpec", "test"): "Its words for patients who are tested. Only with `temporal`.",
    ("SplitSpec", "folds"): "Folds among those who train, each with its share of recurrences.",
    (
        "SplitSpec",
        "test_share",
    ): "Share of each kind of patient that is tested, drawn first. Only with `k-fold`; without it nobody is.",
    ("SplitSpec", "seed"): "Of the drawing.",
    ("SplitSpec", "source"): _SOURCE,
}
