"""Checks of arguments."""

from __future__ import annotations

import inspect
import numbers
from typing import Any, NoReturn, TypeGuard


def check_integer(name: str, value: int, least: int) -> None:
    """Checks an argument that is to be an integer not below `least`.

    Raises:
        ValueError: If it is not.
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"Expected `{name}` to be an integer >= {least}. Received: {value!r}.")


def is_number(value: object) -> TypeGuard[float]:
    """Whether a value is a real number, Python's or NumPy's: neither a truth value nor NaN.

    Example:

    >>> import numpy as np
    >>> is_number(np.int64(60)), is_number(float("inf")), is_number(True), is_number(float("nan"))
    (True, True, False, False)
    """
    real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    return real and bool(value == value)


def fail(name: str, received: object, expected: str, advice: str = "") -> NoReturn:
    """Raises a `ValueError` that says what was expected, what came, and what to do."""
    message = f"Expected `{name}` to be {expected}. Received: {name}={received!r}. {advice}"
    raise ValueError(message.rstrip())


def check_part(name: str, value: object, method: str, example: str) -> None:
    """Checks an argument that is to be an object with a method, or `None`.

    Raises:
        ValueError: If it is not, such as the class of one.
    """
    if value is not None and (isinstance(value, type) or not hasattr(value, method)):
        raise ValueError(
            f"Expected `{name}` to be an object with a method `{method}`, such as `{example}`. "
            f"Received: {value!r}."
        )


def takes(function: Any, *arguments: Any) -> bool:
    """Whether something can be called with these arguments, as far as its signature tells.

    Example:

    >>> takes(len), takes(lambda hp: hp), takes(lambda hp: hp, "hp")
    (False, False, True)
    """
    if not callable(function):
        return False
    try:
        inspect.signature(function, follow_wrapped=False).bind(*arguments)
    except TypeError:
        return False
    except ValueError:  # of a builtin nothing is known
        pass
    return True
