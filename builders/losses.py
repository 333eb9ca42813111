"""A loss that Keras lacks."""

from __future__ import annotations

from typing import Any

import keras


@keras.saving.register_keras_serializable(package="kt_extensions")
class SmoothedSparseCategoricalCrossentropy(keras.losses.Loss):  # type: ignore[misc]
    """Cross-entropy with label smoothing for labels that are numbers of classes.

    The true class is given a probability of `1 - label_smoothing + label_smoothing / classes`, each
    other one `label_smoothing / classes`.

    Args:
        label_smoothing: Share of the probability that is spread over all classes, in [0, 1).
        name: Name of the loss.
        **kwargs: As `keras.losses.Loss` takes them: `reduction`, `dtype`.

    Example:

    >>> import numpy as np
    >>> loss = SmoothedSparseCategoricalCrossentropy(0.2)
    >>> value = loss(np.array([0]), np.array([[0.5, 0.5]]))
    >>> round(float(value), 4)
    0.6931

    Source:
        Szegedy et al., "Rethinking the Inception Architecture for Computer Vision", CVPR 2016,
        section 7.
    """

    def __init__(
        self,
        label_smoothing: float,
        name: str = "smoothed_sparse_categorical_crossentropy",
        **kwargs: Any,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.label_smoothing = label_smoothing

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Returns the loss of each sample. Shape `(n,)`."""
        labels = keras.ops.cast(keras.ops.reshape(y_true, (-1,)), "int32")
        classes = y_pred.shape[-1]
        one_hot = keras.ops.one_hot(labels, classes, dtype=y_pred.dtype)
        return keras.losses.categorical_crossentropy(
            one_hot, y_pred, label_smoothing=self.label_smoothing
        )

    def get_config(self) -> dict[str, Any]:
        """Returns the arguments of the constructor."""
        return {**super().get_config(), "label_smoothing": self.label_smoothing}
