"""What the hidden layers of a model have in common: weights, normalization, activation, dropout."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
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
    "swish",
    "tanh",
)
DEFAULT_ACTIVATIONS = ("relu", "elu", "gelu", "tanh")

NORMALIZATIONS = ("none", "batch", "layer")

CHANNELS_LAST = {"data_format": "channels_last"}
"""Of layers that know where the channels are: builders have them last, whatever Keras is set to."""

# Each takes the deviation, which only "normal" uses. A layer needs an initializer of its own: two
# that share one begin alike.
INITIALIZERS: Mapping[str, Callable[[float], Any]] = {
    "constant": lambda _: keras.initializers.Constant(0.05),
    "glorot": lambda _: keras.initializers.GlorotUniform(),
    "he": lambda _: keras.initializers.HeNormal(),
    "normal": lambda deviation: keras.initializers.RandomNormal(stddev=deviation),
    "orthogonal": lambda _: keras.initializers.Orthogonal(),
    "uniform": lambda _: keras.initializers.RandomUniform(-0.05, 0.05),
}


@dataclass(frozen=True)
class HiddenSpace:
    """The ranges of what all hidden layers of a model share."""

    activation: ranges.Range
    normalization: ranges.Discrete
    normalization_momentum: ranges.Range
    dropout: ranges.Range
    output_dropout: ranges.Range
    initializer: ranges.Discrete
    initializer_deviation: ranges.Range
    l2: ranges.Range

    @classmethod
    def of(
        cls,
        *,
        activation: Names,
        normalization: Names,
        normalization_momentum: FloatRange,
        dropout: FloatRange,
        output_dropout: FloatRange | None,
        initializer: Names,
        initializer_deviation: FloatRange,
        l2: FloatRange,
    ) -> HiddenSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If one of them is not a range of such values.
        """
        return cls(
            ranges.names("activation", activation, ACTIVATIONS),
            ranges.names("normalization", normalization, NORMALIZATIONS),
            ranges.floats("normalization_momentum", normalization_momentum, below=1),
            ranges.floats("dropout", dropout, below=1),
            ranges.unless_none("output_dropout", output_dropout, _share),
            ranges.names("initializer", initializer, INITIALIZERS),
            ranges.floats("initializer_deviation", initializer_deviation, sampling="log"),
            ranges.floats("l2", l2, sampling="log", zero=True),
        )

    def beside(self, parent: ranges.Discrete, values: Collection[ranges.Scalar]) -> HiddenSpace:
        """Returns the space where there are hidden layers only beside some values of `parent`."""
        names = ("activation", "normalization", "initializer", "l2")
        inner = {name: ranges.Where(getattr(self, name), parent, values) for name in names}
        return replace(self, **inner).dropping_beside(parent, values)

    def dropping_beside(
        self, parent: ranges.Discrete, values: Collection[ranges.Scalar]
    ) -> HiddenSpace:
        """Returns the space where dropout that is not of the output has only then a place."""
        if isinstance(self.output_dropout, ranges.Fixed) and self.output_dropout.value is None:
            return self  # it is that of the output, too
        return replace(self, dropout=ranges.Where(self.dropout, parent, values))

    def declare(self, hp: Any) -> Hidden:
        """Adds the hyperparameters to `hp` and returns their values."""
        activation, normalization = self.activation.declare(hp), self.normalization.declare(hp)
        momentum = ranges.declare_where(
            hp, self.normalization, ["batch"], self.normalization_momentum
        )
        dropout, output_dropout = self.dropout.declare(hp), self.output_dropout.declare(hp)
        initializer = self.initializer.declare(hp)
        deviation = ranges.declare_where(
            hp, self.initializer, ["normal"], self.initializer_deviation
        )
        return Hidden(
            activation,
            normalization,
            momentum,
            dropout,
            dropout if output_dropout is None else output_dropout,
            initializer,
            deviation,
            self.l2.declare(hp),
        )


@dataclass(frozen=True)
class Hidden:
    """What the hidden layers of one model share; None where it has no use."""

    activation: str
    normalization: str
    normalization_momentum: float | None
    dropout: float
    output_dropout: float
    initializer: str
    initializer_deviation: float | None
    l2: float

    def weights(self) -> dict[str, Any]:
        """Returns the arguments for the weights of a dense or convolutional layer.

        A normalization after the layer brings an offset of its own, so there is no bias then.
        """
        return {"use_bias": self.normalization == "none", **self.kernel()}

    def kernel(self) -> dict[str, Any]:
        """Returns the arguments for the kernel of one layer."""
        regularizer = keras.regularizers.L2(self.l2) if self.l2 > 0 else None
        initializer = INITIALIZERS[self.initializer](self.initializer_deviation or 0.05)
        return {"kernel_initializer": initializer, "kernel_regularizer": regularizer}

    def normalize(self, x: Any) -> Any:
        """Applies the normalization."""
        if self.normalization == "batch":
            return keras.layers.BatchNormalization(momentum=self.normalization_momentum)(x)
        return keras.layers.LayerNormalization()(x) if self.normalization == "layer" else x

    def activate(self, x: Any) -> Any:
        """Applies normalization and activation."""
        return keras.layers.Activation(self.activation)(self.normalize(x))

    def drop(self, x: Any, *, last: bool = False) -> Any:
        """Applies dropout; that of the output if `x` is what the head sees."""
        share = self.output_dropout if last else self.dropout
        return keras.layers.Dropout(share)(x) if share > 0 else x


def _share(name: str, argument: Any) -> ranges.Range:
    return ranges.floats(name, argument, below=1)
