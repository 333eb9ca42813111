"""Which trials an oracle may still promote, so that others go on from their snapshots."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import keras_tuner as kt
import numpy as np
from keras_tuner.engine.trial import Trial, TrialStatus

from kt_extensions.oracles import SamplerOracle
from kt_extensions.record import BRACKET, EPOCHS, PARENT, ROUND, by_hand


def promotable(oracle: Any, trials: Iterable[str]) -> set[str]:
    """Returns those of some trials that an oracle may still promote.

    Args:
        oracle: Any oracle, or a worker's client of it.
        trials: The names of the trials.

    Example:

    >>> promotable(kt.oracles.RandomSearchOracle("val_loss"), [])
    set()
    """
    if isinstance(oracle, SamplerOracle) and hasattr(oracle.scheduler, "promotable"):
        return _by_scheduler(oracle).intersection(trials)
    if isinstance(oracle, kt.oracles.HyperbandOracle):
        return _in_open_rounds(oracle).intersection(trials)
    known = [oracle.get_trial(name) for name in trials]
    promoted = {trial.hyperparameters.values.get(PARENT) for trial in known}
    below = {trial.trial_id for trial in known if _is_below_the_top(oracle, trial)}
    return below - promoted


def _by_scheduler(oracle: SamplerOracle) -> set[str]:
    table = oracle.record.table
    history = table.history().pruned_as_failed()
    limit = oracle.max_trials
    left = None if limit is None else max(limit - history.number, 0)
    mask = oracle.scheduler.promotable(history, left)
    return {table.trial_id(row) for row in np.flatnonzero(mask).tolist()}


def _in_open_rounds(oracle: Any) -> set[str]:
    """Returns the trials of KerasTuner's Hyperband of whose round not all have been promoted.

    Its oracle drops a bracket once the last round is full, and never replaces a promoted trial.
    """
    found: set[str] = set()
    for bracket in oracle._brackets:
        rounds = bracket["rounds"]
        for number, above in enumerate(rounds[1:], 1):
            if len(above) < oracle._get_size(bracket["bracket_num"], number):
                promoted = {info["past_id"] for info in above}
                found |= {info["id"] for info in rounds[number - 1]} - promoted
    return found


def _is_below_the_top(oracle: Any, trial: Trial) -> bool:
    """Whether a trial of an oracle of which nothing else is known may be promoted.

    KerasTuner's Hyperband mislabels brackets if there are many workers: no round is the last then.
    """
    values = trial.hyperparameters.values
    if EPOCHS not in values or by_hand(values) or trial.status == TrialStatus.FAILED:
        return False
    told = isinstance(getattr(oracle, "_oracle", None), SamplerOracle)
    return not told or values.get(ROUND) != values.get(BRACKET)
