"""The devices that one trial is trained on: `strategy=` of the tuners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import keras
from keras_tuner.errors import FatalValueError

from kt_extensions.checking import takes

Strategy: TypeAlias = str | Callable[[], Any]

NAMES = ("auto", "mirrored", "one-device")

_CPU = "CPU"
_MIRRORED: list[Any] = []  # the `MirroredStrategy` of this process, if it has one
_ONE_MACHINE = (
    "Use the devices of one machine, such as `strategy='mirrored'`; let other machines train other "
    "trials, as workers of the same search."
)


class Distribution:
    """Makes the strategy of a tuner's trials, once, in the process that trains.

    It is pickled without what it has made.

    Args:
        strategy: `"auto"`, `"mirrored"`, `"one-device"`, a function without arguments that returns
            a `tf.distribute.Strategy` or, with JAX, a `keras.distribution` object; or `None`.

    Raises:
        ValueError: If it is something else, or Keras runs on a backend without strategies.

    Example:

    >>> replicas(Distribution("one-device").made())
    1
    """

    def __init__(self, strategy: Strategy | None = None) -> None:
        if strategy is not None:
            _check_backend()
            _check_kind(strategy)
        self._strategy = strategy
        self._made: Any = None

    def __getstate__(self) -> dict[str, Any]:
        """Returns what can be handed to another process."""
        return {"_strategy": self._strategy, "_made": None}

    def made(self) -> Any:
        """Returns the strategy, or `None` if trials are trained without one.

        Raises:
            keras_tuner.errors.FatalValueError: If it is none, or does not work with Keras.
        """
        if self._made is None and self._strategy is not None:
            self._made = _make(self._strategy)
        return self._made


def checked(strategy: Any) -> Any:
    """Refuses what is no strategy, and those with which Keras cannot train.

    Args:
        strategy: What is to be used as one, with the backend that Keras runs on.

    Returns:
        The strategy to use: one for the same devices, if this process has it already.

    Raises:
        ValueError: If it is refused, with the reason and the alternative.
    """
    _check_backend()
    backend = keras.backend.backend()
    if not isinstance(strategy, _kind()):
        raise FatalValueError(
            f"Expected a {_KINDS[backend]} with the {backend} backend. Received: {strategy!r}. "
            "Pass `strategy='mirrored'` for all devices, or a function that returns such an object."
        )
    if backend == "tensorflow":
        return _checked_tensorflow(strategy)
    _check_jax()
    return strategy


def strategy_of(model: keras.Model) -> Any:
    """Returns the strategy that a model is trained under; `None` for none.

    Args:
        model: The model. With JAX all are trained under what is set globally.
    """
    if keras.backend.backend() == "tensorflow":
        return model.distribute_strategy
    return keras.distribution.distribution()


def replicas(strategy: Any) -> int:
    """Returns among how many devices each batch is shared.

    Args:
        strategy: A strategy or `None`.

    Example:

    >>> replicas(None)
    1
    """
    if strategy is None:
        return 1
    if hasattr(strategy, "num_replicas_in_sync"):
        return int(strategy.num_replicas_in_sync)
    mesh, batch_axis = strategy.device_mesh, strategy.get_data_layout((1,)).axes[0]
    return int(mesh.shape[list(mesh.axis_names).index(batch_axis)])


_KINDS = {
    "tensorflow": "`tf.distribute.Strategy`",
    "jax": "`keras.distribution.DataParallel` or `keras.distribution.ModelParallel`",
}


def _check_backend() -> None:
    backend = keras.backend.backend()
    if backend not in _KINDS:
        raise ValueError(
            "Expected the TensorFlow or the JAX backend with `strategy`. Received: "
            f"{backend!r}, whose `Model.fit` Keras runs on one device. Set "
            "KERAS_BACKEND=tensorflow or KERAS_BACKEND=jax; or leave `strategy` out and train "
            "several trials at once, one on each device."
        )


def _check_kind(strategy: Any) -> None:
    if strategy not in NAMES if isinstance(strategy, str) else not takes(strategy):
        raise ValueError(
            f"Expected `strategy` to be one of {', '.join(map(repr, NAMES))}, or a function "
            "without arguments that returns a strategy, such as "
            "`lambda: tf.distribute.MirroredStrategy(['GPU:0', 'GPU:1'])`. "
            f"Received: {strategy!r}."
        )


def _make(strategy: Strategy) -> Any:
    if callable(strategy):
        return checked(strategy())
    named = _tensorflow if keras.backend.backend() == "tensorflow" else _jax
    made = named(strategy)
    return None if made is None else checked(made)


def _tensorflow(name: str) -> Any:
    import tensorflow as tf

    accelerators = [device.name for device in tf.config.list_logical_devices("GPU")]
    devices = accelerators or [device.name for device in tf.config.list_logical_devices(_CPU)]
    if name == "one-device":
        return tf.distribute.OneDeviceStrategy(devices[0])
    if name == "auto" and len(accelerators) < 2:
        return None
    return tf.distribute.MirroredStrategy(devices)


def _jax(name: str) -> Any:
    devices = keras.distribution.list_devices()
    if name == "auto" and (len(devices) < 2 or devices[0].upper().startswith(_CPU)):
        return None
    return keras.distribution.DataParallel(devices=devices[:1] if name == "one-device" else devices)


def _kind() -> Any:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        return tf.distribute.Strategy
    return keras.distribution.DataParallel, keras.distribution.ModelParallel


def _checked_tensorflow(strategy: Any) -> Any:
    import tensorflow as tf

    for name in ("MultiWorkerMirroredStrategy", "ParameterServerStrategy"):
        if isinstance(strategy, getattr(tf.distribute, name)):
            raise FatalValueError(
                f"Expected a strategy with which Keras 3 can train. Received: a {name}, with which "
                f"`Model.fit` fails (keras-team/keras issues 20585 and 18624). {_ONE_MACHINE}"
            )
    mirrored = isinstance(strategy, tf.distribute.MirroredStrategy)
    return _only_one(strategy) if mirrored else strategy


def _only_one(strategy: Any) -> Any:
    """Returns the `MirroredStrategy` of this process.

    Each numbers its reductions from the same number on, by which TensorFlow takes those of a second
    one for those of the first.
    """
    if not _MIRRORED:
        _MIRRORED.append(strategy)
    [first] = _MIRRORED
    devices, used = strategy.extended.worker_devices, first.extended.worker_devices
    if devices != used:
        raise FatalValueError(
            f"Expected the devices that this process has mirrored models on, {list(used)}: "
            f"TensorFlow mixes up the reductions of two MirroredStrategy objects. Received: "
            f"{list(devices)}. Start a new program, or pass isolate=True and `strategy` as a "
            "function, which each trial calls in a process of its own."
        )
    return first


def _check_jax() -> None:
    import jax

    if jax.process_count() > 1:
        raise FatalValueError(
            "Expected one JAX process, which alone writes the project folder. Received: "
            f"{jax.process_count()} processes that train together. {_ONE_MACHINE}"
        )
