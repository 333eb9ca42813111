"""Layers for sequences of which some steps are padding: they cut, normalize and convolve them."""

from __future__ import annotations

from typing import Any

import keras

from .layers import CHANNELS_LAST


def true_steps(x: Any, padding_value: float) -> Any:
    """Returns which steps are no padding.

    Args:
        x: Sequences of vectors, shape `(batch, steps, features)`, or of tokens, shape `(batch,
            steps)`.
        padding_value: What all features of a step of padding are equal to.

    Returns:
        Truth values. Shape `(batch, steps)`.
    """
    different = keras.ops.not_equal(x, keras.ops.cast(padding_value, x.dtype))
    return keras.ops.any(different, axis=-1) if len(x.shape) == 3 else different


@keras.saving.register_keras_serializable(package="kt_extensions")
class LastSteps(keras.layers.Layer):  # type: ignore[misc]
    """Cuts sequences to their last steps.

    Padding does not count: a padded sequence is cut to the last of its true steps, which then stand
    in front, and what is shorter is padded at its end. That is the only padding that the fast
    kernels of recurrent layers know.

    Args:
        window: How many steps; None for all.
        padding_value: What all features of a step of padding are equal to; None for sequences
            without padding.
        **kwargs: As `keras.layers.Layer` takes them.

    Example:

    >>> import numpy as np
    >>> tokens = np.array([[5, 6, 7, 0], [0, 0, 0, 8]])
    >>> keras.ops.convert_to_numpy(LastSteps(2, padding_value=0)(tokens)).tolist()
    [[6, 7], [8, 0]]
    """

    def __init__(
        self, window: int | None = None, padding_value: float | None = None, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.window = window
        self.padding_value = padding_value

    def call(self, x: Any) -> Any:
        """Returns the last steps. Shape `(batch, window)` or `(batch, window, features)`."""
        if self.padding_value is None:
            return x if self.window is None else x[:, -self.window :]
        steps = keras.ops.shape(x)[1]
        positions, inside = _last_positions(
            true_steps(x, self.padding_value), steps, steps if self.window is None else self.window
        )
        if len(x.shape) == 3:
            positions, inside = positions[..., None], inside[..., None]
        cut = keras.ops.take_along_axis(x, positions, axis=1)
        return keras.ops.where(inside, cut, keras.ops.cast(self.padding_value, x.dtype))

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape of the last steps."""
        batch, steps, *features = input_shape
        if self.window is None or (steps is None and self.padding_value is None):
            return input_shape
        return batch, self.window, *features

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        own = {"window": self.window, "padding_value": self.padding_value}
        return {**super().get_config(), **own}


def _last_positions(true: Any, steps: Any, window: Any) -> tuple[Any, Any]:
    """Returns the positions of the last true steps, and which of these there are."""
    ops = keras.ops
    places = ops.arange(steps, dtype="int32")
    end = ops.max(ops.where(true, places + 1, 0), axis=1, keepdims=True)
    first = ops.min(ops.where(true, places, steps), axis=1, keepdims=True)
    positions = ops.maximum(end - window, first) + ops.arange(window, dtype="int32")
    return ops.minimum(positions, steps - 1), positions < end


@keras.saving.register_keras_serializable(package="kt_extensions")
class StepNormalization(keras.layers.Normalization):  # type: ignore[misc]
    """Normalizes the features of the true steps, and masks those that are padding.

    Padding is 0 afterwards, and does not count in the means and variances.

    Args:
        padding_value: What all features of a step of padding are equal to.
        **kwargs: As `keras.layers.Normalization` takes them.

    Example:

    >>> import numpy as np
    >>> x = np.array([[[1.0], [3.0], [-9.0]]])
    >>> layer = StepNormalization(padding_value=-9.0)
    >>> layer.adapt(x)
    >>> keras.ops.convert_to_numpy(layer(x)).ravel().tolist()
    [-1.0, 1.0, 0.0]
    """

    def __init__(self, padding_value: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.padding_value = padding_value

    def adapt(self, data: Any) -> None:
        """Takes the means and variances of the true steps.

        Args:
            data: Sequences, shape `(batch, steps, features)`, or a `tf.data.Dataset` of batches of
                them.
        """
        super().adapt(data.map(self.true_rows) if hasattr(data, "map") else self.true_rows(data))

    def true_rows(self, x: Any) -> Any:
        """Returns the true steps of all sequences as one sequence. Shape `(1, steps, features)`."""
        return x[true_steps(x, self.padding_value)][None]

    def call(self, x: Any) -> Any:
        """Returns the normalized steps. Shape as that of `x`."""
        true = true_steps(x, self.padding_value)
        return keras.ops.where(true[..., None], super().call(x), 0)

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> Any:
        """Returns which steps are no padding."""
        return true_steps(inputs, self.padding_value)

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "padding_value": self.padding_value}


@keras.saving.register_keras_serializable(package="kt_extensions")
class StepConvolution(keras.layers.Conv1D):  # type: ignore[misc]
    """A convolution along the steps that reads padding as zeros, and keeps the mask.

    Its stride is 1 and it adds zeros at both ends, so that each step stays where it is, and what
    comes out does not depend on the amount of padding.

    Args:
        filters: Number of features that come out.
        kernel_size: How many steps it sees.
        **kwargs: As `keras.layers.Conv1D` takes them.

    Example:

    >>> layer = StepConvolution(4, 3)
    >>> layer(keras.ops.ones((1, 5, 2))).shape == (1, 5, 4)
    True
    """

    def __init__(self, filters: int, kernel_size: int, **kwargs: Any) -> None:
        fixed = {"padding": "same", **CHANNELS_LAST}
        super().__init__(filters, kernel_size, **{**kwargs, **fixed})
        self.supports_masking = True

    def call(self, x: Any, mask: Any = None) -> Any:
        """Returns the convolution. Shape `(batch, steps, filters)`."""
        if mask is not None:
            x = keras.ops.where(keras.ops.expand_dims(mask, -1), x, 0)
        return super().call(x)
