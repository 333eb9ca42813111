"""Logging the searches of a tuner, whether it knows of logs or not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import keras
import keras_tuner as kt

from kt_extensions.logs.base import SearchLog, TrainingLog


def attach(logger: SearchLog, tuner: Any) -> None:
    """Has a logger log the searches that a tuner runs from now on.

    Args:
        logger: The logger. A tuner takes one of each class.
        tuner: A `keras_tuner.Tuner`, or of a subclass.

    Raises:
        TypeError: If it is no tuner.
        ValueError: If a logger of the same class logs its search already.
    """
    if not isinstance(tuner, kt.engine.base_tuner.BaseTuner):
        raise TypeError(
            "Expected a KerasTuner tuner, such as keras_tuner.RandomSearch(...). Received: "
            f"{tuner!r} of type {type(tuner).__name__}."
        )
    known = _loggers_of(tuner)
    if type(logger) in map(type, known):
        raise ValueError(
            "Expected a tuner whose search is not logged yet by a logger of this class. Received: "
            f"one whose {type(logger).__name__} was attached before, or came with a "
            "`tensorboard_dir`. Attach it once."
        )
    if hasattr(tuner, "_hparams"):
        tuner._hparams = Loggers([*known, logger])
    else:
        if not known:
            tuner._attached = Attached(Loggers([]), tuner)
        tuner._attached.loggers.all.append(logger)


def _loggers_of(tuner: Any) -> list[SearchLog]:
    """Returns what logs the search of a tuner so far: of one of ours, or of another one."""
    if hasattr(tuner, "_attached"):
        return list(tuner._attached.loggers.all)
    own = getattr(tuner, "_hparams", None)
    if isinstance(own, Loggers):
        return list(own.all)
    return [] if own is None else [own]


class Loggers:
    """Several logs of one search, told of it as one."""

    def __init__(self, loggers: list[SearchLog]) -> None:
        self.all = loggers

    def on_search_begin(self, oracle: Any, project_dir: str, project_name: str) -> None:
        for logger in self.all:
            logger.on_search_begin(oracle, project_dir, project_name)

    def on_trial_begin(self, trial: Any) -> None:
        for logger in self.all:
            logger.on_trial_begin(trial)

    def callback(self, trial: Any, execution: int) -> keras.callbacks.Callback:
        return _Callbacks([logger.callback(trial, execution) for logger in self.all])

    def execution(self, trial: Any, execution: int) -> Executions:
        return Executions([logger.execution(trial, execution) for logger in self.all])

    def on_trial_end(self, trial: Any) -> None:
        for logger in self.all:
            logger.on_trial_end(trial)

    def on_search_end(self) -> None:
        for logger in self.all:
            logger.on_search_end()


class Executions:
    """One training of a trial, in several logs."""

    def __init__(self, executions: list[TrainingLog]) -> None:
        self._all = executions

    def begin(self) -> None:
        for execution in self._all:
            execution.begin()

    def log_epoch(self, epoch: int, logs: Mapping[str, float], rate: float | None) -> None:
        for execution in self._all:
            execution.log_epoch(epoch, logs, rate)

    def close(self) -> None:
        for execution in self._all:
            execution.close()


class _Callbacks(keras.callbacks.Callback):  # type: ignore[misc]
    """Callbacks of logs as one, each of which uses nothing but epochs and ends of a training."""

    def __init__(self, callbacks: list[keras.callbacks.Callback]) -> None:
        super().__init__()
        self._all = callbacks

    def set_model(self, model: Any) -> None:
        super().set_model(model)
        for callback in self._all:
            callback.set_model(model)

    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        for callback in self._all:
            callback.on_train_begin(logs)

    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        for callback in self._all:
            callback.on_epoch_end(epoch, logs)

    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        for callback in self._all:
            callback.on_train_end(logs)


class Attached:
    """Calls loggers at the moments of the search of a tuner that knows nothing of them.

    The tuner's own methods are wrapped on the instance, so that whatever a subclass does in them
    stays as it is.

    Args:
        loggers: The loggers.
        tuner: A tuner of KerasTuner's, or of a subclass.
    """

    def __init__(self, loggers: Loggers, tuner: Any) -> None:
        self.loggers, self._tuner = loggers, tuner
        self._execution = 0
        self._wrap("search", failed=loggers.on_search_end)
        self._wrap("on_search_begin", after=self._begin)
        self._wrap("on_trial_begin", before=self._begin_trial)
        self._wrap("on_trial_end", after=self._end_trial)
        self._wrap("on_search_end", after=loggers.on_search_end)
        if hasattr(tuner, "_build_and_fit_model"):
            self._wrap("_build_and_fit_model", before=self._add_callback)

    def _wrap(
        self,
        name: str,
        before: Callable[..., None] | None = None,
        after: Callable[..., None] | None = None,
        failed: Callable[[], None] | None = None,
    ) -> None:
        own = getattr(self._tuner, name)

        def wrapped(*args: Any, **kwargs: Any) -> Any:
            if before is not None:
                before(*args, **kwargs)
            try:
                result = own(*args, **kwargs)
            except BaseException:
                if failed is not None:
                    failed()
                raise
            if after is not None:
                after(*args, **kwargs)
            return result

        setattr(self._tuner, name, wrapped)

    def _begin(self) -> None:
        tuner = self._tuner
        self.loggers.on_search_begin(tuner.oracle, tuner.project_dir, tuner.project_name)

    def _begin_trial(self, trial: Any) -> None:
        self._execution = 0
        self.loggers.on_trial_begin(trial)

    def _add_callback(self, trial: Any, *args: Any, **kwargs: Any) -> None:
        """Adds the one that logs the curves to the list that goes on to `fit`."""
        if isinstance(kwargs.get("callbacks"), list):
            kwargs["callbacks"].append(self.loggers.callback(trial, self._execution))
            self._execution += 1

    def _end_trial(self, trial: Any) -> None:
        self.loggers.on_trial_end(self._tuner.oracle.get_trial(trial.trial_id))
