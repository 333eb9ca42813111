"""Domains of single hyperparameters: a value becomes a coordinate in [0, 1) and back.

Every domain cuts the unit interval into cells, one per level (a continuous domain has none). A
coordinate stands for the level of the cell it lies in; the centre of the cell stands for the level
when values are turned into coordinates. Cells are equally wide wherever the levels are equally
likely; integers on a log scale have cells as wide as the scale makes them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
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

_TOLERANCE = 1e-6  # relative: a value that went through a 32-bit float is still the same level


class Domain(Protocol):
    """The possible values of one hyperparameter.

    Attributes:
        size: Number of levels, or `None` for a continuous domain.
        ordered: Whether neighbouring levels are alike.
    """

    @property
    def size(self) -> int | None: ...
    @property
    def ordered(self) -> bool: ...
    def value(self, coordinate: float) -> Value:
        """Returns the builtin Python value that `coordinate` stands for."""

    def coordinate(self, value: Any) -> float:
        """Returns the coordinate of the level nearest to `value`.

        Raises:
            ValueError: If `value` lies outside the domain's bounds or is none of its options.
        """

    def contains(self, value: Any) -> bool:
        """Whether `value` is exactly one of the values of the domain."""

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
        low, high = self.edges(np.asarray(self.nearest_level(value)))
        return float((low + high) / 2)

    def contains(self, value: Any) -> bool:
        try:
            level = self.at(self.nearest_level(value))
        except ValueError:
            return False
        return level == value or (_is_number(value) and _close(float(level), float(value)))

    def level(self, coordinates: Array) -> Levels:
        return np.minimum(coordinates * self.size, self.size - 1).astype(np.int64)

    def edges(self, levels: Levels) -> tuple[Array, Array]:
        return levels / self.size, (levels + 1) / self.size


@dataclass(frozen=True)
class Options(_Finite):
    """A choice among listed values.

    Args:
        values: Tuple of distinct values of one type.
        ordered: Whether the values are considered to have an ordering, that in which they stand.
    """

    values: tuple[Value, ...]
    ordered: bool = False

    @property
    def size(self) -> int:
        return len(self.values)

    def at(self, level: int) -> Value:
        return self.values[level]

    def nearest_level(self, value: Any) -> int:
        if value not in self.values:
            raise ValueError(f"Expected one of {list(self.values)}. Received: {value!r}.")
        return self.values.index(value)


@dataclass(frozen=True)
class LinearSteps(_Finite):
    """`low`, `low + step`, `low + 2 * step`, ..., at most `high`.

    Computed in decimal, so that a step of 0.1 reaches 0.3 and not 0.30000000000000004.

    Args:
        low: The least value.
        high: The upper bound, itself a value where the steps reach it.
        step: The difference of neighbours, positive.
    """

    low: int | float
    high: int | float
    step: int | float

    @cached_property
    def size(self) -> int:
        return int((_decimal(self.high) - _decimal(self.low)) / _decimal(self.step)) + 1

    def at(self, level: int) -> Value:
        value = _decimal(self.low) + level * _decimal(self.step)
        return int(value) if isinstance(self.low, int) else float(value)

    def nearest_level(self, value: Any) -> int:
        _check_within(value, self.low, self.high)
        return min(max(round((value - self.low) / self.step), 0), self.size - 1)


@dataclass(frozen=True)
class GeometricSteps(_Finite):
    """`low`, `low * step`, `low * step**2`, ..., at most `high`; mirrored when `reverse`.

    Args:
        low: The lower bound, positive.
        high: The upper bound.
        step: The ratio of neighbours, above 1.
        reverse: Whether the values are mirrored to `low + high - value`, dense near `high`.
    """

    low: int | float
    high: int | float
    step: int | float
    reverse: bool = False

    @cached_property
    def _values(self) -> tuple[int | float, ...]:
        count = int(math.log(self.high / self.low, self.step) + 1e-8) + 1
        values = [min(self.low * self.step**power, self.high) for power in range(count)]
        if self.reverse:
            values = [self.high + self.low - value for value in reversed(values)]
        return tuple(values)

    @property
    def size(self) -> int:
        return len(self._values)

    def at(self, level: int) -> Value:
        return self._values[level]

    def nearest_level(self, value: Any) -> int:
        _check_within(value, self.low, self.high)
        return int(np.argmin(np.abs(np.asarray(self._values) - value)))


@dataclass(frozen=True)
class LogIntegers(_Finite):
    """Every integer from `low` to `high`, equally likely per unit of its logarithm.

    The cell of an integer reaches half a step to either side, so that the end points lose
    nothing to their neighbours.

    Args:
        low: The least integer, positive.
        high: The greatest integer, above `low`.
        reverse: Whether the scale is mirrored, fine near `high` and coarse near `low`.
    """

    low: int
    high: int
    reverse: bool = False

    @property
    def size(self) -> int:
        return self.high - self.low + 1

    def at(self, level: int) -> Value:
        return self.low + level

    def nearest_level(self, value: Any) -> int:
        _check_within(value, self.low, self.high)
        return min(max(round(value), self.low), self.high) - self.low

    @cached_property
    def _log_range(self) -> tuple[float, float]:
        return math.log(self.low - 0.5), math.log((self.high + 0.5) / (self.low - 0.5))

    def level(self, coordinates: Array) -> Levels:
        bottom, width = self._log_range
        upward = 1.0 - coordinates if self.reverse else coordinates
        integers = np.floor(np.exp(bottom + width * upward) + 0.5).astype(np.int64)
        levels = np.clip(integers - self.low, 0, self.size - 1)
        return self.size - 1 - levels if self.reverse else levels

    def edges(self, levels: Levels) -> tuple[Array, Array]:
        bottom, width = self._log_range
        upward = self.size - 1 - levels if self.reverse else levels
        low = np.clip((np.log(self.low + upward - 0.5) - bottom) / width, 0.0, 1.0)
        high = np.clip((np.log(self.low + upward + 0.5) - bottom) / width, 0.0, 1.0)
        return (1.0 - high, 1.0 - low) if self.reverse else (low, high)


@dataclass(frozen=True)
class Interval:
    """All floats from `low` to `high`.

    Args:
        low: The lower bound; positive for the log scales.
        high: The upper bound, above `low`.
        scale: `"linear"`, `"log"` (fine near `low`) or `"reverse_log"` (fine near `high`).
    """

    low: float
    high: float
    scale: str = "linear"

    size = None
    ordered = True

    def value(self, coordinate: float) -> Value:
        span = self.high - self.low
        if self.scale == "linear":
            value = self.low + span * coordinate
        elif self.scale == "log":
            value = self.low * (self.high / self.low) ** coordinate
        else:
            value = self.high + self.low - self.low * (self.high / self.low) ** (1 - coordinate)
        return float(min(max(value, self.low), self.high))

    def coordinate(self, value: Any) -> float:
        _check_within(value, self.low, self.high)
        value = min(max(value, self.low), self.high)
        if self.scale == "linear":
            coordinate = (value - self.low) / (self.high - self.low)
        elif self.scale == "log":
            coordinate = math.log(value / self.low) / math.log(self.high / self.low)
        else:
            mirrored = self.high + self.low - value
            coordinate = 1 - math.log(mirrored / self.low) / math.log(self.high / self.low)
        return min(max(coordinate, 0.0), BELOW_ONE)

    def contains(self, value: Any) -> bool:
        return _is_number(value) and self.low <= value <= self.high

    def level(self, coordinates: Array) -> Levels:
        raise TypeError("A continuous domain has no levels.")

    def edges(self, levels: Levels) -> tuple[Array, Array]:
        raise TypeError("A continuous domain has no levels.")


def from_hyperparameter(hyperparameter: Any) -> Domain:
    """Reads the domain of a KerasTuner hyperparameter from its public attributes.

    Args:
        hyperparameter: An `Int`, `Float`, `Choice`, `Boolean` or `Fixed` of KerasTuner.

    Raises:
        TypeError: If it is of another type.

    Example:

    >>> import keras_tuner as kt
    >>> hp = kt.HyperParameters()
    >>> _ = hp.Float("rate", 0, 0.5, step=0.1)
    >>> domain = from_hyperparameter(hp.space[0])
    >>> [domain.at(level) for level in range(domain.size)]
    [0.0, 0.1, 0.2, 0.3, 0.4, 0.5]
    """
    kind = type(hyperparameter).__name__
    readers = {
        "Int": _numeric,
        "Float": _numeric,
        "Choice": _choice,
        "Boolean": lambda _: Options((False, True)),
        "Fixed": lambda fixed: Options((fixed.value,)),
    }
    if kind not in readers:
        raise TypeError(
            f"Expected a hyperparameter of type {sorted(readers)}. "
            f"Received: {hyperparameter!r} of type {kind}. Declare it through `hp.Int`, "
            "`hp.Float`, `hp.Choice`, `hp.Boolean` or `hp.Fixed`."
        )
    return readers[kind](hyperparameter)


def _numeric(hp: Any) -> Domain:
    number = int if type(hp).__name__ == "Int" else float
    low, high = number(hp.min_value), number(hp.max_value)
    if low == high:
        return Options((low,))
    if hp.sampling == "linear":
        return LinearSteps(low, high, number(hp.step)) if hp.step else Interval(low, high)
    reverse = hp.sampling == "reverse_log"
    if hp.step:
        return GeometricSteps(low, high, number(hp.step), reverse)
    if number is int:
        return LogIntegers(int(low), int(high), reverse)
    return Interval(low, high, hp.sampling)


def _choice(hp: Any) -> Domain:
    values: Sequence[Value] = list(dict.fromkeys(hp.values))
    if hp.ordered:
        values = sorted(values)  # type: ignore[type-var]
    return Options(tuple(values), ordered=bool(hp.ordered))


def _decimal(number: int | float) -> Decimal:
    return Decimal(repr(number))


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_TOLERANCE, abs_tol=1e-12)


def _check_within(value: Any, low: int | float, high: int | float) -> None:
    """Raises unless `value` is a number in [low, high], rounding of 32-bit floats allowed."""
    inside = _is_number(value) and (
        low <= value <= high or _close(float(value), low) or _close(float(value), high)
    )
    if not inside:
        raise ValueError(f"Expected a number from {low} to {high}. Received: {value!r}.")
