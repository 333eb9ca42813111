"""Checks of the data that a search is given, before its first trial."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import keras
import numpy as np

from kt_extensions import ranges

_LAYER = re.compile(r"[A-Za-z0-9.][A-Za-z0-9_.>-]*")  # as TensorFlow has names of scopes


def is_arrays(x: Any) -> bool:
    """Whether inputs are arrays, which Keras itself cuts into batches."""
    leaves = keras.tree.flatten(x)
    return bool(leaves) and all(len(getattr(leaf, "shape", ())) > 0 for leaf in leaves)


def fit_arguments(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, Any]:
    """Returns x and y of a call of `Model.fit`, None where they were left out."""
    x = args[0] if args else kwargs.get("x")
    y = args[1] if len(args) > 1 else kwargs.get("y")
    return x, y


def check_names(argument: str, names: Iterable[Any]) -> None:
    """Checks the names of columns, which inputs are to bear.

    Raises:
        ValueError: If one of them is no string, or has a slash.
    """
    for name in names:
        if not isinstance(name, str) or not name or "/" in name:
            ranges.fail(argument, name, "a dictionary by names, strings without '/'", "Rename it.")


def check_layer_names(argument: str, names: Iterable[Any]) -> None:
    """Checks the names of outputs, which layers are to bear.

    Raises:
        ValueError: If one of them is no string, or has a letter that TensorFlow takes in none.
    """
    for name in names:
        if not isinstance(name, str) or not _LAYER.fullmatch(name):
            expected = "a dictionary by names of the letters A to Z, digits, '_', '.' and '-'"
            ranges.fail(argument, name, expected, "Rename it.")


def inputs_of(dataset: Any, name: str) -> Any:
    """Returns what a `tf.data.Dataset` tells of its batches of inputs.

    Raises:
        ValueError: If it holds no targets.
    """
    element = dataset.element_spec
    if not isinstance(element, tuple) or len(element) < 2:
        raise ValueError(
            f"Expected the dataset `{name}` to hold pairs of inputs and targets. Received: "
            f"{element}. Join them: tf.data.Dataset.zip((inputs, targets))."
        )
    return element[0]


def check_arrays(y: Any, name: str) -> None:
    """Checks that targets are arrays, as the inputs beside them are.

    Raises:
        ValueError: If they are not.
    """
    if not is_arrays(y):
        received = f"shape {tuple(y.shape)}" if hasattr(y, "shape") else type(y).__name__
        raise ValueError(
            f"Expected the targets `{name}` to be an array with a row for each sample, or a "
            f"dictionary of such arrays. Received: {received}. Convert them: np.asarray(y)."
        )


def shape_of(x: Any) -> tuple[int | None, ...] | None:
    """Returns the shape of an array, or of a dataset's batches; `None` if it is not known."""
    shape = getattr(x, "shape", None)
    return None if shape is None or getattr(shape, "rank", 0) is None else tuple(shape)


def check_shape(x: Any, shape: tuple[int | None, ...], name: str) -> None:
    """Checks the shape of an array of inputs.

    Raises:
        ValueError: If it has another one than `(n, *shape)`. A None is any size, in `shape` and in
            what is known of a dataset's batches.
    """
    known = shape_of(x)
    received = f"{type(x).__name__} of unknown shape" if known is None else known
    if (
        known is None
        or len(known) != len(shape) + 1
        or any(None not in (s, r) and s != r for s, r in zip(shape, known[1:], strict=True))
    ):
        raise ValueError(
            f"Expected the inputs `{name}` to have the shape {(None, *shape)}, since `input_shape` "
            f"is {shape}. Received: {received}. Reshape them, or tell the builder the shape of a "
            "sample: `input_shape=x.shape[1:]`."
        )


def check_no_text(x: Any, name: str) -> None:
    """Checks that arrays of inputs, of which none is of categories, hold no text.

    Raises:
        ValueError: If one does.
    """
    for leaf in keras.tree.flatten(x):
        if isinstance(leaf, np.ndarray) and leaf.dtype.kind in "USO":
            raise ValueError(
                f"Expected the inputs `{name}` to hold numbers. Received: dtype {leaf.dtype}. "
                "Convert them, for example by `x.astype('float32')`; columns with text are told "
                "to the builder as categories."
            )


def check_numbers(x: Any, name: str) -> None:
    """Checks that arrays of inputs hold numbers where they are to hold numbers.

    Raises:
        ValueError: If a value is NaN or infinite, which would make every weight NaN.
    """
    for leaf in keras.tree.flatten(x):
        array = keras.ops.convert_to_numpy(leaf) if not isinstance(leaf, np.ndarray) else leaf
        if array.dtype.kind != "f" or not array.size:
            continue
        if np.isfinite([array.min(), array.max()]).all():
            continue
        counts = {"NaN": np.isnan(array).sum(), "infinity": np.isinf(array).sum()}
        found = ", ".join(f"{count} times {kind}" for kind, count in counts.items() if count)
        raise ValueError(
            f"Expected the inputs `{name}` to hold numbers. Received: {found}. Fill the gaps, for "
            "example with the mean, or leave these rows out."
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
