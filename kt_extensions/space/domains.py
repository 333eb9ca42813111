"""Domains of single hyperparameters: a value becomes a coordinate in [0, 1) and back.

Every domain cuts the unit interval into cells, one per level (a continuous domain has none). A
coordinate stands for the level of the cell it lies in; the centre of the cell stands for the level
when values are turned into coordinates. Cells are equally wide wherever the levels are equally
likely; integers on a log scale have cells as wide as the scale makes them.

Levels are computed with integers and decimals: a step of 0.1 reaches 0.3, not 0.30000000000000004.
Values are read with a tolerance, because arithmetic or 32-bit floats may have rounded them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Levels = NDArray[np.int64]
Value = int | float | str | bool

BELOW_ONE = math.nextafter(1.0, 0.0)
"""The largest coordinate."""

MOST_LEVELS = 2**44
"""The largest size of a finite domain: with more, neighbours would share a coordinate."""

_TOLERANCE = 1e-6  # relative: a value that went through a 32-bit float is still the same level


class Domain(Protocol):
    """The possible values of one hyperparameter."""

    @property
    def size(self) -> int | None:
        """Number of levels, or `None` for a continuous domain."""

    @property
    def ordered(self) -> bool:
        """Whether neighbouring levels are alike."""

    def value(self, coordinate: float) -> Value:
        """Returns the builtin Python value that `coordinate` stands for."""

    def coordinate(self, value: Any) -> float:
        """Returns the coordinate of the level nearest to `value`.

        Raises:
            ValueError: If `value` lies outside the domain's bounds or is none of its options.
        """

    def contains(self, value: Any) -> bool:
        """Whether `value` is one of the values of the domain, but for the rounding of floats."""

    def find(self, value: Any) -> int | None:
        """Returns the level whose value `==` the given one; `None` if there is none."""

    def level(self, coordinates: Array) -> Levels:
        """Returns the level of the cell that each coordinate lies in (finite domains only)."""

    def edges(self, levels: Levels) -> tuple[Array, Array]:
        """Returns the lower and upper edges of the cells of `levels` (finite domains only)."""


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
        if isinstance(nearest, float) and _is_number(value):
            return _close(nearest, float(value))
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
        if _is_number(value):
            for level, option in enumerate(self.values):
                if isinstance(option, float) and math.isclose(option, value, rel_tol=_TOLERANCE):
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

    def __post_init__(self) -> None:
        """Checks the arguments."""
        if self.step <= 0:
            raise ValueError(f"Expected a positive step. Received: step={self.step}.")
        _check_size(self, (self.high - self.low) / self.step)

    @cached_property
    def size(self) -> int:
        """Number of levels."""
        return int((_exact(self.high) - _exact(self.low)) // _exact(self.step)) + 1

    def at(self, level: int) -> Value:
        """Returns the value of a level."""
        return _plain(_exact(self.low) + level * _exact(self.step))

    def nearest_level(self, value: Any) -> int:
        """Returns the level nearest to a value; see `Domain.coordinate`."""
        steps = (_within(value, self.low, self.high) - self.low) / self.step
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
        value = _exact(self.low) * _exact(self.step) ** power
        if self.reverse:
            value = _exact(self.low) + _exact(self.high) - value
        return min(max(_plain(value), self.low), self.high)

    def nearest_level(self, value: Any) -> int:
        """Returns the level nearest to a value on the log scale; see `Domain.coordinate`."""
        value = _within(value, self.low, self.high)
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
        return round(_within(value, self.low, self.high)) - self.low

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
        value = _within(value, self.low, self.high)
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
            _within(value, self.low, self.high)
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


def _check_size(domain: Domain, size: float) -> None:
    if size > MOST_LEVELS:
        raise ValueError(
            f"Expected at most {MOST_LEVELS:,} levels. Received: {domain}. "
            "Use a larger step, or a Float without steps."
        )


def _exact(number: int | float) -> Any:
    """Returns an int as it is, a float as the decimal number that it is written as."""
    return number if isinstance(number, int) else Decimal(repr(number))


def _plain(number: int | Decimal) -> int | float:
    return number if isinstance(number, int) else float(number)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=1e-12)


def _within(value: Any, low: int | float, high: int | float) -> int | float:
    """Returns a number in [low, high] as a builtin; a float may miss the bounds by its rounding.

    Raises:
        ValueError: If `value` is not such a number.
    """
    if _is_number(value):
        number: int | float = value.item() if isinstance(value, np.generic) else value
        if low <= number <= high:
            return number
        if isinstance(number, float) and (_close(number, low) or _close(number, high)):
            return min(max(number, low), high)
    raise ValueError(f"Expected a number from {low} to {high}. Received: {value!r}.")
