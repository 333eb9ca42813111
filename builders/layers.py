"""What follows a layer's weights: normalization, activation, dropout."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from kt_extensions import ranges
from kt_extensions.ranges import FloatRange, Names

ACTIVATIONS = (
    "elu",
    "gelu",
    "leaky_relu",
    "linear",
    "relu",
    "selu",
    "sigmoid",
    "silu",
    "softplus",
    "tanh",
)
DEFAULT_ACTIVATIONS = ["relu", "elu", "gelu", "tanh"]

NORMALIZATIONS = ("none", "batch", "layer")
DEFAULT_NORMALIZATIONS = list(NORMALIZATIONS)


@dataclass(frozen=True)
class FinishSpace:
    """The ranges of what follows each layer's weights; one choice serves all layers."""

    activation: ranges.Range
    normalization: ranges.Range
    dropout: ranges.Range

    @classmethod
    def of(cls, *, activation: Names, normalization: Names, dropout: FloatRange) -> FinishSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If one of them is not a range of such values.
        """
        return cls(
            ranges.names("activation", activation, ACTIVATIONS),
            ranges.names("normalization", normalization, NORMALIZATIONS),
            ranges.floats("dropout", dropout, below=1),
        )

    def declare(self, hp: Any) -> Finish:
        """Adds the hyperparameters to `hp` and returns their values."""
        return Finish(
            self.activation.declare(hp), self.normalization.declare(hp), self.dropout.declare(hp)
        )


@dataclass(frozen=True)
class Finish:
    """Normalization, activation and dropout of one model's hidden layers."""

    activation: str
    normalization: str
    dropout: float

    @property
    def use_bias(self) -> bool:
        """Whether the layer before needs a bias; a normalization brings its own offset."""
        return self.normalization == "none"

    def __call__(self, x: Any) -> Any:
        if self.normalization == "batch":
            x = keras.layers.BatchNormalization()(x)
        if self.normalization == "layer":
            x = keras.layers.LayerNormalization()(x)
        x = keras.layers.Activation(self.activation)(x)
        return keras.layers.Dropout(self.dropout)(x) if self.dropout > 0 else x
