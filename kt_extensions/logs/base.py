"""What a log of a search is told, and when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import keras


class TrainingLog(Protocol):
    """The log of one training of a trial's model."""

    def begin(self) -> None:
        """Is called when the training begins."""

    def log_epoch(self, epoch: int, logs: Mapping[str, float], rate: float | None) -> None:
        """Is called at the end of an epoch.

        Args:
            epoch: Its number, from 0.
            logs: Keras' metrics.
            rate: The learning rate; `None` if it is not known.
        """

    def close(self) -> None:
        """Is called when the training has ended."""


class SearchLog(Protocol):
    """The log of a search. A trial is KerasTuner's record of it."""

    def on_search_begin(self, oracle: Any, project_dir: str, project_name: str) -> None:
        """Is called before the first trial, with the oracle or a worker's client of it."""

    def on_trial_begin(self, trial: Any) -> None:
        """Is called when a trial is about to run, for the first time or again."""

    def callback(self, trial: Any, execution: int) -> keras.callbacks.Callback:
        """Returns the callback that logs a training, by the training's number in the trial."""

    def execution(self, trial: Any, execution: int) -> TrainingLog:
        """Returns what that callback logs to, for a training in another process."""

    def on_trial_end(self, trial: Any) -> None:
        """Is called when the oracle has ended a trial."""

    def on_search_end(self) -> None:
        """Is called when the search has ended, whatever has ended it."""


def not_begun() -> RuntimeError:
    """Returns the error of a log that is told of a trial, and was not told of the search."""
    return RuntimeError(
        "Expected on_search_begin(oracle, project_dir, project_name) to be called before trials "
        "are logged. Call it from the tuner's on_search_begin."
    )
