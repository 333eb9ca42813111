"""Domains of finitely many values: options, steps, integers on a log scale.

Each cuts the unit interval into cells, one for each level. A coordinate stands for the level of the
cell it lies in; the centre of the cell stands for the level when values are turned into
coordinates. Cells are equally wide wherever the levels are equally likely; integers on a log scale
have cells as wide as the scale makes them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from kt_extensions.space.domains import Array, Domain, Levels, Value
from kt_extensions.space.rounding import TOLERANCE, close, exact, is_number, plain, within

MOST_LEVELS = 2**44
"""The largest size of a finite domain: with more, neighbours would share a coordinate."""


class _Finite:
    """Shared by the finite domains: equally wide cells, one for each level."""

    ordered = True

    @property
    def size(self) -> int:
        raise NotImplementedError

    def at(self, level: int) -> Value:
        raise NotImplementedError

    def nearest_level(self, value: Any) -> int:
        raise NotImplementedError

    def value(self, coordinate: float) -> Value:
        return self.at(int(self.level(np.asarray(coordinate))))

    def coordinate(self, value: Any) -> float:
        return (self.nearest_level(value) + 0.5) / self.size

    def contains(self, value: Any) -> bool:
        try:
            nearest = self.at(self.nearest_level(value))
        except ValueError:
            return False
        if isinstance(nearest, float) and is_number(value):
            return close(nearest, float(value))
        return bool(nearest == value)

    def find(self, value: Any) -> int | None:
        try:
            level = self.nearest_level(int(value) if isinstance(value, bool) else value)
        except ValueError:
            return None
        return level if self.at(level) == value else None

    def level(self, coordinates: Array) -> Levels:
        levels: Levels = np.minimum(coordinates * self.size, self.size - 1).astype(np.int64)
        return levels

    def edges(self, levels: Levels) -> tuple[Array, Array]:
        return levels / self.size, (levels + 1) / self.size


@dataclass(frozen=True)
class Options(_Finite):
    """A choice among listed values.

    Args:
        values: Tuple of distinct values of one type.
        ordered: Whether the values are considered to have an ordering, that in which they stand.

    Example:
        >>> activation = Options(("relu", "tanh"))
        >>> activation.value(0.8), activation.coordinate("relu")
        ('tanh', 0.25)
    """

    values: tuple[Value, ...]
    ordered: bool = False

    def __str__(self) -> str:
        """Returns what it is in words, for messages."""
        return f"one of {list(self.values)}"

    @property
    def size(self) -> int:
        """Number of options."""
        return len(self.values)

    def at(self, level: int) -> Value:
        """Returns the value of a level."""
        return self.values[level]

    def nearest_level(self, value: Any) -> int:
        """Returns the level of an option; see `Domain.coordinate`."""
        if value in self.values:
            return self.values.index(value)
        if is_number(value):
            for level, option in enumerate(self.values):
                if isinstance(option, float) and math.isclose(option, value, rel_tol=TOLERANCE):
                    return level
        raise ValueError(f"Expected one of {list(self.values)}. Received: {value!r}.")


@dataclass(frozen=True)
class LinearSteps(_Finite):
    """`low`, `low + step`, `low + 2 * step`, ..., at most `high`.

    Args:
        low: The least value.
        high: The upper bound, itself a value where the steps reach it.
        step: The difference of neighbours, positive.

    Raises:
        ValueError: If the step is not positive, or there are more than `MOST_LEVELS` levels.

    Example:
        >>> rate = LinearSteps(0.0, 0.5, 0.1)
        >>> [rate.at(level) for level in range(rate.size)]
        [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    """

    low: int | float
    high: int | float
    step: int | float

    def __str__(self) -> str:
        """Returns what it is in words, for messages."""
        if self.step == 1 and isinstance(self.low, int):
            return f"a whole number from {self.low} to {self.high}"
        return f"a number from {self.low} to {self.high} in steps of {self.step}"

    def __post_init__(self) -> None:
        """Checks the arguments."""
        if self.step <= 0:
            raise ValueError(f"Expected a positive step. Received: step={self.step}.")
        _check_size(self, (self.high - self.low) / self.step)

    @cached_property
    def size(self) -> int:
        """Number of levels."""
        return int((exact(self.high) - exact(self.low)) // exact(self.step)) + 1

    def at(self, level: int) -> Value:
        """Returns the value of a level."""
        return plain(exact(self.low) + level * exact(self.step))

    def nearest_level(self, value: Any) -> int:
        """Returns the level nearest to a value; see `Domain.coordinate`."""
        steps = (within(value, self.low, self.high) - self.low) / self.step
        return min(round(steps), self.size - 1)


@dataclass(frozen=True)
class GeometricSteps(_Finite):
    """`low`, `low * step`, `low * step**2`, ..., at most `high`; mirrored when `reverse`.

    Args:
        low: The lower bound, positive.
        high: The upper bound.
        step: The ratio of neighbours, above 1.
        reverse: Whether the values are mirrored to `low + high - value`, dense near `high`.

    Raises:
        ValueError: If there are more than `MOST_LEVELS` levels.

    Example:
        >>> units = GeometricSteps(16, 100, 2)
        >>> [units.at(level) for level in range(units.size)]
        [16, 32, 64]
    """

    low: int | float
    high: int | float
    step: int | float
    reverse: bool = False

    def __str__(self) -> str:
        """Returns what it is in words, for messages."""
        return f"a number from {self.low} to {self.high}, each {self.step} times the one before"

    def __post_init__(self) -> None:
        """Checks the arguments."""
        _check_size(self, self._power(self.high))

    @cached_property
    def size(self) -> int:
        """Number of levels."""
        last = int(self._power(self.high) + 1e-8)  # KerasTuner's tolerance
        too_far = isinstance(self.low, int) and self.low * self.step**last > self.high
        return last + 1 - too_far

    def at(self, level: int) -> Value:
        """Returns the value of a level."""
        power = self.size - 1 - level if self.reverse else level
        value = exact(self.low) * exact(self.step) ** power
        if self.reverse:
            value = exact(self.low) + exact(self.high) - value
        return min(max(plain(value), self.low), self.high)

    def nearest_level(self, value: Any) -> int:
        """Returns the level nearest to a value on the log scale; see `Domain.coordinate`."""
        value = within(value, self.low, self.high)
        power = self._power(self.low + self.high - value if self.reverse else value)
        nearest: int = min(round(power), self.size - 1)
        return self.size - 1 - nearest if self.reverse else nearest

    def _power(self, value: int | float) -> float:
        return math.log(value / self.low) / math.log(self.step)


@dataclass(frozen=True)
class LogIntegers(_Finite):
    """Every integer from `low` to `high`, equally likely per unit of its logarithm.

    The cell of an integer reaches half a step to either side, so that the end points lose
    nothing to their neighbours.

    Args:
        low: The least integer, positive.
        high: The greatest integer, above `low`.
        reverse: Whether the scale is mirrored, fine near `high` and coarse near `low`.

    Raises:
        ValueError: If there are more than `MOST_LEVELS` levels.

    Example:
        >>> units = LogIntegers(1, 100)
        >>> [units.value(coordinate) for coordinate in (0.0, 0.5, 0.999)]
        [1, 7, 100]
    """

    low: int
    high: int
    reverse: bool = False

    def __str__(self) -> str:
        """Returns what it is in words, for messages."""
        return f"a whole number from {self.low} to {self.high}"

    def __post_init__(self) -> None:
        """Checks the arguments."""
        _check_size(self, self.size)

    @property
    def size(self) -> int:
        """Number of levels."""
        return self.high - self.low + 1

    def at(self, level: int) -> Value:
        """Returns the value of a level."""
        return self.low + level

    def nearest_level(self, value: Any) -> int:
        """Returns the level nearest to a value; see `Domain.coordinate`."""
        return round(within(value, self.low, self.high)) - self.low

    def coordinate(self, value: Any) -> float:
        """Returns the coordinate of the level nearest to a value; see `Domain.coordinate`."""
        low, high = self.edges(np.asarray(self.nearest_level(value)))
        return float((low + high) / 2)

    def level(self, coordinates: Array) -> Levels:
        """Returns the level of the cell that each coordinate lies in."""
        upward = 1.0 - coordinates if self.reverse else coordinates
        steps = self._bottom * np.expm1(self._log_range * upward)
        levels: Levels = np.clip(steps, 0, self.size - 1).astype(np.int64)
        return self.size - 1 - levels if self.reverse else levels

    def edges(self, levels: Levels) -> tuple[Array, Array]:
        """Returns the lower and upper edges of the cells of `levels`."""
        upward = self.size - 1 - levels if self.reverse else levels
        low = np.log1p(upward / self._bottom) / self._log_range
        high = np.log1p((upward + 1) / self._bottom) / self._log_range
        return (1.0 - high, 1.0 - low) if self.reverse else (low, high)

    @property
    def _bottom(self) -> float:
        """The lower end of the least integer's cell."""
        return self.low - 0.5

    @cached_property
    def _log_range(self) -> float:
        return math.log1p(self.size / self._bottom)


def _check_size(domain: Domain, size: float) -> None:
    if size > MOST_LEVELS:
        raise ValueError(
            f"Expected at most {MOST_LEVELS:,} levels. Received: {domain}. "
            "Use a larger step, or a Float without steps."
        )
