"""Convolutional networks."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import Any

import keras

from kt_extensions import ranges
from kt_extensions.ranges import FloatRange, IntRange, Names

from . import inputs
from .augmentation import AugmentationSpace
from .convolutions import ConvolutionSpace
from .features import FeatureSpace
from .layers import Hidden
from .phases import TwoPhases
from .space import ModelSpace, arguments_of
from .training import TunedTraining
from .transfer import Backbone, BackboneSpace


@dataclass(kw_only=True, eq=False)
class CNNSpace(ModelSpace):
    """Search space of convolutional networks: what `build_cnn` takes; see `CNN`."""

    input_shape: tuple[int, ...]
    blocks: IntRange = (1, 4)
    convolutions: IntRange = (1, 2)
    filters: IntRange = (16, 64)
    growth: FloatRange = (1.0, 2.0)
    kernel_size: IntRange = (3, 7)
    convolution: Names = ("full", "separable")
    downsampling: Names = ("max", "average", "stride")
    pool_size: IntRange = (2, 3)
    pooling: Names = ("average", "flatten")
    dense_units: IntRange | None = field(default_factory=lambda: [0, 64, 128])
    flip: Names = "none"
    rotation: FloatRange = 0.0
    zoom: FloatRange = 0.0
    contrast: FloatRange = 0.0
    backbone: Backbone | None = None
    fine_tuned_share: FloatRange = (0.0, 1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.input_shape = ranges.shape(self.input_shape)
        if not 2 <= len(self.input_shape) <= 4:
            expected = "of one to three axes and the channels, like (28, 28, 1)"
            advice = "Give images of one channel an axis for it: x[..., None]."
            ranges.fail("input_shape", self.input_shape, expected, advice)
        self._augmentation = AugmentationSpace.of(**self._arguments(AugmentationSpace.of))
        self._convolutions = ConvolutionSpace.of(**self._arguments(ConvolutionSpace.of))
        self._features = FeatureSpace.of(**self._arguments(FeatureSpace.of))
        self._backbone: BackboneSpace | None = None
        if self.backbone is not None:
            self._backbone = BackboneSpace.of(**self._arguments(BackboneSpace.of))
            self._input_normalization = inputs.OFF
            widths = self._features.dense_units
            self._hidden = self._hidden.beside(widths, [n for n in widths.levels if n])

    def features(self, hp: Any) -> tuple[Any, Any]:
        """Adds the hyperparameters of the hidden layers to `hp`; see `ModelSpace.features`."""
        images = keras.Input(self.input_shape)
        if self._backbone is None:
            hidden = self._hidden.declare(hp)
            x = self._blocks(hp, images, hidden)
        else:
            self._features.dense_units.declare(hp)  # of the only hidden layer
            hidden = self._hidden.declare(hp)
            x = self._backbone.apply(hp, self._augmentation.apply(hp, images))
        return images, self._features.apply(hp, x, hidden)

    def _blocks(self, hp: Any, x: Any, hidden: Hidden) -> Any:
        x = inputs.normalized(x) if self._input_normalization.declare(hp) else x
        x = self._augmentation.apply(hp, x)
        blocks = self._convolutions.declare(hp, len(self.input_shape) - 1)
        return blocks.apply(x, hidden, residual=self._residual.declare(hp))


@dataclass(kw_only=True, eq=False)
class CNN(TunedTraining, CNNSpace):
    """Search space of convolutional networks, with how they are trained.

    A network is some blocks of convolutions, each of which halves the map, a pooling of the last
    map to one vector, and perhaps a dense layer. The forms of ranges, and the arguments that are
    not listed here (of outputs, activations, regularization, optimizers and the training), are
    those of `MLP`. `dropout` stands between the blocks and before the dense layer.

    Args:
        input_shape: Shape of one sample: `(steps, channels)`, `(height, width, channels)` or
            `(depth, height, width, channels)`.
        outputs: As of `MLP`.
        input_normalization: Whether each channel is given mean 0 and variance 1 by the training
            data, so that images may have values from 0 to 255 as well as from 0 to 1.
        blocks: Number of blocks. One that finds a map with fewer than 4 places in its longest axis
            does not halve it.
        convolutions: Number of convolutions in a block.
        filters: Filters of each convolution of the first block, on a logarithmic scale.
        growth: Factor of the filters from one block to the next, on a logarithmic scale.
        kernel_size: Places along each axis that a convolution sees; in a range, odd ones only.
        convolution: Some of "full" and "separable"; those over three axes are always full.
        downsampling: How a block halves the map: some of "max" and "average" pooling, a "stride" of
            its first convolution, and "none", which leaves the map as it is.
        pool_size: Places along each axis that a pooling sees; of "max" and "average" only. It moves
            by two.
        residual: Whether each block adds to its inputs.
        pooling: How the last map becomes a vector: some of "average" and "max" (over all places)
            and "flatten".
        dense_units: Width of a dense layer before the head; 0 or None for no such layer. On a
            logarithmic scale, unless the range begins with 0. By default 0, 64 or 128.
        flip: Random mirroring in the training: some of "none", "horizontal", "vertical", "both".
            This and the three below are for images, of 1 channel or of 3 or more.
        rotation: Largest angle of a random rotation in the training, as a share of a full turn, in
            [0, 1). Of this and the next two 0 means off; a list that has it, or a range from it,
            also searches without.
        zoom: Largest change of the size in the training, as a share of it, in [0, 1).
        contrast: Largest change of the contrast in the training, as a share of it, in [0, 1).
        backbone: A model to stand in the place of the blocks, which are then not searched: any
            `keras.Model` with declared inputs, mostly one trained before without its head. Each
            trial has a copy of it and its weights. Or a function without arguments that returns a
            new one at each call; the first call is to check it. The backbone is given the inputs
            as they are, without `input_normalization`: let them be as those that it was trained
            on, or let it begin with a layer for that. It stays in inference mode, so that moving
            averages of batch normalizations do not change; their weights are not trained.
        fine_tuned_share: Share of the backbone's layers, from the last one, that are trained
            further, in [0, 1]; of those with weights that are no batch normalizations, rounded up.
        head_epochs: Epochs in which the head alone is trained, before these layers are too. A
            number, not a share of all epochs, so that a trial that a scheduler promotes goes on as
            one that was trained in one go. A training of no more epochs, or one that a callback
            stops before, has this phase only; with 0 there is the second one only.
        fine_tuning_rate: Factor of the learning rate after that, for head and backbone, on a
            logarithmic scale. The optimizer, its schedule apart, begins anew there.

    Raises:
        ValueError: If an argument is not of the form above, before any trial starts.

    Example:

    >>> import keras_tuner as kt
    >>> hypermodel = CNN(
    ...     input_shape=(8, 8, 1), outputs=10, convolution="full", kernel_size=[3, 5],
    ...     normalization="batch", activation="relu", optimizer="adam", schedule="fixed",
    ... )
    >>> hp = kt.HyperParameters()
    >>> model = hypermodel.build(hp)
    >>> [p.name for p in hp.space]  # doctest: +NORMALIZE_WHITESPACE
    ['dropout', 'blocks', 'convolutions', 'filters', 'growth', 'kernel_size', 'downsampling',
     'pool_size', 'pooling', 'dense_units', 'learning_rate']

    Source:
        Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
        Recognition", ICLR 2015, for blocks whose filters grow as the map shrinks. He et al., "Deep
        Residual Learning for Image Recognition", CVPR 2016. Chollet, "Xception: Deep Learning with
        Depthwise Separable Convolutions", CVPR 2017. Howard and Ruder, "Universal Language Model
        Fine-tuning for Text Classification", ACL 2018, for training the head first.
    """

    head_epochs: IntRange = (1, 5)
    fine_tuning_rate: FloatRange = (0.01, 0.3)

    def __post_init__(self) -> None:
        super().__post_init__()
        self._head_epochs = ranges.integers("head_epochs", self.head_epochs, minimum=0)
        self._fine_tuning_rate = ranges.floats(
            "fine_tuning_rate", self.fine_tuning_rate, sampling="log"
        )

    def build(self, hp: Any) -> keras.Model:
        """Returns the compiled model that the values of `hp` describe."""
        model = super().build(hp)
        self._phases(hp)
        return model

    def train(self, hp: Any, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        """Trains a model as `hp` tells; in two phases if it has a backbone."""
        phases = self._phases(hp)
        fit = model.fit if phases is None else functools.partial(phases.fit, model)
        return fit(*args, **kwargs)

    def _phases(self, hp: Any) -> TwoPhases | None:
        if self._backbone is None:
            return None
        rate = self._optimizer.learning_rate.declare(hp)
        share = self._backbone.fine_tuned_share.declare(hp)
        head_epochs = self._backbone.declare_where_tuned(hp, self._head_epochs)
        factor = self._backbone.declare_where_tuned(hp, self._fine_tuning_rate)
        return TwoPhases(head_epochs or 0, share, rate, rate * (factor or 1.0))


@arguments_of(CNNSpace)
def build_cnn(hp: Any, **arguments: Any) -> keras.Model:
    """Returns one convolutional network, compiled, for a model function of one's own.

    Takes the arguments of `CNN` that concern the model. Beside `input_normalization=True` call
    `adapt_inputs(model, x)` before the training. The last layers of a backbone are trained from the
    beginning, with the learning rate of the head; with `fine_tuned_share=0` they are not.

    Args:
        hp: What a tuner passes, `keras_tuner.HyperParameters`.
        **arguments: As of `CNN`.

    Raises:
        ValueError: If an argument is not of the form that `CNN` asks for.

    Example:

    >>> import keras_tuner as kt
    >>> def build(hp):
    ...     return build_cnn(hp, input_shape=(8, 8, 1), outputs=10, blocks=2)
    >>> build(kt.HyperParameters()).output_shape
    (None, 10)
    """
    return CNNSpace(**arguments).build(hp)
