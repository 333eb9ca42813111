"""Multilayer perceptrons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import keras

from kt_extensions import ranges
from kt_extensions.ranges import IntRange, Names, Switch

from . import inputs
from .columns import Columns, ColumnSpace
from .layers import CHANNELS_LAST, Hidden
from .space import ModelSpace, arguments_of
from .training import TunedTraining
from .widths import WidthSpace


@dataclass(kw_only=True, eq=False)
class MLPSpace(ModelSpace):
    """Search space of multilayer perceptrons: what `build_mlp` takes; see `MLP`."""

    input_shape: tuple[int, ...] | Columns
    depth: IntRange = (1, 4)
    units: IntRange = (16, 256)
    width: Names = "each"
    wide: Switch = False
    encoding: Names = ("embedding", "one_hot")
    embedding_size: IntRange = (2, 16)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._columns: ColumnSpace | None = None
        if isinstance(self.input_shape, Mapping):
            self._columns = ColumnSpace.of(self.input_shape, self.encoding, self.embedding_size)
            self._check_names(self._columns.names)
            if not self._columns.numbers:
                self._input_normalization = inputs.OFF
        else:
            self.input_shape = ranges.shape(self.input_shape)
        self._widths = WidthSpace.of(**self._arguments(WidthSpace.of))
        depth = self._widths.depth
        self._hidden = self._hidden.dropping_beside(depth, [n for n in depth.levels if int(n) > 1])
        self._wide = ranges.switch("wide", self.wide)

    def _check_names(self, columns: list[str]) -> None:
        layers = [inputs.NAME, *(head.name for head in self._heads.heads)]
        if taken := [name for name in columns if name in layers]:
            expected = f"columns of other names than {layers}, which layers of the model bear"
            ranges.fail("input_shape", taken, expected, "Rename them, or name the outputs.")

    def features(self, hp: Any) -> tuple[Any, Any]:
        """Adds the hyperparameters of the hidden layers to `hp`; see `ModelSpace.features`."""
        widths = self._widths.declare(hp)
        hidden = self._hidden.declare(hp)
        columns, x = self._inputs(hp)
        residual, wide = self._residual.declare(hp), self._wide.declare(hp)
        deep = x
        for i, units in enumerate(widths, 1):
            deep = _layer(deep, units, hidden, residual=residual, last=i == len(widths))
        return columns, keras.layers.Concatenate()([deep, x]) if wide else deep

    def _inputs(self, hp: Any) -> tuple[Any, Any]:
        """Returns the inputs, and all of them as one vector."""
        normalize = self._input_normalization.declare(hp)
        if self._columns is not None:
            return self._columns.encode(hp, normalize)
        columns = keras.Input(self.input_shape)
        x = inputs.normalized(columns) if normalize else columns
        return columns, keras.layers.Flatten(**CHANNELS_LAST)(x) if len(x.shape) > 2 else x

    def _check_inputs(self, x: Any, name: str) -> None:
        if self._columns is None:
            super()._check_inputs(x, name)
        else:
            self._columns.check(x, name)


def _layer(x: Any, units: int, hidden: Hidden, *, residual: bool, last: bool) -> Any:
    y = hidden.activate(keras.layers.Dense(units, **hidden.weights())(x))
    y = hidden.drop(y, last=last)
    if not residual:
        return y
    same = x.shape[-1] == units
    shortcut = x if same else keras.layers.Dense(units, use_bias=False, **hidden.kernel())(x)
    return keras.layers.Add()([y, shortcut])


@dataclass(kw_only=True, eq=False)
class MLP(TunedTraining, MLPSpace):
    """Search space of multilayer perceptrons, with how they are trained.

    Each range is a tuple `(low, high)`, both ends included, a list of values to choose from, or a
    single value, which fixes the hyperparameter and takes it out of the search. Hyperparameters
    bear the names of the arguments; the widths are `units_0`, `units_1` and so on, each active
    only where the depth reaches it. Some hyperparameters belong to some values of another, and are
    active only beside these.

    Args:
        input_shape: Shape of one sample, for example `(64,)`; more than one axis is flattened. Or
            the columns of a table, by name: "number", or the list of a column's categories
            (strings, or integers); `read_columns` finds them. The inputs are then a dictionary of
            arrays. A category that is not in the list is unknown, and all unknown ones are one.
        outputs: Number of classes, 1 for two classes told apart by one probability (labels 0 and
            1), number of labels, or number of target columns in a regression (or the shape of a
            sample's targets). Labels of several classes are the integers from 0 to `outputs - 1`.
            For several outputs a dictionary by their names; the targets are then one, too.
        task: "classification", "multilabel" or "regression"; for several outputs one for all, or a
            dictionary. Left out, more than one output means classification.
        loss: Of regressions: some of "huber", "mean_absolute_error" and "mean_squared_error",
            which is the default.
        label_smoothing: Share of the label smoothing, in [0, 1).
        depth: Number of hidden layers.
        units: Width of a hidden layer, on a logarithmic scale.
        width: "each" layer has a width of its own, all have that of the first ("constant"), or each
            half of that before ("pyramid"). Some of these.
        wide: Whether the head sees the inputs beside the last features (wide and deep).
        encoding: How categories become numbers: some of "embedding" and "one_hot".
        embedding_size: Size of an embedding, on a logarithmic scale; of "embedding" only.
        input_normalization: Whether each feature (number column) is given mean 0 and variance 1 by
            the training data.
        activation: Some of "elu", "gelu", "leaky_relu", "linear", "relu", "selu", "sigmoid",
            "silu", "softplus", "swish", "tanh".
        normalization: Some of "none", "batch", "layer"; it stands before the activation.
        normalization_momentum: Of the moving averages, in [0, 1); of "batch" only.
        dropout: Share of each hidden layer's outputs that is dropped, in [0, 1).
        output_dropout: The same before the head; None for that of the hidden layers.
        residual: Whether each hidden layer adds to its inputs.
        initializer: Of the weights: some of "constant", "glorot", "he", "normal", "orthogonal",
            "uniform".
        initializer_deviation: Standard deviation, on a logarithmic scale; of "normal" only.
        l2: Factor of the sum of the squared weights in the loss, on a logarithmic scale; 0 for
            none.
        optimizer: Some of "adadelta", "adagrad", "adam", "adamw", "lion", "momentum", "nesterov",
            "rmsprop", "sgd". Adadelta wants a learning rate near 1, Lion one below 1e-3.
        learning_rate: On a logarithmic scale.
        clip_norm: Largest norm of all gradients together, on a logarithmic scale; None for any.
        momentum: In [0, 1); of "momentum" and "nesterov" only.
        rho: Decay of the mean square gradient, in [0, 1); of "adadelta" and "rmsprop" only.
        beta_1: In [0, 1); of "adam", "adamw" and "lion" only. None for the optimizer's own.
        beta_2: In [0, 1); of "adam", "adamw" and "lion" only. None for the optimizer's own.
        epsilon: On a logarithmic scale; of those that divide by a mean square only. None for the
            optimizer's own.
        weight_decay: On a logarithmic scale; of "adamw" and "lion" only.
        batch_size: Samples in a batch; in a range, each twice the one before. Tuned only where
            `search` is given arrays and no `batch_size`.
        epochs: Tuned if given; `search` must then be given none.
        patience: Epochs without a smaller loss (of the validation data, if there are any) after
            which a training stops; None for never.
        class_weight: Some of "none" and "balanced", which weighs the samples of each class so that
            all classes count alike.
        schedule: Of the learning rate: some of "fixed", "inverse_time", "exponential", "step",
            "cosine", "plateau"; see `kt_extensions.callbacks.tunable_schedule`.
        decay_rate: For each epoch, on a logarithmic scale; of "inverse_time" only.
        gamma: Factor for each epoch, in (0, 1); of "exponential" only.
        drop: Factor of a drop, in (0, 1); of "step" and "plateau" only.
        step_epochs: Epochs of a step; of "step" only.
        schedule_patience: Epochs; of "plateau" only.
        warmup_epochs: Epochs in which the learning rate rises to its value; 0 for none.
        name: Name of the hypermodel.
        tunable: Whether the hyperparameters join the search space.

    Raises:
        ValueError: If an argument is not of the form above, before any trial starts.

    Example:

    >>> import keras_tuner as kt
    >>> hypermodel = MLP(
    ...     input_shape=(64,), outputs=10, depth=(1, 2), optimizer="adam", schedule="fixed"
    ... )
    >>> hp = kt.HyperParameters()
    >>> model = hypermodel.build(hp)
    >>> [p.name for p in hp.space]  # doctest: +NORMALIZE_WHITESPACE
    ['depth', 'units_0', 'units_1', 'activation', 'normalization', 'dropout', 'learning_rate']

    Source:
        Bergstra and Bengio, "Random Search for Hyper-Parameter Optimization", JMLR 13 (2012), for
        logarithmic scales of widths, rates and batch sizes. Cheng et al., "Wide & Deep Learning for
        Recommender Systems", DLRS 2016.
    """


@arguments_of(MLPSpace)
def build_mlp(hp: Any, **arguments: Any) -> keras.Model:
    """Returns one multilayer perceptron, compiled, for a model function of one's own.

    Takes the arguments of `MLP` that concern the model. Beside `input_normalization=True` call
    `adapt_inputs(model, x)` before the training.

    Args:
        hp: What a tuner passes, `keras_tuner.HyperParameters`.
        **arguments: As of `MLP`.

    Raises:
        ValueError: If an argument is not of the form that `MLP` asks for.

    Example:

    >>> import keras_tuner as kt
    >>> def build(hp):
    ...     return build_mlp(hp, input_shape=(64,), outputs=10, depth=2)
    >>> build(kt.HyperParameters()).output_shape
    (None, 10)
    """
    return MLPSpace(**arguments).build(hp)
