"""Recurrent networks for sequences: GRU, LSTM and simple cells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import keras

from kt_extensions import ranges
from kt_extensions.ranges import FloatRange, IntRange, Names, Switch

from . import inputs
from .features import dense, dense_range
from .front import FrontSpace
from .layers import HiddenSpace
from .recurrent import RecurrentSpace
from .sequences import SequenceSpace
from .space import ModelSpace, arguments_of
from .training import TunedTraining
from .widths import WidthSpace


@dataclass(kw_only=True, eq=False)
class GRUSpace(ModelSpace):
    """Search space of recurrent networks: what `build_gru` takes; see `GRU`."""

    input_shape: tuple[int | None, ...]
    cell: Names = ("gru", "lstm")
    depth: IntRange = (1, 2)
    units: IntRange = (16, 64)
    width: Names = "each"
    bidirectional: Switch = False
    recurrent_dropout: FloatRange = 0.0
    pooling: Names = ("last", "average", "attention")
    conv_layers: IntRange = (0, 1)
    filters: IntRange = (16, 64)
    kernel_size: IntRange = (3, 7)
    dense_units: IntRange | None = None
    window: IntRange | None = None
    padding_value: float | None = None
    vocabulary_size: int | None = None
    embedding_size: IntRange = (8, 64)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._sequences = SequenceSpace.of(**self._arguments(SequenceSpace.of))
        self.input_shape = self._sequences.shape
        if self.vocabulary_size is not None:
            self._input_normalization = inputs.OFF
        self._front = FrontSpace.of(**self._arguments(FrontSpace.of))
        self._widths = WidthSpace.of(**self._arguments(WidthSpace.of))
        self._recurrent = RecurrentSpace.of(**self._arguments(RecurrentSpace.of))
        self._dense_units = dense_range("dense_units", self.dense_units)
        self._hidden = _activated(self._hidden, self._front.conv_layers, self._dense_units)

    def features(self, hp: Any) -> tuple[Any, Any]:
        """Adds the hyperparameters of the hidden layers to `hp`; see `ModelSpace.features`."""
        widths, recurrent = self._widths.declare(hp), self._recurrent.declare(hp)
        front, dense_units = self._front.declare(hp), self._dense_units.declare(hp)
        hidden, residual = self._hidden.declare(hp), self._residual.declare(hp)
        sequences, x = self._sequences.declare(hp, self._input_normalization)
        x = recurrent.stack(front.stack(x, hidden), widths, hidden, residual=residual)
        return sequences, dense(x, dense_units, hidden)

    def _check_inputs(self, x: Any, name: str) -> None:
        self._sequences.check(x, name)


def _activated(space: HiddenSpace, *parents: ranges.Discrete) -> HiddenSpace:
    """Returns the space with the activation where some layer has one.

    If both parents can be on and off there is no condition, for KerasTuner knows no "or".
    """
    on = {parent: [level for level in parent.levels if level] for parent in parents}
    able = [parent for parent in parents if on[parent]] or [parents[0]]
    if len(able) > 1:
        return space
    return replace(space, activation=ranges.Where(space.activation, able[0], on[able[0]]))


@dataclass(kw_only=True, eq=False)
class GRU(TunedTraining, GRUSpace):
    """Search space of recurrent networks for sequences, with how they are trained.

    Convolutions along the steps (if any), then recurrent layers, a pooling of the steps, and a
    dense layer (if any) before the output. Ranges, the outputs, and what is trained how are as of
    `MLP`, as are all arguments that are not listed here; so are the widths `units_0`, `units_1` and
    so on. `activation` is that of convolutions and of the dense layer; the cells keep their tanh,
    for which there are fast kernels. `normalization` follows each recurrent layer, too, and
    `residual` lets each recurrent layer add to its inputs. `input_normalization` is of numbers, not
    of tokens.

    Padding is masked: it has no part in means, and what a model predicts does not depend on its
    amount.

    Args:
        input_shape: Shape of one sample: `(steps, features)` for series, `(steps,)` for tokens,
            with `vocabulary_size`. Steps of None stand for any number of them.
        cell: Some of "gru", "lstm", "simple".
        depth: Number of recurrent layers.
        units: Width of a recurrent layer, on a logarithmic scale; a bidirectional one has as many
            for each direction.
        width: "each" layer has a width of its own, all have that of the first ("constant"), or each
            half of that before ("pyramid"). Some of these.
        bidirectional: Whether the layers read the steps in both directions, which takes about twice
            the time. False unless told otherwise.
        recurrent_dropout: Share of the states that is dropped between the steps, in [0, 1). Above
            0 it rules out the fast kernels.
        pooling: What becomes of the steps: some of "last" (of the layer's states, that after
            the last step), "average" and "attention" (an average with learned weights).
        conv_layers: Number of convolutional layers in front.
        filters: Filters of a convolution, on a logarithmic scale; where there are convolutions
            only.
        kernel_size: Steps that a convolution sees, in a range odd ones only; where there are
            convolutions only.
        dense_units: Width of a dense layer before the head; 0 or None for no such layer. On a
            logarithmic scale, unless the range begins with 0.
        window: How many of the last steps the model sees, on a logarithmic scale; None for all.
            Samples are to have at least as many steps as the longest window; `windows` cuts a long
            series into such samples.
        padding_value: What all features of a step of padding are equal to; None for series without
            padding. Padding can stand at the end or at the beginning. That of tokens is 0.
        vocabulary_size: Number of different tokens, with padding; tokens are the integers below.
            None for series of numbers.
        embedding_size: Size of the vectors that stand for tokens, on a logarithmic scale; of tokens
            only.

    Raises:
        ValueError: If an argument is not of the form above, before any trial starts.

    Example:

    >>> import keras_tuner as kt
    >>> hypermodel = GRU(
    ...     input_shape=(24, 11), outputs=6, task="regression", cell="gru", depth=1,
    ...     window=[12, 24], conv_layers=0, normalization="none", optimizer="adam", schedule="fixed"
    ... )
    >>> hp = kt.HyperParameters()
    >>> model = hypermodel.build(hp)
    >>> [p.name for p in hp.space]  # doctest: +NORMALIZE_WHITESPACE
    ['units_0', 'pooling', 'dropout', 'window', 'learning_rate']
    >>> model.output_shape
    (None, 6)

    Source:
        Cho et al., "Learning Phrase Representations using RNN Encoder-Decoder for Statistical
        Machine Translation", EMNLP 2014. Hochreiter and Schmidhuber, "Long Short-Term Memory",
        Neural Computation 9 (1997). Gal and Ghahramani, "A Theoretically Grounded Application of
        Dropout in Recurrent Neural Networks", NeurIPS 2016.
    """


@arguments_of(GRUSpace)
def build_gru(hp: Any, **arguments: Any) -> keras.Model:
    """Returns one recurrent network, compiled, for a model function of one's own.

    Takes the arguments of `GRU` that concern the model. Beside `input_normalization=True` call
    `adapt_inputs(model, x)` before the training.

    Args:
        hp: What a tuner passes, `keras_tuner.HyperParameters`.
        **arguments: As of `GRU`.

    Raises:
        ValueError: If an argument is not of the form that `GRU` asks for.

    Example:

    >>> import keras_tuner as kt
    >>> def build(hp):
    ...     return build_gru(hp, input_shape=(29, 12), outputs=9, padding_value=0.0)
    >>> build(kt.HyperParameters()).output_shape
    (None, 9)
    """
    return GRUSpace(**arguments).build(hp)
