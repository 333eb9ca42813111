"""Convolutional networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras

from kt_extensions import ranges
from kt_extensions.ranges import FloatRange, IntRange, Names

from . import inputs
from .augmentation import AugmentationSpace
from .convolutions import ConvolutionSpace
from .features import FeatureSpace
from .space import ModelSpace, arguments_of
from .training import TunedTraining


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

    def features(self, hp: Any) -> tuple[Any, Any]:
        """Adds the hyperparameters of the hidden layers to `hp`; see `ModelSpace.features`."""
        images = keras.Input(self.input_shape)
        x = inputs.normalized(images) if self._input_normalization.declare(hp) else images
        x = self._augmentation.apply(hp, x)
        blocks = self._convolutions.declare(hp, len(self.input_shape) - 1)
        residual, hidden = self._residual.declare(hp), self._hidden.declare(hp)
        x = blocks.apply(x, hidden, residual=residual)
        return images, self._features.apply(hp, x, hidden)


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
    ['blocks', 'convolutions', 'filters', 'growth', 'kernel_size', 'downsampling', 'pool_size',
     'dropout', 'pooling', 'dense_units', 'learning_rate']

    Source:
        Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image
        Recognition", ICLR 2015, for blocks whose filters grow as the map shrinks. He et al., "Deep
        Residual Learning for Image Recognition", CVPR 2016. Chollet, "Xception: Deep Learning with
        Depthwise Separable Convolutions", CVPR 2017.
    """


@arguments_of(CNNSpace)
def build_cnn(hp: Any, **arguments: Any) -> keras.Model:
    """Returns one convolutional network, compiled, for a model function of one's own.

    Takes the arguments of `CNN` that concern the model. Beside `input_normalization=True` call
    `adapt_inputs(model, x)` before the training.

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
