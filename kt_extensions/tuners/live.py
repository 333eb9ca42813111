"""The model of the training that has just ended, for a trial that goes on from there at once."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import keras
import keras_tuner as kt
from keras_tuner.engine.trial import Trial

from kt_extensions.record import PARENT, SCHEDULED
from kt_extensions.snapshot import Snapshot


class LiveModel(NamedTuple):
    """A model as a training has left it: built, compiled, and its steps traced.

    Args:
        trial_id: The trial that it was trained in.
        execution: The number of the training in the trial.
        epochs: The epochs that it has been trained for.
        model: The model.
    """

    trial_id: str
    execution: int
    epochs: int
    model: keras.Model

    def is_of_parent(self, trial: Trial) -> bool:
        """Whether the model was trained in the trial that this one goes on from."""
        return bool(trial.hyperparameters.values.get(PARENT) == self.trial_id)

    def is_start_of(self, trial: Trial, execution: int, start: Snapshot | None) -> bool:
        """Whether a training goes on where that of this model has ended.

        Args:
            trial: Its trial.
            execution: The number of the training in its trial.
            start: The state that it goes on from; `None` if it begins anew.
        """
        if start is None or not self.is_of_parent(trial):
            return False
        return (self.execution, self.epochs) == (execution, start.epoch)


class Asked:
    """Whether something was asked for."""

    any = False


@contextlib.contextmanager
def watching_rungs(hp: kt.HyperParameters) -> Iterator[Asked]:
    """Notes whether a model is built by what changes when its trial is promoted.

    Such a model has to be built anew for each rung.

    Args:
        hp: The hyperparameters that the model is built from.

    Yields:
        Whether a value that schedulers set, such as `tuner/epochs`, was asked for so far.
    """
    asked = Asked()
    hp.values = _Watched(hp.values, asked)
    try:
        yield asked
    finally:
        hp.values = dict(dict.items(hp.values))


class _Watched(dict[str, Any]):
    """Values that note when one that schedulers set is asked for, alone or with all others."""

    def __init__(self, values: Mapping[str, Any], asked: Asked) -> None:
        super().__init__(values)
        self._asked = asked

    def __getitem__(self, name: str) -> Any:
        self._note(name)
        return super().__getitem__(name)

    def __contains__(self, name: object) -> bool:
        self._note(name)
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self._note(name)
        return super().get(name, default)

    def __iter__(self) -> Iterator[str]:
        self._asked.any = True
        return super().__iter__()

    def keys(self) -> Any:
        self._asked.any = True
        return super().keys()

    def values(self) -> Any:
        self._asked.any = True
        return super().values()

    def items(self) -> Any:
        self._asked.any = True
        return super().items()

    def copy(self) -> dict[str, Any]:
        self._asked.any = True
        return super().copy()

    def _note(self, name: object) -> None:
        if name in SCHEDULED:
            self._asked.any = True
