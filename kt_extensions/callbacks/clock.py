"""How far a training is, in epochs and in steps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

UNITS = ("epoch", "step")


class Time(NamedTuple):
    """A time since the beginning of a training, whole or not."""

    epochs: float
    steps: float

    def in_unit(self, unit: str) -> float:
        return self.epochs if unit == "epoch" else self.steps

    def since(self, other: Time) -> Time:
        """Returns the time between, without the rounding errors that keep it below whole epochs."""
        epochs, steps = (round(a - b, 9) for a, b in zip(self, other, strict=True))
        return Time(max(epochs, 0.0), max(steps, 0.0))


@dataclass
class Clock:
    """The batch that a training is at.

    While the length of an epoch is unknown (the first epoch of a generator), it is taken to be in
    the epoch's middle. An epoch that is longer than expected ends no earlier for that: its further
    batches are taken to be where the last expected one is.

    Args:
        length: Batches in an epoch, if known.
        epoch: Number of the epoch, from 0.
        batch: Number of the batch in the epoch, from 0.
        start: Batches before the epoch.
    """

    length: int | None
    epoch: int = 0
    batch: int = 0
    start: int = 0

    @property
    def now(self) -> Time:
        steps = self.start + self.batch
        if self.length is None:
            return Time(self.epoch + 0.5, steps)
        return Time(self.epoch + min(self.batch, self.length - 1) / self.length, steps)

    @property
    def end_of_last_epoch(self) -> Time:
        length = self.length or 1
        return replace(self, epoch=self.epoch - 1, batch=length - 1, start=self.start - length).now

    def beginning_of(self, epoch: int) -> Time:
        return Time(epoch, epoch * (self.length or 0))

    def at(self, time: float, unit: str) -> Time:
        """Returns a time that is given in one unit; the present in the other, if not known yet."""
        if unit == "epoch":
            return Time(time, time * self.length if self.length else self.now.steps)
        return Time(time / self.length if self.length else self.now.epochs, time)
