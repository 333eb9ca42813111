"""Checks of the settings of a sampler or a pruner, when it is made rather than amid a search."""

from __future__ import annotations

import math
import numbers
from collections.abc import Collection
from typing import Any


def check_integers(settings: Any, least: int, *names: str) -> None:
    """Checks that settings are integers not below `least`.

    Args:
        settings: A dataclass instance with default values.
        least: The least value.
        *names: Which of its fields to check.

    Raises:
        ValueError: If one is not.

    Example:

    >>> from types import SimpleNamespace
    >>> check_integers(SimpleNamespace(n_startup=0), 1, "n_startup")
    Traceback (most recent call last):
        ...
    ValueError: Expected n_startup to be an integer >= 1. Received: 0.
    """
    for name in names:
        value = getattr(settings, name)
        if not _is(value, numbers.Integral) or value < least:
            _refuse(settings, name, f"an integer >= {least}")


def check_numbers(settings: Any, low: float, high: float, *names: str) -> None:
    """Checks that settings are finite numbers from `low` to `high`; as `check_integers`."""
    for name in names:
        value = getattr(settings, name)
        if not (_is(value, numbers.Real) and math.isfinite(value) and low <= value <= high):
            _refuse(settings, name, _range(low, high))


def check_positive(settings: Any, *names: str) -> None:
    """Checks that settings are finite numbers above 0; as `check_integers`."""
    for name in names:
        value = getattr(settings, name)
        if not (_is(value, numbers.Real) and 0 < value < math.inf):
            _refuse(settings, name, "a number > 0")


def check_choice(settings: Any, name: str, options: Collection[str]) -> None:
    """Checks that a setting is one of some names; as `check_integers`."""
    if getattr(settings, name) not in options:
        _refuse(settings, name, f"one of {[*options]}")


def check_type(settings: Any, name: str, kind: type) -> None:
    """Checks that a setting is an instance of a class; as `check_integers`."""
    if not isinstance(getattr(settings, name), kind):
        _refuse(settings, name, f"a {kind.__name__}")


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _range(low: float, high: float) -> str:
    return f"a number from {low:g} to {high:g}" if math.isfinite(high) else f"a number >= {low:g}"


def _refuse(settings: Any, name: str, expected: str) -> None:
    """Raises the error, which ends with what the setting is if it is left out."""
    message = f"Expected {name} to be {expected}. Received: {getattr(settings, name)!r}."
    if hasattr(type(settings), name):
        message += f" Left out, it is {getattr(type(settings), name)!r}."
    raise ValueError(message)
