"""Multilayer perceptrons."""

from __future__ import annotations

from typing import Any

import keras

from kt_extensions import ranges
from kt_extensions.ranges import FloatRange, IntRange, Names

from . import layers, optimizers, training
from .heads import Head


class MLP(training.TunedTraining):
    """Search space of multilayer perceptrons, with how they are trained.

    Each range is a tuple `(low, high)`, both ends included, a list of values to choose from, or a
    single value, which fixes the hyperparameter and takes it out of the search. Hyperparameters
    bear the names of the arguments; the widths are `units_0`, `units_1` and so on, each active
    only where the depth reaches it.

    Args:
        input_shape: Shape of one sample, for example `(64,)`. More than one axis is flattened.
        outputs: Number of classes, 1 for two classes told apart by one probability (labels 0 and
            1), or number of target columns in a regression. Labels of several classes are the
            integers from 0 to `outputs - 1`.
        task: "classification" or "regression". Left out, more than one output means
            classification.
        depth: Number of hidden layers.
        units: Width of each hidden layer, on a logarithmic scale.
        activation: Some of "elu", "gelu", "leaky_relu", "linear", "relu", "selu", "sigmoid",
            "silu", "softplus", "tanh".
        normalization: Some of "none", "batch", "layer"; it stands before the activation.
        dropout: Share of each hidden layer's outputs that is dropped, in [0, 1).
        optimizer: Some of "sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop".
        learning_rate: On a logarithmic scale.
        momentum: In [0, 1); of "momentum" and "nesterov" only.
        rho: Decay of the mean square gradient, in [0, 1); of "rmsprop" only.
        weight_decay: On a logarithmic scale; of "adamw" only.
        batch_size: Samples in a batch, on a logarithmic scale. Tuned only where `search` is given
            arrays and no `batch_size`.
        name: Name of the hypermodel.
        tunable: Whether the hyperparameters join the search space.

    Raises:
        ValueError: If an argument is not of the form above, before any trial starts.

    Example:

    >>> import keras_tuner as kt
    >>> hypermodel = MLP(input_shape=(64,), outputs=10, depth=(1, 2), optimizer="adam")
    >>> hp = kt.HyperParameters()
    >>> model = hypermodel.build(hp)
    >>> [p.name for p in hp.space]  # doctest: +NORMALIZE_WHITESPACE
    ['depth', 'units_0', 'units_1', 'activation', 'normalization', 'dropout', 'learning_rate']

    Source:
        Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012), for
        logarithmic scales of widths, rates and batch sizes.
    """

    def __init__(
        self,
        *,
        input_shape: tuple[int, ...],
        outputs: int,
        task: str | None = None,
        depth: IntRange = (1, 4),
        units: IntRange = (16, 256),
        activation: Names = layers.DEFAULT_ACTIVATIONS,
        normalization: Names = layers.DEFAULT_NORMALIZATIONS,
        dropout: FloatRange = (0.0, 0.5),
        optimizer: Names = optimizers.DEFAULT_OPTIMIZERS,
        learning_rate: FloatRange = (1e-4, 3e-2),
        momentum: FloatRange = (0.5, 0.99),
        rho: FloatRange = (0.8, 0.99),
        weight_decay: FloatRange = (1e-5, 1e-1),
        batch_size: IntRange = training.DEFAULT_BATCH_SIZES,
        name: str | None = None,
        tunable: bool = True,
    ) -> None:
        super().__init__(batch_size=batch_size, name=name, tunable=tunable)
        self._input_shape = ranges.shape(input_shape)
        self._head = Head.of(task, outputs)
        self._depth = ranges.integers("depth", depth, minimum=1)
        self._units = ranges.integers("units", units, minimum=1, sampling="log")
        self._finish = layers.FinishSpace.of(
            activation=activation, normalization=normalization, dropout=dropout
        )
        self._optimizer = optimizers.OptimizerSpace.of(
            optimizer=optimizer,
            learning_rate=learning_rate,
            momentum=momentum,
            rho=rho,
            weight_decay=weight_decay,
        )

    def build(self, hp: Any) -> keras.Model:
        """Returns the compiled model that the values of `hp` describe."""
        widths = self._widths(hp)
        finish = self._finish.declare(hp)
        inputs = keras.Input(self._input_shape)
        x = keras.layers.Flatten()(inputs) if len(self._input_shape) > 1 else inputs
        for width in widths:
            x = finish(keras.layers.Dense(width, use_bias=finish.use_bias)(x))
        return self._head.compile(inputs, x, self._optimizer.declare(hp))

    def _widths(self, hp: Any) -> list[int]:
        depth = self._depth.declare(hp)
        levels = [int(level) for level in self._depth.levels]
        widths = [
            ranges.declare_where(
                hp, self._depth, [d for d in levels if d > i], self._units, f"units_{i}"
            )
            for i in range(max(levels))
        ]
        return widths[:depth]


def build_mlp(
    hp: Any,
    *,
    input_shape: tuple[int, ...],
    outputs: int,
    task: str | None = None,
    depth: IntRange = (1, 4),
    units: IntRange = (16, 256),
    activation: Names = layers.DEFAULT_ACTIVATIONS,
    normalization: Names = layers.DEFAULT_NORMALIZATIONS,
    dropout: FloatRange = (0.0, 0.5),
    optimizer: Names = optimizers.DEFAULT_OPTIMIZERS,
    learning_rate: FloatRange = (1e-4, 3e-2),
    momentum: FloatRange = (0.5, 0.99),
    rho: FloatRange = (0.8, 0.99),
    weight_decay: FloatRange = (1e-5, 1e-1),
) -> keras.Model:
    """Returns one multilayer perceptron, compiled, for a model function of one's own.

    Takes the arguments of `MLP` that concern the model; `hp` is what a tuner passes.

    Raises:
        ValueError: If an argument is not of the form that `MLP` asks for.

    Example:

    >>> import keras_tuner as kt
    >>> def build(hp):
    ...     return build_mlp(hp, input_shape=(64,), outputs=10, depth=2)
    >>> build(kt.HyperParameters()).output_shape
    (None, 10)
    """
    return MLP(
        input_shape=input_shape,
        outputs=outputs,
        task=task,
        depth=depth,
        units=units,
        activation=activation,
        normalization=normalization,
        dropout=dropout,
        optimizer=optimizer,
        learning_rate=learning_rate,
        momentum=momentum,
        rho=rho,
        weight_decay=weight_decay,
    ).build(hp)
