"""From arguments to ranges."""

from __future__ import annotations

import difflib
import math
import numbers
from collections.abc import Callable, Collection
from typing import Any

import numpy as np

from kt_extensions.checking import fail, is_number
from kt_extensions.ranges.kinds import (
    Doublings,
    Fixed,
    Floats,
    Integers,
    OddIntegers,
    Options,
    Range,
    YesOrNo,
)


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


def odd(name: str, argument: Any) -> Fixed | Options | OddIntegers:
    """Reads an argument that stands for positive integers, in a range odd ones only.

    Raises:
        ValueError: If it does not.
    """
    values = integers(name, argument, minimum=1)
    if not isinstance(values, Integers):
        return values
    if values.low % 2 == 0 or values.high % 2 == 0:
        advice = "Write a list for a choice of values."
        fail(name, argument, "odd at both ends of a range, like (3, 7)", advice)
    return OddIntegers(name, values.low, values.high)


def floats(
    name: str,
    argument: Any,
    *,
    below: float = math.inf,
    most: float = math.inf,
    sampling: str = "linear",
    zero: bool = False,
) -> Fixed | Options | Floats:
    """Reads an argument that stands for numbers from 0, which a logarithmic scale leaves out.

    Args:
        name: Name of the argument.
        argument: What was passed.
        below: What all numbers are below.
        most: The largest number allowed, instead of `below`.
        sampling: "linear" or "log", the scale of a range.
        zero: Whether 0 is allowed beside a logarithmic scale, where it means: not at all.

    Raises:
        ValueError: If it does not.
    """
    positive = sampling == "log" and (not zero or isinstance(argument, tuple))
    least = "above 0" if positive else "of at least 0"
    limit = f" and below {below:g}" if below < math.inf else ""
    limit = f" and at most {most:g}" if most < math.inf else limit
    end = min(below, math.nextafter(most, math.inf))
    expected = f"a number {least}{limit}, a tuple (low, high) or a list of such numbers"
    minimum = math.nextafter(0, 1) if positive else 0.0
    values = _read(name, argument, expected, lambda value: _number(value, minimum, end))
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
    return float(value) if is_number(value) and minimum <= value < below else None


def _name(value: Any, known: Collection[str]) -> str | None:
    return str(value) if isinstance(value, str) and value in known else None


def _did_you_mean(items: Collection[Any], known: Collection[str]) -> str:
    strange = [item for item in items if isinstance(item, str) and item not in known]
    near = [match for item in strange for match in difflib.get_close_matches(item, known, n=1)]
    return f"Did you mean {near[0]!r}?" if near else ""
