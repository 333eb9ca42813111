"""From a map to what the head sees: pooling, and perhaps a dense layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from kt_extensions import ranges
from kt_extensions.ranges import IntRange, Names

from .layers import CHANNELS_LAST, Hidden

POOLINGS = ("average", "flatten", "max")


@dataclass(frozen=True)
class FeatureSpace:
    """The ranges of how one vector is made of a map."""

    pooling: ranges.Range
    dense_units: ranges.Discrete

    @classmethod
    def of(cls, *, pooling: Names, dense_units: IntRange | None) -> FeatureSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If one of them is not a range of such values.
        """
        return cls(
            ranges.names("pooling", pooling, POOLINGS),
            dense_range("dense_units", dense_units),
        )

    def apply(self, hp: Any, x: Any, hidden: Hidden) -> Any:
        """Adds the hyperparameters to `hp` and returns one vector for each map or vector."""
        if len(x.shape) > 2:
            x = _pooled(x, self.pooling.declare(hp))
        return dense(x, self.dense_units.declare(hp), hidden)


def dense_range(name: str, argument: IntRange | None) -> ranges.Discrete:
    """Reads the width of the dense layer before a head; 0 and None stand for no layer.

    Args:
        name: Name of the argument.
        argument: Widths, on a logarithmic scale if 0 is not the least of a range of them.

    Raises:
        ValueError: If it is no range of widths.
    """
    if argument is None:
        return ranges.Fixed(name, None)
    scale = "linear" if isinstance(argument, tuple) and 0 in argument else "log"
    return ranges.integers(name, argument, minimum=0, sampling=scale)


def dense(x: Any, units: int | None, hidden: Hidden) -> Any:
    """Applies a dense layer if there is one, with dropout before and after it."""
    if not units:
        return hidden.drop(x, last=True)
    x = keras.layers.Dense(units, **hidden.weights())(hidden.drop(x))
    return hidden.drop(hidden.activate(x), last=True)


def _pooled(x: Any, pooling: str) -> Any:
    if pooling == "flatten":
        return keras.layers.Flatten(**CHANNELS_LAST)(x)
    name = f"Global{pooling.title()}Pooling{len(x.shape) - 2}D"
    return getattr(keras.layers, name)(**CHANNELS_LAST)(x)
