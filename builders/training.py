"""How a model is trained: the hyperparameters of `fit`."""

from __future__ import annotations

from typing import Any

import keras
import keras_tuner as kt

from kt_extensions import ranges
from kt_extensions.ranges import IntRange

DEFAULT_BATCH_SIZES = [16, 32, 64, 128]


class TunedTraining(kt.HyperModel):  # type: ignore[misc]
    """A hypermodel that tunes the batch size too.

    Args:
        batch_size: Samples in a batch.
        name: Name of the hypermodel.
        tunable: Whether the hyperparameters join the search space.

    Raises:
        ValueError: If `batch_size` does not stand for positive integers.
    """

    def __init__(self, *, batch_size: IntRange, name: str | None, tunable: bool) -> None:
        super().__init__(name=name, tunable=tunable)
        self._batch_size = ranges.integers("batch_size", batch_size, minimum=1, sampling="log")

    def fit(self, hp: Any, model: keras.Model, *args: Any, **kwargs: Any) -> Any:
        """Trains a model with the batch size that `hp` gives.

        A batch size passed by the caller is used as it is and not tuned, and data that come in
        batches (a `tf.data.Dataset`, a `keras.utils.PyDataset`, a generator) keep theirs.

        Args:
            hp: Hyperparameters of the trial.
            model: A model built with them.
            *args: As `model.fit` takes them.
            **kwargs: As `model.fit` takes them.

        Returns:
            What `model.fit` returns, a `keras.callbacks.History`.
        """
        if not self.tunable:
            hp = hp.copy()
        if "batch_size" not in kwargs and len(args) < 3 and _is_arrays(args, kwargs):
            kwargs["batch_size"] = self._batch_size.declare(hp)
        return model.fit(*args, **kwargs)


def _is_arrays(args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Whether the inputs are arrays, which Keras itself cuts into batches."""
    x = args[0] if args else kwargs.get("x")
    return all(hasattr(leaf, "shape") for leaf in keras.tree.flatten(x))
