"""The domain of all floats between two bounds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from kt_extensions.space.domains import BELOW_ONE, Array, Levels, Value
from kt_extensions.space.rounding import within


@dataclass(frozen=True)
class Interval:
    """All floats from `low` to `high`.

    Args:
        low: The lower bound; positive for the log scales.
        high: The upper bound, above `low`.
        scale: `"linear"`, `"log"` (fine near `low`) or `"reverse_log"` (fine near `high`).

    Example:
        >>> rate = Interval(0.01, 1.0, "log")
        >>> round(rate.value(0.5), 12), round(rate.coordinate(0.1), 12)
        (0.1, 0.5)
    """

    low: float
    high: float
    scale: str = "linear"

    def __str__(self) -> str:
        """Returns what it is in words, for messages."""
        return f"a number from {self.low} to {self.high}"

    size = None
    ordered = True

    def value(self, coordinate: float) -> Value:
        """Returns the float that `coordinate` stands for."""
        if self.scale == "linear":
            value = self.low + (self.high - self.low) * coordinate
        elif self.scale == "log":
            value = self.low * math.pow(self.high / self.low, coordinate)
        else:
            mirrored = self.low * math.pow(self.high / self.low, 1 - coordinate)
            value = self.high + self.low - mirrored
        return float(min(max(value, self.low), self.high))

    def coordinate(self, value: Any) -> float:
        """Returns the coordinate of a float; see `Domain.coordinate`."""
        value = within(value, self.low, self.high)
        if self.scale == "linear":
            coordinate = (value - self.low) / (self.high - self.low)
        elif self.scale == "log":
            coordinate = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            mirrored = self.high + self.low - value
            coordinate = 1 - math.log(mirrored / self.low) / math.log(self.high / self.low)
        return min(max(float(coordinate), 0.0), BELOW_ONE)

    def contains(self, value: Any) -> bool:
        """Whether `value` is a number in the interval, but for the rounding of floats."""
        try:
            within(value, self.low, self.high)
        except ValueError:
            return False
        return True

    def find(self, value: Any) -> int | None:
        """Returns `None`: there are no levels."""
        return None

    def level(self, coordinates: Array) -> Levels:
        """Raises `TypeError`: there are no levels."""
        raise TypeError("A continuous domain has no levels.")

    def edges(self, levels: Levels) -> tuple[Array, Array]:
        """Raises `TypeError`: there are no levels."""
        raise TypeError("A continuous domain has no levels.")
