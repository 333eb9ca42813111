"""What a model is compiled with that Keras cannot do on several replicas."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import keras

from kt_extensions.distribute import replicas, strategy_of

_CLIPPING = ("clipnorm", "clipvalue", "global_clipnorm")


def problem_of_model(model: keras.Model) -> str | None:
    """Says what a model was compiled with that its strategy does not allow; `None` for nothing.

    With JAX all of it works.

    Args:
        model: The model, as it is to be trained.
    """
    if keras.backend.backend() != "tensorflow":
        return None
    strategy = strategy_of(model)
    return _of_compile(model, replicas(strategy)) or _of_branches(model, strategy)


def warn_of_clipping(model: keras.Model) -> None:
    """Warns if the replicas clip their gradients, as they do with TensorFlow.

    Args:
        model: The model, as it is to be trained.
    """
    if keras.backend.backend() != "tensorflow":
        return
    number = replicas(strategy_of(model))
    found = [
        f"{name}={value}"
        for optimizer in _optimizers(model)
        for name in _CLIPPING
        if (value := _setting(optimizer, name)) is not None
    ]
    if found and number > 1:
        warnings.warn(
            f"With {', '.join(found)} each of the {number} replicas clips its own share of the "
            "gradients, before they are summed. Scores are not those of one device, and thresholds "
            "that suit one device may not suit replicas.",
            stacklevel=2,
        )


def _of_compile(model: keras.Model, number: int) -> str | None:
    if number == 1 or not model.compiled:
        return None
    if model.steps_per_execution > 1:
        return _refused(
            f"steps_per_execution={model.steps_per_execution}",
            "TensorFlow cannot run several steps of distributed data in one call: it asks for a "
            "placeholder of its own loop",
            "compile with `steps_per_execution=1`, or train on one device with "
            "`strategy='one-device'`",
            number,
        )
    if model.jit_compile:
        return _refused(
            "jit_compile=True",
            "a function that XLA compiles cannot reach the variables of other devices",
            "leave it out: Keras then decides, and compiles without XLA under a strategy",
            number,
        )
    return None


def _of_branches(model: keras.Model, strategy: Any) -> str | None:
    import tensorflow as tf

    mirroring = (tf.distribute.MirroredStrategy, tf.distribute.experimental.CentralStorageStrategy)
    if isinstance(strategy, mirroring):
        for optimizer in _optimizers(model):
            found = _branch(optimizer)
            if found is not None:
                return _refused(*found, replicas(strategy))
    return None


def _branch(optimizer: Any) -> tuple[str, str, str] | None:
    """Returns what has an optimizer change weights in a branch, why that fails, and what to do."""
    steps = _setting(optimizer, "gradient_accumulation_steps")
    frequency = _setting(optimizer, "use_ema") and _setting(optimizer, "ema_overwrite_frequency")
    if steps:
        return (
            f"gradient_accumulation_steps={steps}",
            "Keras updates the weights in a branch of the step then, where replicas cannot sum "
            "their gradients",
            "raise `batch_size`, which the replicas share; or train on one device with "
            "`strategy='one-device'`",
        )
    if frequency:
        return (
            f"ema_overwrite_frequency={frequency}",
            "Keras overwrites the weights in a branch of the step then, where replicas cannot wait "
            "for each other",
            "leave it out, with which the averages take the place of the weights only when `fit` "
            "ends; or train on one device with `strategy='one-device'`",
        )
    return None


def _refused(received: str, reason: str, alternative: str, number: int) -> str:
    return (
        f"Expected a model that can be trained on replicas ({number} here). Received: {received}; "
        f"{reason}. Instead, {alternative}."
    )


def _optimizers(model: keras.Model) -> Iterator[Any]:
    for value in vars(model).values():
        if isinstance(value, keras.optimizers.Optimizer):
            yield value


def _setting(optimizer: Any, name: str) -> Any:
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    return getattr(inner, name, None)
