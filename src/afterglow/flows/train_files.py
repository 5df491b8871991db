"""A learning set as the files that a training reads."""

from afterglow.io.learning import LearningSet
from afterglow.recurrence.training_data import TrainingCase, TrainingData


def training_data(learning: LearningSet) -> TrainingData:
    """The learning set as the files that a training reads."""
    cases = tuple(
        TrainingCase(
            one.subject, one.session, {channel.name: learning.path(one.subject, channel.name) for channel in learning.channels},
            learning.path(one.subject, "brain"), None if one.recurs is None else learning.path(one.subject, "label"),
        )
        for one in learning.entries.values()
    )  # fmt: skip
    return TrainingData(cases, learning.channels, learning.splits, learning.sha256)
