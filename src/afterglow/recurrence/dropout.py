"""Channel dropout: maps are hidden by chance while a model trains, so that it stands a patient without one."""

from collections.abc import Callable, Sequence
from typing import Any

from afterglow.records.recurrence import Channel

HIDDEN = 0.0  # after normalisation: the mean of the patient (z-score) or of the data set (keep scale)


def maps_of(channels: Sequence[Channel]) -> tuple[int, ...]:
    """Places of the channels that may be hidden: maps of a quantity. Images never are."""
    return tuple(k for k, channel in enumerate(channels) if channel.quantity)


def hiding(
    train_step: Callable[[dict[str, Any]], Any], maps: Sequence[int], chance: float, seed: int
) -> tuple[Callable[[dict[str, Any]], Any], Callable[[int], None]]:
    """The trainer's step behind a curtain, and what draws the curtain's chances anew for an epoch.

    Each map of each sample is hidden on its own; a sample of maps alone keeps all where chance would hide all.
    """
    import torch

    draws = torch.Generator()

    def begin(epoch: int) -> None:
        draws.manual_seed((seed * 1_000_003 + epoch) % 2**63)

    def step(batch: dict[str, Any]) -> Any:
        data = batch["data"].clone()
        gone = torch.rand((data.shape[0], len(maps)), generator=draws) < chance
        if len(maps) == data.shape[1]:
            gone[gone.all(dim=1)] = False
        for column, channel in enumerate(maps):
            data[gone[:, column], channel] = HIDDEN
        return train_step({**batch, "data": data})

    begin(0)
    return step, begin
