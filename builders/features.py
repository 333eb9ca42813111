"""From a map to what the head sees: pooling, and perhaps a dense layer."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras

from kt_extensions import ranges
from kt_extensions.ranges import IntRange, Names

from .layers import Hidden

POOLINGS = ("average", "flatten", "max")


@dataclass(frozen=True)
class FeatureSpace:
    """The ranges of how one vector is made of a map."""

    pooling: ranges.Range
    dense_units: ranges.Range

    @classmethod
    def of(cls, *, pooling: Names, dense_units: IntRange | None) -> FeatureSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If one of them is not a range of such values.
        """
        return cls(
            ranges.names("pooling", pooling, POOLINGS),
            ranges.unless_none("dense_units", dense_units, _units),
        )

    def apply(self, hp: Any, x: Any, hidden: Hidden) -> Any:
        """Adds the hyperparameters to `hp` and returns one vector for each map or vector."""
        if len(x.shape) > 2:
            x = _pooled(x, self.pooling.declare(hp))
        units = self.dense_units.declare(hp)
        if units:
            x = keras.layers.Dense(units, **hidden.weights())(hidden.drop(x))
            x = hidden.activate(x)
        return hidden.drop(x, last=True)


def _pooled(x: Any, pooling: str) -> Any:
    if pooling == "flatten":
        return keras.layers.Flatten()(x)
    name = f"Global{pooling.title()}Pooling{len(x.shape) - 2}D"
    return getattr(keras.layers, name)()(x)


def _units(name: str, argument: Any) -> ranges.Range:
    """Reads an argument that stands for widths, on a logarithmic scale if 0 is none of them."""
    values = ranges.integers(name, argument, minimum=0, sampling="log")
    if isinstance(values, ranges.Integers) and values.low == 0:
        return replace(values, sampling="linear")
    return values
