"""What KerasTuner's grid search does not remember when it is resumed."""

from __future__ import annotations

import functools
from typing import Any

import keras_tuner as kt
from keras_tuner.engine.trial import TrialStatus
from keras_tuner.src.tuners.gridsearch import LinkedList

from kt_extensions.record import by_hand


def restore_grid(oracle: Any) -> None:
    """Brings a grid search that was reloaded to the place on its grid where it was.

    KerasTuner saves its trials, but not in which order they stand on the grid, and which of them
    have a next one to be tried: resumed, it would end at once, or raise `KeyError`.

    Args:
        oracle: Any oracle; others than `keras_tuner.oracles.GridSearchOracle` are left alone.
    """
    if not isinstance(oracle, kt.oracles.GridSearchOracle):
        return

    def compare(a: str, b: str) -> int:
        values = [oracle.trials[name].hyperparameters.values for name in (a, b)]
        return int(oracle._compare(*values))

    def own(names: list[str]) -> list[str]:
        return [t for t in names if not by_hand(oracle.trials[t].hyperparameters.values)]

    oracle._ordered_ids = LinkedList()
    for trial_id in sorted(own(oracle.start_order), key=functools.cmp_to_key(compare)):
        oracle._ordered_ids.insert(trial_id)
    ended = [t for t in own(oracle.end_order) if oracle.trials[t].status != TrialStatus.RUNNING]
    oracle._populate_next = ended


def leave_out(oracle: Any, trial_id: str) -> None:
    """Has a grid search not go on from a trial that is none of the grid.

    Args:
        oracle: Any oracle; others than `keras_tuner.oracles.GridSearchOracle` are left alone.
        trial_id: The name of a trial that has ended.
    """
    if isinstance(oracle, kt.oracles.GridSearchOracle):
        oracle._populate_next = [name for name in oracle._populate_next if name != trial_id]
