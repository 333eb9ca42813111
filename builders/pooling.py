"""Layers that make one vector of the steps of a sequence, padding left out."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="kt_extensions")
class LastStep(keras.layers.Layer):  # type: ignore[misc]
    """Takes the last step that is no padding.

    Args:
        **kwargs: As `keras.layers.Layer` takes them.

    Example:

    >>> import numpy as np
    >>> x, mask = np.array([[[1.0], [2.0], [3.0]]]), np.array([[True, True, False]])
    >>> keras.ops.convert_to_numpy(LastStep()(x, mask=mask)).tolist()
    [[2.0]]
    """

    def call(self, x: Any, mask: Any = None) -> Any:
        """Returns the step. Shape `(batch, features)`."""
        if mask is None:
            return x[:, -1]
        places = keras.ops.arange(keras.ops.shape(x)[1], dtype="int32")
        last = keras.ops.max(keras.ops.where(mask, places, 0), axis=1)
        return keras.ops.take_along_axis(x, last[:, None, None], axis=1)[:, 0]

    def compute_mask(self, inputs: Any, previous_mask: Any = None) -> None:
        """Returns None: there are no steps any more."""

    def compute_output_shape(self, input_shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        """Returns the shape of one step."""
        return input_shape[0], input_shape[-1]


@keras.saving.register_keras_serializable(package="kt_extensions")
class AverageSteps(LastStep):
    """Averages the steps that are no padding; without any, the average is 0.

    Args:
        **kwargs: As `keras.layers.Layer` takes them.

    Example:

    >>> import numpy as np
    >>> x, mask = np.array([[[1.0], [2.0], [3.0]]]), np.array([[True, True, False]])
    >>> keras.ops.convert_to_numpy(AverageSteps()(x, mask=mask)).tolist()
    [[1.5]]
    """

    def call(self, x: Any, mask: Any = None) -> Any:
        """Returns the average. Shape `(batch, features)`."""
        if mask is None:
            return keras.ops.mean(x, axis=1)
        weights = keras.ops.cast(mask, x.dtype)
        count = keras.ops.maximum(keras.ops.sum(weights, axis=1, keepdims=True), 1)
        return keras.ops.sum(x * (weights / count)[..., None], axis=1)


@keras.saving.register_keras_serializable(package="kt_extensions")
class AttentionSteps(LastStep):
    """Averages the steps that are no padding with weights that it learns to read off each step.

    The weights are the softmax of `tanh(x W + b) c` over the true steps.

    Args:
        **kwargs: As `keras.layers.Layer` takes them.

    Example:

    >>> import numpy as np
    >>> x, mask = np.array([[[1.0], [1.0], [3.0]]]), np.array([[True, True, False]])
    >>> keras.ops.convert_to_numpy(AttentionSteps()(x, mask=mask)).tolist()
    [[1.0]]

    Source:
        Yang et al., "Hierarchical Attention Networks for Document Classification", NAACL 2016,
        section 2.2.
    """

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Makes the weights."""
        size = input_shape[-1]
        self.kernel = self.add_weight(shape=(size, size), name="kernel")
        self.bias = self.add_weight(shape=(size,), initializer="zeros", name="bias")
        self.context = self.add_weight(shape=(size, 1), name="context")

    def call(self, x: Any, mask: Any = None) -> Any:
        """Returns the weighted average. Shape `(batch, features)`."""
        return keras.ops.sum(x * keras.ops.cast(self.attention(x, mask), x.dtype), axis=1)

    def attention(self, x: Any, mask: Any = None) -> Any:
        """Returns the weights of the steps. Shape `(batch, steps, 1)`."""
        hidden = keras.ops.tanh(keras.ops.matmul(x, self.kernel) + self.bias)
        scores = keras.ops.cast(keras.ops.matmul(hidden, self.context), "float32")
        true = keras.ops.ones_like(scores, "bool") if mask is None else mask[..., None]
        scores = keras.ops.where(true, scores, -1e9)
        shares = keras.ops.exp(scores - keras.ops.max(scores, axis=1, keepdims=True))
        shares = keras.ops.where(true, shares, 0)
        total = keras.ops.sum(shares, axis=1, keepdims=True)
        return shares / keras.ops.maximum(total, keras.backend.epsilon())


POOLINGS = {"attention": AttentionSteps, "average": AverageSteps, "last": LastStep}
