"""A trial while it runs: its attempts, their executions, and the callback that logs curves."""

from __future__ import annotations

import functools
import itertools
import math
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import keras

from kt_extensions.hparams import _columns as columns_of
from kt_extensions.hparams import _layout as layout
from kt_extensions.hparams._earlier import Earlier, earlier_of
from kt_extensions.hparams._events import EventFile
from kt_extensions.hparams._experiment import Columns
from kt_extensions.hparams._record import Point, Trained, write_start
from kt_extensions.logs.base import TrainingLog
from kt_extensions.reports import numbers

_Method = TypeVar("_Method", bound=Callable[..., None])


def tolerant(method: _Method) -> _Method:
    """A full or lost disk costs log lines, with a warning, and not the search."""

    @functools.wraps(method)
    def guarded(*args: Any, **kwargs: Any) -> None:
        try:
            method(*args, **kwargs)
        except OSError as error:
            warnings.warn(
                f"The TensorBoard HParams log could not be written: {error}. The search goes on; "
                "rows that are missing are written when it is resumed.",
                RuntimeWarning,
                stacklevel=2,
            )

    return guarded  # type: ignore[return-value]


class Attempt:
    """One run of a trial, from its begin to the oracle's verdict.

    Args:
        trial: The trial; its values are read when training begins.
        folder: The trial's folder, which may hold runs of earlier attempts.
        group: The name of the trial's row.
        objective: The search's objective.
        columns: Is told each metric when it is first seen.
    """

    def __init__(
        self, trial: Any, folder: str, group: str, objective: Any, columns: Columns
    ) -> None:
        self.trial = trial
        self.group = group
        self.objective = objective
        self.columns = columns
        self.began = time.time()
        self._clock = time.monotonic()  # which nobody sets back
        self.executions: dict[int, Execution] = {}
        self._folder = folder

    def execution(self, index: int) -> Execution:
        return self.executions.setdefault(index, Execution(self, index))

    def run(self, index: int) -> str:
        """The run of an execution."""
        return layout.run_path(self._folder, index, self._number)

    @functools.cached_property
    def _earlier(self) -> dict[int, list[str]]:
        """The runs of earlier attempts, as they are when the training begins."""
        return layout.runs_of(self._folder)

    @property
    def _number(self) -> int:
        return max(self._earlier, default=0) + 1

    def earlier(self, index: int) -> Earlier | None:
        """What an execution may go on from; to be asked before `write_start`."""
        return earlier_of(self.trial, self._folder, index, self.objective.name)

    def begun(self) -> list[Trained]:
        """What has a run of its own; if nothing was trained, the first execution gets one now."""
        if not any(execution.has_begun for execution in self.executions.values()):
            self.execution(0).begin()
        return [execution.trained for execution in self.executions.values() if execution.has_begun]

    def write_start(self, run: str) -> None:
        """Writes a run's values and then deletes what earlier attempts left."""
        self.columns.add(columns_of.hyperparameter_columns(self.trial.hyperparameters))
        write_start(run, self.group, self.began, self._number, self.trial.hyperparameters)
        for earlier in itertools.chain(*self._earlier.values()):
            layout.remove(earlier)

    @property
    def epochs(self) -> int:
        """How many epochs it has trained so far, over all executions."""
        return sum(execution.epochs for execution in self.executions.values())

    @property
    def seconds(self) -> float:
        """How long the attempt has taken so far."""
        return time.monotonic() - self._clock

    def close(self) -> None:
        for execution in self.executions.values():
            execution.close()


class Execution:
    """One training of a trial's model, and one run of TensorBoard's.

    KerasTuner deep-copies callbacks: a copy of a callback reports to the same execution.
    """

    def __init__(self, attempt: Attempt, index: int) -> None:
        self.has_begun = False
        self.epochs = 0
        self._attempt = attempt
        self._index = index
        self._earlier: Earlier | None = None
        self._best: list[Point] = []
        self._before: list[Point] = []
        self._files: dict[str, EventFile] = {}
        self._seen: set[tuple[str, str]] = set()
        self._last_step = -1

    def __deepcopy__(self, memo: dict[int, Any]) -> Execution:
        return self

    @property
    def trained(self) -> Trained:
        """What the end of the trial has to know of it."""
        return Trained(self._run, self._best, self._before)

    @property
    def _run(self) -> str:
        return self._attempt.run(self._index)

    def begin(self) -> None:
        if not self.has_begun:
            self._earlier = self._attempt.earlier(self._index)
            self._attempt.write_start(self._run)
            self.has_begun = True

    def log_epoch(self, epoch: int, logs: Mapping[str, float], rate: float | None) -> None:
        step = epoch if epoch > self._last_step else self._last_step + 1
        self._last_step = step
        self._take_up(step)
        self.epochs += 1
        known = numbers(logs)
        self._remember_best(step, time.time(), known)
        groups = _by_group(known)
        if rate is not None:
            groups["train"].setdefault("learning_rate", rate)
        for group, scalars in groups.items():
            if scalars:
                tagged = {columns_of.EPOCH_TAG + name: value for name, value in scalars.items()}
                self._file(group).add(step, tagged)
        self._add_columns(groups)

    def _take_up(self, step: int) -> None:
        """Begins the curves with those that the training goes on from."""
        earlier, self._earlier = self._earlier, None
        if earlier is None:
            return
        for group in earlier.events:
            for event in earlier.before(step, group):
                self._file(group).write(event)
        if not earlier.same_trial:
            self._before = [point for point in earlier.objective if point[0] < step]
            return
        for epoch, (wall_time, logs) in earlier.logs(step).items():
            self.epochs += 1
            self._remember_best(epoch, wall_time, logs)

    @tolerant
    def close(self) -> None:
        while self._files:
            self._files.popitem()[1].close()

    def _file(self, group: str) -> EventFile:
        if group not in self._files:
            self._files[group] = EventFile(f"{self._run}/{group}")
        return self._files[group]

    def _remember_best(self, step: int, wall_time: float, logs: Mapping[str, float]) -> None:
        """Kept here until the trial is known to be completed: a failed one has no objective."""
        objective = self._attempt.objective
        if not objective.has_value(logs):
            return
        value = float(objective.get_value(logs))
        if self._best and not objective.better_than(value, self._best[-1][2]):
            value = self._best[-1][2]
        if math.isfinite(value):
            self._best.append((step, wall_time, value))

    def _add_columns(self, groups: Mapping[str, Mapping[str, float]]) -> None:
        names = [(group, name) for group, scalars in groups.items() for name in scalars]
        if not self._seen.issuperset(names):
            self._seen.update(names)
            columns = [columns_of.last_value_column(name, group) for group, name in names]
            self._attempt.columns.add(metrics=columns)


class CurveLogger(keras.callbacks.Callback):  # type: ignore[misc]
    """Writes an execution's curves under Keras' own tags, on every backend.

    Args:
        execution: Where to write; nothing is opened before training begins.

    Example:
        >>> logger = HParamsLogger("logs")  # doctest: +SKIP
        >>> callback = CurveLogger(logger.execution(trial, 0))  # doctest: +SKIP
        >>> model.fit(x, y, callbacks=[callback])  # doctest: +SKIP
    """

    def __init__(self, execution: TrainingLog) -> None:
        super().__init__()
        self._execution = execution

    @tolerant
    def on_train_begin(self, logs: Mapping[str, float] | None = None) -> None:
        self._execution.begin()

    @tolerant
    def on_epoch_end(self, epoch: int, logs: Mapping[str, float] | None = None) -> None:
        self._execution.log_epoch(epoch, logs or {}, _learning_rate(self.model))

    @tolerant
    def on_train_end(self, logs: Mapping[str, float] | None = None) -> None:
        self._execution.close()


def _by_group(logs: Mapping[str, float]) -> dict[str, dict[str, float]]:
    groups: dict[str, dict[str, float]] = {"train": {}, "validation": {}}
    for name, value in logs.items():
        if name.startswith("val_"):
            groups["validation"][name.removeprefix("val_")] = value
        else:
            groups["train"][name] = value
    return groups


def _learning_rate(model: Any) -> float | None:
    rate = getattr(getattr(model, "optimizer", None), "learning_rate", None)
    return None if rate is None else float(keras.ops.convert_to_numpy(rate))
