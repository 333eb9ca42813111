"""Checks of arguments."""

from __future__ import annotations

import numbers


def check_integer(name: str, value: int, least: int) -> None:
    """Checks an argument that is to be an integer not below `least`.

    Raises:
        ValueError: If it is not.
    """
    if not isinstance(value, numbers.Integral) or isinstance(value, bool) or value < least:
        raise ValueError(f"Expected `{name}` to be an integer >= {least}. Received: {value!r}.")


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
