"""The order of the data: that of an epoch follows from a seed and the epoch's number alone.

Keras draws the order from global random state: with JAX NumPy's, with PyTorch its own, both when an
epoch begins, so that it is enough to seed them there. With TensorFlow it draws from an operation
that takes its seed when `fit` begins, and that gives all epochs the same order once
`keras.utils.set_random_seed` was called; there the arrays are passed to Keras as a
`tf.data.Dataset` that draws its order from the seed and the epoch.
"""

from __future__ import annotations

import math
import random
from typing import Any

import keras
import numpy as np


class Order:
    """Seeds the epochs of a training.

    Args:
        seed: Seed of the training.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._epoch: Any = None  # a variable of TensorFlow's, read by the pipeline

    def begin(self, epoch: int) -> None:
        """Seeds an epoch, before its first batch is drawn."""
        words = np.random.SeedSequence([self._seed, epoch]).generate_state(1)
        random.seed(int(words[0]))
        np.random.seed(int(words[0]))
        if keras.config.backend() == "torch":
            import torch

            torch.manual_seed(int(words[0]))
        if self._epoch is not None:
            self._epoch.assign(epoch)

    def arrange(self, settings: dict[str, Any]) -> None:
        """Replaces arrays that TensorFlow is to shuffle by a pipeline that does.

        Args:
            settings: The arguments of `Model.fit`, changed in place. Left as they are: data that
                are no NumPy arrays, `shuffle="batch"`, `steps_per_epoch`, with which an epoch is no
                pass through the data, and weights that Keras refuses with a reason.
        """
        parts = [settings.get(name) for name in ("x", "y", "sample_weight")]
        shuffled = settings.get("shuffle", True) is True and not settings.get("steps_per_epoch")
        if keras.config.backend() != "tensorflow" or not shuffled or not _are_arrays(parts):
            return
        if not _are_weights(settings.get("class_weight"), *parts[1:]):
            return
        split = settings.get("validation_split") or 0.0
        if split and settings.get("validation_data") is None:
            cut = math.floor(len(_leaves(parts)[0]) * (1.0 - split))
            if not 0 < cut < len(_leaves(parts)[0]):
                return  # Keras says what is wrong.
            settings["validation_data"] = _packed(_rows(parts, cut, None))
            parts = _rows(parts, 0, cut)
        class_weight = settings.pop("class_weight", None)
        if class_weight is not None:
            parts[2] = _weights_of_classes(parts[1], class_weight)
        size = settings.pop("batch_size", None) or 32
        settings.setdefault("validation_batch_size", size)
        settings |= {"x": self._pipeline(_packed(parts), size), "y": None, "sample_weight": None}
        settings |= {"validation_split": 0.0, "shuffle": False}

    def _pipeline(self, data: tuple[Any, ...], size: int) -> Any:
        """Returns the batches of an epoch, in the order of the epoch that `begin` was told last."""
        import tensorflow as tf

        if self._epoch is None:
            self._epoch = tf.Variable(0, dtype=tf.int64, trainable=False)
        seed, epoch = self._seed, self._epoch
        with tf.device("CPU:0"):
            tensors = keras.tree.map_structure(_tensor, keras.tree.lists_to_tuples(data))
        rows = len(_leaves(tensors)[0])

        def permutation(_: Any) -> Any:
            key = tf.stack([tf.constant(seed, tf.int64), epoch])
            return tf.random.experimental.stateless_shuffle(tf.range(rows, dtype=tf.int64), key)

        def batch(indices: Any) -> Any:
            return keras.tree.map_structure(
                lambda t: None if t is None else tf.gather(t, indices), tensors
            )

        order = tf.data.Dataset.range(1).map(permutation)
        order = order.flat_map(tf.data.Dataset.from_tensor_slices).batch(size)
        batches = order.map(batch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)
        return batches.apply(tf.data.experimental.assert_cardinality(-(-rows // size)))


def _leaves(parts: Any) -> list[Any]:
    return [leaf for leaf in keras.tree.flatten(parts) if leaf is not None]


def _are_arrays(parts: Any) -> bool:
    leaves = _leaves(parts)
    arrays = all(isinstance(leaf, np.ndarray) and leaf.dtype != object for leaf in leaves)
    return bool(leaves) and arrays and len({len(leaf) for leaf in leaves}) == 1


def _are_weights(class_weight: Any, y: Any, weights: Any) -> bool:
    """Whether Keras takes the weights of classes and of rows for these targets."""
    if class_weight is not None:
        return weights is None and isinstance(y, np.ndarray)
    if weights is None or not keras.tree.is_nested(y):
        return True
    if isinstance(weights, np.ndarray):
        return weights.ndim == 1 or weights.shape[1:] == (1,)
    try:
        keras.tree.assert_same_structure(y, weights)
    except ValueError:
        return False
    return True


def _weights_of_classes(y: Any, class_weight: dict[int, float]) -> Any:
    """Returns the weights of rows, as Keras has them of arrays, for labels of any kind."""
    if y.ndim > 1:
        y = y.argmax(axis=-1) if y.shape[-1] != 1 else y[..., 0]
    labels, places = np.unique(np.round(y).astype("int32"), return_inverse=True)
    weights = [class_weight.get(int(label), 1.0) for label in labels]
    return np.array(weights, keras.config.floatx())[places].reshape(y.shape)


def _rows(parts: Any, first: int, end: int | None) -> Any:
    return keras.tree.map_structure(lambda leaf: leaf if leaf is None else leaf[first:end], parts)


def _packed(parts: list[Any]) -> tuple[Any, ...]:
    """Returns inputs, targets and weights as a batch has them."""
    x, y, weights = parts
    return (x,) if y is None else (x, y) if weights is None else (x, y, weights)


def _tensor(array: Any) -> Any:
    """Returns what Keras makes of an array, or of `None`."""
    import tensorflow as tf

    if array is None:
        return None
    floating = np.issubdtype(array.dtype, np.floating)
    return tf.convert_to_tensor(array, keras.config.floatx() if floating else None)
