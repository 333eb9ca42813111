"""What a builder's argument says about a hyperparameter: a range, a choice or one fixed value.

A tuple `(low, high)` is a range, both ends included. A list is a choice. A single value fixes the
hyperparameter, which is then no part of the search space. What can be switched off takes None.
"""

from __future__ import annotations

import copy
import difflib
import math
import numbers
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol, TypeAlias

import numpy as np

Scalar: TypeAlias = int | float | str | bool
IntRange: TypeAlias = int | tuple[int, int] | list[int]
FloatRange: TypeAlias = float | tuple[float, float] | list[float]
Names: TypeAlias = str | list[str] | tuple[str, ...]
Switch: TypeAlias = bool | list[bool] | tuple[bool, bool]


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
    value: Scalar | None

    @property
    def levels(self) -> tuple[Scalar, ...]:
        return () if self.value is None else (self.value,)

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
class YesOrNo:
    """Something that is on or off."""

    name: str

    @property
    def levels(self) -> tuple[Scalar, ...]:
        return (False, True)

    def declare(self, hp: Any, name: str | None = None) -> Any:
        return hp.Boolean(name or self.name)


@dataclass(frozen=True)
class Doublings:
    """The integers `low`, twice `low`, four times `low` and so on, up to `high`."""

    name: str
    low: int
    high: int

    def declare(self, hp: Any, name: str | None = None) -> Any:
        return hp.Int(name or self.name, self.low, self.high, step=2, sampling="log")


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
    return declare_where_all(hp, [(parent, values)], child, name)


def declare_where_all(
    hp: Any,
    conditions: Sequence[tuple[Discrete, Collection[Scalar]]],
    child: Range,
    name: str | None = None,
) -> Any:
    """Declares `child`, active where each of several parents has one of its values.

    KerasTuner's scopes cannot be nested over parents that were declared before, but it does keep a
    hyperparameter with several conditions.

    Returns:
        The value of the child, or None where it is inactive.
    """
    parents = [(parent, [v for v in parent.levels if v in values]) for parent, values in conditions]
    if not all(active for _, active in parents):
        return None
    parents = [(p, active) for p, active in parents if len(active) < len(p.levels)]
    if isinstance(child, Fixed) or not parents:
        active_now = all(parent.declare(hp) in active for parent, active in parents)
        return child.declare(hp, name) if active_now else None
    if len(parents) == 1:
        [(parent, active)] = parents
        with hp.conditional_scope(parent.name, active):
            return child.declare(hp, name)
    joint = _joint(hp, parents, child, name)
    hp.merge([joint], overwrite=False)
    return hp.values[joint.name] if hp.is_active(joint) else None


def _joint(
    hp: Any, parents: list[tuple[Discrete, list[Scalar]]], child: Range, name: str | None
) -> Any:
    """Returns KerasTuner's hyperparameter for a child with a condition for each parent."""
    alone = []
    for parent, active in parents:
        apart = copy.deepcopy(hp)  # with its open scopes
        with apart.conditional_scope(parent.name, active):
            child.declare(apart, name)
        alone.append(apart.space[-1])
    conditions = [condition for one in alone for condition in one.conditions]
    alone[0].conditions = [c for i, c in enumerate(conditions) if c not in conditions[:i]]
    return alone[0]


def integers(
    name: str, argument: Any, *, minimum: int, sampling: str = "linear"
) -> Fixed | Options | Integers:
    """Reads an argument that stands for integers of at least `minimum`.

    Raises:
        ValueError: If it does not.
    """
    values = _integers(name, argument, minimum)
    if isinstance(values, tuple):
        low, high = values
        return Integers(name, low, high, sampling)
    return _one_of(name, values)


def doublings(name: str, argument: Any) -> Fixed | Options | Doublings:
    """Reads an argument that stands for positive integers, in a range each twice the one before.

    Raises:
        ValueError: If it does not.
    """
    values = _integers(name, argument, 1)
    if isinstance(values, tuple):
        low, high = values
        return Doublings(name, low, high)
    return _one_of(name, values)


def floats(
    name: str,
    argument: Any,
    *,
    below: float = math.inf,
    sampling: str = "linear",
    zero: bool = False,
) -> Fixed | Options | Floats:
    """Reads an argument that stands for numbers from 0, which a logarithmic scale leaves out.

    Args:
        name: Name of the argument.
        argument: What was passed.
        below: What all numbers are below.
        sampling: "linear" or "log", the scale of a range.
        zero: Whether 0 is allowed beside a logarithmic scale, where it means: not at all.

    Raises:
        ValueError: If it does not.
    """
    positive = sampling == "log" and (not zero or isinstance(argument, tuple))
    least = "above 0" if positive else "of at least 0"
    limit = f" and below {below:g}" if below < math.inf else ""
    expected = f"a number {least}{limit}, a tuple (low, high) or a list of such numbers"
    minimum = math.nextafter(0, 1) if positive else 0.0
    values = _read(name, argument, expected, lambda value: _number(value, minimum, below))
    if isinstance(values, tuple):
        low, high = values
        return Floats(name, low, high, sampling)
    return _one_of(name, values)


def switch(name: str, argument: Any) -> Fixed | YesOrNo:
    """Reads an argument that stands for on, off or either.

    Raises:
        ValueError: If it does not.
    """
    items = list(argument) if isinstance(argument, tuple | list) else [argument]
    known = all(isinstance(item, bool | np.bool_) for item in items)
    if not known or not 0 < len(items) <= 2 or len(set(items)) < len(items):
        fail(name, argument, "True, False, or [False, True] to search over both")
    return YesOrNo(name) if len(items) == 2 else Fixed(name, bool(items[0]))


def names(name: str, argument: Any, known: Collection[str]) -> Fixed | Options:
    """Reads an argument that stands for some of the `known` names.

    Raises:
        ValueError: If it does not.
    """
    expected = f"one of {sorted(known)}, or a list of these"
    items = list(argument) if isinstance(argument, tuple) else argument
    values = _read(name, items, expected, lambda value: _name(value, known), known)
    return _one_of(name, values)


def unless_none(name: str, argument: Any, read: Callable[[str, Any], Range]) -> Range:
    """Reads an argument with `read`, unless it is None, which is kept as a fixed value."""
    return Fixed(name, None) if argument is None else read(name, argument)


def count(name: str, argument: Any, *, minimum: int = 1) -> int:
    """Reads an argument that stands for one integer of at least `minimum`.

    Raises:
        ValueError: If it does not.
    """
    value = _integer(argument, minimum)
    if value is None:
        fail(name, argument, f"an integer of at least {minimum}; it cannot be searched")
    return value


def shape(
    argument: Any,
    name: str = "input_shape",
    advice: str = "It is the shape of one sample, without the axis of the samples.",
) -> tuple[int, ...]:
    """Reads the shape of one sample.

    Raises:
        ValueError: If it is not a tuple of positive integers.
    """
    sizes = argument if isinstance(argument, tuple | list) else ()
    values = tuple(value for size in sizes if (value := _integer(size, 1)) is not None)
    if not sizes or len(values) < len(sizes):
        fail(name, argument, "a tuple of positive integers, like (64,)", advice)
    return values


def fail(name: str, received: Any, expected: str, advice: str = "") -> NoReturn:
    """Raises a `ValueError` that says what was expected, what came, and what to do."""
    message = f"Expected `{name}` to be {expected}. Received: {name}={received!r}. {advice}"
    raise ValueError(message.rstrip())


def _integers(name: str, argument: Any, minimum: int) -> Any:
    expected = f"an integer of at least {minimum}, a tuple (low, high) or a list of such integers"
    return _read(name, argument, expected, lambda value: _integer(value, minimum))


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
