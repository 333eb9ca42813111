"""Numbers that are computed without rounding, and read although they were rounded.

Levels are computed with integers and decimals: a step of 0.1 reaches 0.3, not 0.30000000000000004.
Values are read with a tolerance, because arithmetic or 32-bit floats may have rounded them.
"""

from __future__ import annotations

import math
from decimal import Decimal
from typing import Any

import numpy as np

TOLERANCE = 1e-6
"""Relative: a value that went through a 32-bit float is still the same level."""


def exact(number: int | float) -> Any:
    """Returns an int as it is, a float as the decimal number that it is written as."""
    return number if isinstance(number, int) else Decimal(repr(number))


def plain(number: int | Decimal) -> int | float:
    """Returns what `exact` numbers were computed to as a builtin."""
    return number if isinstance(number, int) else float(number)


def is_number(value: Any) -> bool:
    """Whether a value is a number, Python's or NumPy's; `True` and `False` are none."""
    return isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)


def close(a: float, b: float) -> bool:
    """Whether two numbers may be the same, but for their rounding."""
    return math.isclose(a, b, rel_tol=TOLERANCE, abs_tol=1e-12)


def within(value: Any, low: int | float, high: int | float) -> int | float:
    """Returns a number in [low, high] as a builtin; a float may miss the bounds by its rounding.

    Raises:
        ValueError: If `value` is not such a number.
    """
    if is_number(value):
        number: int | float = value.item() if isinstance(value, np.generic) else value
        if low <= number <= high:
            return number
        if isinstance(number, float) and (close(number, low) or close(number, high)):
            return min(max(number, low), high)
    raise ValueError(f"Expected a number from {low} to {high}. Received: {value!r}.")
