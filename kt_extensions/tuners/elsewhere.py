"""What a trial has in a process of its own in place of what it has in the tuner's process."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Mapping
from typing import Any, cast

import cloudpickle
import keras
import keras_tuner as kt
from keras_tuner.engine.trial import Trial

from kt_extensions import hparams
from kt_extensions.isolation import Asking


class Settings:
    """The settings of Keras, and the filters of warnings, of the process that makes this.

    Called in another process it sets them there, and registers what a script or a notebook has
    registered with Keras. What modules register they do again.

    Raises:
        ValueError: If a distribution is set, which cannot be handed to another process.
    """

    def __init__(self) -> None:
        if keras.distribution.distribution() is not None:
            raise ValueError(
                "Expected no `keras.distribution.set_distribution` in the program with "
                "`isolate` or `workers`: it cannot be handed to the processes of the trials. "
                f"Received: {keras.distribution.distribution()!r}. Pass `strategy='mirrored'`, or "
                "a function that returns the distribution, to the tuner."
            )
        self._floatx = keras.config.floatx()
        self._epsilon = keras.config.epsilon()
        self._format = keras.config.image_data_format()
        self._policy = keras.config.dtype_policy()
        self._filters = list(warnings.filters)
        self._registered: dict[str, Any] = {}
        for name, found in keras.saving.get_custom_objects().items():
            if getattr(found, "__module__", None) == "__main__":
                with contextlib.suppress(Exception):  # no trial can have what is not to be pickled
                    cloudpickle.dumps(found)
                    self._registered[name] = found

    def __call__(self) -> None:
        keras.config.set_floatx(self._floatx)
        keras.config.set_epsilon(self._epsilon)
        keras.config.set_image_data_format(self._format)
        keras.config.set_dtype_policy(self._policy)
        warnings.resetwarnings()
        cast(list[Any], warnings.filters).extend(self._filters)
        for name, found in self._registered.items():
            _register(name, found)


def _register(name: str, found: Any) -> None:
    """Registers a class or a function as `keras.saving.register_keras_serializable` has, or not."""
    package, mark, own_name = name.partition(">")
    if mark:
        keras.saving.register_keras_serializable(package, own_name)(found)
    else:
        keras.saving.get_custom_objects()[name] = found


class LogElsewhere:
    """An `HParamsLogger` in the process of a trial: the tuner's process writes.

    So what is known of a trial survives its process.
    """

    def __init__(self, channel: Asking) -> None:
        self._channel = channel

    def callback(self, trial: Trial, execution: int) -> keras.callbacks.Callback:
        """Returns what logs a training; see `HParamsLogger.callback`."""
        return hparams.CurveLogger(_ExecutionElsewhere(self._channel, trial, execution))


class _ExecutionElsewhere:
    """One training of a trial, logged in the tuner's process."""

    def __init__(self, channel: Asking, trial: Trial, number: int) -> None:
        self._channel = channel
        self._trial = trial
        self._number = number

    def __deepcopy__(self, memo: dict[int, Any]) -> _ExecutionElsewhere:
        return self

    def begin(self) -> None:
        self._log("begin", self._trial.hyperparameters)

    def log_epoch(self, epoch: int, logs: Mapping[str, float], rate: float | None) -> None:
        self._log("log_epoch", epoch, dict(logs), rate)

    def close(self) -> None:
        self._log("close")

    def _log(self, method: str, *args: Any) -> None:
        self._channel.ask("call", "log", method, (self._number, *args), {})


class TrialLog:
    """The tuner's log, as the process of one trial writes into it.

    Args:
        logger: The tuner's.
        trial: The tuner's own record of the trial.
    """

    def __init__(self, logger: hparams.HParamsLogger, trial: Trial) -> None:
        self._logger = logger
        self._trial = trial
        self._executions: dict[int, Any] = {}

    def begin(self, number: int, hyperparameters: kt.HyperParameters) -> None:
        """Begins a training with these values, some of which the build has declared."""
        self._trial.hyperparameters = hyperparameters
        if number not in self._executions:
            self._executions[number] = self._logger.execution(self._trial, number)
        self._executions[number].begin()

    def log_epoch(
        self, number: int, epoch: int, logs: Mapping[str, float], rate: float | None
    ) -> None:
        self._executions[number].log_epoch(epoch, logs, rate)

    def close(self, number: int) -> None:
        self._executions[number].close()
