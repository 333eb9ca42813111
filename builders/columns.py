"""Tabular inputs: columns of numbers and of categories."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import numpy as np

from kt_extensions import ranges
from kt_extensions.ranges import IntRange, Names

from . import data, inputs

NUMBER = "number"
ENCODINGS = ("embedding", "one_hot")
_LAYERS = ("number", "one_hot", "embedding", "vector")

Columns: TypeAlias = Mapping[str, str | Sequence[str] | Sequence[int]]


def read_columns(table: Any) -> dict[str, str | list[str] | list[int]]:
    """Returns what `MLP` needs to know of a table's columns.

    Columns of numbers are numbers; columns of strings and truth values hold categories. Write
    `{**read_columns(x), "month": list(range(1, 13))}` where numbers name categories.

    Args:
        table: A dictionary of arrays, or a pandas `DataFrame`; the training data, since a category
            that is not among them is unknown to the model.

    Returns:
        For each column "number" or the sorted list of its categories.

    Raises:
        ValueError: If a column is neither, or a name no string.

    Example:

    >>> import numpy as np
    >>> read_columns({"age": np.array([31.0, 45.0]), "job": np.array(["nurse", "clerk"])})
    {'age': 'number', 'job': ['clerk', 'nurse']}
    """
    data.check_names("table", table)
    return {name: _read(name, np.asarray(table[name])) for name in table}


@keras.saving.register_keras_serializable(package="kt_extensions")
class CategoryNumber(keras.layers.Layer):  # type: ignore[misc]
    """Numbers integer categories from 1 on; 0 is any unknown one.

    Args:
        vocabulary: The categories.
        **kwargs: As `keras.layers.Layer` takes them.

    Example:

    >>> import numpy as np
    >>> layer = CategoryNumber([5, 7])
    >>> keras.ops.convert_to_numpy(layer(np.array([[7], [6]]))).tolist()
    [[2], [0]]
    """

    def __init__(self, vocabulary: Sequence[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.vocabulary = [int(category) for category in vocabulary]

    def call(self, x: Any) -> Any:
        """Returns the numbers. Shape as that of `x`."""
        known = keras.ops.convert_to_tensor(self.vocabulary, dtype="int32")
        numbers = keras.ops.arange(1, len(self.vocabulary) + 1, dtype="int32")
        equal = keras.ops.equal(keras.ops.expand_dims(keras.ops.cast(x, "int32"), -1), known)
        return keras.ops.sum(keras.ops.cast(equal, "int32") * numbers, axis=-1)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "vocabulary": self.vocabulary}


@dataclass(frozen=True)
class ColumnSpace:
    """The columns of a table, and the ranges of how categories are encoded."""

    numbers: tuple[str, ...]
    categories: Mapping[str, tuple[Any, ...]]
    encoding: ranges.Discrete
    embedding_size: ranges.Range

    @classmethod
    def of(cls, columns: Columns, encoding: Names, embedding_size: IntRange) -> ColumnSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If one of them is not of the form that `MLP` tells.
        """
        if not isinstance(columns, Mapping) or not columns:
            ranges.fail("input_shape", columns, "a shape, or a dictionary of columns")
        data.check_names("input_shape", columns)
        categories = {n: _vocabulary(n, c) for n, c in columns.items() if not _is_number(c)}
        return cls(
            tuple(name for name in columns if name not in categories),
            categories,
            ranges.names("encoding", encoding, ENCODINGS),
            ranges.integers("embedding_size", embedding_size, minimum=1, sampling="log"),
        )

    @property
    def names(self) -> list[str]:
        """The names of all columns."""
        return [*self.numbers, *self.categories]

    def encode(self, hp: Any, normalize: bool) -> tuple[dict[str, Any], Any]:
        """Adds the hyperparameters to `hp`.

        Returns:
            The inputs by the names of the columns, and all of them as one vector for each row.
        """
        encoding, size = None, None
        if self.categories:
            encoding = self.encoding.declare(hp)
            size = ranges.declare_where(hp, self.encoding, ["embedding"], self.embedding_size)
        columns = {name: keras.Input((1,), name=name) for name in self.numbers}
        parts = [_numbers(list(columns.values()), normalize)] if columns else []
        layers = _layers(self.names)
        for name, vocabulary in self.categories.items():
            columns[name], number = _category(name, vocabulary, layers[name])
            parts.append(_encoded(layers[name], number, len(vocabulary) + 1, encoding, size))
        return columns, parts[0] if len(parts) == 1 else keras.layers.Concatenate()(parts)

    def check(self, table: Any, received: str) -> None:
        """Checks a table of inputs.

        Raises:
            ValueError: If it has not these columns, each of one value for a row.
        """
        names = list(table) if isinstance(table, Mapping) else type(table).__name__
        if not isinstance(table, Mapping) or set(table) != set(self.names):
            raise ValueError(
                f"Expected the inputs `{received}` to be a dictionary of arrays with the keys "
                f"{self.names}. Received: {names}. A pandas DataFrame becomes one by "
                "{name: table[name].to_numpy() for name in table}."
            )
        for name in self.names:
            _check_column(table[name], f"{received}[{name!r}]")


def _check_column(column: Any, received: str) -> None:
    shape = data.shape_of(column)
    if shape is None or len(shape) not in (1, 2) or shape[1:] not in ((), (1,)):
        raise ValueError(
            f"Expected one value for each row in `{received}`. Received: {shape or column!r}."
        )
    if hasattr(column, "iloc") and not _is_numeric(column.dtype):
        raise ValueError(
            f"Expected `{received}` as Keras takes it. Received: a column of pandas of type "
            f"{column.dtype}. Convert it: column.to_numpy()."
        )
    if isinstance(column, np.ndarray) and column.dtype.kind in "SU":
        raise ValueError(
            f"Expected the strings in `{received}` as objects, as Keras takes them. Received: "
            f"{column.dtype}. Convert them: column.astype(object)."
        )


def _is_numeric(dtype: Any) -> bool:
    """Whether Keras takes numbers of this type: pandas has types of its own."""
    return isinstance(dtype, np.dtype) and dtype.kind in "biuf"


def _read(name: str, column: Any) -> str | list[str] | list[int]:
    if column.dtype.kind in "iuf":
        return NUMBER
    if column.dtype.kind == "b":
        return [0, 1]
    kinds = {type(value) for value in column.tolist()}
    if kinds != {str}:
        found = sorted(kind.__name__ for kind in kinds)
        expected = "of numbers or of strings only"
        ranges.fail("table", f"column {name!r} of {found}", expected, "Fill or convert its values.")
    return sorted(set(column.tolist()))


def _is_number(column: Any) -> bool:
    return isinstance(column, str) and column == NUMBER


def _vocabulary(name: str, column: Any) -> tuple[Any, ...]:
    listed = column if isinstance(column, list | tuple) else ()
    values = tuple(value.item() if isinstance(value, np.generic) else value for value in listed)
    kinds = {type(value) for value in values}
    if not kinds or kinds not in ({str}, {int}) or len(set(values)) < len(values):
        expected = f"{NUMBER!r} or a list of different strings or integers"
        ranges.fail(f"input_shape[{name!r}]", column, expected)
    if kinds == {str} and keras.backend.backend() != "tensorflow":
        advice = "Number the categories and list the numbers: models of strings need TensorFlow."
        ranges.fail(f"input_shape[{name!r}]", column, "integers on this backend", advice)
    return values


def _numbers(columns: list[Any], normalize: bool) -> Any:
    x = columns[0] if len(columns) == 1 else keras.layers.Concatenate()(columns)
    return inputs.normalized(x) if normalize else x


def _layers(columns: list[str]) -> dict[str, str]:
    """Returns for each column how the names of its layers begin.

    TensorFlow does not take all letters in them, and none may be that of another column.
    """
    taken, found = set(columns), {}
    for number, column in enumerate(columns):
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", column).lstrip("_-") or "column"
        if taken & {f"{name}_{layer}" for layer in _LAYERS}:
            name = f"{name}_{number}"
        taken |= {f"{name}_{layer}" for layer in _LAYERS}
        found[column] = name
    return found


def _category(name: str, vocabulary: tuple[Any, ...], begin: str) -> tuple[Any, Any]:
    """Returns the input of a column, and the number of its category."""
    if isinstance(vocabulary[0], str):
        column = keras.Input((1,), name=name, dtype="string")
        layer = keras.layers.StringLookup(vocabulary=list(vocabulary), name=f"{begin}_number")
    else:
        column = keras.Input((1,), name=name, dtype="int32")
        layer = CategoryNumber(vocabulary, name=f"{begin}_number")
    return column, layer(column)


def _encoded(name: str, number: Any, count: int, encoding: str | None, size: int | None) -> Any:
    if encoding == "one_hot":
        layer = keras.layers.CategoryEncoding(count, output_mode="one_hot", name=f"{name}_one_hot")
        return layer(number)
    embedded = keras.layers.Embedding(count, size, name=f"{name}_embedding")(number)
    return keras.layers.Flatten(name=f"{name}_vector")(embedded)
