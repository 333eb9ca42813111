"""Data that are made where they are needed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

_NAMES = ("x", "validation_data")


def made(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Returns the arguments of `fit` with the data that functions among them make.

    A function without arguments may stand for `x`, or for `validation_data`: what cannot be handed
    to another process, such as a `tf.data.Dataset`, is made there, once.

    Args:
        args: Positional arguments, the first of which is `x`.
        kwargs: Keyword arguments.

    Example:

    >>> made((lambda: [1, 2],), {"validation_data": [3], "epochs": 2})
    (([1, 2],), {'validation_data': [3], 'epochs': 2})
    """
    named = {name: _made(value) if name in _NAMES else value for name, value in kwargs.items()}
    return (*map(_made, args[:1]), *args[1:]), named


def _made(data: Any) -> Any:
    is_function = inspect.isroutine(data) or isinstance(data, functools.partial)
    return data() if is_function else data
