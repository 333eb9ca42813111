"""Backbones: models that were trained before, to build on."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import keras

from kt_extensions import ranges
from kt_extensions.ranges import FloatRange

Backbone: TypeAlias = keras.Model | Callable[[], keras.Model]

NAME = "backbone"


@keras.saving.register_keras_serializable(package="kt_extensions")
class InferenceMode(keras.layers.Layer):  # type: ignore[misc]
    """Applies a model in inference mode, in the training, too.

    No moving average of a batch normalization changes, however deep in the model, and nothing is
    dropped. In a functional model, `model(x, training=False)` does not do that: Keras replaces the
    argument by what the outer model is called with.

    Args:
        model: The model.
        **kwargs: As `keras.layers.Layer` takes them.

    Example:

    >>> import numpy as np
    >>> inner = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.9)])
    >>> y = InferenceMode(inner)(np.ones((1, 2)), training=True)
    >>> keras.ops.convert_to_numpy(y).tolist()
    [[1.0, 1.0]]
    """

    def __init__(self, model: keras.Model, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model

    def call(self, x: Any, training: bool = False) -> Any:
        """Returns what the model makes of x, whatever `training` is."""
        return self.model(x, training=False)

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> Any:
        """Returns the shape of the model's output."""
        return self.model.compute_output_shape(input_shape)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        model = keras.saving.serialize_keras_object(self.model)
        return {**super().get_config(), "model": model}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> InferenceMode:
        """Returns the layer that a configuration describes."""
        model = keras.saving.deserialize_keras_object(config["model"])
        return cls(**{**config, "model": model})


@dataclass(frozen=True)
class BackboneSpace:
    """A backbone, and the range of how much of it is trained further."""

    backbone: Backbone
    fine_tuned_share: ranges.Range

    @classmethod
    def of(
        cls, input_shape: tuple[int, ...], *, backbone: Backbone, fine_tuned_share: FloatRange
    ) -> BackboneSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If the backbone is no model for such inputs, or the share is none.
        """
        share = ranges.floats("fine_tuned_share", fine_tuned_share, most=1)
        space = cls(backbone, share)
        _check(space._model(), input_shape)
        return space

    def apply(self, hp: Any, x: Any) -> Any:
        """Adds the hyperparameter to `hp` and returns what a new backbone makes of x."""
        model = self._model()
        uncompiled = keras.Model(model.inputs[0], model.outputs[0], name=model.name)
        thaw(uncompiled, self.fine_tuned_share.declare(hp))
        return InferenceMode(uncompiled, name=NAME)(x)

    def declare_where_tuned(self, hp: Any, child: ranges.Range) -> Any:
        """Declares what has a use only where some of the backbone is trained further."""
        share = self.fine_tuned_share
        if not isinstance(share, ranges.Fixed | ranges.Options):
            return child.declare(hp)
        return ranges.declare_where(hp, share, [s for s in share.levels if s != 0], child)

    def _model(self) -> keras.Model:
        """Returns a model that no other trial has."""
        if not isinstance(self.backbone, keras.Model):
            return self.backbone() if callable(self.backbone) else _fail(self.backbone)
        if not getattr(self.backbone, "inputs", None):
            _fail(self.backbone)
        copy = keras.models.clone_model(self.backbone)
        copy.set_weights(self.backbone.get_weights())
        return copy


def backbone_of(model: keras.Model) -> keras.Model:
    """Returns the backbone of a model that was built on one."""
    return model.get_layer(NAME).model


def thaw(backbone: keras.Model, share: float) -> None:
    """Has the last layers of a backbone trained, and no others.

    Args:
        backbone: The backbone.
        share: Share of its layers that have weights, in [0, 1], rounded up. Batch normalizations
            are never trained, and do not count.
    """
    layers = list(_leaves(backbone))
    candidates = [layer for layer in layers if layer.weights and not _is_batch(layer)]
    count = math.ceil(share * len(candidates))
    tuned = {id(layer) for layer in candidates[len(candidates) - count :]}
    backbone.trainable = count > 0
    for layer in layers:
        layer.trainable = id(layer) in tuned


def _leaves(model: keras.Model) -> Iterator[Any]:
    """Yields the layers of a model, those of the models among them one by one."""
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            yield from _leaves(layer)
        else:
            yield layer


def _is_batch(layer: Any) -> bool:
    return isinstance(layer, keras.layers.BatchNormalization)


def _check(model: Any, input_shape: tuple[int, ...]) -> None:
    if not isinstance(model, keras.Model) or not getattr(model, "inputs", None):
        _fail(model)
    if len(model.inputs) != 1 or len(model.outputs) != 1:
        raise ValueError(
            "Expected `backbone` to have one input and one output. Received: a model with "
            f"{len(model.inputs)} and {len(model.outputs)}. Cut it: keras.Model(input, output)."
        )
    shape = tuple(model.inputs[0].shape[1:])
    same_rank = len(shape) == len(input_shape)
    if not same_rank or any(s not in (None, i) for s, i in zip(shape, input_shape, strict=True)):
        raise ValueError(
            f"Expected `backbone` to take inputs of `input_shape={input_shape}`. Received: a model "
            f"for inputs of shape {shape}. Resize the images, repeat a single channel "
            "(`np.repeat(x, 3, -1)`), or make the backbone for this shape."
        )


def _fail(backbone: Any) -> NoReturn:
    raise ValueError(
        "Expected `backbone` to be a keras.Model with declared inputs (of the functional or the "
        "sequential kind), or a function without arguments that returns a new one. Received: "
        f"{backbone!r}. Leave it out for blocks of convolutions."
    )
