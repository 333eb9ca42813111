"""The best epoch of a training, some of whose epochs do not tell the objective.

So it is where a model is not validated in each epoch (`validation_freq`), or a loss is not finite
for a while.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras
import keras_tuner as kt
from keras_tuner.src.engine.tuner_utils import SaveBestEpoch

from kt_extensions.objectives import directions
from kt_extensions.reports import Logs


class SaveBestKnownEpoch(SaveBestEpoch):  # type: ignore[misc]
    """KerasTuner's callback, but no epoch without the objective replaces the best weights."""

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Saves the weights if the epoch is the best, or none has told the objective so far."""
        logs = logs or {}
        if self.objective.has_value(logs) or not math.isfinite(self.best_value):
            super().on_epoch_end(epoch, logs)


def saving_known_epochs(callbacks: Sequence[keras.callbacks.Callback]) -> list[SaveBestEpoch]:
    """Turns those of the callbacks that KerasTuner has to save the best epoch into ours.

    Returns:
        All that save the best epoch, those of a class of one's own included.
    """
    found = [callback for callback in callbacks if isinstance(callback, SaveBestEpoch)]
    for callback in found:
        if type(callback) is SaveBestEpoch:
            callback.__class__ = SaveBestKnownEpoch
    return found


def remember_best(
    callbacks: Sequence[keras.callbacks.Callback], histories: Sequence[dict[str, list[float]]]
) -> None:
    """Tells the callbacks that save the best epoch the best value in some earlier trainings."""
    for callback in callbacks:
        if isinstance(callback, SaveBestEpoch):
            callback.best_value = _best_value(callback, histories)


def _best_value(checkpoint: SaveBestEpoch, histories: Sequence[dict[str, list[float]]]) -> float:
    objective, best = checkpoint.objective, checkpoint.best_value
    for history in histories:
        for values in zip(*history.values(), strict=False):
            logs = dict(zip(history, values, strict=True))
            if objective.has_value(logs) and objective.better_than(objective.get_value(logs), best):
                best = objective.get_value(logs)
    return float(best)


def comparable(
    results: Any, objective: kt.Objective, logs_by_epoch: Callable[[], Mapping[int, Logs]]
) -> Any:
    """Returns results of which KerasTuner finds the best epoch.

    Args:
        results: What a training has returned. If it is a history that lacks the objective in some
            epochs, or in which it is not finite there, these get the worst value in its place.
        objective: The objective.
        logs_by_epoch: Returns what was logged, from which follows where a history lacks something.
    """
    if not isinstance(results, keras.callbacks.History) or _is_whole(results, objective):
        return results
    epochs = logs_by_epoch()
    logged = [epochs.get(epoch) for epoch in results.epoch]
    rows = [logs for logs in logged if logs is not None]
    if len(rows) < len(logged) or not any(_tells(logs, objective) for logs in rows):
        return results
    history = keras.callbacks.History()
    history.set_model(results.model)
    history.epoch, history.params = results.epoch, results.params
    names = {name: None for logs in rows for name in logs}
    history.history = {name: [logs.get(name, math.nan) for logs in rows] for name in names}
    for name, direction in directions(objective).items():
        worst = math.inf if direction == "min" else -math.inf
        column = history.history[name]
        history.history[name] = [value if math.isfinite(value) else worst for value in column]
    return history


def _is_whole(history: keras.callbacks.History, objective: kt.Objective) -> bool:
    columns = [history.history.get(name, []) for name in directions(objective)]
    return all(
        len(column) == len(history.epoch) and all(map(math.isfinite, column)) for column in columns
    )


def _tells(logs: Logs, objective: kt.Objective) -> bool:
    return all(math.isfinite(logs.get(name, math.nan)) for name in directions(objective))
