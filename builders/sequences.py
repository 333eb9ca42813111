"""Inputs that are sequences: series of numbers, or tokens, with padding or without."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from kt_extensions import ranges
from kt_extensions.ranges import IntRange

from . import data, inputs
from .steps import LastSteps, StepNormalization

_SERIES = (
    "Series have the shape (steps, features), a single one (steps, 1); None steps are any number. "
    "Tokens have the shape (steps,), and need `vocabulary_size`."
)


@dataclass(frozen=True)
class SequenceSpace:
    """The form of the sequences, and the ranges of how they are read.

    `padding_value` is None for series without padding.
    """

    shape: tuple[int | None, ...]
    window: ranges.Range
    padding_value: float | None
    vocabulary_size: int | None
    embedding_size: ranges.Range

    @classmethod
    def of(
        cls,
        *,
        input_shape: Any,
        window: IntRange | None,
        padding_value: float | None,
        vocabulary_size: int | None,
        embedding_size: IntRange,
    ) -> SequenceSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If one of them is not of the form that `GRU` tells.
        """
        tokens = vocabulary_size is not None
        shape = _shape(input_shape, tokens)
        return cls(
            shape,
            ranges.unless_none("window", window, lambda name, w: _window(name, w, shape[0])),
            _padding_value(padding_value, tokens),
            ranges.count("vocabulary_size", vocabulary_size) if tokens else None,
            ranges.integers("embedding_size", embedding_size, minimum=1, sampling="log"),
        )

    def declare(self, hp: Any, normalization: ranges.Range) -> tuple[Any, Any]:
        """Adds the hyperparameters to `hp`.

        Args:
            hp: Hyperparameters.
            normalization: Whether numbers are normalized.

        Returns:
            The inputs, and sequences of vectors, their padding masked.
        """
        window = self.window.declare(hp)
        tokens = self.vocabulary_size is not None
        sequences = keras.Input(self.shape, dtype="int32" if tokens else None)
        x = sequences
        if window is not None or self.padding_value is not None:
            x = LastSteps(window, self.padding_value, dtype="float32")(x)
        if tokens:
            size = self.embedding_size.declare(hp)
            return sequences, keras.layers.Embedding(self.vocabulary_size, size, mask_zero=True)(x)
        return sequences, self._numbers(x, normalization.declare(hp))

    def _numbers(self, x: Any, normalize: bool) -> Any:
        if self.padding_value is None:
            return inputs.normalized(x) if normalize else x
        if normalize:
            return StepNormalization(self.padding_value, name=inputs.NAME, dtype="float32")(x)
        return keras.layers.Masking(self.padding_value)(x)

    def check(self, x: Any, name: str) -> None:
        """Checks inputs.

        Raises:
            ValueError: If they have another shape, or tokens that are not in the vocabulary.
        """
        data.check_shape(x, self.shape, name)
        if self.vocabulary_size is None or not hasattr(x, "__array__"):
            return
        tokens = np.asarray(keras.ops.convert_to_numpy(x))
        whole = tokens.dtype.kind in "iu"
        if not whole or (
            tokens.size and not 0 <= tokens.min() <= tokens.max() < self.vocabulary_size
        ):
            received = (
                f"from {tokens.min()} to {tokens.max()}" if whole else f"dtype {tokens.dtype}"
            )
            raise ValueError(
                f"Expected the tokens `{name}` to be integers from 0, which is padding, to "
                f"{self.vocabulary_size - 1}, since `vocabulary_size` is {self.vocabulary_size}. "
                f"Received: {received}."
            )


def _shape(argument: Any, tokens: bool) -> tuple[int | None, ...]:
    sizes = argument if isinstance(argument, tuple | list) else ()
    if len(sizes) != (1 if tokens else 2):
        expected = "of the form (steps,)" if tokens else "of the form (steps, features)"
        ranges.fail("input_shape", argument, expected, _SERIES)
    steps, *features = sizes
    if steps is not None:
        return ranges.shape(argument, advice=_SERIES)
    return None, *(ranges.shape(features, advice=_SERIES) if features else ())


def _window(name: str, argument: Any, steps: int | None) -> ranges.Range:
    window = ranges.integers(name, argument, minimum=1, sampling="log")
    longest = max(int(level) for level in window.levels)
    if steps is not None and longest > steps:
        expected = f"at most {steps}, the steps of `input_shape`"
        advice = "Give the model samples that are as long as the longest window."
        ranges.fail(name, argument, expected, advice)
    return window


def _padding_value(argument: Any, tokens: bool) -> float | None:
    if tokens:
        if argument not in (None, 0):
            ranges.fail("padding_value", argument, "None or 0 for tokens, whose padding is 0")
        return 0
    number = isinstance(argument, int | float | np.number) and not isinstance(argument, bool)
    if argument is not None and not (number and math.isfinite(argument)):
        advice = "Replace the padding of the data: numpy.nan_to_num(x, nan=...)."
        ranges.fail("padding_value", argument, "a finite number or None", advice)
    return None if argument is None else float(argument)
