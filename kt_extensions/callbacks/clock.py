"""How far a training is, in epochs and in steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

UNITS = ("epoch", "step")


class Time(NamedTuple):
    """A time since the beginning of a training, whole or not."""

    epochs: float
    steps: float

    def in_unit(self, unit: str) -> float:
        return self.epochs if unit == "epoch" else self.steps

    def since(self, other: Time) -> Time:
        return Time(max(self.epochs - other.epochs, 0.0), max(self.steps - other.steps, 0.0))


@dataclass
class Clock:
    """The batch that a training is at.

    While the length of an epoch is unknown (the first epoch of a generator), it is taken to be in
    the epoch's middle, and the steps are those of this epoch.

    Args:
        length: Batches in an epoch, if known.
        epoch: Number of the epoch, from 0.
        batch: Number of the batch in the epoch, from 0.
    """

    length: int | None
    epoch: int = 0
    batch: int = 0

    @property
    def now(self) -> Time:
        if self.length is None:
            return Time(self.epoch + 0.5, self.batch)
        return Time(self.epoch + self.batch / self.length, self.epoch * self.length + self.batch)

    def beginning_of(self, epoch: int) -> Time:
        return Time(epoch, epoch * (self.length or 0))

    def at(self, time: float, unit: str) -> Time:
        """Returns a time that is given in one unit; the present in the other, if not known yet."""
        if unit == "epoch":
            return Time(time, time * self.length if self.length else self.now.steps)
        return Time(time / self.length if self.length else self.now.epochs, time)
