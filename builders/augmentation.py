"""Random changes of the images that a model is trained on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras

from kt_extensions import ranges
from kt_extensions.ranges import FloatRange, Names

from .layers import CHANNELS_LAST

FLIPS = ("both", "horizontal", "none", "vertical")


@keras.saving.register_keras_serializable(package="kt_extensions")
class RandomContrast(keras.layers.Layer):  # type: ignore[misc]
    """Multiplies, in training, each image's differences from its means by a random factor.

    Each channel has its own mean, the image one factor, uniform in `[1 - strength, 1 + strength]`.
    Unlike the layer of Keras, it does not clip, so that it can stand after a normalization, and
    images may have values of any range.

    Args:
        strength: Largest change of the contrast, in [0, 1].
        seed: For the random factors; None for another one in each model.
        **kwargs: As `keras.layers.Layer` takes them.

    Raises:
        ValueError: If `strength` is not in [0, 1].

    Example:

    >>> import numpy as np
    >>> image = np.array([0.0, 2.0]).reshape(1, 1, 2, 1)
    >>> changed = RandomContrast(0.5)(image, training=True)
    >>> round(float(keras.ops.mean(changed)), 4)
    1.0
    """

    def __init__(self, strength: float, seed: int | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= strength <= 1:
            ranges.fail("strength", strength, "a number from 0 to 1")
        self.strength = strength
        self.seed = seed
        self._generator = keras.random.SeedGenerator(seed)

    def call(self, x: Any, training: bool = False) -> Any:
        """Returns the images. Shape `(batch, height, width, channels)`."""
        if not training:
            return x
        ends = {
            "minval": 1 - self.strength,
            "maxval": 1 + self.strength,
            "dtype": self.compute_dtype,
        }
        shape = (keras.ops.shape(x)[0], 1, 1, 1)
        factor = keras.random.uniform(shape, seed=self._generator, **ends)
        mean = keras.ops.mean(x, axis=(1, 2), keepdims=True)
        return mean + (x - mean) * factor

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape of the inputs."""
        return input_shape

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "strength": self.strength, "seed": self.seed}


@dataclass(frozen=True)
class AugmentationSpace:
    """The ranges of the random changes."""

    flip: ranges.Discrete
    rotation: ranges.Range
    zoom: ranges.Range
    contrast: ranges.Range

    @classmethod
    def of(
        cls,
        input_shape: tuple[int, ...],
        *,
        flip: Names,
        rotation: FloatRange,
        zoom: FloatRange,
        contrast: FloatRange,
    ) -> AugmentationSpace:
        """Reads a builder's arguments.

        Raises:
            ValueError: If one of them is not a range of such values, or asks for changes of what is
                not an image.
        """
        strengths = {"rotation": rotation, "zoom": zoom, "contrast": contrast}
        read = {n: ranges.floats(n, s, below=1) for n, s in strengths.items()}
        space = cls(ranges.names("flip", flip, FLIPS), **read)
        for name, value in {"flip": flip, **strengths}.items():
            if getattr(space, name) not in _off(name):
                _check_image(name, value, input_shape)
        return space

    def apply(self, hp: Any, x: Any) -> Any:
        """Adds the hyperparameters to `hp` and returns the images, changed in training."""
        flip = self.flip.declare(hp)
        if flip != "none":
            mode = "horizontal_and_vertical" if flip == "both" else flip
            x = keras.layers.RandomFlip(mode, **CHANNELS_LAST)(x)
        rotation, zoom = self.rotation.declare(hp), self.zoom.declare(hp)
        contrast = self.contrast.declare(hp)
        x = keras.layers.RandomRotation(rotation, **CHANNELS_LAST)(x) if rotation > 0 else x
        x = keras.layers.RandomZoom((-zoom, zoom), **CHANNELS_LAST)(x) if zoom > 0 else x
        return RandomContrast(contrast)(x) if contrast > 0 else x


def _off(name: str) -> list[ranges.Range]:
    return [ranges.Fixed(name, "none"), ranges.Fixed(name, 0.0)]


def _check_image(name: str, value: Any, input_shape: tuple[int, ...]) -> None:
    if len(input_shape) != 3 or input_shape[-1] == 2:
        none = "none" if name == "flip" else 0
        raise ValueError(
            f"Expected images of shape (height, width, channels), of 1 channel or of 3 or more, "
            f"beside `{name}`, which changes such images. Received: {name}={value!r} and "
            f"input_shape={input_shape}. Write {name}={none!r}."
        )
