"""Checks of the data that a search is given, before its first trial."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras


def is_arrays(x: Any) -> bool:
    """Whether inputs are arrays, which Keras itself cuts into batches."""
    leaves = keras.tree.flatten(x)
    return bool(leaves) and all(hasattr(leaf, "shape") for leaf in leaves)


def fit_arguments(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
    """Returns x and y of a call of `Model.fit`, None where they were left out."""
    x = args[0] if args else kwargs.get("x")
    y = args[1] if len(args) > 1 else kwargs.get("y")
    return x, y


def check_shape(x: Any, shape: tuple[int | None, ...], name: str) -> None:
    """Checks the shape of an array of inputs.

    Raises:
        ValueError: If it has another one than `(n, *shape)`; a None in `shape` is any size.
    """
    received = tuple(x.shape) if hasattr(x, "shape") else type(x).__name__
    fits = hasattr(x, "shape") and len(x.shape) == len(shape) + 1
    if not fits or any(s not in (None, r) for s, r in zip(shape, x.shape[1:], strict=True)):
        raise ValueError(
            f"Expected the inputs `{name}` to have the shape {(None, *shape)}, since `input_shape` "
            f"is {shape}. Received: {received}. Reshape them, or tell the builder the shape of a "
            "sample: `input_shape=x.shape[1:]`."
        )


def check_rows(x: Any, y: Any, x_name: str, y_name: str) -> None:
    """Checks that there are as many targets as samples.

    Raises:
        ValueError: If there are not, or no samples at all.
    """
    samples = {len(leaf) for leaf in keras.tree.flatten(x)}
    targets = {len(leaf) for leaf in keras.tree.flatten(y)}
    if len(samples | targets) != 1 or 0 in samples:
        raise ValueError(
            f"Expected `{x_name}` and `{y_name}` to hold as many samples as targets, and at least "
            f"one. Received: {sorted(samples)} samples and {sorted(targets)} targets."
        )
