"""Data that are made where they are needed."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from kt_extensions.checking import takes

_NAMES = ("x", "validation_data")


def made(args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Returns the arguments of `fit` with the data that functions among them make.

    A function without arguments may stand for `x`, or for `validation_data`: what cannot be handed
    to another process, such as a `tf.data.Dataset`, is made there, once.

    Args:
        args: Positional arguments, the first of which is `x`.
        kwargs: Keyword arguments.

    Raises:
        ValueError: If a function makes an iterator, which the first training would use up.

    Example:

    >>> made((lambda: [1, 2],), {"validation_data": [3], "epochs": 2})
    (([1, 2],), {'validation_data': [3], 'epochs': 2})
    """
    named = {name: _made(value) if name in _NAMES else value for name, value in kwargs.items()}
    return (*map(_made, args[:1]), *args[1:]), named


def are_to_make(args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Whether functions stand for data among the arguments of `fit`, as `made` takes them."""
    return any(map(_makes, [*args[:1], *map(kwargs.get, _NAMES)]))


def _made(data: Any) -> Any:
    if not _makes(data):
        return data
    found = data()
    if isinstance(found, Iterator):
        raise ValueError(
            "Expected a function that makes data for any number of trainings, such as a "
            "`tf.data.Dataset` or a `keras.utils.PyDataset`. Received: one that makes a "
            f"{type(found).__name__}, which the first training would use up. Let it return "
            "`tf.data.Dataset.from_generator(...)`."
        )
    return found


def _makes(data: Any) -> bool:
    return (inspect.isroutine(data) or isinstance(data, functools.partial)) and takes(data)
