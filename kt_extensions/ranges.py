"""What a builder's argument says about a hyperparameter: a range, a choice or one fixed value.

A tuple `(low, high)` is a range, both ends included. A list is a choice. A single value fixes the
hyperparameter, which is then no part of the search space.
"""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeAlias

Scalar: TypeAlias = int | float | str
IntRange: TypeAlias = int | tuple[int, int] | list[int]
FloatRange: TypeAlias = float | tuple[float, float] | list[float]
Names: TypeAlias = str | list[str]


class Range(Protocol):
    """The possible values of a hyperparameter."""

    @property
    def name(self) -> str:
        """Name of the argument, and of the hyperparameter unless told otherwise."""

    def declare(self, hp: Any, name: str | None = None) -> Any:
        """Adds the hyperparameter to `hp` and returns its value, None where it is inactive."""


class Discrete(Range, Protocol):
    """A range that other hyperparameters may depend on."""

    @property
    def levels(self) -> tuple[Scalar, ...]:
        """All the values."""


@dataclass(frozen=True)
class Fixed:
    """One value, which is not searched."""

    name: str
    value: Scalar

    @property
    def levels(self) -> tuple[Scalar, ...]:
        return (self.value,)

    def declare(self, hp: Any, name: str | None = None) -> Any:
        return self.value


@dataclass(frozen=True)
class Options:
    """One of several values."""

    name: str
    levels: tuple[Scalar, ...]

    def declare(self, hp: Any, name: str | None = None) -> Any:
        return hp.Choice(name or self.name, list(self.levels))


@dataclass(frozen=True)
class Integers:
    """The integers from `low` to `high`."""

    name: str
    low: int
    high: int
    sampling: str

    @property
    def levels(self) -> tuple[Scalar, ...]:
        return tuple(range(self.low, self.high + 1))

    def declare(self, hp: Any, name: str | None = None) -> Any:
        return hp.Int(name or self.name, self.low, self.high, sampling=self.sampling)


@dataclass(frozen=True)
class Floats:
    """The numbers from `low` to `high`."""

    name: str
    low: float
    high: float
    sampling: str

    def declare(self, hp: Any, name: str | None = None) -> Any:
        return hp.Float(name or self.name, self.low, self.high, sampling=self.sampling)


def declare_where(
    hp: Any, parent: Discrete, values: Collection[Scalar], child: Range, name: str | None = None
) -> Any:
    """Declares `child`, active where `parent` has one of `values`.

    A condition that always holds is left out, and so is a child that is never active.

    Returns:
        The value of the child, or None where it is inactive.
    """
    active = [level for level in parent.levels if level in values]
    if not active:
        return None
    if len(active) == len(parent.levels):
        return child.declare(hp, name)
    with hp.conditional_scope(parent.name, active):
        return child.declare(hp, name)


def integers(
    name: str, argument: Any, *, minimum: int, sampling: str = "linear"
) -> Fixed | Options | Integers:
    """Reads an argument that stands for integers of at least `minimum`.

    Raises:
        ValueError: If it does not.
    """
    expected = f"an integer of at least {minimum}, a tuple (low, high) or a list of such integers"
    values = _read(name, argument, expected, lambda value: _integer(value, minimum))
    if isinstance(values, tuple):
        low, high = values
        return Integers(name, low, high, sampling)
    return _one_of(name, values)


def floats(
    name: str, argument: Any, *, below: float = math.inf, sampling: str = "linear"
) -> Fixed | Options | Floats:
    """Reads an argument that stands for numbers from 0, which a logarithmic scale leaves out.

    Raises:
        ValueError: If it does not.
    """
    least = "above 0" if sampling == "log" else "of at least 0"
    limit = f" and below {below:g}" if below < math.inf else ""
    expected = f"a number {least}{limit}, a tuple (low, high) or a list of such numbers"
    minimum = math.nextafter(0, 1) if sampling == "log" else 0.0
    values = _read(name, argument, expected, lambda value: _number(value, minimum, below))
    if isinstance(values, tuple):
        low, high = values
        return Floats(name, low, high, sampling)
    return _one_of(name, values)


def names(name: str, argument: Any, known: Collection[str]) -> Fixed | Options:
    """Reads an argument that stands for some of the `known` names.

    Raises:
        ValueError: If it does not.
    """
    expected = f"one of {sorted(known)}, or a list of these"
    if isinstance(argument, tuple):
        fail(name, argument, expected, "Write a list: a tuple is a range of numbers.")
    values = _read(name, argument, expected, lambda value: _name(value, known), known)
    return _one_of(name, values)


def count(name: str, argument: Any) -> int:
    """Reads an argument that stands for one positive integer.

    Raises:
        ValueError: If it does not.
    """
    value = _integer(argument, 1)
    if value is None:
        fail(name, argument, "an integer of at least 1; it cannot be searched")
    return value


def shape(argument: Any) -> tuple[int, ...]:
    """Reads the shape of one sample.

    Raises:
        ValueError: If it is not a tuple of positive integers.
    """
    sizes = argument if isinstance(argument, tuple | list) else ()
    values = tuple(value for size in sizes if (value := _integer(size, 1)) is not None)
    if not sizes or len(values) < len(sizes):
        advice = "It is the shape of one sample, without the axis of the samples."
        fail("input_shape", argument, "a tuple of positive integers, like (64,)", advice)
    return values


def fail(name: str, received: Any, expected: str, advice: str = "") -> NoReturn:
    """Raises a `ValueError` that says what was expected, what came, and what to do."""
    message = f"Expected `{name}` to be {expected}. Received: {name}={received!r}. {advice}"
    raise ValueError(message.rstrip())


def _read(
    name: str,
    argument: Any,
    expected: str,
    convert: Callable[[Any], Any],
    known: Collection[str] = (),
) -> Any:
    """Returns a tuple (low, high) with low < high, or else a list of distinct values."""
    items = argument if isinstance(argument, tuple | list) else [argument]
    values = [convert(item) for item in items]
    if None in values or not values:
        fail(name, argument, expected, _did_you_mean(items, known))
    if isinstance(argument, tuple):
        return _ends(name, argument, expected, values)
    if len(set(values)) < len(values):
        fail(name, argument, expected, "Name each value once.")
    return values


def _ends(name: str, argument: Any, expected: str, values: list[Any]) -> Any:
    if len(values) != 2:
        fail(name, argument, expected, "Write a list for a choice of values.")
    if values[0] > values[1]:
        fail(name, argument, expected, f"Swap the two ends: ({argument[1]!r}, {argument[0]!r}).")
    return tuple(values) if values[0] < values[1] else values[:1]


def _one_of(name: str, values: list[Any]) -> Fixed | Options:
    return Options(name, tuple(values)) if len(values) > 1 else Fixed(name, values[0])


def _integer(value: Any, minimum: int) -> int | None:
    whole = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return int(value) if whole and value >= minimum else None


def _number(value: Any, minimum: float, below: float) -> float | None:
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return float(value) if real and minimum <= value < below else None


def _name(value: Any, known: Collection[str]) -> str | None:
    return str(value) if isinstance(value, str) and value in known else None


def _did_you_mean(items: Collection[Any], known: Collection[str]) -> str:
    strange = [str(item) for item in items if item not in known]
    near = [match for item in strange for match in difflib.get_close_matches(item, known, n=1)]
    return f"Did you mean {near[0]!r}?" if near else ""
